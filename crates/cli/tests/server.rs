//! `portcullis server` as a person starts it: what it keeps, what it records, what it says of itself.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod stage;

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use stage::{Gateway, Stage, kin};

const PAGE: &str = include_str!("../../../docs/reference/server-checklist.md");

/// The server in its project, and the conversation begun.
fn serve(stage: &Stage) -> Gateway {
    let mut command = stage.portcullis();
    command.args(["server", "--root", &stage.root()]);
    let mut server = Gateway::start(command, None);
    server.shakes_hands();
    server
}

/// The lines of `/proc/PID/status`.
fn status(pid: i32) -> BTreeMap<String, String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.map(|(key, value)| (key.to_owned(), value.trim().to_owned())).collect()
}

/// Nothing of what root may do, now or later; and a filter of system calls.
fn assert_bare(status: &BTreeMap<String, String>) {
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(u64::from_str_radix(&status[set], 16), Ok(0), "{set}: {status:?}");
    }
    assert_eq!(status["NoNewPrivs"], "1");
    assert_eq!(status["Seccomp"], "2");
}

/// The same id four times: real, effective, saved, of files.
fn all_of(id: u32) -> String {
    [id; 4].map(|id| id.to_string()).join("\t")
}

#[test]
fn the_checklist_is_the_page_and_complete() {
    let stage = Stage::new();
    let said = stage.says(&["server", "--checklist"]);
    assert_eq!((said.code, said.out.as_str()), (0, PAGE), "{}", said.err);
    for line in [
        "validated against JSON Schema",
        "checked against roots; traversal is rejected",
        "No shell",
        "Parametrised queries",
        "Rate limit per session",
        "Timeouts on all external operations",
        "Errors without stack traces or internal paths",
        "logged with redacted arguments",
        "least-privilege account",
    ] {
        let row = PAGE.lines().find(|row| row.contains(line)).unwrap_or_default();
        assert!(row.contains(".rs::"), "{line}: {row}");
    }
    assert!(!stage.state().exists(), "it only prints");
}

#[test]
fn no_privilege_is_left() {
    let stage = Stage::new();
    let mut server = serve(&stage);
    let found = status(server.pid());
    assert_bare(&found);
    assert_eq!(found["Uid"], all_of(rustix::process::geteuid().as_raw()));
    if rustix::process::geteuid().is_root() {
        assert_eq!(u64::from_str_radix(&found["CapBnd"], 16), Ok(0), "{found:?}");
        // What is left of being root is a name: a file of somebody else's stays shut.
        let theirs = stage.project().join("theirs");
        fs::write(&theirs, "a secret").unwrap();
        fs::set_permissions(&theirs, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        std::os::unix::fs::chown(&theirs, Some(65_534), Some(65_534)).unwrap();
        let answer = server.call("read_file", &json!({"path": "theirs"}));
        assert_eq!(answer["result"]["isError"], true, "{answer}");
    }
    assert_eq!(server.leave().code, 0);
}

#[test]
fn behind_the_gateway_it_is_nobody() {
    let stage = Stage::new();
    let own = env!("CARGO_BIN_EXE_portcullis").to_owned();
    let words = ["server", "--state", "/tmp/state", "--root", &stage.root()].map(str::to_owned);
    let server: Vec<String> = [own].into_iter().chain(words).collect();
    let options = ["--observe", "--ask", "never", "--root", &stage.root()];
    let mut gateway = Gateway::start(stage.run(&options, &server), None);
    gateway.shakes_hands();
    let is_server = |pid: i32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).nth(1) == Some(b"server")
    };
    let servers: Vec<_> = gateway.kin().into_iter().filter(|kin| is_server(kin.pid)).collect();
    let [server] = servers.as_slice() else { unreachable!("one server: {servers:?}") };
    let found = status(server.pid);
    assert_bare(&found);
    let own = rustix::process::geteuid();
    let expected = if own.is_root() { 65_534 } else { own.as_raw() };
    assert_eq!(found["Uid"], all_of(expected), "{}", kin::name(*server));
    assert_eq!(gateway.leave().code, 0);
}

#[test]
fn every_call_is_recorded_and_no_secret_is() {
    let stage = Stage::new();
    let secret = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    let mut server = serve(&stage);
    let answers = [
        server.call("write_file", &json!({"path": "new", "content": format!("token={secret}")})),
        server.call("read_file", &json!({"path": "../../secret"})),
        server.call("read_file", &json!({"path": "new", "token": secret})),
    ];
    assert_ne!(answers[0]["result"]["isError"], true, "{answers:?}");
    assert_eq!(server.leave().code, 0);
    let records = stage.journal(1);
    let story = |record: &Value| {
        let word = |key: &str| record[key].as_str().unwrap_or("-").to_owned();
        format!("{} {} {} {}", record["call"], word("event"), word("tool"), word("outcome"))
    };
    let told: Vec<_> = records.iter().skip(1).map(story).collect();
    let expected = [
        "0 intent write_file -",
        "0 outcome write_file ok",
        "1 intent read_file -",
        "1 outcome read_file tool-error",
        "2 intent read_file -",
        "2 outcome read_file tool-error",
    ];
    assert_eq!(told, expected, "{records:?}");
    assert_eq!(records[1]["arguments"]["path"], "new", "redacted, and not left out");
    assert!(!records.iter().any(|record| record.to_string().contains(secret)), "{records:?}");
    stage.verify();
}
