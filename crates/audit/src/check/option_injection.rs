//! A word of the caller's can be an option of the program that it is given to.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::judge;
use crate::evidence::Evidence;
use crate::evidence::live::{Attack, Effect};
use crate::evidence::source::Language;
use crate::evidence::source::{Flow, GuardKind, Sink};
use crate::finding::{Confidence, Finding, Severity};

/// A word of the caller's can be an option of the program that it is given to.
pub(super) static CHECK: Check = Check {
    id: "option-injection",
    title: "a word that can be an option",
    severity: Severity::High,
    control: Some(control::APPROVE_BY_RISK),
    why: "A check that looks at what looks like a path lets pass what begins with a dash. Programs have options that read files, write files and start other programs (CVE-2025-68144).",
    fix: "say for each program which options exist, refuse every other word that begins with a dash, and put `--` before the rest",
    examples: &[
        (
            Language::Python,
            "if any(word.startswith(\"-\") for word in words):\n    raise ToolError(\"options are not taken\")\nsubprocess.run([\"wc\", \"-w\", \"--\", *words], stdin=subprocess.DEVNULL, timeout=10)",
        ),
        (
            Language::TypeScript,
            "if (words.some((word) => word.startsWith(\"-\"))) throw new Error(\"options are not taken\");\nexecFile(\"wc\", [\"-w\", \"--\", ...words], { timeout: 10_000 }, done);",
        ),
        (
            Language::JavaScript,
            "if (words.some((word) => word.startsWith(\"-\"))) throw new Error(\"options are not taken\");\nexecFile(\"wc\", [\"-w\", \"--\", ...words], { timeout: 10_000 }, done);",
        ),
        (
            Language::Go,
            "if strings.HasPrefix(word, \"-\") {\n\treturn errors.New(\"options are not taken\")\n}\nexec.CommandContext(ctx, \"wc\", \"-w\", \"--\", word)",
        ),
        (
            Language::Rust,
            "if word.starts_with('-') {\n    return Err(refused());\n}\nCommand::new(\"wc\").args([\"-w\", \"--\", word]);",
        ),
    ],
    live: true,
    cwe: &[88],
    owasp: &["MCP05:2025"],
    safe_mcp: &["T1101"],
    atlas: &["AML.T0050"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let counts = |effect: &Effect| {
        matches!(
            effect,
            Effect::CanaryRead { .. } | Effect::CanaryWritten { .. } | Effect::Executed { .. }
        )
    };
    judge::both(check, evidence, &[Sink::Process], of_flow, &[Attack::OptionInjection], counts)
}

fn of_flow(flow: &Flow) -> Option<(Severity, Confidence)> {
    let held = [GuardKind::AllowList, GuardKind::NoOption, GuardKind::Number];
    let listed = judge::passes(flow, &[GuardKind::ProgramList]);
    // A whole list of words without any look at it is worse, and said by `free-process`.
    if flow.whole && !listed { None } else { judge::unless(flow, &held, Severity::High) }
}
