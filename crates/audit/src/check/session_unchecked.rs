//! A name of a session opens more than it should: it is a credential, or it never ends, or nobody gave it.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::asked;
use crate::evidence::Evidence;
use crate::evidence::http::{Http, Question};
use crate::finding::{Finding, Severity};

/// A name of a session opens more than it should: it is a credential, or it never ends, or nobody gave it.
pub(super) static CHECK: Check = Check {
    id: "session-unchecked",
    title: "the name of a session is good for too much",
    severity: Severity::High,
    control: Some(control::CALLERS_AUTHENTICATED),
    why: "A name of a session travels through logs and hands, and says where a conversation stands and not who speaks. The specification forbids it as a credential, and has a server answer 404 for what it does not know or has ended.",
    fix: "judge the credential on every request, remember whose a session is, and forget it when it ends",
    examples: &[],
    live: true,
    cwe: &[384, 613],
    owasp: &["MCP07:2025"],
    safe_mcp: &["T1005"],
    atlas: &["AML.T0049"],
    run,
};

/// What a name should not be good for.
const CASES: [(Question, Severity, &str); 4] = [
    (
        Question::SessionAlone,
        Severity::High,
        "a request with the name of a session and no credential was answered with a result",
    ),
    (Question::EndedSession, Severity::Medium, "a session that had ended went on"),
    (
        Question::UnknownSession,
        Severity::Medium,
        "a name that the server never gave was taken for a session",
    ),
    (Question::NoSession, Severity::Low, "it gives names to sessions, and goes on without one"),
];

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let of = |http: &Http| {
        CASES.iter().find_map(|(question, severity, seen)| {
            // Where nobody needs a credential, a name is none.
            let open = http.is_open() == Some(true);
            let counts = *question != Question::SessionAlone || !open;
            let done = http.about(*question).find(|it| it.is_done()).filter(|_| counts)?;
            Some(asked::of(check, evidence, done, *severity, seen))
        })
    };
    asked::http(evidence).filter_map(of).collect()
}
