//! Two servers of one config are taken for one.

use portcullis_guard::text::folded;

use crate::check::{Check, configured};
use crate::evidence::Evidence;
use crate::evidence::config::{Entry, Way};
use crate::finding::{Confidence, Finding, Severity};

/// Two servers of one config are taken for one.
pub(super) static CHECK: Check = Check {
    id: "shadowed-server",
    title: "two servers that are taken for one",
    severity: Severity::High,
    control: None,
    why: "A person approves a server by its name, and a model chooses a tool by it. Where two have one name, or one name stands for another program in another project, the answer is given to the wrong one.",
    fix: "give each server a name of its own in plain letters, and start each program once",
    examples: &[],
    live: false,
    cwe: &[345, 1007],
    owasp: &["MCP03:2025", "MCP09:2025"],
    safe_mcp: &["T1004", "T1301"],
    atlas: &["AML.T0081"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let servers: Vec<&Entry> = configured::used(evidence).collect();
    let mut found = Vec::new();
    for (at, one) in servers.iter().enumerate() {
        let before = servers.get(..at).unwrap_or_default();
        let told = before.iter().find_map(|other| alike(one, other));
        let Some((severity, seen)) = told else { continue };
        let about = format!("`{}`", one.called());
        let sure = Confidence::Likely;
        found.push(configured::at(check, &one.place, (severity, sure), &about, seen));
    }
    found
}

/// How two servers are taken for one, if they are.
fn alike(one: &Entry, other: &Entry) -> Option<(Severity, String)> {
    let same = starts_alike(one, other);
    if one.scope == other.scope {
        if looks(&one.name) == looks(&other.name) {
            let seen = format!("`{}` looks like `{}`", one.name, other.name);
            return Some((Severity::High, seen));
        }
        return same.then(|| {
            (Severity::Low, format!("`{}` and `{}` start the same", one.name, other.name))
        });
    }
    // A project's server takes the place of the person's own of that name.
    let shadows = one.name == other.name && !same && (one.scope.is_none() || other.scope.is_none());
    shadows.then(|| {
        let seen = format!("`{}` is another program than `{}`", one.called(), other.called());
        (Severity::Medium, seen)
    })
}

fn looks(name: &str) -> String {
    folded(name).to_lowercase().replace(['_', ' ', '.'], "-")
}

fn starts_alike(one: &Entry, other: &Entry) -> bool {
    let address = |entry: &Entry| entry.url.as_ref().map(|url| url.text.clone());
    let given = |entry: &Entry| -> Vec<(String, String)> {
        let all = entry.variables.iter().chain(&entry.headers);
        all.map(|it| (it.name.clone(), it.value.text.clone())).collect()
    };
    one.way != Way::Built
        && one.words() == other.words()
        && address(one) == address(other)
        && given(one) == given(other)
}
