//! A network client for this crate's tests: runs inside a box and does what each line
//! of its stdin says. One line of stdout answers each, with odd bytes written as `\xNN`.
//!
//! ```text
//! say ADDRESS ⇥ TEXT [⇥ TEXT…]   connect, send, and after each answer send the next
//! hold ADDRESS ⇥ COUNT ⇥ TEXT    open so many connections, send, and keep them open
//! look NAME                      the name's addresses, as programs get them
//! ask NAME ⇥ KIND ⇥ udp|tcp      a question to 127.0.0.1:53: code and number of answers
//! talk ADDRESS ⇥ TEXT            as say, and keep it open for `more`
//! more TEXT                      say more there
//! ```

use std::io::{BufRead as _, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::time::Duration;

/// Longer than anything local takes, shorter than a test's patience.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Caller {
    held: Vec<TcpStream>,
    talk: Option<TcpStream>,
}

fn main() {
    let mut caller = Caller::default();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let words: Vec<&str> = rest.split('\t').collect();
        let said = caller.obey(verb, &words);
        let said = said.unwrap_or_else(|error| format!("error {}", name_of(&error)));
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{said}").and_then(|()| out.flush());
    }
}

impl Caller {
    fn obey(&mut self, verb: &str, words: &[&str]) -> std::io::Result<String> {
        match (verb, words) {
            ("say", [address, texts @ ..]) => say(&mut connect(address)?, texts),
            ("talk", [address, texts @ ..]) => {
                let mut stream = connect(address)?;
                let said = some(&mut stream, texts);
                self.talk = Some(stream);
                said
            }
            ("more", texts) => match &mut self.talk {
                Some(stream) => some(stream, texts),
                None => Ok("nothing is open".to_owned()),
            },
            ("hold", [address, count, text]) => {
                let count: usize = count.parse().unwrap_or_default();
                for _ in 0..count {
                    let mut stream = connect(address)?;
                    stream.write_all(&unescaped(text))?;
                    self.held.push(stream);
                }
                Ok(format!("{} held", self.held.len()))
            }
            ("look", [name]) => {
                let found = (*name, 0).to_socket_addrs()?;
                let found: Vec<_> = found.map(|address| address.ip().to_string()).collect();
                Ok(found.first().cloned().unwrap_or_default())
            }
            ("ask", [name, kind, way]) => ask(name, kind.parse().unwrap_or_default(), way),
            _ => Ok("what?".to_owned()),
        }
    }
}

/// To `ADDRESS:PORT`, or to `NAME:PORT`.
fn connect(address: &str) -> std::io::Result<TcpStream> {
    let mut addresses = address.to_socket_addrs()?;
    let address: SocketAddr = addresses.next().ok_or(std::io::ErrorKind::NotFound)?;
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Sends each text after something was heard to the one before; everything heard.
fn say(stream: &mut TcpStream, texts: &[&str]) -> std::io::Result<String> {
    let mut heard = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        stream.write_all(&unescaped(text))?;
        if number + 1 < texts.len() {
            heard.extend(one_read(stream)?);
        }
    }
    let mut rest = Vec::new();
    let ended = stream.read_to_end(&mut rest);
    heard.extend(rest);
    match ended {
        Err(error) if heard.is_empty() => Err(error),
        _ => Ok(escaped(&heard)),
    }
}

/// Sends, and takes what one read gives.
fn some(stream: &mut TcpStream, texts: &[&str]) -> std::io::Result<String> {
    let mut heard = Vec::new();
    for text in texts {
        stream.write_all(&unescaped(text))?;
        heard = one_read(stream)?;
    }
    Ok(if heard.is_empty() { "closed".to_owned() } else { escaped(&heard) })
}

fn one_read(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4096];
    let length = stream.read(&mut bytes)?;
    bytes.truncate(length);
    Ok(bytes)
}

fn ask(name: &str, kind: u16, way: &str) -> std::io::Result<String> {
    let mut packet = vec![7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        packet.push(u8::try_from(label.len()).unwrap_or_default());
        packet.extend(label.bytes());
    }
    packet.push(0);
    packet.extend(kind.to_be_bytes());
    packet.extend([0, 1]);
    let answer = if way == "tcp" {
        let mut stream = connect("127.0.0.1:53")?;
        let length = u16::try_from(packet.len()).unwrap_or_default();
        stream.write_all(&[length.to_be_bytes().as_slice(), &packet].concat())?;
        one_read(&mut stream)?.split_off(2)
    } else {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.send_to(&packet, "127.0.0.1:53")?;
        let mut bytes = vec![0; 1500];
        let length = socket.recv(&mut bytes)?;
        bytes.truncate(length);
        bytes
    };
    let byte = |at: usize| answer.get(at).copied().unwrap_or(255);
    Ok(format!("code {} answers {}", byte(3) & 15, byte(7)))
}

/// The kind, for that is what an attacker learns.
fn name_of(error: &std::io::Error) -> String {
    format!("{:?}", error.kind())
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        out.push(match (byte, byte == b'\\') {
            (_, true) => match rest.next() {
                Some(b'r') => b'\r',
                Some(b'n') => b'\n',
                Some(b'x') => {
                    let two: String = rest.by_ref().take(2).map(char::from).collect();
                    u8::from_str_radix(&two, 16).unwrap_or_default()
                }
                other => other.unwrap_or_default(),
            },
            (byte, false) => byte,
        });
    }
    out
}

fn escaped(bytes: &[u8]) -> String {
    let plain = |byte: &u8| match byte {
        b'\r' => "\\r".to_owned(),
        b'\n' => "\\n".to_owned(),
        b' '..=b'~' => char::from(*byte).to_string(),
        other => format!("\\x{other:02x}"),
    };
    bytes.iter().map(plain).collect()
}
