//! A request of a page of another origin is answered.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::asked;
use crate::evidence::Evidence;
use crate::evidence::http::{Http, Question};
use crate::finding::{Finding, Severity};

/// A request of a page of another origin is answered.
pub(super) static CHECK: Check = Check {
    id: "foreign-origin",
    title: "any page is answered",
    severity: Severity::High,
    control: Some(control::CALLERS_AUTHENTICATED),
    why: "A page that a person only looks at can send requests to every address that their browser reaches, this machine among them. The specification has each server look at `Origin` and answer 403 when it does not know it.",
    fix: "refuse every request whose `Origin` is not in a list of your own, `null` too, whatever its method",
    examples: &[],
    live: true,
    cwe: &[346, 352],
    owasp: &["MCP07:2025"],
    safe_mcp: &["T1005"],
    atlas: &["AML.T0049"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let of = |http: &Http| {
        let pages = [Question::ForeignOrigin, Question::NullOrigin];
        let first = http.done(&pages).min_by_key(|it| !it.started)?;
        // A page asks for permission before it sends JSON, and not before it sends a form.
        let simple = http.done(&[Question::PlainText]).next().is_some();
        let allowed =
            http.done(&pages).any(|it| it.header("access-control-allow-origin").is_some());
        let worst = http.this_machine && (simple || allowed);
        let open = if worst { Severity::High } else { Severity::Medium };
        let severity = asked::if_open(http, open, Severity::Low);
        let origin = first.request.headers.iter().find(|it| it.name == "origin");
        let origin = origin.map_or("", |it| it.value.as_str());
        let seen = format!("a request with `Origin: {origin}` was answered with a result");
        Some(asked::of(check, evidence, first, severity, &seen))
    };
    asked::http(evidence).filter_map(of).collect()
}
