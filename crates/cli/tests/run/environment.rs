//! Which variables a server sees.

use std::collections::BTreeMap;
use std::fs;

use crate::stage::{Gateway, Stage, answering, finish};

/// The variables that the server saw, beside what they are for our own names.
fn seen(stage: &Stage) -> BTreeMap<String, String> {
    let text = fs::read_to_string(stage.project().join("env")).unwrap();
    let pairs = text.split('\0').filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn a_server_gets_the_variables_that_were_granted_and_no_others() {
    let stage = Stage::new();
    fs::write(stage.home().join("token"), "from-a-file\n").unwrap();
    let root = stage.root();
    let file = format!("IN_FILE=@{}/token", stage.home().display());
    let options =
        ["--root", &root, "--env", "GRANTED", "--env", "LITERAL=from-the-line", "--env", &file];
    let environment = stage.project().join("env");
    let before = format!("cat /proc/self/environ > '{}'", environment.display());
    let mut command = stage.run(&options, &answering::server(&before));
    command.env("CANARY", "a-secret-of-ours").env("GRANTED", "from-our-environment");
    command.env("LD_PRELOAD_NOT", "a-secret-of-ours").env("AWS_SESSION", "a-secret-of-ours");
    let mut gateway = Gateway::start(command, None);
    gateway.shakes_hands();
    assert_eq!(gateway.leave().code, 0);
    let seen = seen(&stage);
    let value = |name: &str| seen.get(name).map(String::as_str);
    assert_eq!(value("GRANTED"), Some("from-our-environment"));
    assert_eq!(value("LITERAL"), Some("from-the-line"));
    assert_eq!(value("IN_FILE"), Some("from-a-file"));
    let usual = [
        "GRANTED", "LITERAL", "IN_FILE", "PATH", "HOME", "TMPDIR", "LANG", "USER", "LOGNAME",
        "SHELL", "PWD", "OLDPWD", "SHLVL", "_",
    ];
    let others: Vec<_> = seen.keys().filter(|name| !usual.contains(&name.as_str())).collect();
    assert!(others.is_empty(), "{others:?}");
    let ours = stage.path().display().to_string();
    for (name, value) in seen.iter().filter(|(name, _)| !name.ends_with("PWD")) {
        assert!(!value.contains("a-secret-of-ours"), "{name}={value}");
        assert!(!value.contains(&ours), "it knows where we live: {name}={value}");
    }
}

#[test]
fn a_granted_value_is_in_no_record() {
    let stage = Stage::new();
    fs::write(stage.home().join("token"), "zq8-from-a-file\n").unwrap();
    let file = format!("TOKEN=@{}/token", stage.home().display());
    let options = ["--env", "GRANTED", "--env", "LITERAL=zq8-literal", "--env", &file];
    let mut command = stage.run(&options, &answering::server(""));
    command.env("GRANTED", "zq8-environment");
    let mut gateway = Gateway::start(command, None);
    gateway.shakes_hands();
    let said = gateway.leave();
    assert!(!said.err.contains("zq8"), "{said:?}");
    let records: String = stage.journal(1).iter().map(ToString::to_string).collect();
    assert!(records.contains("started") && !records.contains("zq8"), "{records}");
}

#[test]
fn a_grant_that_leads_nowhere_starts_nothing() {
    let stage = Stage::new();
    let marker = stage.project().join("started");
    let root = stage.root();
    let missing = format!("TOKEN=@{}/missing", stage.home().display());
    for (grant, expected) in [("NOT_SET", "variable `NOT_SET` is not set"), (&missing, "`TOKEN`")] {
        let server = Stage::shell(&format!("touch '{}'", marker.display()));
        let said = finish(stage.run(&["--root", &root, "--env", grant], &server));
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
        assert!(said.err.contains(expected) && said.err.lines().count() == 1, "{said:?}");
        assert!(!marker.exists());
    }
}
