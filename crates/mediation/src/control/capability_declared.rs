//! A peer uses only what both sides declared (MCP-CAP-01, -02, -07).

use portcullis_catalog::control::CAPABILITY_DECLARED;
use portcullis_policy::Decision;
use portcullis_wire::{Method, Peer};
use serde_json::Value;

/// Judges one method against what its owner declared.
pub(crate) fn judge(method: &Method, client: Option<&Value>, server: Option<&Value>) -> Decision {
    let Some(need) = method.needs else { return Decision::default() };
    let (owner, declared) = match need.of() {
        Peer::Client => ("client", client),
        Peer::Server => ("server", server),
    };
    if declared.is_some_and(|capabilities| need.declared(capabilities)) {
        return Decision::default();
    }
    let why =
        format!("`{}` needs `{}`, which the {owner} did not declare", method.name, need.path());
    Decision::deny(CAPABILITY_DECLARED, why)
}
