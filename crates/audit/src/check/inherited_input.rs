//! A program that the server starts reads the protocol's own input.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::judge;
use crate::evidence::Evidence;
use crate::evidence::live::{Attack, Effect};
use crate::evidence::source::FactKind;
use crate::evidence::source::Language;
use crate::finding::{Confidence, Finding, Severity};

/// A program that the server starts reads the protocol's own input.
pub(super) static CHECK: Check = Check {
    id: "inherited-input",
    title: "a child reads the protocol's input",
    severity: Severity::High,
    control: Some(control::PIPES_UNSHARED),
    why: "A child inherits standard input, and over stdio that is the protocol. `cat` without a file reads the host's next messages: they are never answered, and come back as a tool's output.",
    fix: "give every child an input of its own, empty or chosen",
    examples: &[
        (Language::Python, "subprocess.run(words, stdin=subprocess.DEVNULL)"),
        (
            Language::TypeScript,
            "spawn(program, words, { stdio: [\"ignore\", \"pipe\", \"pipe\"] });",
        ),
        (
            Language::JavaScript,
            "spawn(program, words, { stdio: [\"ignore\", \"pipe\", \"pipe\"] });",
        ),
        (Language::Rust, "Command::new(\"date\").stdin(Stdio::null()).status().await?;"),
    ],
    live: true,
    cwe: &[403, 668],
    owasp: &["MCP10:2025"],
    safe_mcp: &["T1404"],
    atlas: &["AML.T0085.001"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let mut found =
        judge::facts(check, evidence, FactKind::InheritsInput, Severity::Low, Confidence::Possible);
    for (trial, effect) in judge::hits(evidence, &[Attack::SwallowedInput]) {
        if matches!(effect, Effect::Swallowed) {
            found.push(judge::of_trial(check, evidence, trial, effect, Severity::High));
        }
    }
    found
}
