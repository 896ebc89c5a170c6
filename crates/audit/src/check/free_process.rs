//! A caller chooses which program runs.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::{asked, judge};
use crate::evidence::Evidence;
use crate::evidence::source::Language;
use crate::evidence::source::{Flow, GuardKind, Sink};
use crate::finding::{Confidence, Finding, Severity};

/// A caller chooses which program runs.
pub(super) static CHECK: Check = Check {
    id: "free-process",
    title: "the caller chooses the program",
    severity: Severity::Critical,
    control: Some(control::APPROVE_BY_RISK),
    why: "Without a shell, whoever names the program still has the machine: `sh`, `python` and `curl` are programs. A tool for everything cannot be approved by anybody who does not read every call.",
    fix: "hold the program against a fixed list, and say for each which words it takes",
    examples: &[
        (
            Language::Python,
            "PROGRAMS = {\"wc\": {\"-w\", \"-l\"}}\nif program not in PROGRAMS or not PROGRAMS[program].issuperset(options):\n    raise ToolError(\"not allowed\")",
        ),
        (
            Language::TypeScript,
            "const programs = new Map([[\"wc\", new Set([\"-w\", \"-l\"])]]);\nif (!programs.has(program)) throw new Error(\"not allowed\");",
        ),
        (
            Language::JavaScript,
            "const programs = new Map([[\"wc\", new Set([\"-w\", \"-l\"])]]);\nif (!programs.has(program)) throw new Error(\"not allowed\");",
        ),
        (
            Language::Go,
            "switch program {\ncase \"wc\", \"date\":\ndefault:\n\treturn errors.New(\"not allowed\")\n}",
        ),
        (
            Language::Rust,
            "match program {\n    \"wc\" | \"date\" => {}\n    _ => return Err(refused()),\n}",
        ),
    ],
    live: true,
    cwe: &[78, 250],
    owasp: &["MCP05:2025"],
    safe_mcp: &["T1101", "T1104"],
    atlas: &["AML.T0050"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let mut found = judge::both(check, evidence, &[Sink::Process], of_flow, &[], |_| false);
    // Nobody calls a tool here: an address starts what a query names.
    let started = asked::http(evidence).filter_map(|http| http.starts().next());
    found.extend(started.map(|it| {
        let seen = "a request to an address of its own was taken";
        asked::of(check, evidence, it, Severity::Critical, seen)
    }));
    found
}

fn of_flow(flow: &Flow) -> Option<(Severity, Confidence)> {
    // A part of a word list behind a fixed program is `option-injection`.
    let held =
        [GuardKind::AllowList, GuardKind::ProgramList, GuardKind::NoOption, GuardKind::Number];
    if flow.whole { judge::unless(flow, &held, Severity::Critical) } else { None }
}
