//! `portcullis doctor`: what this machine can enforce, proven by doing it.

use std::fmt::Write as _;

use portcullis_confine::Level;
use portcullis_confine::support::{Support, probe};

use crate::exit::{Exit, Trouble};
use crate::style;

pub(super) fn run(json: bool) -> Result<Exit, Trouble> {
    let support = probe(None);
    let text = if json {
        let text = serde_json::to_string(&support).map_err(|error| Trouble::failed(&error))?;
        format!("{text}\n")
    } else {
        told(&support)
    };
    style::print(&text)?;
    // A machine on which `run` refuses to start by default is worth an exit code.
    Ok(if support.level == Level::Full { Exit::Clean } else { Exit::Weaker })
}

/// The same for a person: what is there, what is missing, what to do.
fn told(support: &Support) -> String {
    let mut text = format!("servers can be confined at level {} here\n\n", support.level);
    for feature in &support.features {
        let mark = if feature.available { "yes" } else { "no " };
        let _ = writeln!(text, "  {mark}  {:<38} {}", feature.name, feature.why);
        if let Some(fix) = feature.fix.as_ref().filter(|_| !feature.available) {
            let _ = writeln!(text, "       {fix}");
        }
    }
    let held = support.selftest.iter().filter(|attempt| attempt.held).count();
    let _ = writeln!(
        text,
        "\nfrom inside the box, {held} of {} attempts to get out held:",
        support.selftest.len()
    );
    for attempt in &support.selftest {
        let mark = if attempt.held { "held" } else { "LEAK" };
        let _ = writeln!(text, "  {mark}  {:<38} {}", attempt.name, attempt.detail);
    }
    text
}
