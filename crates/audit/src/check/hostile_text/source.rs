//! The same, of what the source says: for a server that nobody started, and for what it did not say yet.

use std::collections::{BTreeMap, BTreeSet};

use super::names::Names;
use super::{Sign, each_text, judged_of, shapes, signs_of, weighed};
use crate::check::Check;
use crate::evidence::source::Text;
use crate::evidence::{Evidence, Live};
use crate::finding::{Finding, Location};

/// One finding for each definition, where its text stands.
pub(super) fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let Some(source) = &evidence.source else { return Vec::new() };
    let names = Names::new(source.handlers.iter().map(|it| it.name.as_str()), |_| true);
    let parameters = source.handlers.iter().flat_map(|it| &it.parameters);
    let parameters: BTreeSet<String> = parameters.map(|it| it.name.to_lowercase()).collect();
    let heard = evidence.live.as_ref().map(heard).unwrap_or_default();
    let unheard = source.texts.iter().filter(|it| !heard.contains(&plain(&it.text)));
    let mut by: BTreeMap<(&str, &str, u32), Vec<&Text>> = BTreeMap::new();
    for text in unheard {
        // What stands by no name is a definition of its own.
        let line = if text.of.is_empty() { text.place.line } else { 0 };
        by.entry((&text.place.file, &text.of, line)).or_default().push(text);
    }
    let mut found = Vec::new();
    for ((_, of, _), texts) in by {
        let known = |word: &str| parameters.contains(word) || names.is_listed(word);
        let signs = |text: &Text| {
            let shaped = shapes::absent_tool(judged_of(&text.text), &known);
            signs_of(&text.text, of, &names).into_iter().chain(shaped)
        };
        let all: BTreeSet<Sign> = texts.iter().flat_map(|it| signs(it)).collect();
        let Some((severity, confidence, seen)) = weighed(&all) else { continue };
        let heaviest = |it: &&&Text| signs(it).map(|sign| u32::from(sign.weight)).sum::<u32>();
        let Some(place) = texts.iter().max_by_key(heaviest).map(|it| it.place.clone()) else {
            continue;
        };
        let title =
            if of.is_empty() { check.title.to_owned() } else { format!("{}: `{of}`", check.title) };
        found.push(Finding {
            check: check.id.to_owned(),
            severity,
            confidence,
            title,
            location: Location::Source(place),
            steps: Vec::new(),
            reproducer: None,
            evidence: seen,
        });
    }
    found
}

/// What a running server said, without its spaces.
fn heard(live: &Live) -> BTreeSet<String> {
    let mut heard = BTreeSet::new();
    for definition in live.tools.iter().chain(&live.resources).chain(&live.prompts) {
        each_text(definition, &mut |text| {
            let _new = heard.insert(plain(text));
        });
    }
    heard.extend(live.instructions.as_deref().map(plain));
    heard
}

fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
