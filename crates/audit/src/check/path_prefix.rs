//! A path is taken for one inside a directory because its text begins like the directory's name.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::judge;
use crate::evidence::Evidence;
use crate::evidence::live::{Attack, Effect};
use crate::evidence::source::Language;
use crate::evidence::source::{Flow, GuardKind, Sink};
use crate::finding::{Confidence, Finding, Severity};

/// A path is taken for one inside a directory because its text begins like the directory's name.
pub(super) static CHECK: Check = Check {
    id: "path-prefix",
    title: "a prefix taken for a directory",
    severity: Severity::Critical,
    control: Some(control::ROOTS_CONTAINED),
    why: "As text, `/srv/project-evil` begins with `/srv/project`. Directories end at a separator, and published servers made this mistake (CVE-2025-53110).",
    fix: "compare whole components, or better, open beneath a descriptor",
    examples: &[
        (
            Language::Python,
            "if not full.is_relative_to(root):\n    raise ToolError(\"outside of the project\")",
        ),
        (
            Language::TypeScript,
            "if (full !== root && !full.startsWith(root + path.sep)) throw new Error(\"outside of the project\");",
        ),
        (
            Language::JavaScript,
            "if (full !== root && !full.startsWith(root + path.sep)) throw new Error(\"outside of the project\");",
        ),
        (
            Language::Go,
            "if full != root && !strings.HasPrefix(full, root+string(filepath.Separator)) {\n\treturn errors.New(\"outside of the project\")\n}",
        ),
        (
            Language::Rust,
            "// `Path::starts_with` compares whole names, `str::starts_with` letters.\nif !full.starts_with(&root) {\n    return Err(refused());\n}",
        ),
    ],
    live: true,
    cwe: &[22, 187],
    owasp: &["MCP02:2025", "MCP05:2025"],
    safe_mcp: &["T1105"],
    atlas: &["AML.T0085.001"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let counts = |effect: &Effect| {
        matches!(effect, Effect::CanaryRead { .. } | Effect::CanaryWritten { .. })
    };
    let mut found = judge::both(
        check,
        evidence,
        &[Sink::FileRead, Sink::FileWrite],
        of_flow,
        &[Attack::Neighbour],
        counts,
    );
    // Who leaves by any path leaves by this one too: that is `path-escape`, said once.
    let anywhere = |tool: &str, parameter: &str| {
        judge::hits(evidence, &[Attack::Traversal]).any(|(trial, effect)| {
            counts(effect) && trial.tool == tool && trial.parameter == parameter
        })
    };
    found.retain(|finding| match &finding.location {
        crate::finding::Location::Server { tool, parameter, .. } => {
            !anywhere(tool.as_deref().unwrap_or_default(), parameter.as_deref().unwrap_or_default())
        }
        crate::finding::Location::Source(_) => true,
    });
    found
}

fn of_flow(flow: &Flow) -> Option<(Severity, Confidence)> {
    let held = [
        GuardKind::Component,
        GuardKind::Beneath,
        GuardKind::Name,
        GuardKind::AllowList,
        GuardKind::Number,
    ];
    let prefix = judge::passes(flow, &[GuardKind::Prefix]) && !judge::passes(flow, &held);
    prefix.then_some((Severity::Critical, Confidence::Likely))
}
