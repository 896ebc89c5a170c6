//! Pins in memory: what `portcullis-store` promises of any keeper of pins.

use std::collections::BTreeMap;

use portcullis_mediation::Drift;
use portcullis_mediation::pin::{Definition, Part, Pinned, Pins, Sighting, Surroundings};

/// The pins of the one server of a case.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pins: Pins,
    seen: BTreeMap<Part, (Definition, Surroundings)>,
}

impl Shelf {
    /// What was pinned before the case began.
    pub(crate) fn of(pins: Pins) -> Self {
        Self { pins, ..Self::default() }
    }

    /// Keeps what a session saw.
    pub(crate) fn sighted(&mut self, sighting: Sighting) {
        let surroundings = sighting.surroundings;
        for (part, definition) in sighting.first {
            let pinned = Pinned { definition, surroundings: surroundings.clone() };
            self.pins.parts.entry(part).or_insert(pinned);
        }
        for (part, (_, definition)) in sighting.risen {
            let pinned = Pinned { definition, surroundings: surroundings.clone() };
            self.pins.parts.insert(part, pinned);
        }
        for (part, definition) in sighting.drifted {
            self.seen.insert(part, (definition, surroundings.clone()));
        }
        self.seen.retain(|part, _| !sighting.same.contains(part) && !sighting.gone.contains(part));
        self.pins.whole.extend(sighting.whole);
    }

    /// A person said yes to exactly this; the pins in force from now on.
    pub(crate) fn answered(&mut self, drift: &Drift) -> Pins {
        for (part, shown) in &drift.parts {
            let waits = self.seen.get(part).is_some_and(|(seen, _)| seen == shown);
            if let Some((definition, surroundings)) = self.seen.remove(part).filter(|_| waits) {
                self.pins.parts.insert(part.clone(), Pinned { definition, surroundings });
            }
        }
        self.pins.clone()
    }

    /// A person accepts what drifted, all of it or what has this name; the pins
    /// in force from now on, unless nothing was there to accept.
    pub(crate) fn accept(&mut self, name: Option<&str>) -> Option<Pins> {
        let wanted = |part: &Part| name.is_none_or(|name| name == part.name);
        let accepted: Vec<_> = self.seen.extract_if(.., |part, _| wanted(part)).collect();
        for (part, (definition, surroundings)) in &accepted {
            if name.is_none() {
                self.pins.whole.insert(part.section);
            }
            let (definition, surroundings) = (definition.clone(), surroundings.clone());
            self.pins.parts.insert(part.clone(), Pinned { definition, surroundings });
        }
        (!accepted.is_empty()).then(|| self.pins.clone())
    }
}
