//! One `subscriptions/listen` at a modern server, for everything that a legacy client hears:
//! changes of the lists that the server declares, and of what the client subscribed to.
//!
//! When that grows, a new stream is opened, and the old one closed when the new one was
//! agreed to; so nothing is missed in between.

use std::collections::BTreeSet;

use portcullis_catalog::control::{DIRECTION_CHECKED, SUBSCRIPTIONS_AGREED};
use portcullis_policy::Decision;
use portcullis_wire::view::lifecycle::{Discovered, Meta, SUBSCRIPTION_ID};
use portcullis_wire::view::notification::Cancelled;
use portcullis_wire::view::resource;
use portcullis_wire::view::subscription::Filter;
use portcullis_wire::{Id, Json, Message, Need, Notification, Object, Outcome};

use super::{Desk, words};
use crate::control::subscriptions_agreed::{both, carries, covers};

/// Streams that are opened again after the server ended them, in a session.
const REOPENED: u32 = 16;

/// The stream, and what it is for.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Which lists tell that they changed.
    lists: Filter,
    /// Resources that the client subscribed to.
    wanted: BTreeSet<String>,
    /// Agreed to by the server.
    live: Option<Live>,
    /// On its way to the server.
    opening: Option<Live>,
    /// Something else is wanted since it was opened.
    outdated: bool,
    /// Who waits for what the server says to it.
    pending: Vec<(i64, String)>,
    reopened: u32,
}

#[derive(Clone, Debug)]
struct Live {
    id: Id,
    filter: Filter,
}

impl Stream {
    /// What a server that was discovered could tell.
    pub(super) fn of(discovered: &Json) -> Self {
        let declared = Discovered::read(discovered).map(|read| read.capabilities);
        let declared = declared.unwrap_or_default();
        let lists = Filter {
            tools_list_changed: Need::ToolsListChanged.declared(&declared),
            prompts_list_changed: Need::PromptsListChanged.declared(&declared),
            resources_list_changed: Need::ResourcesListChanged.declared(&declared),
            ..Filter::default()
        };
        Self { lists, ..Self::default() }
    }

    /// A fresh process has no streams.
    pub(super) fn forget(&mut self) {
        *self = Self { lists: self.lists.clone(), ..Self::default() };
    }

    /// Listens to what is wanted now.
    pub(super) fn open(&mut self, meta: &Json, desk: &mut Desk) {
        if self.opening.is_some() {
            self.outdated = true;
            return;
        }
        self.outdated = false;
        let mut filter = self.lists.clone();
        filter.resource_subscriptions = self.wanted.iter().cloned().collect();
        if filter == Filter::default() {
            if let Some(live) = self.live.take() {
                desk.cancel(&live.id);
            }
            return;
        }
        let id = desk.id();
        let mut params = Object::new();
        params.set("notifications", filter.to_json());
        let params = words::modern_params(Some(&params.to_json()), meta, None);
        desk.ask(id.clone(), "subscriptions/listen", params);
        self.opening = Some(Live { id, filter });
    }

    /// The client wants to hear of a resource. It is answered when the server agreed.
    pub(super) fn subscribe(&mut self, id: i64, uri: &str, meta: &Json, desk: &mut Desk) {
        self.wanted.insert(uri.to_owned());
        self.pending.push((id, uri.to_owned()));
        self.open(meta, desk);
    }

    pub(super) fn unsubscribe(&mut self, uri: &str, meta: &Json, desk: &mut Desk) {
        if self.wanted.remove(uri) {
            self.open(meta, desk);
        }
    }

    /// Whoever waits for a subscription does so no more.
    pub(super) fn gives_up(&mut self, id: i64) {
        for (_, uri) in self.pending.extract_if(.., |(waits, _)| *waits == id) {
            self.wanted.remove(&uri);
        }
    }

    /// The server answers a request. True when it was one of these.
    pub(super) fn ended(
        &mut self,
        id: &Id,
        outcome: &Outcome,
        meta: &Json,
        desk: &mut Desk,
    ) -> bool {
        if self.opening.as_ref().is_some_and(|opening| opening.id == *id) {
            self.opening = None;
            // It does not want to: what it agreed to before still stands.
            self.settle(&Filter::default(), desk);
            if self.outdated {
                self.open(meta, desk);
            }
            return true;
        }
        if self.live.as_ref().is_some_and(|live| live.id == *id) {
            self.live = None;
            if matches!(outcome, Outcome::Result(_)) && self.reopened < REOPENED {
                self.reopened += 1;
                self.open(meta, desk);
            }
            return true;
        }
        false
    }

    /// Answers whoever waits, by what the server agreed to.
    fn settle(&mut self, agreed: &Filter, desk: &mut Desk) {
        let outdated = self.outdated;
        let is_live = |uri: &str| agreed.resource_subscriptions.iter().any(|it| covers(it, uri));
        let pending = std::mem::take(&mut self.pending);
        for (id, uri) in pending {
            if is_live(&uri) {
                desk.answer(id, Outcome::Result(Object::new().to_json()));
            } else if outdated && self.wanted.contains(&uri) {
                // It came after this stream was opened, and is a part of the next.
                self.pending.push((id, uri));
            } else {
                self.wanted.remove(&uri);
                desk.fail(id, -32602, "the server does not tell of this resource");
            }
        }
    }

    /// A notification of the server, which belongs to a stream.
    pub(super) fn heard(&mut self, said: Notification, meta: &Json, desk: &mut Desk) {
        if said.method == "notifications/cancelled" {
            let cancelled = Cancelled::read(said.params.as_ref()).ok();
            let id = cancelled.and_then(|cancelled| cancelled.request_id);
            let empty = Outcome::Result(Object::new().to_json());
            if !id.is_some_and(|id| self.ended(&id, &empty, meta, desk)) {
                let why = "names no live subscription";
                desk.drop(Some(&said.method), Decision::deny(DIRECTION_CHECKED, why));
            }
            return;
        }
        let tag = Meta::read(said.params.as_ref()).ok().and_then(|meta| meta.subscription_id);
        if said.method == "notifications/subscriptions/acknowledged" {
            return self.acknowledged(&said, tag.as_ref(), meta, desk);
        }
        let uri = resource::uri(said.params.as_ref()).ok();
        let live = self.live.as_ref().filter(|live| Some(&live.id) == tag.as_ref());
        if live.is_some_and(|live| carries(&live.filter, &said.method, uri.as_deref())) {
            let mut params = said.params.as_ref().and_then(Json::object).unwrap_or_default();
            words::cut_meta(&mut params, &[SUBSCRIPTION_ID]);
            let (method, params) = (said.method, Some(params.to_json()));
            return desk.hear(Message::Notification(Notification { method, params }));
        }
        let why = "is not what a live subscription agreed to";
        desk.drop(Some(&said.method), Decision::deny(SUBSCRIPTIONS_AGREED, why));
    }

    fn acknowledged(
        &mut self,
        said: &Notification,
        tag: Option<&Id>,
        meta: &Json,
        desk: &mut Desk,
    ) {
        let opening = self.opening.take_if(|opening| Some(&opening.id) == tag);
        let (Some(opening), Ok(agreed)) = (opening, Filter::read(said.params.as_ref())) else {
            let why = "agrees to nothing that was asked for";
            return desk.drop(Some(&said.method), Decision::deny(SUBSCRIPTIONS_AGREED, why));
        };
        let filter = both(&opening.filter, &agreed);
        self.settle(&filter, desk);
        if let Some(old) = self.live.replace(Live { id: opening.id, filter }) {
            desk.cancel(&old.id);
        }
        if self.outdated {
            self.open(meta, desk);
        }
    }
}
