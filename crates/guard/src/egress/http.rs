//! One HTTP/1 request head, read so strictly that nobody can read it differently.
//!
//! Only what RFC 9112 allows without leniency: lines end in CR LF, no folded lines, no
//! space before a colon, at most one length, and never a length beside a coding
//! (section 6.1: that is how requests are smuggled). What passes is written anew.

use super::Read;
use super::host::Target;

/// Longest head.
pub const LONGEST_HEAD: usize = 16 << 10;

/// Fields between two neighbours (RFC 9110 section 7.6.1), and those for a proxy.
/// `Host` is written anew. An `Upgrade` would turn one request into a tunnel.
const DROPPED: &[&str] = &[
    "connection",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
];

/// A request, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    method: String,
    /// What it is for.
    pub form: Form,
    /// How its body ends.
    pub body: Body,
    /// The `Host` field.
    pub host: Option<String>,
    fields: Vec<(String, String)>,
}

/// What a request is for (RFC 9112 section 3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// `CONNECT host:port`.
    Tunnel(String),
    /// `GET http://host/path`: the authority and the path.
    Absolute(String, String),
    /// `GET /path`.
    Origin(String),
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// After so many bytes.
    Length(u64),
    /// With its last chunk.
    Chunked,
}

/// Why it is no request that we pass on.
pub type Bad = &'static str;

/// Reads a head.
///
/// # Errors
/// [`Bad`] when it is too long, or anybody could read it differently.
pub fn request(bytes: &[u8]) -> Result<Read<Request>, Bad> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(end) = end else {
        return if bytes.len() > LONGEST_HEAD { Err("the head is too long") } else { early(bytes) };
    };
    if end > LONGEST_HEAD {
        return Err("the head is too long");
    }
    let head = bytes.get(..end).and_then(|head| std::str::from_utf8(head).ok());
    let head = head.ok_or("the head is not text")?;
    Ok(Read::Whole(whole(head)?, end + 4))
}

/// What cannot become a request any more need not be waited for.
fn early(bytes: &[u8]) -> Result<Read<Request>, Bad> {
    match bytes.first() {
        Some(first) if !is_token_byte(*first) => Err("it is not HTTP"),
        _ => Ok(Read::More),
    }
}

fn whole(head: &str) -> Result<Request, Bad> {
    let mut lines = head.split("\r\n");
    let (method, target, version) = start(lines.next().unwrap_or_default())?;
    let fields = lines.map(field).collect::<Result<Vec<_>, _>>()?;
    let body = body(&fields, version)?;
    let host = only(&fields, "host")?.map(str::to_owned);
    let form = form(method, target)?;
    Ok(Request { method: method.to_owned(), form, body, host, fields: kept(fields)? })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    OneZero,
    OneOne,
}

fn start(line: &str) -> Result<(&str, &str, Version), Bad> {
    let mut words = line.split(' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let (Some(method), Some(target), Some(version), None) = (method, target, version, words.next())
    else {
        return Err("the request line has not three words");
    };
    let version = match version {
        "HTTP/1.1" => Version::OneOne,
        "HTTP/1.0" => Version::OneZero,
        _ => return Err("the version is neither HTTP/1.1 nor HTTP/1.0"),
    };
    if method.is_empty() || !method.bytes().all(is_token_byte) {
        return Err("the method is not a word");
    }
    if target.is_empty() || !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("the request target holds characters that no address has");
    }
    Ok((method, target, version))
}

fn form(method: &str, target: &str) -> Result<Form, Bad> {
    if method == "CONNECT" {
        return Ok(Form::Tunnel(target.to_owned()));
    }
    if target.starts_with('/') {
        return Ok(Form::Origin(target.to_owned()));
    }
    let (scheme, rest) = target.split_once("://").ok_or("the request target is no address")?;
    if !scheme.eq_ignore_ascii_case("http") {
        return Err("only http:// is passed on; everything else needs CONNECT");
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let slash = if path.starts_with('/') { "" } else { "/" };
    Ok(Form::Absolute(authority.to_owned(), format!("{slash}{path}")))
}

fn field(line: &str) -> Result<(String, String), Bad> {
    let (name, value) = line.split_once(':').ok_or("a field has no colon")?;
    if name.is_empty() || !name.bytes().all(is_token_byte) {
        return Err("a field's name is not a word");
    }
    let value = value.trim_matches([' ', '\t']);
    if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
        return Err("a field holds a control character");
    }
    Ok((name.to_ascii_lowercase(), value.to_owned()))
}

/// A token of RFC 9110 section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn only<'f>(fields: &'f [(String, String)], name: &str) -> Result<Option<&'f str>, Bad> {
    let mut values = fields.iter().filter(|(known, _)| known == name);
    let first = values.next().map(|(_, value)| value.as_str());
    match values.next() {
        Some(_) => Err("a field stands twice that may stand once"),
        None => Ok(first),
    }
}

fn body(fields: &[(String, String)], version: Version) -> Result<Body, Bad> {
    let (length, coding) = (only(fields, "content-length")?, only(fields, "transfer-encoding")?);
    match (length, coding) {
        (Some(_), Some(_)) => Err("a body has both a length and a coding"),
        (None, None) => Ok(Body::Length(0)),
        (Some(digits), None) => {
            let digits = Some(digits).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let length = digits.and_then(|text| text.parse().ok());
            length.map(Body::Length).ok_or("a body's length is not a number")
        }
        (None, Some(coding)) if coding.eq_ignore_ascii_case("chunked") => match version {
            Version::OneOne => Ok(Body::Chunked),
            Version::OneZero => Err("HTTP/1.0 has no chunks"),
        },
        (None, Some(_)) => Err("a body's coding is not `chunked`"),
    }
}

/// Without the fields that are for us, those that `Connection` names among them.
fn kept(fields: Vec<(String, String)>) -> Result<Vec<(String, String)>, Bad> {
    let named: Vec<String> = fields
        .iter()
        .filter(|(name, _)| name == "connection")
        .flat_map(|(_, value)| value.split(','))
        .map(|word| word.trim().to_ascii_lowercase())
        .collect();
    if named.iter().any(|name| name == "content-length" || name == "transfer-encoding") {
        return Err("`Connection` names a field that frames the body");
    }
    let dropped = |name: &String| DROPPED.contains(&name.as_str()) || named.contains(name);
    Ok(fields.into_iter().filter(|(name, _)| !dropped(name)).collect())
}

impl Request {
    /// The head as the host that was judged gets it: its own name, one request.
    #[must_use]
    pub fn rewritten(&self, target: &Target) -> Vec<u8> {
        let path = match &self.form {
            Form::Absolute(_, path) | Form::Origin(path) => path.as_str(),
            Form::Tunnel(_) => "/",
        };
        // RFC 9110 section 7.2: a port that goes without saying is left out.
        let host = match target.port {
            80 => target.host.to_string(),
            _ => target.to_string(),
        };
        let mut out = format!("{} {path} HTTP/1.1\r\nHost: {host}\r\n", self.method);
        for (name, value) in &self.fields {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        out.push_str("connection: close\r\n\r\n");
        out.into_bytes()
    }
}
