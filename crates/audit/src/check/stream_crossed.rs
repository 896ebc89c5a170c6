//! What was said in one session is repeated in another.

use crate::check::Check;
use crate::check::asked;
use crate::evidence::Evidence;
use crate::evidence::http::{Http, Question};
use crate::finding::{Finding, Severity};

/// What was said in one session is repeated in another.
pub(super) static CHECK: Check = Check {
    id: "stream-crossed",
    title: "one session hears another",
    severity: Severity::High,
    control: None,
    why: "A stream that broke is taken up with the name of its last event, and that name is all that the server looks at. Whoever guesses or sees such a name hears what was meant for somebody else.",
    fix: "keep events by session, and look at whose session asks before anything is repeated",
    examples: &[],
    live: true,
    cwe: &[488],
    owasp: &["MCP07:2025"],
    safe_mcp: &["T1005"],
    atlas: &["AML.T0049"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let of = |http: &Http| {
        let crossed =
            http.about(Question::Resume).find(|it| it.answer.is_some() && it.remark.is_some())?;
        let seen = crossed.remark.clone().unwrap_or_default();
        Some(asked::of(check, evidence, crossed, Severity::High, &seen))
    };
    asked::http(evidence).filter_map(of).collect()
}
