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

#[cfg(test)]
mod tests {
    use portcullis_policy::Effect;
    use portcullis_wire::{Kind, Revision, method};
    use serde_json::json;

    use super::*;

    #[test]
    fn each_side_owns_what_it_declared() {
        let client = json!({"roots": {}});
        let server = json!({"tools": {"listChanged": true}, "resources": {}});
        for (from, kind, name, expect) in [
            (Peer::Client, Kind::Request, "ping", Effect::Allow),
            (Peer::Client, Kind::Request, "tools/call", Effect::Allow),
            (Peer::Client, Kind::Request, "prompts/get", Effect::Deny),
            (Peer::Client, Kind::Request, "resources/subscribe", Effect::Deny),
            (Peer::Client, Kind::Notification, "notifications/roots/list_changed", Effect::Deny),
            (Peer::Server, Kind::Request, "roots/list", Effect::Allow),
            (Peer::Server, Kind::Request, "sampling/createMessage", Effect::Deny),
            (Peer::Server, Kind::Notification, "notifications/tools/list_changed", Effect::Allow),
            (Peer::Server, Kind::Notification, "notifications/message", Effect::Deny),
        ] {
            let row = method(Revision::V2025_11_25, from, kind, name).expect("a known method");
            assert_eq!(judge(row, Some(&client), Some(&server)).effect, expect, "{name}");
            let nobody = judge(row, None, None).effect == Effect::Allow;
            assert_eq!(nobody, row.needs.is_none(), "{name}, when nobody declared anything");
        }
    }
}
