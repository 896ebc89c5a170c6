//! What is said beside a message of 2026-07-28: its revision, its method, its name, and those
//! arguments that the tool's schema wants there (MCP-HTTP-08).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{HeaderName, HeaderValue};

use super::Order;
use super::talk::VERSION;
use crate::http::fetch::Ask;

const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
/// What the names of arguments begin with.
const ARGUMENT: &str = "mcp-param-";

/// The request with what mirrors the message.
pub(super) fn mirroring(mut ask: Ask, order: &Order) -> Ask {
    let mirrored = &order.mirrored;
    let Some(version) = &mirrored.version else { return ask };
    let said = [
        (VERSION, Some(version)),
        (METHOD, mirrored.method.as_ref()),
        (NAME, mirrored.name.as_ref()),
    ];
    for (name, text) in said {
        if let Some(text) = text {
            ask = ask.with(name, value(text));
        }
    }
    for (name, text) in &order.arguments {
        let name = HeaderName::try_from(format!("{ARGUMENT}{name}").to_ascii_lowercase());
        // One that is no name of a header was not listed (MCP-HTTP-11).
        if let Ok(name) = name {
            ask = ask.with(name, value(text));
        }
    }
    ask
}

/// A text as a header can hold it: what is no visible ASCII is encoded (MCP-HTTP-08).
#[must_use]
pub fn value(text: &str) -> HeaderValue {
    let fits = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let trimmed = text.trim_matches(' ') == text;
    let looks_encoded = text.starts_with("=?base64?") && text.ends_with("?=");
    let text = if fits && trimmed && !looks_encoded {
        text.to_owned()
    } else {
        format!("=?base64?{}?=", STANDARD.encode(text))
    };
    // ASCII by now, so this is never the other value.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_holds_every_text() {
        for (text, expect) in [
            ("read", "read"),
            ("two words, a: b", "two words, a: b"),
            ("", ""),
            (" a", "=?base64?IGE=?="),
            ("a ", "=?base64?YSA=?="),
            ("a\tb", "=?base64?YQli?="),
            ("a\r\nx: y", "=?base64?YQ0KeDogeQ==?="),
            ("\u{fc}", "=?base64?w7w=?="),
            ("=?base64?YQ==?=", "=?base64?PT9iYXNlNjQ/WVE9PT89?="),
        ] {
            assert_eq!(value(text).to_str().unwrap(), expect, "{text:?}");
        }
    }
}
