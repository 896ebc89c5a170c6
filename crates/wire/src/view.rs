//! Typed windows on what a message carries.
//!
//! A window shows the members that somebody here judges by, checks their types,
//! and leaves the rest alone: unknown members are none of its business, they are
//! forwarded as they came. A member it does show must be written exactly so:
//! `Name` beside `name` is refused, because a reader that ignores case (Go's
//! `encoding/json`) would act on the other one.

pub mod completion;
pub mod input_request;
pub mod lifecycle;
pub mod mirrored;
pub mod notification;
pub mod prompt;
pub mod resource;
pub mod subscription;
pub mod task;
pub mod tool;

use crate::json::{Json, Object, elements};
use crate::message::Id;
use crate::parse::fold;

/// A value that does not fit its window. Its text is fit for a peer: it names a
/// member of the specification and repeats nothing of what was sent. Answer -32602.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{member}` {problem}")]
pub struct Misfit {
    /// The member, as the specification writes it.
    pub member: &'static str,
    /// What is wrong with it, to be read after its name.
    pub problem: &'static str,
}

impl Misfit {
    /// The JSON-RPC code for it: invalid params.
    pub const CODE: i64 = -32602;

    pub(crate) const fn new(member: &'static str, problem: &'static str) -> Self {
        Self { member, problem }
    }
}

/// The members of an object, with the checks every window makes.
struct Fields(Object);

impl Fields {
    /// Opens a value; `known` are the members the window shows.
    fn open(json: &Json, name: &'static str, known: &[&str]) -> Result<Self, Misfit> {
        let object = json.object().ok_or(Misfit::new(name, "must be an object"))?;
        let exact = object.iter().all(|(member, _)| {
            known.contains(&member) || {
                // Once for each member: a message may have tens of thousands.
                let folded = fold(member);
                known.iter().all(|known| folded != fold(known))
            }
        });
        if exact {
            Ok(Self(object))
        } else {
            Err(Misfit::new(name, "has a member in the wrong case"))
        }
    }

    /// Opens `params`; a message without any has none of the members.
    fn params(params: Option<&Json>, known: &[&str]) -> Result<Self, Misfit> {
        match params {
            Some(json) => Self::open(json, "params", known),
            None => Ok(Self(Object::new())),
        }
    }

    fn any(&self, name: &str) -> Option<Json> {
        self.0.get(name).cloned()
    }

    fn text(&self, name: &'static str) -> Result<Option<String>, Misfit> {
        let read = |json: &Json| json.as_text().ok_or(Misfit::new(name, "must be a string"));
        self.0.get(name).map(read).transpose()
    }

    fn required_text(&self, name: &'static str) -> Result<String, Misfit> {
        self.text(name)?.ok_or(Misfit::new(name, "is required"))
    }

    fn object(&self, name: &'static str) -> Result<Option<Json>, Misfit> {
        match self.0.get(name) {
            Some(json) if !json.is_object() => Err(Misfit::new(name, "must be an object")),
            other => Ok(other.cloned()),
        }
    }

    fn required_object(&self, name: &'static str) -> Result<Json, Misfit> {
        self.object(name)?.ok_or(Misfit::new(name, "is required"))
    }

    fn list(&self, name: &'static str) -> Result<Vec<Json>, Misfit> {
        let json = self.0.get(name).ok_or(Misfit::new(name, "is required"))?;
        elements(json).ok_or(Misfit::new(name, "must be an array"))
    }

    fn texts(&self, name: &'static str) -> Result<Vec<String>, Misfit> {
        let read = |json: &Json| json.as_text().ok_or(Misfit::new(name, "must be strings"));
        self.list(name)?.iter().map(read).collect()
    }

    fn flag(&self, name: &'static str) -> Result<Option<bool>, Misfit> {
        let read = |json: &Json| json.read().map_err(|_| Misfit::new(name, "must be a boolean"));
        self.0.get(name).map(read).transpose()
    }

    /// A request id or a progress token: a string or an integer.
    fn id(&self, name: &'static str) -> Result<Option<Id>, Misfit> {
        let read = |json: &Json| {
            Id::from_json(json).ok_or(Misfit::new(name, "must be a string or an integer"))
        };
        self.0.get(name).map(read).transpose()
    }
}
