//! URIs: which resource is meant, whoever reads the text.
//!
//! RFC 3986 is read in many ways: one server decodes before it splits, another
//! after, a third takes what follows `://` for a path. A URI is therefore read in
//! every way that we can follow, and a list of patterns ([`UriLists`]) lets it pass
//! only when all of them do. Reading order: here (one URI), [`pattern`] (what an
//! operator writes), [`template`] (what a server lists), [`link`] (where a URI
//! leads a host that follows it), [`visit`](mod@visit) (where a server may send a person).

mod address;
pub mod link;
pub mod pattern;
pub mod template;
pub mod visit;

pub use link::{Lead, lead};
pub use pattern::{Meant, UriLists, UriPattern, Withheld};
pub use template::expanded;
pub use visit::{NotVisited, visit};

use crate::text::is_hidden;

/// Longer than any URI in use (RFC 9110, 4.1 wants 8000 octets supported).
const LONGEST: usize = 8192;
/// Decoding more often than any server does.
const DECODINGS: usize = 3;

/// One way to read a URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    /// In lower case.
    pub(crate) scheme: String,
    /// Of a web or `file:` URI the canonical authority, of any other `//` or nothing.
    pub(crate) authority: String,
    /// What stands between slashes, decoded.
    pub(crate) path: Vec<String>,
    /// Query and fragment as written, with `?` or `#`.
    pub(crate) suffix: String,
}

/// Why a text is no URI that can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum BadUri {
    /// Over 8192 bytes.
    #[error("too long")]
    TooLong,
    /// Controls, invisible characters, backslashes, quotes, space around it.
    #[error("written with characters that no uri has")]
    Letters,
    /// It has no scheme, or a drive letter for one.
    #[error("not a uri")]
    NoScheme,
    /// Its host is not plain ASCII, or its port no number.
    #[error("of a host that can be read twice")]
    Authority,
    /// It is decoded to something else each time.
    #[error("encoded in a way that can be read twice")]
    Encoded,
    /// It climbs, and where to depends on who reads it.
    #[error("climbing with dots")]
    Climbs,
}

/// How a scheme's URIs are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// With a host, as browsers know it.
    Web,
    /// A path of this machine.
    File,
    /// The server's own: what follows the scheme is nobody's host.
    Own,
}

impl Kind {
    pub(crate) fn of(scheme: &str) -> Self {
        match scheme {
            "http" | "https" | "ws" | "wss" | "ftp" => Self::Web,
            "file" => Self::File,
            _ => Self::Own,
        }
    }
}

/// The pieces of a URI as written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pieces<'a> {
    pub(crate) scheme: &'a str,
    /// After `//`; not set apart for schemes that are the server's own.
    pub(crate) authority: Option<&'a str>,
    pub(crate) path: &'a str,
    pub(crate) suffix: &'a str,
}

impl Uri {
    /// Every reading of a text, each at most once.
    ///
    /// # Errors
    /// [`BadUri`] when one of them could not be followed.
    pub fn readings(text: &str) -> Result<Vec<Self>, BadUri> {
        let pieces = split(text)?;
        let mut readings = vec![Self::read(pieces, pieces.path, true)?];
        let mut path = pieces.path.to_owned();
        for _ in 0..DECODINGS {
            let decoded = decode(&path)?;
            if decoded == path {
                return Ok(readings);
            }
            let reading = Self::read(pieces, &decoded, false)?;
            if !readings.contains(&reading) {
                readings.push(reading);
            }
            path = decoded;
        }
        Err(BadUri::Encoded)
    }

    /// This reading, as one text: what was decoded stays so.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { scheme, authority, path, suffix } = self;
        let path = path.join("/");
        match Kind::of(scheme) {
            Kind::Own => format!("{scheme}:{authority}{path}{suffix}"),
            Kind::Web | Kind::File => format!("{scheme}://{authority}/{path}{suffix}"),
        }
    }

    /// Of a web or `file:` URI the host with login and port, canonical; else `//` or nothing.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The scheme, in lower case.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    fn read(pieces: Pieces<'_>, path: &str, encoded: bool) -> Result<Self, BadUri> {
        let scheme = pieces.scheme.to_ascii_lowercase();
        let kind = Kind::of(&scheme);
        let parts = path.split('/').map(|part| match encoded {
            true => decode(part),
            false => Ok(part.to_owned()),
        });
        let path = resolve(parts.collect::<Result<_, _>>()?, kind)?;
        let authority = match (kind, pieces.authority) {
            (Kind::Own, authority) => authority.map_or("", |_| "//").to_owned(),
            (_, authority) => canonical_authority(authority.unwrap_or_default(), &scheme)?,
        };
        Ok(Self { scheme, authority, path, suffix: pieces.suffix.to_owned() })
    }
}

/// Whether a URI names something below another one, or that one, in every reading.
#[must_use]
pub fn is_below(inner: &str, outer: &str) -> bool {
    let (Ok(inner), Ok(outer)) = (Uri::readings(inner), Uri::readings(outer)) else {
        return false;
    };
    let holds = |outer: &Uri, inner: &Uri| {
        outer.scheme == inner.scheme
            && outer.authority == inner.authority
            && inner.path.starts_with(&outer.path)
    };
    inner.iter().all(|inner| outer.iter().any(|outer| holds(outer, inner)))
}

/// Takes a text apart; its letters are in order afterwards.
pub(crate) fn split(text: &str) -> Result<Pieces<'_>, BadUri> {
    if text.len() > LONGEST {
        return Err(BadUri::TooLong);
    }
    let odd = |letter: char| letter != ' ' && (is_hidden(letter) || "\\\"<>^`|".contains(letter));
    if text.trim() != text || text.chars().any(odd) {
        return Err(BadUri::Letters);
    }
    let (scheme, rest) = text.split_once(':').ok_or(BadUri::NoScheme)?;
    let starts_well = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    let fits = scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    // One letter is a drive.
    if !starts_well || !fits || scheme.len() < 2 {
        return Err(BadUri::NoScheme);
    }
    let (body, suffix) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    let Some(after) = body.strip_prefix("//") else {
        return Ok(Pieces { scheme, authority: None, path: body, suffix });
    };
    if Kind::of(&scheme.to_ascii_lowercase()) == Kind::Own {
        return Ok(Pieces { scheme, authority: Some(""), path: after, suffix });
    }
    let (authority, path) = after.split_at(after.find('/').unwrap_or(after.len()));
    Ok(Pieces { scheme, authority: Some(authority), path, suffix })
}

/// The authority of a web or `file:` URI: host in lower case and without its last
/// dot, the scheme's own port left out (RFC 3986, 6.2.3).
fn canonical_authority(written: &str, scheme: &str) -> Result<String, BadUri> {
    let (user, place) = match written.rsplit_once('@') {
        Some((user, place)) => (format!("{user}@"), place),
        None => (String::new(), written),
    };
    let bracketed = place.find(']').map(|end| place.split_at(end + 1));
    let (host, port) =
        bracketed.unwrap_or_else(|| place.split_at(place.find(':').unwrap_or(place.len())));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~*[]:".contains(c);
    let port = port.strip_prefix(':').unwrap_or(port);
    if !host.chars().all(plain) || !port.chars().all(|c| c.is_ascii_digit()) {
        return Err(BadUri::Authority);
    }
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    let host = if scheme == "file" && host == "localhost" { "" } else { host };
    let usual = matches!((scheme, port), ("http" | "ws", "80") | ("https" | "wss", "443"));
    Ok(match port {
        "" => format!("{user}{host}"),
        _ if usual => format!("{user}{host}"),
        port => format!("{user}{host}:{port}"),
    })
}

/// Applies dots where everybody agrees what they do, and refuses them elsewhere.
fn resolve(parts: Vec<String>, kind: Kind) -> Result<Vec<String>, BadUri> {
    let mut path = Vec::new();
    for (place, part) in parts.into_iter().enumerate() {
        match (part.as_str(), kind) {
            // What the leading slash cuts off.
            ("", Kind::Web | Kind::File) if place == 0 => {}
            ("", Kind::File) | (".", Kind::File | Kind::Web) => {}
            ("..", Kind::File | Kind::Web) => {
                path.pop();
            }
            // Whoever strips `notes://` climbs from another place than we would.
            ("." | "..", Kind::Own) => return Err(BadUri::Climbs),
            _ => path.push(part),
        }
    }
    Ok(path)
}

/// Decodes once; what is no escape stays.
fn decode(text: &str) -> Result<String, BadUri> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let hex = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match hex {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(b'%');
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    let decoded = String::from_utf8(bytes).map_err(|_| BadUri::Encoded)?;
    let odd = |letter: char| letter != ' ' && (is_hidden(letter) || letter == '\\');
    if decoded.chars().any(odd) { Err(BadUri::Encoded) } else { Ok(decoded) }
}
