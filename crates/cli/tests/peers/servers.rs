//! Each server says guarded what it says bare.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::calls::{self, Subject};
use crate::left::{assert_gone, assert_nobody_names};
use crate::talk::Talk;
use crate::yard::{PORTCULLIS, Yard, command};

/// Something of the host's that no server may see.
const SECRET: &str = "planted-and-not-granted";

#[test]
fn filesystem() {
    same_bare_and_guarded(calls::filesystem);
}

#[test]
fn everything() {
    same_bare_and_guarded(calls::everything);
}

#[test]
fn memory() {
    same_bare_and_guarded(calls::memory);
}

#[test]
fn git() {
    same_bare_and_guarded(calls::git);
}

#[test]
fn time() {
    same_bare_and_guarded(calls::time);
}

fn same_bare_and_guarded(subject: fn(&Yard) -> Subject) {
    let yard = Yard::new();
    let subject = subject(&yard);
    let mut bare = bare(&subject);
    let mut guarded = guarded(&yard, &subject);
    let tools = guarded.tools();
    compare_tools(&bare.tools(), &tools, &subject);
    for (tool, arguments) in &subject.reads {
        let (expected, got) = (bare.call(tool, arguments), guarded.call(tool, arguments));
        if *tool == "get-env" {
            only_what_was_granted(&expected, &got);
        } else {
            assert_eq!(timeless(got), timeless(expected), "{tool} {arguments}");
        }
    }
    let kin = guarded.kin();
    assert!(!kin.is_empty(), "a server runs");
    let ended = guarded.leave();
    assert!(ended.success(), "{ended}");
    assert_gone(&kin);
    drop(bare);
    assert_nobody_names(&yard.text(""));
    confined(&yard);
}

fn bare(subject: &Subject) -> Talk {
    let (program, arguments) = subject.server.split_first().unwrap();
    let mut command = command(program);
    command.args(arguments).env("PLANTED", SECRET);
    command.envs(subject.variables.iter().cloned());
    Talk::start(command, subject.roots.clone())
}

fn guarded(yard: &Yard, subject: &Subject) -> Talk {
    let mut command = command(PORTCULLIS);
    command.args(subject.guarded(yard, &["--confinement", "full"])).env("PLANTED", SECRET);
    Talk::start(command, subject.roots.clone())
}

/// The same definitions in the same order; only hints may be less mild, and the
/// table of calls knows every tool.
fn compare_tools(bare: &[Value], guarded: &[Value], subject: &Subject) {
    let without_hints = |tool: &Value| {
        let mut tool = tool.clone();
        tool.as_object_mut().unwrap().remove("annotations");
        tool
    };
    let all = |tools: &[Value]| tools.iter().map(without_hints).collect::<Vec<_>>();
    assert_eq!(all(bare), all(guarded));
    let names = |tools: &mut dyn Iterator<Item = &str>| {
        tools.map(str::to_owned).collect::<BTreeSet<String>>()
    };
    let name = |tool: &&Value| tool["name"].as_str().unwrap().to_owned();
    let reads = names(&mut subject.reads.iter().map(|(tool, _)| *tool));
    let reading = guarded.iter().filter(|tool| tool["annotations"]["readOnlyHint"] == true);
    assert_eq!(reading.map(|tool| name(&tool)).collect::<BTreeSet<_>>(), reads, "reading tools");
    let listed: BTreeSet<String> = guarded.iter().map(|tool| name(&tool)).collect();
    let others = names(&mut subject.others.iter().copied());
    assert_eq!(listed, reads.union(&others).cloned().collect(), "every tool is in the table");
    for (before, after) in bare.iter().zip(guarded) {
        let (before, after) = (&before["annotations"], &after["annotations"]);
        for (hint, mild) in [("readOnlyHint", true), ("destructiveHint", false)] {
            assert!(after[hint] != mild || before[hint] == mild, "{hint}: {before} became {after}");
        }
    }
}

/// The environment in the box: what was granted and what we make up, nothing of the host's.
fn only_what_was_granted(bare: &Value, guarded: &Value) {
    let shown = |answer: &Value| -> Value {
        serde_json::from_str(answer["result"]["content"][0]["text"].as_str().unwrap()).unwrap()
    };
    let (bare, guarded) = (shown(bare), shown(guarded));
    assert_eq!(bare["PLANTED"], SECRET, "the host's environment reaches a bare server");
    assert_eq!(guarded["GRANTED"], "this is for the server");
    assert!(!guarded.to_string().contains(SECRET), "{guarded}");
    assert_ne!(guarded["HOME"], bare["HOME"]);
    let made_up = ["PATH", "HOME", "TMPDIR", "LANG", "TZ", "USER", "LOGNAME", "SHELL", "GRANTED"];
    for name in guarded.as_object().unwrap().keys() {
        assert!(made_up.contains(&name.as_str()), "`{name}` in {guarded}");
    }
}

/// The journal is whole, and says that the box was the full one.
fn confined(yard: &Yard) {
    let journal = yard.journal();
    let started = journal.iter().find(|record| record["event"] == "started").unwrap();
    assert_eq!(started["confinement"]["level"], "full", "{started}");
    let denied: Vec<_> = journal.iter().filter(|record| record["event"] == "denied").collect();
    assert!(denied.is_empty(), "{denied:?}");
}

/// The same without what a clock says.
fn timeless(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_clock(&text)),
        Value::Array(items) => items.into_iter().map(timeless).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, timeless(value))).collect()
        }
        other => other,
    }
}

/// In a word that shows a time of day, every digit is `0`.
fn without_clock(text: &str) -> String {
    let ends = |c: char| c.is_whitespace() || c == '"';
    let clock = |word: &str| {
        let bytes = word.as_bytes();
        bytes.windows(3).any(|w| w[0].is_ascii_digit() && w[1] == b':' && w[2].is_ascii_digit())
    };
    let word = |word: &str| {
        if clock(word) { word.replace(|c: char| c.is_ascii_digit(), "0") } else { word.to_owned() }
    };
    text.split_inclusive(ends).map(word).collect()
}

#[test]
fn only_clocks_are_overlooked() {
    for (text, expect) in [
        ("at 3:04:05 PM, 12 apples", "at 0:00:00 PM, 12 apples"),
        ("\"2026-11-24T03:04:05+01:00\" +5.0h", "\"0000-00-00T00:00:00+00:00\" +5.0h"),
        ("demo://resource/dynamic/text/3", "demo://resource/dynamic/text/3"),
    ] {
        assert_eq!(without_clock(text), expect);
    }
    assert_eq!(timeless(json!([{"a": "1:23"}, 5])), json!([{"a": "0:00"}, 5]));
}
