//! The official conformance suite's authorization scenarios for clients, through `portcullis run`:
//! the gateway is the client, `peers/conformance/signin.mjs` the host before it and the person who
//! says yes on the consent page.

use std::path::Path;

use serde_json::Value;

use crate::yard::{PORTCULLIS, Yard, command, peer, source};

const SUITE: &str = "node/node_modules/@modelcontextprotocol/conformance/dist/index.js";

/// Scenarios that no revision requires, and that we hold all the same.
const MORE: &[&str] = &[
    "auth/2025-03-26-oauth-metadata-backcompat",
    "auth/2025-03-26-oauth-endpoint-fallback",
    "auth/client-credentials-basic",
    "auth/client-credentials-jwt",
];

/// Scenarios in which something is refused, and which control says so in the journal.
const REFUSED: &[(&str, &str)] = &[
    ("auth/iss-supported-missing", "issuer-proven"),
    ("auth/iss-wrong-issuer", "issuer-proven"),
    ("auth/iss-unexpected", "issuer-proven"),
    ("auth/iss-normalized", "issuer-proven"),
    ("auth/metadata-issuer-mismatch", "issuer-proven"),
    ("auth/resource-mismatch", "issuer-proven"),
];

#[test]
fn every_authorization_scenario_of_2025_11_25_passes() {
    passes(&required("2025-11-25"), "2025-11-25", 14);
}

#[test]
fn every_authorization_scenario_of_2026_07_28_passes() {
    passes(&required("2026-07-28"), "2026-07-28", 25);
}

#[test]
fn older_servers_and_machines_without_a_person_are_let_in_too() {
    let more: Vec<String> = MORE.iter().map(|&name| name.to_owned()).collect();
    passes(&more, "2025-11-25", MORE.len());
}

fn passes(scenarios: &[String], revision: &str, count: usize) {
    assert_eq!(scenarios.len(), count, "{scenarios:?}");
    let yard = Yard::new();
    let results = yard.path("results");
    let mut failed = Vec::new();
    for scenario in scenarios {
        let ran = suite(&["client", "--scenario", scenario, "--spec-version", revision, "--force"])
            .args(["--timeout", "120000", "--verbose", "--command"])
            .arg(format!("node {}", source("peers/conformance/signin.mjs").display()))
            .arg("-o")
            .arg(&results)
            .env("PORTCULLIS", PORTCULLIS)
            .env("PORTCULLIS_STATE", yard.path("states"))
            .env("PORTCULLIS_PEERS", peer(""))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
        let checks = checks(&results, scenario);
        let is = |status: &'static str| move |check: &&Value| check["status"] == status;
        let bad = checks.iter().filter(|check| is("FAILURE")(check) || is("WARNING")(check));
        let bad: Vec<_> = bad.collect();
        if !bad.is_empty() || !checks.iter().any(|check| is("SUCCESS")(&check)) {
            failed.push(format!("{scenario}: {bad:#?}\n{said}"));
        }
        let state = yard.path("states").join(scenario.replace('/', "-"));
        let told = recorded(&state);
        assert!(
            !told.contains("test-token") && !told.contains("test-auth-code"),
            "{scenario}: {told}"
        );
        let control =
            REFUSED.iter().find(|(name, _)| name == scenario).map(|(_, control)| *control);
        let is_told = |control: &str| told.contains(&format!("\"control\":\"{control}\""));
        assert!(control.is_none_or(is_told), "{scenario}: {told}");
    }
    assert!(failed.is_empty(), "{} of {count}:\n{}", failed.len(), failed.join("\n\n"));
}

/// The journal of one state, whole and verified.
fn recorded(state: &Path) -> String {
    let run = |words: &[&str]| {
        command(PORTCULLIS).args(words).arg("--state").arg(state).output().unwrap()
    };
    let verified = run(&["journal", "verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    String::from_utf8(run(&["journal", "show", "--json"]).stdout).unwrap()
}

fn suite(words: &[&str]) -> std::process::Command {
    let mut suite = command("node");
    suite.arg("--import").arg(source("peers/conformance/node20.mjs")).arg(peer(SUITE)).args(words);
    suite
}

/// The authorization scenarios for clients that the suite scores.
fn required(revision: &str) -> Vec<String> {
    let listed = suite(&["list", "--requirements", revision]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let clients = listed.split("Client scenarios").nth(1).unwrap();
    let scored = clients.split("Run and reported").next().unwrap();
    let names = scored.lines().filter_map(|line| line.strip_prefix("  - "));
    names.filter(|name| name.starts_with("auth/")).map(str::to_owned).collect()
}

/// What a scenario checked.
fn checks(results: &Path, scenario: &str) -> Vec<Value> {
    // The name has a slash in it, and the folder too.
    let (folder, name) = scenario.split_once('/').unwrap();
    let entries = std::fs::read_dir(results.join(folder)).into_iter().flatten();
    let is_it = |path: &std::path::PathBuf| {
        let found = path.file_name().unwrap().to_string_lossy().into_owned();
        found.strip_prefix(name).is_some_and(|rest| rest.starts_with("-20"))
    };
    let found = entries.map(|entry| entry.unwrap().path()).find(is_it);
    let text = found.and_then(|path| std::fs::read_to_string(path.join("checks.json")).ok());
    text.map(|text| serde_json::from_str(&text).unwrap()).unwrap_or_default()
}
