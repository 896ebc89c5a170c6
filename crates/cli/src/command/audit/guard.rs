//! `--guarded`: ourselves as the gateway that an audit makes its probes through, and what our journal tells of them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use portcullis_audit::evidence::guarded::What;
use portcullis_audit::probe::live::{Guard, Heard, Start};
use portcullis_store::{Entries, Entry, read};
use serde::Deserialize;

use crate::exit::Trouble;

/// The program that we are.
#[derive(Debug)]
pub(super) struct Ourselves(PathBuf);

impl Ourselves {
    pub(super) fn found() -> Result<Self, Trouble> {
        std::env::current_exe().map(Self).map_err(|error| Trouble::failed(&error))
    }
}

impl Guard for Ourselves {
    #[expect(
        clippy::disallowed_methods,
        reason = "it is our own program, and the box is what it makes for the server"
    )]
    fn start(&self, start: &Start<'_>) -> std::io::Result<Child> {
        let mut command = Command::new(&self.0);
        // Where nobody is there to be asked, what would be asked is denied, at once and on the record.
        command.args(["run", "--ask", "never", "--name", start.name]);
        command.arg("--config").arg(start.config).arg("--state").arg(start.state);
        command.current_dir(start.here).env_clear().envs(start.environment).env("PATH", start.path);
        if let Some(home) = start.home {
            command.env("HOME", home);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    }

    fn journal(&self, state: &Path) -> Heard {
        let dir = state.to_owned();
        let mut entries: Option<Entries> = None;
        Box::new(move || {
            // It begins with the gateway's first record.
            if entries.is_none() {
                entries = read(&dir, 1).ok();
            }
            entries
                .iter_mut()
                .flatten()
                .filter_map(Result::ok)
                .flat_map(|entry| told(&entry))
                .collect()
        })
    }
}

/// What is read of a record: its kind, which way the message went, and the controls that spoke.
#[derive(Deserialize)]
struct Record {
    event: String,
    direction: Option<String>,
    outcome: Option<String>,
    decision: Decision,
}

#[derive(Deserialize)]
struct Decision {
    because: Vec<Because>,
    #[serde(default)]
    obligations: Vec<String>,
}

#[derive(Deserialize)]
struct Because {
    control: String,
}

fn told(entry: &Entry) -> Vec<(What, String)> {
    let Ok(record) = serde_json::from_str::<Record>(&entry.line) else { return Vec::new() };
    let from_host = record.direction.as_deref() == Some("client-to-server");
    let refused = record.outcome.as_deref() == Some("refused");
    let rewritten = record.event == "rewritten"
        || record.decision.obligations.iter().any(|it| it == "rewritten");
    let what = match record.event.as_str() {
        "denied" if from_host => What::Refused,
        "denied" | "dropped" => What::Withheld,
        _ if refused => What::Withheld,
        _ if rewritten => What::Changed,
        _ => return Vec::new(),
    };
    record.decision.because.into_iter().map(|because| (what, because.control)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_what_was_done() {
        let line = |event: &str, direction: &str, outcome: &str, obligations: &str| Entry {
            seq: 1,
            line: format!(
                r#"{{"event": "{event}", "direction": "{direction}", "outcome": {outcome},
                "decision": {{"effect": "deny", "because": [{{"control": "roots-contained", "why": "x"}}], "obligations": {obligations}}}}}"#
            ),
        };
        let (to, back) = ("client-to-server", "server-to-client");
        for (entry, expect) in [
            (line("denied", to, "null", "[]"), Some(What::Refused)),
            (line("denied", back, "null", "[]"), Some(What::Withheld)),
            (line("outcome", back, "\"refused\"", "[]"), Some(What::Withheld)),
            (line("outcome", back, "\"ok\"", "[\"rewritten\"]"), Some(What::Changed)),
            (line("outcome", back, "\"ok\"", "[]"), None),
            (line("intent", to, "null", "[]"), None),
        ] {
            let found: Vec<_> = told(&entry).into_iter().map(|(what, _)| what).collect();
            assert_eq!(found, expect.into_iter().collect::<Vec<_>>(), "{}", entry.line);
        }
    }
}
