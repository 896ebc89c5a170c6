//! A bundle asks a person for a secret, and has it kept or passed on like any word.

use crate::check::{Check, configured};
use crate::evidence::Evidence;
use crate::evidence::bundle::Setting;
use crate::finding::{Confidence, Finding, Severity};

/// A bundle asks a person for a secret, and has it kept or passed on like any word.
pub(super) static CHECK: Check = Check {
    id: "secret-setting",
    title: "a secret that is asked for and not kept as one",
    severity: Severity::Medium,
    control: None,
    why: "What is not marked as sensitive is shown while it is typed, and kept in a file that every program of the person reads. A secret that becomes a word of the command is shown to every process of the machine.",
    fix: "write `\"sensitive\": true` beside the setting, give it no default, and hand it over in `env`",
    examples: &[],
    live: false,
    cwe: &[522, 214],
    owasp: &["MCP01:2025"],
    safe_mcp: &["T1503"],
    atlas: &["AML.T0083"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let manifests = evidence.bundle.iter().filter_map(|bundle| bundle.manifest.as_ref());
    let settings = manifests.flat_map(|it| &it.settings);
    settings.flat_map(|setting| of(check, setting)).collect()
}

fn of(check: &Check, setting: &Setting) -> Vec<Finding> {
    let text = setting.kind == "string";
    let secret = text && (setting.secret || setting.sensitive);
    let wrong = [
        (secret && !setting.sensitive, "is not marked as `sensitive`", Confidence::Likely),
        (secret && setting.in_command, "becomes a word of the command", Confidence::Likely),
        (secret && setting.preset, "has a value that everybody gets", Confidence::Possible),
    ];
    let said = |(_, what, sure): (bool, &str, Confidence)| {
        let about = format!("`{}` {what}", setting.name);
        let seen = format!("the setting `{}` {what}", setting.name);
        configured::at(check, &setting.place, (Severity::Medium, sure), &about, seen)
    };
    wrong.into_iter().filter(|(wrong, ..)| *wrong).map(said).collect()
}
