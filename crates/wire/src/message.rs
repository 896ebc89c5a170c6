//! The three things a peer can say: request, notification, response.

use std::fmt;

use crate::json::Json;

/// One JSON-RPC 2.0 message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Wants an answer.
    Request(Request),
    /// Wants none.
    Notification(Notification),
    /// Is one.
    Response(Response),
}

impl Message {
    /// The method, unless this is a response.
    pub fn method(&self) -> Option<&str> {
        match self {
            Self::Request(request) => Some(&request.method),
            Self::Notification(notification) => Some(&notification.method),
            Self::Response(_) => None,
        }
    }
}

/// A call that wants an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Chosen by the sender; the answer carries it back.
    pub id: Id,
    /// For example `tools/call`.
    pub method: String,
    /// Always an object.
    pub params: Option<Json>,
}

/// A call that wants no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// For example `notifications/progress`.
    pub method: String,
    /// Always an object.
    pub params: Option<Json>,
}

impl Notification {
    /// Takes a request back (every revision, *Cancellation*).
    pub fn cancelled(id: &Id) -> Self {
        let mut params = crate::Object::new();
        params.set("requestId", id.to_json());
        Self { method: "notifications/cancelled".to_owned(), params: Some(params.to_json()) }
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The request's id. `None` is written `null` and stands only on errors, when
    /// the request's id could not be read (JSON-RPC 2.0, section 5).
    pub id: Option<Id>,
    /// How it went.
    pub outcome: Outcome,
}

impl Response {
    /// An answer that worked.
    pub fn result(id: Id, result: Json) -> Self {
        Self { id: Some(id), outcome: Outcome::Result(result) }
    }

    /// An answer that did not.
    pub fn error(id: Option<Id>, code: i64, message: &str) -> Self {
        let error = RpcError { code, message: message.to_owned(), data: None };
        Self { id, outcome: Outcome::Error(error) }
    }
}

/// A result or an error, never both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It worked.
    Result(Json),
    /// It did not.
    Error(RpcError),
}

/// The error object of a response (JSON-RPC 2.0, section 5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcError {
    /// For example -32601, method not found.
    pub code: i64,
    /// One sentence.
    pub message: String,
    /// Whatever the sender adds.
    pub data: Option<Json>,
}

/// A request's name: an integer or a text, and the two never meet.
///
/// MCP narrows JSON-RPC here: null and fractions are not ids.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Id {
    /// Written as an integer.
    Number(i64),
    /// Written as a string.
    Text(String),
}

impl Id {
    /// Reads an id as it stands in a message: `7` or `"a"`, not `7.0`, not `null`.
    pub fn from_json(json: &Json) -> Option<Self> {
        Self::from_text(json.text())
    }

    pub(crate) fn from_text(written: &str) -> Option<Self> {
        let written = written.trim();
        if let Some(inside) = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            return Some(Self::Text(crate::scan::unescape(inside)));
        }
        written.parse().ok().map(Self::Number)
    }

    /// The id as a value, for members such as `requestId`.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Number(number) => Json::from_value(&(*number).into()),
            Self::Text(text) => Json::string(text),
        }
    }
}

impl fmt::Display for Id {
    /// As written on the wire, so that `7` and `"7"` stay apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(&serde_json::Value::from(text.as_str()).to_string()),
        }
    }
}

impl From<i64> for Id {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Id {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
