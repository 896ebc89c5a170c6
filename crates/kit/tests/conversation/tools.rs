//! Tools of a server for tests, and what its journal says.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use portcullis_kit::arguments::Writing;
use portcullis_kit::{Bounded, Call, Hints, Refusal, TypedTool, UnderRoot};

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Text {
    text: Bounded<64>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    path: UnderRoot,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewNote {
    path: UnderRoot<Writing>,
}

#[derive(serde::Serialize, schemars::JsonSchema)]
pub(crate) struct Said {
    text: String,
}

#[derive(Debug)]
pub(crate) struct Echo;

impl TypedTool for Echo {
    type Arguments = Text;
    type Output = Said;
    const NAME: &'static str = "echo";
    const TITLE: &'static str = "Echo";
    const DESCRIPTION: &'static str = "Says it again.";
    const HINTS: Hints = Hints::reads();
    async fn run(&self, it: Text, _call: &Call) -> Result<Said, Refusal> {
        Ok(Said { text: it.text.into_string() })
    }
}

#[derive(Debug)]
pub(crate) struct ReadNote;

impl TypedTool for ReadNote {
    type Arguments = Note;
    type Output = Said;
    const NAME: &'static str = "read_note";
    const TITLE: &'static str = "Read a note";
    const DESCRIPTION: &'static str = "Reads a note.";
    const HINTS: Hints = Hints::reads();
    async fn run(&self, note: Note, call: &Call) -> Result<Said, Refusal> {
        call.blocking(move |_| {
            let failed = |cause: &dyn std::fmt::Display| Refusal::failed("reading", cause);
            let mut file = note.path.dir().file(note.path.below()).map_err(|e| failed(&e))?;
            let mut text = String::new();
            file.read_to_string(&mut text).map_err(|e| failed(&e))?;
            Ok(Said { text })
        })
        .await
    }
}

/// Says where it would write, and does not.
#[derive(Debug)]
pub(crate) struct WriteNote;

impl TypedTool for WriteNote {
    type Arguments = NewNote;
    type Output = Said;
    const NAME: &'static str = "write_note";
    const TITLE: &'static str = "Write a note";
    const DESCRIPTION: &'static str = "Writes a note.";
    const HINTS: Hints = Hints::adds();
    async fn run(&self, note: NewNote, _call: &Call) -> Result<Said, Refusal> {
        Ok(Said { text: note.path.shown().to_owned() })
    }
}

#[derive(Debug)]
pub(crate) struct Sleep;

impl TypedTool for Sleep {
    type Arguments = Nothing;
    type Output = Said;
    const NAME: &'static str = "sleep";
    const TITLE: &'static str = "Sleep";
    const DESCRIPTION: &'static str = "Sleeps for an hour.";
    const HINTS: Hints = Hints::reads();
    async fn run(&self, _: Nothing, _call: &Call) -> Result<Said, Refusal> {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        Ok(Said { text: "awake".to_owned() })
    }
}

#[derive(Debug)]
pub(crate) struct Stumble;

impl TypedTool for Stumble {
    type Arguments = Text;
    type Output = Said;
    const NAME: &'static str = "stumble";
    const TITLE: &'static str = "Stumble";
    const DESCRIPTION: &'static str = "Fails, and knows why.";
    const HINTS: Hints = Hints::reads();
    async fn run(&self, _: Text, _call: &Call) -> Result<Said, Refusal> {
        Err(Refusal::failed("looking", "no such file: /var/secret/place"))
    }
}

#[derive(Debug)]
pub(crate) struct Panics;

impl TypedTool for Panics {
    type Arguments = Nothing;
    type Output = Said;
    const NAME: &'static str = "panics";
    const TITLE: &'static str = "Panics";
    const DESCRIPTION: &'static str = "Has a mistake in it.";
    const HINTS: Hints = Hints::destroys();
    async fn run(&self, _: Nothing, _call: &Call) -> Result<Said, Refusal> {
        panic!("a mistake at /var/secret/place")
    }
}

/// Every line of a journal.
pub(crate) fn journal(state: &Path) -> String {
    let entries = std::fs::read_dir(state.join("journal")).unwrap();
    let mut text = String::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_file() {
            text.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap()));
        }
    }
    text
}
