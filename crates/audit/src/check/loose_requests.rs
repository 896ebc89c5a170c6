//! What says to be no JSON is read as JSON, or a method is answered that the revision does not have.

use crate::check::Check;
use crate::check::asked;
use crate::evidence::Evidence;
use crate::evidence::http::{Exchange, Http, Question};
use crate::finding::{Finding, Severity};

/// What says to be no JSON is read as JSON, or a method is answered that the revision does not have.
pub(super) static CHECK: Check = Check {
    id: "loose-requests",
    title: "requests are taken that are none",
    severity: Severity::Low,
    control: None,
    why: "A form on any page can send `text/plain` to any address, and no browser asks for permission first. What is refused for its kind cannot be sent by a form.",
    fix: "take `application/json` and nothing else, and answer `GET` and `DELETE` with 405 where the revision has neither",
    examples: &[],
    live: true,
    cwe: &[352, 436],
    owasp: &["MCP07:2025"],
    safe_mcp: &["T1005"],
    atlas: &["AML.T0049"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    asked::http(evidence).flat_map(|http| of(check, evidence, http)).collect()
}

fn of(check: &Check, evidence: &Evidence, http: &Http) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(done) = http.done(&[Question::PlainText]).next() {
        let seen = "a body that says to be `text/plain` was read as a request";
        found.push(asked::part(
            asked::of(check, evidence, done, Severity::Low, seen),
            "`text/plain`",
        ));
    }
    for (question, method) in [(Question::Get, "`GET`"), (Question::Delete, "`DELETE`")] {
        let taken = |it: &&Exchange| it.status().is_some_and(|status| status < 300);
        let Some(taken) = http.about(question).find(taken) else { continue };
        let seen = format!("{method} was not refused");
        found.push(asked::part(asked::of(check, evidence, taken, Severity::Note, &seen), method));
    }
    found
}
