//! The two ends of a test of the network by name: hosts on this machine's loopback,
//! and a client in a box.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by failing")]

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use portcullis_confine::egress::{Doors, Egress, Resolver};
use portcullis_confine::{Custody, Network, spawn};
use portcullis_guard::egress::{Reach, Rule, Told};

use crate::common::profile;

/// Hosts outside, and a resolver that says what the test wants.
pub(crate) struct Outside {
    port: u16,
    echo: u16,
    heard: Arc<Mutex<Vec<String>>>,
    lookups: Arc<Mutex<Vec<String>>>,
    addresses: Vec<IpAddr>,
}

impl Outside {
    /// A resolver that knows nobody.
    pub(crate) fn new() -> Self {
        Self::answering("")
    }

    /// A resolver that answers every question with these addresses.
    pub(crate) fn answering(addresses: &str) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (web, echo) = (listener(), listener());
        let ports = (port_of(&web), port_of(&echo));
        let kept = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in web.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || answer(stream, &kept));
            }
        });
        std::thread::spawn(move || {
            for mut stream in echo.incoming().flatten() {
                std::thread::spawn(move || {
                    let mut back = stream.try_clone().unwrap();
                    std::io::copy(&mut stream, &mut back)
                });
            }
        });
        let addresses = addresses.split_whitespace().map(|text| text.parse().unwrap()).collect();
        Self { port: ports.0, echo: ports.1, heard, lookups: Arc::default(), addresses }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// With the ports of this outside in place of their words.
    pub(crate) fn text(&self, text: &str) -> String {
        text.replace("PORT", &self.port.to_string()).replace("ECHO", &self.echo.to_string())
    }

    pub(crate) fn rules(&self, rules: &[&str]) -> Vec<Rule> {
        rules.iter().map(|rule| Rule::new(&self.text(rule)).unwrap()).collect()
    }

    pub(crate) fn resolver(&self) -> Resolver {
        let (lookups, addresses) = (Arc::clone(&self.lookups), self.addresses.clone());
        Resolver::new(move |name| {
            lookups.lock().unwrap().push(name.to_owned());
            Ok(addresses.clone())
        })
    }

    /// What every connection said.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// What was looked up.
    pub(crate) fn lookups(&self) -> Vec<String> {
        self.lookups.lock().unwrap().clone()
    }
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().unwrap().port()
}

/// A host that answers one request, or says that it heard a hello.
fn answer(mut stream: TcpStream, kept: &Mutex<Vec<String>>) {
    stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let mut all = Vec::new();
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut bytes) {
        all.extend(&bytes[..length]);
        let text = String::from_utf8_lossy(&all);
        if all.starts_with(&[22]) {
            let _ = stream.write_all(b"hello was heard");
            break;
        }
        // A little longer than the head, to hear whatever should not follow.
        if text.contains("\r\n\r\n") {
            stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        }
    }
    if all.starts_with(b"GET") || all.starts_with(b"POST") {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhere");
    }
    kept.lock().unwrap().push(String::from_utf8_lossy(&all).into_owned());
}

/// A client in a box, one line at a time.
pub(crate) struct Inside {
    stdin: Option<File>,
    stdout: BufReader<File>,
    egress: Egress,
    teller: JoinHandle<Vec<String>>,
    _stderr: OwnedFd,
    custody: Custody,
}

impl Inside {
    pub(crate) fn start(rules: &[Rule], resolver: Resolver) -> Self {
        let caller = env!("CARGO_BIN_EXE_confine-caller");
        let reach = Reach::new(rules.to_vec()).unwrap();
        let mut profile = profile(&[caller]);
        profile.code.push(caller.into());
        profile.network = Network::Named(Doors::of(&reach));
        let confined = spawn(&profile).unwrap_or_else(|error| panic!("{error}"));
        let sockets = confined.sockets.unwrap();
        let (egress, mut denials) = Egress::serve(sockets, reach, resolver, None).unwrap();
        let teller = std::thread::spawn(move || {
            std::iter::from_fn(|| denials.blocking_recv().map(|told: Told| told.to_string()))
                .collect()
        });
        Self {
            stdin: Some(confined.stdin.into()),
            stdout: BufReader::new(confined.stdout.into()),
            egress,
            teller,
            _stderr: confined.stderr,
            custody: confined.custody,
        }
    }

    /// Does one line; what came of it.
    pub(crate) fn does(&mut self, line: &str) -> String {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
        let mut said = String::new();
        self.stdout.read_line(&mut said).unwrap();
        said.trim_end().to_owned()
    }

    pub(crate) fn change(&self, reach: Reach) {
        self.egress.change(reach);
    }

    /// Ends it; everything that was told.
    pub(crate) fn leave(mut self) -> Vec<String> {
        drop(self.stdin.take());
        self.custody.wait().unwrap();
        drop(self.egress);
        self.teller.join().unwrap()
    }
}

/// A TLS hello for a name, or for none, in the caller's notation.
pub(crate) fn hello(name: &str) -> String {
    let length = u16::try_from(name.len()).unwrap();
    let mut extensions = vec![0, 10, 0, 4, 0, 2, 0, 29];
    if !name.is_empty() {
        extensions.extend([0, 0]);
        extensions.extend((length + 5).to_be_bytes());
        extensions.extend((length + 3).to_be_bytes());
        extensions.push(0);
        extensions.extend(length.to_be_bytes());
        extensions.extend(name.bytes());
    }
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    let mut message = vec![1, 0];
    message.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    message.extend(body);
    let mut record = vec![22, 3, 1];
    record.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
    record.extend(message);
    record.iter().map(|byte| format!("\\x{byte:02x}")).collect()
}

/// How many bytes the caller makes of a text in its notation.
pub(crate) fn length_of(text: &str) -> usize {
    text.len() - 3 * text.matches("\\x").count()
}
