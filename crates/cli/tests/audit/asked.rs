//! What cannot be asked for together is said at once, in our words, with what to do instead: nothing is started or read.

use std::fs;

use super::{Desk, source};

#[test]
fn what_cannot_be_asked_for_together_is_said_before_anything_is_done() {
    let desk = Desk::new();
    let careless = source("examples/lesson/careless.py");
    let careless = careless.to_str().unwrap();
    let servers = r#"{"mcpServers": {"a": {"command": "touch", "args": ["started"]}}}"#;
    fs::write(desk.path("mcp.json"), servers).unwrap();
    // A server that never answers: whoever starts it has a report.
    let slow = ["--", "/bin/sleep", "60"];
    let table: &[(&[&str], &[&str], &str)] = &[
        (&["--guarded", careless], &[], "write `portcullis audit --guarded -- COMMAND`"),
        (&["--guarded", "mcp.json"], &[], "write `portcullis audit --guarded -- COMMAND`"),
        (&["--guarded", "--url", "http://127.0.0.1:9/mcp"], &[], "no tool is called at an address"),
        (&["--guarded", "--listens-at", "http://127.0.0.1:9/mcp"], &slow, "and this one listens"),
        (&["--write-policy", "p.toml", careless], &[], "name its command"),
        (&["--write-policy", "p.toml", "mcp.json"], &[], "audit one of its servers"),
        (&["--write-policy", "p.toml", careless, "mcp.json"], &slow, "one target at a time"),
        (&["--write-policy", "p.toml", "mcp.json"], &slow, "there are 2: audit each by itself"),
        (
            &["--write-policy", "p.toml", "--listens-at", "http://127.0.0.1:9/mcp"],
            &slow,
            "audit it over its pipes",
        ),
        (&["--save-evidence", "s.evidence", "mcp.json"], &slow, "one target at a time"),
        (&["--url", "http://127.0.0.1:9/mcp"], &slow, "write `--listens-at URL -- COMMAND`"),
        (&["--listens-at", "http://127.0.0.1:9/mcp"], &[], "add the command"),
        (&["--listens-at", "127.0.0.1:9"], &slow, "--listens-at takes the address"),
        (&["--listens-at", "https://127.0.0.1:9/"], &slow, "`http://127.0.0.1:PORT/PATH`"),
        (&["--url", "example.com/mcp"], &[], "--url cannot be used: an address begins with"),
        (
            &["--url", "http://127.0.0.1:9/", "--listens-at", "http://127.0.0.1:9/"],
            &[],
            "give one of them",
        ),
    ];
    for (words, command, said) in table {
        let done = desk.audit(&[*words, *command].concat());
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{words:?}: {told}");
        let one = told.strip_prefix("portcullis: ").and_then(|it| it.strip_suffix('\n'));
        assert!(one.is_some_and(|it| !it.contains('\n')), "one line of ours: {words:?}: {told}");
        assert!(told.contains(said), "{words:?}: {told}");
        assert!(done.stdout.is_empty(), "{words:?}: no work was done");
    }
    assert!(!desk.path("p.toml").exists() && !desk.path("s.evidence").exists());
}
