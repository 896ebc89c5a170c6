//! What a start leaves out: nothing, except in builds for tests (`without.rs`).

use portcullis_mediation::Without;

use crate::fault::Fault;
use crate::launch::Plan;

/// What is left out; only a build for tests can leave anything out.
#[cfg(debug_assertions)]
pub(crate) fn read(plan: &Plan) -> Result<Without, Fault> {
    crate::without::read(plan)
}

#[cfg(not(debug_assertions))]
pub(crate) fn read(_: &Plan) -> Result<Without, Fault> {
    Ok(Without::default())
}

/// The command, for the record of a start.
pub(crate) fn started(plan: &Plan, without: Without) -> String {
    let command = match &plan.server.remote {
        // No box stands around it, and no query or credential is written down.
        Some(remote) => format!("{}, which is somewhere else: no box", remote.url.origin()),
        None => portcullis_guard::redact(&plan.server.command.join(" ")).into_owned(),
    };
    #[cfg(debug_assertions)]
    if let Some(warning) = crate::without::warning(without) {
        return format!("{warning}: {command}");
    }
    let _ = without;
    command
}
