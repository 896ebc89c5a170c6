//! The server of the benchmark over Streamable HTTP: a thread for each connection, nothing else.
//!
//! It answers as JSON, or, where the path ends with `/sse`, as an event stream: progress where that
//! was asked for, and the answer.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use crate::upstream::Upstream;

/// The longest body that it reads.
const LONGEST: usize = 4 << 20;

/// Says on which port it listens, and serves until it is ended.
pub(crate) fn serve(fillers: usize) -> Result<(), String> {
    let failed = |error: std::io::Error| error.to_string();
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    writeln!(std::io::stdout(), "{port}").map_err(failed)?;
    let upstream = Arc::new(Upstream::new(fillers));
    for stream in listener.incoming().flatten() {
        let upstream = Arc::clone(&upstream);
        std::thread::spawn(move || {
            // A client that goes away is no news.
            let _ = talk(&upstream, stream);
        });
    }
    Ok(())
}

fn talk(upstream: &Upstream, stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut to = stream.try_clone()?;
    let mut from = BufReader::with_capacity(1 << 16, stream);
    let (mut line, mut body) = (String::new(), Vec::new());
    loop {
        let (mut length, mut events, mut post) = (0, false, false);
        loop {
            line.clear();
            if from.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let text = line.trim_end();
            if text.is_empty() {
                break;
            }
            if let Some(rest) = text.strip_prefix("POST ") {
                post = true;
                events = rest.split(' ').next().is_some_and(|path| path.ends_with("/sse"));
            }
            let lower = text.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        body.clear();
        from.by_ref().take(length.min(LONGEST) as u64).read_to_end(&mut body)?;
        if !post {
            to.write_all(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")?;
            continue;
        }
        to.write_all(&answer(upstream, &body, events))?;
    }
}

/// One response, head and body in one piece.
fn answer(upstream: &Upstream, body: &[u8], events: bool) -> Vec<u8> {
    let Some((progress, answer)) = upstream.says(body) else {
        return b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_vec();
    };
    let mut content = Vec::with_capacity(answer.len() + 256);
    match events {
        true => progress.iter().chain([&answer]).for_each(|event| {
            [b"data: ", event.as_slice(), b"\n\n"]
                .iter()
                .for_each(|part| content.extend_from_slice(part));
        }),
        false => content = answer,
    }
    let kind = if events { "text/event-stream" } else { "application/json" };
    let mut out = format!(
        "HTTP/1.1 200 OK\r\nMcp-Session-Id: 0123456789abcdef0123456789abcdef\r\n\
         Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        content.len()
    )
    .into_bytes();
    out.append(&mut content);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_in_both_forms() {
        let upstream = Upstream::new(0);
        let ping = br#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#;
        let json = String::from_utf8(answer(&upstream, ping, false)).unwrap();
        let (_, body) = json.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, r#"{"jsonrpc":"2.0","id":7,"result":{}}"#);
        assert!(json.contains(&format!("Content-Length: {}\r\n", body.len())), "{json}");
        let events = String::from_utf8(answer(&upstream, ping, true)).unwrap();
        assert!(events.ends_with(&format!("\r\n\r\ndata: {body}\n\n")), "{events}");
        let wants = br#"{"id":7,"method":"tools/call","params":{"name":"read_bytes","arguments":{"bytes":1},"_meta":{"progressToken":3}}}"#;
        let events = String::from_utf8(answer(&upstream, wants, true)).unwrap();
        assert!(events.contains(r#"{"progressToken":3,"progress":1}"#), "{events}");
        assert_eq!(events.matches("data: ").count(), 2, "{events}");
        let said = br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert!(answer(&upstream, said, false).starts_with(b"HTTP/1.1 202"));
    }
}
