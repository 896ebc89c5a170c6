//! What the host gets to see of a server: tools, resources and prompts that were listed, without those that something
//! speaks against.

use std::collections::BTreeSet;

use portcullis_guard::UriPattern;
use portcullis_guard::text::visible;
use serde_json::Value;

use super::Known;
use crate::evidence::Live;
use crate::evidence::live::{Attack, Effect};
use crate::finding::{Confidence, Finding, Location, Severity};

/// Entries of one list.
const MOST: usize = 500;
/// Characters of one name, and of one address.
const NAME: usize = 128;
const ADDRESS: usize = 500;

/// Checks for which a tool stands on no list.
const OUT: &[&str] = &["hostile-text", "definition-drift", "shadowed-tool"];
/// Checks for which a person is asked at each call: what the box alone does not hold.
const ASK: &[&str] = &[
    "shell-execution",
    "free-process",
    "code-execution",
    "template-injection",
    "unsafe-deserialisation",
    "raw-sql",
    "sql-first-word",
    "server-side-request",
    "inherited-input",
    "lying-annotations",
];

/// Words in the name of a tool that changes things.
const WRITES: &[&str] = &[
    "add", "append", "commit", "copy", "create", "delete", "edit", "init", "insert", "make",
    "mkdir", "modify", "move", "patch", "put", "remove", "rename", "replace", "save", "set",
    "store", "update", "write",
];

/// The lists.
#[derive(Debug, Clone, Default)]
pub(super) struct Offered {
    pub(super) allow: Vec<String>,
    /// Each with why.
    pub(super) ask: Vec<(String, String)>,
    pub(super) resources: Vec<String>,
    pub(super) prompts: Vec<String>,
    /// What was left out, and why.
    pub(super) notes: Vec<String>,
    doubted: BTreeSet<String>,
}

impl Offered {
    pub(super) fn of(known: &Known<'_>) -> Self {
        let mut offered = Self::default();
        for tool in named(&known.live.tools) {
            offered.tool(known, tool);
        }
        let prompts = named(&known.live.prompts).filter(|name| {
            let own =
                |parameter: &str| parameter.rsplit_once('/').is_some_and(|(of, _)| of == *name);
            spoken_against(known, name, OUT).is_none() && !is_harmed(known, own)
        });
        offered.prompts = unique(prompts.filter(|name| is_plain(name, NAME)));
        offered.resources =
            unique(known.live.resources.iter().filter_map(|one| address(known, one)).take(MOST));
        offered
    }

    fn tool(&mut self, known: &Known<'_>, name: &str) {
        if self.allow.iter().any(|known| known == name) {
            return;
        }
        let out = spoken_against(known, name, OUT).map(|finding| finding.title.clone());
        let odd =
            || (!is_plain(name, NAME)).then(|| "a list cannot name it and nothing else".to_owned());
        let many =
            || (self.allow.len() >= MOST).then(|| format!("a list has {MOST} names at most"));
        if let Some(why) = out.or_else(odd).or_else(many) {
            self.doubted.insert(name.to_owned());
            if self.notes.len() < 20 {
                self.notes.push(format!("`{name}` is left out: {why}."));
            }
            return;
        }
        self.allow.push(name.to_owned());
        let worked = known.live.trials.iter().any(|trial| trial.tool == name && trial.worked());
        if let Some(finding) = spoken_against(known, name, ASK) {
            self.doubted.insert(name.to_owned());
            self.ask.push((name.to_owned(), finding.title.clone()));
        } else if !worked {
            self.ask.push((name.to_owned(), "no honest call of it was seen to work".to_owned()));
        }
    }

    /// Whether what a tool does can open something.
    pub(super) fn is_trusted(&self, tool: &str) -> bool {
        !self.doubted.contains(tool) && self.allow.iter().any(|name| name == tool)
    }
}

/// Whether a tool says that it changes something. That it does not is believed at once, that it does needs a word of its
/// own.
pub(super) fn says_it_writes(live: &Live, tool: &str) -> bool {
    let all = live.tools.iter().filter(|one| one.get("name").and_then(Value::as_str) == Some(tool));
    let hints: Vec<Option<bool>> =
        all.map(|one| one.pointer("/annotations/readOnlyHint").and_then(Value::as_bool)).collect();
    if hints.is_empty() || hints.contains(&Some(true)) {
        return false;
    }
    let words = portcullis_guard::words(tool);
    hints.contains(&Some(false)) || words.iter().any(|word| WRITES.contains(&word.as_str()))
}

/// The first finding of these checks that is about a tool, resource or prompt and more than a sign.
fn spoken_against<'a>(known: &Known<'a>, name: &str, checks: &[&str]) -> Option<&'a Finding> {
    let counts = |finding: &&Finding| {
        checks.contains(&finding.check.as_str())
            && finding.confidence >= Confidence::Likely
            && finding.severity >= Severity::Medium
    };
    known.findings.iter().filter(counts).find(|finding| is_about(known, finding, name))
}

fn is_about(known: &Known<'_>, finding: &Finding, name: &str) -> bool {
    match &finding.location {
        Location::Server { tool, .. } => tool.as_deref() == Some(name),
        Location::Source(place) => {
            let flows = known.evidence.source.iter().flat_map(|source| &source.flows);
            let mut here = flows.filter(|flow| flow.place == *place);
            here.any(|flow| flow.handler == name || flow.handler == "*")
        }
    }
}

fn named(definitions: &[Value]) -> impl Iterator<Item = &str> {
    definitions.iter().filter_map(|one| one.get("name")?.as_str())
}

/// A name that a list can mean, and no other: without `*`, and as it looks.
fn is_plain(name: &str, most: usize) -> bool {
    !name.is_empty() && name.chars().count() <= most && !name.contains('*') && visible(name) == name
}

/// What a list may say of a resource: its address, or its template with what is filled in left open.
fn address(known: &Known<'_>, resource: &Value) -> Option<String> {
    if let Some(uri) = resource.get("uri").and_then(Value::as_str) {
        return (is_plain(uri, ADDRESS) && UriPattern::new(uri).is_ok()).then(|| uri.to_owned());
    }
    let template = resource.get("uriTemplate").and_then(Value::as_str)?;
    let open = opened(template)?;
    let harmed = is_harmed(known, |parameter| parameter == template);
    (!harmed && is_plain(template, ADDRESS) && UriPattern::new(&open).is_ok()).then_some(open)
}

/// Whether something with such a parameter did what it should not. Nobody is asked about resources and prompts, so those
/// stand on no list.
fn is_harmed(known: &Known<'_>, parameter: impl Fn(&str) -> bool) -> bool {
    let harm = |effect: &Effect| {
        !matches!(effect, Effect::Leaked { .. } | Effect::Flood { .. } | Effect::Accepted { .. })
    };
    known.live.trials.iter().any(|trial| {
        trial.attack != Attack::Benign
            && matches!(trial.tool.as_str(), "resource" | "prompt")
            && parameter(&trial.parameter)
            && trial.effect.as_ref().is_some_and(harm)
    })
}

/// `notes://{name}` as `notes://*` (RFC 6570).
fn opened(template: &str) -> Option<String> {
    let mut out = String::new();
    let mut left = template;
    while let Some((before, rest)) = left.split_once('{') {
        let (name, after) = rest.split_once('}')?;
        out.push_str(before);
        out.push_str(if name.starts_with(['+', '#', '/']) || name.ends_with('*') {
            "**"
        } else {
            "*"
        });
        left = after;
    }
    out.push_str(left);
    Some(out)
}

fn unique<T: AsRef<str>>(names: impl Iterator<Item = T>) -> Vec<String> {
    let mut known = BTreeSet::new();
    names
        .map(|name| name.as_ref().to_owned())
        .filter(|name| known.insert(name.clone()))
        .take(MOST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_opened_where_something_is_filled_in() {
        for (template, expect) in [
            ("notes://{name}", Some("notes://*")),
            ("notes://{name}/{+path}", Some("notes://*/**")),
            ("notes://all", Some("notes://all")),
            ("notes://{name", None),
        ] {
            assert_eq!(opened(template).as_deref(), expect, "{template}");
        }
    }

    #[test]
    fn a_name_that_means_more_than_itself_is_none() {
        for (name, expect) in [
            ("read_note", true),
            ("*", false),
            ("read*", false),
            ("a\nb", false),
            ("a\\b", false),
            ("a\u{202e}b", false),
            ("", false),
            ("größe", true),
        ] {
            assert_eq!(is_plain(name, NAME), expect, "{name:?}");
        }
    }
}
