//! Resources by URI, and roots.

use super::{Fields, Misfit};
use crate::json::Json;

/// The `uri` in the params of `resources/read`, `resources/subscribe`,
/// `resources/unsubscribe` and `notifications/resources/updated`.
///
/// # Errors
/// [`Misfit`] naming the member.
pub fn uri(params: Option<&Json>) -> Result<String, Misfit> {
    Fields::params(params, &["uri", "_meta"])?.required_text("uri")
}

/// One entry of a `roots/list` result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRoot {
    /// A `file:` URI, says the specification; nobody checked yet.
    pub uri: String,
    /// For people.
    pub name: Option<String>,
}

/// Reads the result of a `roots/list`.
///
/// # Errors
/// [`Misfit`] naming the member.
pub fn roots(result: &Json) -> Result<Vec<ListedRoot>, Misfit> {
    let read = |entry: &Json| {
        let fields = Fields::open(entry, "roots", &["uri", "name"])?;
        Ok(ListedRoot { uri: fields.required_text("uri")?, name: fields.text("name")? })
    };
    Fields::open(result, "result", &["roots"])?.list("roots")?.iter().map(read).collect()
}
