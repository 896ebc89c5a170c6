//! Streams of a modern client at a legacy server, which has none: it is subscribed to a
//! resource for as long as somebody listens to it, and what it tells goes to whoever does.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_wire::view::resource;
use portcullis_wire::view::subscription::Filter;
use portcullis_wire::{Id, Json, Message, Need, Notification, Object, Outcome};
use serde_json::Value;

use super::{Desk, words};
use crate::control::subscriptions_agreed::{both, carries};

/// Everybody who listens.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    /// What the server could tell.
    lists: Filter,
    subscribes: bool,
    /// By the session's id of the stream.
    streams: BTreeMap<i64, Listener>,
    /// Resources that the server took, and what it was asked to take and to forget.
    subscribed: BTreeSet<String>,
    asked: BTreeMap<Id, String>,
    left: BTreeSet<Id>,
}

#[derive(Debug)]
struct Listener {
    filter: Filter,
    /// The client was told what it will hear.
    told: bool,
}

impl Listeners {
    /// Nobody listens yet to a server that declared this.
    pub(super) fn of(declared: &Value) -> Self {
        let lists = Filter {
            tools_list_changed: Need::ToolsListChanged.declared(declared),
            prompts_list_changed: Need::PromptsListChanged.declared(declared),
            resources_list_changed: Need::ResourcesListChanged.declared(declared),
            ..Filter::default()
        };
        let subscribes = Need::ResourcesSubscribe.declared(declared);
        Self { lists, subscribes, ..Self::default() }
    }

    /// A fresh process has no subscriptions, and the streams of the old one are over.
    pub(super) fn forget(&mut self) {
        let (lists, subscribes) = (std::mem::take(&mut self.lists), self.subscribes);
        *self = Self { lists, subscribes, ..Self::default() };
    }

    /// Somebody begins to listen.
    pub(super) fn open(&mut self, id: i64, params: Option<&Json>, desk: &mut Desk) {
        let wanted = Filter::read(params).unwrap_or_default();
        let mut agreed = both(&wanted, &self.lists);
        if self.subscribes {
            agreed.resource_subscriptions = wanted.resource_subscriptions;
        }
        for uri in &agreed.resource_subscriptions {
            let under_way = self.asked.values().any(|asked| asked == uri);
            if !self.subscribed.contains(uri) && !under_way {
                let name = desk.id();
                desk.ask(name.clone(), "resources/subscribe", address(uri));
                self.asked.insert(name, uri.clone());
            }
        }
        self.streams.insert(id, Listener { filter: agreed, told: false });
        self.tell_agreed(desk);
    }

    /// Tells those who wait what they will hear, once the server said what it takes.
    fn tell_agreed(&mut self, desk: &mut Desk) {
        let (asked, subscribed) = (&self.asked, &self.subscribed);
        for (id, stream) in self.streams.iter_mut().filter(|(_, stream)| !stream.told) {
            let uris = &mut stream.filter.resource_subscriptions;
            if uris.iter().any(|uri| asked.values().any(|asked| asked == uri)) {
                continue;
            }
            uris.retain(|uri| subscribed.contains(uri));
            stream.told = true;
            let mut params = Object::new();
            params.set("notifications", stream.filter.to_json());
            let params = Some(words::tagged(Some(&params.to_json()), &Id::Number(*id)));
            let method = "notifications/subscriptions/acknowledged".to_owned();
            desk.hear(Message::Notification(Notification { method, params }));
        }
    }

    /// The server answers. True when it was to one of these.
    pub(super) fn answered(&mut self, id: &Id, outcome: &Outcome, desk: &mut Desk) -> bool {
        if self.left.remove(id) {
            return true;
        }
        let Some(uri) = self.asked.remove(id) else { return false };
        if matches!(outcome, Outcome::Result(_)) {
            self.subscribed.insert(uri);
        }
        self.tell_agreed(desk);
        self.forget_unheard(desk);
        true
    }

    /// Somebody stops listening.
    pub(super) fn close(&mut self, id: i64, desk: &mut Desk) {
        if self.streams.remove(&id).is_some() {
            self.forget_unheard(desk);
        }
    }

    /// What nobody listens to any more, the server need not tell.
    fn forget_unheard(&mut self, desk: &mut Desk) {
        let streams = &self.streams;
        let heard = |uri: &String| {
            streams.values().any(|it| it.filter.resource_subscriptions.contains(uri))
        };
        for uri in self.subscribed.extract_if(.., |uri| !heard(uri)) {
            let name = desk.id();
            desk.ask(name.clone(), "resources/unsubscribe", address(&uri));
            self.left.insert(name);
        }
    }

    /// The server tells something: everybody hears it who listens to it. Where nobody does,
    /// the session hears it all the same, because a list that changed is in doubt.
    pub(super) fn tell(&self, said: &Notification, desk: &mut Desk) {
        let uri = resource::uri(said.params.as_ref()).ok();
        let listens = |stream: &Listener| {
            stream.told && carries(&stream.filter, &said.method, uri.as_deref())
        };
        let mut heard = false;
        for (id, _) in self.streams.iter().filter(|(_, stream)| listens(stream)) {
            heard = true;
            let params = Some(words::tagged(said.params.as_ref(), &Id::Number(*id)));
            let method = said.method.clone();
            desk.hear(Message::Notification(Notification { method, params }));
        }
        if !heard {
            desk.hear(Message::Notification(said.clone()));
        }
    }
}

fn address(uri: &str) -> Json {
    let mut params = Object::new();
    params.set("uri", Json::string(uri));
    params.to_json()
}
