//! How the console begins, and what the checklist says at the terminal and in the page.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use crate::desk::{Browser, Console, guarded};
use crate::stage::Stage;

#[test]
fn the_link_is_opened_in_the_desktops_browser() {
    let stage = Stage::new();
    let (programs, opened) = (stage.folder("programs", 0o755), stage.path().join("opened"));
    let opener = programs.join("xdg-open");
    fs::write(&opener, format!("#!/bin/sh\nprintf '%s' \"$1\" >'{}'\n", opened.display())).unwrap();
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = stage.portcullis();
    command.env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
    command.args(["console", "--open"]).stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let link = stage.until("a link", || {
        let text = fs::read_to_string(&opened).ok()?;
        text.contains("/open?").then_some(text)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let name = link.strip_prefix("http://").and_then(|rest| rest.split('.').next()).unwrap();
    assert_eq!((name.len(), link.contains(".localhost:")), (32, true), "{link}");
}

#[test]
fn a_port_that_is_taken_is_told() {
    let stage = Stage::new();
    let console = Console::start(&stage);
    let port = console.host.rsplit(':').next().unwrap();
    let said = stage.says(&["console", "--port", port]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains(&format!("cannot listen on 127.0.0.1, port {port}")), "{said:?}");
}

#[test]
fn each_console_has_a_name_of_its_own() {
    let stage = Stage::new();
    let (one, other) = (Console::start(&stage), Console::start(&stage));
    let name = |console: &Console| console.host.split('.').next().unwrap().to_owned();
    assert_ne!(name(&one), name(&other));
    // A link of the one opens nothing of the other.
    let path = one.link.strip_prefix(&format!("http://{}", one.host)).unwrap();
    let got = other.request("GET", path, &other.browser("none", "document"), "");
    assert_eq!(got.status, 403, "{got:?}");
}

#[test]
fn the_checklist_says_what_is_not_in_order() {
    let stage = Stage::new();
    let said = stage.says(&["status", "--checklist"]);
    assert_eq!(said.code, 0, "{said:?}");
    let lines = [
        "Minimal roots\n  in order:",
        "Approval for destructive or unknown tools\n  in order:",
        "Sampling review\n  in order:",
        "Server verification\n  in order:",
        "Sessions ended on timeout or error\n  in order:",
        "Capability requests logged and reviewed\n  in order:",
    ];
    for line in lines {
        assert!(said.out.contains(line), "{line}: {}", said.out);
    }
    assert_eq!(said.out.matches("shown by: ").count(), lines.len(), "{}", said.out);

    let gateway = guarded(&stage);
    gateway.leave();
    let config = stage.home().join(".config/portcullis");
    fs::create_dir_all(&config).unwrap();
    let toml = "[server.files]\ncommand = [\"files\"]\nroots = [{ path = \"~\" }]\nobserve = true\npins = \"note\"\n";
    fs::write(config.join("portcullis.toml"), toml).unwrap();
    let journal = stage.state().join("journal/000001.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replacen("started", "stopped", 1)).unwrap();
    let console = Console::start(&stage);
    let page = Browser::open(&console).get("/checklist").body;
    let said = stage.says(&["status", "--checklist"]).out;
    for line in [
        "not in order: the whole home, or more, is given to files",
        "not in order: rules are observed only, and hold nothing back, for files",
        "not in order: changes are recorded and withhold nothing for files",
        "not in order: The journal does not verify",
    ] {
        assert!(said.contains(line) && page.contains(line), "{line}: {said}");
    }
}
