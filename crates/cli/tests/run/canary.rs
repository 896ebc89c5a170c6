//! Secrets that are seeded everywhere, and looked for in every sink.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::stage::{Gateway, Stage, answering};

/// Each in two pieces, so that no scanner takes this file for a leak. The first
/// two have a form that is known; the others are only known to be secrets.
const SEEDS: [(&str, &str, &str); 5] = [
    ("in an argument", "ghp_C4n4ryArg", "D5e6F7a8B9c0D1e2F3a4B5c6D7e"),
    ("in our environment", "ghp_C4n4ryEnv", "D5e6F7a8B9c0D1e2F3a4B5c6D7e"),
    ("granted, from our environment", "c4n4ry", "-of-the-environment"),
    ("granted, from a file", "c4n4ry", "-of-the-file"),
    ("under a name that tells", "c4n4ry", "-of-the-member"),
];

fn seed(number: usize) -> String {
    let (_, head, tail) = SEEDS[number];
    [head, tail].concat()
}

/// Everything below a directory, as it lies there.
fn contents(of: &Path) -> Vec<(String, Vec<u8>)> {
    let (mut open, mut found) = (vec![of.to_owned()], Vec::new());
    while let Some(path) = open.pop() {
        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => {
                open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
            Ok(meta) if meta.is_file() => {
                found.push((path.display().to_string(), fs::read(&path).unwrap()));
            }
            Ok(_) | Err(_) => {}
        }
    }
    found
}

fn holds(bytes: &[u8], seed: &str) -> bool {
    bytes.windows(seed.len()).any(|window| window == seed.as_bytes())
}

/// A server that says whatever it was given on stderr, in parts and in whole,
/// and in an answer that is an error.
fn talkative() -> Vec<String> {
    answering::server("printf 'all: %s %s\\n' \"$FROM_ENV\" \"$FROM_FILE\" >&2")
}

#[test]
fn a_seeded_secret_is_in_no_sink() {
    let stage = Stage::new();
    fs::write(stage.home().join("token"), seed(3)).unwrap();
    let file = format!("FROM_FILE=@{}/token", stage.home().display());
    let options = ["--name", "talkative", "--env", "FROM_ENV", "--env", &file];
    let mut command = stage.run(&options, &talkative());
    command.env("UNRELATED", seed(1)).env("FROM_ENV", seed(2));
    let mut gateway = Gateway::start(command, None);
    gateway.shakes_hands();
    let arguments = json!({"path": seed(0), "password": seed(4)});
    gateway.call("read_file", &arguments);
    gateway.call("no_such_tool", &arguments);
    gateway.says(&json!({"jsonrpc": "2.0", "id": 77, "method": "no/such", "params": arguments}));
    gateway.answer(77);
    stage.until("its stderr", || {
        let log = fs::read_to_string(stage.state().join("journal/side/talkative.log"));
        log.ok().filter(|log| log.contains("all:"))
    });
    let mut sinks = Vec::new();
    for kin in gateway.kin() {
        let line = fs::read(format!("/proc/{}/cmdline", kin.pid)).unwrap_or_default();
        sinks.push((format!("the arguments of process {}", kin.pid), line));
    }
    let own = fs::read(format!("/proc/{}/cmdline", gateway.pid())).unwrap();
    sinks.push(("our own arguments".to_owned(), own));
    assert!(sinks.len() >= 4, "{sinks:?}");
    let said = gateway.leave();
    sinks.push(("our stderr".to_owned(), said.err.into_bytes()));
    sinks.extend(contents(&stage.state()));
    sinks.extend(contents(&stage.path().join("tmp")));
    let shown = stage.says(&["journal", "show", "--json"]).out;
    assert!(shown.contains("tools/call"), "{shown}");
    sinks.push(("what the journal shows".to_owned(), shown.into_bytes()));
    let listed = stage.says(&["approvals", "list", "--all", "--json"]).out;
    sinks.push(("what approvals show".to_owned(), listed.into_bytes()));
    for (number, (place, ..)) in SEEDS.iter().enumerate() {
        for (sink, bytes) in &sinks {
            assert!(!holds(bytes, &seed(number)), "what was {place} is in {sink}");
        }
    }
}

#[test]
fn a_secret_on_our_own_command_line_starts_nothing() {
    let stage = Stage::new();
    let grant = format!("TOKEN={}", seed(0));
    let said = crate::stage::finish(stage.run(&["--env", &grant], &Stage::shell("exit 0")));
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
    assert!(said.err.contains("TOKEN=@FILE") && !said.err.contains(&seed(0)), "{said:?}");
}
