//! Asking inside a result (2026-07-28): the server returns what it wants to
//! know, the client asks again and brings the answers.

use super::{Fields, Misfit};
use crate::json::Json;

/// What kind of result this is (2026-07-28; absent means [`Complete`](Self::Complete)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResultType {
    /// The answer.
    Complete,
    /// Questions first.
    InputRequired,
    /// A handle (extension `io.modelcontextprotocol/tasks`).
    Task,
}

impl ResultType {
    /// Reads the `resultType` of a result.
    ///
    /// # Errors
    /// [`Misfit`] when it is unknown: the specification calls that invalid.
    pub fn read(result: &Json) -> Result<Self, Misfit> {
        let fields = Fields::open(result, "result", &["resultType"])?;
        match fields.text("resultType")?.as_deref() {
            None | Some("complete") => Ok(Self::Complete),
            Some("input_required") => Ok(Self::InputRequired),
            Some("task") => Ok(Self::Task),
            Some(_) => Err(Misfit::new("resultType", "is not known")),
        }
    }
}

/// One question of a server, by the name it must be answered under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputRequest {
    /// The server's name for it.
    pub key: String,
    /// Look it up with [`input_request`](crate::input_request).
    pub method: String,
    /// An object.
    pub params: Option<Json>,
}

/// A result with `resultType: "input_required"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputRequired {
    /// The questions, in the order they were written.
    pub requests: Vec<InputRequest>,
    /// To be brought back unchanged. Whoever brings it back may have changed it.
    pub state: Option<String>,
}

impl InputRequired {
    /// Reads `inputRequests` and `requestState`, whatever the `resultType` says:
    /// questions may also ride on results of tasks.
    ///
    /// # Errors
    /// [`Misfit`] naming the member; also when there is neither.
    pub fn read(result: &Json) -> Result<Self, Misfit> {
        let known = ["resultType", "inputRequests", "requestState"];
        let fields = Fields::open(result, "result", &known)?;
        let asked = fields.object("inputRequests")?;
        let state = fields.text("requestState")?;
        if asked.is_none() && state.is_none() {
            return Err(Misfit::new("inputRequests", "or `requestState` is required"));
        }
        let asked = asked.and_then(|asked| asked.object()).unwrap_or_default();
        let requests = asked.iter().map(|(key, entry)| {
            let fields = Fields::open(entry, "inputRequests", &["method", "params"])?;
            let method = fields.required_text("method")?;
            Ok(InputRequest { key: key.to_owned(), method, params: fields.object("params")? })
        });
        Ok(Self { requests: requests.collect::<Result<_, _>>()?, state })
    }
}

/// The part of a retried request's params that answers an [`InputRequired`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputResponses {
    /// The server's name for the question, and the answer; in order.
    pub responses: Vec<(String, Json)>,
    /// What the server gave, if nobody changed it.
    pub state: Option<String>,
}

impl InputResponses {
    /// Reads `inputResponses` and `requestState`; both may be absent.
    ///
    /// # Errors
    /// [`Misfit`] naming the member.
    pub fn read(params: Option<&Json>) -> Result<Self, Misfit> {
        let fields = Fields::params(params, &["inputResponses", "requestState"])?;
        let given = fields.object("inputResponses")?.and_then(|given| given.object());
        let given = given.unwrap_or_default();
        let responses = given.iter().map(|(key, answer)| (key.to_owned(), answer.clone()));
        Ok(Self { responses: responses.collect(), state: fields.text("requestState")? })
    }

    /// Whether this is a first try, not a retry.
    pub fn is_empty(&self) -> bool {
        self.responses.is_empty() && self.state.is_none()
    }
}
