//! What the head of a request says: its kind, what it takes, its revision; and what a browser is told.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue, ORIGIN, VARY,
};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use portcullis_policy::ServerName;
use portcullis_transport::http::{Refusal, Reply};
use portcullis_wire::Revision;

use super::sessions::Session;

/// The transport that a path is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// Streamable HTTP: everything.
    Streamable,
    /// 2024-11-05: the stream that a session is.
    OldStream,
    /// 2024-11-05: what its client says.
    OldPost,
}

/// Where several servers are at once.
pub(super) const AGGREGATE: &str = "/mcp";

/// The server that a path leads to, or none where it leads to several, and the transport.
pub(super) fn place(path: &str) -> Option<(Option<ServerName>, Door)> {
    if path == AGGREGATE {
        return Some((None, Door::Streamable));
    }
    let (name, door) = path.strip_prefix("/s/")?.rsplit_once('/')?;
    let door = match door {
        "mcp" => Door::Streamable,
        "sse" => Door::OldStream,
        "message" => Door::OldPost,
        _ => return None,
    };
    Some((Some(ServerName::new(name).ok()?), door))
}

/// What a browser has to be told before a page of another origin may read an answer (Fetch,
/// "CORS protocol"). The wall has let that origin in, or there is none.
pub(super) fn cross_origin(parts: &Parts, mut reply: Reply) -> Reply {
    let Some(origin) = parts.headers.get(ORIGIN) else { return reply };
    let headers = reply.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Origin"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(READABLE));
    if parts.method == Method::OPTIONS {
        let methods = HeaderValue::from_static("POST, GET, DELETE");
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(SENDABLE));
    }
    reply
}

/// Headers of an answer that a page may read.
const READABLE: &str = "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate";
/// Headers that a page may send. Those of tools (`Mcp-Param-*`) cannot be listed: a page that
/// leaves them out is told which is missing.
const SENDABLE: &str = "Content-Type, Accept, Authorization, DPoP, Mcp-Session-Id, \
    MCP-Protocol-Version, Mcp-Method, Mcp-Name, Last-Event-ID";

/// A header that may be there once.
pub(super) fn only<'a>(parts: &'a Parts, name: &str) -> Result<Option<&'a str>, Refusal> {
    let mut all = parts.headers.get_all(name).iter();
    let first = all.next();
    if all.next().is_some() {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "a header stands twice"));
    }
    let text = first.map(|value| value.to_str()).transpose();
    text.map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "a header is no text"))
}

pub(super) fn is_json(parts: &Parts) -> bool {
    let kind = only(parts, "content-type").ok().flatten().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// Who asks takes answers of all these kinds.
pub(super) fn accepts(parts: &Parts, kinds: &[&str]) -> Result<(), Refusal> {
    let mut said = Vec::new();
    for value in parts.headers.get_all("accept") {
        let value = value.to_str().unwrap_or_default();
        said.extend(value.split(',').filter_map(|one| one.split(';').next()).map(str::trim));
    }
    let takes = |kind: &&str| {
        let family = kind.split('/').next().unwrap_or_default();
        let whole = format!("{family}/*");
        let is_it = |it: &&str| it.eq_ignore_ascii_case(kind) || *it == "*/*" || **it == *whole;
        said.iter().any(is_it)
    };
    if kinds.iter().all(takes) {
        return Ok(());
    }
    let why = "an answer may be application/json or text/event-stream, and both must be accepted";
    Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, why))
}

/// The revision that a request names is the session's. Before 2025-06-18 no request names one.
pub(super) fn fits(version: Option<&str>, session: &Session) -> Result<(), Refusal> {
    let Some(agreed) = session.revision.get() else { return Ok(()) };
    let why = "the request is not in the revision of its session";
    match version {
        Some(version) if version == agreed.as_str() => Ok(()),
        None if *agreed < Revision::V2025_06_18 => Ok(()),
        _ => Err(Refusal::new(StatusCode::BAD_REQUEST, why)),
    }
}
