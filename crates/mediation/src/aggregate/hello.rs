//! How an aggregate begins (until 2025-11-25): each server is greeted, in one revision that all of
//! them speak, and the client gets one answer.
//!
//! A server that is slow is not waited for: what it has comes later, and is told as a change.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use portcullis_wire::{Id, Json, Message, Notification, Object, Outcome, Request, Revision, code};

use super::merge::{self, Said};
use super::{Aggregate, BEGUN, INVALID_PARAMS, Leg, MINUTE, Open, Standing, What, dress};

/// How long a server may take before the others go on without it: hosts give up after a minute.
const PATIENCE: Duration = Duration::from_secs(20);

/// The client's `initialize`.
#[derive(Debug)]
pub(super) struct Hello {
    /// Who is to be answered, until that is done.
    id: Option<Id>,
    params: Json,
    /// What servers agreed on in this round.
    agreed: BTreeMap<usize, Revision>,
    /// Those that speak a newer revision than another one were greeted again.
    again: bool,
    until: Instant,
}

impl Hello {
    pub(super) const fn until(&self) -> Option<Instant> {
        // Without any that answered there is nothing to go on with.
        if self.id.is_some() { Some(self.until) } else { None }
    }
}

impl Aggregate {
    pub(super) fn initialize(&mut self, request: Request, now: Instant) {
        let Request { id, params, .. } = request;
        if self.hello.is_some() {
            return self.refuse(&id, code::INVALID_REQUEST, "the session is initialized already");
        }
        let Some(params) = params.filter(Json::is_object) else {
            return self.refuse(&id, INVALID_PARAMS, "`params` is missing");
        };
        let params = cut(&params);
        self.open.insert(id.clone(), Open::Hello);
        let (agreed, until) = (BTreeMap::new(), now + PATIENCE);
        self.hello =
            Some(Hello { id: Some(id), params: params.clone(), agreed, again: false, until });
        for member in 0..self.seats.len() {
            self.greet(member, params.clone());
        }
        self.settle(now, false);
    }

    fn greet(&mut self, member: usize, params: Json) {
        self.steps.push_back(super::Step::Begin(member));
        self.set(member, Standing::Greeting);
        let minted = self.mint();
        self.legs.insert(minted, Leg { member, what: What::Greeting });
        let (method, params) = ("initialize".to_owned(), Some(params));
        let request = Request { id: minted.into(), method, params };
        self.tell(member, Message::Request(request), None);
    }

    /// A server answers its greeting, or ended before it did.
    pub(super) fn greeted(&mut self, member: usize, outcome: &Outcome, now: Instant) {
        let Some(hello) = &mut self.hello else { return };
        let read = match outcome {
            Outcome::Result(result) => Said::initialized(result),
            Outcome::Error(_) => None,
        };
        let Some((revision, said)) = read else {
            self.leave(member);
            return self.settle(now, false);
        };
        if let Some(place) = self.said.get_mut(member) {
            *place = Some(said);
        }
        if hello.id.is_some() {
            hello.agreed.insert(member, revision);
            return self.settle(now, false);
        }
        // The client was answered: what this one has comes as a change, if it speaks as the others.
        if self.agreed != Some(revision) {
            return self.leave_out(member);
        }
        self.set(member, Standing::Here);
        if self.is_ready {
            let said = "notifications/initialized".to_owned();
            let said = Notification { method: said, params: None };
            self.tell(member, Message::Notification(said), None);
            self.lists_changed(member);
        }
    }

    /// It goes on without this server.
    fn leave(&mut self, member: usize) {
        if self.stands(member) != Standing::Away {
            self.set(member, Standing::Away);
            self.steps.push_back(super::Step::End(member));
        }
    }

    /// It goes on without this server, which does not speak as the others do: that is recorded.
    fn leave_out(&mut self, member: usize) {
        let why = "it does not speak the oldest revision among the servers of the aggregate";
        let server = self.server(member);
        self.steps.push_back(super::Step::Refused(server, why));
        self.leave(member);
    }

    /// Nobody else is waited for.
    pub(super) fn greet_no_longer(&mut self, now: Instant) {
        let is_late =
            self.hello.as_ref().is_some_and(|hello| hello.id.is_some() && hello.until <= now);
        if is_late {
            self.settle(now, true);
        }
    }

    /// Answers the client when all were heard, or when it is late and some were.
    fn settle(&mut self, now: Instant, is_late: bool) {
        let Some(hello) = &mut self.hello else { return };
        if hello.id.is_none() {
            return;
        }
        let waits = self.legs.values().any(|leg| matches!(leg.what, What::Greeting));
        if waits && (!is_late || hello.agreed.is_empty()) {
            if is_late {
                hello.until = now + PATIENCE;
            }
            return;
        }
        let Some(revision) = hello.agreed.values().min().copied() else {
            let Some(id) = hello.id.take() else { return };
            self.open.remove(&id);
            return self.refuse(&id, code::INTERNAL_ERROR, "none of the servers could be started");
        };
        let newer: Vec<usize> =
            hello.agreed.iter().filter(|(_, it)| **it != revision).map(|(at, _)| *at).collect();
        let params = dress::with(&hello.params, "protocolVersion", Json::string(revision.as_str()));
        hello.params = params.clone();
        let again = !std::mem::replace(&mut hello.again, true);
        hello.agreed.retain(|_, it| *it == revision);
        if again && !newer.is_empty() {
            hello.until = now + PATIENCE;
        }
        for member in &newer {
            if again {
                // A conversation has one revision, and one that began in another is over.
                self.leave(*member);
                self.greet(*member, params.clone());
            } else {
                self.leave_out(*member);
            }
        }
        if again && !newer.is_empty() {
            return;
        }
        self.agree(revision);
    }

    fn agree(&mut self, revision: Revision) {
        let Some(hello) = &mut self.hello else { return };
        let Some(id) = hello.id.take() else { return };
        let here: Vec<usize> = std::mem::take(&mut hello.agreed).into_keys().collect();
        for member in &here {
            self.set(*member, Standing::Here);
        }
        self.agreed = Some(revision);
        let said = here.iter().filter_map(|at| {
            let said = self.said.get(*at)?.as_ref()?;
            Some((self.prefix(*at)?, said))
        });
        let some_are_missing = self.standing.contains(&Standing::Greeting);
        let result = merge::initialized(revision, &said.collect::<Vec<_>>(), some_are_missing);
        self.open.remove(&id);
        self.answer_client(&id, Outcome::Result(result));
    }

    /// A client of 2026-07-28 begins with whatever it asks first. A server that was begun often of
    /// late is left where it is.
    pub(super) fn begin_all(&mut self, now: Instant) {
        for member in 0..self.seats.len() {
            if self.stands(member) != Standing::Away {
                continue;
            }
            let Some(begun) = self.begun.get_mut(member) else { continue };
            begun.retain(|at| now.saturating_duration_since(*at) < MINUTE);
            if begun.len() >= BEGUN {
                continue;
            }
            begun.push_back(now);
            self.set(member, Standing::Here);
            self.steps.push_back(super::Step::Begin(member));
        }
    }
}

/// What a client says of itself, without what has no place here.
fn cut(params: &Json) -> Json {
    let Some(mut members) = params.object() else { return params.clone() };
    let declared = members.get("capabilities").map(dress::declared);
    members.set("capabilities", declared.unwrap_or_else(|| Object::new().to_json()));
    members.to_json()
}
