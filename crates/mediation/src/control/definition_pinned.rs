//! What a server offers stays as it was first approved (MCP-TOOL-05, MCP-CAP-04).
//!
//! Whatever a listing or a handshake shows is held against its pin before the
//! host sees it. What drifted, and what is new after a section was seen whole, is
//! withheld until a person accepts it: the host neither lists nor calls it. What
//! is seen for the first time is pinned, unless the operator wants to be asked.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_catalog::control::DEFINITION_PINNED;
use portcullis_guard::text::{bounded, visible};
use portcullis_journal::Event;
use portcullis_policy::{Decision, Effect, Obligation};
use portcullis_wire::{Json, Message, Notification, Peer, Revision, array, elements};
use serde_json::Value;

use crate::Session;
use crate::approval::Fingerprint;
use crate::control::capability_frozen::under;
use crate::control::lists_stable;
use crate::drift::Drift;
use crate::output::Output;
use crate::pin::{
    Definition, Mode, Part, Pinned, Pinning, Pins, Risk, Section, Sighting, compare, kin, resembles,
};
use crate::without::Layer;

/// Most parts of one section that are pinned; more than any real server has.
const PARTS: usize = 4096;

/// What a session remembers of what it saw.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    /// What does not pass, and why.
    pub(super) withheld: BTreeMap<Part, String>,
    /// What the keeper of pins was told already.
    told: BTreeMap<Part, Fingerprint>,
    /// Parts of the listings under way.
    seen: BTreeSet<Part>,
    /// Pinned, listed no more, and told.
    gone: BTreeSet<Part>,
    /// What this answer of the server shows.
    sighting: Sighting,
    /// The worst of what drifted in this answer, and how to say it.
    news: Vec<(Risk, String)>,
    /// The keeper of pins failed: nothing is certain any more.
    lost: bool,
    /// The newest revision that the host offered.
    pub(super) offered: Option<Revision>,
    /// The keeper of pins knows what the server speaks.
    pub(super) greeted: bool,
}

impl Watched {
    /// It is withheld as this, and the keeper of pins was told.
    pub(crate) fn is_told(&self, part: &Part, seen: &Definition) -> bool {
        self.told.get(part) == Some(&seen.digest())
    }
}

/// The lists beside the tools: method, section, where the entries are, and what names one.
const LISTS: &[(&str, Section, &str, &str)] = &[
    ("prompts/list", Section::Prompt, "prompts", "name"),
    ("resources/list", Section::Resource, "resources", "uri"),
    ("resources/templates/list", Section::Template, "resourceTemplates", "uriTemplate"),
];

impl Session {
    /// Whether something that was listed may be used.
    pub(crate) fn judge_pin(&self, section: Section, name: &str) -> Decision {
        if self.watched.lost {
            return Decision::deny(DEFINITION_PINNED, "pins cannot be read or stored");
        }
        match self.watched.withheld.get(&Part::new(section, name)) {
            Some(why) => self.policy(Decision::deny(DEFINITION_PINNED, why.clone())),
            None => Decision::default(),
        }
    }

    /// Holds one part against its pin; why it is withheld, if it is.
    pub(crate) fn meet(&mut self, part: Part, seen: &Definition) -> Option<String> {
        self.watched.seen.insert(part.clone());
        if self.settings.without.is(Layer::Pins) {
            return None;
        }
        let Err((risk, why)) = self.settings.pinning.judge(&part, seen) else {
            self.lists.saw(&part, None);
            self.as_pinned(part, seen);
            return None;
        };
        let digest = seen.digest();
        self.lists.saw(&part, Some(digest.clone()));
        if self.watched.told.insert(part.clone(), digest.clone()) != Some(digest) {
            self.watched.news.push((risk, format!("{part}: {why}")));
            self.watched.sighting.drifted.insert(part.clone(), seen.clone());
        }
        if self.settings.pinning.mode == Mode::Note {
            return None;
        }
        let server = &self.settings.server;
        let why = format!("{part} {why}: see `portcullis pins diff {server}`");
        self.watched.withheld.insert(part, why.clone());
        (!self.settings.observe).then_some(why)
    }

    fn as_pinned(&mut self, part: Part, seen: &Definition) {
        self.watched.withheld.remove(&part);
        if self.watched.told.remove(&part).is_some() {
            self.watched.sighting.same.insert(part.clone());
        }
        let Pinning { pins, surroundings, .. } = &mut self.settings.pinning;
        if pins.parts.contains_key(&part) {
            return;
        }
        let full = || pins.parts.keys().filter(|other| other.section == part.section).count();
        if pins.parts.len() >= PARTS && full() >= PARTS {
            return;
        }
        let surroundings = surroundings.clone();
        let pinned = Pinned { definition: seen.clone(), surroundings };
        pins.parts.insert(part.clone(), pinned);
        self.watched.sighting.first.insert(part, seen.clone());
    }

    /// One answer was held against the pins: whoever keeps them is told, and what
    /// drifted becomes one record.
    pub(crate) fn met(&mut self, section: Section, whole: bool) {
        let mut sighting = std::mem::take(&mut self.watched.sighting);
        let pins = &mut self.settings.pinning.pins;
        if whole {
            let pinned = pins.parts.keys().filter(|part| part.section == section);
            // What a server speaks is not one of the things that it shows.
            let listed = pinned.filter(|part| section != Section::Server || part.name.is_empty());
            sighting.gone =
                listed.filter(|part| !self.watched.seen.contains(part)).cloned().collect();
            self.watched.seen.retain(|part| part.section != section);
            // Nothing is whole before a person has accepted it.
            let accepted = self.settings.pinning.mode != Mode::Ask;
            sighting.whole = (accepted && pins.whole.insert(section)).then_some(section);
        }
        self.record_drift(section);
        let drifted = sighting.drifted.clone();
        let Sighting { first, same, whole, gone, .. } = &sighting;
        let left = gone.iter().any(|part| !self.watched.gone.contains(part));
        if first.is_empty() && drifted.is_empty() && same.is_empty() && whole.is_none() && !left {
            return;
        }
        self.watched.gone.extend(gone.iter().cloned());
        self.record_first(section, first.len());
        sighting.surroundings = self.settings.pinning.surroundings.clone();
        self.outputs.push_back(Output::Sighted(Box::new(sighting)));
        if self.settings.pinning.mode != Mode::Note {
            self.ask_about_drift(Drift { section, parts: drifted });
        }
    }

    fn record_first(&mut self, section: Section, count: usize) {
        if count > 0 {
            let mut record = self.record(Event::Pinned);
            record.note = Some(format!("seen for the first time and pinned: {section} ({count})"));
            self.note(record);
        }
    }

    /// What belongs together is one record, the worst first.
    fn record_drift(&mut self, section: Section) {
        let mut news = std::mem::take(&mut self.watched.news);
        if news.is_empty() {
            return;
        }
        news.sort_by(|(a, _), (b, _)| b.cmp(a));
        let count = news.len();
        let told: Vec<String> =
            news.into_iter().take(8).map(|(risk, what)| format!("{risk}: {what}")).collect();
        let mut record = self.record(Event::Drifted);
        let server = &self.settings.server;
        record.note = Some(format!(
            "{section} ({count}): {}; see `portcullis pins diff {server}`",
            bounded(&told.join("; "), 2000)
        ));
        let passes = self.settings.pinning.mode == Mode::Note || self.settings.observe;
        let effect = if passes { Effect::Allow } else { Effect::Deny };
        let why = format!("{section} drifted from what was approved");
        record.decision = Decision::because(effect, DEFINITION_PINNED, why);
        self.note(record);
    }

    /// The answer to one of the lists beside the tools, without what is withheld.
    pub(crate) fn meet_list(&mut self, method: &str, result: Json) -> (Json, Decision) {
        let Some((_, section, member, key)) = LISTS.iter().find(|(name, ..)| *name == method)
        else {
            return (result, Decision::default());
        };
        let mut members = result.object().unwrap_or_default();
        let entries = members.get(member).and_then(elements).unwrap_or_default();
        let mut decision = Decision::default();
        let mut kept = Vec::new();
        for entry in entries {
            let name = entry.object().and_then(|entry| entry.get(key)?.as_text());
            let part = name.map(|name| Part::new(*section, &name));
            let why = part.and_then(|part| self.meet(part, &Definition::of_entry(&entry)));
            match why {
                None => kept.push(entry),
                Some(why) => {
                    let left_out = Decision::because(Effect::Allow, DEFINITION_PINNED, why);
                    decision = decision.and(left_out.owing(Obligation::Rewritten));
                }
            }
        }
        let whole = members.get("nextCursor").is_none();
        self.met(*section, whole);
        if let Some(order) = self.compare_list(*section, whole) {
            decision = decision.and(lists_stable::restore(&mut kept, key, &order));
        }
        if decision.because.is_empty() {
            return (result, decision);
        }
        members.set(member, array(&kept));
        (members.to_json(), decision)
    }

    /// A handshake, without instructions and capabilities that nobody approved.
    pub(crate) fn meet_handshake(&mut self, result: &Json, server: &mut Value) -> (Json, Decision) {
        let mut members = result.object().unwrap_or_default();
        members.set("capabilities", Json::from_value(server));
        let part = Part::new(Section::Server, "");
        let seen = Definition::of_handshake(&members.to_json());
        let pinned = self.settings.pinning.pins.parts.get(&part).cloned();
        let why = self.meet(part, &seen);
        self.met(Section::Server, true);
        let Some(why) = why else { return (members.to_json(), Decision::default()) };
        let told = &self.settings.pinning.surroundings;
        let changes = pinned.as_ref().map(|pinned| compare(Section::Server, pinned, &seen, told));
        let drifted = |field: &str| match &changes {
            Some(changes) => changes.iter().any(|change| change.field == field),
            // Nothing was accepted yet: what a model reads waits, the rest is needed to go on.
            None => field == "instructions",
        };
        if drifted("instructions") {
            members.remove("instructions");
        }
        if drifted("capabilities") {
            let ceiling = pinned.and_then(|pinned| pinned.definition.value("capabilities"));
            *server = under(&ceiling.unwrap_or_default(), server).0;
            members.set("capabilities", Json::from_value(server));
        }
        let decision = Decision::because(Effect::Allow, DEFINITION_PINNED, why);
        (members.to_json(), decision.owing(Obligation::Rewritten))
    }

    /// Something was withheld that a person may accept at any moment.
    #[must_use]
    pub fn awaits_acceptance(&self) -> bool {
        !self.watched.withheld.is_empty()
    }

    /// The pins are not those we were told: somebody accepted or reset something.
    pub fn repinned(&mut self, pins: Pins) {
        if self.settings.pinning.pins == pins || self.is_closed() {
            return;
        }
        self.settings.pinning.pins = pins;
        self.drift_settled();
        let Watched { lost, offered, .. } = self.watched;
        self.watched = Watched { lost, offered, ..Watched::default() };
        self.lists.forget();
        self.tools.accepted();
        self.tools.doubt();
        let mut record = self.record(Event::Notice);
        record.note = Some("the pins changed: lists are held against them again".to_owned());
        self.note(record);
        self.suggest_listing();
    }

    /// Tells a host that has learned to listen that its list of tools is old.
    fn suggest_listing(&mut self) {
        let declared = self.phase.server_capabilities();
        let announced = declared.and_then(|server| server.pointer("/tools/listChanged"));
        let announced = announced == Some(&Value::Bool(true));
        if announced && self.phase.era() == portcullis_wire::Era::Legacy {
            let method = "notifications/tools/list_changed".to_owned();
            self.reply(Peer::Client, Message::Notification(Notification { method, params: None }));
        }
    }

    /// The pins can be neither read nor stored: nothing that was listed is used.
    pub fn pins_lost(&mut self) {
        self.watched.lost = true;
    }
}

impl Pinning {
    /// Whether a part is as it was approved, or may be pinned now; else how bad
    /// it is and what happened.
    fn judge(&self, part: &Part, seen: &Definition) -> Result<(), (Risk, String)> {
        if let Some(pinned) = self.pins.parts.get(part) {
            let changes = compare(part.section, pinned, seen, &self.surroundings);
            let Some(worst) = changes.first() else { return Ok(()) };
            let what: Vec<String> = changes
                .iter()
                .map(|c| format!("{} ({})", c.what, visible(&bounded(&c.field, 64))))
                .collect();
            return Err((worst.risk, what.join(", ")));
        }
        let whole = self.pins.whole.contains(&part.section);
        // Resources come and go with the data that they are.
        let passing = part.section == Section::Resource;
        let kin = || kin(part, seen, &self.pins.parts);
        if self.mode == Mode::Ask && !(whole && passing) {
            return Err((Risk::Medium, kin().unwrap_or_else(|| "was not accepted yet".to_owned())));
        }
        if whole && !passing {
            let (risk, what) = match kin() {
                Some(kin) => (Risk::High, format!("is new, and {kin}")),
                None => (Risk::Medium, "is new".to_owned()),
            };
            return Err((risk, what));
        }
        match self.shadowed(part) {
            Some(other) => Err((Risk::High, format!("has a name that looks like {other}"))),
            None => Ok(()),
        }
    }

    /// A tool of another server whose name looks like this one's and is another.
    /// Servers may share a name; to look like one is no accident.
    fn shadowed(&self, part: &Part) -> Option<String> {
        let spelled = |name: &str| name.replace(['-', '.'], "_").to_ascii_lowercase();
        let (tool, server) = self.neighbours.get(&resembles(&part.name))?;
        let shadows = part.section == Section::Tool && spelled(tool) != spelled(&part.name);
        shadows.then(|| format!("`{}` of `{}`", visible(tool), visible(server)))
    }
}
