//! What cannot be asked for together is said at once, in our words, with what to do instead: nothing is started or read.

use std::fs;
use std::process::Command;

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

/// What a server needs lies in an environment of its own: started by that one's Python, it finds it, and by another it does not.
#[test]
#[expect(clippy::disallowed_methods, reason = "an environment is made as its author makes it")]
fn a_server_is_started_by_the_python_of_its_environment() {
    let desk = Desk::new();
    let mut make = Command::new("/usr/bin/python3");
    make.args(["-m", "venv", "--without-pip", ".venv"]).current_dir(desk.path(""));
    let made = make.output().is_ok_and(|it| it.status.success());
    if !made {
        eprintln!("skipped: no python here that makes environments");
        return;
    }
    let library = fs::read_dir(desk.path(".venv/lib")).unwrap().next().unwrap().unwrap().path();
    fs::write(library.join("site-packages/needed.py"), "name = 'needed'\n").unwrap();
    let server = source("crates/audit/tests/live/server.py");
    let text = format!("import needed\n{}\nserve()\n", fs::read_to_string(server).unwrap());
    fs::write(desk.path("server.py"), text).unwrap();
    let (report, _) = desk.json(&["--", ".venv/bin/python", "server.py"]);
    let rows = report["checklist"].as_array().unwrap();
    let row = rows.iter().find(|row| row["control"] == "description-honest").unwrap();
    assert!(row["evidence"].as_str().unwrap().starts_with("no annotations: `show`"), "{row:#}");
    let done = desk.audit(&["--", "/usr/bin/python3", "server.py"]);
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(said.contains("No module named 'needed'"), "{said}");
}
