//! Requests that somebody's page or somebody's DNS brings here: each over a real socket, and each
//! turned away before anything looks at it.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::http::request::Parts;
use hyper::{Request, StatusCode};
use portcullis_transport::http::{Address, Limits, Reply, Wall, empty};
use proptest::prelude::*;

use crate::frames::{Became, Frames};
use crate::site::{Site, everything, status};

/// A target, headers, and the status. `PORT` is ours.
type Case = (&'static str, &'static [&'static str], u16);

const OWN: &str = "host: localhost:PORT";

const TURNED_AWAY: &[Case] = &[
    // Another name that leads here.
    ("/mcp", &["host: evil.example"], 403),
    ("/mcp", &["host: evil.example:PORT"], 403),
    ("/mcp", &["host: rebind.evil.example:PORT"], 403),
    ("/mcp", &["host: 127.0.0.1.evil.example:PORT"], 403),
    ("/mcp", &["host: localhost.evil.example:PORT"], 403),
    ("/mcp", &["host: evil.localhost:PORT"], 403),
    ("/mcp", &["host: evillocalhost:PORT"], 403),
    ("/mcp", &["host: xmcp.example.com"], 403),
    ("/mcp", &["host: mcp.example.com.evil.example"], 403),
    ("/mcp", &["host: x.mcp.example.com"], 403),
    // A name of ours, written otherwise.
    ("/mcp", &["host: localhost"], 403),
    ("/mcp", &["host: localhost:"], 403),
    ("/mcp", &["host: localhost:1"], 403),
    ("/mcp", &["host: localhost:0PORT"], 403),
    ("/mcp", &["host: localhost:+PORT"], 403),
    ("/mcp", &["host: localhost:PORT:PORT"], 403),
    ("/mcp", &["host: localhost.:PORT"], 403),
    ("/mcp", &["host: 127.0.0.1.:PORT"], 403),
    ("/mcp", &["host: mcp.example.com."], 403),
    ("/mcp", &["host: mcp.example.com:8443"], 403),
    ("/mcp", &["host: 127.0.0.1"], 403),
    ("/mcp", &["host: 127.0.0.2:PORT"], 403),
    ("/mcp", &["host: 127.1:PORT"], 403),
    ("/mcp", &["host: 2130706433:PORT"], 403),
    ("/mcp", &["host: 0x7f.0.0.1:PORT"], 403),
    ("/mcp", &["host: 0177.0.0.1:PORT"], 403),
    ("/mcp", &["host: 0.0.0.0:PORT"], 403),
    ("/mcp", &["host: [::1]"], 403),
    ("/mcp", &["host: ::1:PORT"], 403),
    ("/mcp", &["host: [0:0:0:0:0:0:0:1]:PORT"], 403),
    ("/mcp", &["host: [::ffff:127.0.0.1]:PORT"], 403),
    ("/mcp", &["host: [::1%25lo]:PORT"], 403),
    ("/mcp", &["host: [::]:PORT"], 403),
    ("/mcp", &["host: user@localhost:PORT"], 403),
    ("/mcp", &["host: localhost:PORT@evil.example"], 403),
    ("/mcp", &["host: http://localhost:PORT"], 403),
    ("/mcp", &["host: localhost:PORT/"], 403),
    ("/mcp", &["host: localhost:PORT, evil.example"], 403),
    ("/mcp", &["host: evil.example localhost:PORT"], 403),
    ("/mcp", &["host: l\u{f6}calhost:PORT"], 400),
    // No name, or two.
    ("/mcp", &[], 400),
    ("/mcp", &["host:"], 403),
    ("/mcp", &[OWN, OWN], 400),
    ("/mcp", &[OWN, "host: evil.example"], 400),
    ("/mcp", &["host: evil.example", OWN], 400),
    ("/mcp", &[OWN, "HOST: evil.example"], 400),
    ("/mcp", &["host : localhost:PORT"], 400),
    ("/mcp", &["host: evil.example", "x-forwarded-host: localhost:PORT"], 403),
    ("/mcp", &["host: evil.example", "forwarded: host=localhost:PORT"], 403),
    // The target names another.
    ("http://evil.example/mcp", &[OWN], 403),
    ("http://evil.example:PORT/mcp", &[OWN], 403),
    ("http://evil.example:PORT/mcp", &["host: evil.example:PORT"], 403),
    ("http://localhost:PORT/mcp", &["host: evil.example:PORT"], 403),
    ("http://localhost:PORT/mcp", &["host: 127.0.0.1:PORT"], 403),
    ("http://localhost.:PORT/mcp", &[OWN], 403),
    ("http://user@localhost:PORT/mcp", &[OWN], 403),
    ("http://localhost:PORT@evil.example/mcp", &[OWN], 403),
    ("ftp://localhost:PORT/mcp", &[OWN], 403),
    ("localhost:PORT", &[OWN], 403),
    ("//evil.example/mcp", &["host: evil.example"], 403),
    ("mcp", &[OWN], 403),
    // A page that may not ask.
    ("/mcp", &[OWN, "origin: http://evil.example"], 403),
    ("/mcp", &[OWN, "origin: null"], 403),
    ("/mcp", &[OWN, "origin: NULL"], 403),
    ("/mcp", &[OWN, "origin:"], 403),
    ("/mcp", &[OWN, "origin: *"], 403),
    ("/mcp", &[OWN, "origin: http://localhost:3000"], 403),
    ("/mcp", &[OWN, "origin: http://localhost:PORT"], 403),
    ("/mcp", &[OWN, "origin: http://127.0.0.1:PORT"], 403),
    ("/mcp", &[OWN, "origin: http://[::1]:PORT"], 403),
    ("/mcp", &[OWN, "origin: https://app.example.com.evil.example"], 403),
    ("/mcp", &[OWN, "origin: https://xapp.example.com"], 403),
    ("/mcp", &[OWN, "origin: https://evil.example/https://app.example.com"], 403),
    ("/mcp", &[OWN, "origin: https://app.example.com."], 403),
    ("/mcp", &[OWN, "origin: https://app.example.com:443"], 403),
    ("/mcp", &[OWN, "origin: https://app.example.com:8443"], 403),
    ("/mcp", &[OWN, "origin: https://user@app.example.com"], 403),
    ("/mcp", &[OWN, "origin: http://app.example.com"], 403),
    ("/mcp", &[OWN, "origin: https://app.example.com/"], 403),
    ("/mcp", &[OWN, "origin: https://app.example.com, https://evil.example"], 403),
    ("/mcp", &[OWN, "origin: https://app.example.com https://evil.example"], 403),
    ("/mcp", &[OWN, "origin: https://app.example.com", "origin: https://evil.example"], 400),
    ("/mcp", &[OWN, "origin: https://app.example.com", "origin: https://app.example.com"], 400),
    ("/mcp", &[OWN, "origin: vscode-webview://"], 403),
    ("/mcp", &[OWN, "origin: vscode-webview://a/b"], 403),
    ("/mcp", &[OWN, "origin: file://"], 403),
    ("/mcp", &["host: evil.example:PORT", "origin: https://app.example.com"], 403),
    ("/mcp", &["host: evil.example:PORT", "origin: http://evil.example:PORT"], 403),
    ("/mcp", &[OWN, "sec-fetch-site: cross-site"], 403),
    ("/mcp", &[OWN, "sec-fetch-site: same-site"], 403),
    ("/mcp", &[OWN, "sec-fetch-site: same-origin"], 403),
    ("/mcp", &[OWN, "sec-fetch-site: none", "sec-fetch-site: cross-site"], 400),
];

const LET_IN: &[Case] = &[
    ("/mcp", &[OWN], 202),
    ("/mcp", &["HOST:  LocalHost:PORT "], 202),
    ("/mcp", &["host: 127.0.0.1:PORT"], 202),
    ("/mcp", &["host: [::1]:PORT"], 202),
    ("/mcp", &["host: mcp.example.com"], 202),
    ("http://localhost:PORT/mcp", &[OWN], 202),
    ("/mcp", &[OWN, "origin: https://app.example.com"], 202),
    ("/mcp", &[OWN, "origin: https://app.example.com", "sec-fetch-site: cross-site"], 202),
    ("/mcp", &[OWN, "origin: vscode-webview://1k3b0p"], 202),
    ("/mcp", &[OWN, "sec-fetch-site: none"], 202),
];

/// What only HTTP/2 can say, and what becomes of it. Of what is malformed the stream ends, or the
/// connection.
const OF_TWO: &[(&[(&str, &str)], Became)] = &[
    (&[METHOD, SCHEME, PATH, US], ACCEPTED),
    (&[METHOD, SCHEME, PATH, ("host", "localhost:PORT")], ACCEPTED),
    (&[METHOD, SCHEME, PATH, US, ("host", "localhost:PORT")], ACCEPTED),
    (&[METHOD, SCHEME, PATH, US, ("host", "LOCALHOST:PORT")], ACCEPTED),
    // Two names, or none.
    (&[METHOD, SCHEME, PATH], Became::Status(400)),
    (&[METHOD, SCHEME, PATH, US, ("host", "evil.example")], NOT_US),
    (&[METHOD, SCHEME, PATH, US, ("host", "127.0.0.1:PORT")], NOT_US),
    (&[METHOD, SCHEME, PATH, US, ("host", "")], NOT_US),
    (&[METHOD, SCHEME, PATH, EVIL, ("host", "localhost:PORT")], NOT_US),
    (&[METHOD, SCHEME, PATH, EVIL, ("host", "evil.example")], NOT_US),
    (&[METHOD, SCHEME, PATH, EVIL], NOT_US),
    (&[METHOD, SCHEME, PATH, EVIL, ("x-forwarded-host", "localhost:PORT")], NOT_US),
    (&[METHOD, SCHEME, PATH, US, ("host", "localhost:PORT"), ("host", "evil.example")], TWICE),
    (&[METHOD, SCHEME, PATH, US, ("host", "localhost:PORT"), ("host", "localhost:PORT")], TWICE),
    (&[METHOD, SCHEME, PATH, ("host", "localhost:PORT"), ("host", "localhost:PORT")], TWICE),
    (&[METHOD, SCHEME, PATH, US, US], MALFORMED),
    (&[METHOD, SCHEME, PATH, US, EVIL], MALFORMED),
    (&[METHOD, SCHEME, PATH, EVIL, US], MALFORMED),
    (&[METHOD, SCHEME, PATH, ("host", "localhost:PORT"), US], MALFORMED),
    (&[METHOD, SCHEME, PATH, US, ("x", "y"), EVIL], MALFORMED),
    (&[METHOD, SCHEME, PATH, (":authority", "")], MALFORMED),
    // Another scheme, another way, or half of it.
    (&[METHOD, (":scheme", "ftp"), PATH, US], NOT_US),
    (&[(":method", "CONNECT"), US], NOT_US),
    (&[(":method", "CONNECT"), EVIL], NOT_US),
    (&[(":method", "CONNECT"), (":protocol", "websocket"), SCHEME, PATH, US], MALFORMED),
    (&[METHOD, SCHEME, US], MALFORMED),
    (&[METHOD, PATH, US], MALFORMED),
    (&[SCHEME, PATH, US], MALFORMED),
    (&[METHOD, SCHEME, (":path", ""), US], MALFORMED),
    (&[METHOD, METHOD, SCHEME, PATH, US], MALFORMED),
    (&[METHOD, SCHEME, PATH, PATH, US], MALFORMED),
    (&[METHOD, SCHEME, PATH, US, (":status", "200")], MALFORMED),
    (&[METHOD, SCHEME, PATH, US, (":host", "evil.example")], MALFORMED),
    // What belongs to HTTP/1.1.
    (&[METHOD, SCHEME, PATH, US, ("Host", "localhost:PORT")], MALFORMED),
    (&[METHOD, SCHEME, PATH, US, ("connection", "close")], MALFORMED),
    (&[METHOD, SCHEME, PATH, US, ("transfer-encoding", "chunked")], MALFORMED),
    (&[METHOD, SCHEME, PATH, US, ("te", "gzip")], MALFORMED),
    (&[METHOD, SCHEME, PATH, US, ("x", "a\r\nhost: evil.example")], MALFORMED),
];

const METHOD: (&str, &str) = (":method", "GET");
const SCHEME: (&str, &str) = (":scheme", "https");
const PATH: (&str, &str) = (":path", "/mcp");
const US: (&str, &str) = (":authority", "localhost:PORT");
const EVIL: (&str, &str) = (":authority", "evil.example");
const ACCEPTED: Became = Became::Status(202);
const NOT_US: Became = Became::Status(403);
const TWICE: Became = Became::Status(400);
/// `PROTOCOL_ERROR`.
const MALFORMED: Became = Became::Reset(1);

/// What gets through the wall is counted.
fn walled(
    site: impl FnOnce(Box<dyn FnOnce(&Address) -> Answer>) -> Site,
) -> (Site, Arc<AtomicUsize>) {
    let through = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&through);
    let made = move |address: &Address| -> Answer {
        let origins = ["https://app.example.com", "vscode-webview://*"].map(str::to_owned);
        let wall = Arc::new(Wall::new(address, &["mcp.example.com".to_owned()], &origins));
        Arc::new(move |head: &Parts| {
            let admitted = wall.admits(head);
            if admitted.is_ok() {
                counts.fetch_add(1, Ordering::SeqCst);
            }
            admitted.map_or_else(Reply::from, |()| empty(StatusCode::ACCEPTED))
        })
    };
    (site(Box::new(made)), through)
}

type Answer = Arc<dyn Fn(&Parts) -> Reply + Send + Sync>;

fn in_the_clear(make: Box<dyn FnOnce(&Address) -> Answer>) -> Site {
    Site::told(Limits::default(), |address| {
        let answer = make(address);
        move |head, _, _| std::future::ready(answer(&head))
    })
}

fn encrypted(make: Box<dyn FnOnce(&Address) -> Answer>) -> Site {
    Site::encrypted(Limits::default(), |address| {
        let answer = make(address);
        move |head, _, _| std::future::ready(answer(&head))
    })
}

fn ask(site: &Site, method: &str, (target, headers, _): &Case) -> Option<u16> {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let head = format!("{method} {target} HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
    let head = head.replace("PORT", &site.tcp().port().to_string());
    let mut stream = site.connect();
    stream.write_all(head.as_bytes()).unwrap();
    status(&everything(&mut stream))
}

#[test]
fn nobody_elses_name_and_nobody_elses_page_reach_us() {
    let (site, through) = walled(in_the_clear);
    assert!(TURNED_AWAY.len() >= 80);
    for case in TURNED_AWAY {
        for method in ["POST", "GET", "DELETE", "OPTIONS"] {
            let answered = ask(&site, method, case);
            // A target that is no URI at all is refused by hyper.
            let odd = case.0 == "mcp" && answered == Some(400);
            assert!(answered == Some(case.2) || odd, "{method} {case:?}: {answered:?}");
        }
    }
    assert_eq!(through.load(Ordering::SeqCst), 0, "somebody got through");
    for case in LET_IN {
        assert_eq!(ask(&site, "POST", case), Some(case.2), "{case:?}");
    }
    assert_eq!(through.load(Ordering::SeqCst), LET_IN.len());
}

/// Asks on a connection of its own.
fn ask_second(site: &Site, fields: &[(&str, &str)]) -> Became {
    let port = site.tcp().port().to_string();
    let fields: Vec<_> =
        fields.iter().map(|(name, value)| (*name, value.replace("PORT", &port))).collect();
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut frames = Frames::to(site);
    frames.asks(1, &fields, false);
    frames.became(1)
}

/// A case of HTTP/1.1 in HTTP/2, where its target is a path: the first `Host` as `:authority`, or
/// as it is; where it names a host, that is `:authority` beside `Host`.
fn in_second(case: &Case, as_authority: bool) -> Option<Vec<(String, String)>> {
    let (target, headers, _) = case;
    let (scheme, rest) = target.split_once("://").unwrap_or(("https", target));
    let (mut authority, path) = match rest.find('/') {
        Some(0) if !target.contains("://") => (None, rest),
        Some(at) if target.contains("://") => (Some(rest[..at].to_owned()), &rest[at..]),
        _ => return None,
    };
    let hosts: Vec<_> = headers.iter().filter(|it| it.starts_with("host")).collect();
    if as_authority && matches!(hosts[..], [one, two] if one == two) {
        // The same in both is once.
        return None;
    }
    let mut fields = Vec::new();
    for header in *headers {
        let (name, value) = header.split_once(':')?;
        let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
        if as_authority && name == "host" && authority.is_none() {
            authority = Some(value);
        } else {
            fields.push((name, value));
        }
    }
    let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut all = vec![own(":method", "POST"), own(":scheme", scheme), own(":path", path)];
    all.extend(authority.map(|authority| own(":authority", &authority)));
    all.extend(fields);
    Some(all)
}

#[test]
fn nor_do_they_in_http_2() {
    let (site, through) = walled(encrypted);
    let (mut turned_away, mut let_in) = (0, 0);
    for (cases, is_let_in) in [(TURNED_AWAY, false), (LET_IN, true)] {
        for (case, as_authority) in cases.iter().flat_map(|case| [(case, true), (case, false)]) {
            let Some(fields) = in_second(case, as_authority) else { continue };
            let fields: Vec<_> = fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            let became = ask_second(&site, &fields);
            // Of what is no name and no target at all, a stream or a connection ends.
            let refused =
                matches!(became, Became::Status(400 | 403) | Became::Reset(1) | Became::Gone);
            let as_before = became == Became::Status(case.2);
            assert!(as_before || (!is_let_in && refused), "{fields:?}: {became:?}");
            let_in += usize::from(is_let_in);
            turned_away += usize::from(as_before && !is_let_in);
        }
    }
    assert!(turned_away >= 120, "only {turned_away} were turned away by the wall");
    assert_eq!(through.load(Ordering::SeqCst), let_in, "somebody got through, or did not");
    for (fields, expect) in OF_TWO {
        let became = ask_second(&site, fields);
        let ended = *expect == MALFORMED && became == Became::Gone;
        assert!(became == *expect || ended, "{fields:?}: {became:?}");
        let_in += usize::from(*expect == ACCEPTED);
    }
    assert_eq!(through.load(Ordering::SeqCst), let_in, "somebody got through");
}

/// What is on the lists, so that the other half is judged alone, or nearly so.
fn listed() -> impl Strategy<Value = String> {
    let names = ["localhost:8808", "127.0.0.1:8808", "mcp.example.com", "https://app.example.com"];
    let names = proptest::sample::select(names.to_vec());
    (names, proptest::option::weighted(0.3, written())).prop_map(|(name, more)| match more {
        Some(more) => format!("{name}{more}"),
        None => name.to_owned(),
    })
}

/// Pieces of names, ours and others', and what stands between them.
fn written() -> impl Strategy<Value = String> {
    let pieces = [
        "localhost",
        "127.0.0.1",
        "[::1]",
        ":8808",
        "8808",
        ":",
        "LOCALHOST",
        "mcp.example.com",
        "evil.example",
        ".",
        "@",
        "/",
        ",",
        "%00",
        "x",
        "0",
        "#",
        "?",
        "\\",
        "https://",
        "https://app.example.com",
        "vscode-webview://",
        "null",
        "*",
    ];
    let pieces = proptest::sample::select(pieces.to_vec());
    proptest::collection::vec(pieces, 0..4).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn whatever_is_let_in_is_on_the_lists(
        host in prop_oneof![listed(), written()],
        origin in proptest::option::of(prop_oneof![listed(), written()]),
    ) {
        let origins = ["https://app.example.com", "vscode-webview://*", "https://*", "http://*", "*"];
        let origins = origins.map(str::to_owned);
        let listens = Address::Tcp(([127, 0, 0, 1], 8808).into());
        let wall = Wall::new(&listens, &["mcp.example.com".to_owned()], &origins);
        let mut request = Request::builder().header("host", &host);
        if let Some(origin) = &origin {
            request = request.header("origin", origin);
        }
        let admitted = wall.admits(&request.body(()).unwrap().into_parts().0).is_ok();
        let ours = ["127.0.0.1:8808", "localhost:8808", "[::1]:8808", "mcp.example.com"];
        let named = ours.iter().any(|ours| ours.eq_ignore_ascii_case(&host));
        let listed = origin.is_none_or(|origin| {
            let view = origin.strip_prefix("vscode-webview://");
            let view = view.is_some_and(|name| !name.is_empty() && !name.contains(['/', '@', '*', '[', '?', '#', '%', ',', '\\']));
            view || origin.eq_ignore_ascii_case("https://app.example.com")
        });
        prop_assert_eq!(admitted, named && listed);
    }
}
