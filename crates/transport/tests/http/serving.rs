//! Connections come, are answered and end.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use hyper::body::Bytes;
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use portcullis_transport::http::{
    Address, Body, Caller, Limits, Reply, Standing, empty, events, json,
};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use tokio::sync::mpsc;

use crate::site::{PATIENCE, Site, everything, post, short, status, until};

/// Says back how many bytes were sent.
async fn count(_: Parts, body: Body, _: Caller) -> Reply {
    match body.read().await {
        Ok(bytes) => json(StatusCode::OK, Bytes::from(format!("[{}]", bytes.len()))),
        Err(refusal) => refusal.into(),
    }
}

#[test]
fn one_connection_carries_many_requests() {
    let site = Site::on_loopback(Limits::default(), count);
    let mut stream = site.connect();
    for body in ["", "a", "four", &"x".repeat(100_000)] {
        stream.write_all(post(body).as_bytes()).unwrap();
        let answer = until(&mut stream, "]");
        assert!(answer.ends_with(&format!("\r\n\r\n[{}]", body.len())), "{answer}");
        assert_eq!(status(&answer), Some(200));
    }
    assert_eq!(site.answered(), 4);
}

#[test]
fn the_kernel_says_who_calls() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = Arc::clone(&seen);
    let answer = move |_: Parts, _: Body, caller: Caller| {
        sees.lock().unwrap().push(caller);
        async { empty(StatusCode::ACCEPTED) }
    };
    let ours = Some(rustix::process::geteuid().as_raw());
    let site = Site::on_loopback(Limits::default(), answer.clone());
    let mut stream = site.connect();
    let here = stream.local_addr().unwrap();
    stream.write_all(post("").as_bytes()).unwrap();
    assert_eq!(status(&until(&mut stream, "\r\n\r\n")), Some(202));

    // A socket's path has 107 bytes, and TMPDIR may be longer.
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let path = folder.path().join("s");
    let local = Site::at(&Address::Unix(path.clone()), Limits::default(), answer);
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.write_all(post("").as_bytes()).unwrap();
    assert_eq!(status(&until(&mut stream, "\r\n\r\n")), Some(202));
    let by =
        |address| Caller { uid: ours, address, certificate: None, standing: Standing::default() };
    let callers = [by(Some(here)), by(None)];
    assert_eq!(*seen.lock().unwrap(), callers);
    drop(stream);
    drop(local);
    assert!(!path.exists(), "a socket goes with its listener");
}

#[test]
fn a_stream_is_sent_as_it_comes_and_ends_with_its_sender() {
    let (sender, receiver) = mpsc::channel(1);
    let receiver = Mutex::new(Some(receiver));
    let answer = move |_: Parts, _: Body, _: Caller| {
        let receiver = receiver.lock().unwrap().take().unwrap();
        async { events(Box::new(receiver)) }
    };
    let answer = Arc::new(answer);
    let site =
        Site::on_loopback(Limits::default(), move |head, body, caller| answer(head, body, caller));
    let mut stream = site.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let head = until(&mut stream, "\r\n\r\n");
    assert!(head.contains("content-type: text/event-stream\r\n"), "{head}");
    for piece in ["data: 1\n\n", "data: 2\n\n"] {
        sender.blocking_send(Bytes::from(piece)).unwrap();
        assert_eq!(until(&mut stream, "\n\n\r\n"), format!("9\r\n{piece}\r\n"));
    }
    drop(sender);
    assert_eq!(until(&mut stream, "0\r\n\r\n"), "0\r\n\r\n");
}

#[test]
fn who_goes_away_in_the_middle_of_a_stream_is_noticed() {
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    let site = Site::on_loopback(Limits::default(), move |_, _, _| {
        let receiver = receiver.lock().unwrap().take().unwrap();
        async { events(Box::new(receiver)) }
    });
    let mut stream = site.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    until(&mut stream, "\r\n\r\n");
    assert!(!sender.is_closed());
    drop(stream);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let noticed = async { tokio::time::timeout(PATIENCE, sender.closed()).await };
    runtime.block_on(noticed).unwrap();
}

#[test]
fn a_body_is_bounded_before_it_is_sent_while_it_comes_and_in_time() {
    let limits = Limits { body_bytes: 10, body_time: short(), ..Limits::default() };
    let site = Site::on_loopback(limits, count);
    let head = "POST / HTTP/1.1\r\nhost: x\r\n";
    for (rest, expect) in [
        ("content-length: 11\r\n\r\n", 413),
        ("content-length: 18446744073709551613\r\n\r\n", 413),
        // hyper counts no further, and says so in its own way.
        ("content-length: 18446744073709551614\r\n\r\n", 431),
        ("transfer-encoding: chunked\r\n\r\n6\r\n012345\r\n5\r\n01234\r\n", 413),
        ("content-length: 10\r\n\r\n0123", 408),
        ("transfer-encoding: chunked\r\n\r\n6\r\n012345\r\n", 408),
        ("transfer-encoding: chunked\r\n\r\n6\r\n012345\r\nz\r\n", 400),
        ("transfer-encoding: chunked\r\n\r\n6\r\n012345\r\n4\r\n0123\r\n0\r\n\r\n", 200),
    ] {
        assert_eq!(status(&site.raw(format!("{head}{rest}").as_bytes())), Some(expect), "{rest}");
    }
}

#[test]
fn one_connection_too_many_is_closed_and_the_others_go_on() {
    let site = Site::on_loopback(Limits { connections: 3, ..Limits::default() }, knows);
    let mut open: Vec<_> = (0..3).map(|_| site.connect()).collect();
    for stream in &mut open {
        stream.write_all(post("a").as_bytes()).unwrap();
        assert_eq!(status(&until(stream, "[1]")), Some(200));
    }
    assert_eq!(site.raw(post("a").as_bytes()), "");
    assert_eq!(site.answered(), 3);
    drop(open.pop());
    // Somebody went, and soon there is room again.
    let came = (0..600).any(|_| {
        std::thread::sleep(short() / 2);
        let mut stream = site.connect();
        let asked = stream
            .write_all(post("a").replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n").as_bytes());
        asked.is_ok() && status(&everything(&mut stream)) == Some(200)
    });
    assert!(came, "nobody is let in any more");
    for stream in &mut open {
        stream.write_all(post("a").as_bytes()).unwrap();
        assert_eq!(status(&until(stream, "[1]")), Some(200));
    }
}

/// Whoever sends a letter is known.
async fn knows(head: Parts, body: Body, caller: Caller) -> Reply {
    let is_known = head.method == Method::POST;
    if is_known {
        caller.standing.prove();
    }
    count(head, body, caller).await
}

#[test]
fn one_address_never_has_all_connections() {
    let limits = Limits { connections: 3, of_one_address: 2, ..Limits::default() };
    let site = Site::on_loopback(limits, knows);
    let from = |ip: [u8; 4]| {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&socket, &SocketAddr::from((ip, 0))).unwrap();
        connect(&socket, &site.tcp()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let mut open: Vec<_> = (0..2).map(|_| from([127, 0, 0, 1])).collect();
    for stream in &mut open {
        stream.write_all(post("a").as_bytes()).unwrap();
        assert_eq!(status(&until(stream, "[1]")), Some(200));
    }
    let mut third = from([127, 0, 0, 1]);
    let _ = third.write_all(post("a").as_bytes());
    assert_eq!(everything(&mut third), "");
    let mut other = from([127, 0, 0, 2]);
    other.write_all(post("a").as_bytes()).unwrap();
    assert_eq!(status(&until(&mut other, "[1]")), Some(200));
}

#[test]
fn who_never_was_known_holds_out_nobody_who_is() {
    let limits = Limits { connections: 3, of_one_address: 3, ..Limits::default() };
    let site = Site::on_loopback(limits, knows);
    let asks = "OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut known = site.connect();
    known.write_all(post("a").as_bytes()).unwrap();
    assert_eq!(status(&until(&mut known, "[1]")), Some(200));
    let mut strangers: Vec<_> = (0..2).map(|_| site.connect()).collect();
    for stream in &mut strangers {
        stream.write_all(asks.as_bytes()).unwrap();
        assert_eq!(status(&until(stream, "[0]")), Some(200));
    }
    let mut other = site.connect();
    other.write_all(post("a").as_bytes()).unwrap();
    assert_eq!(status(&until(&mut other, "[1]")), Some(200));
    let mut strangers = strangers.into_iter();
    assert_eq!(everything(&mut strangers.next().unwrap()), "", "the first of them gave way");
    for mut stays in [strangers.next().unwrap(), known] {
        stays.write_all(post("a").as_bytes()).unwrap();
        assert_eq!(status(&until(&mut stays, "[1]")), Some(200));
    }
}

/// Pools of connections that are opened anew all at once, while the old ones are still counted: the
/// thread that lets callers in does something else meanwhile, or hears of each.
#[test]
fn who_has_left_takes_nobodys_place() {
    const POOL: usize = 128;
    let limits = Limits { connections: 256, of_one_address: 192, ..Limits::default() };
    let site = Site::on_loopback(limits, |head, body, caller| {
        if head.uri.path() == "/long" {
            std::thread::sleep(short());
        }
        knows(head, body, caller)
    });
    let mut busy = site.connect();
    let mut pool = Vec::new();
    for keeps_busy in [false, false, true, true] {
        if keeps_busy {
            busy.write_all(post("a").replace("POST /", "POST /long").as_bytes()).unwrap();
            std::thread::sleep(short() / 10);
        }
        // Each new one comes right before the one whose place it takes is closed.
        for at in 0..POOL {
            let fresh = site.connect();
            if at < pool.len() {
                pool[at] = fresh;
            } else {
                pool.push(fresh);
            }
        }
        if keeps_busy {
            assert_eq!(status(&until(&mut busy, "[1]")), Some(200));
        }
        for stream in &mut pool {
            stream.write_all(post("a").as_bytes()).unwrap();
            assert_eq!(status(&until(stream, "[1]")), Some(200));
        }
    }
}

#[test]
fn at_the_end_what_is_under_way_is_answered_and_nobody_new_is_let_in() {
    let (go, wait) = mpsc::channel::<()>(1);
    let wait = Arc::new(tokio::sync::Mutex::new(wait));
    let mut site = Site::on_loopback(Limits::default(), move |_, _, _| {
        let wait = Arc::clone(&wait);
        async move {
            let _ = wait.lock().await.recv().await;
            empty(StatusCode::OK)
        }
    });
    let mut asked = site.connect();
    asked.write_all(post("").as_bytes()).unwrap();
    let mut idle = site.connect();
    while site.answered() == 0 {
        std::thread::sleep(short() / 20);
    }
    site.stop();
    assert_eq!(idle.read(&mut [0]).unwrap(), 0, "who says nothing is let go");
    assert!(std::net::TcpStream::connect(site.tcp()).is_err(), "the port is closed");
    go.blocking_send(()).unwrap();
    assert_eq!(status(&everything(&mut asked)), Some(200));
}
