//! The demo, as a person would run it first.

use super::Ci;
use crate::run;

/// Plays it with the release binary, in a state directory of its own.
pub(super) fn plays(ci: &mut Ci<'_>) -> Result<(), String> {
    let program = ci.target.join("release/portcullis");
    let state = ci.target.join("ci/demo");
    if state.exists() {
        let removed = std::fs::remove_dir_all(&state);
        removed.map_err(|error| format!("{}: {error}", state.display()))?;
    }
    run::pass(run::command(&program).args(["demo", "--yes", "--state"]).arg(&state))
}
