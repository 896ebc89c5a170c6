//! The name of the next session can be told from those before, or is soon found by trying.

use crate::check::Check;
use crate::check::asked;
use crate::evidence::Evidence;
use crate::evidence::http::{Http, Names};
use crate::finding::{Confidence, Finding, Severity};

/// Bits of chance that a name should hold: with less it is found by trying.
const LEAST: u32 = 64;

/// The name of the next session can be told from those before, or is soon found by trying.
pub(super) static CHECK: Check = Check {
    id: "session-guessable",
    title: "names of sessions can be guessed",
    severity: Severity::High,
    control: None,
    why: "Whoever has the name of a session speaks in it, and hears what is sent to it. The specification wants names that are unique and of a good source of chance.",
    fix: "take 128 bits or more of the system's own randomness for each name",
    examples: &[],
    live: true,
    cwe: &[330, 340, 384],
    owasp: &["MCP07:2025"],
    safe_mcp: &["T1005"],
    atlas: &["AML.T0049"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let of = |http: &Http| {
        let names = http.names.as_ref()?;
        let (severity, what) = match names {
            Names { repeated: true, .. } => {
                (Severity::High, "two of them were the same".to_owned())
            }
            Names { counted: true, .. } => (Severity::High, "they count up".to_owned()),
            Names { of_the_clock: true, .. } => {
                (Severity::Medium, "they are UUIDs of the clock".to_owned())
            }
            Names { bits, .. } if *bits < LEAST => {
                (Severity::Medium, format!("they hold {bits} bits of chance at the very most"))
            }
            _ => return None,
        };
        let seen = format!("{} names of {} characters: {what}", names.seen, names.shortest);
        Some(asked::whole(check, evidence, severity, Confidence::Confirmed, &seen))
    };
    asked::http(evidence).filter_map(of).collect()
}
