//! The file tools: reading, listing, searching, writing, all below directories that
//! are held open.
//!
//! Each tool is a thin [`TypedTool`](portcullis_kit::TypedTool) over plain functions
//! on a [`RootDir`](portcullis_confine::beneath::RootDir): the words of a path are
//! judged before a tool sees it, the rest is the kernel's. What a tool answers is
//! bounded, and says how to go on.

mod delete;
mod diff;
mod directories;
mod edit;
mod info;
mod list;
mod mime;
mod moves;
mod read;
mod read_many;
mod refused;
mod search;
#[cfg(test)]
mod stopped;
mod time;
mod write;

use portcullis_kit::Toolbox;

pub use delete::DeleteFile;
pub use directories::{AllowedDirectories, CreateDirectory};
pub use edit::EditFile;
pub use info::FileInfo;
pub use list::ListDirectory;
pub use moves::MoveFile;
pub use read::ReadFile;
pub use read_many::ReadMany;
pub use search::SearchFiles;
pub use write::WriteFile;

/// How much the file tools take and give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Most bytes of files in one answer.
    pub read_bytes: usize,
    /// Most bytes of one file that is written.
    pub write_bytes: usize,
    /// Whether a search leaves out what git ignores, unless a call says otherwise.
    pub gitignore: bool,
    /// Whether a search looks into hidden files, unless a call says otherwise.
    pub hidden: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { read_bytes: 96 << 10, write_bytes: 8 << 20, gitignore: true, hidden: false }
    }
}

impl From<&portcullis_config::Files> for Settings {
    fn from(files: &portcullis_config::Files) -> Self {
        let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Self {
            read_bytes: bytes(files.read_bytes),
            write_bytes: bytes(files.write_bytes),
            gitignore: files.gitignore,
            hidden: files.hidden,
        }
    }
}

/// Adds the file tools. Those that change something are offered with `writes` only.
#[must_use]
pub fn offer(toolbox: Toolbox, settings: Settings, writes: bool) -> Toolbox {
    let looking = toolbox
        .tool(ReadFile(settings))
        .tool(ReadMany(settings))
        .tool(ListDirectory)
        .tool(SearchFiles(settings))
        .tool(FileInfo)
        .tool(AllowedDirectories);
    if !writes {
        return looking;
    }
    looking
        .tool(WriteFile(settings))
        .tool(EditFile(settings))
        .tool(MoveFile(settings))
        .tool(DeleteFile)
        .tool(CreateDirectory)
}

/// What is left out of an answer when there is none of it.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
