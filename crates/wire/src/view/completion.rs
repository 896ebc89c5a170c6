//! `completion/complete`.

use super::{Fields, Misfit};
use crate::json::{Json, Object};

/// The params of `completion/complete`: what is typed, and what was typed before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// What is completed.
    pub target: Target,
    /// The argument's name.
    pub variable: String,
    /// What stands there already.
    pub typed: String,
    /// The argument that is being typed, as the object it would be in.
    pub argument: Json,
    /// `context.arguments`; an object of strings.
    pub context: Option<Json>,
}

/// What a completion is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An argument of the prompt of this name.
    Prompt(String),
    /// A variable of this URI template.
    Resource(String),
    /// Something that no revision knows.
    Other,
}

impl Target {
    fn read(reference: &Json) -> Result<Self, Misfit> {
        let fields = Fields::open(reference, "ref", &["type", "name", "uri"])?;
        Ok(match fields.required_text("type")?.as_str() {
            "ref/prompt" => Self::Prompt(fields.required_text("name")?),
            "ref/resource" => Self::Resource(fields.required_text("uri")?),
            _ => Self::Other,
        })
    }
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
        let (variable, typed) = (typed.required_text("name")?, typed.required_text("value")?);
        let mut named = Object::new();
        named.set(&variable, Json::string(&typed));
        let context = match fields.object("context")? {
            Some(context) => {
                Fields::open(&context, "context", &["arguments"])?.object("arguments")?
            }
            None => None,
        };
        let target = Target::read(&fields.required_object("ref")?)?;
        Ok(Self { target, variable, typed, argument: named.to_json(), context })
    }
}
