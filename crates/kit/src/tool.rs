//! What an author writes: a tool, its arguments, its answer.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use rmcp::model::ContentBlock;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::arguments::in_force;
use crate::call::Call;
use crate::hints::Hints;
use crate::refusal::Refusal;

/// A JSON object.
pub type Object = Map<String, Value>;

/// A tool at work.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<Answer, Refusal>> + Send + 'a>>;

/// What a tool is, as clients are told.
#[derive(Debug, Clone)]
pub struct Definition {
    /// `[A-Za-z0-9_.-]`, 1 to 64 letters.
    pub name: String,
    /// A few words for a person.
    pub title: String,
    /// What it does, for a model.
    pub description: String,
    /// What it does to the world.
    pub hints: Hints,
    /// JSON Schema 2020-12 of the arguments: an object with `additionalProperties: false`.
    pub input: Arc<Object>,
    /// JSON Schema 2020-12 of [`Answer::structured`].
    pub output: Arc<Object>,
}

/// A tool whose schema may only be known at run time.
pub trait Tool: Debug + Send + Sync + 'static {
    /// What it is. The same for as long as the server runs.
    fn definition(&self) -> &Definition;

    /// Does it. The arguments satisfy [`Definition::input`].
    fn call<'a>(&'a self, arguments: Object, call: &'a Call) -> Running<'a>;
}

/// A tool whose arguments and answer are types.
///
/// There are no defaults: a tool that does not say what it does to the world does
/// not compile.
pub trait TypedTool: Debug + Send + Sync + 'static {
    /// What it is asked with. Derive `Deserialize` and `JsonSchema`, and let the
    /// fields be types that bound what they hold ([`crate::arguments`]).
    type Arguments: DeserializeOwned + JsonSchema + Send + 'static;
    /// What it answers.
    type Output: Serialize + JsonSchema + Send + 'static;
    /// Its name: `[A-Za-z0-9_.-]`, 1 to 64 letters.
    const NAME: &'static str;
    /// A few words for a person.
    const TITLE: &'static str;
    /// What it does, for a model.
    const DESCRIPTION: &'static str;
    /// What it does to the world.
    const HINTS: Hints;

    /// Does it.
    ///
    /// # Cancel safety
    /// The future is dropped when the client takes the call back or its time is
    /// over. Work on other threads asks [`Call::goes_on`].
    fn run(
        &self,
        arguments: Self::Arguments,
        call: &Call,
    ) -> impl Future<Output = Result<Self::Output, Refusal>> + Send;

    /// What a client that knows no structure shows of an answer: the structure as text
    /// when empty.
    #[must_use]
    fn shown(_answer: &Self::Output) -> Vec<ContentBlock> {
        Vec::new()
    }
}

/// What a tool answers.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What a client that knows no structure shows: the structure as text when empty.
    pub content: Vec<ContentBlock>,
    /// What satisfies the output schema: a JSON object.
    pub structured: Value,
}

impl Answer {
    /// An answer that is its structure.
    #[must_use]
    pub fn structured(structured: Value) -> Self {
        Self { content: Vec::new(), structured }
    }
}

/// A typed tool as any other.
#[derive(Debug)]
pub(crate) struct Typed<T> {
    tool: T,
    definition: Definition,
}

impl<T: TypedTool> Typed<T> {
    pub(crate) fn new(tool: T) -> Self {
        let definition = Definition {
            name: T::NAME.to_owned(),
            title: T::TITLE.to_owned(),
            description: T::DESCRIPTION.to_owned(),
            hints: T::HINTS,
            input: Arc::new(schema_of::<T::Arguments>()),
            output: Arc::new(schema_of::<T::Output>()),
        };
        Self { tool, definition }
    }
}

impl<T: TypedTool> Tool for Typed<T> {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    fn call<'a>(&'a self, arguments: Object, call: &'a Call) -> Running<'a> {
        Box::pin(async move {
            let read = || serde_json::from_value(Value::Object(arguments));
            let arguments: T::Arguments = in_force(call.roots_in_force(), read)
                .map_err(|unfit| Refusal::new(format!("these arguments do not fit: {unfit}")))?;
            let output = self.tool.run(arguments, call).await?;
            let content = T::shown(&output);
            let structured = serde_json::to_value(output)
                .map_err(|broken| Refusal::failed("writing the answer", broken))?;
            Ok(Answer { content, structured })
        })
    }
}

/// The schema of a type: JSON Schema 2020-12, references inside of it only.
#[must_use]
pub fn schema_of<T: JsonSchema>() -> Object {
    let mut schema = schemars::SchemaGenerator::default().into_root_schema_for::<T>().to_value();
    match schema.as_object_mut() {
        Some(object) => {
            object.remove("title");
            // What a type forgot is refused all the same.
            if object.get("type").and_then(Value::as_str) == Some("object") {
                object.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            std::mem::take(object)
        }
        None => Object::new(),
    }
}
