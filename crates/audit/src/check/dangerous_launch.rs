//! A command does more than start a server.

use portcullis_catalog::control;
use portcullis_guard::launch::{Mark, marks, variable};

use crate::check::{Check, configured};
use crate::evidence::config::{Entry, Word};
use crate::evidence::{Evidence, Place};
use crate::finding::{Confidence, Finding, Severity};

/// A command does more than start a server.
pub(super) static CHECK: Check = Check {
    id: "dangerous-launch",
    title: "a command that does more than start a server",
    severity: Severity::Critical,
    control: Some(control::SERVER_CONFINED),
    why: "The host runs these words at every start, with all that the person may do, before anybody sees a tool. A shell, an option that takes a wall away or a download that is run makes another program of them.",
    fix: "start the program itself with its arguments as words; give it no more rights than the person has, and fewer where it can be had",
    examples: &[],
    live: false,
    cwe: &[78, 250, 494],
    owasp: &["MCP04:2025", "MCP05:2025"],
    safe_mcp: &["T1101", "T1104"],
    atlas: &["AML.T0050", "AML.T0081"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    configured::used(evidence).flat_map(|entry| of(check, entry)).collect()
}

/// Options of containers that open them to the machine.
const OPEN: &[(&str, Severity)] = &[
    ("--privileged", Severity::Critical),
    ("--pid=host", Severity::High),
    ("--ipc=host", Severity::High),
    ("--userns=host", Severity::High),
    ("--cap-add=all", Severity::High),
    ("--cap-add=sys_admin", Severity::High),
    ("--security-opt=seccomp=unconfined", Severity::High),
    ("--security-opt=apparmor=unconfined", Severity::High),
    ("--network=host", Severity::Medium),
    ("--net=host", Severity::Medium),
];

/// What a variable does that names where libraries are.
const FIRST: &str = "decides which code is loaded first";

/// Whether places are a bundle's own: that is where it brings its libraries.
fn is_own(places: &str) -> bool {
    let own = |place: &str| {
        let below = place.strip_prefix("${__dirname}");
        below.is_some_and(|it| it.is_empty() || it.starts_with('/')) && !place.contains("..")
    };
    places.split(':').all(own)
}

/// How much a mark of a command weighs. What other checks weigh is not here, nor what is only remarkable at the
/// beginning of a command.
fn weight(mark: &Mark, words: &[String]) -> Option<Severity> {
    let first = || words.first() == Some(&mark.word);
    let told = || words.first().is_some_and(|word| is_shell(word));
    Some(match mark.why {
        "runs what it downloads" => Severity::Critical,
        "asks for more rights" if first() || told() => Severity::High,
        "hides what it runs" | "hides where words end" | "deletes directories" if told() => {
            Severity::High
        }
        "puts other code into every program"
        | "holds characters that nobody sees"
        | "has letters that look like others" => Severity::High,
        "is a shell, and runs any text" if first() => Severity::Medium,
        "chains one command to another" if told() => Severity::Medium,
        "is followed by code, which is in no file"
        | "loads other code first"
        | "takes a wall away" => Severity::Medium,
        FIRST => Severity::Low,
        _ => return None,
    })
}

fn is_shell(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    matches!(name, "sh" | "bash" | "dash" | "zsh" | "ksh" | "fish" | "busybox" | "env")
}

/// The options of a container engine that open its containers.
fn opened(words: &[String]) -> Vec<(usize, Severity)> {
    let engine = |word: &String| {
        let name = word.rsplit('/').next().unwrap_or(word);
        matches!(name, "docker" | "podman" | "nerdctl")
    };
    let Some(begin) = words.iter().position(engine) else { return Vec::new() };
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate().skip(begin) {
        let next = words.get(at.saturating_add(1)).map(String::as_str).unwrap_or_default();
        let alone = word.to_ascii_lowercase();
        let joined = format!("{alone}={}", next.to_ascii_lowercase().replace(':', "="));
        let option = OPEN.iter().find(|(option, _)| *option == alone || *option == joined);
        found.extend(option.map(|(_, severity)| (at, *severity)));
    }
    found
}

fn of(check: &Check, entry: &Entry) -> Vec<Finding> {
    let words = entry.words();
    let mut worst: Option<(Severity, &Place, String)> = None;
    let mut take = |mark: &Mark, place| {
        let Some(severity) = weight(mark, &words) else { return };
        if worst.as_ref().is_none_or(|(known, ..)| severity > *known) {
            worst = Some((severity, place, format!("`{}` {}", mark.word, mark.why)));
        }
    };
    for mark in marks(&words) {
        let word: Option<&Word> = entry.command.iter().find(|word| word.text == mark.word);
        take(&mark, word.map_or(&entry.place, |word| &word.place));
    }
    for given in &entry.variables {
        let text = given.value.secret.is_none().then_some(given.value.text.as_str());
        for mark in variable(&given.name, text) {
            if !(mark.why == FIRST && text.is_some_and(is_own)) {
                take(&mark, &given.value.place);
            }
        }
    }
    for (at, severity) in opened(&words) {
        let Some(word) = entry.command.get(at) else { continue };
        if worst.as_ref().is_none_or(|(known, ..)| severity > *known) {
            let seen = format!("`{}` opens the container to this machine", word.text);
            worst = Some((severity, &word.place, seen));
        }
    }
    let found = worst.map(|(severity, place, seen)| {
        let about = format!("`{}`", entry.called());
        configured::at(check, place, (severity, Confidence::Likely), &about, seen)
    });
    found.into_iter().collect()
}
