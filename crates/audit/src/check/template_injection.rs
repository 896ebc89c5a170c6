//! What a caller sends is the text of a template.

use crate::check::Check;
use crate::check::judge;
use crate::evidence::Evidence;
use crate::evidence::live::{Attack, Effect};
use crate::evidence::source::Language;
use crate::evidence::source::{Flow, GuardKind, Sink};
use crate::finding::{Confidence, Finding, Severity};

/// What a caller sends is the text of a template.
pub(super) static CHECK: Check = Check {
    id: "template-injection",
    title: "the caller writes a template",
    severity: Severity::High,
    control: None,
    why: "Template languages reach the objects of the program that they are filled in by. A text that is inserted is harmless, and one that is the template is code.",
    fix: "keep the template in the server and pass what the caller sent as a value",
    examples: &[
        (Language::Python, "Template(\"Hello {{ name }}\").render(name=name)"),
        (Language::JavaScript, "Handlebars.compile(\"Hello {{name}}\")({ name });"),
        (Language::TypeScript, "Handlebars.compile(\"Hello {{name}}\")({ name });"),
        (
            Language::Go,
            "page := template.Must(template.New(\"page\").Parse(\"Hello {{.}}\"))\nerr := page.Execute(out, name)",
        ),
        (
            Language::Rust,
            "context.insert(\"name\", name);\nlet page = Tera::one_off(\"Hello {{ name }}\", &context, true)?;",
        ),
    ],
    live: true,
    cwe: &[1336],
    owasp: &["MCP05:2025"],
    safe_mcp: &["T1101"],
    atlas: &["AML.T0050"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let counts =
        |effect: &Effect| matches!(effect, Effect::Evaluated { .. } | Effect::Executed { .. });
    judge::both(check, evidence, &[Sink::Template], of_flow, &[Attack::TemplateInjection], counts)
}

fn of_flow(flow: &Flow) -> Option<(Severity, Confidence)> {
    judge::unless(flow, &[GuardKind::AllowList, GuardKind::Number], Severity::High)
}
