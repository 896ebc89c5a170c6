//! HTTP/2: many requests at once on one connection, and what those get who take too much of it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use portcullis_transport::http::{Body, Caller, Limits, events, json};
use rustls::{ClientConnection, StreamOwned};
use tokio::sync::mpsc;

use crate::frames::{
    Became, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, GOAWAY, HEADERS, PING, RESET,
    SETTINGS, block, encrypted, frame,
};
use crate::hostile::{echo, strict};
use crate::site::{PATIENCE, Site, short, status};

const CANCEL: [u8; 4] = 8_u32.to_be_bytes();
const REFUSED: u32 = 7;
const CALM: u32 = 11;

/// What everybody says.
const POST: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "https"), (":path", "/"), (":authority", "localhost")];

fn site(limits: Limits) -> Site {
    Site::encrypted(limits, |_| echo)
}

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    POST.iter().chain(more).copied().collect()
}

/// Others are served as ever. Where time is short, a busy machine may need another try.
fn serves(site: &Site) {
    let served = (0..100).any(|_| {
        let mut frames = Frames::to(site);
        frames.asks(1, &POST, true);
        frames.says(DATA, END_STREAM, 1, b"hello");
        said(&mut frames, 1).ends_with("<hello>")
    });
    assert!(served, "others are not served");
}

/// What is said on a stream until its end.
fn said(frames: &mut Frames, stream: u32) -> String {
    let mut all = Vec::new();
    while let Some(frame) = frames.next() {
        if frame.stream == stream && frame.kind == DATA {
            all.extend(&frame.payload);
        }
        if frame.stream == stream && frame.kind <= HEADERS && frame.flags & END_STREAM != 0 {
            break;
        }
    }
    String::from_utf8(all).unwrap()
}

/// Whether a connection ended before the patience of a test did.
fn ends(mut stream: StreamOwned<ClientConnection, TcpStream>) -> bool {
    let mut bytes = [0; 1024];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => {
                use std::io::ErrorKind::{TimedOut, WouldBlock};
                return !matches!(error.kind(), TimedOut | WouldBlock);
            }
        }
    }
}

#[test]
fn it_is_spoken_where_it_was_agreed_on_and_nowhere_else() {
    let site = site(strict());
    serves(&site);
    let asked = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    for offers in [&[][..], &[&b"http/1.1"[..]], &[b"http/1.1", b"h2"]] {
        let mut stream = encrypted(&site, offers).unwrap();
        let agreed = stream.conn.alpn_protocol().map(<[u8]>::to_vec);
        let expect = offers.iter().find(|it| **it == b"h2").or(offers.first());
        assert_eq!(agreed.as_deref(), expect.copied(), "{offers:?}");
        if agreed.as_deref() != Some(b"h2") {
            stream.write_all(asked).unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"HTTP/1.1 200", "{offers:?}");
            // Its beginning is no request of HTTP/1.1.
            let mut stream = encrypted(&site, offers).unwrap();
            stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
            assert!(ends(stream));
        }
    }
    assert!(encrypted(&site, &[b"h3"]).is_err(), "nothing else is spoken");
    assert_eq!(status(&site.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")), None);
    serves(&site);
}

#[test]
fn requests_on_one_connection_wait_for_none_of_each_other() {
    let (sender, receiver) = mpsc::channel(1);
    let waits = Arc::new(Mutex::new(Some(receiver)));
    let site = Site::encrypted(strict(), |_| {
        move |head: Parts, body: Body, caller: Caller| {
            let stream = (head.method == "GET").then(|| waits.lock().unwrap().take()).flatten();
            async move {
                match stream {
                    Some(stream) => events(Box::new(stream)),
                    None => echo(head, body, caller).await,
                }
            }
        }
    });
    let mut frames = Frames::to(&site);
    let get = [(":method", "GET"), POST[1], POST[2], POST[3]];
    frames.asks(1, &get, false);
    assert_eq!(frames.became(1), Became::Status(200), "it begins, and says nothing yet");
    // Three that end in another order than they began.
    for stream in [3, 5, 7] {
        frames.asks(stream, &POST, true);
    }
    for (stream, text) in [(7, "seven"), (3, "three"), (5, "five")] {
        frames.says(DATA, END_STREAM, stream, text.as_bytes());
        assert_eq!(said(&mut frames, stream), format!("<{text}>"));
    }
    sender.try_send(Bytes::from_static(b"data: one\n\n")).unwrap();
    drop(sender);
    assert_eq!(said(&mut frames, 1), "data: one\n\n");
    assert_eq!(site.answered(), 4);
}

#[test]
fn what_is_under_way_is_answered_when_we_stop() {
    let mut site = site(strict());
    let mut frames = Frames::to(&site);
    frames.asks(1, &POST, true);
    let answered = || site.answered() == 1;
    let began = Instant::now();
    while !answered() && began.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(5));
    }
    site.stop();
    while frames.next().is_some_and(|frame| frame.kind != GOAWAY) {}
    frames.says(DATA, END_STREAM, 1, b"late");
    assert_eq!(said(&mut frames, 1), "<late>");
    frames.ends();
}

#[test]
fn whatever_is_too_large_is_refused() {
    let site = site(strict());
    let one = |fields: &[(&str, &str)]| {
        let mut frames = Frames::to(&site);
        frames.asks(1, fields, false);
        frames.became(1)
    };
    let names: Vec<String> = (0..100).map(|at| format!("x-{at}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), "y")).collect();
    assert_eq!(one(&with(&many)), Became::Status(431), "many headers");
    let long = "y".repeat(9000);
    assert_eq!(one(&with(&[("mcp-param-x", &long)])), Became::Status(431), "a long one");
    let far = format!("/{long}");
    let far = [POST[0], POST[1], (":path", far.as_str()), POST[3]];
    assert_eq!(one(&far), Became::Status(431), "a long path");
    assert_eq!(site.answered(), 0);

    let mut frames = Frames::to(&site);
    frames.asks(1, &with(&[("content-length", "65")]), true);
    assert_eq!(frames.became(1), Became::Status(413), "a body that says so");
    let mut frames = Frames::to(&site);
    frames.asks(1, &POST, true);
    frames.says(DATA, 0, 1, &[b'x'; 65]);
    assert_eq!(frames.became(1), Became::Status(413), "a body that does not");
    let mut frames = Frames::to(&site);
    frames.asks(1, &with(&[("content-length", "3")]), true);
    frames.says(DATA, END_STREAM, 1, b"four");
    assert!(
        matches!(frames.became(1), Became::Reset(1) | Became::Status(400)),
        "and one that lies"
    );
    serves(&site);
}

#[test]
fn so_many_requests_at_once_and_no_more() {
    let site = site(Limits { strangers_streams: 12, ..strict() });
    let mut first = Frames::to(&site);
    // What was allowed is known when it was said.
    while first.next().is_some_and(|frame| frame.kind != SETTINGS || frame.flags != 0) {}
    for at in 0..9 {
        first.asks(1 + 2 * at, &POST, true);
    }
    assert_eq!(first.became(17), Became::Reset(REFUSED), "the ninth of one connection");
    let mut second = Frames::to(&site);
    for at in 0..5 {
        second.asks(1 + 2 * at, &POST, true);
    }
    assert_eq!(second.became(9), Became::Status(503), "the thirteenth of all");
    for at in 0..8 {
        first.says(DATA, END_STREAM, 1 + 2 * at, b"x");
        assert_eq!(said(&mut first, 1 + 2 * at), "<x>");
    }
    serves(&site);
}

#[test]
fn strangers_take_no_place_of_whoever_is_known() {
    let limits = Limits { all_streams: 4, strangers_streams: 2, ..strict() };
    let site = Site::encrypted(limits, |_| {
        |head: Parts, body: Body, caller: Caller| async move {
            if head.uri.path() == "/known" {
                caller.standing.prove();
            }
            echo(head, body, caller).await
        }
    });
    let known = [POST[0], POST[1], (":path", "/known"), POST[3]];
    // What they are told cannot leave, and holds no place.
    let mut deaf = Frames::with(&site, &[(4, 0)]);
    for at in 0..6 {
        deaf.asks(1 + 2 * at, &POST, false);
        assert_eq!(deaf.became(1 + 2 * at), Became::Status(200));
    }
    // Whoever turns out to be known has left theirs while the answer is waited for.
    let mut friend = Frames::to(&site);
    for at in 0..4 {
        friend.asks(1 + 2 * at, &known, true);
        friend.says(PING, 0, 0, &[0; 8]);
        while friend.next().is_some_and(|frame| frame.kind != PING) {}
    }
    let mut strangers = Frames::to(&site);
    for at in 0..3 {
        strangers.asks(1 + 2 * at, &POST, true);
    }
    assert_eq!(strangers.became(5), Became::Status(503), "the third of them");
    friend.says(DATA, END_STREAM, 1, b"x");
    assert_eq!(said(&mut friend, 1), "<x>");
    friend.asks(9, &known, true);
    friend.says(DATA, END_STREAM, 9, b"y");
    assert_eq!(said(&mut friend, 9), "<y>");
}

/// CVE-2023-44487: streams that are begun and reset at once.
#[test]
fn who_begins_and_resets_without_end_is_cut_off() {
    let site = site(strict());
    let mut frames = Frames::to(&site);
    let mut flood = Vec::new();
    for at in 0..2000 {
        flood.extend(frame(HEADERS, END_HEADERS, 1 + 2 * at, &block(&POST)));
        flood.extend(frame(RESET, 0, 1 + 2 * at, &CANCEL));
    }
    frames.raw(&flood);
    // Whoever still writes may not get to read why.
    assert!(matches!(frames.ends(), None | Some(CALM)));
    assert!(site.answered() < 200, "{} were heard", site.answered());
    serves(&site);
}

/// CVE-2025-8671: streams that are begun, and that the other side is made to reset.
#[test]
fn who_has_us_reset_without_end_is_cut_off() {
    let site = site(strict());
    let mut frames = Frames::to(&site);
    let mut flood = Vec::new();
    for at in 0..2000 {
        flood.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1 + 2 * at, &block(&POST)));
        // A window that grows too large is an error of its stream.
        flood.extend(frame(8, 0, 1 + 2 * at, &0x7fff_ffff_u32.to_be_bytes()));
    }
    frames.raw(&flood);
    // Whoever still writes may not get to read why.
    assert!(matches!(frames.ends(), None | Some(CALM)));
    serves(&site);
}

/// CVE-2024-27316: a head that does not end.
#[test]
fn a_head_over_frames_without_end_is_cut_off() {
    let site = site(strict());
    for piece in [block(&[("x", "y")]), Vec::new(), block(&[("x", &"y".repeat(8000))])] {
        let mut frames = Frames::to(&site);
        frames.says(HEADERS, 0, 1, &block(&POST));
        let mut sent = 0;
        while frames.says(CONTINUATION, 0, 1, &piece) {
            sent += 1;
            assert!(sent < 10_000, "it goes on for ever");
        }
    }
    assert_eq!(site.answered(), 0);
    serves(&site);
}

#[test]
fn frames_that_say_nothing_are_no_way_to_hold_up_others() {
    let site = site(strict());
    for (kind, flags, stream, payload) in [
        (PING, 0, 0, &[0; 8][..]),
        (SETTINGS, 0, 0, &[]),
        (2, 0, 3, &[0, 0, 0, 0, 1]),
        (DATA, 0, 1, &[]),
    ] {
        let mut frames = Frames::to(&site);
        frames.asks(1, &POST, true);
        let flood = frame(kind, flags, stream, payload).repeat(10_000);
        std::thread::scope(|threads| {
            threads.spawn(|| frames.raw(&flood));
            serves(&site);
        });
    }
}

fn impatient() -> Limits {
    Limits { head_time: short(), ..strict() }
}

#[test]
fn whoever_is_slow_is_let_go_here_too() {
    let site = site(impatient());
    let silent = Frames::silent(&site);
    let mut half = Frames::silent(&site);
    half.raw(b"PRI * HTTP/2.0\r\n");
    serves(&site);
    // Pings are answered, and nothing is asked.
    let mut idle = Frames::to(&site);
    for mut frames in [silent, half] {
        frames.ends();
    }
    assert_eq!(idle.ends(), Some(0), "it is told so");
    // A head one letter at a time: it may take as long as a ping.
    let mut drip = Frames::to(&site);
    let mut head = frame(HEADERS, END_HEADERS, 1, &block(&with(&[("x", &"y".repeat(8000))])));
    head.truncate(7000);
    let began = Instant::now();
    let dripped = head.iter().all(|byte| {
        std::thread::sleep(Duration::from_millis(10));
        drip.raw(&[*byte])
    });
    assert!(!dripped, "it was heard for {:?}", began.elapsed());
    serves(&site);
}

/// The same beside a stream that is open: the connection is of use, and its owner does not answer.
#[test]
fn a_head_that_drips_beside_a_stream_is_no_way_to_stay() {
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    let waits = Arc::new(Mutex::new(Some(receiver)));
    let site = Site::encrypted(impatient(), |_| {
        move |head: Parts, body: Body, caller: Caller| {
            let stream = (head.method == "GET").then(|| waits.lock().unwrap().take()).flatten();
            async move {
                match stream {
                    Some(stream) => events(Box::new(stream)),
                    None => echo(head, body, caller).await,
                }
            }
        }
    });
    let mut frames = Frames::to(&site);
    frames.asks(1, &[(":method", "GET"), POST[1], POST[2], POST[3]], false);
    assert_eq!(frames.became(1), Became::Status(200));
    // It stays while it answers, though nothing else is asked.
    let until = Instant::now() + 5 * short();
    while Instant::now() < until {
        let frame = frames.next().unwrap();
        assert_ne!(frame.kind, GOAWAY, "{frame:?}");
    }
    let head = frame(HEADERS, END_HEADERS, 3, &block(&with(&[("x", &"y".repeat(8000))])));
    let dripped = head[..7000].iter().all(|byte| {
        std::thread::sleep(Duration::from_millis(10));
        frames.raw(&[*byte])
    });
    assert!(!dripped, "it stays for ever");
    assert!(sender.is_closed(), "and its stream went with it");
    serves(&site);
}

#[test]
fn a_body_that_drips_is_no_way_to_stay_either() {
    let site = site(Limits { body_time: short(), body_bytes: 4 << 20, ..strict() });
    let mut drip = Frames::to(&site);
    drip.asks(1, &POST, true);
    let mut other = Frames::to(&site);
    other.asks(1, &POST, true);
    let dripped = std::thread::scope(|threads| {
        let drips = threads.spawn(move || {
            for _ in 0..20 {
                drip.says(DATA, 0, 1, b"x");
                std::thread::sleep(short() / 5);
            }
            drip.became(1)
        });
        assert_eq!(other.became(1), Became::Status(408), "nor is one that says nothing");
        drips.join().unwrap()
    });
    assert_eq!(dripped, Became::Status(408));
    serves(&site);
}

/// Much, at once or piece by piece.
fn much(limits: Limits) -> Site {
    Site::encrypted(limits, |_| {
        |head: Parts, body: Body, caller: Caller| async move {
            match head.uri.path() {
                "/much" => json(StatusCode::OK, Bytes::from(vec![b'x'; 1 << 20])),
                _ => echo(head, body, caller).await,
            }
        }
    })
}

fn much_please(frames: &mut Frames) {
    frames.asks(1, &[(":method", "GET"), POST[1], (":path", "/much"), POST[3]], false);
}

#[test]
fn whoever_takes_nothing_of_an_answer_is_given_up_though_they_answer_pings() {
    let site = much(Limits { write_time: short(), ..strict() });
    // A window that stays shut, one that is nearly shut, and one that is full at some time.
    for window in [0, 1, 65_535] {
        let mut frames = Frames::with(&site, &[(4, window)]);
        much_please(&mut frames);
        assert_eq!(frames.became(1), Became::Status(200));
        frames.ends();
        serves(&site);
    }
}

#[test]
fn whoever_takes_a_little_now_and_then_is_waited_for() {
    let site = much(Limits { write_time: PATIENCE, ..strict() });
    let mut frames = Frames::to(&site);
    much_please(&mut frames);
    let mut taken = 0;
    while let Some(frame) = frames.next() {
        if frame.kind != DATA {
            continue;
        }
        taken += frame.payload.len();
        if frame.flags & END_STREAM != 0 {
            break;
        }
        let more = u32::try_from(frame.payload.len()).unwrap().to_be_bytes();
        for stream in [0, 1] {
            frames.says(8, 0, stream, &more);
        }
    }
    assert_eq!(taken, 1 << 20);
}
