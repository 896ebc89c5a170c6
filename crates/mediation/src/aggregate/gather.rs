//! What all servers are asked, and answered as one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use portcullis_wire::{Era, Id, Json, Message, Notification, Object, Outcome, Request};

use super::dress::List;
use super::{
    Aggregate, INVALID_PARAMS, Leg, Open, Standing, Step, What, dress, empty, merge, outcome_length,
};
use crate::sealed::{self, Kept};

/// How long a server may take before the others are shown without it: hosts give up after a minute.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of answers that wait for others, of all that a client asked.
const HELD: usize = 16 << 20;

/// A question to several servers.
#[derive(Debug)]
pub(super) struct Gather {
    what: Asks,
    waits: BTreeSet<usize>,
    parts: BTreeMap<usize, Outcome>,
    pub(super) until: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    List(List),
    Level,
    Discovery,
}

impl Gather {
    /// Bytes of answers that wait here.
    fn held(&self) -> usize {
        self.parts.values().map(outcome_length).sum()
    }
}

impl Aggregate {
    /// A list, from its beginning or from where it goes on.
    pub(super) fn gather_list(&mut self, list: List, request: Request, now: Instant) {
        let params = request.params.as_ref().and_then(Json::object).unwrap_or_default();
        let cursors = match params.get("cursor") {
            None => None,
            Some(cursor) => {
                let open = cursor.as_text().and_then(|text| self.unseal(list, &text));
                let Some(cursors) = open else {
                    return self.refuse(&request.id, INVALID_PARAMS, "the cursor is none of ours");
                };
                Some(cursors)
            }
        };
        let mut asked = BTreeMap::new();
        for member in self.declaring(list.capability()) {
            let mut params = params.clone();
            match &cursors {
                None => {}
                Some(cursors) => {
                    let Some(cursor) = cursors.get(&member) else { continue };
                    params.set("cursor", Json::string(cursor));
                }
            }
            asked.insert(member, params);
        }
        self.gather(Asks::List(list), request, asked, now);
    }

    /// How much of what happens servers write (until 2025-11-25).
    pub(super) fn gather_level(&mut self, request: Request, now: Instant) {
        let params = request.params.as_ref().and_then(Json::object).unwrap_or_default();
        let asked = self.declaring("logging").into_iter().map(|member| (member, params.clone()));
        let asked = asked.collect();
        self.gather(Asks::Level, request, asked, now);
    }

    /// What servers say of themselves (2026-07-28).
    pub(super) fn gather_discovery(&mut self, request: Request, now: Instant) {
        let params = request.params.as_ref().and_then(Json::object).unwrap_or_default();
        let here = (0..self.seats.len()).filter(|at| self.stands(*at) == Standing::Here);
        let asked = here.map(|member| (member, params.clone())).collect();
        self.gather(Asks::Discovery, request, asked, now);
    }

    /// Servers that are here, and do not say that they lack this.
    fn declaring(&self, capability: &str) -> Vec<usize> {
        let has = |member: &usize| match self.said.get(*member) {
            Some(Some(said)) => said.declares(capability),
            _ => self.era == Era::Modern,
        };
        let here = |member: &usize| self.stands(*member) == Standing::Here;
        (0..self.seats.len()).filter(here).filter(has).collect()
    }

    fn gather(
        &mut self,
        what: Asks,
        request: Request,
        asked: BTreeMap<usize, Object>,
        now: Instant,
    ) {
        let Request { id, method, .. } = request;
        let (waits, parts) = (asked.keys().copied().collect(), BTreeMap::new());
        let gather = Gather { what, waits, parts, until: now + PATIENCE };
        self.open.insert(id.clone(), Open::Gather(gather));
        for (member, params) in asked {
            let params = params.to_json();
            // Of several that go on at once there is no progress to tell.
            let params = dress::params(Some(&params), None);
            let minted = self.mint();
            self.legs.insert(minted, Leg { member, what: What::Part(id.clone()) });
            let request = Request { id: minted.into(), method: method.clone(), params };
            self.tell(member, Message::Request(request), None);
        }
        self.finish(&id);
    }

    /// One of them answers.
    pub(super) fn gathered(&mut self, id: &Id, member: usize, outcome: &Outcome) {
        let Some(Open::Gather(gather)) = self.open.get_mut(id) else { return };
        gather.waits.remove(&member);
        gather.parts.insert(member, outcome.clone());
        self.finish(id);
        self.hold_less();
    }

    /// Where too much waits, what began first goes on without whoever did not answer.
    fn hold_less(&mut self) {
        loop {
            let gathers = self.open.iter().filter_map(|(id, open)| match open {
                Open::Gather(gather) => Some((gather.until, id, gather.held())),
                _ => None,
            });
            let all: Vec<_> = gathers.collect();
            if all.iter().map(|(_, _, held)| held).sum::<usize>() <= HELD {
                return;
            }
            let first = all.into_iter().filter(|(_, _, held)| *held > 0).min();
            let Some(id) = first.map(|(_, id, _)| id.clone()) else { return };
            self.gather_no_longer(&id);
        }
    }

    /// Whoever did not answer by now is left out.
    pub(super) fn gather_no_longer(&mut self, id: &Id) {
        for leg in self.legs_of(id) {
            self.take_back_leg(leg, &Notification::cancelled(&leg.into()));
        }
        if let Some(Open::Gather(gather)) = self.open.get_mut(id) {
            gather.waits.clear();
        }
        self.finish(id);
    }

    fn finish(&mut self, id: &Id) {
        let is_whole = |open: &mut Open| matches!(open, Open::Gather(it) if it.waits.is_empty());
        if !self.open.get_mut(id).is_some_and(is_whole) {
            return;
        }
        let Some(Open::Gather(gather)) = self.open.remove(id) else { return };
        let parts: Vec<_> = gather
            .parts
            .iter()
            .filter_map(|(at, outcome)| Some((*at, self.prefix(*at)?, outcome)))
            .collect();
        let outcome = match gather.what {
            Asks::Level if parts.iter().any(|(_, _, it)| matches!(it, Outcome::Result(_))) => {
                empty()
            }
            Asks::Level => merge::failed(&parts),
            Asks::Discovery => merge::discovered(&parts),
            Asks::List(list) => {
                let modern = self.era == Era::Modern;
                let merge::Listed { outcome, cursors, left_out } =
                    merge::listed(list, &parts, modern);
                let left_out = left_out.into_iter().map(|(at, name)| (self.server(at), name));
                let left_out: Vec<_> = left_out.collect();
                let told = left_out.into_iter().map(|(at, name)| Step::LeftOut(at, name));
                self.steps.extend(told);
                match (outcome, cursors.is_empty()) {
                    (Outcome::Result(result), false) => {
                        let cursor = self.seal(list, &cursors);
                        Outcome::Result(dress::with(&result, "nextCursor", Json::string(&cursor)))
                    }
                    (outcome, _) => outcome,
                }
            }
        };
        self.answer_client(id, outcome);
    }

    /// Where each list goes on, in an envelope for the client: each server's own cursor is sealed by
    /// its session, and which server's it is stands in nothing that the client can change.
    fn seal(&mut self, list: List, cursors: &BTreeMap<usize, String>) -> String {
        self.sealed += 1;
        let named = cursors.iter().filter_map(|(at, cursor)| {
            Some((self.prefix(*at)?.as_str().to_owned(), cursor.clone().into()))
        });
        let inner = serde_json::Value::Object(named.collect()).to_string();
        let kept = Kept { serial: self.sealed, inner: Some(inner), ..Kept::default() };
        sealed::seal(&self.key, &kept, &bound(list))
    }

    fn unseal(&self, list: List, envelope: &str) -> Option<BTreeMap<usize, String>> {
        let inner = sealed::open(&self.key, envelope, &bound(list))?.inner?;
        let named: BTreeMap<String, String> = serde_json::from_str(&inner).ok()?;
        let at = |name: &str| self.seats.iter().position(|seat| seat.prefix.as_str() == name);
        Some(named.into_iter().filter_map(|(name, cursor)| Some((at(&name)?, cursor))).collect())
    }
}

fn bound(list: List) -> String {
    format!("aggregate {}", list.method())
}
