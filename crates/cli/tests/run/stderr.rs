//! What a server writes to stderr.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::stage::{Gateway, Said, Stage, answering};

/// In two pieces, so that no scanner takes this file for a leak.
fn token() -> String {
    ["ghp", "_a1B2c3D4e5F6a7B8c9D0e1F2a3B4c5D6e7F8"].concat()
}

/// Everything that is kept of the server's stderr, older half first.
fn side(stage: &Stage) -> String {
    let folder = stage.state().join("journal/side");
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    read("chatty.log.1") + &read("chatty.log")
}

/// `portcullis run` around this server, which finds a token in `$TOKEN`.
fn chatty(stage: &Stage, server: &[String]) -> Command {
    let mut command = stage.run(&["--name", "chatty", "--env", "TOKEN"], server);
    command.env("TOKEN", token());
    command
}

/// Runs a server that does `before`; shakes hands, calls once, leaves.
fn with(stage: &Stage, before: &str) -> Said {
    let command = chatty(stage, &answering::server(before));
    let mut gateway = Gateway::start(command, None);
    gateway.shakes_hands();
    let answer = gateway.call("read_file", &serde_json::json!({}));
    assert_eq!(answer["result"]["content"][0]["text"], "done", "{answer}");
    gateway.leave()
}

#[test]
fn stderr_is_kept_beside_the_journal_and_forwarded_nowhere() {
    let stage = Stage::new();
    let said = with(&stage, "echo opening the vault >&2");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(!said.out.contains("vault"), "{said:?}");
    assert_eq!(side(&stage), "opening the vault\n");
    let log = stage.state().join("journal/side/chatty.log");
    assert_eq!(fs::metadata(log).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_secret_on_stderr_is_nowhere() {
    let stage = Stage::new();
    let token = token();
    // The one that was granted, and one that only looks like a token.
    let said = with(&stage, "echo \"token $TOKEN\" >&2; printf 'cut %s' \"${TOKEN%?}x\" >&2");
    let side = side(&stage);
    assert!(side.contains("token <redacted:TOKEN>"), "{side}");
    assert!(side.contains("cut <redacted:github-token>"), "{side}");
    let records: String = stage.journal(2).iter().map(ToString::to_string).collect();
    for place in [&side, &said.out, &said.err, &records] {
        assert!(!place.contains(&token), "{place}");
    }
}

/// lc06
#[test]
fn control_characters_on_stderr_are_spelled_out() {
    let stage = Stage::new();
    with(&stage, r"printf '\033[2J\r\xe2\x80\xae innocent\n' >&2");
    let side = side(&stage);
    assert!(side.contains("innocent"), "{side}");
    assert!(side.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{side:?}");
}

#[test]
fn stderr_without_end_is_bounded() {
    let stage = Stage::new();
    let flood = "head -c 20000000 /dev/zero | tr '\\0' x >&2; echo >&2;\
                 yes 'a complaint that is made again and again' | head -n 100000 >&2";
    let said = with(&stage, flood);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let side = side(&stage);
    assert!(side.ends_with("again and again\n"));
    assert!(side.len() < 3 << 20, "{} bytes", side.len());
}

#[test]
fn why_a_server_died_is_told_without_its_secrets() {
    let stage = Stage::new();
    let token = token();
    let server = Stage::shell("echo \"no entry with $TOKEN\" >&2; exit 3");
    let said = Gateway::start(chatty(&stage, &server), None).finish();
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
    assert!(said.err.contains("server ended: exit code 3"), "{said:?}");
    assert!(said.err.contains("no entry with <redacted:TOKEN>"), "{said:?}");
    assert!(!said.err.contains(&token));
}
