//! Requests that somebody's page or somebody's DNS brings here: each over a real socket, and each
//! turned away before anything looks at it.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::{Request, StatusCode};
use portcullis_transport::http::{Address, Limits, Reply, Wall, empty};
use proptest::prelude::*;

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

/// What gets through the wall is counted.
fn walled() -> (Site, Arc<AtomicUsize>) {
    let through = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&through);
    let site = Site::told(Limits::default(), move |address: &Address| {
        let origins = ["https://app.example.com", "vscode-webview://*"].map(str::to_owned);
        let wall = Arc::new(Wall::new(address, &["mcp.example.com".to_owned()], &origins));
        move |head, _, _| {
            let admitted = wall.admits(&head);
            if admitted.is_ok() {
                counts.fetch_add(1, Ordering::SeqCst);
            }
            async { admitted.map_or_else(Reply::from, |()| empty(StatusCode::ACCEPTED)) }
        }
    });
    (site, through)
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
    let (site, through) = walled();
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
