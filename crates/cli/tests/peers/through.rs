//! The official conformance suite through `portcullis serve`, with everything on that is on by
//! itself: every scenario that the suite scores, in both eras, against servers made with the official
//! SDK (`peers/servers/conformance-*.mjs`).
//!
//! What is asked of a person is answered by one who says yes.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use serde_json::Value;

use crate::gateway::Gateway;
use crate::inputs::Person;
use crate::yard::{Yard, command, peer, source};

const SUITE: &str = "node/node_modules/@modelcontextprotocol/conformance/dist/index.js";

/// What the servers are made of. Nothing else of the peers is in their box.
const MODULES: &[&str] = &[
    "@modelcontextprotocol/core",
    "@modelcontextprotocol/sdk",
    "@modelcontextprotocol/server",
    "@hono/node-server",
    "ajv",
    "ajv-formats",
    "content-type",
    "fast-deep-equal",
    "fast-uri",
    "hono",
    "json-schema-traverse",
    "zod",
    "zod-to-json-schema",
];

/// Checks that may fail, each with the reason.
const MAY_FAIL: &[(&str, &str)] = &[(
    "sep-2575-http-server-no-independent-requests-on-stream",
    "the suite gives the call 600 ms, in which a machine that is busy may not have answered",
)];

#[test]
fn every_scored_scenario_of_2025_11_25_passes() {
    passes("legacy", "2025-11-25", 30);
}

#[test]
fn every_scored_scenario_of_2026_07_28_passes() {
    passes("modern", "2026-07-28", 37);
}

fn passes(era: &str, revision: &str, scenarios: usize) {
    let yard = Yard::new();
    let site = site(&yard);
    let port = free_port();
    let config = format!(
        "[serve]\nlisten = \"127.0.0.1:{port}\"\norigins = [\"http://127.0.0.1:{port}\"]\n\
         [server.{era}]\ncommand = [\"node\", \"{site}/conformance-{era}.mjs\", \"{site}\"]\n\
         sampling = {{ mode = \"ask\" }}\nelicitation = {{ mode = \"show\" }}\n"
    );
    let config = yard.file("serve.toml", config).display().to_string();
    let gateway = Gateway::start(&yard.text("state"), &config);
    let person = Person::at(&yard, |_| Some("approve"));
    let results = yard.path("results");
    let ran = suite(&["server", "--url", &gateway.url, "--requirements", revision, "-o"])
        .arg(&results)
        .output()
        .unwrap();
    person.leaves();
    gateway.ends();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let scored = scored(revision);
    assert_eq!(scored.len(), scenarios, "{scored:?}");
    for scenario in &scored {
        let checks = checks(&results, scenario);
        let is = |check: &&Value, status: &str| check["status"] == status;
        let may = |check: &&Value| MAY_FAIL.iter().any(|(id, _)| check["id"] == **id);
        let failed: Vec<_> = checks.iter().filter(|it| is(it, "FAILURE") && !may(it)).collect();
        assert!(failed.is_empty(), "{scenario}: {failed:#?}\n{said}");
        assert!(checks.iter().any(|it| is(&it, "SUCCESS")), "{scenario} showed nothing: {said}");
    }
}

/// The servers and their modules in a folder of their own, which the box shows them.
pub(crate) fn site(yard: &Yard) -> String {
    let parts = ["conformance-things", "conformance-legacy", "conformance-modern", "modern"];
    for name in parts.map(|part| format!("{part}.mjs")) {
        let text = fs::read(source("peers/servers").join(&name)).unwrap();
        yard.file(&format!("site/{name}"), text);
    }
    let package = fs::read(peer("node/package.json")).unwrap();
    yard.file("site/node/package.json", package);
    for module in MODULES {
        let to = yard.path("site/node/node_modules").join(module);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        let copied = command("cp")
            .arg("-r")
            .arg(peer(&format!("node/node_modules/{module}")))
            .arg(&to)
            .status()
            .unwrap();
        assert!(copied.success(), "{module}");
    }
    let readable = command("chmod").args(["-R", "a+rX"]).arg(yard.path("site")).status().unwrap();
    assert!(readable.success());
    yard.text("site")
}

fn suite(words: &[&str]) -> std::process::Command {
    let mut suite = command("node");
    suite.arg("--import").arg(source("peers/conformance/node20.mjs")).arg(peer(SUITE)).args(words);
    suite
}

/// The scenarios for servers that the suite scores.
fn scored(revision: &str) -> Vec<String> {
    let listed = suite(&["list", "--requirements", revision]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let servers = listed.split("Server scenarios").nth(1).unwrap();
    let servers = servers.split("Client scenarios").next().unwrap();
    servers.lines().filter_map(|line| line.strip_prefix("  - ")).map(str::to_owned).collect()
}

/// What one scenario checked.
fn checks(results: &Path, scenario: &str) -> Vec<Value> {
    let entries = fs::read_dir(results).unwrap().map(|entry| entry.unwrap().path());
    let is_it = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let rest = name.strip_prefix("server-").and_then(|rest| rest.strip_prefix(scenario));
        // What follows is a time, and not the rest of another name.
        rest.is_some_and(|rest| rest.starts_with("-20"))
    };
    let found = entries.filter(is_it).collect::<Vec<_>>();
    let [found] = found.as_slice() else { panic!("{scenario}: {found:?}") };
    serde_json::from_str(&fs::read_to_string(found.join("checks.json")).unwrap()).unwrap()
}

/// A port that nobody has. The suite's own page must be listed before there is a gateway.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
