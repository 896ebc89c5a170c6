//! The server reads credentials that other programs keep, or that a cloud gives the machine.

use std::collections::BTreeSet;

use portcullis_catalog::control;

use crate::check::{Check, judge};
use crate::evidence::Evidence;
use crate::evidence::source::{Fact, FactKind, Language};
use crate::finding::{Confidence, Finding, Severity};

/// The server reads credentials that other programs keep.
pub(super) static CHECK: Check = Check {
    id: "takes-credentials",
    title: "it reads credentials of other programs",
    severity: Severity::High,
    control: Some(control::SERVER_CONFINED),
    why: "Keys and tokens of other programs open everything that those programs may do. A server that reads several of them, or keys, and sends requests has what it takes to give them away.",
    fix: "take the one credential that the server needs from its own environment, and read no other program's files",
    examples: &[
        (Language::Python, "token = os.environ[\"TOKEN\"]"),
        (Language::TypeScript, "const token = process.env.TOKEN;"),
        (Language::JavaScript, "const token = process.env.TOKEN;"),
    ],
    live: false,
    cwe: &[522, 506],
    owasp: &["MCP01:2025"],
    safe_mcp: &["T1503"],
    atlas: &["AML.T0055"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let facts = || evidence.source.iter().flat_map(|source| &source.facts);
    let of = |kind: FactKind| facts().filter(move |fact| fact.kind == kind);
    let places: BTreeSet<&str> = of(FactKind::TakesCredentials).flat_map(places).collect();
    let keys = of(FactKind::TakesKeys).next().is_some();
    let sends = of(FactKind::SendsOut).next().is_some();
    // One program's credential is what a server for that program reads, and then it is a matter of taste.
    let (severity, confidence) = match sends && (keys || places.len() > 1) {
        true => (Severity::High, Confidence::Likely),
        false => (Severity::Medium, Confidence::Possible),
    };
    // What a cloud gives the machine opens whatever the machine may, and a tool that asks for it answers with it.
    let kinds = [
        (FactKind::TakesKeys, severity, confidence),
        (FactKind::TakesCredentials, severity, confidence),
        (FactKind::TakesMachines, Severity::High, Confidence::Likely),
        (FactKind::AsksMachine, Severity::Medium, Confidence::Possible),
    ];
    kinds
        .into_iter()
        .flat_map(|(kind, severity, confidence)| {
            judge::facts(check, evidence, kind, severity, confidence)
        })
        .collect()
}

/// Which places a fact tells of: they stand before its colon.
fn places(fact: &Fact) -> impl Iterator<Item = &str> {
    fact.text.split_once(": ").map_or("", |(places, _)| places).split(", ")
}
