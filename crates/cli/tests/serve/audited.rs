//! Our own gateway, asked by our own auditor.

use serde_json::Value;

use crate::house::House;
use crate::people::people;
use crate::stage::Stage;

/// What the auditor says of whoever serves, when it knows Ada's token.
fn asked(stage: &Stage, house: &House, path: &str, token: bool) -> (Value, Option<i32>) {
    let url = format!("http://127.0.0.1:{}{path}", house.port());
    let mut audit = stage.portcullis();
    audit.args(["audit", "--json", "--url", &url]);
    if token {
        audit.args(["--bearer-env", "ADAS_TOKEN"]).env("ADAS_TOKEN", "a-token-that-only-ada-has");
    }
    let done = audit.output().unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let report =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{said}"));
    (report, done.status.code())
}

/// How the lines of the transport stand.
fn lines(report: &Value) -> Vec<(&str, &str)> {
    let rows = report["checklist"].as_array().unwrap().iter();
    let transport = rows.skip_while(|row| row["control"] != "https-remote");
    transport
        .map(|row| (row["control"].as_str().unwrap(), row["status"].as_str().unwrap()))
        .collect()
}

#[test]
fn our_own_gateway_passes_our_own_audit() {
    let stage = Stage::new();
    let house = House::of_files(&stage, &people(""));
    let (report, code) = asked(&stage, &house, "/s/files/mcp", true);
    assert_eq!((&report["findings"], code), (&Value::Array(Vec::new()), Some(0)), "{report:#}");
    let expect = [
        ("https-remote", "not-applicable"),
        ("origin-checked", "pass"),
        ("loopback-bound", "pass"),
        ("callers-authenticated", "pass"),
        ("sessions-random", "pass"),
        ("headers-agree", "pass"),
    ];
    assert_eq!(lines(&report), expect, "{report:#}");
    assert_eq!(report["summary"]["grade"], "A");
}

#[test]
fn of_who_lets_nobody_in_only_that_is_known() {
    let stage = Stage::new();
    let house = House::of_files(&stage, &people(""));
    let (report, code) = asked(&stage, &house, "/s/files/mcp", false);
    assert_eq!((&report["findings"], code), (&Value::Array(Vec::new()), Some(0)), "{report:#}");
    let known = |name: &str| lines(&report).iter().find(|(control, _)| *control == name).unwrap().1;
    assert_eq!(known("callers-authenticated"), "pass", "{report:#}");
    assert_eq!(known("origin-checked"), "unknown", "{report:#}");
}
