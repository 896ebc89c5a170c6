//! A server: its tools, where they may act, and how much.

use std::collections::BTreeMap;
use std::sync::Arc;

use portcullis_guard::Schema;
use serde_json::Value;

use crate::evidence::Evidence;
use crate::layer::{Layer, Limits};
use crate::roots::Ceiling;
use crate::serve::StartError;
use crate::tool::{Tool, Typed, TypedTool};

/// A server that is being put together.
#[derive(Debug)]
pub struct Toolbox {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) instructions: Option<String>,
    tools: Vec<Arc<dyn Tool>>,
    pub(crate) ceiling: Ceiling,
    limits: Limits,
    evidence: Option<Evidence>,
}

/// A tool and the schema that its arguments are judged by.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) tool: Arc<dyn Tool>,
    pub(crate) schema: Schema,
    /// What its answers are held to while it is developed.
    pub(crate) answers: Schema,
}

impl Toolbox {
    /// A server without tools, named as its clients will know it.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            instructions: None,
            tools: Vec::new(),
            ceiling: Ceiling::new(),
            limits: Limits::default(),
            evidence: None,
        }
    }

    /// Adds a tool.
    #[must_use]
    pub fn tool(self, tool: impl TypedTool) -> Self {
        self.dynamic(Typed::new(tool))
    }

    /// Adds a tool whose schema is only known now.
    #[must_use]
    pub fn dynamic(mut self, tool: impl Tool) -> Self {
        self.tools.push(Arc::new(tool));
        self
    }

    /// The directories it may act in; none without this.
    #[must_use]
    pub fn roots(mut self, ceiling: Ceiling) -> Self {
        self.ceiling = ceiling;
        self
    }

    /// How much one conversation may do.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Where calls are recorded; nowhere without this.
    #[must_use]
    pub fn evidence(mut self, evidence: Evidence) -> Self {
        self.evidence = Some(evidence);
        self
    }

    /// What a model is told of the server as a whole.
    #[must_use]
    pub fn instructions(mut self, text: &str) -> Self {
        self.instructions = Some(text.to_owned());
        self
    }

    /// The tools by name, each with a schema that compiles.
    pub(crate) fn ready(&self) -> Result<BTreeMap<String, Ready>, StartError> {
        let mut ready = BTreeMap::new();
        for tool in &self.tools {
            let definition = tool.definition();
            let name = definition.name.clone();
            let bad = |why: &str| StartError::Tool { name: name.clone(), why: why.to_owned() };
            if !is_name(&name) {
                return Err(bad("a name is 1 to 64 letters of `A-Z a-z 0-9 _ - .`"));
            }
            let input = Value::Object((*definition.input).clone());
            if input.get("additionalProperties") != Some(&Value::Bool(false)) {
                return Err(bad("its arguments are open: `additionalProperties` must be false"));
            }
            let schema = Schema::compile(&input).map_err(|why| bad(&why.to_string()))?;
            let output = Value::Object((*definition.output).clone());
            let answers =
                Schema::compile(&output).map_err(|why| bad(&format!("its answer: {why}")))?;
            let tool = Arc::clone(tool);
            if ready.insert(name.clone(), Ready { tool, schema, answers }).is_some() {
                return Err(bad("there are two of this name"));
            }
        }
        Ok(ready)
    }

    pub(crate) fn layer(&mut self) -> Result<Layer, StartError> {
        let evidence = match self.evidence.take() {
            Some(evidence) => evidence,
            None => Evidence::nowhere(&self.name)?,
        };
        Ok(Layer::new(self.limits, evidence))
    }
}

fn is_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=64).contains(&name.len()) && name.chars().all(letter)
}
