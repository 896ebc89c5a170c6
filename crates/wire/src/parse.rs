//! One line in, one message out, or a reason to refuse it.
//!
//! The rules beyond RFC 8259 and JSON-RPC 2.0, each because two honest parsers
//! would read the line in two ways or because MCP says so:
//!
//! * valid UTF-8, no byte order mark, exactly one value;
//! * no name twice in one object, after unescaping, at any depth;
//! * no lone surrogate, no number outside the doubles, bounded depth and size;
//! * so many values and no more: a tree of them takes far more room than the line;
//! * no U+0000 in a name (readers on C strings cut it there; in values it is
//!   legal and the path judgement refuses it), no name that serde_json reserves;
//! * none of the six envelope names in other letters: Go's `encoding/json`
//!   would take `Method` or `paramſ` for `method` and `params`;
//! * one message, `params` an object; only 2025-03-26 has batches, whose members
//!   [`batch`] reads one by one;
//! * an id is a string or an integer within 64 bits, and null only on errors.

use std::borrow::Cow;

use crate::code;
use crate::json::{DEEPEST, Json};
use crate::message::{Id, Message, Notification, Outcome, Request, Response, RpcError};
use crate::scan::{self, Fault, Member, Shape};

/// How much of a message we are willing to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest message, in bytes.
    pub message_bytes: usize,
    /// Deepest nesting of objects and arrays, the envelope counted as one.
    /// Values above 120 mean 120.
    pub depth: usize,
    /// Most values in it, the message itself and each member and element counted as one.
    pub nodes: usize,
}

impl Limits {
    /// Values in one message that are looked at. Lists of honest servers have some thousands. In
    /// 4 MiB there is room for two million, which take seconds and hundreds of megabytes as a tree.
    pub const NODES: usize = 64 << 10;
}

impl Default for Limits {
    /// 4 MiB (tools/list of honest servers reaches 144 kB, images more), 64 levels.
    fn default() -> Self {
        Self { message_bytes: 4 << 20, depth: 64, nodes: Self::NODES }
    }
}

/// A line that is not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .kind.public())]
pub struct Malformed {
    /// What is wrong with it.
    pub kind: MalformedKind,
    /// The id to answer, when the line has exactly one and it is well formed.
    pub id: Option<Id>,
}

impl Malformed {
    /// The JSON-RPC code to answer with.
    pub fn code(&self) -> i64 {
        self.kind.code()
    }

    /// A text for the peer; it repeats nothing of what was sent.
    pub fn public(&self) -> &'static str {
        self.kind.public()
    }
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MalformedKind {
    /// Not JSON: a server printing to its stdout, most likely.
    NotJson,
    /// Not UTF-8.
    NotUtf8,
    /// Starts with a byte order mark (RFC 8259, section 8.1).
    ByteOrderMark,
    /// Longer than [`Limits::message_bytes`].
    TooLong,
    /// Nested deeper than [`Limits::depth`].
    TooDeep,
    /// More values than [`Limits::nodes`].
    TooMany,
    /// A name stands twice in one object.
    DuplicateKey,
    /// Half of a surrogate pair.
    LoneSurrogate,
    /// A number no double can hold.
    NumberOutOfRange,
    /// U+0000 in a name.
    NulInKey,
    /// A name that a JSON library gives a meaning of its own.
    ReservedKey,
    /// An array at the top: several messages, which only 2025-03-26 has.
    Batch,
    /// An empty batch, or one with too many members.
    BatchSize,
    /// A string, number, boolean or null at the top.
    NotAnObject,
    /// An envelope name in other letters, `Method` for example.
    CaseVariant,
    /// `jsonrpc` is missing or not `"2.0"`.
    Version,
    /// An id that is neither a string nor a 64-bit integer, or a missing one.
    BadId,
    /// `method` is not a string.
    BadMethod,
    /// `params` is not an object.
    BadParams,
    /// `error` lacks an integer `code` or a string `message`.
    BadError,
    /// Not exactly one of request, notification and response.
    Ambiguous,
}

impl MalformedKind {
    /// -32700 when the text cannot be read in one way, -32600 when it can and is
    /// not a message (JSON-RPC 2.0, section 5.1).
    pub fn code(self) -> i64 {
        if self < Self::Batch { code::PARSE_ERROR } else { code::INVALID_REQUEST }
    }

    /// A text for the peer.
    pub fn public(self) -> &'static str {
        match self {
            Self::NotJson => "the message is not JSON",
            Self::NotUtf8 => "the message is not UTF-8",
            Self::ByteOrderMark => "the message starts with a byte order mark",
            Self::TooLong => "the message is too long",
            Self::TooDeep => "the message is nested too deeply",
            Self::TooMany => "the message has too many values",
            Self::DuplicateKey => "the message repeats a member name",
            Self::LoneSurrogate => "the message has half a surrogate pair",
            Self::NumberOutOfRange => "the message has a number out of range",
            Self::NulInKey => "the message has a zero character in a member name",
            Self::ReservedKey => "the message has a reserved member name",
            Self::Batch => "batches are not supported",
            Self::BatchSize => "a batch has at least one message, and not too many",
            Self::NotAnObject => "a message is an object",
            Self::CaseVariant => "a message member is written in the wrong case",
            Self::Version => "`jsonrpc` must be \"2.0\"",
            Self::BadId => "`id` must be a string or an integer",
            Self::BadMethod => "`method` must be a string",
            Self::BadParams => "`params` must be an object",
            Self::BadError => "`error` needs an integer `code` and a string `message`",
            Self::Ambiguous => "a message is one of request, notification and response",
        }
    }
}

impl From<Fault> for MalformedKind {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Syntax => Self::NotJson,
            Fault::TooDeep => Self::TooDeep,
            Fault::TooMany => Self::TooMany,
            Fault::DuplicateKey => Self::DuplicateKey,
            Fault::LoneSurrogate => Self::LoneSurrogate,
            Fault::NumberOutOfRange => Self::NumberOutOfRange,
            Fault::NulInKey => Self::NulInKey,
            Fault::ReservedKey => Self::ReservedKey,
        }
    }
}

/// Reads one line, which must be one message.
///
/// # Errors
/// [`Malformed`], with the code to answer and the id to answer to.
pub fn parse(line: &[u8], limits: &Limits) -> Result<Message, Malformed> {
    let anonymous = |kind| Malformed { kind, id: None };
    if line.len() > limits.message_bytes {
        return Err(anonymous(MalformedKind::TooLong));
    }
    let text = std::str::from_utf8(line).map_err(|_| anonymous(MalformedKind::NotUtf8))?;
    if text.starts_with('\u{feff}') {
        return Err(anonymous(MalformedKind::ByteOrderMark));
    }
    let scan = scan::bounded(text, limits.depth.min(DEEPEST), limits.nodes)
        .map_err(|fault| anonymous(fault.into()))?;
    let members = match scan.shape {
        Shape::Object(members) => members,
        Shape::Array(_) => return Err(anonymous(MalformedKind::Batch)),
        Shape::Scalar => return Err(anonymous(MalformedKind::NotAnObject)),
    };
    let read = match scan.fault {
        Some(fault) => Err(fault.into()),
        None => Envelope::read(&members).and_then(|envelope| envelope.message()),
    };
    read.map_err(|kind| Malformed { kind, id: only_id(&members) })
}

/// Reads the members of a line that [`parse()`] found to be a
/// [`Batch`](MalformedKind::Batch): each is a message of its own, or is not.
///
/// # Errors
/// [`Malformed`] when the line as a whole cannot be read, is empty or has more
/// than `most` members.
pub fn batch(
    line: &[u8],
    limits: &Limits,
    most: usize,
) -> Result<Vec<Result<Message, Malformed>>, Malformed> {
    let whole = |kind| Malformed { kind, id: None };
    let text = std::str::from_utf8(line).map_err(|_| whole(MalformedKind::NotUtf8))?;
    // The array around them costs no member one of its levels.
    let depth = limits.depth.saturating_add(1).min(DEEPEST);
    let scan = scan::bounded(text, depth, limits.nodes).map_err(|fault| whole(fault.into()))?;
    match scan.shape {
        Shape::Array(items) if !items.is_empty() && items.len() <= most => {
            Ok(items.into_iter().map(|item| parse(item.as_bytes(), limits)).collect())
        }
        Shape::Array(_) => Err(whole(MalformedKind::BatchSize)),
        Shape::Object(_) | Shape::Scalar => Err(whole(MalformedKind::NotAnObject)),
    }
}

/// The id of a broken message, if there is one that nobody could read otherwise.
fn only_id(members: &[Member<'_>]) -> Option<Id> {
    let mut ids = members.iter().filter(|member| fold(&member.name) == "id");
    let (first, second) = (ids.next()?, ids.next());
    if second.is_some() || first.name != "id" || first.value.contains("\\u") {
        return None;
    }
    Id::from_text(first.value)
}

/// The members of the top level that mean something. Others are not forwarded.
#[derive(Default)]
struct Envelope<'a> {
    id: Option<&'a str>,
    method: Option<&'a str>,
    params: Option<&'a str>,
    result: Option<&'a str>,
    error: Option<&'a str>,
}

impl<'a> Envelope<'a> {
    fn read(members: &[Member<'a>]) -> Result<Self, MalformedKind> {
        let mut envelope = Self::default();
        let mut version = None;
        for member in members {
            let place = match fold(&member.name).as_ref() {
                "jsonrpc" => &mut version,
                "id" => &mut envelope.id,
                "method" => &mut envelope.method,
                "params" => &mut envelope.params,
                "result" => &mut envelope.result,
                "error" => &mut envelope.error,
                _ => continue,
            };
            if member.name != fold(&member.name) {
                return Err(MalformedKind::CaseVariant);
            }
            *place = Some(member.value);
        }
        if version.and_then(string).as_deref() != Some("2.0") {
            return Err(MalformedKind::Version);
        }
        Ok(envelope)
    }

    fn message(self) -> Result<Message, MalformedKind> {
        match (self.method, self.result, self.error) {
            (Some(method), None, None) => self.call(method),
            (None, Some(result), None) if self.params.is_none() => {
                let id = self.id.and_then(Id::from_text).ok_or(MalformedKind::BadId)?;
                Ok(Message::Response(Response::result(id, Json::from_strict(result))))
            }
            (None, None, Some(error)) if self.params.is_none() => {
                // Revisions since 2025-11-25 let an error go without an id.
                let id = match self.id {
                    None | Some("null") => None,
                    Some(id) => Some(Id::from_text(id).ok_or(MalformedKind::BadId)?),
                };
                let outcome = Outcome::Error(rpc_error(error)?);
                Ok(Message::Response(Response { id, outcome }))
            }
            _ => Err(MalformedKind::Ambiguous),
        }
    }

    fn call(self, method: &str) -> Result<Message, MalformedKind> {
        let method = string(method).ok_or(MalformedKind::BadMethod)?;
        let params = self.params.map(Json::from_strict);
        if params.as_ref().is_some_and(|params| !params.is_object()) {
            return Err(MalformedKind::BadParams);
        }
        Ok(match self.id {
            None => Message::Notification(Notification { method, params }),
            Some(id) => {
                let id = Id::from_text(id).ok_or(MalformedKind::BadId)?;
                Message::Request(Request { id, method, params })
            }
        })
    }
}

fn rpc_error(text: &str) -> Result<RpcError, MalformedKind> {
    let object = Json::from_strict(text).object().ok_or(MalformedKind::BadError)?;
    for (name, _) in object.iter() {
        let folded = fold(name);
        if name != folded && matches!(folded.as_ref(), "code" | "message" | "data") {
            return Err(MalformedKind::CaseVariant);
        }
    }
    let code = object.get("code").and_then(|code| code.text().parse().ok());
    let message = object.get("message").and_then(Json::as_text);
    match (code, message) {
        (Some(code), Some(message)) => {
            Ok(RpcError { code, message, data: object.get("data").cloned() })
        }
        _ => Err(MalformedKind::BadError),
    }
}

fn string(written: &str) -> Option<String> {
    let inside = written.strip_prefix('"')?.strip_suffix('"')?;
    Some(scan::unescape(inside))
}

/// A name in small letters, the way a reader that ignores case compares it:
/// ASCII, and the two other letters that Unicode folds into ASCII.
pub(crate) fn fold(name: &str) -> Cow<'_, str> {
    let odd = |c: char| c.is_ascii_uppercase() || c == '\u{17f}' || c == '\u{212a}';
    if !name.contains(odd) {
        return Cow::Borrowed(name);
    }
    let folded = name.chars().map(|c| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    });
    Cow::Owned(folded.collect())
}
