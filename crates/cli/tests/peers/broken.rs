//! A connection that breaks in the middle of an answer: hosts come back, and miss nothing.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::json;

use crate::calls;
use crate::gateway::Gateway;
use crate::host::{Host, PYTHON_1, PYTHON_2_LEGACY, TYPESCRIPT_1, TYPESCRIPT_2_LEGACY};
use crate::yard::Yard;

/// Stands between a host and the gateway. It breaks the connection on which progress is told for
/// the first time, and no other.
#[derive(Debug)]
struct Relay {
    port: u16,
    broken: Arc<AtomicUsize>,
}

impl Relay {
    /// A port that leads nowhere yet, and how it is led.
    fn bind() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    fn to(listener: TcpListener, gateway: u16) -> Self {
        let port = listener.local_addr().unwrap().port();
        let broken = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&broken);
        // Ends with the process.
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let server = TcpStream::connect(("127.0.0.1", gateway)).unwrap();
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || carry(from, to, |_| false));
                let broken = Arc::clone(&counted);
                thread::spawn(move || {
                    carry(server, client, |bytes| {
                        let text = String::from_utf8_lossy(bytes);
                        text.contains("notifications/progress")
                            && broken.fetch_add(1, Ordering::AcqRel) == 0
                    });
                });
            }
        });
        Self { port, broken }
    }
}

/// Carries bytes one way, until one end is closed or these bytes break it.
fn carry(mut from: TcpStream, mut to: TcpStream, breaks: impl Fn(&[u8]) -> bool) {
    let mut bytes = [0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..read]).is_err() || breaks(&bytes[..read]) {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

#[test]
fn python_1_comes_back() {
    comes_back(PYTHON_1);
}

#[test]
fn python_2_comes_back() {
    comes_back(PYTHON_2_LEGACY);
}

#[test]
fn typescript_1_comes_back() {
    comes_back(TYPESCRIPT_1);
}

#[test]
fn typescript_2_comes_back() {
    comes_back(TYPESCRIPT_2_LEGACY);
}

fn comes_back(host: Host) {
    let yard = Yard::new();
    let run = calls::everything(&yard).guarded(&yard, &[]);
    let long = "trigger-long-running-operation";
    let steps = json!([
        {"call": long, "arguments": {"duration": 0.6, "steps": 3}, "progress": true},
        {"call": "echo", "arguments": {"message": "still here"}},
    ]);
    let (listener, port) = Relay::bind();
    let gateway = Gateway::under(&yard, &run, &format!("127.0.0.1:{port}"));
    let relay = Relay::to(listener, gateway.port());
    let facts = host.drive_to(&format!("http://127.0.0.1:{}/s/server/mcp", relay.port), &steps);
    assert!(relay.broken.load(Ordering::Acquire) >= 1, "the connection broke");
    let steps = facts["steps"].as_array().unwrap();
    let told = "Long running operation completed. Duration: 0.6 seconds, Steps: 3.";
    assert_eq!(steps[0]["text"], told, "{facts}");
    let seen = steps[0]["progress"].as_array().unwrap();
    let seen: Vec<f64> = seen.iter().filter_map(|said| said[0].as_f64()).collect();
    // The TypeScript SDKs drop what arrives together with the result.
    assert!([1.0, 2.0, 3.0].starts_with(&seen) && !seen.is_empty(), "{facts}");
    assert_eq!(steps[1]["text"], "Echo: still here", "{facts}");
    gateway.ends();
    let journal = yard.journal();
    let done = journal.iter().filter(|it| it["tool"] == long && it["event"] == "intent").count();
    assert_eq!(done, 1, "it was called once");
}
