//! Tasks: which one a request is about.

use super::{Fields, Misfit};
use crate::json::Json;

/// `_meta` member: the task that a message belongs to (2025-11-25).
pub const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";

/// The `taskId` in the params of `tasks/get` and its siblings, and of
/// notifications about a task.
///
/// # Errors
/// [`Misfit`] naming the member.
pub fn id(params: Option<&Json>) -> Result<String, Misfit> {
    Fields::params(params, &["taskId", "_meta"])?.required_text("taskId")
}
