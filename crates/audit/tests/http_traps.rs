//! Servers over HTTP that lead whoever asks elsewhere, or hold them: nothing is sent anywhere else, everything ends, and
//! nothing passes because of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use portcullis_audit::check::judge;
use portcullis_audit::checklist::{self, Status};
use portcullis_audit::evidence::Evidence;
use portcullis_audit::evidence::live::{Answer, Conduct};
use portcullis_audit::probe::http::{Order, look};
use portcullis_audit::probe::live;
use portcullis_guard::egress::Url;

/// Somebody at an address of this machine, on threads that end with the test: what each connection is told, without end.
fn server(told: impl Fn(&mut TcpStream) -> std::io::Result<()> + Clone + Send + 'static) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, told) = (stream.unwrap(), told.clone());
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let _ = told(&mut stream);
            });
        }
    });
    Url::new(&format!("http://127.0.0.1:{port}/mcp")).unwrap()
}

fn looked(url: Url) -> Evidence {
    let mut order = Order::new(url);
    (order.time, order.call) = (Duration::from_secs(20), Duration::from_secs(2));
    let begun = Instant::now();
    let (http, live) = look(&order);
    assert!(begun.elapsed() < Duration::from_secs(40), "it held us up");
    Evidence { live: Some(live), http: Some(http), ..Evidence::of("trap") }
}

fn nothing_passes(evidence: &Evidence) {
    let rows = checklist::lines(evidence, &judge(evidence));
    let passed: Vec<_> = rows.iter().filter(|it| it.status == Status::Pass).collect();
    // What it said to what was refused is all that was seen of it.
    assert!(passed.iter().all(|it| it.control == "errors-sanitised"), "{passed:#?}");
}

#[test]
fn whoever_sends_us_elsewhere_is_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let there = format!("http://127.0.0.1:{}/mcp", elsewhere.local_addr().unwrap().port());
    let answers = [
        format!("307 Temporary Redirect\r\nlocation: {there}"),
        format!("308 Permanent Redirect\r\nlocation: {there}"),
        format!("302 Found\r\nlocation: {there}"),
        format!("401 Unauthorized\r\nwww-authenticate: Bearer resource_metadata=\"{there}\""),
        format!("200 OK\r\nrefresh: 0; url={there}\r\nlink: <{there}>; rel=\"alternate\""),
    ];
    for answer in answers {
        let said = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let evidence = looked(server(move |stream| stream.write_all(said.as_bytes())));
        assert!(!evidence.http.as_ref().unwrap().exchanges.is_empty());
        assert!(elsewhere.accept().is_err(), "{answer}: somebody came");
        if !answer.starts_with("401") {
            nothing_passes(&evidence);
        }
    }
    // The old transport names its address in an event.
    let event = format!("event: endpoint\ndata: {there}\n\n");
    let evidence = looked(server(move |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")?;
        stream.write_all(event.as_bytes())
    }));
    assert!(elsewhere.accept().is_err(), "somebody came");
    nothing_passes(&evidence);
}

#[test]
fn whoever_holds_us_is_left() {
    let head: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let wait = Duration::from_millis(100);
    // A head that never ends.
    let evidence = looked(server(move |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(b"x-a: b\r\n")?;
            std::thread::sleep(wait);
        }
    }));
    nothing_passes(&evidence);
    // Events that answer nothing.
    let evidence = looked(server(move |stream| {
        stream.write_all(head)?;
        loop {
            stream
                .write_all(b": still here\n\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"x\"}\n\n")?;
            std::thread::sleep(wait);
        }
    }));
    nothing_passes(&evidence);
    // More than anybody keeps.
    let evidence = looked(server(move |stream| {
        stream.write_all(head)?;
        loop {
            stream.write_all(&[b'x'; 65_536])?;
        }
    }));
    nothing_passes(&evidence);
    let said = serde_json::to_string(&evidence).unwrap();
    assert!(said.contains("too l") && said.len() < 100_000, "{} bytes", said.len());
    // Nothing at all.
    let evidence = looked(server(move |_| {
        std::thread::sleep(Duration::from_secs(60));
        Ok(())
    }));
    nothing_passes(&evidence);
}

/// A server in the box whose tools answer without end: each call ends, and none counts as tried without effect.
#[test]
fn calls_that_go_on_without_end_pass_no_line() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http/careless.py");
    for mode in ["endless", "flood", "drip", "ending"] {
        let words = ["/usr/bin/python3", file.to_str().unwrap(), "8080", mode];
        let mut server = live::Order::new(words.iter().map(Into::into).collect());
        server.launcher = Some(env!("CARGO_BIN_EXE_audit-box").into());
        server.call = Duration::from_secs(1);
        let mut order = Order::new(Url::new("http://127.0.0.1:8080/mcp").unwrap());
        order.server = Some(server);
        order.time = Duration::from_secs(30);
        let (http, live) = look(&order);
        assert!(live.trials.len() > 1, "{mode}: {live:#?}");
        let unheard = |answer| matches!(answer, Answer::Silence | Answer::Ended);
        let kept: Vec<_> = live.trials.iter().filter(|it| !unheard(it.answer)).collect();
        assert!(kept.is_empty(), "{mode}: {kept:#?}");
        let flooded = live.conduct.iter().any(|it| matches!(it, Conduct::Flooded { .. }));
        assert_eq!(flooded, mode == "flood", "{mode}: {:?}", live.conduct);
        let evidence = Evidence { live: Some(live), http: Some(http), ..Evidence::of("trap") };
        let rows = checklist::lines(&evidence, &judge(&evidence));
        for name in ["paths-contained", "no-shell", "timeouts", "rate-limited"] {
            let row = rows.iter().find(|row| row.control == name).unwrap();
            assert_ne!(row.status, Status::Pass, "{mode}: {row:?}");
        }
    }
}
