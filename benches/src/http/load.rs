//! Clients over HTTP: each has a connection and a session, and asks the next when it was answered.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Where an MCP endpoint is.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) port: u16,
    pub(crate) path: String,
}

/// One sort of call.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    /// What stands after the id in each request.
    pub(crate) rest: String,
    /// At least so long is each answer.
    pub(crate) answer: usize,
    /// Connections at once.
    pub(crate) connections: usize,
    /// Calls of each.
    pub(crate) each: usize,
}

/// What they took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Took {
    /// Median of the single calls, in microseconds.
    pub(crate) p50: f64,
    /// From the first call to the last answer.
    pub(crate) all: Duration,
}

/// A client. Dropping it closes its connection.
#[derive(Debug)]
pub(crate) struct Client {
    to: TcpStream,
    from: BufReader<TcpStream>,
    endpoint: Endpoint,
    session: Option<String>,
    next: u64,
    body: Vec<u8>,
}

const INITIALIZE: &str = concat!(
    r#""method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"#,
    r#""clientInfo":{"name":"bench","version":"1"}}}"#
);

impl Client {
    /// Connects, and shakes hands.
    pub(crate) fn greets(endpoint: &Endpoint) -> Result<Self, String> {
        let (to, from) = connection(endpoint)?;
        let endpoint = endpoint.clone();
        let mut client = Self { to, from, endpoint, session: None, next: 0, body: Vec::new() };
        client.asks(INITIALIZE)?;
        client.posts(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)?;
        Ok(client)
    }

    /// Connects once more: a connection that nobody used for long may be closed, and the session
    /// goes on.
    pub(crate) fn connects_again(&mut self) -> Result<(), String> {
        (self.to, self.from) = connection(&self.endpoint)?;
        Ok(())
    }

    /// A request with the next id; the body of its answer is kept.
    pub(crate) fn asks(&mut self, rest: &str) -> Result<(), String> {
        self.next += 1;
        let message = format!(r#"{{"jsonrpc":"2.0","id":{},{rest}"#, self.next);
        let status = self.posts(&message)?;
        let text = || String::from_utf8_lossy(&self.body).into_owned();
        if status == 200 && !find(&self.body, b"\"error\":") {
            return Ok(());
        }
        Err(format!("status {status}: {}", text().chars().take(500).collect::<String>()))
    }

    /// Ends the session.
    pub(crate) fn says_goodbye(mut self) -> Result<(), String> {
        match self.sends("DELETE", "")? {
            200..=299 => Ok(()),
            status => Err(format!("status {status} for the end of a session")),
        }
    }

    fn posts(&mut self, message: &str) -> Result<u16, String> {
        self.sends("POST", message)
    }

    fn sends(&mut self, method: &str, message: &str) -> Result<u16, String> {
        let Endpoint { port, path } = &self.endpoint;
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n",
            message.len()
        );
        if let Some(session) = &self.session {
            text.push_str("Mcp-Session-Id: ");
            text.push_str(session);
            text.push_str("\r\nMCP-Protocol-Version: 2025-11-25\r\n");
        }
        text.push_str("\r\n");
        text.push_str(message);
        self.to.write_all(text.as_bytes()).map_err(|error| error.to_string())?;
        self.hears().map_err(|error| format!("no answer: {error}"))
    }

    /// Reads one response.
    fn hears(&mut self) -> std::io::Result<u16> {
        let (mut status, mut length, mut chunked) = (0, None, false);
        let mut line = String::new();
        loop {
            line.clear();
            if self.from.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let text = line.trim_end();
            if text.is_empty() {
                break;
            }
            if let Some(rest) = text.strip_prefix("HTTP/1.1 ") {
                status = rest.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0);
            }
            let Some((name, value)) = text.split_once(':') else { continue };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok(),
                "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
                "mcp-session-id" if self.session.is_none() => self.session = Some(value.into()),
                _ => {}
            }
        }
        self.body.clear();
        match length {
            Some(length) => {
                self.from.by_ref().take(length).read_to_end(&mut self.body)?;
            }
            None if chunked => self.chunks()?,
            None => {}
        }
        Ok(status)
    }

    fn chunks(&mut self) -> std::io::Result<()> {
        let mut line = String::new();
        loop {
            line.clear();
            self.from.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim_end(), 16);
            let size = size.map_err(|_| std::io::Error::from(std::io::ErrorKind::InvalidData))?;
            self.from.by_ref().take(size).read_to_end(&mut self.body)?;
            line.clear();
            self.from.read_line(&mut line)?;
            if size == 0 {
                return Ok(());
            }
        }
    }
}

fn connection(endpoint: &Endpoint) -> Result<(TcpStream, BufReader<TcpStream>), String> {
    let failed = |error: std::io::Error| format!("port {}: {error}", endpoint.port);
    let to = TcpStream::connect(("127.0.0.1", endpoint.port)).map_err(failed)?;
    to.set_nodelay(true).map_err(failed)?;
    to.set_read_timeout(Some(Duration::from_secs(60))).map_err(failed)?;
    let from = BufReader::with_capacity(1 << 17, to.try_clone().map_err(failed)?);
    Ok((to, from))
}

/// All clients, greeted and connected.
pub(crate) fn clients(endpoint: &Endpoint, count: usize) -> Result<Vec<Client>, String> {
    let mut all: Vec<_> = (0..count).map(|_| Client::greets(endpoint)).collect::<Result<_, _>>()?;
    // The first may have waited for long until the last was greeted.
    all.iter_mut().try_for_each(Client::connects_again)?;
    Ok(all)
}

/// A tenth as many calls, before they are counted.
pub(crate) fn warm_up(clients: &mut [Client], calls: &Calls) -> Result<(), String> {
    each(clients, calls, calls.each.div_ceil(10)).map(drop)
}

/// Each asks its calls.
pub(crate) fn run(clients: &mut [Client], calls: &Calls) -> Result<Took, String> {
    each(clients, calls, calls.each)
}

fn each(clients: &mut [Client], calls: &Calls, count: usize) -> Result<Took, String> {
    let start = Barrier::new(clients.len() + 1);
    let (mut times, all) = std::thread::scope(|threads| {
        let ask = |client| {
            let start = &start;
            threads.spawn(move || {
                start.wait();
                asked(client, calls, count)
            })
        };
        let all: Vec<_> = clients.iter_mut().map(ask).collect();
        start.wait();
        let since = Instant::now();
        let mut times = Vec::with_capacity(calls.connections * count);
        for thread in all {
            times.extend(thread.join().map_err(|_| "a client panicked".to_owned())??);
        }
        Ok::<_, String>((times, since.elapsed()))
    })?;
    times.sort_unstable();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    Ok(Took { p50: middle.as_secs_f64() * 1e6, all })
}

fn asked(client: &mut Client, calls: &Calls, count: usize) -> Result<Vec<Duration>, String> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let since = Instant::now();
        client.asks(&calls.rest)?;
        times.push(since.elapsed());
        if client.body.len() < calls.answer {
            let said = String::from_utf8_lossy(&client.body);
            return Err(format!("too short an answer: {said}"));
        }
    }
    Ok(times)
}

/// Only the beginning: an error says so at once, and what follows may be long.
fn find(body: &[u8], what: &[u8]) -> bool {
    let head = body.get(..body.len().min(128)).unwrap_or_default();
    head.windows(what.len()).any(|window| window == what)
}
