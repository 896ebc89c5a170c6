//! Headers that mirror a message of 2026-07-28 say what it says, or it goes no further
//! (MCP-HTTP-08 to -10, -12). The body decides; a header never does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::http::request::Parts;
use portcullis_wire::Message;
use portcullis_wire::view::mirrored::Mirrored;

/// Before and after a value that a header could not hold as it is.
const ENCODED: (&str, &str) = ("=?base64?", "?=");
/// Longest value of a header that is looked at, in bytes.
const LONGEST: usize = 8 << 10;

const VERSION: &str = "MCP-Protocol-Version";
const METHOD: &str = "Mcp-Method";
const NAME: &str = "Mcp-Name";
/// What the names of arguments begin with, in lower case, as every name is kept.
const ARGUMENT: &str = "mcp-param-";

/// Whether every header that must mirror the message does.
///
/// # Errors
/// The name of the first that does not: it is missing, stands twice, cannot be read, or says
/// something else.
pub fn check(parts: &Parts, message: &Message) -> Result<(), &'static str> {
    let expect = Mirrored::of(message);
    for (header, expect) in
        [(VERSION, expect.version), (METHOD, expect.method), (NAME, expect.name)]
    {
        let said = said(parts, header).map_err(|Unreadable| header)?;
        if expect.is_some() && said != expect {
            return Err(header);
        }
    }
    Ok(())
}

/// What the headers say of a call's arguments, each by the name that follows `Mcp-Param-`; whether
/// that is so, the tool's schema tells.
///
/// # Errors
/// One of them stands twice or cannot be read.
pub fn arguments(parts: &Parts) -> Result<Vec<(String, String)>, &'static str> {
    let mut all = Vec::new();
    for header in parts.headers.keys() {
        let Some(name) = header.as_str().strip_prefix(ARGUMENT) else { continue };
        let text = said(parts, header.as_str()).map_err(|Unreadable| "Mcp-Param-*")?;
        all.extend(text.map(|text| (name.to_owned(), text)));
    }
    Ok(all)
}

/// A header that stands twice, or says what no header may.
#[derive(Debug, PartialEq, Eq)]
struct Unreadable;

fn said(parts: &Parts, header: &str) -> Result<Option<String>, Unreadable> {
    let mut all = parts.headers.get_all(header).iter();
    let Some(value) = all.next() else { return Ok(None) };
    if all.next().is_some() || value.len() > LONGEST {
        return Err(Unreadable);
    }
    decoded(value.to_str().map_err(|_| Unreadable)?).map(Some)
}

/// What a value means. It may hold no control character, however it is written: the next reader
/// of it might take one for the end of the header.
fn decoded(value: &str) -> Result<String, Unreadable> {
    let value = value.trim_matches([' ', '\t']);
    let inside = value.strip_prefix(ENCODED.0).and_then(|rest| rest.strip_suffix(ENCODED.1));
    let text = match inside {
        Some(inside) => {
            // Padded, and with no bits left over, so that each value has one text.
            let bytes = STANDARD.decode(inside).map_err(|_| Unreadable)?;
            String::from_utf8(bytes).map_err(|_| Unreadable)?
        }
        None => value.to_owned(),
    };
    if text.chars().any(char::is_control) { Err(Unreadable) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use portcullis_wire::view::lifecycle::PROTOCOL_VERSION;
    use portcullis_wire::{Id, Json, Object, Request};

    use super::*;

    fn head(headers: &[(&str, &str)]) -> Parts {
        let mut request = hyper::Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn call(name: &str) -> Message {
        let (mut params, mut meta) = (Object::new(), Object::new());
        meta.set(PROTOCOL_VERSION, Json::string("2026-07-28"));
        params.set("_meta", meta.to_json());
        params.set("name", Json::string(name));
        let (id, params) = (Id::from(1), Some(params.to_json()));
        Message::Request(Request { id, method: "tools/call".to_owned(), params })
    }

    #[test]
    fn every_header_says_what_the_body_says() {
        let (version, method) =
            (("mcp-protocol-version", "2026-07-28"), ("MCP-METHOD", "tools/call"));
        let good = [version, method, ("Mcp-Name", "read")];
        assert_eq!(check(&head(&good), &call("read")), Ok(()));
        for (headers, wrong) in [
            (vec![method, ("Mcp-Name", "read")], VERSION),
            (vec![("mcp-protocol-version", "2026-07-29"), method, ("Mcp-Name", "read")], VERSION),
            (vec![version, version, method, ("Mcp-Name", "read")], VERSION),
            (vec![version, ("Mcp-Name", "read")], METHOD),
            (vec![version, ("Mcp-Method", "Tools/call"), ("Mcp-Name", "read")], METHOD),
            (vec![version, method, method, ("Mcp-Name", "read")], METHOD),
            (vec![version, method], NAME),
            (vec![version, method, ("Mcp-Name", "Read")], NAME),
            (vec![version, method, ("Mcp-Name", "read,read")], NAME),
            (vec![version, method, ("Mcp-Name", "read"), ("mcp-name", "read")], NAME),
            (vec![version, method, ("Mcp-Name", "=?base64?cmVhZA?=")], NAME),
            (vec![version, method, ("Mcp-Name", "=?base64?cmVhZB==?=")], NAME),
            (vec![version, method, ("Mcp-Name", "=?base64?cmV#ZA==?=")], NAME),
            (vec![version, method, ("Mcp-Name", "=?BASE64?cmVhZA==?=")], NAME),
        ] {
            assert_eq!(check(&head(&headers), &call("read")), Err(wrong), "{headers:?}");
        }
        let encoded = [version, method, ("Mcp-Name", " =?base64?cmVhZA==?= ")];
        assert_eq!(check(&head(&encoded), &call("read")), Ok(()));
        let long = "a".repeat(LONGEST + 1);
        let headers = [version, method, ("Mcp-Name", long.as_str())];
        assert_eq!(check(&head(&headers), &call(&long)), Err(NAME));
        // "a\r\nX: b", which no header may carry on.
        let hidden = [version, method, ("Mcp-Name", "=?base64?YQ0KWDogYg==?=")];
        assert_eq!(check(&head(&hidden), &call("a\r\nX: b")), Err(NAME));
    }

    #[test]
    fn headers_of_arguments_are_read_in_one_way() {
        let some = |headers: &[(&str, &str)]| arguments(&head(headers));
        let read = some(&[("Mcp-Param-Region", "eu"), ("mcp-param-B", "=?base64?w7w=?=")]);
        let mut read = read.unwrap();
        read.sort();
        assert_eq!(read, [("b".into(), "ü".into()), ("region".into(), "eu".into())]);
        assert_eq!(some(&[("Mcp-Parameter", "x"), ("Mcp-Name", "y")]), Ok(vec![]));
        for headers in [
            [("Mcp-Param-Region", "eu"), ("mcp-param-region", "eu")],
            [("Mcp-Param-A", "=?base64?!?="), ("Mcp-Name", "y")],
            [("Mcp-Param-A", "=?base64?YQ0KWDogYg==?="), ("Mcp-Name", "y")],
        ] {
            assert_eq!(some(&headers), Err("Mcp-Param-*"), "{headers:?}");
        }
    }

    #[test]
    fn each_value_has_one_text() {
        for (text, bytes) in [
            ("", Some("")),
            ("Zg==", Some("f")),
            ("Zm8=", Some("fo")),
            ("Zm9v", Some("foo")),
            ("w7w=", Some("ü")),
            ("Zh==", None),
            ("Zm9=", None),
            ("Zg=", None),
            ("Zg", None),
            ("=", None),
            ("====", None),
            ("Z===", None),
            ("Zg==Zg==", None),
            ("Zm9v\n", None),
            ("Zm-_", None),
        ] {
            let said = decoded(&format!("=?base64?{text}?="));
            assert_eq!(said.ok().as_deref(), bytes, "{text}");
        }
    }
}
