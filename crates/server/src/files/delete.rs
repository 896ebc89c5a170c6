//! `delete_file`: a file, a link, or an empty directory.

use portcullis_confine::beneath::{BeneathError, Kind};
use portcullis_kit::arguments::Writing;
use portcullis_kit::{Call, Hints, Refusal, TypedTool, UnderRoot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::refused::refused;

/// Deletes a file or an empty directory.
#[derive(Debug)]
pub struct DeleteFile;

/// Which.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    path: UnderRoot<Writing>,
}

/// What is gone.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Deleted {
    path: String,
    /// What it was.
    kind: &'static str,
    /// How many names it has left; its content is gone with the last.
    hard_links_left: u32,
}

impl TypedTool for DeleteFile {
    type Arguments = Asked;
    type Output = Deleted;
    const NAME: &'static str = "delete_file";
    const TITLE: &'static str = "Delete a file";
    const DESCRIPTION: &'static str = "Deletes a file or an empty directory, for good. Of a link, \
        the link itself; never what it leads to, and never a directory with something in it.";
    const HINTS: Hints = Hints::destroys();

    async fn run(&self, asked: Asked, call: &Call) -> Result<Deleted, Refusal> {
        call.blocking(move |call| delete(&asked.path, call)).await
    }
}

pub(super) fn delete(path: &UnderRoot<Writing>, call: &Call) -> Result<Deleted, Refusal> {
    call.goes_on()?;
    let (dir, below, shown) = (path.dir(), path.below(), path.shown());
    let gone = || -> Result<_, BeneathError> {
        let facts = dir.facts_of_link(below)?;
        // The kernel says it again: each of these calls refuses the other's kind.
        match facts.kind {
            Kind::Directory => dir.remove_directory(below)?,
            _ => dir.remove_file(below)?,
        }
        Ok(facts)
    };
    let facts = gone().map_err(|why| refused(shown, why))?;
    let left = if facts.kind == Kind::Directory { 0 } else { facts.links.saturating_sub(1) };
    Ok(Deleted { path: shown.to_owned(), kind: facts.kind.as_str(), hard_links_left: left })
}
