//! One stream of news of several servers (`subscriptions/listen`, 2026-07-28).
//!
//! Each server is listened to by a stream of its own, and what it tells there is told in the
//! client's. That lists changed may always be told: a server that ends takes its things along.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use portcullis_wire::view::lifecycle::{Meta, SUBSCRIPTION_ID};
use portcullis_wire::view::subscription::Filter;
use portcullis_wire::{Id, Json, Message, Notification, Object, Outcome, Request};

use super::{Aggregate, INVALID_PARAMS, Leg, Open, Standing, What, dress, list_changed, names};

/// How long a server may take to agree before the client hears of the others.
const PATIENCE: Duration = Duration::from_secs(10);
/// Resources that one stream may tell of.
const NAMED: usize = 1024;
const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";

/// Somebody who listens.
#[derive(Debug)]
pub(super) struct Listener {
    asked: Filter,
    /// Resources that servers agreed to tell of, under the names that they have here.
    agreed: Vec<String>,
    waits: BTreeSet<usize>,
    /// Until the client was told what was agreed to.
    until: Option<Instant>,
}

impl Listener {
    pub(super) const fn until(&self) -> Option<Instant> {
        self.until
    }
}

impl Aggregate {
    pub(super) fn listen(&mut self, request: Request, now: Instant) {
        let Request { id, method, params } = request;
        let Ok(asked) = Filter::read(params.as_ref()) else {
            return self.refuse(&id, INVALID_PARAMS, "`notifications` cannot be read");
        };
        if asked.resource_subscriptions.len() > NAMED {
            return self.refuse(&id, INVALID_PARAMS, "too many resources in one stream");
        }
        let params = params.unwrap_or_else(|| Object::new().to_json());
        let mut wanted: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for uri in &asked.resource_subscriptions {
            let found = names::address(uri).and_then(|(prefix, own)| {
                let at = self.seats.iter().position(|seat| seat.prefix.as_str() == prefix)?;
                Some((at, own.to_owned()))
            });
            if let Some((at, own)) = found {
                wanted.entry(at).or_default().push(own);
            }
        }
        let here: Vec<usize> =
            (0..self.seats.len()).filter(|at| self.stands(*at) == Standing::Here).collect();
        let listener = Listener {
            asked: asked.clone(),
            agreed: Vec::new(),
            waits: here.iter().copied().collect(),
            until: Some(now + PATIENCE),
        };
        self.open.insert(id.clone(), Open::Stream(listener));
        for member in here {
            let resource_subscriptions = wanted.remove(&member).unwrap_or_default();
            let filter = Filter { resource_subscriptions, task_ids: Vec::new(), ..asked.clone() };
            let params = dress::with(&params, "notifications", filter.to_json());
            let params = dress::params(Some(&params), None);
            let minted = self.mint();
            self.legs.insert(minted, Leg { member, what: What::Stream(id.clone()) });
            let request = Request { id: minted.into(), method: method.clone(), params };
            self.tell(member, Message::Request(request), None);
        }
        self.acknowledge_if_all(&id);
    }

    /// A server tells something in a stream of ours, or something that belongs to none.
    pub(super) fn tell_stream(&mut self, member: usize, said: &Notification) {
        let Some(prefix) = self.prefix(member).cloned() else { return };
        let meta = Meta::read(said.params.as_ref()).unwrap_or_default();
        if said.method == "notifications/message" {
            // It belongs to the one request that is under way, and the door finds which.
            let params = said.params.as_ref().map(|params| dress::logged(params, &prefix));
            let method = said.method.clone();
            return self.say(Message::Notification(Notification { method, params }));
        }
        let Some(Id::Number(number)) = meta.subscription_id else { return };
        let Some(leg) = self.legs.get(&number).filter(|leg| leg.member == member) else { return };
        let What::Stream(id) = &leg.what else { return };
        let id = id.clone();
        let Some(Open::Stream(listener)) = self.open.get_mut(&id) else { return };
        let Some(params) = &said.params else { return };
        if said.method == ACKNOWLEDGED {
            let agreed = Filter::read(said.params.as_ref()).unwrap_or_default();
            if listener.waits.remove(&member) {
                let named = agreed.resource_subscriptions.iter().map(|own| prefix.address(own));
                let named: BTreeSet<String> = named.collect();
                let asked = &listener.asked.resource_subscriptions;
                listener.agreed.extend(asked.iter().filter(|uri| named.contains(*uri)).cloned());
            }
            return self.acknowledge_if_all(&id);
        }
        if listener.until.is_some() {
            // What was agreed to comes first.
            self.acknowledge(&id);
        }
        let params = match said.method.as_str() {
            "notifications/resources/updated" => dress::updated(params, &prefix),
            "notifications/tools/list_changed"
            | "notifications/prompts/list_changed"
            | "notifications/resources/list_changed" => params.clone(),
            _ => return,
        };
        self.say_in(&id, &said.method, &params);
    }

    fn acknowledge_if_all(&mut self, id: &Id) {
        if let Some(Open::Stream(listener)) = self.open.get(id)
            && listener.waits.is_empty()
        {
            self.acknowledge(id);
        }
    }

    /// Tells the client what was agreed to, once.
    pub(super) fn acknowledge(&mut self, id: &Id) {
        let Some(Open::Stream(listener)) = self.open.get_mut(id) else { return };
        if listener.until.take().is_none() {
            return;
        }
        let filter = Filter {
            resource_subscriptions: listener.agreed.clone(),
            task_ids: Vec::new(),
            ..listener.asked.clone()
        };
        let mut params = Object::new();
        params.set("notifications", filter.to_json());
        self.say_in(id, ACKNOWLEDGED, &params.to_json());
    }

    /// Says something in the stream of this id.
    fn say_in(&mut self, id: &Id, method: &str, params: &Json) {
        let params = tagged(params, id);
        let said = Notification { method: method.to_owned(), params: Some(params) };
        self.say(Message::Notification(said));
    }

    /// One of the streams behind it is over. The client's is, when all of them are.
    pub(super) fn stream_ended(&mut self, id: &Id, member: usize, outcome: &Outcome) {
        let Some(Open::Stream(listener)) = self.open.get_mut(id) else { return };
        listener.waits.remove(&member);
        self.acknowledge_if_all(id);
        if !self.legs_of(id).is_empty() {
            return;
        }
        self.open.remove(id);
        let outcome = match outcome {
            Outcome::Result(result) => Outcome::Result(tagged(result, id)),
            error @ Outcome::Error(_) => error.clone(),
        };
        self.answer_client(id, outcome);
    }

    /// What somebody has came or went: whoever listens is told that lists changed.
    pub(super) fn tell_streams(&mut self) {
        let mut told = Vec::new();
        for (id, open) in &self.open {
            let Open::Stream(Listener { asked, until: None, .. }) = open else { continue };
            let lists = [
                ("tools", asked.tools_list_changed),
                ("prompts", asked.prompts_list_changed),
                ("resources", asked.resources_list_changed),
            ];
            let lists = lists.into_iter().filter(|(_, wanted)| *wanted);
            told.extend(lists.map(|(list, _)| (id.clone(), list_changed(list).method)));
        }
        for (id, method) in told {
            self.say_in(&id, &method, &Object::new().to_json());
        }
    }
}

/// Under the stream that it belongs to.
fn tagged(params: &Json, stream: &Id) -> Json {
    let mut members = params.object().unwrap_or_default();
    let mut meta = members.get("_meta").and_then(Json::object).unwrap_or_default();
    meta.set(SUBSCRIPTION_ID, stream.to_json());
    members.set("_meta", meta.to_json());
    members.to_json()
}
