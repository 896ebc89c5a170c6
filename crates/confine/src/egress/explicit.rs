//! The proxy that programs are told about: CONNECT, `http://…` and SOCKS5 at one port.

use std::io;

use portcullis_guard::egress::http::{self, Form, Request};
use portcullis_guard::egress::socks::{self, Asked, Reply};
use portcullis_guard::egress::{Denial, Read, Target, Why};
use tokio::net::TcpStream;

use super::serve::Shared;
use super::talk::{Talk, Unheard};
use super::tunnel;

/// Speaks with one client, whatever it speaks.
pub(super) async fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut talk = Talk::new(stream);
    let first = |bytes: &[u8]| -> Result<_, ()> {
        Ok(bytes.first().map_or(Read::More, |byte| Read::Whole(*byte, 0)))
    };
    match talk.overhear(first).await {
        Ok(socks::VERSION) => by_socks(talk, shared).await,
        Ok(_) => by_http(talk, shared).await,
        Err(_) => Ok(()),
    }
}

async fn by_http(mut talk: Talk, shared: &Shared) -> io::Result<()> {
    let request = match talk.hear(http::request).await {
        Ok(request) => request,
        Err(Unheard::Gone) => return Ok(()),
        Err(Unheard::Bad(what)) => {
            let denial = Denial::about("our proxy", Why::Protocol(what));
            return refusal(&mut talk, shared, denial, 400).await;
        }
    };
    let (asked, usual) = match &request.form {
        Form::Tunnel(authority) => (authority, None),
        Form::Absolute(authority, _) => (authority, Some(80)),
        Form::Origin(_) => {
            let denial = Denial::about("our proxy", Why::Protocol("it is no web server"));
            return refusal(&mut talk, shared, denial, 400).await;
        }
    };
    let connected = match understand(asked, usual, shared) {
        Ok(target) => shared.dial(&target).await.map(|stream| (target, stream)),
        Err(denial) => Err(denial),
    };
    match connected {
        Ok((target, upstream)) => pass(talk, upstream, &request, &target, shared).await,
        Err(denial) => {
            let code = if denial.why.is_failure() { 502 } else { 403 };
            refusal(&mut talk, shared, denial, code).await
        }
    }
}

async fn pass(
    mut talk: Talk,
    upstream: TcpStream,
    request: &Request,
    target: &Target,
    shared: &Shared,
) -> io::Result<()> {
    if let Form::Tunnel(_) = request.form {
        talk.say(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
        return tunnel::run(talk, upstream, target, shared).await;
    }
    tunnel::one_request(talk, upstream, request, target, shared).await
}

fn understand(asked: &str, usual: Option<u16>, shared: &Shared) -> Result<Target, Denial> {
    let target = Target::new(asked, usual);
    let target = target.map_err(|why| Denial::about(asked, Why::NotAHost(why)))?;
    shared.understand(target)
}

/// Tells a denial, then answers the server with one neutral line.
pub(super) async fn refusal(
    talk: &mut Talk,
    shared: &Shared,
    denial: Denial,
    code: u16,
) -> io::Result<()> {
    shared.tell(denial).await;
    let (reason, text) = match code {
        400 => ("Bad Request", "this request is not passed on\n"),
        502 => ("Bad Gateway", "nobody answers there\n"),
        _ => ("Forbidden", "not permitted: this host is not among those granted\n"),
    };
    let answer = format!(
        "HTTP/1.1 {code} {reason}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{text}",
        text.len()
    );
    talk.end(answer.as_bytes()).await
}

async fn by_socks(mut talk: Talk, shared: &Shared) -> io::Result<()> {
    match talk.hear(socks::greeting).await {
        Ok(true) => talk.say(&socks::WELCOME).await?,
        Ok(false) => return talk.end(&socks::NO_WAY).await,
        Err(_) => return Ok(()),
    }
    let (host, port) = match talk.hear(socks::request).await {
        Ok(Asked::Connect(host, port)) => (host, port),
        Ok(Asked::Other) => return talk.end(&Reply::NotSupported.bytes()).await,
        Err(_) => return Ok(()),
    };
    let connected = match understand(&format!("{host}:{port}"), None, shared) {
        Ok(target) => shared.dial(&target).await.map(|stream| (target, stream)),
        Err(denial) => Err(denial),
    };
    match connected {
        Ok((target, upstream)) => {
            talk.say(&Reply::Connected.bytes()).await?;
            tunnel::run(talk, upstream, &target, shared).await
        }
        Err(denial) => {
            let failure = denial.why.is_failure();
            shared.tell(denial).await;
            let reply = if failure { Reply::Unreachable } else { Reply::Denied };
            talk.end(&reply.bytes()).await
        }
    }
}
