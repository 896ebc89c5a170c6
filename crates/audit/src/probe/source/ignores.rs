//! Comments that ask for silence about a check.

use super::walk::File;
use crate::evidence::Place;
use crate::evidence::source::{Ignore, Language};

const ASKS: &str = "portcullis: ignore[";
/// The longest reason that is kept, in characters.
const REASON: usize = 200;

/// Each `portcullis: ignore[CHECK] REASON` that stands behind a comment's mark.
pub(super) fn ignores(file: &File) -> Vec<Ignore> {
    let mark = match file.language {
        Language::Python => "#",
        Language::JavaScript | Language::TypeScript | Language::Go | Language::Rust => "//",
    };
    let numbered = (1_u32..).zip(file.text.lines());
    numbered.filter_map(|(line, text)| one(file, mark, line, text)).collect()
}

fn one(file: &File, mark: &str, line: u32, text: &str) -> Option<Ignore> {
    let (before, after) = text.split_once(ASKS)?;
    let (code, _) = before.rsplit_once(mark)?;
    let (check, reason) = after.split_once(']')?;
    let alone = code.trim().is_empty();
    let column = u32::try_from(before.chars().count()).unwrap_or(u32::MAX);
    Some(Ignore {
        place: Place { file: file.name.clone(), line, column: column.saturating_add(1) },
        covers: if alone { line.saturating_add(1) } else { line },
        check: check.trim().to_owned(),
        reason: reason.trim().chars().take(REASON).collect(),
    })
}
