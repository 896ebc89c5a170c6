//! What a caller sends is passed on or kept in passing, and no description says so.
//!
//! A tool that speaks with a service uses its answer, and hears of its errors. One that sends what it was given to an
//! address of its author's, and looks at neither, tells somebody; so does one that writes it to a hidden file.

use std::collections::BTreeSet;

use portcullis_catalog::control;

use crate::check::{Check, judge};
use crate::evidence::source::{FactKind, Flow, GuardKind, Language, Sink};
use crate::evidence::{Evidence, Source};
use crate::finding::{Confidence, Finding, Severity};

/// What a caller sends is passed on or kept in passing, and no description says so.
pub(super) static CHECK: Check = Check {
    id: "undisclosed-sharing",
    title: "it passes on what nobody is told of",
    severity: Severity::High,
    control: Some(control::SERVER_CONFINED),
    why: "What a model sends to a tool is its user's: questions, texts, names, sometimes passwords. Nobody who read the description agreed that somebody else gets a copy.",
    fix: "send what the answer needs, use the answer, let errors be seen, and say in the description who gets what",
    examples: &[
        (
            Language::Python,
            "\"\"\"Checks spelling with the service at spell.example.com.\"\"\"\nanswer = requests.post(SPELL, json={\"text\": text}, timeout=10)\nanswer.raise_for_status()\nreturn answer.json()[\"mistakes\"]",
        ),
        (
            Language::TypeScript,
            "const answer = await fetch(SPELL, { method: \"POST\", body: text, signal: AbortSignal.timeout(10_000) });\nif (!answer.ok) throw new Error(\"the speller does not answer\");",
        ),
        (
            Language::JavaScript,
            "const answer = await fetch(SPELL, { method: \"POST\", body: text, signal: AbortSignal.timeout(10_000) });\nif (!answer.ok) throw new Error(\"the speller does not answer\");",
        ),
    ],
    live: false,
    cwe: &[359, 201, 506],
    owasp: &["MCP10:2025", "MCP03:2025"],
    safe_mcp: &["T1911", "T1503"],
    atlas: &["AML.T0086"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let Some(source) = &evidence.source else { return Vec::new() };
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for flow in judge::flows(evidence, &[Sink::Sent, Sink::Kept]) {
        // How often, how many, yes or no: nobody's words.
        let small = judge::passes(flow, &[GuardKind::Number, GuardKind::AllowList]);
        if small || says_so(source, flow) || !told.insert((&flow.handler, &flow.place)) {
            continue;
        }
        let (severity, confidence) = match flow.unheard {
            true => (Severity::High, Confidence::Likely),
            false => (Severity::Medium, Confidence::Possible),
        };
        let mut finding = judge::of_source(check, flow, severity, confidence);
        let passing = match flow.sink {
            Sink::Kept => "in a hidden file where every program may write",
            _ => "to an address of the author's, and nobody looks at the answer",
        };
        let unheard = if flow.unheard { ", nor hears of an error" } else { "" };
        finding.evidence = format!(
            "`{}` of `{}` goes along in `{}`: {passing}{unheard}; its description says nothing of it",
            flow.parameter, flow.handler, flow.call
        );
        found.push(finding);
    }
    let kind = FactKind::TakesEnvironment;
    found.extend(judge::facts(check, evidence, kind, Severity::High, Confidence::Likely));
    found
}

/// What a tool is told to do that passes something on or keeps it, as whole words.
const SENDS: &[&str] = &[
    "send",
    "sends",
    "post",
    "posts",
    "publish",
    "publishes",
    "upload",
    "uploads",
    "submit",
    "submits",
    "notify",
    "notifies",
    "email",
    "emails",
    "mail",
    "mails",
    "message",
    "messages",
    "share",
    "shares",
    "forward",
    "forwards",
    "report",
    "reports",
    "track",
    "tracks",
    "telemetry",
    "analytics",
    "webhook",
    "push",
    "pushes",
    "sync",
    "syncs",
    "create",
    "creates",
    "add",
    "adds",
    "update",
    "updates",
    "delete",
    "deletes",
    "remove",
    "removes",
    "set",
    "sets",
    "register",
    "registers",
    "trigger",
    "triggers",
    "ping",
    "pings",
    "alert",
    "alerts",
];
const KEEPS: &[&str] = &[
    "save",
    "saves",
    "saved",
    "store",
    "stores",
    "stored",
    "keep",
    "keeps",
    "kept",
    "log",
    "logs",
    "logged",
    "cache",
    "caches",
    "cached",
    "record",
    "records",
    "recorded",
    "remember",
    "remembers",
    "write",
    "writes",
    "written",
    "history",
];

/// Whether the description of a tool, or its name, says that it passes on what it is given, or names to whom.
fn says_so(source: &Source, flow: &Flow) -> bool {
    let of = source.texts.iter().filter(|it| it.of == flow.handler);
    let mut text: String = of.map(|it| it.text.to_lowercase() + "\n").collect();
    text.push_str(&flow.handler.to_lowercase());
    let words: BTreeSet<&str> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|it| !it.is_empty()).collect();
    let listed = if flow.sink == Sink::Kept { KEEPS } else { SENDS };
    if listed.iter().any(|it| words.contains(it)) {
        return true;
    }
    // `https://spell.example.com/`, where its description speaks of `example`.
    let host = flow.call.split_once("://").map_or("", |(_, rest)| rest);
    let end = host.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-')));
    let host = host.get(..end.unwrap_or(host.len())).unwrap_or_default().to_lowercase();
    let owner = host.rsplit('.').nth(1).unwrap_or_default();
    owner.len() > 3 && text.contains(owner)
}
