//! Whoever reaches the server may call its tools.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::asked;
use crate::evidence::Evidence;
use crate::evidence::http::{Http, Question};
use crate::finding::{Finding, Severity};

/// Whoever reaches the server may call its tools.
pub(super) static CHECK: Check = Check {
    id: "callers-unauthenticated",
    title: "nobody is asked who they are",
    severity: Severity::Critical,
    control: Some(control::CALLERS_AUTHENTICATED),
    why: "Behind an address on a network stands everybody who can reach it, and behind an address of this machine every program and every account on it. A tool that acts for one person must know that it is that person who calls.",
    fix: "take a token in `Authorization` on every request, and refuse with 401 what has none, `initialize` and lists too",
    examples: &[],
    live: true,
    cwe: &[306],
    owasp: &["MCP07:2025"],
    safe_mcp: &["T1005"],
    atlas: &["AML.T0049"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let of = |http: &Http| {
        let here = |here: Severity, away: Severity| if http.this_machine { here } else { away };
        let open: &[Question] = match http.identified.is_empty() {
            true => &[Question::Hello, Question::Discover],
            false => &[Question::NoCredential],
        };
        if http.is_open() == Some(true) {
            let first = http.starts().next().or_else(|| http.done(open).last())?;
            let severity = here(Severity::Low, Severity::High);
            let seen = match first.started {
                true => "a request without a credential was done",
                false => "a request without a credential was answered with a result",
            };
            return Some(asked::of(check, evidence, first, severity, seen));
        }
        let taken = http.about(Question::WrongCredential).last().filter(|it| it.is_done())?;
        let severity = here(Severity::High, Severity::Critical);
        let seen = "a credential that was made up was taken";
        Some(asked::part(
            asked::of(check, evidence, taken, severity, seen),
            "any credential is taken",
        ))
    };
    asked::http(evidence).filter_map(of).collect()
}
