//! Documents derive from definitions.
//!
//! [`documents`] is the list; each has its own file. `--check` compares and
//! names the stale one and the command that writes it.

mod advisories;
pub(crate) mod checklist;
mod checks;
mod controls;
mod lesson;

use std::fs;

use crate::repo::{Repo, Tree};
use crate::say;

/// A file that is written from definitions.
struct Document {
    path: &'static str,
    text: String,
}

fn documents(tree: &Tree) -> Result<Vec<Document>, String> {
    let document = |path, text| Document { path, text };
    Ok(vec![
        document("docs/reference/controls.md", controls::page(tree)?),
        document("docs/reference/checks.md", checks::page()),
        document("docs/reference/advisories.md", advisories::page()),
        document(advisories::ATTACKS, advisories::attacks(tree)),
        document("docs/reference/config.md", portcullis_config::reference::reference_markdown()),
        document("docs/reference/server-checklist.md", checklist::page(tree, &checklist::SERVER)?),
        document("docs/reference/client-checklist.md", checklist::page(tree, &checklist::CLIENT)?),
        document(
            "docs/reference/transport-checklist.md",
            checklist::page(tree, &checklist::TRANSPORT)?,
        ),
        document("docs/guide/lesson.md", lesson::page(tree)?),
        document("schema/config.json", portcullis_config::reference::json_schema()),
    ])
}

/// Writes every document that is not as it should be.
pub(crate) fn write(repo: &Repo) -> Result<(), String> {
    let tree = repo.tree()?;
    for document in stale(&tree)? {
        let path = repo.root().join(document.path);
        let parent = path.parent().ok_or("a document without a folder")?;
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, &document.text));
        written.map_err(|error| format!("{}: {error}", document.path))?;
        say(&format!("wrote {}", document.path));
    }
    Ok(())
}

/// Fails when a document is not what its definitions say.
pub(crate) fn check(repo: &Repo) -> Result<(), String> {
    let stale: Vec<&str> = stale(&repo.tree()?)?.iter().map(|document| document.path).collect();
    match stale.as_slice() {
        [] => Ok(()),
        stale => Err(format!("stale: {}; run `cargo xtask generate`", stale.join(", "))),
    }
}

fn stale(tree: &Tree) -> Result<Vec<Document>, String> {
    let documents = documents(tree)?.into_iter();
    Ok(documents.filter(|it| tree.text(it.path) != Some(it.text.as_str())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_document_is_stale() {
        let written = documents(&Tree::default()).expect("documents");
        let files: Vec<_> = written.iter().map(|it| (it.path, it.text.as_str())).collect();
        assert!(stale(&Tree::of(&files)).expect("documents").is_empty());
        let edited: Vec<_> = written.iter().map(|it| (it.path, "by hand")).collect();
        assert_eq!(stale(&Tree::of(&edited)).expect("documents").len(), written.len());
    }
}
