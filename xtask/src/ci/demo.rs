//! The demo, as a person would run it first.

use super::Ci;
use crate::{run, say};

/// Plays it with the release binary, in a state directory of its own.
pub(super) fn plays(ci: &mut Ci<'_>) -> Result<(), String> {
    let program = ci.target.join("release/portcullis");
    let help = run::read(run::command(&program).args(["demo", "--help"]));
    if !help.is_ok_and(|help| help.contains("demo")) {
        say("this binary has no demo yet");
        ci.skipped.push("the demo: this binary has none yet".to_owned());
        return Ok(());
    }
    let state = ci.target.join("ci/demo");
    if state.exists() {
        let removed = std::fs::remove_dir_all(&state);
        removed.map_err(|error| format!("{}: {error}", state.display()))?;
    }
    run::pass(run::command(&program).args(["demo", "--yes", "--state"]).arg(&state))
}
