//! Who listens to what: legacy subscriptions by resource, and modern streams.

use std::time::Instant;

use portcullis_catalog::control::{
    DIRECTION_CHECKED, RATES_KEPT, SUBSCRIPTIONS_AGREED, TASKS_OWNED,
};
use portcullis_policy::{Decision, Effect, Obligation};
use portcullis_wire::view::lifecycle::{Meta, SUBSCRIPTION_ID};
use portcullis_wire::view::resource;
use portcullis_wire::view::subscription::Filter;
use portcullis_wire::view::task;
use portcullis_wire::{Id, Json, Notification, Object, Peer, array};

use crate::Session;
use crate::control::links_judged::Named;
use crate::control::rates_kept::Verdict;
use crate::control::subscriptions_agreed::{RESOURCES, both, carries, covers};
use crate::correlate::InFlight;
use crate::settle::Refusal;

const UPDATED: &str = "notifications/resources/updated";
const TASK: &str = "notifications/tasks";
const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";

impl Session {
    /// One more resource, if there is room for it.
    pub(crate) fn room_for(&self, method: &str, uri: &str) -> Result<Decision, Refusal> {
        let new = method == "resources/subscribe" && !self.subscribed.contains(uri);
        if new && self.subscribed.len() >= RESOURCES {
            let why = format!("{RESOURCES} resources are subscribed to already");
            let decision = Decision::deny(SUBSCRIPTIONS_AGREED, why);
            return Err(Refusal::error(decision, -32602, "too many subscriptions"));
        }
        Ok(Decision::default())
    }

    /// A subscription leaves for the server, which may answer late and tell early.
    pub(crate) fn subscribe(&mut self, method: &str, uri: Option<&str>) {
        let Some(uri) = uri else { return };
        if method == "resources/subscribe" {
            self.subscribed.insert(uri.to_owned());
        } else {
            self.subscribed.remove(uri);
        }
    }

    /// The server did not take a subscription.
    pub(crate) fn subscription_failed(&mut self, row: &InFlight) {
        if row.method == "resources/subscribe"
            && let Some(uri) = &row.carries.uri
        {
            self.subscribed.remove(uri);
        }
    }

    /// What a listener may ask for, and what was taken out of it.
    pub(crate) fn heard_filter(&self, params: Option<&Json>) -> (Filter, Decision) {
        let mut filter = Filter::read(params).unwrap_or_default();
        let mut cut = Decision::default();
        let judge = self.judge();
        filter.resource_subscriptions.retain(|uri| {
            let opinion = judge.of(Named::Link(uri));
            let passes = opinion.effect != Effect::Deny;
            cut = std::mem::take(&mut cut).and(opinion);
            passes
        });
        if cut.effect == Effect::Deny {
            cut.effect = Effect::Allow;
            cut = cut.owing(Obligation::Rewritten);
        }
        let asked = filter.task_ids.len();
        filter.task_ids.retain(|ours| self.tasks.find(ours).is_some());
        if filter.task_ids.len() < asked {
            let why = "asks for tasks that are none of this session's";
            let unknown = Decision::because(Effect::Allow, TASKS_OWNED, why);
            cut = cut.and(unknown.owing(Obligation::Rewritten));
        }
        (filter, cut)
    }

    /// Takes the resources out of `subscriptions/listen` that the host may not have.
    pub(crate) fn cut_filter(&self, asked: Option<&Json>, params: &mut Object) -> Decision {
        let (filter, cut) = self.heard_filter(asked);
        let written = params.get("notifications").and_then(Json::object);
        let rewritten = cut.obligations.contains(&Obligation::Rewritten);
        if let Some(mut written) =
            written.filter(|written| rewritten || written.get("taskIds").is_some())
        {
            if written.get("resourceSubscriptions").is_some() {
                written.set("resourceSubscriptions", texts(&filter.resource_subscriptions));
            }
            if written.get("taskIds").is_some() {
                let theirs = filter.task_ids.iter().filter_map(|ours| self.tasks.find(ours));
                let theirs: Vec<String> = theirs.map(|task| task.theirs.clone()).collect();
                written.set("taskIds", texts(&theirs));
            }
            params.set("notifications", written.to_json());
        }
        cut
    }

    /// Legacy: everybody hears what the session declared, and updates of resources
    /// that were subscribed to.
    pub(crate) fn tell_subscriber(&mut self, said: Notification) {
        if said.method == UPDATED {
            let uri = resource::uri(said.params.as_ref()).unwrap_or_default();
            let wanted = self.subscribed.iter().any(|it| covers(it, &uri));
            if let Err(decision) = self.update(&uri, wanted) {
                return self.drop_said(Peer::Server, &said, decision);
            }
        }
        if self.is_news(None, &said) {
            self.pass_on(Peer::Server, said);
        }
    }

    /// An update of this resource may be told.
    fn update(&self, uri: &str, wanted: bool) -> Result<(), Decision> {
        if !wanted {
            return Err(Decision::deny(SUBSCRIPTIONS_AGREED, "nobody subscribed to the resource"));
        }
        // Lists may mean less than what was subscribed to.
        let decision = self.judge().of(Named::Link(uri));
        if decision.effect == Effect::Deny { Err(decision) } else { Ok(()) }
    }

    /// Modern: only under a live stream, by its own id, and only what it agreed to.
    pub(crate) fn tell_stream(&mut self, said: Notification, now: Instant) {
        let meta = Meta::read(said.params.as_ref()).unwrap_or_default();
        let Some(Id::Number(number)) = meta.subscription_id else {
            return self.untold(&said, DIRECTION_CHECKED, "names no live subscription");
        };
        let about = self.our_task(said.params.as_ref());
        let Some(row) = self.to_server.get_mut(number) else {
            return self.untold(&said, DIRECTION_CHECKED, "names no live subscription");
        };
        let (asker, Some(stream)) = (row.id.clone(), row.carries.stream.as_mut()) else {
            return self.untold(&said, DIRECTION_CHECKED, "names no live subscription");
        };
        if said.method == ACKNOWLEDGED {
            if stream.agreed.is_some() {
                return self.untold(&said, SUBSCRIPTIONS_AGREED, "was agreed to already");
            }
            let Ok(mut agreed) = Filter::read(said.params.as_ref()) else {
                return self.untold(&said, SUBSCRIPTIONS_AGREED, "the agreement does not fit");
            };
            let ours = agreed.task_ids.iter().filter_map(|theirs| self.tasks.ours(theirs));
            agreed.task_ids = ours.cloned().collect();
            let agreed = both(&stream.asked, &agreed);
            stream.agreed = Some(agreed.clone());
            let said = acknowledged(&said, &agreed);
            return self.pass_on(Peer::Server, with_subscription(&said, &asker));
        }
        let uri = resource::uri(said.params.as_ref()).ok();
        match &stream.agreed {
            None => self.untold(&said, SUBSCRIPTIONS_AGREED, "comes before the agreement"),
            Some(agreed) if !carries(agreed, &said.method, uri.as_deref().or(about.as_deref())) => {
                self.untold(&said, SUBSCRIPTIONS_AGREED, "is not what was agreed to");
            }
            Some(_) => {
                let update = uri.filter(|_| said.method == UPDATED);
                if let Some(Err(decision)) = update.map(|uri| self.update(&uri, true)) {
                    return self.drop_said(Peer::Server, &said, decision);
                }
                let said = with_subscription(&said, &asker);
                if said.method == TASK {
                    self.tell_of_task(&said, now);
                } else if self.is_news(Some(number), &said) {
                    self.pass_on(Peer::Server, said);
                }
            }
        }
    }

    /// Our id of the task that a notification is about.
    fn our_task(&self, params: Option<&Json>) -> Option<String> {
        self.tasks.ours(&task::id(params).ok()?).cloned()
    }

    fn untold(&mut self, said: &Notification, control: portcullis_catalog::ControlId, why: &str) {
        self.drop_said(Peer::Server, said, Decision::deny(control, why));
    }

    /// Says something that the client was not told since it last looked.
    fn is_news(&mut self, stream: Option<i64>, said: &Notification) -> bool {
        let verdict = self.rates.news(stream, &said.method);
        self.is_let(said, verdict)
    }

    /// Within the budget of its kind.
    pub(crate) fn is_within(&mut self, said: &Notification, now: std::time::Instant) -> bool {
        let verdict = self.rates.spend(&said.method, now);
        self.is_let(said, verdict)
    }

    fn is_let(&mut self, said: &Notification, verdict: Verdict) -> bool {
        if let Verdict::Tell(why) = verdict {
            self.drop_said(Peer::Server, said, Decision::deny(RATES_KEPT, why));
        }
        verdict == Verdict::Pass
    }
}

/// The agreement without what was not asked for, and without what nobody knows.
fn acknowledged(said: &Notification, agreed: &Filter) -> Notification {
    let mut params = said.params.as_ref().and_then(Json::object).unwrap_or_default();
    let mut filter = params.get("notifications").and_then(Json::object).unwrap_or_default();
    let flags = [
        ("toolsListChanged", agreed.tools_list_changed),
        ("promptsListChanged", agreed.prompts_list_changed),
        ("resourcesListChanged", agreed.resources_list_changed),
    ];
    for (name, flag) in flags {
        if filter.get(name).is_some() {
            filter.set(name, Json::from_value(&flag.into()));
        }
    }
    if filter.get("taskIds").is_some() {
        filter.set("taskIds", texts(&agreed.task_ids));
    }
    if filter.get("resourceSubscriptions").is_some() {
        filter.set("resourceSubscriptions", texts(&agreed.resource_subscriptions));
    }
    params.set("notifications", filter.to_json());
    Notification { method: said.method.clone(), params: Some(params.to_json()) }
}

fn texts(texts: &[String]) -> Json {
    array(&texts.iter().map(|text| Json::string(text)).collect::<Vec<_>>())
}

fn with_subscription(said: &Notification, asker: &Id) -> Notification {
    let mut params = said.params.as_ref().and_then(Json::object).unwrap_or_default();
    let mut meta = params.get("_meta").and_then(Json::object).unwrap_or_default();
    meta.set(SUBSCRIPTION_ID, asker.to_json());
    params.set("_meta", meta.to_json());
    Notification { method: said.method.clone(), params: Some(params.to_json()) }
}
