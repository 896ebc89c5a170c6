//! `completion/complete`.

use super::{Fields, Misfit};
use crate::json::{Json, Object};

/// The params of `completion/complete`: what is typed, and what was typed before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The argument that is being typed, as the object it would be in.
    pub argument: Json,
    /// `context.arguments`; an object of strings.
    pub context: Option<Json>,
}

impl Completion {
    /// Reads the params of a `completion/complete`.
    ///
    /// # Errors
    /// [`Misfit`] naming the member.
    pub fn read(params: Option<&Json>) -> Result<Self, Misfit> {
        let fields = Fields::params(params, &["argument", "context", "ref", "_meta"])?;
        let argument = fields.required_object("argument")?;
        let typed = Fields::open(&argument, "argument", &["name", "value"])?;
        let mut named = Object::new();
        named.set(&typed.required_text("name")?, Json::string(&typed.required_text("value")?));
        let context = match fields.object("context")? {
            Some(context) => {
                Fields::open(&context, "context", &["arguments"])?.object("arguments")?
            }
            None => None,
        };
        Ok(Self { argument: named.to_json(), context })
    }
}
