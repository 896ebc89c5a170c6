//! A host was told to ask nobody.

use portcullis_catalog::control;

use crate::check::{Check, configured};
use crate::evidence::Evidence;
use crate::evidence::config::{HostConfig, Loose};
use crate::finding::{Confidence, Finding, Severity};

/// A host was told to ask nobody.
pub(super) static CHECK: Check = Check {
    id: "approval-bypassed",
    title: "nobody is asked",
    severity: Severity::High,
    control: Some(control::APPROVE_BY_RISK),
    why: "A call that deletes, runs or sends something then happens because a model was talked into it. The question to a person is the last thing that a poisoned text cannot answer.",
    fix: "take the setting out, or name only tools that read; `portcullis run` asks about the others whatever the host does",
    examples: &[],
    live: false,
    cwe: &[285, 862],
    owasp: &["MCP06:2025", "MCP07:2025"],
    safe_mcp: &["T1403", "T1104"],
    atlas: &["AML.T0053"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let configs = configured::config(evidence);
    let of_host = configs.flat_map(|config| of_host(check, config));
    let of_servers = configured::used(evidence).flat_map(|entry| {
        let guarded = entry.guard.is_some();
        let about = format!("of `{}`", entry.called());
        let loose = entry.loose.iter().map(move |it| of(check, it, &about, guarded));
        let observed = entry.guard.iter().filter(|guard| guard.has("--observe")).map(|_| {
            let about = format!("`--observe` before `{}`", entry.called());
            let seen = "`portcullis run --observe` records what it would deny, and lets it through";
            let weight = (Severity::High, Confidence::Likely);
            configured::at(check, &entry.place, weight, &about, seen.to_owned())
        });
        loose.chain(observed).collect::<Vec<_>>()
    });
    of_host.chain(of_servers).collect()
}

fn of_host<'a>(check: &'a Check, config: &'a HostConfig) -> impl Iterator<Item = Finding> + 'a {
    let guarded = !config.servers.is_empty() && config.servers.iter().all(|it| it.guard.is_some());
    config.loose.iter().map(move |it| of(check, it, "of the host", guarded))
}

/// Behind a gateway of ours the host's own question is not the only one.
fn of(check: &Check, loose: &Loose, about: &str, guarded: bool) -> Finding {
    let severity = match (guarded, loose.everything) {
        (true, _) => Severity::Low,
        (false, true) => Severity::High,
        (false, false) => Severity::Medium,
    };
    let what = match (loose.sampling, loose.everything) {
        (true, _) => "lets a server ask the model",
        (false, true) => "lets every call through",
        (false, false) => "lets calls of the tools that it names through",
    };
    let about = format!("`{}` {about}", loose.setting);
    let seen = format!("`{}` {what} unasked", loose.setting);
    configured::at(check, &loose.place, (severity, Confidence::Likely), &about, seen)
}
