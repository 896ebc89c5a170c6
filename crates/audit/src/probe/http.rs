//! Asks a server over HTTP who may call it, and writes down each request with what came back.
//!
//! ```text
//! Order ─▶ look        the story: greet, list, then every question
//!   wire               one request, one answer, both bounded; each leaves an exchange
//!    ├ streams         the same as 2024-11-05 has it, by a stream
//!    └ talk            what a request is made of in each era
//!   doors              who is answered: credentials, Host and Origin, addresses, what is no JSON
//!   sessions           what sessions are called, and what a name is good for
//!   headers            what headers and body must agree on
//!   starts             whether an address starts what a query names, in a box of ours only
//! ```
//!
//! No tool is called at an address: the machine behind it is not ours to damage. What is asked is what
//! any client of the protocol may ask, so many times and no more, and every session that was
//! opened is ended. A server that we started in a box is attacked there afterwards, as one with pipes
//! is (`probe/live`).

mod doors;
mod headers;
mod names;
mod sessions;
mod starts;
mod streams;
mod talk;
mod wire;

use std::time::Duration;

use portcullis_guard::egress::Url;
use portcullis_guard::secret::SecretString;
use portcullis_wire::{Json, Object, elements};
use serde_json::Value;

use super::clock::Clock;
use super::live::{self, ENTRIES, Listening, Listens, PAGES, drifted};
use crate::evidence::http::Question;
use crate::evidence::live::{Conduct, Untested};
use crate::evidence::{Http, Live};
use talk::Talk;

/// What a server says about itself, in characters.
const LONGEST: usize = 64 << 10;
/// Why nothing more is asked of who does not let us in.
const BARRED: &str = "it lets nobody in without a credential, and none was given that it takes";

/// What to ask, and how much it may cost.
#[derive(Debug)]
pub struct Order {
    /// Where it is.
    pub url: Url,
    /// How we identify ourselves.
    pub credentials: Vec<Credential>,
    /// The server to start in a box, in which it listens at the address; without it, it runs already.
    pub server: Option<live::Order>,
    /// For everything.
    pub time: Duration,
    /// For one request.
    pub call: Duration,
}

/// A header by which we identify ourselves.
#[derive(Debug)]
pub struct Credential {
    /// The header.
    pub name: String,
    /// Its value.
    pub value: SecretString,
    /// How it stands in evidence: with a variable in the place of what is secret.
    pub shown: String,
}

impl Order {
    /// Five minutes, ten seconds a request, nobody in particular.
    #[must_use]
    pub fn new(url: Url) -> Self {
        Self {
            url,
            credentials: Vec::new(),
            server: None,
            time: Duration::from_secs(300),
            call: Duration::from_secs(10),
        }
    }
}

/// Why nobody answers.
fn why_not(live: &Live) -> &'static str {
    let deaf = |it: &Conduct| matches!(it, Conduct::NotListening { .. });
    match live.conduct.iter().any(deaf) {
        true => "nobody listened at its address in the box",
        false => "the server did not start",
    }
}

/// Asks everything. What goes wrong is evidence.
#[must_use]
pub fn look(order: &Order) -> (Http, Live) {
    let clock = Clock::start(order.time, order.call);
    let origin = order.url.origin();
    let http = Http {
        url: order.url.text(),
        encrypted: origin.is_https(),
        this_machine: origin.is_this_machine(),
        identified: order.credentials.iter().map(|it| it.name.clone()).collect(),
        ..Http::default()
    };
    let mut listening = match &order.server {
        None => None,
        Some(server) => match Listening::start(server, &clock, origin.target().port) {
            Ok(listening) => Some(listening),
            Err(mut live) => {
                live.untested.push(untested("everything", why_not(&live)));
                return (http, *live);
            }
        },
    };
    let sockets = listening.as_mut().map(Listening::dials);
    let mut seen = Seen::default();
    let mut talk = match wire::Wire::new(order, sockets, clock) {
        Ok(wire) => Talk::new(wire),
        Err(why) => {
            let mut live = Live { box_level: "remote".to_owned(), ..Live::default() };
            live.untested.push(untested("everything", &why));
            return (http, live);
        }
    };
    ask(&mut talk, &mut seen);
    if listening.as_mut().is_some_and(|it| starts::all(&mut talk, it)) {
        let everything = seen.untested.iter_mut().filter(|it| it.what == "everything");
        everything.for_each(|it| it.what = "everything else".to_owned());
    }
    talk.leave();
    let hide = |text: &str| talk.wire.hide(text);
    let mut live = match listening {
        Some(listening) => listening.farewell(),
        None => {
            seen.untested(
                "calls of tools",
                "no tool is called at an address: what is behind it is not in a box of ours",
            );
            Live {
                box_level: "remote".to_owned(),
                command: vec![order.url.text()],
                ..Live::default()
            }
        }
    };
    seen.told(&mut live);
    if let Some(server) = order.server.as_ref().filter(|_| live.revision.is_some()) {
        let headers = talk.wire.headers();
        let listens = Listens { url: order.url.clone(), headers, old: talk.old };
        let left = talk.wire.left();
        let server = live::Order { listens: Some(listens), time: left, ..server.clone() };
        live = together(live, live::look(&server));
    }
    let names = names::of(&talk.names);
    let old = talk.old && live.revision.is_some();
    let http = Http { names, old, exchanges: talk.wire.exchanges.clone(), ..http };
    without_credentials(http, live, hide)
}

/// What was seen of a server by its address, and what its tools did in the same box.
fn together(asked: Live, called: Live) -> Live {
    if called.revision.is_none() {
        let mut asked = asked;
        asked.conduct.extend(called.conduct);
        asked.untested.extend(called.untested);
        return asked;
    }
    let mut both = called;
    let new = |all: &[Conduct], it: &Conduct| !all.contains(it);
    let more: Vec<Conduct> =
        asked.conduct.into_iter().filter(|it| new(&both.conduct, it)).collect();
    both.conduct.extend(more);
    for wish in asked.wishes {
        if !both.wishes.iter().any(|it| (&it.what, &it.object) == (&wish.what, &wish.object)) {
            both.wishes.push(wish);
        }
    }
    for name in asked.drifted {
        if !both.drifted.contains(&name) {
            both.drifted.push(name);
        }
    }
    both.untested.extend(asked.untested);
    both
}

/// A server may say back what it was told, wherever it says something: by what we identify ourselves
/// stands nowhere in evidence. Where that is a word that evidence is made of, there is none.
fn without_credentials(http: Http, live: Live, hide: impl Fn(&str) -> String) -> (Http, Live) {
    let (url, box_level) = (http.url.clone(), live.box_level.clone());
    let all = serde_json::to_string(&(http, live)).unwrap_or_default();
    serde_json::from_str(&hide(&all)).unwrap_or_else(|_| {
        let mut live = Live { box_level, command: vec![url.clone()], ..Live::default() };
        let why = "a credential is a word that reports are made of, and so nothing can be shown";
        live.untested.push(untested("everything", why));
        (Http { url, ..Http::default() }, live)
    })
}

/// What it offers, and what could not be asked.
#[derive(Debug, Default)]
struct Seen {
    hello: talk::Hello,
    tools: Vec<Value>,
    resources: Vec<Value>,
    prompts: Vec<Value>,
    drifted: Vec<String>,
    conduct: Vec<Conduct>,
    untested: Vec<Untested>,
}

impl Seen {
    fn untested(&mut self, what: &str, why: &str) {
        self.untested.push(untested(what, why));
    }

    fn told(self, live: &mut Live) {
        let bounded = |text: String| portcullis_guard::bounded(&text, LONGEST);
        live.revision = self.hello.revision.map(bounded);
        live.server = self.hello.server.map(bounded);
        live.instructions = self.hello.instructions.map(bounded);
        (live.tools, live.resources, live.prompts) = (self.tools, self.resources, self.prompts);
        live.drifted = self.drifted;
        live.conduct.extend(self.conduct);
        live.untested.extend(self.untested);
    }
}

fn untested(what: &str, why: &str) -> Untested {
    Untested { what: what.to_owned(), why: why.to_owned() }
}

/// What is known of an address to which nothing is sent: it is on another machine, and not encrypted.
#[must_use]
pub fn unsent(url: &str) -> (Http, Live) {
    let mut live = Live { box_level: "remote".to_owned(), ..Live::default() };
    live.command = vec![url.to_owned()];
    live.untested
        .push(untested("everything", "nothing is sent to another machine without encryption"));
    (Http { url: url.to_owned(), ..Http::default() }, live)
}

/// Every question, one after the other.
fn ask(talk: &mut Talk, seen: &mut Seen) {
    let greeted = talk.greet();
    if let Some(hello) = greeted {
        seen.hello = hello;
    } else if talk.wire.is_barred() {
        doors::metadata(talk, seen);
        seen.untested("everything else", BARRED);
        return;
    } else {
        let why = match talk.wire.heard_nothing() {
            Some(why) => why,
            None => "it answers, and not as a server of MCP over HTTP does".to_owned(),
        };
        seen.conduct.push(Conduct::NeverAnswered);
        seen.untested("everything", &why);
        return;
    }
    take_stock(talk, seen);
    doors::callers(talk, seen);
    doors::pages(talk);
    doors::addresses(talk, seen);
    sessions::all(talk, seen);
    headers::all(talk, seen);
    doors::errors(talk);
    if talk.wire.is_over() {
        seen.conduct.push(Conduct::OverBudget { of: "time".to_owned() });
    }
}

/// What it offers, twice.
fn take_stock(talk: &mut Talk, seen: &mut Seen) {
    let can = |name: &str| seen.hello.capabilities.get(name).is_some();
    let (resources, prompts) = (can("resources"), can("prompts"));
    seen.tools = list(talk, "tools/list", "tools");
    if resources {
        seen.resources = list(talk, "resources/list", "resources");
        seen.resources.extend(list(talk, "resources/templates/list", "resourceTemplates"));
    }
    if prompts {
        seen.prompts = list(talk, "prompts/list", "prompts");
    }
    seen.drifted = drifted(&seen.tools, &list(talk, "tools/list", "tools"));
    if seen.tools.is_empty() {
        seen.untested("tools", "the server lists none");
    }
}

/// One list, page by page.
fn list(talk: &mut Talk, method: &str, member: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), None::<Json>);
    for _ in 0..PAGES {
        let mut params = Object::new();
        if let Some(cursor) = cursor.take() {
            params.set("cursor", cursor);
        }
        let order = talk.request(Question::List, method, params);
        let Some(result) = talk.wire.send(order).and_then(|came| came.result()) else { break };
        let Some(page) = result.object() else { break };
        let items = page.get(member).and_then(elements).unwrap_or_default();
        let room = ENTRIES.saturating_sub(all.len());
        all.extend(items.iter().take(room).map(Json::value));
        cursor = page.get("nextCursor").filter(|next| next.as_text().is_some()).cloned();
        if cursor.is_none() || all.len() >= ENTRIES {
            break;
        }
    }
    all
}
