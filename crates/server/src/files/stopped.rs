//! For tests: a call that is over, as a tool that works on for it has it.

use std::path::Path;
use std::sync::mpsc::{Sender, channel};

use portcullis_guard::Access;
use portcullis_kit::{Call, Ceiling, Hints, Refusal, Toolbox, TypedTool, UnderRoot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::delete::delete;
use super::directories::make_all;
use super::write::{Replaces, replace};

/// A tool that hands its call out.
#[derive(Debug)]
struct Hand(Sender<Call>);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Debug, Serialize, JsonSchema)]
struct Done {}

impl TypedTool for Hand {
    type Arguments = Nothing;
    type Output = Done;
    const NAME: &'static str = "hand";
    const TITLE: &'static str = "Hand";
    const DESCRIPTION: &'static str = "Hands its call out.";
    const HINTS: Hints = Hints::reads();

    async fn run(&self, _: Nothing, call: &Call) -> Result<Done, Refusal> {
        self.0.send(call.clone()).map_err(|gone| Refusal::new(gone.to_string()))?;
        Ok(Done {})
    }
}

/// What a client says to call it.
const TALK: &str = include_str!("../../tests/files/hand.jsonl");

/// A call that is over; it could have written in this directory.
pub(super) fn stopped_in(dir: &Path) -> Call {
    let (hand, calls) = channel();
    let ceiling = Ceiling::new().grant(dir, Access::Write).unwrap();
    let toolbox = Toolbox::new("test", "1.0.0").tool(Hand(hand)).roots(ceiling);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (input, output) = tokio::io::split(theirs);
        let mut server = tokio::task::JoinSet::new();
        server.spawn(toolbox.serve(input, output));
        let (lines, mut out) = tokio::io::split(ours);
        out.write_all(TALK.as_bytes()).await.unwrap();
        let mut lines = BufReader::new(lines).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains(r#""id":2"#) {
                break;
            }
        }
    });
    drop(runtime);
    let call = calls.recv().unwrap();
    assert!(call.goes_on().is_err(), "the call is not over");
    call
}

#[test]
fn a_call_that_is_over_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.txt");
    std::fs::write(&file, "one").unwrap();
    let call = stopped_in(dir.path());
    let path = |asked| UnderRoot::judge(asked, call.roots()).unwrap();
    assert!(replace(&path("a.txt"), b"two", Replaces::Anything, &call).is_err());
    assert!(replace(&path("b.txt"), b"two", Replaces::Nothing, &call).is_err());
    assert!(delete(&path("a.txt"), &call).is_err());
    assert!(make_all(&path("c/d"), Path::new("c/d"), &call).is_err());
    let left: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left, ["a.txt"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "one");
}
