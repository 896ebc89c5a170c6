//! Several answers become one: declarations, instructions, lists and their cursors.

use std::collections::BTreeMap;

use portcullis_guard::text::visible;
use portcullis_wire::view::lifecycle::{Discovered, Initialized, SERVER_INFO};
use portcullis_wire::{Json, Object, Outcome, Revision, RpcError, array, elements};
use serde_json::{Value, json};

use super::dress::{List, ours};
use super::names::Prefix;

/// Text for the model in front of that of servers.
const ABOUT: &str = "Several servers answer here. What stands before `__` in the name of a tool or \
                     a prompt says whose it is. What follows is what each says of itself.";

/// What a server says of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    pub(super) capabilities: Value,
    pub(super) instructions: Option<String>,
}

impl Said {
    /// Out of an answer to `initialize`, with the revision that it agrees on.
    pub(super) fn initialized(result: &Json) -> Option<(Revision, Self)> {
        let Initialized { protocol_version, capabilities, instructions, .. } =
            Initialized::read(result).ok()?;
        Some((Revision::parse(&protocol_version)?, Self { capabilities, instructions }))
    }

    fn discovered(result: &Json) -> Option<(Vec<String>, Self)> {
        let Discovered { supported_versions, capabilities, instructions } =
            Discovered::read(result).ok()?;
        Some((supported_versions, Self { capabilities, instructions }))
    }

    pub(super) fn declares(&self, capability: &str) -> bool {
        self.capabilities.get(capability).is_some_and(Value::is_object)
    }
}

/// The answer to `initialize`. Where a server has not answered yet, what it may have is declared.
pub(super) fn initialized(
    revision: Revision,
    all: &[(&Prefix, &Said)],
    some_are_missing: bool,
) -> Json {
    let mut result = Object::new();
    result.set("protocolVersion", Json::string(revision.as_str()));
    result.set("capabilities", capabilities(all, some_are_missing));
    result.set("serverInfo", ours());
    if let Some(text) = instructions(all) {
        result.set("instructions", Json::string(&text));
    }
    result.to_json()
}

/// What all of them can do together. That a list changes is declared wherever there is one: a
/// server that ends takes its things along.
fn capabilities(all: &[(&Prefix, &Said)], some_are_missing: bool) -> Json {
    let has = |name: &str| all.iter().any(|(_, said)| said.declares(name));
    let mut declared = serde_json::Map::new();
    for list in ["tools", "prompts", "resources"] {
        if has(list) || some_are_missing {
            declared.insert(list.to_owned(), json!({"listChanged": true}));
        }
    }
    let subscribe =
        |said: &Said| said.capabilities.pointer("/resources/subscribe") == Some(&true.into());
    if all.iter().any(|(_, said)| subscribe(said))
        && let Some(resources) = declared.get_mut("resources").and_then(Value::as_object_mut)
    {
        resources.insert("subscribe".to_owned(), true.into());
    }
    for name in ["completions", "logging"] {
        if has(name) {
            declared.insert(name.to_owned(), json!({}));
        }
    }
    Json::from_value(&declared.into())
}

/// What each says to the model, under our name for it. Each line of a server's is marked, so that
/// none of them reads as the beginning of what another one says.
fn instructions(all: &[(&Prefix, &Said)]) -> Option<String> {
    let mut text = String::new();
    for (prefix, said) in all {
        let Some(own) = said.instructions.as_ref().filter(|own| !own.is_empty()) else { continue };
        text.push_str(&format!("\n\nServer `{}`:", prefix.as_str()));
        for line in own.split(LINE_ENDS) {
            text.push_str("\n> ");
            text.push_str(line);
        }
    }
    (!text.is_empty()).then(|| format!("{ABOUT}{text}"))
}

/// Everything that some reader takes for the end of a line.
const LINE_ENDS: [char; 7] = ['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];

/// What members answered, by their number, beside what each is called.
pub(super) type Parts<'a> = [(usize, &'a Prefix, &'a Outcome)];

/// The answer to `server/discover`.
pub(super) fn discovered(parts: &Parts<'_>) -> Outcome {
    let read = |outcome: &Outcome| match outcome {
        Outcome::Result(result) => Said::discovered(result),
        Outcome::Error(_) => None,
    };
    let all: Vec<_> =
        parts.iter().filter_map(|(_, prefix, it)| Some((*prefix, read(it)?))).collect();
    let Some((_, (first, _))) = all.first() else { return failed(parts) };
    let shared = |version: &&String| all.iter().all(|(_, (theirs, _))| theirs.contains(version));
    let versions: Vec<_> = first.iter().filter(shared).map(|it| Json::string(it)).collect();
    let said: Vec<_> = all.iter().map(|(prefix, (_, said))| (*prefix, said)).collect();
    let mut result = Object::new();
    result.set("supportedVersions", array(&versions));
    result.set("capabilities", capabilities(&said, all.len() < parts.len()));
    if let Some(text) = instructions(&said) {
        result.set("instructions", Json::string(&text));
    }
    Outcome::Result(cached(result, parts))
}

/// A list of all of them.
pub(super) struct Listed {
    pub(super) outcome: Outcome,
    /// Where those go on that have more.
    pub(super) cursors: BTreeMap<usize, String>,
    /// What has no name that a host takes, and whose it is.
    pub(super) left_out: Vec<(usize, String)>,
}

/// The answer to a request for a list.
pub(super) fn listed(list: List, parts: &Parts<'_>, modern: bool) -> Listed {
    let (mut all, mut cursors, mut left_out) = (Vec::new(), BTreeMap::new(), Vec::new());
    let mut found = false;
    for (member, prefix, outcome) in parts {
        let Outcome::Result(result) = outcome else { continue };
        let Some(members) = result.object() else { continue };
        found = true;
        for entry in members.get(list.member()).and_then(elements).unwrap_or_default() {
            match list.entry(&entry, prefix) {
                Some(entry) => all.push(entry),
                None => left_out.push((*member, called(&entry))),
            }
        }
        if let Some(cursor) = members.get("nextCursor").and_then(Json::as_text) {
            cursors.insert(*member, cursor);
        }
    }
    if !found && !parts.is_empty() {
        return Listed { outcome: failed(parts), cursors, left_out };
    }
    let mut result = Object::new();
    result.set(list.member(), array(&all));
    let result = if modern { cached(result, parts) } else { result.to_json() };
    Listed { outcome: Outcome::Result(result), cursors, left_out }
}

/// What a server calls something, to be shown.
fn called(entry: &Json) -> String {
    let name = entry.object().and_then(|members| members.get("name")?.as_text());
    visible(&name.unwrap_or_default().chars().take(80).collect::<String>())
}

/// A result of 2026-07-28, which lasts as long as the shortest of its parts, for whoever asked.
fn cached(mut result: Object, parts: &Parts<'_>) -> Json {
    let lasts = parts.iter().filter_map(|(_, _, outcome)| match outcome {
        Outcome::Result(result) => result.object()?.get("ttlMs")?.read::<u64>().ok(),
        Outcome::Error(_) => None,
    });
    // What one of them did not answer, it may answer the next time.
    let whole = parts.iter().all(|(_, _, outcome)| matches!(outcome, Outcome::Result(_)));
    let lasts = lasts.min().filter(|_| whole).unwrap_or_default();
    result.set("resultType", Json::string("complete"));
    result.set("ttlMs", Json::from_value(&lasts.into()));
    result.set("cacheScope", Json::string("private"));
    let mut meta = Object::new();
    meta.set(SERVER_INFO, ours());
    result.set("_meta", meta.to_json());
    result.to_json()
}

/// Nobody could answer: what the first of them said of it.
pub(super) fn failed(parts: &Parts<'_>) -> Outcome {
    let error = parts.iter().find_map(|(_, _, outcome)| match outcome {
        Outcome::Error(error) => Some(error.clone()),
        Outcome::Result(_) => None,
    });
    Outcome::Error(error.unwrap_or(RpcError {
        code: portcullis_wire::code::INTERNAL_ERROR,
        message: "no server of the aggregate could answer".to_owned(),
        data: None,
    }))
}
