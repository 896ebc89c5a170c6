//! Servers that were vulnerable, beside the release of today, both started: the old one is found out, and the new one
//! is not accused of the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::path::PathBuf;
use std::time::Duration;

use portcullis_audit::check::judge;
use portcullis_audit::evidence::{Evidence, FORMAT, Http, Live};
use portcullis_audit::probe::{http, live};
use portcullis_audit::{Confidence, Finding, Severity};
use portcullis_guard::egress::Url;

/// A program of the peers that `cargo xtask peers` installs.
fn peer(path: &str) -> String {
    let here = std::env::var_os("CARGO_MANIFEST_DIR");
    let here = here.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let peers = std::env::var_os("PORTCULLIS_PEERS").map(PathBuf::from);
    let peer = peers.unwrap_or_else(|| here.join("../../target/peers")).join(path);
    let missing = peer.display();
    assert!(peer.exists(), "no {missing}: run `cargo xtask test`, which brings the peers");
    missing.to_string()
}

fn order(words: &[&str]) -> live::Order {
    let mut order = live::Order::new(words.iter().map(Into::into).collect());
    order.launcher = Some(env!("CARGO_BIN_EXE_audit-box").into());
    order
}

fn found(live: Live, http: Option<Http>) -> (Evidence, Vec<Finding>) {
    let target = "pair".to_owned();
    let evidence = Evidence {
        format: FORMAT,
        target,
        source: None,
        live: Some(live),
        http,
        ..Evidence::of("")
    };
    let found = judge(&evidence);
    (evidence, found)
}

/// What a check says of a server.
fn says<'a>(found: &'a [Finding], check: &str) -> Option<&'a Finding> {
    found.iter().find(|it| it.check == check)
}

/// What is grave of a server that is started over its pipes and attacked, for no longer than this: each tool has its
/// share of the time, so that a slow machine sees less of each and something of all.
fn attacked(words: &[&str], seconds: u64) -> Vec<Finding> {
    let mut order = order(words);
    order.time = Duration::from_secs(seconds);
    let (evidence, found) = found(live::look(&order), None);
    let tried = evidence.live.as_ref().map_or(0, |live| live.trials.len());
    assert!(tried > 50, "it was tried: {evidence:#?}");
    found.into_iter().filter(|it| it.severity >= Severity::High).collect()
}

/// Playwright's server, asked in its box.
fn playwright(package: &str) -> (Evidence, Vec<Finding>) {
    let cli = peer(&format!("playwright/node_modules/{package}/cli.js"));
    let mut order = http::Order::new(Url::new("http://localhost:8931/mcp").unwrap());
    order.server = Some(self::order(&["node", &cli, "--port", "8931"]));
    // Most of its tools wait for a browser that is not there.
    order.time = Duration::from_secs(40);
    let (http, live) = http::look(&order);
    found(live, Some(http))
}

/// CVE-2025-9611: a page could give its own name the address of this machine.
#[test]
fn playwright_let_pages_of_any_name_in_and_does_not_any_more() {
    let (evidence, old) = playwright("playwright-of-0-0-39");
    let rebound = says(&old, "rebinding-unprotected").unwrap_or_else(|| panic!("{evidence:#?}"));
    assert_eq!((rebound.severity, rebound.confidence), (Severity::High, Confidence::Confirmed));
    let (evidence, new) = playwright("@playwright/mcp");
    assert_eq!(says(&new, "rebinding-unprotected"), None, "{new:#?}");
    let tools = evidence.live.as_ref().map_or(0, |live| live.tools.len());
    assert!(tools > 10, "it answered: {evidence:#?}");
}

/// CVE-2025-53109 and CVE-2025-53110: a directory next door whose name begins alike, and a link that leads out.
#[test]
fn the_file_server_led_next_door_and_does_not_any_more() {
    let program = "node_modules/.bin/mcp-server-filesystem";
    let old = attacked(&[&peer(&format!("old/{program}")), "{project}"], 25);
    for check in ["path-prefix", "path-escape"] {
        assert!(says(&old, check).is_some(), "{check}: {old:#?}");
    }
    let new = attacked(&[&peer(&format!("node/{program}")), "{project}"], 15);
    assert_eq!(new, [], "what is mended is not accused");
}

/// CVE-2025-68143 to 68145: any repository, made anywhere, and options among what is compared.
#[test]
fn the_git_server_led_anywhere_and_does_not_any_more() {
    let start = |venv: &str, seconds| {
        let program = peer(&format!("python/{venv}/bin/mcp-server-git"));
        attacked(&[&program, "--repository", "{project}"], seconds)
    };
    let old = start("servers1", 25);
    assert!(says(&old, "path-escape").is_some(), "{old:#?}");
    let new = start("servers", 15);
    assert_eq!(new, [], "what is mended is not accused");
}
