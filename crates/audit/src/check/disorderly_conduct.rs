//! A server floods, crashes, never ends, or writes what is no message.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::judge;
use crate::evidence::Evidence;
use crate::evidence::live::Conduct;
use crate::finding::{Confidence, Finding, Severity};

/// A server floods, crashes, never ends, or writes what is no message.
pub(super) static CHECK: Check = Check {
    id: "disorderly-conduct",
    title: "it does not behave as a server",
    severity: Severity::Medium,
    control: Some(control::STRICT_PARSING),
    why: "What stands between messages is read by some client as a message. What floods, hangs or ends by itself takes every other tool of the session with it.",
    fix: "write messages to standard output and everything else to standard error, bound every answer, and survive every call",
    examples: &[],
    live: true,
    cwe: &[400, 754],
    owasp: &["MCP10:2025"],
    safe_mcp: &["T2102"],
    atlas: &["AML.T0034.002"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let conduct = evidence.live.iter().flat_map(|live| &live.conduct);
    // Nobody answered: then the time was ours, and the checklist says that nothing could be tested.
    let mute = conduct.clone().any(is_mute);
    let conduct =
        conduct.filter(|it| !(mute && matches!(it, Conduct::OverBudget { of } if of == "time")));
    conduct
        .filter_map(judged)
        .map(|(severity, seen)| {
            judge::of_server(check, evidence, None, severity, Confidence::Confirmed, seen)
        })
        .collect()
}

/// Whether nobody answered at all.
fn is_mute(conduct: &Conduct) -> bool {
    use Conduct::{NeverAnswered, NotListening, NotStarted};
    matches!(conduct, NotStarted { .. } | NotListening { .. } | NeverAnswered)
}

/// How bad, and what is said. A server that did not start did nothing: the checklist says so.
fn judged(conduct: &Conduct) -> Option<(Severity, String)> {
    Some(match conduct {
        Conduct::NotStarted { .. } | Conduct::NotListening { .. } | Conduct::NeverAnswered => {
            return None;
        }
        Conduct::Noise { first } => {
            (Severity::Low, format!("it wrote what is no message: `{first}`"))
        }
        Conduct::Flooded { bytes } => {
            (Severity::Medium, format!("it wrote {bytes} bytes without end"))
        }
        Conduct::Crashed { how } => (Severity::Medium, format!("it ended by itself ({how})")),
        Conduct::OverBudget { of } => (Severity::Medium, format!("it used more {of} than it may")),
        Conduct::TerminalCodes => {
            (Severity::High, "it wrote control codes for a terminal".to_owned())
        }
        Conduct::EndlessList => (Severity::Medium, "a list of its went on without end".to_owned()),
    })
}
