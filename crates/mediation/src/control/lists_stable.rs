//! What a server lists is not a side effect of what was called, and has an order
//! (MCP-TOOL-09): a list that changes behind everybody's back is an alarm.
//!
//! Lists change over time, and a server says so by `list_changed`. One that is
//! another after a call, or where the server could have said so and did not, has
//! diverged. What is new or changed in it is withheld by `definition_pinned.rs`
//! anyway; here the alarm is raised, and an order that moved is put back. From
//! connection to connection it is pins again that hold a list to what it was.
//!
//! Resources are left out: they come and go with the data that tools write.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_catalog::control::LISTS_STABLE;
use portcullis_guard::text::{bounded, visible};
use portcullis_journal::Event;
use portcullis_policy::{Decision, Effect, Obligation};
use portcullis_wire::Json;

use crate::Session;
use crate::approval::Fingerprint;
use crate::pin::{Part, Section};

/// More alarms of one session than anybody reads.
const ALARMS: usize = 16;

/// An entry: its name, and how it differs from its pin, if it does.
type Entry = (String, Option<Fingerprint>);

/// What was listed before, by what is listed.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    known: BTreeMap<Section, Vec<Entry>>,
    pages: BTreeMap<Section, Pages>,
    /// Lists that the server said have changed.
    announced: BTreeSet<Section>,
    /// What was called last since each list was seen.
    called: BTreeMap<Section, String>,
    alarms: BTreeSet<String>,
}

/// A listing under way.
#[derive(Debug, Default)]
struct Pages {
    entries: Vec<Entry>,
    names: BTreeSet<String>,
    count: usize,
    /// Two listings got into each other: this one cannot be compared.
    spoiled: bool,
}

/// What became of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Difference {
    Same,
    /// The same things in another order.
    Order,
    /// These are new, gone or different.
    Entries(Vec<String>),
}

fn compare(before: &[Entry], after: &[Entry]) -> Difference {
    if before == after {
        return Difference::Same;
    }
    let (old, new): (BTreeSet<_>, BTreeSet<_>) = (before.iter().collect(), after.iter().collect());
    let names: BTreeSet<&String> = old.symmetric_difference(&new).map(|(name, _)| name).collect();
    if names.is_empty() {
        Difference::Order
    } else {
        Difference::Entries(names.into_iter().cloned().collect())
    }
}

impl Lists {
    /// One entry of a page, and how it differs from its pin.
    pub(crate) fn saw(&mut self, part: &Part, drifted: Option<Fingerprint>) {
        if matches!(part.section, Section::Tool | Section::Prompt | Section::Template) {
            let pages = self.pages.entry(part.section).or_default();
            pages.spoiled |= !pages.names.insert(part.name.clone());
            pages.entries.push((part.name.clone(), drifted));
        }
    }

    /// The server says that a list changed.
    pub(crate) fn announce(&mut self, method: &str) {
        let section = match method {
            "notifications/tools/list_changed" => Section::Tool,
            "notifications/prompts/list_changed" => Section::Prompt,
            "notifications/resources/list_changed" => Section::Template,
            _ => return,
        };
        self.announced.insert(section);
    }

    /// A tool is called.
    pub(crate) fn called(&mut self, tool: &str) {
        for section in [Section::Tool, Section::Prompt, Section::Template] {
            self.called.insert(section, tool.to_owned());
        }
    }

    /// The pins changed, so everything is held against them anew.
    pub(crate) fn forget(&mut self) {
        let alarms = std::mem::take(&mut self.alarms);
        *self = Self { alarms, ..Self::default() };
    }

    /// The same alarm is raised once, and not for ever.
    fn is_news(&mut self, why: &str) -> bool {
        self.alarms.len() < ALARMS && self.alarms.insert(why.to_owned())
    }
}

/// The server has a way to say that a list changed.
fn could_say(section: Section, session: &Session) -> bool {
    let (list, wanted): (&str, fn(&portcullis_wire::view::subscription::Filter) -> bool) =
        match section {
            Section::Tool => ("tools", |filter| filter.tools_list_changed),
            Section::Prompt => ("prompts", |filter| filter.prompts_list_changed),
            _ => ("resources", |filter| filter.resources_list_changed),
        };
    if session.phase.era() == portcullis_wire::Era::Modern {
        // On 2026-07-28 only whoever listens is told.
        return session.to_server.any(|row| {
            row.carries.stream.as_ref().is_some_and(|it| it.agreed.as_ref().is_some_and(wanted))
        });
    }
    let declared = session.phase.server_capabilities();
    declared.and_then(|server| server.pointer(&format!("/{list}/listChanged")))
        == Some(&true.into())
}

impl Session {
    /// A page of a list was seen. When it is the last, the list is compared; the order
    /// that it had before, when only that changed and all of it is on this page.
    pub(crate) fn compare_list(&mut self, section: Section, whole: bool) -> Option<Vec<String>> {
        let pages = self.lists.pages.entry(section).or_default();
        pages.count += 1;
        if !whole {
            return None;
        }
        let pages = std::mem::take(pages);
        let announced = self.lists.announced.remove(&section);
        let called = self.lists.called.remove(&section);
        if pages.spoiled {
            return None;
        }
        let Some(before) = self.lists.known.get(&section) else {
            self.lists.known.insert(section, pages.entries);
            return None;
        };
        let after =
            called.map(|tool| format!(" after a call of `{}`", visible(&bounded(&tool, 64))));
        match compare(before, &pages.entries) {
            Difference::Same => None,
            Difference::Order => {
                let order = before.iter().map(|(name, _)| name.clone()).collect();
                let after = after.unwrap_or_default();
                self.alarm(section, &format!("the list of {section}s has another order{after}"));
                (pages.count == 1).then_some(order)
            }
            Difference::Entries(names) => {
                self.lists.known.insert(section, pages.entries);
                if !announced && (after.is_some() || could_say(section, self)) {
                    let names = bounded(&names.join(", "), 200);
                    let after = after.unwrap_or_default();
                    let why = format!(
                        "the list of {section}s is another{after}, and the server said nothing: {}",
                        visible(&names)
                    );
                    self.alarm(section, &why);
                }
                None
            }
        }
    }

    fn alarm(&mut self, section: Section, why: &str) {
        if self.lists.is_news(why) {
            let mut record = self.record(Event::Drifted);
            record.note = Some(format!("{section}: {why}"));
            record.decision = Decision::because(Effect::Allow, LISTS_STABLE, why);
            self.note(record);
        }
    }
}

/// A list in the order that it had before.
pub(crate) fn restore(entries: &mut [Json], key: &str, order: &[String]) -> Decision {
    let places: BTreeMap<&str, usize> =
        order.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
    entries.sort_by_key(|entry| {
        let name = entry.object().and_then(|entry| entry.get(key)?.as_text());
        name.and_then(|name| places.get(name.as_str()).copied()).unwrap_or(usize::MAX)
    });
    let why = "the list is in the order that it had before";
    Decision::because(Effect::Allow, LISTS_STABLE, why).owing(Obligation::Rewritten)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list(names: &[&str]) -> Vec<Entry> {
        names.iter().map(|name| ((*name).to_owned(), None)).collect()
    }

    #[test]
    fn order_is_less_than_content() {
        let changed = |names: &[&str]| {
            Difference::Entries(names.iter().map(|name| (*name).to_owned()).collect())
        };
        for (before, after, expect) in [
            (list(&["a", "b"]), list(&["a", "b"]), Difference::Same),
            (list(&["a", "b"]), list(&["b", "a"]), Difference::Order),
            (list(&["a", "b"]), list(&["b"]), changed(&["a"])),
            (list(&["a"]), list(&["b", "a"]), changed(&["b"])),
            (list(&["a"]), vec![("a".to_owned(), Some(Fingerprint::of(b"x")))], changed(&["a"])),
        ] {
            assert_eq!(compare(&before, &after), expect, "{before:?} {after:?}");
        }
    }

    #[test]
    fn an_order_is_put_back_and_what_is_unknown_comes_last() {
        let mut entries: Vec<Json> =
            ["x", "b", "a"].iter().map(|name| Json::from_value(&json!({"name": name}))).collect();
        let restored = restore(&mut entries, "name", &["a".to_owned(), "b".to_owned()]);
        assert!(restored.obligations.contains(&Obligation::Rewritten));
        let names: Vec<_> = entries.iter().map(|entry| entry.value()["name"].clone()).collect();
        assert_eq!(names, [json!("a"), json!("b"), json!("x")]);
    }

    #[test]
    fn alarms_are_raised_once_and_not_for_ever() {
        let mut lists = Lists::default();
        assert!(lists.is_news("it moved") && !lists.is_news("it moved"));
        let news = (0..100).filter(|place| lists.is_news(&place.to_string())).count();
        assert_eq!(news, ALARMS - 1);
    }

    #[test]
    fn listings_that_get_into_each_other_are_not_compared() {
        let mut lists = Lists::default();
        for name in ["a", "b", "a"] {
            lists.saw(&Part::new(Section::Tool, name), None);
        }
        lists.saw(&Part::new(Section::Resource, "note:///1"), None);
        assert!(lists.pages[&Section::Tool].spoiled);
        assert!(!lists.pages.contains_key(&Section::Resource));
    }
}
