//! What every keeper of pins must do.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_journal::Timestamp;
use portcullis_mediation::pin::{Definition, Part, Place, Section, Sighting, Surroundings};
use serde_json::json;

use super::{Make, T, at};
use crate::pin::{Accepted, PinStore};

fn tool(name: &str) -> Part {
    Part::new(Section::Tool, name)
}

fn definition(text: &str) -> Definition {
    let mut definition = Definition::default();
    definition.set("description", &json!(text));
    definition
}

fn one(part: Part, text: &str) -> BTreeMap<Part, Definition> {
    BTreeMap::from([(part, definition(text))])
}

fn first(part: Part, text: &str) -> Sighting {
    Sighting { first: one(part, text), ..Sighting::default() }
}

fn drifted(part: Part, text: &str) -> Sighting {
    Sighting { drifted: one(part, text), ..Sighting::default() }
}

fn a_yes_is_for_what_it_was_given_to<S: PinStore>((mut store, _): (S, S)) {
    let part = || tool("read");
    store.sighted("s", &first(part(), "one"), at(1)).unwrap();
    store.sighted("s", &drifted(part(), "two"), at(2)).unwrap();
    let pinned = |store: &mut S| store.load("s").unwrap().parts[&part()].definition.clone();
    let here = Surroundings::default();
    let yes = |store: &mut S, server: &str, text: &str, told: &Surroundings, now| {
        store.answered(server, &part(), (&definition(text), told), "ada", at(now)).unwrap()
    };
    assert!(!yes(&mut store, "s", "three", &here, 3));
    assert_eq!(pinned(&mut store), definition("one"));
    assert!(!yes(&mut store, "t", "two", &here, 3));
    // The same words mean something else where they name another directory.
    let mut elsewhere = Surroundings::default();
    elsewhere.tell(Place::Cwd, "/elsewhere");
    assert!(!yes(&mut store, "s", "two", &elsewhere, 3));
    assert_eq!(pinned(&mut store), definition("one"));
    assert!(yes(&mut store, "s", "two", &here, 3));
    assert_eq!(pinned(&mut store), definition("two"));
    assert_eq!(store.show("s").unwrap()[0].by.as_deref(), Some("ada"));
    // Once.
    assert!(!yes(&mut store, "s", "two", &here, 4));
}

/// All that a [`PinStore`] promises.
pub(crate) fn pins<S: PinStore>(mut make: impl Make<S>) {
    what_is_seen_first_is_pinned(make());
    of_two_that_see_first_one_pins(make());
    drift_changes_nothing_until_it_is_accepted(make());
    what_was_not_shown_is_not_accepted(make());
    a_yes_is_for_what_it_was_given_to(make());
    what_was_never_pinned_can_be_accepted(make());
    one_name_is_accepted_and_no_other(make());
    what_is_as_pinned_again_waits_no_more(make());
    what_rises_is_pinned_without_a_person(make());
    what_is_gone_is_forgotten_when_that_is_accepted(make());
    a_server_is_forgotten_alone(make());
    others_tools_are_known_by_their_looks(make());
    a_server_cannot_fill_the_disk(make());
}

fn what_is_seen_first_is_pinned<S: PinStore>((mut gateway, mut other): (S, S)) {
    let mut sighting = first(tool("read"), "Reads.");
    sighting.whole = Some(Section::Tool);
    sighting.surroundings = Surroundings::default();
    let before = other.changes().unwrap();
    assert_eq!(gateway.sighted("files", &sighting, T).unwrap(), None);
    assert_ne!(other.changes().unwrap(), before);
    let pins = other.load("files").unwrap();
    assert_eq!(pins.parts[&tool("read")].definition, definition("Reads."));
    assert_eq!(pins.whole, BTreeSet::from([Section::Tool]));
    assert_eq!(other.load("other").unwrap(), Default::default());
}

/// A person looks and accepts what was shown.
fn accept<S: PinStore>(
    person: &mut S,
    server: &str,
    named: Option<&str>,
    by: &str,
    now: Timestamp,
) -> Vec<Part> {
    person.show(server).unwrap();
    let accepted = person.accept(server, named, by, now).unwrap();
    assert_eq!(accepted.unseen, []);
    accepted.parts
}

fn what_was_not_shown_is_not_accepted<S: PinStore>((mut gateway, mut person): (S, S)) {
    let part = || vec![tool("t")];
    let accept = |person: &mut S| person.accept("s", None, "me", T).unwrap();
    let waits = Accepted { unseen: part(), ..Accepted::default() };
    gateway.sighted("s", &drifted(tool("t"), "Harmless."), T).unwrap();
    assert_eq!(accept(&mut person), waits, "nobody looked");
    assert_eq!(person.show("s").unwrap()[0].seen.as_ref().unwrap().0, definition("Harmless."));
    gateway.sighted("s", &drifted(tool("t"), "Harmful."), T).unwrap();
    assert_eq!(accept(&mut person), waits, "it changed after the look");
    person.show("other").unwrap();
    assert_eq!(accept(&mut person), waits, "another server was looked at");
    person.show("s").unwrap();
    gateway.sighted("s", &drifted(tool("t"), "Harmful."), T).unwrap();
    let taken = Accepted { parts: part(), ..Accepted::default() };
    assert_eq!(accept(&mut person), taken, "seen again as it was shown");
    let gone = Sighting { gone: BTreeSet::from([tool("t")]), ..Sighting::default() };
    gateway.sighted("s", &gone, T).unwrap();
    assert_eq!(accept(&mut person), waits, "that it is gone was not shown");
    person.show("s").unwrap();
    assert_eq!(accept(&mut person), taken);
}

fn of_two_that_see_first_one_pins<S: PinStore>((mut one, mut other): (S, S)) {
    assert_eq!(one.sighted("s", &first(tool("t"), "One."), T).unwrap(), None);
    assert_eq!(other.sighted("s", &first(tool("t"), "One."), T).unwrap(), None);
    let pins = other.sighted("s", &first(tool("t"), "Other."), T).unwrap().expect("the first's");
    assert_eq!(pins.parts[&tool("t")].definition, definition("One."));
}

fn drift_changes_nothing_until_it_is_accepted<S: PinStore>((mut gateway, mut person): (S, S)) {
    gateway.sighted("s", &first(tool("t"), "Before."), T).unwrap();
    assert_eq!(accept(&mut person, "s", None, "me", at(1)), []);
    gateway.sighted("s", &drifted(tool("t"), "After."), at(2)).unwrap();
    assert_eq!(gateway.load("s").unwrap().parts[&tool("t")].definition, definition("Before."));
    let rows = person.rows().unwrap();
    assert_eq!(rows[0].seen.as_ref().unwrap().0, definition("After."));
    assert_eq!(accept(&mut person, "s", None, "uid:1000", at(3)), [tool("t")]);
    assert_eq!(gateway.load("s").unwrap().parts[&tool("t")].definition, definition("After."));
    let rows = person.rows().unwrap();
    assert_eq!((rows[0].seen.clone(), rows[0].by.as_deref()), (None, Some("uid:1000")));
    assert_eq!(rows[0].since, at(3));
}

fn what_was_never_pinned_can_be_accepted<S: PinStore>((mut gateway, mut person): (S, S)) {
    gateway.sighted("s", &drifted(tool("t"), "New."), T).unwrap();
    assert_eq!(gateway.load("s").unwrap(), Default::default());
    assert_eq!(accept(&mut person, "s", None, "me", T), [tool("t")]);
    let pins = gateway.load("s").unwrap();
    assert_eq!(pins.parts[&tool("t")].definition, definition("New."));
    assert_eq!(pins.whole, BTreeSet::from([Section::Tool]), "all of it was looked at");
}

fn one_name_is_accepted_and_no_other<S: PinStore>((mut gateway, mut person): (S, S)) {
    for name in ["a", "b"] {
        gateway.sighted("s", &drifted(tool(name), "New."), T).unwrap();
    }
    assert_eq!(accept(&mut person, "s", Some("b"), "me", T), [tool("b")]);
    assert_eq!(accept(&mut person, "s", Some("c"), "me", T), []);
    assert_eq!(accept(&mut person, "other", Some("a"), "me", T), []);
    let pins = gateway.load("s").unwrap();
    assert_eq!(pins.parts.keys().collect::<Vec<_>>(), [&tool("b")]);
}

fn what_is_as_pinned_again_waits_no_more<S: PinStore>((mut gateway, mut person): (S, S)) {
    gateway.sighted("s", &first(tool("t"), "Before."), T).unwrap();
    gateway.sighted("s", &drifted(tool("t"), "After."), T).unwrap();
    let same = Sighting { same: BTreeSet::from([tool("t")]), ..Sighting::default() };
    gateway.sighted("s", &same, T).unwrap();
    assert_eq!(accept(&mut person, "s", None, "me", T), []);
}

/// From what it was to something better, unless somebody else was faster.
fn what_rises_is_pinned_without_a_person<S: PinStore>((mut gateway, mut other): (S, S)) {
    let risen = |from: &str, to: &str| {
        let risen = BTreeMap::from([(tool("t"), (definition(from), definition(to)))]);
        Sighting { risen, ..Sighting::default() }
    };
    let pinned = |store: &mut S| store.load("s").unwrap().parts[&tool("t")].definition.clone();
    gateway.sighted("s", &first(tool("t"), "Old."), T).unwrap();
    other.sighted("s", &drifted(tool("t"), "Older."), T).unwrap();
    assert_eq!(gateway.sighted("s", &risen("Old.", "New."), T).unwrap(), None);
    assert_eq!(pinned(&mut other), definition("New."));
    assert_eq!(other.rows().unwrap()[0].seen, None, "what waited is settled");
    let late = other.sighted("s", &risen("Old.", "Newer."), T).unwrap();
    assert!(late.is_some(), "whoever was late is told the pins in force");
    assert_eq!(pinned(&mut gateway), definition("New."));
}

fn what_is_gone_is_forgotten_when_that_is_accepted<S: PinStore>((mut gateway, mut me): (S, S)) {
    gateway.sighted("s", &first(tool("t"), "Before."), T).unwrap();
    let gone = Sighting { gone: BTreeSet::from([tool("t")]), ..Sighting::default() };
    gateway.sighted("s", &gone, T).unwrap();
    assert!(me.rows().unwrap()[0].gone);
    assert_eq!(gateway.load("s").unwrap().parts.len(), 1, "it may come back as it was");
    assert_eq!(accept(&mut me, "s", None, "me", T), [tool("t")]);
    assert_eq!(me.rows().unwrap(), []);
}

fn a_server_is_forgotten_alone<S: PinStore>((mut gateway, mut person): (S, S)) {
    for server in ["one", "other"] {
        let sighting = Sighting { whole: Some(Section::Tool), ..first(tool("t"), "Here.") };
        gateway.sighted(server, &sighting, T).unwrap();
    }
    assert_eq!(person.reset("one").unwrap(), 1);
    assert_eq!(gateway.load("one").unwrap(), Default::default());
    assert_eq!(gateway.load("other").unwrap().parts.len(), 1);
}

fn others_tools_are_known_by_their_looks<S: PinStore>((mut gateway, _): (S, S)) {
    gateway.sighted("files", &first(tool("read_file"), "Reads."), T).unwrap();
    gateway.sighted("mine", &first(tool("write_file"), "Writes."), T).unwrap();
    gateway.sighted("files", &drifted(tool("waits"), "Not pinned."), T).unwrap();
    let known = gateway.neighbours("mine").unwrap();
    let look = portcullis_mediation::pin::resembles("rеad_file");
    assert_eq!(known, BTreeMap::from([(look, ("read_file".to_owned(), "files".to_owned()))]));
}

fn a_server_cannot_fill_the_disk<S: PinStore>((mut gateway, _): (S, S)) {
    let many = (0..=crate::pin::MOST_PARTS).map(|n| (tool(&n.to_string()), definition("x")));
    let sighting = Sighting { drifted: many.collect(), ..Sighting::default() };
    assert!(gateway.sighted("s", &sighting, T).is_err());
    assert_eq!(gateway.rows().unwrap(), [], "none of it was kept");
}
