//! `edit_file`: texts replaced by texts, all of them or none.

use std::io::Read as _;

use portcullis_kit::arguments::Writing;
use portcullis_kit::{Bounded, Call, Hints, Refusal, TypedTool, UnderRoot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::refused::{failed, refused};
use super::write::{Replaces, bounded, replace};
use super::{Settings, diff};

/// Edits a file.
#[derive(Debug)]
pub struct EditFile(pub Settings);

/// What in which file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    path: UnderRoot<Writing>,
    /// One after the other; each sees what those before it did.
    #[schemars(length(min = 1, max = 200))]
    edits: Vec<Edit>,
    /// Whether only to show what would change.
    #[serde(default)]
    dry_run: bool,
}

/// One replacement.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Edit {
    /// The text as it stands in the file, to the last space. Line ends may be written as
    /// `\n` where the file has `\r\n`.
    #[schemars(length(min = 1))]
    old_text: Bounded<1_048_576>,
    /// The text that takes its place.
    new_text: Bounded<1_048_576>,
    /// How often it must be there; all of them are replaced.
    #[serde(default = "once")]
    #[schemars(range(min = 1, max = 100_000))]
    count: usize,
}

fn once() -> usize {
    1
}

/// What became of it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Edited {
    path: String,
    /// What changed, or would, as a unified diff.
    diff: String,
    /// How many texts were replaced.
    replacements: usize,
    /// Whether the file was written.
    written: bool,
}

impl TypedTool for EditFile {
    type Arguments = Asked;
    type Output = Edited;
    const NAME: &'static str = "edit_file";
    const TITLE: &'static str = "Edit a file";
    const DESCRIPTION: &'static str = "Replaces exact texts in a file. Each `old_text` must be \
        there `count` times (once unless said otherwise), else nothing is changed at all. Answers \
        with a diff; with `dry_run` that is all it does.";
    const HINTS: Hints = Hints::destroys();

    async fn run(&self, asked: Asked, call: &Call) -> Result<Edited, Refusal> {
        let most = self.0.write_bytes;
        call.blocking(move |call| edit(&asked, most, call)).await
    }
}

fn edit(asked: &Asked, most: usize, call: &Call) -> Result<Edited, Refusal> {
    let (path, shown) = (&asked.path, asked.path.shown());
    let before = path.dir().facts(path.below()).map_err(|why| refused(shown, why))?;
    let old = whole_text(path, most)?;
    let (new, replacements) = edited(&old, &asked.edits, most, call)?;
    let diff = diff::unified(shown, &old, &new);
    let written = !asked.dry_run && new != old;
    if written {
        // The file is the one that was read, or somebody would lose what they wrote.
        let only = Replaces::Only(before);
        replace(path, new.as_bytes(), only, call)?;
    }
    Ok(Edited { path: shown.to_owned(), diff, replacements, written })
}

fn whole_text(path: &UnderRoot<Writing>, most: usize) -> Result<String, Refusal> {
    let shown = path.shown();
    let file = path.dir().file(path.below()).map_err(|why| refused(shown, why))?;
    let mut bytes = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(|error| failed(shown, error))?;
    bounded(&bytes, most)?;
    String::from_utf8(bytes).map_err(|wrong| {
        let at = wrong.utf8_error().valid_up_to();
        Refusal::new(format!("`{shown}` is not UTF-8 text (at byte {at}): write_file replaces it"))
    })
}

/// The text after all edits, and how many texts were replaced.
fn edited(
    text: &str,
    edits: &[Edit],
    most: usize,
    call: &Call,
) -> Result<(String, usize), Refusal> {
    let crlf = text.contains("\r\n");
    let (mut text, mut replacements) = (text.to_owned(), 0);
    for (at, edit) in edits.iter().enumerate() {
        call.goes_on()?;
        let old = as_in_file(&edit.old_text, &text, crlf);
        let new = if crlf { with_crlf(&edit.new_text) } else { edit.new_text.to_string() };
        let found = text.matches(old.as_str()).count();
        if found != edit.count {
            return Err(Refusal::new(wrong_count(at + 1, found, edit.count)));
        }
        let grown = text.len() - found * old.len() + found.saturating_mul(new.len());
        if grown > most {
            let wrong = format!("too large: the file would have {grown} bytes, and may {most}");
            return Err(Refusal::new(wrong));
        }
        text = text.replace(old.as_str(), &new);
        replacements += found;
    }
    Ok((text, replacements))
}

fn wrong_count(edit: usize, found: usize, expected: usize) -> String {
    let advice = match found {
        0 => "read the file again and copy the text exactly",
        _ => "add lines around it until it is unique, or pass the right `count`",
    };
    format!(
        "edit {edit}: `old_text` is there {found} times, and not {expected}; nothing was changed: \
         {advice}"
    )
}

/// The text that is looked for, with the line ends of the file.
fn as_in_file(old: &str, text: &str, crlf: bool) -> String {
    if crlf && !text.contains(old) { with_crlf(old) } else { old.to_owned() }
}

fn with_crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::stopped::stopped_in;

    #[test]
    fn a_call_that_is_over_edits_nothing() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.txt"), "one").unwrap();
        let call = stopped_in(dir.path());
        let edits: Vec<Edit> =
            serde_json::from_str(r#"[{ "old_text": "one", "new_text": "two" }]"#).unwrap();
        assert!(edited("one", &edits, 100, &call).is_err());
        let path = UnderRoot::judge("a.txt", call.roots()).unwrap();
        assert!(edit(&Asked { path, edits, dry_run: false }, 100, &call).is_err());
        assert_eq!(std::fs::read_to_string(dir.path().join("a.txt")).unwrap(), "one");
    }
}
