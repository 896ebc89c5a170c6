//! `portcullis policy`, as people and scripts use it, on the example of the manual.

use std::path::{Path, PathBuf};
use std::process::Output;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/policy/portcullis.toml")
}

#[expect(clippy::disallowed_methods, reason = "the test starts our own binary")]
#[expect(clippy::unwrap_used, reason = "a test helper")]
fn portcullis(config: &Path, words: &[&str]) -> (i32, String, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.arg("policy").args(words).arg("--config").arg(config);
    command.arg("--state").arg(config.with_file_name("state"));
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

#[test]
fn the_example_of_the_manual_is_sound_and_its_examples_hold() {
    let (code, out, error) = portcullis(&example(), &["check"]);
    assert_eq!(code, 0, "{error}");
    assert!(out.starts_with("sound: ") && out.contains("2 files, 6 examples hold"), "{out}");
    let read = out.lines().find(|line| line.starts_with("read: ")).unwrap_or_default();
    assert!(read.ends_with(" (yours)") && read.contains(".toml"), "{out}");
    let (code, out, _) = portcullis(&example(), &["test"]);
    assert_eq!((code, out.matches("\nok ").count()), (0, 6), "{out}");
}

#[test]
fn everything_in_force_is_shown_with_its_place() {
    let (code, out, error) = portcullis(&example(), &["show", "--server", "tickets"]);
    assert_eq!(code, 0, "{error}");
    for part in [
        "push.cedar:2 (yours)\n@id(\"not-to-main\")",
        "// from the lists and modes in",
        "@id(\"tools.deny[delete_*]\")",
        "// built in",
        "@id(\"ask.tier\")",
        "care.cedar:",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    let (_, out, _) = portcullis(&example(), &["show", "--json"]);
    let rows: serde_json::Value = serde_json::from_str(&out).unwrap_or_default();
    assert!(rows.as_array().is_some_and(|rows| rows.len() > 6), "{out}");
}

#[test]
fn an_example_for_a_server_that_is_not_there_is_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = dir.path().join("portcullis.toml");
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect(name);
    let rule = |server: &str| {
        format!(
            "@id(\"no\") @allows(\"push\")\nforbid (principal, action, resource == Tool::\"{server}/push\");\n"
        )
    };
    write("portcullis.toml", "[policy]\nfiles = [\"*.cedar\"]\n[server.tickets]\n[server.files]\n");
    // A false example beside a misspelt name is tried nowhere.
    write("a.cedar", &rule("ticket"));
    let (code, out, said) = portcullis(&config, &["check", "--json"]);
    let told = "a.cedar:1: the examples of policy `no` were not tried: it is about none of the servers here (`files`, `tickets`)";
    assert!(code == 0 && said.contains(told), "{code} {said}");
    let out: serde_json::Value = serde_json::from_str(&out).unwrap_or_default();
    let untried = out["untried"].as_array().expect("a list");
    assert!(untried.len() == 1 && untried[0].to_string().contains("a.cedar:1"), "{out}");
    // Of one server among several it is tried there.
    write("a.cedar", &rule("tickets"));
    let (code, _, said) = portcullis(&config, &["check"]);
    assert!(code == 2 && said.contains("`@allows` of policy `no` does not hold"), "{code} {said}");
    write("a.cedar", &rule("tickets").replace("@allows", "@denies"));
    let (code, out, said) = portcullis(&config, &["check", "--json"]);
    assert!(code == 0 && said.is_empty() && out.contains("\"untried\":[]"), "{out}{said}");
}

#[test]
fn a_wrong_example_and_an_unsound_policy_refuse_with_their_place() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = dir.path().join("portcullis.toml");
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect(name);
    write("a.cedar", "@id(\"no\")\nforbid (principal, action, resource);\n");
    write(
        "portcullis.toml",
        "[policy]\nfiles = [\"*.cedar\"]\n[[policy.example]]\ntool = \"x\"\nexpect = \"allow\"\n",
    );
    let (code, _, said) = portcullis(&config, &["check"]);
    assert_eq!(code, 2);
    assert!(said.contains("portcullis.toml:3: the example `x` expects allow and gets deny: policy `no` forbids `x` ("), "{said}");
    assert!(said.contains("a.cedar:1)"), "{said}");
    let (code, out, _) = portcullis(&config, &["test"]);
    assert_eq!(code, 4, "{out}");
    write(
        "portcullis.toml",
        "[policy]\nfiles = [\"*.cedar\"]\n[[policy.example]]\ntool = \"x\"\nexpect = \"deny\"\nrule = \"other\"\n",
    );
    let (code, _, said) = portcullis(&config, &["check"]);
    assert_eq!(code, 2);
    assert!(said.contains("expects deny and gets deny, by rule `other`: policy `no`"), "{said}");
    write(
        "a.cedar",
        "\n\nforbid (principal, action, resource) when { context.teir == \"exec\" };\n",
    );
    let (code, _, said) = portcullis(&config, &["check"]);
    assert_eq!(code, 2);
    assert!(said.contains("a.cedar:3: ") && said.contains("teir"), "{said}");
    std::fs::remove_file(dir.path().join("a.cedar")).expect("removed");
    let (code, _, said) = portcullis(&config, &["check"]);
    assert_eq!(code, 2);
    assert!(said.contains("`*.cedar` names no file"), "{said}");
    let (code, _, said) = portcullis(&config, &["explain", "1"]);
    assert_eq!(code, 3, "{said}");
}
