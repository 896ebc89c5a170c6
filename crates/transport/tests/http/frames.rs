//! HTTP/2 frame by frame (RFC 9113), as no client would send them: over TLS, to a site of ours.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::site::{PATIENCE, Site};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RESET: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Became {
    /// It was answered.
    Status(u16),
    /// Its stream was reset, and nobody heard it.
    Reset(u32),
    /// The connection ended.
    Gone,
}

/// A frame of the site's.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// A connection that agreed on HTTP/2.
pub(crate) struct Frames {
    tls: StreamOwned<ClientConnection, TcpStream>,
    /// Pings are answered.
    pub(crate) answers_pings: bool,
}

/// An encrypted connection that offers these.
pub(crate) fn encrypted(
    site: &Site,
    offers: &[&[u8]],
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(site.certificate().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = offers.iter().map(|it| it.to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = site.connect();
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(connection, stream))
}

impl Frames {
    /// Encrypted, and nothing said yet.
    pub(crate) fn silent(site: &Site) -> Self {
        let tls = encrypted(site, &[b"h2"]).unwrap();
        assert_eq!(tls.conn.alpn_protocol(), Some(&b"h2"[..]));
        Self { tls, answers_pings: true }
    }

    /// With these settings of ours.
    pub(crate) fn with(site: &Site, settings: &[(u16, u32)]) -> Self {
        let mut it = Self::silent(site);
        it.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let mut payload = Vec::new();
        for (name, value) in settings {
            payload.extend(name.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        it.says(SETTINGS, 0, 0, &payload);
        it
    }

    pub(crate) fn to(site: &Site) -> Self {
        Self::with(site, &[])
    }

    /// False, when nobody takes it any more.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> bool {
        self.tls.write_all(bytes).and_then(|()| self.tls.flush()).is_ok()
    }

    pub(crate) fn says(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let bytes = frame(kind, flags, stream, payload);
        self.raw(&bytes)
    }

    /// A request in one frame, without a body unless it goes on.
    pub(crate) fn asks(&mut self, stream: u32, fields: &[(&str, &str)], goes_on: bool) -> bool {
        let flags = END_HEADERS | if goes_on { 0 } else { END_STREAM };
        self.says(HEADERS, flags, stream, &block(fields))
    }

    /// The next frame; nothing when the connection ended.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        let ended = self.tls.read_exact(&mut head);
        let Ok(()) = ended else {
            let kind = ended.unwrap_err().kind();
            let hangs = matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
            assert!(!hangs, "nothing came for {PATIENCE:?}");
            return None;
        };
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.tls.read_exact(&mut payload).ok()?;
        let stream = u32::from_be_bytes(stream) & 0x7fff_ffff;
        match (kind, flags & ACK) {
            (SETTINGS, 0) => drop(self.says(SETTINGS, ACK, 0, &[])),
            (PING, 0) if self.answers_pings => drop(self.says(PING, ACK, 0, &payload)),
            _ => {}
        }
        Some(Frame { kind, flags, stream, payload })
    }

    /// What becomes of the first request on this connection.
    pub(crate) fn became(&mut self, stream: u32) -> Became {
        while let Some(frame) = self.next() {
            match frame.kind {
                HEADERS if frame.stream == stream => return Became::Status(status(&frame.payload)),
                RESET if frame.stream == stream => return Became::Reset(code(&frame.payload)),
                _ => {}
            }
        }
        Became::Gone
    }

    /// Reads on until the connection ends; the code that it ended with.
    pub(crate) fn ends(&mut self) -> Option<u32> {
        let mut last = None;
        while let Some(frame) = self.next() {
            if frame.kind == GOAWAY {
                last = frame.payload.get(4..).map(code);
            }
        }
        last
    }
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

pub(crate) fn code(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload[..4].try_into().unwrap())
}

/// Fields letter by letter, whatever they are (RFC 7541, section 6.2.2).
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        for text in [name, value] {
            length(text.len(), &mut bytes);
            bytes.extend(text.as_bytes());
        }
    }
    bytes
}

fn length(mut length: usize, into: &mut Vec<u8>) {
    if length < 127 {
        into.push(u8::try_from(length).unwrap());
        return;
    }
    into.push(127);
    length -= 127;
    while length >= 128 {
        into.push(u8::try_from(length % 128).unwrap() | 128);
        length /= 128;
    }
    into.push(u8::try_from(length).unwrap());
}

/// The status of the first answer on a connection, of which nothing was indexed before.
fn status(block: &[u8]) -> u16 {
    let indexed = [200, 204, 206, 304, 400, 404, 500];
    match *block {
        [first @ 0x88..=0x8e, ..] => indexed[usize::from(first) - 0x88],
        [0x48, length, ..] if length & 0x80 == 0 => {
            let text = &block[2..2 + usize::from(length)];
            std::str::from_utf8(text).unwrap().parse().unwrap()
        }
        [0x48, length, ..] => digits(&block[2..2 + usize::from(length & 0x7f)]),
        _ => panic!("no status: {block:?}"),
    }
}

/// Three digits in Huffman's code: 0 to 2 have five bits, the others six (RFC 7541, appendix B).
fn digits(bytes: &[u8]) -> u16 {
    let all = bytes.iter().fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
    let (mut left, mut number) = (bytes.len() * 8, 0);
    for _ in 0..3 {
        let five = (all >> (left - 5)) & 0x1f;
        let digit = if five <= 2 {
            left -= 5;
            five
        } else {
            left -= 6;
            ((all >> left) & 0x3f) - 0x19 + 3
        };
        number = number * 10 + u16::try_from(digit).unwrap();
    }
    number
}
