//! Several servers as one: what a client asks is led to the server that it is for, and what several
//! answer becomes one answer.
//!
//! Behind each place at this table is a whole [`Session`](crate::Session) with its judge, its box,
//! its pins and its journal: nothing is judged here, and nothing is let through that a session did
//! not let through. An [`Aggregate`] is the client of them all. What it says carries ids, progress
//! tokens and streams of its own, so what a server answers belongs to what that server was asked, or
//! to nothing.
//!
//! Read in this order: [`names`] (what things are called), this file (who is asked what), `hello.rs`
//! (how it begins), `gather.rs` (what all are asked), `listen.rs` (streams of 2026-07-28),
//! `asked.rs` (what servers say unasked), `dress.rs` and `merge.rs` (what changes in a message).

mod asked;
mod dress;
mod gather;
mod hello;
mod listen;
mod merge;
pub mod names;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use portcullis_policy::{Permitted, ServerName};
use portcullis_wire::view::notification::Cancelled;
use portcullis_wire::{
    Era, Id, Json, Message, Notification, Object, Outcome, Request, Response, Revision, RpcError,
    code,
};

use crate::sealed::SealKey;
use crate::settle::joined;

use asked::Asked;
use dress::List;
use gather::Gather;
use hello::Hello;
use listen::Listener;
use merge::Said;
use names::Prefix;

/// Invalid parameters (JSON-RPC 2.0, section 5.1).
const INVALID_PARAMS: i64 = -32602;
/// Requests of a client that are open at once.
const OPEN: usize = 1024;
/// How often a server is begun in a minute: one that ends at once is not begun for each request.
const BEGUN: usize = 5;
const MINUTE: Duration = Duration::from_secs(60);

/// One server of the aggregate.
#[derive(Clone, Debug)]
pub struct Seat {
    /// What the operator calls it.
    pub server: ServerName,
    /// What stands before its names.
    pub prefix: Prefix,
    /// The longest message that it takes.
    pub message_bytes: usize,
}

/// What is to be done.
#[derive(Debug)]
pub enum Step {
    /// A session with this server begins.
    Begin(usize),
    /// It ends.
    End(usize),
    /// Its session is told this. Where it goes on with a request of the client, that one's id
    /// stands beside it.
    Tell(usize, Box<Message>, Option<Id>),
    /// The client is told this.
    Say(Permitted<Message>),
    /// A request ended here, for a reason that no session recorded.
    Refused(Option<ServerName>, &'static str),
    /// Something that a server has is not shown.
    LeftOut(Option<ServerName>, String),
}

/// How it is with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It has no session, and none begins: it ended, or does not fit.
    Away,
    /// It was not greeted to the end (until 2025-11-25).
    Greeting,
    /// It is asked what is for it.
    Here,
}

/// A request of ours at a server.
#[derive(Debug)]
struct Leg {
    member: usize,
    what: What,
}

#[derive(Debug)]
enum What {
    /// The client's own request, which was for this server alone.
    Routed { id: Id, method: String, token: Option<Json> },
    /// A part of what all were asked.
    Part(Id),
    /// Its `initialize`.
    Greeting,
    /// A part of a stream.
    Stream(Id),
}

/// What a client asked and was not answered.
#[derive(Debug)]
enum Open {
    Routed(i64),
    Gather(Gather),
    Stream(Listener),
    Hello,
}

/// Several servers as one, for one client.
#[derive(Debug)]
pub struct Aggregate {
    seats: Vec<Seat>,
    standing: Vec<Standing>,
    /// What each says of itself, where it was asked.
    said: Vec<Option<Said>>,
    /// Whether it said anything but errors since it began: until then nobody saw what it has.
    has_spoken: Vec<bool>,
    /// When it was begun, of late (2026-07-28).
    begun: Vec<VecDeque<Instant>>,
    /// Requests of ours that a server does not take, not yet answered in its place.
    untold: Vec<(usize, i64)>,
    era: Era,
    key: SealKey,
    sealed: u64,
    minted: i64,
    /// Requests at servers, by the ids that we gave them.
    legs: BTreeMap<i64, Leg>,
    /// Requests of the client.
    open: BTreeMap<Id, Open>,
    /// Requests of servers to the client, by the ids that we gave them.
    asked: BTreeMap<i64, Asked>,
    hello: Option<Hello>,
    /// What was agreed on with the client (until 2025-11-25).
    agreed: Option<Revision>,
    /// The client said that it is ready.
    is_ready: bool,
    steps: VecDeque<Step>,
}

impl Aggregate {
    /// Of these servers, for a client of this era. The key seals what the client keeps for us.
    #[must_use]
    pub fn new(seats: Vec<Seat>, era: Era, key: SealKey) -> Self {
        let standing = vec![Standing::Away; seats.len()];
        let said = seats.iter().map(|_| None).collect();
        let (has_spoken, begun) = (vec![false; seats.len()], vec![VecDeque::new(); seats.len()]);
        Self {
            seats,
            standing,
            said,
            has_spoken,
            begun,
            untold: Vec::new(),
            era,
            key,
            sealed: 0,
            minted: 0,
            legs: BTreeMap::new(),
            open: BTreeMap::new(),
            asked: BTreeMap::new(),
            hello: None,
            agreed: None,
            is_ready: false,
            steps: VecDeque::new(),
        }
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let hello = self.hello.as_ref().and_then(Hello::until);
        let open = self.open.values().filter_map(|open| match open {
            Open::Gather(gather) => Some(gather.until),
            Open::Stream(listener) => listener.until(),
            Open::Routed(_) | Open::Hello => None,
        });
        open.chain(hello).min()
    }

    /// Goes on without whoever did not answer in time.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.greet_no_longer(now);
        let late = |open: &Open| match open {
            Open::Gather(gather) => gather.until <= now,
            Open::Stream(listener) => listener.until().is_some_and(|until| until <= now),
            Open::Routed(_) | Open::Hello => false,
        };
        let late: Vec<Id> =
            self.open.iter().filter(|(_, open)| late(open)).map(|(id, _)| id.clone()).collect();
        for id in late {
            match self.open.get(&id) {
                Some(Open::Gather(_)) => self.gather_no_longer(&id),
                _ => self.acknowledge(&id),
            }
        }
    }

    /// The client said something.
    pub fn client(&mut self, message: Message, now: Instant) {
        match message {
            Message::Request(request) => self.request(request, now),
            Message::Notification(said) => self.notification(said),
            Message::Response(response) => self.answer(response),
        }
        self.answer_untold(now);
    }

    /// A server's session said something.
    pub fn member(&mut self, member: usize, message: &Permitted<Message>, now: Instant) {
        let fails = |said: &Message| matches!(said, Message::Response(it) if matches!(it.outcome, Outcome::Error(_)));
        if let Some(has_spoken) = self.has_spoken.get_mut(member) {
            *has_spoken |= !fails(message.get());
        }
        match message.get() {
            Message::Request(request) => self.ask_client(member, request),
            Message::Notification(said) => self.tell_client(member, said),
            Message::Response(response) => self.answered(member, response, now),
        }
        self.answer_untold(now);
    }

    /// A server's session is over.
    pub fn gone(&mut self, member: usize, now: Instant) {
        let was = self.stands(member);
        self.set(member, Standing::Away);
        self.take_back_questions(member);
        let legs: Vec<i64> =
            self.legs.iter().filter(|(_, leg)| leg.member == member).map(|(id, _)| *id).collect();
        for id in legs {
            let outcome = Outcome::Error(failed(code::INTERNAL_ERROR, ENDED));
            let response = Response { id: Some(id.into()), outcome };
            self.answered(member, &response, now);
        }
        let was_seen = self.has_spoken.get_mut(member).is_some_and(std::mem::take);
        if was == Standing::Here && was_seen {
            self.lists_changed(member);
        }
        self.answer_untold(now);
    }

    fn request(&mut self, request: Request, now: Instant) {
        if self.open.contains_key(&request.id) {
            return self.refuse(&request.id, code::INVALID_REQUEST, "the id is in use");
        }
        if self.open.len() >= OPEN {
            return self.refuse(&request.id, code::INTERNAL_ERROR, "too many requests at once");
        }
        let method = request.method.as_str();
        if self.era == Era::Legacy {
            match method {
                "initialize" => return self.initialize(request, now),
                "ping" => return self.answer_client(&request.id, empty()),
                _ if self.agreed.is_none() => {
                    let why = "the session is not initialized";
                    return self.refuse(&request.id, code::INVALID_REQUEST, why);
                }
                "logging/setLevel" => return self.gather_level(request, now),
                _ => {}
            }
        } else {
            self.begin_all(now);
            match method {
                "server/discover" => return self.gather_discovery(request, now),
                "subscriptions/listen" => return self.listen(request, now),
                _ => {}
            }
        }
        if let Some(list) = List::ALL.into_iter().find(|list| list.method() == method) {
            return self.gather_list(list, request, now);
        }
        match route(method, request.params.as_ref()) {
            Some(Route::To(prefix, params)) => self.lead(request, &prefix, params),
            Some(Route::Nowhere(why)) => self.refuse(&request.id, INVALID_PARAMS, why),
            None => {
                self.refuse(&request.id, code::METHOD_NOT_FOUND, "method not found");
            }
        }
    }

    /// A request that is for one server.
    fn lead(&mut self, request: Request, prefix: &str, params: Json) {
        let Request { id, method, .. } = request;
        let Some(member) = self.seats.iter().position(|seat| seat.prefix.as_str() == prefix) else {
            return self.refuse(&id, INVALID_PARAMS, NOBODYS);
        };
        if self.stands(member) != Standing::Here {
            return self.refuse_for(member, &id, code::INTERNAL_ERROR, NOT_HERE);
        }
        let token = dress::token(Some(&params));
        let minted = self.mint();
        let ours = token.as_ref().map(|_| Id::from(minted).to_json());
        let params = dress::params(Some(&params), ours.as_ref());
        self.open.insert(id.clone(), Open::Routed(minted));
        let what = What::Routed { id: id.clone(), method: method.clone(), token };
        self.legs.insert(minted, Leg { member, what });
        let request = Request { id: minted.into(), method, params };
        self.tell(member, Message::Request(request), Some(id));
    }

    fn notification(&mut self, said: Notification) {
        match said.method.as_str() {
            "notifications/cancelled" => self.cancelled(&said),
            "notifications/initialized" if self.agreed.is_some() && !self.is_ready => {
                self.is_ready = true;
                self.tell_here(&said);
            }
            "notifications/roots/list_changed" => self.tell_here(&said),
            "notifications/progress" => self.client_goes_on(said),
            _ => {}
        }
    }

    fn tell_here(&mut self, said: &Notification) {
        for member in 0..self.seats.len() {
            if self.stands(member) == Standing::Here {
                self.tell(member, Message::Notification(said.clone()), None);
            }
        }
    }

    /// The client takes back what it asked: so do we, everywhere.
    fn cancelled(&mut self, said: &Notification) {
        let Some(id) = Cancelled::read(said.params.as_ref()).ok().and_then(|it| it.request_id)
        else {
            return;
        };
        // Nobody takes back how a session begins.
        let Some(open) = self.open.get(&id).filter(|open| !matches!(open, Open::Hello)) else {
            return;
        };
        let legs: Vec<i64> = match open {
            Open::Routed(leg) => vec![*leg],
            _ => self.legs_of(&id),
        };
        self.open.remove(&id);
        for leg in legs {
            self.take_back_leg(leg, said);
        }
    }

    /// What a server was asked is wanted no longer.
    fn take_back_leg(&mut self, leg: i64, said: &Notification) {
        let Some(Leg { member, .. }) = self.legs.remove(&leg) else { return };
        let id = Id::from(leg).to_json();
        let params = said.params.as_ref().map(|params| dress::with(params, "requestId", id));
        let said = Notification { method: said.method.clone(), params };
        self.tell(member, Message::Notification(said), None);
    }

    /// Parts of what all were asked.
    fn legs_of(&self, asked: &Id) -> Vec<i64> {
        let is_of = |leg: &Leg| match &leg.what {
            What::Part(id) | What::Stream(id) => id == asked,
            What::Routed { .. } | What::Greeting => false,
        };
        self.legs.iter().filter(|(_, leg)| is_of(leg)).map(|(id, _)| *id).collect()
    }

    /// A server answers. What it was not asked, or another was, it cannot answer.
    fn answered(&mut self, member: usize, response: &Response, now: Instant) {
        let Some(Id::Number(number)) = response.id else { return };
        if self.legs.get(&number).is_none_or(|leg| leg.member != member) {
            return;
        }
        let Some(Leg { what, .. }) = self.legs.remove(&number) else { return };
        let outcome = &response.outcome;
        match what {
            What::Routed { id, method, .. } => {
                self.open.remove(&id);
                let Some(prefix) = self.prefix(member) else { return };
                let outcome = match outcome {
                    Outcome::Result(result) => {
                        Outcome::Result(dress::result(&method, result, prefix))
                    }
                    Outcome::Error(error) => Outcome::Error(RpcError {
                        data: error.data.as_ref().map(|data| dress::data(data, prefix)),
                        ..error.clone()
                    }),
                };
                self.answer_client(&id, outcome);
            }
            What::Part(id) => self.gathered(&id, member, outcome),
            What::Greeting => self.greeted(member, outcome, now),
            What::Stream(id) => self.stream_ended(&id, member, outcome),
        }
    }

    fn stands(&self, member: usize) -> Standing {
        self.standing.get(member).copied().unwrap_or(Standing::Away)
    }

    fn set(&mut self, member: usize, standing: Standing) {
        if let Some(place) = self.standing.get_mut(member) {
            *place = standing;
        }
    }

    fn prefix(&self, member: usize) -> Option<&Prefix> {
        self.seats.get(member).map(|seat| &seat.prefix)
    }

    fn server(&self, member: usize) -> Option<ServerName> {
        self.seats.get(member).map(|seat| seat.server.clone())
    }

    const fn mint(&mut self) -> i64 {
        self.minted += 1;
        self.minted
    }

    /// A server is told something, unless it is longer than what that server takes. Whoever waits
    /// for an answer gets one all the same.
    fn tell(&mut self, member: usize, message: Message, goes_on: Option<Id>) {
        let most = self.seats.get(member).map_or(0, |seat| seat.message_bytes);
        if length(&message) <= most {
            return self.steps.push_back(Step::Tell(member, Box::new(message), goes_on));
        }
        let server = self.server(member);
        self.steps.push_back(Step::Refused(server, TOO_LONG));
        match message {
            Message::Request(Request { id: Id::Number(number), .. }) => {
                self.untold.push((member, number));
            }
            Message::Response(Response { id, .. }) => {
                let outcome = Outcome::Error(failed(code::INVALID_REQUEST, TOO_LONG));
                let short = Message::Response(Response { id, outcome });
                self.steps.push_back(Step::Tell(member, Box::new(short), goes_on));
            }
            Message::Request(_) | Message::Notification(_) => {}
        }
    }

    /// Answers in place of servers that were not told.
    fn answer_untold(&mut self, now: Instant) {
        while let Some((member, number)) = self.untold.pop() {
            let outcome = Outcome::Error(failed(code::INVALID_REQUEST, TOO_LONG));
            self.answered(member, &Response { id: Some(number.into()), outcome }, now);
        }
    }

    /// The client is told what sessions let through, or what we have to say of it.
    fn say(&mut self, message: Message) {
        self.steps.extend(joined(message).map(Step::Say));
    }

    fn answer_client(&mut self, id: &Id, outcome: Outcome) {
        self.say(Message::Response(Response { id: Some(id.clone()), outcome }));
    }

    fn refuse(&mut self, id: &Id, code: i64, why: &'static str) {
        self.steps.push_back(Step::Refused(None, why));
        self.fail(id, code, why);
    }

    fn refuse_for(&mut self, member: usize, id: &Id, code: i64, why: &'static str) {
        let server = self.server(member);
        self.steps.push_back(Step::Refused(server, why));
        self.fail(id, code, why);
    }

    fn fail(&mut self, id: &Id, code: i64, why: &str) {
        self.answer_client(id, Outcome::Error(failed(code, why)));
    }

    /// The client learns that what a server has came or went.
    fn lists_changed(&mut self, member: usize) {
        if self.era == Era::Modern {
            return self.tell_streams();
        }
        if self.agreed.is_none() || !self.is_ready {
            return;
        }
        let has = |list: &str| match self.said.get(member) {
            Some(Some(said)) => said.declares(list),
            _ => false,
        };
        let lists = ["tools", "prompts", "resources"].into_iter().filter(|list| has(list));
        let told: Vec<Notification> = lists.map(list_changed).collect();
        for said in told {
            self.say(Message::Notification(said));
        }
    }
}

/// What a client is told whose call met a server that is not there.
const NOT_HERE: &str = "the server of this is not there: it did not start, or it ended";
const ENDED: &str = "the server ended before it answered";
const TOO_LONG: &str = "the message is too long";
const NOBODYS: &str = "no server has this name: what stands before `__` is the server's";

fn list_changed(list: &str) -> Notification {
    Notification { method: format!("notifications/{list}/list_changed"), params: None }
}

fn failed(code: i64, why: &str) -> RpcError {
    RpcError { code, message: why.to_owned(), data: None }
}

/// How long a message is, without what stands in every one.
fn length(message: &Message) -> usize {
    let json = |json: &Option<Json>| json.as_ref().map_or(0, Json::len);
    match message {
        Message::Request(said) => said.method.len().saturating_add(json(&said.params)),
        Message::Notification(said) => said.method.len().saturating_add(json(&said.params)),
        Message::Response(said) => outcome_length(&said.outcome),
    }
}

fn outcome_length(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Result(result) => result.len(),
        Outcome::Error(error) => {
            error.message.len().saturating_add(error.data.as_ref().map_or(0, Json::len))
        }
    }
}

fn empty() -> Outcome {
    Outcome::Result(Object::new().to_json())
}

/// Where a request goes.
enum Route {
    /// To the server with this prefix, with these parameters.
    To(String, Json),
    Nowhere(&'static str),
}

/// Where a request goes that is for one server, and what it is told in place of its parameters;
/// nothing for a method that is not known here.
fn route(method: &str, params: Option<&Json>) -> Option<Route> {
    let params = params.cloned().unwrap_or_else(|| Object::new().to_json());
    let Some(members) = params.object() else { return Some(Route::Nowhere(UNREADABLE)) };
    let text = |members: &Object, name: &str| members.get(name).and_then(Json::as_text);
    let renamed = |members: &Object, member: &str| {
        let written = text(members, member)?;
        let (prefix, own) = match member {
            "uri" => names::address(&written)?,
            _ => names::name(&written)?,
        };
        let mut members = members.clone();
        members.set(member, Json::string(own));
        Some((prefix.to_owned(), members))
    };
    let found = match method {
        "tools/call" | "prompts/get" => renamed(&members, "name"),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
            renamed(&members, "uri")
        }
        "completion/complete" => members.get("ref").and_then(Json::object).and_then(|target| {
            let member = if text(&target, "type")? == "ref/resource" { "uri" } else { "name" };
            let (prefix, target) = renamed(&target, member)?;
            let mut members = members.clone();
            members.set("ref", target.to_json());
            Some((prefix, members))
        }),
        _ => return None,
    };
    if method == "tools/call" && members.get("task").is_some() {
        return Some(Route::Nowhere("there are no tasks in the aggregate"));
    }
    Some(match found {
        Some((prefix, members)) => Route::To(prefix, members.to_json()),
        None => Route::Nowhere(NOBODYS),
    })
}

const UNREADABLE: &str = "the parameters cannot be read";

/// The server that a request is for, by what stands before its names, and the tool where it calls
/// one: for whoever decides what that takes.
#[must_use]
pub fn asks_whom(request: &Request) -> Option<(String, Option<String>)> {
    let Some(Route::To(prefix, params)) = route(&request.method, request.params.as_ref()) else {
        return None;
    };
    let tool = (request.method == "tools/call").then(|| params.object()?.get("name")?.as_text());
    Some((prefix, tool.flatten()))
}

#[cfg(test)]
mod tests;
