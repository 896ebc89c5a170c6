//! A caller's path leads out of the directory that the server is for.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::judge;
use crate::evidence::Evidence;
use crate::evidence::live::{Attack, Effect};
use crate::evidence::source::Language;
use crate::evidence::source::{Flow, GuardKind, Sink};
use crate::finding::{Confidence, Finding, Severity};

/// A caller's path leads out of the directory that the server is for.
pub(super) static CHECK: Check = Check {
    id: "path-escape",
    title: "a path that leads anywhere",
    severity: Severity::Critical,
    control: Some(control::ROOTS_CONTAINED),
    why: "The path comes from a model, and a model repeats what a page or a ticket told it. Joining it to a directory holds nothing: an absolute path, `..` or a link leads out.",
    fix: "open from a descriptor of the directory, one name after the other, following no link; or resolve the path and compare whole components",
    examples: &[
        (
            Language::Python,
            "root = Path(ROOT).resolve()\nfull = (root / path).resolve()\nif not full.is_relative_to(root):\n    raise ToolError(\"outside of the project\")",
        ),
        (
            Language::TypeScript,
            "const full = await fs.realpath(path.resolve(root, asked));\nconst way = path.relative(root, full);\nif (way === \"..\" || way.startsWith(\"../\") || path.isAbsolute(way)) throw new Error(\"outside of the project\");",
        ),
        (
            Language::JavaScript,
            "const full = await fs.realpath(path.resolve(root, asked));\nconst way = path.relative(root, full);\nif (way === \"..\" || way.startsWith(\"../\") || path.isAbsolute(way)) throw new Error(\"outside of the project\");",
        ),
        (
            Language::Go,
            "root, err := os.OpenRoot(directory)\nif err != nil {\n\treturn err\n}\nfile, err := root.Open(asked)",
        ),
        (
            Language::Rust,
            "let full = root.join(asked).canonicalize()?;\nif !full.starts_with(&root) {\n    return Err(refused());\n}",
        ),
    ],
    live: true,
    cwe: &[22, 59, 73],
    owasp: &["MCP02:2025", "MCP05:2025"],
    safe_mcp: &["T1105"],
    atlas: &["AML.T0085.001"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let attacks = [Attack::Traversal, Attack::Symlink];
    let counts = |effect: &Effect| {
        matches!(effect, Effect::CanaryRead { .. } | Effect::CanaryWritten { .. })
    };
    judge::both(check, evidence, &[Sink::FileRead, Sink::FileWrite], of_flow, &attacks, counts)
}

fn of_flow(flow: &Flow) -> Option<(Severity, Confidence)> {
    // A prefix without a separator is `path-prefix`; links that nobody resolves are what is left of the others.
    let harmless = [GuardKind::AllowList, GuardKind::Number];
    let held = [GuardKind::Beneath, GuardKind::Name, GuardKind::Prefix];
    if judge::passes(flow, &harmless) {
        return None;
    }
    // What leads neither up nor away from where it is put lies below.
    let below =
        judge::passes(flow, &[GuardKind::Dots]) && judge::passes(flow, &[GuardKind::Relative]);
    if below || judge::passes(flow, &[GuardKind::Component]) {
        let resolved = judge::passes(flow, &[GuardKind::Resolved, GuardKind::Beneath]);
        return (!resolved).then_some((Severity::High, Confidence::Possible));
    }
    judge::unless(flow, &held, Severity::Critical)
}
