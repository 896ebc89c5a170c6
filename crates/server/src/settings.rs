//! What the server offers and how much, understood and located.

use std::path::PathBuf;

use portcullis_config::commands::Command;
use portcullis_confine::{Level, RootGrant};
use portcullis_kit::Limits;

use crate::query::Ready;

/// Everything that was decided before the server starts.
#[derive(Debug)]
pub struct Settings {
    /// Its name: for clients, and in the journal.
    pub name: String,
    /// The directories that it may act in.
    pub roots: Vec<RootGrant>,
    /// Where the journal is.
    pub state: PathBuf,
    /// Databases, and the tools that ask them.
    pub queries: Ready,
    /// How much one conversation may do.
    pub limits: Limits,
    /// How much the file tools take and give.
    pub files: crate::files::Settings,
    /// The least confinement of this process, else it does not start.
    pub least: Level,
    /// The programs that it may run.
    pub commands: Vec<Command>,
}
