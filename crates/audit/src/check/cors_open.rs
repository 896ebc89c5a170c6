//! Its answers say that a page of any origin may read them.

use crate::check::Check;
use crate::check::asked;
use crate::evidence::Evidence;
use crate::evidence::http::{Http, Question};
use crate::finding::{Finding, Severity};

/// Its answers say that a page of any origin may read them.
pub(super) static CHECK: Check = Check {
    id: "cors-open",
    title: "any page may read its answers",
    severity: Severity::High,
    control: None,
    why: "`Access-Control-Allow-Origin` takes away the one thing that keeps a foreign page from reading an answer. With it, what a page may ask for is also what it gets.",
    fix: "name the origins that may read, one by one; never `*` and never what the request said, and no credentials",
    examples: &[],
    live: true,
    cwe: &[942],
    owasp: &["MCP07:2025"],
    safe_mcp: &["T1005"],
    atlas: &["AML.T0049"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let of = |http: &Http| {
        let pages = [Question::ForeignOrigin, Question::NullOrigin];
        http.done(&pages).find_map(|it| {
            let allowed = it.header("access-control-allow-origin")?;
            let origin = it.request.headers.iter().find(|it| it.name == "origin");
            let repeated = origin.is_some_and(|origin| origin.value == allowed);
            let with = it.header("access-control-allow-credentials") == Some("true");
            let severity = match (repeated && with, http.is_open()) {
                (true, _) => Severity::High,
                (false, Some(true)) if repeated || allowed == "*" => Severity::Medium,
                _ => return None,
            };
            let with = if with { ", and credentials with it" } else { "" };
            let seen = format!("the answer allows the origin `{allowed}`{with}");
            Some(asked::of(check, evidence, it, severity, &seen))
        })
    };
    asked::http(evidence).filter_map(of).collect()
}
