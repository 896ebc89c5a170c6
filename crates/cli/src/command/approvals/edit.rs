//! `portcullis approvals edit`: other words in the place of what was asked, and a yes to
//! those.
//!
//! The content is edited as JSON, because that is exactly what goes on; a character that
//! would not show itself is written as an escape of JSON, which says the same.

use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use portcullis_console::diff::changes;
use portcullis_guard::text::is_hidden;
use portcullis_mediation::edit::{LONGEST, judge, may_edit};
use portcullis_mediation::{ApprovalId, Matter};
use portcullis_store::{
    ApprovalStore as _, Approvals as Store, NotDecided, NotEdited, Row, State, Verdict,
};

use super::{late, parse, told, unknown};
use crate::command::now;
use crate::exit::{Exit, Trouble};
use crate::{state as places, style};

/// Prints what would be edited.
pub(super) fn print(state: &Path, id: &str) -> Result<Exit, Trouble> {
    let row = editable(state, id)?;
    style::print(&format!("{}\n", written(&row)?))?;
    Ok(Exit::Clean)
}

/// Takes edited content that is there already.
pub(super) fn take(state: &Path, id: &str, from: &Path, json: bool) -> Result<Exit, Trouble> {
    let text = if from == Path::new("-") {
        read(io::stdin().lock())
    } else {
        File::open(from).and_then(read)
    };
    let text = text.map_err(|error| {
        let said = format!("`{}` cannot be read: {error}", from.display());
        Trouble::new(Exit::Usage, said)
    })?;
    approve(state, id, &text, json)
}

/// Opens an editor, shows what changed, and asks.
pub(super) fn by_hand(state: &Path, id: &str, json: bool) -> Result<Exit, Trouble> {
    let row = editable(state, id)?;
    if !io::stdin().is_terminal() {
        let said = format!(
            "nobody sits here who could edit: print it with `portcullis approvals edit {id} --print`, \
             and give it back with `--from FILE`"
        );
        return Err(Trouble::new(Exit::Usage, said));
    }
    let mut text = row.arguments.to_string();
    loop {
        text = edited_in(state, row.id.as_str(), &text)?;
        let asked = row.arguments.to_string();
        match judge(matter(&row), &asked, &text) {
            Ok(content) => {
                let shown = changes(&asked, &content);
                let lines = shown.iter().map(|(mark, row)| format!("{} {row}\n", mark.letter()));
                style::print(&lines.collect::<String>())?;
                match typed("approve what stands there now? type y, n to leave, or e to edit on, then enter: ")?.as_str() {
                    "y" | "yes" => return approve(state, id, &content, json),
                    "e" => {}
                    _ => return left(),
                }
            }
            Err(why) => {
                let ask =
                    format!("not approved: {why}\ntype e to edit on, or n to leave, then enter: ");
                if typed(&ask)? != "e" {
                    return left();
                }
            }
        }
    }
}

fn left() -> Result<Exit, Trouble> {
    style::print("nothing was answered, and the question waits\n")?;
    Ok(Exit::Clean)
}

fn approve(state: &Path, id: &str, content: &str, json: bool) -> Result<Exit, Trouble> {
    let now = now();
    let by = format!("uid:{} by command", rustix::process::getuid().as_raw());
    let decided = Store::open(state)?.edit(&parse(id)?, content, &by, now)?;
    let decided = decided.map_err(|why| match why {
        NotEdited::Question(why) => late(id, why),
        NotEdited::Unfit(why) => {
            let said = format!("`{id}` was not approved, and waits: {why}");
            Trouble::new(Exit::Usage, said)
        }
    })?;
    told(&decided, Verdict::Approve, now, json)
}

/// The question, when it waits and is one that can be edited.
fn editable(state: &Path, id: &str) -> Result<Row, Trouble> {
    let row = Store::open(state)?.get(&parse(id)?, now())?.ok_or_else(|| unknown(id))?;
    if row.state != State::Pending {
        return Err(late(id, NotDecided::Already(row.state)));
    }
    if !may_edit(matter(&row)) {
        let said = format!(
            "`{id}` cannot be edited: what a server asks of the model can, and what the model \
             answers; say yes or no to it"
        );
        return Err(Trouble::new(Exit::Usage, said));
    }
    Ok(row)
}

fn matter(row: &Row) -> Matter {
    Matter::parse(&row.kind).unwrap_or(Matter::Tool)
}

/// The content as it is edited.
fn written(row: &Row) -> Result<String, Trouble> {
    let value: serde_json::Value =
        serde_json::from_str(row.arguments.as_str()).map_err(|error| Trouble::failed(&error))?;
    let text = serde_json::to_string_pretty(&value);
    Ok(escaped(&text.map_err(|error| Trouble::failed(&error))?))
}

/// The same of a text, if it is JSON; else as it is.
fn indented(text: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(text);
    let pretty = value.and_then(|value| serde_json::to_string_pretty(&value));
    pretty.map_or_else(|_| text.to_owned(), |pretty| escaped(&pretty))
}

/// JSON with what would hide as escapes. Between texts there is nothing of the kind but the
/// ends of lines.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter == '\n' || !is_hidden(letter) {
            text.push(letter);
            continue;
        }
        let mut units = [0; 2];
        for unit in letter.encode_utf16(&mut units) {
            text.push_str(&format!("\\u{unit:04x}"));
        }
    }
    text
}

fn read(from: impl io::Read) -> io::Result<String> {
    let mut text = String::new();
    // Indented JSON is longer than what it says.
    from.take(LONGEST as u64 * 4).read_to_string(&mut text)?;
    Ok(text)
}

/// What a person leaves in a file that only they can read.
pub(super) fn edited_in(state: &Path, id: &str, text: &str) -> Result<String, Trouble> {
    let file =
        Draft::new(state, &parse(id)?, &indented(text)).map_err(|error| Trouble::failed(&error))?;
    edit(&file.0)?;
    File::open(&file.0).and_then(read).map_err(|error| Trouble::failed(&error))
}

/// A file for an editor, gone when this is.
struct Draft(PathBuf);

impl Draft {
    fn new(state: &Path, id: &ApprovalId, text: &str) -> io::Result<Self> {
        let draft = Self(state.join(format!("edit-{id}-{}.json", std::process::id())));
        let mut options = File::options();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&draft.0)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The person's editor, as their environment names it: words, no shell.
#[expect(clippy::disallowed_methods, reason = "the person's own editor, started at their word")]
fn edit(file: &Path) -> Result<(), Trouble> {
    let named = places::variable("VISUAL").or_else(|| places::variable("EDITOR"));
    let named = named.unwrap_or_else(|| "vi".into());
    let named = named.to_string_lossy();
    let mut words = named.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let ended = Command::new(program).args(words).arg(file).status();
    let failed = |why: String| {
        let said = format!("the editor `{named}` {why}: nothing was answered");
        Err(Trouble::new(Exit::Failed, said))
    };
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => failed(format!("ended with {status}")),
        Err(error) => failed(format!("cannot be started ({error})")),
    }
}

fn typed(ask: &str) -> Result<String, Trouble> {
    style::print(ask)?;
    let mut line = String::new();
    io::stdin().read_line(&mut line).map_err(|error| Trouble::failed(&error))?;
    Ok(line.trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_is_an_escape_that_says_the_same() {
        let value = serde_json::json!({"text": "a\u{202e}b\u{e0041}\u{1b} ünï\n"});
        let text = escaped(&serde_json::to_string_pretty(&value).unwrap());
        assert!(text.is_ascii() || !text.chars().any(|c| c != '\n' && is_hidden(c)), "{text}");
        assert!(text.contains("\\u202e") && text.contains("\\udb40\\udc41"), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
