//! A credential stands in a host's config.

use crate::check::{Check, configured};
use crate::evidence::Evidence;
use crate::evidence::config::{Entry, Word};
use crate::finding::{Confidence, Finding, Severity};

/// A credential stands in a host's config.
pub(super) static CHECK: Check = Check {
    id: "config-secret",
    title: "a credential in a config",
    severity: Severity::High,
    control: None,
    why: "The file is copied with a backup, a synchronised home and a repository, and every program of the person reads it. What stands in an argument is also shown to every process of the machine.",
    fix: "take it out and have it made anew, then name where it is: a variable (`${TOKEN}`, `env_vars`), an input that the host keeps safe, or `portcullis run --env NAME=@FILE`",
    examples: &[],
    live: false,
    cwe: &[522, 798, 214],
    owasp: &["MCP01:2025"],
    safe_mcp: &["T1503", "T1206"],
    atlas: &["AML.T0083"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    configured::all(evidence).flat_map(|entry| of(check, entry)).collect()
}

fn of(check: &Check, entry: &Entry) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |word: &Word, what: String| {
        let Some(kind) = &word.secret else { return };
        let sure = if word.certain { Confidence::Likely } else { Confidence::Possible };
        let about = format!("{what} of `{}`", entry.called());
        let seen = format!("{what} has the form of a credential ({kind}); its value is not shown");
        found.push(configured::at(check, &word.place, (Severity::High, sure), &about, seen));
    };
    for (at, word) in entry.command.iter().enumerate() {
        say(word, format!("argument {at}"));
    }
    if let Some(word) = &entry.url {
        say(word, "the address".to_owned());
    }
    for word in entry.guard.iter().flat_map(|guard| &guard.options) {
        say(word, "an option of `portcullis run`".to_owned());
    }
    for given in &entry.variables {
        say(&given.value, format!("variable `{}`", given.name));
    }
    for given in &entry.headers {
        say(&given.value, format!("header `{}`", given.name));
    }
    found
}
