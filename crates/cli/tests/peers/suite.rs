//! The official conformance suite as the server: its client scenarios, driven by a host of the
//! official SDK with `portcullis run --url` between the two (`peers/clients/suite.mjs`).

use std::process::Output;

use serde_json::Value;

use crate::inputs::Person;
use crate::yard::{PORTCULLIS, Yard, command, peer, source};

const SUITE: &str = "node/node_modules/@modelcontextprotocol/conformance/dist/index.js";

#[test]
fn every_scored_client_scenario_of_2025_11_25_passes() {
    passes("2025-11-25", 4);
}

#[test]
fn every_scored_client_scenario_of_2026_07_28_passes() {
    passes("2026-07-28", 7);
}

/// Those of authorization are told apart: they need an authorization server.
fn passes(revision: &str, expected: usize) {
    let scenarios = scored(revision);
    assert_eq!(scenarios.len(), expected, "{scenarios:?}");
    for scenario in scenarios {
        let yard = Yard::new();
        let config =
            yard.file("portcullis.toml", "[server.suite]\nelicitation = { mode = \"show\" }\n");
        let results = yard.path("results");
        let client = source("peers/clients/suite.mjs").display().to_string();
        let words =
            ["node", &client, PORTCULLIS, &yard.text("state"), &config.display().to_string()];
        let person = Person::at(&yard, |_| Some("approve"));
        let ran = suite(&[
            "client",
            "--command",
            &words.join(" "),
            "--scenario",
            &scenario,
            "--spec-version",
            revision,
            "--timeout",
            "120000",
            "-o",
            &results.display().to_string(),
        ]);
        person.leaves();
        let said = format!(
            "{}\n{}",
            String::from_utf8_lossy(&ran.stdout),
            String::from_utf8_lossy(&ran.stderr)
        );
        let checks = checks(&results, &said);
        let failed: Vec<_> = checks.iter().filter(|it| it["status"] == "FAILURE").collect();
        assert!(failed.is_empty(), "{scenario}: {failed:#?}\n{said}");
        assert!(checks.iter().any(|it| it["status"] == "SUCCESS"), "{scenario}: {said}");
    }
}

fn suite(words: &[&str]) -> Output {
    let mut suite = command("node");
    suite.arg("--import").arg(source("peers/conformance/node20.mjs")).arg(peer(SUITE)).args(words);
    suite.env("PORTCULLIS_PEERS", peer(""));
    suite.output().unwrap()
}

/// The scenarios for clients that the suite scores, without those of authorization.
fn scored(revision: &str) -> Vec<String> {
    let listed = suite(&["list", "--requirements", revision]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    let clients = listed.split("Client scenarios").nth(1).unwrap();
    let clients = clients.split("never scored").next().unwrap();
    let names = clients.lines().filter_map(|line| line.strip_prefix("  - "));
    names.filter(|name| !name.starts_with("auth/")).map(str::to_owned).collect()
}

/// What the one scenario checked.
fn checks(results: &std::path::Path, said: &str) -> Vec<Value> {
    let entries = std::fs::read_dir(results).unwrap_or_else(|error| panic!("{error}: {said}"));
    let files = entries.map(|entry| entry.unwrap().path().join("checks.json"));
    files
        .flat_map(|file| {
            let text = std::fs::read_to_string(file).unwrap();
            serde_json::from_str::<Vec<Value>>(&text).unwrap()
        })
        .collect()
}
