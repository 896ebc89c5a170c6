//! Arguments against the schema that the tool was approved with.
//!
//! The schema comes from a server and is hostile like everything else: it may
//! point to other machines, explode when it is followed, or be written in a
//! dialect we read differently. What cannot be bounded does not compile, and a
//! tool without a schema that compiles has no validated arguments.

mod cost;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

/// Largest schema, in bytes of its text. Honest ones stay under 20 kB.
const LARGEST: usize = 256 << 10;
/// Deepest schema. A property of a property is four levels.
const DEEPEST: usize = 64;
/// Largest compiled `pattern`, in bytes.
const PATTERN_BYTES: usize = 1 << 20;

/// A schema that compiled within bounds. It reads no file and asks no network.
#[derive(Debug)]
pub struct Schema {
    validator: Validator,
}

/// Why a schema is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaRefused {
    /// Neither an object nor a boolean.
    #[error("not a schema")]
    NotASchema,
    /// Over 256 KiB.
    #[error("the schema is too large")]
    TooLarge,
    /// Over 64 levels.
    #[error("the schema is nested too deeply")]
    TooDeep,
    /// `$schema` is neither 2020-12 nor draft-07.
    #[error("the schema is written in an unsupported dialect")]
    Dialect,
    /// A reference to anything but a place in the schema itself (`#`, `#/…`).
    #[error("the schema refers to another document")]
    RemoteReference,
    /// A reference to a place that is not there, or that leads to itself.
    #[error("the schema has a reference that leads nowhere")]
    BrokenReference,
    /// Following its references could take more than a bounded number of steps.
    #[error("the schema is too costly to follow")]
    TooCostly,
    /// The validator refused it: a keyword of the wrong type, a pattern that is
    /// not linear (look-around, back-reference).
    #[error("the schema cannot be compiled")]
    Uncompilable,
}

/// Where arguments do not fit. Its text repeats no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` does not satisfy `{}`", .pointer, .keyword)]
pub struct SchemaViolation {
    /// JSON Pointer (RFC 6901) into the arguments; empty is all of them.
    pub pointer: String,
    /// The keyword, `maxLength` for example.
    pub keyword: String,
}

impl Schema {
    /// Compiles a schema: JSON Schema 2020-12, or draft-07 where `$schema` says so.
    ///
    /// # Errors
    /// [`SchemaRefused`].
    pub fn compile(schema: &Value) -> Result<Self, SchemaRefused> {
        let draft = bounded(schema)?;
        let validator = jsonschema::options()
            .with_draft(draft)
            .offline()
            .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES))
            .build(schema)
            .map_err(|_| SchemaRefused::Uncompilable)?;
        Ok(Self { validator })
    }

    /// Whether following a schema is bounded and stays in it, which is cheaper to
    /// find out than compiling it.
    ///
    /// # Errors
    /// [`SchemaRefused`].
    pub fn check(schema: &Value) -> Result<(), SchemaRefused> {
        bounded(schema).map(|_| ())
    }

    /// Judges a value.
    ///
    /// # Errors
    /// The first place that does not fit.
    pub fn validate(&self, value: &Value) -> Result<(), SchemaViolation> {
        self.validator.validate(value).map_err(|error| SchemaViolation {
            pointer: error.instance_path().to_string(),
            keyword: error.kind().keyword().to_owned(),
        })
    }
}

fn bounded(schema: &Value) -> Result<Draft, SchemaRefused> {
    if !schema.is_object() && !schema.is_boolean() {
        return Err(SchemaRefused::NotASchema);
    }
    if depth(schema, DEEPEST).is_none() {
        return Err(SchemaRefused::TooDeep);
    }
    if schema.to_string().len() > LARGEST {
        return Err(SchemaRefused::TooLarge);
    }
    let draft = dialect(schema)?;
    cost::check(schema)?;
    Ok(draft)
}

fn dialect(schema: &Value) -> Result<Draft, SchemaRefused> {
    let Some(named) = schema.get("$schema") else {
        return Ok(Draft::Draft202012);
    };
    match named.as_str().map(Draft::from_schema_uri) {
        Some(draft @ (Draft::Draft202012 | Draft::Draft7)) => Ok(draft),
        _ => Err(SchemaRefused::Dialect),
    }
}

/// Bounds on a value that hold whatever the schema says: 97 % of string
/// parameters of real tools have no `maxLength`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Longest string or member name, in bytes.
    pub string_bytes: usize,
    /// Longest text of the whole value, in bytes of compact JSON.
    pub total_bytes: usize,
    /// Deepest nesting; a string or a number is one level.
    pub depth: usize,
}

impl Default for Bounds {
    /// 64 KiB, 1 MiB, 32 levels.
    fn default() -> Self {
        Self { string_bytes: 64 << 10, total_bytes: 1 << 20, depth: 32 }
    }
}

/// Which bound a value breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum BoundBroken {
    /// [`Bounds::string_bytes`].
    #[error("a string in the arguments is too long")]
    String,
    /// [`Bounds::total_bytes`].
    #[error("the arguments are too long")]
    Total,
    /// [`Bounds::depth`].
    #[error("the arguments are nested too deeply")]
    Depth,
}

impl Bounds {
    /// Judges a value.
    ///
    /// # Errors
    /// The first bound that is broken.
    pub fn check(&self, value: &Value) -> Result<(), BoundBroken> {
        depth(value, self.depth).ok_or(BoundBroken::Depth)?;
        if longest(value) > self.string_bytes {
            return Err(BoundBroken::String);
        }
        // Measured exactly only when it could matter.
        if at_most(value) > self.total_bytes && value.to_string().len() > self.total_bytes {
            return Err(BoundBroken::Total);
        }
        Ok(())
    }
}

/// How many levels are left of `allowed`; `None` when there are not enough.
fn depth(value: &Value, allowed: usize) -> Option<usize> {
    let left = allowed.checked_sub(1)?;
    match value {
        Value::Array(items) => {
            items.iter().try_fold(left, |least, item| Some(least.min(depth(item, left)?)))
        }
        Value::Object(members) => {
            members.values().try_fold(left, |least, item| Some(least.min(depth(item, left)?)))
        }
        _ => Some(left),
    }
}

/// A bound on the length as compact JSON: no byte takes more than six, no number
/// more than 32.
fn at_most(value: &Value) -> usize {
    let text = |text: &str| text.len().saturating_mul(6).saturating_add(2);
    let all = |sum: usize, item: usize| sum.saturating_add(item).saturating_add(1);
    match value {
        Value::String(content) => text(content),
        Value::Array(items) => items.iter().map(at_most).fold(2, all),
        Value::Object(members) => {
            let each = members.iter().map(|(name, item)| all(text(name), at_most(item)));
            each.fold(2, all)
        }
        _ => 32,
    }
}

fn longest(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(longest).max().unwrap_or(0),
        Value::Object(members) => {
            members.iter().map(|(name, item)| name.len().max(longest(item))).max().unwrap_or(0)
        }
        _ => 0,
    }
}
