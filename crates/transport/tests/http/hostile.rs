//! Requests that are meant to be read in two ways, to take all of something, or never to end.

use std::io::Write as _;
use std::net::Shutdown;
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use portcullis_transport::http::{Body, Caller, Limits, Reply, json};

use crate::site::{PATIENCE, Site, everything, post, short, status};

/// Says back what was sent.
pub(crate) async fn echo(_: Parts, body: Body, _: Caller) -> Reply {
    match body.read().await {
        Ok(bytes) => json(StatusCode::OK, Bytes::from(format!("<{}>", bytes.escape_ascii()))),
        Err(refusal) => refusal.into(),
    }
}

/// Small, and patient: a machine may be busy.
pub(crate) fn strict() -> Limits {
    Limits {
        write_time: Duration::from_secs(30),
        connections: 8,
        of_one_address: 8,
        headers: 20,
        head_bytes: 8 << 10,
        head_time: PATIENCE,
        streams: 8,
        all_streams: 64,
        strangers_streams: 64,
        body_bytes: 64,
        body_time: PATIENCE,
    }
}

/// Others are served as ever. Where time is short, a busy machine may need another try.
fn serves(site: &Site) {
    let served = (0..100).any(|_| {
        let mut stream = site.connect();
        let ask = post("hello").replacen("\r\n", "\r\nconnection: close\r\n", 1);
        let _ = stream.write_all(ask.as_bytes());
        everything(&mut stream).ends_with("<hello>")
    });
    assert!(served, "others are not served");
}

#[test]
fn nothing_is_read_behind_a_body_whose_end_is_in_doubt() {
    let site = Site::on_loopback(strict(), echo);
    let hidden = "POST /hidden HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\nhidden";
    let chunked = format!("0\r\n\r\n{hidden}");
    let long = format!("content-length: {}\r\n", chunked.len());
    let table = [
        // Two lengths.
        (format!("content-length: 5\r\ncontent-length: 6\r\n\r\nhello{hidden}"), Some(400)),
        (format!("content-length: 5, 6\r\n\r\nhello{hidden}"), Some(400)),
        (format!("content-length: +5\r\n\r\nhello{hidden}"), Some(400)),
        (format!("content-length: 0x5\r\n\r\nhello{hidden}"), Some(400)),
        (format!("content-length: -5\r\n\r\nhello{hidden}"), Some(400)),
        (format!("content-length: 5 5\r\n\r\nhello{hidden}"), Some(400)),
        (format!("content-length:\r\n\r\nhello{hidden}"), Some(400)),
        // A length and chunks: the chunks count, and the connection ends with them.
        (format!("{long}transfer-encoding: chunked\r\n\r\n{chunked}"), Some(200)),
        (format!("transfer-encoding: chunked\r\n{long}\r\n{chunked}"), Some(200)),
        (format!("transfer-encoding: chunked\r\n\r\n{chunked}"), Some(200)),
        // Chunks that are none, or not the last coding.
        (format!("transfer-encoding: xchunked\r\n{long}\r\n{chunked}"), Some(400)),
        (format!("transfer-encoding: chunked, identity\r\n\r\n{chunked}"), Some(400)),
        (format!("transfer-encoding: identity\r\n{long}\r\n{chunked}"), Some(400)),
        (format!("transfer-encoding : chunked\r\n{long}\r\n{chunked}"), Some(400)),
        (format!("transfer-encoding:\u{b}chunked\r\n{long}\r\n{chunked}"), Some(400)),
        // A header over two lines.
        (format!("x: a\r\n content-length: 5\r\n\r\nhello{hidden}"), Some(400)),
        (format!("transfer-encoding:\r\n chunked\r\n\r\n{chunked}"), Some(400)),
        (format!("x: a\r\n\tb\r\ncontent-length: 5\r\n\r\nhello{hidden}"), Some(400)),
        // Names that some read as others.
        (format!("content-length : 5\r\n\r\nhello{hidden}"), Some(400)),
        (format!("content length: 5\r\n\r\nhello{hidden}"), Some(400)),
        (format!("\0content-length: 5\r\n\r\nhello{hidden}"), Some(400)),
        (format!("x: a\0b\r\n\r\n{hidden}"), Some(400)),
        (format!("x: a\rcontent-length: 5\r\n\r\nhello{hidden}"), Some(400)),
        // Chunks with odd sizes.
        (format!("transfer-encoding: chunked\r\n\r\n-1\r\nhello\r\n{chunked}"), Some(400)),
        (format!("transfer-encoding: chunked\r\n\r\n0x5\r\nhello\r\n{chunked}"), Some(400)),
        (
            format!("transfer-encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n{chunked}"),
            Some(400),
        ),
        (format!("transfer-encoding: chunked\r\n\r\n5\rhello\r\n{chunked}"), Some(400)),
        (format!("transfer-encoding: chunked\r\n\r\n5\r\nhelloX\r\n{chunked}"), Some(400)),
    ];
    for (rest, expect) in table {
        let answer = site.raw(format!("POST / HTTP/1.1\r\nhost: x\r\n{rest}").as_bytes());
        assert_eq!(status(&answer), expect, "{rest:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{rest:?}: {answer}");
        assert!(!answer.contains("hidden"), "{rest:?}: {answer}");
    }
    serves(&site);
}

#[test]
fn a_head_is_bounded() {
    let site = Site::on_loopback(strict(), echo);
    let get = |rest: &str| site.raw(format!("GET / HTTP/1.1\r\nhost: x\r\n{rest}\r\n").as_bytes());
    let many: String = (0..100).map(|at| format!("x-{at}: y\r\n")).collect();
    assert_eq!(status(&get(&many)), Some(431));
    assert_eq!(status(&get(&format!("mcp-param-x: {}\r\n", "y".repeat(100_000)))), Some(431));
    let far = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "y".repeat(100_000));
    assert!(matches!(status(&site.raw(far.as_bytes())), Some(414 | 431)));
    for none in ["", "\r\n\r\n", "\0", "\u{16}\u{3}\u{1}", "GET / HTTP/9.9\r\n\r\n", "GET\r\n\r\n"]
    {
        let mut stream = site.connect();
        let _ = stream.write_all(none.as_bytes());
        let _ = stream.shutdown(Shutdown::Write);
        let answer = everything(&mut stream);
        assert!(matches!(status(&answer), None | Some(400)), "{none:?}: {answer}");
    }
    // HTTP/2 is spoken where it was agreed on, and nowhere in the clear.
    assert_eq!(status(&site.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")), None);
    assert_eq!(site.answered(), 0);
    serves(&site);
}

#[test]
fn whoever_is_slow_is_let_go_and_others_do_not_wait() {
    let site = Site::on_loopback(Limits { head_time: short(), ..strict() }, echo);
    let mut silent = site.connect();
    let mut head = site.connect();
    head.write_all(b"POST / HTTP/1.1\r\nhost: x\r\n").unwrap();
    serves(&site);
    assert_eq!(everything(&mut silent), "");
    assert_eq!(everything(&mut head), "");
    // One letter at a time is no way to stay, either.
    let mut drip = site.connect();
    let mut sent = 0;
    while drip.write_all(b"x").is_ok() {
        sent += 1;
        assert!(sent < 10_000, "it stays for ever");
        std::thread::sleep(Duration::from_millis(10));
    }
    serves(&site);
}

#[test]
fn a_body_that_drips_is_no_way_to_stay() {
    let site =
        Site::on_loopback(Limits { body_time: short(), body_bytes: 4 << 20, ..strict() }, echo);
    let mut drip = site.connect();
    drip.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
    let mut sent = 0;
    while drip.write_all(b"1\r\nx\r\n").is_ok() {
        sent += 1;
        assert!(sent < 10_000, "it stays for ever");
        std::thread::sleep(Duration::from_millis(10));
    }
    serves(&site);
}
