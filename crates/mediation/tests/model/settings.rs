//! What the session of the model is told, and what its server lists.

use std::time::Duration;

use portcullis_guard::UriLists;
use portcullis_guard::path::Roots;
use portcullis_journal::Redactor;
use portcullis_mediation::{Fingerprint, Limits, MayAsk, SealKey, Settings};
use portcullis_policy::{Base, Opening, Pattern, Policies, Principal, Rules, Sampling, ServerName};
use serde_json::{Value, json};

/// The server's tools, with one description for all.
pub(crate) fn listing(description: &str) -> Value {
    let tool = |name: &str| json!({"name": name, "description": description, "inputSchema": {"type": "object"}});
    json!({"tools": [tool("read_file"), tool("delete_file"), tool("edit_file")]})
}

thread_local! {
    /// Compiled once: the model starts over a thousand times.
    static POLICIES: Policies = {
        let server = ServerName::new("s").unwrap_or_else(|_| unreachable!("a good name"));
        let rules = Rules { ask: vec![Pattern::new("edit_*")], ..Rules::default() };
        Policies::new(&Principal::user(1), &server, &rules, Base::Allow, &[])
            .unwrap_or_else(|_| unreachable!("one list and the usual mode"))
    };
}

/// Hold, patience, deadline: each ends something else.
pub(crate) fn settings() -> Settings {
    let seconds = Duration::from_secs;
    let limits = Limits { call_timeout: seconds(5), call_ceiling: seconds(7), ..Limits::default() };
    let mut roots = Roots::new();
    if let Ok(root) = portcullis_guard::path::Root::new("/p") {
        roots.add(root, portcullis_guard::path::Access::Write);
    }
    Settings {
        server: ServerName::new("s").unwrap_or_else(|_| unreachable!("a good name")),
        principal: Principal::user(1),
        session: "model".to_owned(),
        project: "project".to_owned(),
        rules: POLICIES.with(Policies::clone),
        resources: UriLists::default(),
        extensions: portcullis_policy::Extensions::new(),
        policy: Fingerprint::of(b"policy"),
        roots,
        askable: Default::default(),
        cwd: Some("/p".to_owned()),
        flow: portcullis_policy::Flow::default(),
        open_world: false,
        inspect: portcullis_policy::Inspect::default(),
        trusted_hosts: Default::default(),
        may_ask: MayAsk {
            sampling: Sampling { mode: Opening::Ask, ..Sampling::default() },
            ..MayAsk::default()
        },
        limits,
        patience: seconds(4),
        hold: seconds(2),
        pinning: portcullis_mediation::pin::Pinning {
            mode: portcullis_mediation::pin::Mode::Note,
            ..Default::default()
        },
        observe: false,
        firm: None,
        without: Default::default(),
        dice: 1,
        tally: None,
        seal: SealKey::new([1; 32]),
        redactor: Redactor::new([1; 32]),
    }
}
