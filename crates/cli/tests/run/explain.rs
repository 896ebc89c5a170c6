//! Why a recorded call was judged so: told from the record alone, whatever the
//! policies say today.

use std::fs;

use serde_json::{Value, json};

use crate::stage::{Gateway, Said, Stage, answering};

const CONFIG: &str = "[server.s]\nask = \"destructive\"\ntools = { ask = [\"delete_*\"] }\n\
                      [policy]\nfiles = [\"rules.cedar\"]\n";
const POLICY: &str = "// Nobody reads secrets.\n@id(\"no-secrets\")\n\
                      @why(\"`{tool}` would read what is secret\")\n\
                      forbid (principal, action == Action::\"call\", resource)\n\
                      when { context.arguments has path && context.arguments.path like \"*secret*\" };\n\
                      @id(\"reading-is-fine\")\n\
                      permit (principal, action == Action::\"call\", resource)\n\
                      when { resource.name == \"read_file\" };\n";

/// The record of a call: its number, by event and argument.
fn record(stage: &Stage, event: &str, path: &str) -> String {
    let found = stage
        .journal(1)
        .into_iter()
        .find(|record| record["event"] == event && record["arguments"]["path"] == path);
    let found = found.unwrap_or_else(|| panic!("no {event} of {path}: {:#?}", stage.journal(1)));
    found["seq"].to_string()
}

fn explained(stage: &Stage, records: &[String]) -> Vec<(i32, String, Value)> {
    let tell = |record: &String| {
        let Said { code, out, err } = stage.says(&["policy", "explain", record]);
        assert_eq!(err, "");
        let json = stage.says(&["policy", "explain", record, "--json"]);
        (code, out, serde_json::from_str(&json.out).unwrap())
    };
    records.iter().map(tell).collect()
}

#[test]
fn a_record_tells_why_it_was_judged_so_whatever_is_in_force_now() {
    let stage = Stage::new();
    let config = stage.config(CONFIG);
    stage.policy("rules.cedar", POLICY);
    let options =
        ["--name", "s", "--config", &config.display().to_string(), "--root", &stage.root()];
    let mut gateway = Gateway::start(stage.run(&options, &answering::server("true")), None);
    gateway.shakes_hands();
    gateway.call("read_file", &json!({"path": "notes.txt"}));
    gateway.call("read_file", &json!({"path": "secret.txt"}));
    let id = gateway
        .asks("tools/call", &json!({"name": "delete_file", "arguments": {"path": "old.txt"}}));
    let asked = gateway.until(|_| stage.questions().into_iter().next()).expect("a question");
    let question = asked["id"].as_str().unwrap().to_owned();
    assert_eq!(stage.says(&["approvals", "approve", &question]).code, 0);
    gateway.answer(id);
    assert_eq!(gateway.leave().code, 0);

    let records = [
        record(&stage, "intent", "notes.txt"),
        record(&stage, "denied", "secret.txt"),
        record(&stage, "asked", "old.txt"),
        record(&stage, "intent", "old.txt"),
    ];
    let before = explained(&stage, &records);
    let codes: Vec<_> = before.iter().map(|(code, ..)| *code).collect();
    assert_eq!(codes, [0, 4, 0, 0], "{before:#?}");
    let place = |line: usize| format!("{}:{line}", stage.path().join("rules.cedar").display());
    for (at, parts) in [
        (
            0,
            vec![
                "decided: allow".to_owned(),
                format!("rule reading-is-fine, written in {}", place(6)),
            ],
        ),
        (
            1,
            vec![
                "decided: deny".to_owned(),
                "because policy-obeyed: `read_file` would read what is secret".to_owned(),
                format!("rule no-secrets, written in {}", place(2)),
                "what would allow it: another policy in the place that is named".to_owned(),
            ],
        ),
        (
            2,
            vec![
                "decided: ask".to_owned(),
                "`delete_file` is on the ask list (`delete_*`)".to_owned(),
                format!("rule tools.ask[delete_*], written in {}:3", config.display()),
                "a yes to this call".to_owned(),
            ],
        ),
        (3, vec![format!("approval: {question}")]),
    ] {
        for part in parts {
            assert!(before[at].1.contains(&part), "{part}\n{}", before[at].1);
        }
    }
    assert_eq!(before[1].2["because"][0]["rule"], "no-secrets");
    assert_eq!(before[1].2["effect"], "deny");

    // Today everything is otherwise, and then nothing can be read at all.
    stage.policy("rules.cedar", "forbid (principal, action, resource);");
    stage.config("[server.s]\nask = \"never\"\n[policy]\nfiles = [\"rules.cedar\"]\n");
    assert_eq!(explained(&stage, &records), before);
    fs::remove_file(stage.path().join("rules.cedar")).unwrap();
    stage.config("this is no config");
    assert_eq!(explained(&stage, &records), before);
    fs::remove_file(&config).unwrap();
    assert_eq!(explained(&stage, &records), before);
    assert_eq!(stage.says(&["policy", "explain", "9999"]).code, 3);
}
