//! How long source takes to be read, and whether that keeps pace with its size.

use std::path::Path;

use super::ours::{Auditor, Seen};

/// A tree, and what reading it took.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) name: String,
    pub(crate) seen: Seen,
}

/// Every directory of a folder.
pub(crate) fn run(
    auditor: &Auditor<'_>,
    folder: &Path,
    rounds: usize,
) -> Result<Vec<Tree>, String> {
    let entries =
        std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut trees = Vec::new();
    for entry in entries.flatten().filter(|it| it.path().is_dir()) {
        let name = entry.file_name().to_string_lossy().into_owned();
        eprintln!("{name}");
        let words = [entry.path().display().to_string()];
        let seen = auditor.look(auditor.work, &format!("tree-{name}"), &words, rounds)?;
        trees.push(Tree { name, seen });
    }
    trees.sort_by_key(|it| it.seen.lines);
    Ok(trees)
}
