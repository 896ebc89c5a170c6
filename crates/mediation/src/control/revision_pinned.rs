//! A server does not fall back behind the newest revision that it is known to speak
//! (MCP-CAP-11). Whoever could make it do so would choose the rules by which it is
//! judged: an older revision has fewer.
//!
//! ```text
//!  it speaks r, where the host offered o and it is known to speak k
//!    k unknown, or r newer than k ──▶ r is what it is known to speak
//!    r at least as new as the older of o and k ──▶ passes
//!    r older than both ──▶ recorded, withheld until a person accepts it
//! ```
//!
//! What the host offered is the newest that it offered in this session: a host that
//! tries 2026-07-28, meets an error or silence, and then says `initialize` has been
//! led back, and so has one that tries again. One that begins with `initialize`
//! chose that itself, which is recorded and no more.

use portcullis_catalog::control::REVISION_PINNED;
use portcullis_journal::Event;
use portcullis_policy::{Decision, Effect};
use portcullis_wire::Revision;

use crate::Session;
use crate::output::Output;
use crate::pin::{Definition, Mode, Part, Pinned, Section, Sighting};
use crate::state::Phase;
use crate::without::Layer;

/// What a server did with what it was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoken {
    /// Newer than anything before.
    Newest,
    /// As it is known to.
    Known,
    /// Older than it can and than it was asked for.
    FellBack,
}

fn judge(known: Option<Revision>, offered: Revision, spoken: Revision) -> Spoken {
    match known {
        Some(known) if spoken < known.min(offered) => Spoken::FellBack,
        Some(known) if spoken <= known => Spoken::Known,
        _ => Spoken::Newest,
    }
}

fn part() -> Part {
    Part::new(Section::Server, "revision")
}

impl Session {
    /// The newest revision that the server is known to speak.
    fn known_revision(&self) -> Option<Revision> {
        let pinned = self.settings.pinning.pins.parts.get(&part())?;
        pinned.definition.revision()
    }

    /// The host offers a revision; the newest that it offered counts.
    pub(crate) fn host_offers(&mut self, offered: Revision) {
        self.watched.offered = self.watched.offered.max(Some(offered));
    }

    /// The server gave a result of 2026-07-28, which nothing older has.
    pub(crate) fn speaks_modern(&mut self) {
        let sure = matches!(&self.phase, Phase::Modern(modern) if modern.sure);
        if !sure || self.watched.greeted || self.bridge.is_bridged() {
            return;
        }
        let (known, spoken) = (self.known_revision(), Revision::V2026_07_28);
        match judge(known, spoken, spoken) {
            Spoken::Newest => self.rose(known, spoken),
            Spoken::Known | Spoken::FellBack => self.spoke_as_known(None),
        }
    }

    /// The newest of what the server says that it speaks, on 2026-07-28.
    pub(crate) fn meet_supported(&mut self, versions: &[String]) -> Decision {
        if self.bridge.is_bridged() {
            // It was met when the bridge found it.
            return Decision::default();
        }
        let newest = versions.iter().filter_map(|version| Revision::parse(version)).max();
        newest.map_or_else(Decision::default, |newest| self.meet_revision(newest))
    }

    /// The server speaks this revision with a host that offered another.
    pub(crate) fn meet_revision(&mut self, spoken: Revision) -> Decision {
        if self.settings.without.is(Layer::Pins) {
            return Decision::default();
        }
        let known = self.known_revision();
        let offered = self.watched.offered.unwrap_or(spoken);
        match judge(known, offered, spoken) {
            Spoken::FellBack => self.fell_back(known, spoken),
            Spoken::Newest => {
                self.rose(known, spoken);
                Decision::default()
            }
            Spoken::Known => {
                self.spoke_as_known(known.filter(|known| *known > offered));
                Decision::default()
            }
        }
    }

    fn rose(&mut self, known: Option<Revision>, spoken: Revision) {
        let (seen, surroundings) = (Definition::of_revision(spoken), self.surroundings());
        let mut sighting = Sighting { surroundings: surroundings.clone(), ..Sighting::default() };
        let mut record = self.record(Event::Pinned);
        record.note = Some(match known {
            Some(known) => format!("the server speaks {spoken}, and spoke {known}: pinned"),
            None => format!("the server speaks {spoken}: pinned"),
        });
        self.note(record);
        match known {
            Some(known) => {
                let both = (Definition::of_revision(known), seen.clone());
                sighting.risen.insert(part(), both);
            }
            None => drop(sighting.first.insert(part(), seen.clone())),
        }
        let pinned = Pinned { definition: seen, surroundings };
        self.settings.pinning.pins.parts.insert(part(), pinned);
        self.watched.withheld.remove(&part());
        self.watched.greeted = true;
        self.outputs.push_back(Output::Sighted(Box::new(sighting)));
    }

    /// Once in a session: an earlier fall is no candidate any more.
    fn spoke_as_known(&mut self, newer: Option<Revision>) {
        if std::mem::replace(&mut self.watched.greeted, true) {
            return;
        }
        if let Some(newer) = newer {
            let mut record = self.record(Event::Notice);
            let why = format!("the host offered less than {newer}, which the server can speak");
            record.decision = Decision::because(Effect::Allow, REVISION_PINNED, why);
            self.note(record);
        }
        let sighting = Sighting {
            same: std::collections::BTreeSet::from([part()]),
            surroundings: self.surroundings(),
            ..Sighting::default()
        };
        self.outputs.push_back(Output::Sighted(Box::new(sighting)));
    }

    fn fell_back(&mut self, known: Option<Revision>, spoken: Revision) -> Decision {
        let known = known.map(|known| known.to_string()).unwrap_or_default();
        let server = &self.settings.server;
        let why = format!(
            "the server speaks {spoken} where it was known to speak {known}: \
             see `portcullis pins diff {server}`"
        );
        let passes = self.settings.pinning.mode == Mode::Note;
        let decision = match passes {
            true => Decision::because(Effect::Allow, REVISION_PINNED, why.as_str()),
            false => self.policy(Decision::deny(REVISION_PINNED, why.as_str())),
        };
        let mut record = self.record(Event::Drifted);
        record.note = Some(format!("high: {why}"));
        record.decision = decision.clone();
        self.note(record);
        if !passes {
            self.watched.withheld.insert(part(), why);
        }
        let seen = Definition::of_revision(spoken);
        let sighting = Sighting {
            drifted: std::collections::BTreeMap::from([(part(), seen)]),
            surroundings: self.surroundings(),
            ..Sighting::default()
        };
        self.outputs.push_back(Output::Sighted(Box::new(sighting)));
        decision
    }

    fn surroundings(&self) -> crate::pin::Surroundings {
        self.settings.pinning.surroundings.clone()
    }
}

#[cfg(test)]
mod tests {
    use portcullis_wire::Revision::{V2024_11_05, V2025_06_18, V2025_11_25, V2026_07_28};

    use super::*;

    #[test]
    fn a_server_is_held_to_the_older_of_what_it_can_and_what_was_offered() {
        for (known, offered, spoken, expect) in [
            (None, V2025_11_25, V2024_11_05, Spoken::Newest),
            (Some(V2025_06_18), V2025_11_25, V2025_11_25, Spoken::Newest),
            (Some(V2025_06_18), V2025_11_25, V2025_06_18, Spoken::Known),
            (Some(V2025_11_25), V2024_11_05, V2024_11_05, Spoken::Known),
            (Some(V2025_11_25), V2025_11_25, V2025_06_18, Spoken::FellBack),
            (Some(V2025_11_25), V2025_06_18, V2024_11_05, Spoken::FellBack),
            (Some(V2026_07_28), V2026_07_28, V2025_11_25, Spoken::FellBack),
            (Some(V2026_07_28), V2025_11_25, V2025_11_25, Spoken::Known),
            (Some(V2026_07_28), V2026_07_28, V2026_07_28, Spoken::Known),
            (Some(V2025_11_25), V2026_07_28, V2025_11_25, Spoken::Known),
        ] {
            assert_eq!(judge(known, offered, spoken), expect, "{known:?} {offered} {spoken}");
        }
    }
}
