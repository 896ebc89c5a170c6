//! The official conformance suite against our server, in both eras.
//!
//! The suite speaks HTTP; `peers/conformance/bridge.mjs` hands each request to the
//! server on its standard input. The scenarios are those that a server of tools over
//! stdio is asked about; every check that fails is here, with its reason, and no other
//! may.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::yard::{PORTCULLIS, Yard, command, peer, source};

const SUITE: &str = "node/node_modules/@modelcontextprotocol/conformance/dist/index.js";

/// What the suite asks of a server that has a tool of its own invention, or more than
/// tools, or speaks HTTP itself.
const NOT_ASKED: &[(&str, &str)] = &[
    ("sep-2549-prompts-list-caching-hints", "there are no prompts"),
    ("sep-2549-resources-list-caching-hints", "there are no resources"),
    ("sep-2549-resources-templates-list-caching-hints", "there are no resources"),
    ("sep-2575-http-server-header-mismatch-400", "headers are the bridge's"),
    ("sep-2575-server-rejects-undeclared-capability", "wants a tool `test_missing_capability`"),
    ("sep-2575-missing-capability-http-400", "wants a tool `test_missing_capability`"),
    (
        "sep-2575-http-server-no-independent-requests-on-stream",
        "wants a tool `test_streaming_elicitation`",
    ),
    ("sep-2575-server-no-log-without-loglevel", "wants a tool `test_logging_tool`"),
];

#[test]
fn what_applies_of_the_conformance_suite_passes_in_the_legacy_era() {
    for revision in ["2025-06-18", "2025-11-25"] {
        let passed = passed(revision, &["server-initialize", "ping", "tools-list"], &[]);
        assert!(passed >= 6, "{revision}: {passed}");
    }
}

#[test]
fn what_applies_of_the_conformance_suite_passes_in_the_modern_era() {
    let scenarios =
        ["tools-list", "server-stateless", "caching", "input-required-result-unsupported-methods"];
    let not_asked: Vec<&str> = NOT_ASKED.iter().map(|(id, _)| *id).collect();
    let passed = passed("2026-07-28", &scenarios, &not_asked);
    assert!(passed >= 25, "{passed}");
}

/// How many checks pass; none may fail but those that are named, and these do fail.
fn passed(revision: &str, scenarios: &[&str], fail: &[&str]) -> usize {
    let yard = Yard::new();
    let bridge = Bridge::to_ours(&yard);
    let (mut passed, mut failed) = (0, Vec::new());
    for scenario in scenarios {
        for check in checks(&yard, &bridge, scenario, revision) {
            match check["status"].as_str() {
                Some("SUCCESS") => passed += 1,
                Some("FAILURE") => failed.push(check["id"].as_str().unwrap().to_owned()),
                _ => {}
            }
        }
    }
    failed.sort();
    let mut expected = fail.to_vec();
    expected.sort_unstable();
    assert_eq!(failed, expected, "{revision}");
    passed
}

fn checks(yard: &Yard, bridge: &Bridge, scenario: &str, revision: &str) -> Vec<Value> {
    let results = yard.path(&format!("{scenario}-{revision}"));
    let url = format!("http://127.0.0.1:{}/mcp", bridge.port);
    let output = command("node")
        .arg("--import")
        .arg(source("peers/conformance/node20.mjs"))
        .arg(peer(SUITE))
        .args(["server", "--url", &url, "--scenario", scenario, "--spec-version", revision, "-o"])
        .arg(&results)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let entries = std::fs::read_dir(&results).unwrap_or_else(|error| panic!("{error}: {said}"));
    let files = entries.map(|entry| entry.unwrap().path().join("checks.json"));
    files
        .flat_map(|file| {
            let text = std::fs::read_to_string(file).unwrap();
            serde_json::from_str::<Vec<Value>>(&text).unwrap()
        })
        .collect()
}

/// The bridge, with our server behind it; both end with this.
struct Bridge {
    child: Child,
    port: u16,
}

impl Bridge {
    fn to_ours(yard: &Yard) -> Self {
        let root = format!("{}:rw", yard.dir("project").display());
        let mut child = command("node")
            .arg(source("peers/conformance/bridge.mjs"))
            .args([PORTCULLIS, "server", "--root", &root, "--state"])
            .arg(yard.path("state"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut bridge = Self { child, port: 0 };
        bridge.port = out.lines().next().unwrap().unwrap().trim().parse().unwrap();
        bridge
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // Its standard input ends, and the server's with it.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
