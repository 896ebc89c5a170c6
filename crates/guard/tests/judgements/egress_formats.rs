//! HTTP, TLS, SOCKS and DNS as a hostile server may write them.

use portcullis_guard::egress::chunks::Chunks;
use portcullis_guard::egress::dns::{Answer, Question, StandIns};
use portcullis_guard::egress::http::{Body, Form, request};
use portcullis_guard::egress::tls::server_name;
use portcullis_guard::egress::{HostName, Read, Target, Why, socks};
use proptest::prelude::*;

fn read(head: &str) -> Result<(Form, Body), &'static str> {
    match request(head.as_bytes())? {
        Read::Whole(request, used) => {
            assert_eq!(used, head.find("\r\n\r\n").unwrap() + 4);
            Ok((request.form, request.body))
        }
        Read::More => Err("more"),
    }
}

#[test]
fn a_request_is_read_in_one_way_or_not_at_all() {
    let tunnel = |authority: &str| Form::Tunnel(authority.to_owned());
    let absolute = |host: &str, path: &str| Form::Absolute(host.to_owned(), path.to_owned());
    let none = Body::Length(0);
    for (head, form, body) in [
        ("CONNECT a.test:443 HTTP/1.1\r\n\r\n", tunnel("a.test:443"), none),
        ("GET http://a.test/x?y HTTP/1.1\r\nHost: b\r\n\r\n", absolute("a.test", "/x?y"), none),
        ("GET http://a.test?y HTTP/1.0\r\n\r\n", absolute("a.test", "/?y"), none),
        ("GET HTTP://a.test HTTP/1.1\r\n\r\n", absolute("a.test", "/"), none),
        ("GET http://u@a.test:1/ HTTP/1.1\r\n\r\n", absolute("u@a.test:1", "/"), none),
        ("GET /x HTTP/1.1\r\nHost: a\r\n\r\n", Form::Origin("/x".to_owned()), none),
        (
            "POST http://a.test/ HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
            absolute("a.test", "/"),
            Body::Length(5),
        ),
        (
            "POST http://a.test/ HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n",
            absolute("a.test", "/"),
            Body::Chunked,
        ),
    ] {
        assert_eq!(read(head), Ok((form, body)), "{head:?}");
    }
}

#[test]
fn what_two_readers_could_read_differently_is_refused() {
    for head in [
        "GET http://a.test/ HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nContent-Length: +5\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nContent-Length: \r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nContent-Length : 5\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET http://a.test/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nTransfer-Encoding:\x0bchunked\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nConnection: content-length\r\nContent-Length: 5\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nX: a\r\n folded\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nX: a\nHost: b\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nX: a\rHost: b\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nX: a\0b\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nno colon\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\n: empty\r\n\r\n",
        "GET  http://a.test/ HTTP/1.1\r\n\r\n",
        "GET http://a.test/ HTTP/1.1 \r\n\r\n",
        "GET http://a.test/ HTTP/2.0\r\n\r\n",
        "GET http://a.test/\tHTTP/1.1\r\n\r\n",
        "GET https://a.test/ HTTP/1.1\r\n\r\n",
        "GET ftp://a.test/ HTTP/1.1\r\n\r\n",
        "GET a.test HTTP/1.1\r\n\r\n",
        "GET * HTTP/1.1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\n",
        "\r\nGET http://a.test/ HTTP/1.1\r\n\r\n",
        "GE\u{e9} http://a.test/ HTTP/1.1\r\n\r\n",
        "\u{16}\u{3}\u{1}",
    ] {
        let why = read(head);
        assert!(why.is_err() && why != Err("more"), "{head:?}: {why:?}");
    }
    assert_eq!(read("GET http://a.test/ HTTP/1.1\r\nX: y\r\n"), Err("more"));
    assert_eq!(read(&format!("GET /{} ", "x".repeat(17 << 10))), Err("the head is too long"));
}

#[test]
fn a_request_leaves_under_the_name_that_was_judged() {
    let head = "POST http://ok.test/a HTTP/1.0\r\nHost: evil.test\r\nProxy-Authorization: x\r\n\
        Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nUpgrade: websocket\r\nX-Kept: 2\r\n\
        Content-Length: 3\r\n\r\n";
    let Ok(Read::Whole(request, _)) = request(head.as_bytes()) else { panic!("{head}") };
    for (target, host) in [("ok.test:80", "ok.test"), ("ok.test:8080", "ok.test:8080")] {
        let out = request.rewritten(&Target::new(target, None).unwrap());
        let expect = format!(
            "POST /a HTTP/1.1\r\nHost: {host}\r\nx-kept: 2\r\ncontent-length: 3\r\nconnection: close\r\n\r\n"
        );
        assert_eq!(String::from_utf8(out).unwrap(), expect);
    }
}

#[test]
fn a_chunked_body_ends_where_it_ends() {
    for (bytes, expect) in [
        ("0\r\n\r\nGET /second", Ok((5, true))),
        ("5\r\nhello\r\n0\r\n\r\nmore", Ok((15, true))),
        ("A\r\n0123456789\r\n", Ok((15, false))),
        ("5\r\nhel", Ok((6, false))),
        ("00000000\r\n\r\n", Ok((12, true))),
        ("000000000\r\n\r\n", Err(())),
        ("5;ext=1\r\nhello\r\n0\r\n\r\n", Err(())),
        ("5\nhello\r\n", Err(())),
        ("5\r\nhello0\r\n", Err(())),
        ("0\r\nTrailer: x\r\n\r\n", Err(())),
        ("-1\r\n", Err(())),
        ("\r\n", Err(())),
        (" 5\r\n", Err(())),
        ("0x5\r\n", Err(())),
    ] {
        let mut chunks = Chunks::new();
        let used = chunks.read(bytes.as_bytes()).map_err(drop);
        assert_eq!(used.map(|used| (used, chunks.is_over())), expect, "{bytes:?}");
        let mut slow = Chunks::new();
        let used: Result<usize, _> = bytes.bytes().map(|byte| slow.read(&[byte])).sum();
        assert_eq!(used.map(|used| (used, slow.is_over())).map_err(drop), expect, "{bytes:?}");
    }
}

/// A ClientHello with these extensions, in records of at most so many bytes.
fn hello(extensions: &[(u16, Vec<u8>)], record: usize) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend([0, 2, 0x13, 1, 1, 0]);
    let mut all = Vec::new();
    for (kind, value) in extensions {
        all.extend(kind.to_be_bytes());
        all.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        all.extend(value);
    }
    body.extend(u16::try_from(all.len()).unwrap().to_be_bytes());
    body.extend(all);
    let mut message = vec![1, 0];
    message.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    message.extend(body);
    let mut out = Vec::new();
    for part in message.chunks(record) {
        out.extend([22, 3, 1]);
        out.extend(u16::try_from(part.len()).unwrap().to_be_bytes());
        out.extend(part);
    }
    out
}

fn named(name: &str) -> (u16, Vec<u8>) {
    let length = u16::try_from(name.len()).unwrap();
    let mut value = (length + 3).to_be_bytes().to_vec();
    value.push(0);
    value.extend(length.to_be_bytes());
    value.extend(name.bytes());
    (0, value)
}

#[test]
fn a_hello_names_one_host_in_the_open() {
    let more = (51, vec![0; 1200]);
    for (extensions, expect) in [
        (vec![named("ok.test")], "ok.test"),
        (vec![more.clone(), named("OK.test")], "ok.test"),
        (vec![], "no name"),
        (vec![more.clone()], "no name"),
        (vec![named("ok.test"), (0xfe0d, vec![0])], "no name"),
        (vec![named("ok.test"), (0xffce, vec![0])], "no name"),
        (vec![named("ok.test"), named("evil.test")], "not tls"),
        (vec![named("evil.test\0.ok.test")], "no host"),
        (vec![named("ok.test.")], "not tls"),
        (vec![named("")], "no host"),
        (vec![named("127.0.0.1")], "no host"),
        (vec![(0, vec![0, 9, 0, 0, 1])], "not tls"),
    ] {
        for record in [16_000, 100, 7] {
            let said = match server_name(&hello(&extensions, record)) {
                Ok(Read::Whole(name, _)) => name.to_string(),
                Ok(Read::More) => "more".to_owned(),
                Err(Why::NoName) => "no name".to_owned(),
                Err(Why::NotAHost(_)) => "no host".to_owned(),
                Err(_) => "not tls".to_owned(),
            };
            assert_eq!(said, expect, "{extensions:?} in records of {record}");
        }
    }
    let whole = hello(&[more, named("ok.test")], 500);
    for end in 0..whole.len() {
        assert_eq!(server_name(&whole[..end]), Ok(Read::More), "{end} bytes");
    }
    for other in [&b"GET / HTTP/1.1"[..], &[22, 2, 0], &[22, 3, 1, 0, 0], &[22, 3, 1, 0, 1, 2]] {
        assert!(matches!(server_name(other), Err(Why::Protocol(_))), "{other:?}");
    }
}

#[test]
fn socks_connects_and_nothing_else() {
    use socks::Asked;
    let connect = |host: &str, port| Ok(Read::Whole(Asked::Connect(host.to_owned(), port), 0));
    for (bytes, expect) in [
        (&b"\x05\x01\x00\x03\x07ok.test\x01\xbb"[..], connect("ok.test", 443)),
        (b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50", connect("127.0.0.1", 80)),
        (b"\x05\x01\x00\x03\x06a\0.com\x00\x50", connect("a\0.com", 80)),
        (b"\x05\x02\x00\x03\x01a\x00\x50", Ok(Read::Whole(Asked::Other, 0))),
        (b"\x05\x03\x00\x03\x01a\x00\x50", Ok(Read::Whole(Asked::Other, 0))),
        (b"\x05\x01\x00\x03\x07ok.te", Ok(Read::More)),
        (b"\x05\x01\x00", Ok(Read::More)),
        (b"\x05\x01\x01\x03\x01a\x00\x50", Err(())),
        (b"\x05\x01\x00\x05\x01a\x00\x50", Err(())),
        (b"\x05\x01\x00\x03\x01\xff\x00\x50", Err(())),
        (b"\x04\x01\x00\x50", Err(())),
    ] {
        let read = socks::request(bytes).map_err(drop).map(|read| match read {
            Read::Whole(asked, used) => {
                assert_eq!(used, bytes.len());
                Read::Whole(asked, 0)
            }
            Read::More => Read::More,
        });
        assert_eq!(read, expect, "{bytes:?}");
    }
    for (bytes, expect) in [
        (&b"\x05\x01\x00"[..], Ok(Read::Whole(true, 3))),
        (b"\x05\x02\x01\x02", Ok(Read::Whole(false, 4))),
        (b"\x05\x02\x01", Ok(Read::More)),
        (b"\x04", Err("it is not SOCKS5")),
    ] {
        assert_eq!(socks::greeting(bytes), expect, "{bytes:?}");
    }
}

fn question(name: &str, kind: u16) -> Vec<u8> {
    let mut out = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend(label.bytes());
    }
    out.push(0);
    out.extend(kind.to_be_bytes());
    out.extend([0, 1]);
    out
}

#[test]
fn a_question_is_answered_with_a_stand_in_or_not_at_all() {
    let mut stand_ins = StandIns::default();
    let name = HostName::new("ok.test").unwrap();
    let address = stand_ins.of(&name).unwrap();
    assert_eq!(stand_ins.of(&name), Some(address));
    assert_eq!(stand_ins.name(address), Some(&name));
    assert_eq!(stand_ins.name("198.18.0.1".parse().unwrap()), None);
    let asked = Question::read(&question("oK.tesT", 1)).unwrap();
    assert_eq!(asked.name, "oK.tesT");
    let answer = asked.answered(Answer::StandIn(address));
    assert_eq!((&answer[..2], answer[2], answer[3], answer[7]), (&[0xab, 0xcd][..], 0x81, 0x80, 1));
    assert!(answer.ends_with(&[0, 4, 198, 18, 0, 2]), "{answer:?}");
    for kind in [28, 16, 65, 255] {
        let answer = Question::read(&question("ok.test", kind)).unwrap();
        let answer = answer.answered(Answer::StandIn(address));
        assert_eq!(
            (answer[3], answer[7]),
            (0x80, 0),
            "kind {kind}: it exists, without such a record"
        );
    }
    assert_eq!(asked.answered(Answer::NoSuchName)[3], 0x83);
    let good = question("ok.test", 1);
    let changed = |at: usize, to: u8| {
        let mut packet = good.clone();
        packet[at] = to;
        packet
    };
    for (what, packet) in [
        ("an answer", changed(2, 0x81)),
        ("another operation", changed(2, 0x28)),
        ("two questions", changed(5, 2)),
        ("an answer with it", changed(7, 1)),
        ("a pointer", changed(12, 0xc0)),
        ("a label without end", changed(12, 63)),
        ("nothing", Vec::new()),
        ("half a head", good[..7].to_vec()),
        ("half a question", good[..good.len() - 1].to_vec()),
    ] {
        assert_eq!(Question::read(&packet), None, "{what}");
    }
    let full = (0..5000)
        .filter(|n| stand_ins.of(&HostName::new(&format!("h{n}.test")).unwrap()).is_some());
    assert_eq!(full.count(), 4095, "names have an end");
}

proptest! {
    /// Whatever the bytes are, reading them ends well, and more of them never unsay a refusal.
    #[test]
    fn hostile_bytes_are_only_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Question::read(&bytes).map(|asked| asked.answered(Answer::NoSuchName));
        let _ = (socks::greeting(&bytes), socks::request(&bytes), server_name(&bytes));
        let _ = (request(&bytes), Chunks::new().read(&bytes));
    }

    /// However a hello is broken, it names nobody else.
    #[test]
    fn a_broken_hello_names_nobody_else(at in 0usize..120, to in any::<u8>()) {
        let mut bytes = hello(&[named("ok.test"), (10, vec![0; 20])], 16_000);
        if let Some(byte) = bytes.get_mut(at) { *byte = to; }
        if let Ok(Read::Whole(name, _)) = server_name(&bytes) {
            prop_assert_eq!(name.as_str().len(), "ok.test".len());
        }
    }

    /// Whatever is rewritten is one request, with one `Host`, for the target.
    #[test]
    fn what_is_rewritten_is_one_request(
        path in "[!-~]{0,20}", field in "[A-Za-z-]{1,12}", value in "[ -~]{0,30}"
    ) {
        let head = format!("GET http://ok.test/{path} HTTP/1.1\r\n{field}: {value}\r\n\r\n");
        if let Ok(Read::Whole(whole, _)) = request(head.as_bytes()) {
            let out = whole.rewritten(&Target::new("ok.test:80", None).unwrap());
            let Ok(Read::Whole(again, used)) = request(&out) else { panic!("{out:?}") };
            prop_assert_eq!(used, out.len());
            prop_assert_eq!(again.host.as_deref(), Some("ok.test"));
            prop_assert_eq!(again.body, whole.body);
        }
    }
}
