//! `prompts/get`.

use super::{Fields, Misfit};
use crate::json::Json;

/// The params of `prompts/get`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptGet {
    /// Which prompt.
    pub name: String,
    /// What with; an object of strings.
    pub arguments: Option<Json>,
    /// `_meta`; an object.
    pub meta: Option<Json>,
}

impl PromptGet {
    /// Reads the params of a `prompts/get`.
    ///
    /// # Errors
    /// [`Misfit`] naming the member.
    pub fn read(params: Option<&Json>) -> Result<Self, Misfit> {
        let fields = Fields::params(params, &["name", "arguments", "_meta"])?;
        Ok(Self {
            name: fields.required_text("name")?,
            arguments: fields.object("arguments")?,
            meta: fields.object("_meta")?,
        })
    }
}
