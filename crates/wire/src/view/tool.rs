//! `tools/call`, `tools/list` and one definition of a tool.

use super::{Fields, Misfit};
use crate::json::Json;

/// The params of `tools/call`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// Which tool.
    pub name: String,
    /// What with; an object.
    pub arguments: Option<Json>,
    /// `_meta`; an object.
    pub meta: Option<Json>,
}

impl ToolCall {
    /// Reads the params of a `tools/call`.
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

/// One entry of `tools/list`. Hints are claims of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolDefinition {
    /// The name to call it by.
    pub name: String,
    /// For people.
    pub title: Option<String>,
    /// For the model.
    pub description: Option<String>,
    /// Shape of the arguments.
    pub input_schema: Json,
    /// Shape of `structuredContent`.
    pub output_schema: Option<Json>,
    /// What the server says about it.
    pub annotations: Annotations,
}

/// A server's hints about a tool; `None` where it says nothing. The schema's
/// defaults are: not read-only, destructive, not idempotent, open world.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Annotations {
    /// For people.
    pub title: Option<String>,
    /// Changes nothing.
    pub read_only: Option<bool>,
    /// May destroy rather than only add.
    pub destructive: Option<bool>,
    /// Twice is the same as once.
    pub idempotent: Option<bool>,
    /// Talks to the world outside.
    pub open_world: Option<bool>,
}

impl ToolDefinition {
    /// Reads one entry of `tools`.
    ///
    /// # Errors
    /// [`Misfit`] naming the member.
    pub fn read(entry: &Json) -> Result<Self, Misfit> {
        let known = ["name", "title", "description", "inputSchema", "outputSchema", "annotations"];
        let fields = Fields::open(entry, "tools", &known)?;
        let annotations = match fields.object("annotations")? {
            Some(json) => Annotations::read(&json)?,
            None => Annotations::default(),
        };
        Ok(Self {
            name: fields.required_text("name")?,
            title: fields.text("title")?,
            description: fields.text("description")?,
            input_schema: fields.required_object("inputSchema")?,
            output_schema: fields.object("outputSchema")?,
            annotations,
        })
    }
}

impl Annotations {
    fn read(json: &Json) -> Result<Self, Misfit> {
        let known = ["title", "readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"];
        let fields = Fields::open(json, "annotations", &known)?;
        Ok(Self {
            title: fields.text("title")?,
            read_only: fields.flag("readOnlyHint")?,
            destructive: fields.flag("destructiveHint")?,
            idempotent: fields.flag("idempotentHint")?,
            open_world: fields.flag("openWorldHint")?,
        })
    }
}

/// The result of `tools/list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolList {
    /// The entries, each to be opened with [`ToolDefinition::read`].
    pub tools: Vec<Json>,
    /// Present when there is another page.
    pub next_cursor: Option<String>,
}

impl ToolList {
    /// Reads the result of a `tools/list`.
    ///
    /// # Errors
    /// [`Misfit`] naming the member.
    pub fn read(result: &Json) -> Result<Self, Misfit> {
        let fields = Fields::open(result, "result", &["tools", "nextCursor"])?;
        Ok(Self { tools: fields.list("tools")?, next_cursor: fields.text("nextCursor")? })
    }
}
