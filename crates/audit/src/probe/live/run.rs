//! One target, from the first launch to the last: keeps a server ready, makes one request after the
//! other, and writes down what came of each.

use serde_json::{Map, Value, json};

use portcullis_wire::{Json, Object};

use super::Order;
use super::attack::Proof;
use super::client::Reply;
use super::clock::Clock;
use super::effect::{Seen, effect, read, said};
use super::guard::Gate;
use super::recipe::Recipe;
use super::session::{Failed, Session, told as wished};
use super::stage::Stage;
use crate::evidence::Live;
use crate::evidence::guarded::Refusal;
use crate::evidence::live::{Answer, Attack, Conduct, Effect, Trial, Untested, Wish, is_sorry};

/// How often a server is started anew.
const LAUNCHES: u32 = 40;
/// Trials of one target.
const TRIALS: usize = 4_000;
/// Reasons that are kept of a gateway's.
const REFUSALS: usize = 8_000;
/// Longer texts stand in evidence by what they are.
const LONG: usize = 2_000;

/// The state of it.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) order: &'a Order,
    pub(super) recipe: Recipe,
    pub(super) clock: Clock,
    pub(super) live: Live,
    /// What a gateway did, when there is one.
    pub(super) refusals: Vec<Refusal>,
    gate: Option<Gate<'a>>,
    session: Option<Session>,
    /// What the next launch finds: the stage of the one before it, where that is asked for.
    kept: Option<Stage>,
    launches: u32,
}

/// One request to make.
#[derive(Debug, Clone)]
pub(super) struct Ask<'a> {
    pub(super) attack: Attack,
    pub(super) tool: &'a str,
    pub(super) parameter: &'a str,
    pub(super) method: &'static str,
    /// With names for the stage's places.
    pub(super) params: Value,
    pub(super) proof: Proof,
}

/// What came of it.
#[derive(Debug, Clone)]
pub(super) struct Came {
    pub(super) answer: Answer,
    pub(super) effect: Option<Effect>,
    /// Fit for evidence.
    pub(super) said: String,
    /// The start of it as it was said.
    pub(super) text: String,
    /// Something on the stage is another.
    pub(super) changed: bool,
}

impl Came {
    /// It worked, as far as the server says.
    pub(super) fn is_result(&self) -> bool {
        self.answer == Answer::Result
    }

    /// It worked, and does not say in words that it did not, as servers do that know no other way.
    pub(super) fn is_honest(&self) -> bool {
        self.is_result() && !is_sorry(&self.said)
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(order: &'a Order, recipe: Recipe, clock: Clock, live: Live) -> Self {
        let refusals = Vec::new();
        Self {
            order,
            recipe,
            clock,
            live,
            refusals,
            gate: None,
            session: None,
            kept: None,
            launches: 0,
        }
    }

    /// The same behind a gateway.
    pub(super) fn behind(self, gate: Gate<'a>) -> Self {
        Self { gate: Some(gate), ..self }
    }

    /// What the gateway's journal has to tell since it was last looked at.
    fn hear_refusals(&mut self, during: Option<usize>) {
        let behind = self.session.as_mut().and_then(|session| session.behind.as_mut());
        for (what, control) in behind.map(|behind| (behind.heard)()).unwrap_or_default() {
            let refusal = Refusal { during, what, control };
            if self.refusals.len() < REFUSALS && !self.refusals.contains(&refusal) {
                self.refusals.push(refusal);
            }
        }
    }

    /// The server, started when it is not there; `None` when it does not start any more.
    pub(super) fn ready(&mut self) -> Option<&mut Session> {
        if self.session.as_ref().is_some_and(|session| session.client.is_worn()) {
            self.dismiss();
        }
        if self.session.is_none() {
            if self.launches >= LAUNCHES || self.clock.is_over() {
                return None;
            }
            self.launches += 1;
            let kept = self.kept.take();
            match Session::start(self.order, &self.recipe, &self.clock, self.gate, kept) {
                Ok(session) => self.session = Some(session),
                Err(failed) => {
                    self.failed(failed);
                    return None;
                }
            }
            self.hear_wishes(None);
        }
        // What is told from here on is about what is asked next.
        self.hear_refusals(None);
        self.session.as_mut()
    }

    /// The first launch, which may have to find out what words the server needs.
    pub(super) fn first(&mut self) -> bool {
        let mut recipes = vec![self.recipe.clone()];
        if !self.recipe.is_staged() {
            let more: [&[&str]; 3] =
                [&["{project}", "{database}"], &["{project}"], &["{database}"]];
            recipes.extend(more.map(|more| self.recipe.with(more)));
        }
        let mut first = None;
        for recipe in recipes {
            self.launches += 1;
            match Session::start(self.order, &recipe, &self.clock, self.gate, None) {
                Ok(session) => {
                    self.recipe = recipe;
                    self.session = Some(session);
                    self.hear_wishes(None);
                    return true;
                }
                Err(failed) => {
                    let again = matches!(&failed, Failed::Mute { ended: true, .. });
                    let failed = first.get_or_insert(failed);
                    if !again || self.clock.is_over() {
                        let failed = std::mem::replace(failed, Failed::NotStarted(String::new()));
                        self.failed(failed);
                        return false;
                    }
                }
            }
        }
        if let Some(failed) = first {
            self.failed(failed);
        }
        false
    }

    fn failed(&mut self, failed: Failed) {
        match failed {
            Failed::NotStarted(why) => self.noticed(Conduct::NotStarted { why }),
            Failed::Mute { level, conduct, complaints, .. } => {
                self.live.box_level = level.word().to_owned();
                conduct.into_iter().for_each(|conduct| self.noticed(conduct));
                let said = portcullis_guard::visible(&portcullis_guard::redact(&complaints));
                let said: String =
                    said.chars().rev().take(500).collect::<Vec<_>>().into_iter().rev().collect();
                self.noticed(Conduct::NotStarted {
                    why: format!("it never got as far as a greeting; it said: {said}"),
                });
            }
        }
    }

    /// The table of the database that no tool is about.
    pub(super) fn table(&mut self) -> String {
        self.ready().map_or("customers", |session| session.stage.database.table()).to_owned()
    }

    pub(super) fn noticed(&mut self, conduct: Conduct) {
        if !self.live.conduct.contains(&conduct) && self.live.conduct.len() < 100 {
            self.live.conduct.push(conduct);
        }
    }

    pub(super) fn untested(&mut self, what: impl Into<String>, why: impl Into<String>) {
        let untested = Untested { what: what.into(), why: why.into() };
        if !self.live.untested.contains(&untested) && self.live.untested.len() < 1000 {
            self.live.untested.push(untested);
        }
    }

    /// Lets the server go; the next request gets a new one.
    pub(super) fn dismiss(&mut self) {
        let _gone = self.part();
    }

    /// Whether a launch can find what the one before it left: behind a gateway each has a stage of its own.
    pub(super) fn keeps(&self) -> bool {
        self.gate.is_none()
    }

    /// Lets the server go; the next one finds what it left. Nothing of what is planted there proves anything any more:
    /// it is for lists, and whoever attacks dismisses that one too.
    pub(super) fn dismiss_and_keep(&mut self) {
        self.kept = self.part().filter(|_| self.keeps());
    }

    /// Lets the server go, and gives what is left.
    fn part(&mut self) -> Option<Stage> {
        self.hear_wishes(None);
        self.hear_refusals(None);
        let mut session = self.session.take()?;
        session.client.farewell().into_iter().for_each(|conduct| self.noticed(conduct));
        let Session { client, sink, stage, .. } = session;
        // The server is gone before anybody looks at what it left.
        drop((client, sink));
        Some(stage)
    }

    /// Calls a tool.
    pub(super) fn call(
        &mut self,
        attack: Attack,
        tool: &str,
        parameter: &str,
        arguments: &Map<String, Value>,
        proof: Proof,
    ) -> Option<Came> {
        let params = json!({"name": tool, "arguments": arguments});
        self.ask(Ask { attack, tool, parameter, method: "tools/call", params, proof })
    }

    /// Makes one request and writes down what came of it; `None` when there is nobody to ask, or no time.
    pub(super) fn ask(&mut self, ask: Ask<'_>) -> Option<Came> {
        if self.clock.is_over() || self.live.trials.len() >= TRIALS {
            return None;
        }
        let deadline = self.clock.deadline();
        let session = self.ready()?;
        let params = filled(&ask.params, &|text| session.stage.fill_in(text));
        let request = params.to_string();
        let logged = ask.method == "tools/call" && session.client.logged();
        let reply = session.client.ask(ask.method, object(&params), deadline);
        self.live.logs_calls |= logged;
        Some(self.told(&ask, &request, &reply))
    }

    /// Looks at an answer and at the stage.
    pub(super) fn told(&mut self, ask: &Ask<'_>, request: &str, reply: &Reply) -> Came {
        let (answer, raw, text) = read(reply);
        let nothing =
            Came { answer, effect: None, said: String::new(), text: String::new(), changed: false };
        let Some(session) = self.session.as_mut() else { return nothing };
        let reached = match &mut session.sink {
            Some(sink) if ask.proof.host.is_some() => sink.wait(),
            Some(sink) => sink.reached(),
            None => Vec::new(),
        };
        let changes = session.stage.changes();
        let database = session.stage.database.changed();
        let seen = Seen { answer, raw, text, changes, database, reached };
        let effect = {
            let root = session.client.told.as_deref();
            effect(ask.attack, &ask.proof, &seen, request, &session.stage, root)
        };
        let said = said(&seen.text, &session.stage);
        let damaged = seen.changes.iter().any(|change| change.was && is_planted(&change.name));
        let notes = seen.changes.iter().any(|change| change.name == "project/notes.txt");
        if notes && !damaged {
            session.stage.mend();
        }
        let large = session.stage.is_too_large();
        let trial = Trial {
            attack: ask.attack,
            tool: ask.tool.to_owned(),
            parameter: ask.parameter.to_owned(),
            request: shortened(&ask.params),
            answer,
            said: said.clone(),
            effect: effect.clone(),
        };
        self.live.trials.push(trial);
        let during = self.live.trials.len() - 1;
        for address in &seen.reached {
            self.wish("connect", address, Some(during));
        }
        self.hear_wishes(Some(during));
        self.hear_refusals(Some(during));
        if large {
            self.noticed(Conduct::OverBudget { of: "disk".to_owned() });
        }
        let gone = matches!(answer, Answer::Silence | Answer::Ended);
        if gone || damaged || large || seen.database.secret {
            self.dismiss();
        }
        let text = seen.text.chars().take(8 * LONG).collect();
        Came { answer, effect, said, text, changed: !seen.changes.is_empty() }
    }

    fn hear_wishes(&mut self, during: Option<usize>) {
        let Some(session) = self.session.as_mut() else { return };
        let rung = session.client.wishes();
        let reached = session.sink.as_mut().map(super::sink::Sink::reached).unwrap_or_default();
        let asked = std::mem::take(&mut session.client.asked);
        let mut all: Vec<(&str, String)> =
            rung.iter().map(|rung| wished(rung, &session.stage)).collect();
        all.extend(reached.into_iter().map(|address| ("connect", address)));
        all.extend(asked.into_iter().map(|method| ("ask", method)));
        for (what, object) in all {
            self.wish(what, &object, during);
        }
    }

    fn wish(&mut self, what: &str, object: &str, during: Option<usize>) {
        let known = self.live.wishes.iter().any(|wish| wish.what == what && wish.object == object);
        if !known && self.live.wishes.len() < 500 {
            let object = portcullis_guard::visible(object);
            self.live.wishes.push(Wish { what: what.to_owned(), object, during });
        }
    }
}

/// What was planted and is no note: without it the next trial would prove nothing.
fn is_planted(name: &str) -> bool {
    let beside = ["vault/", "project-evil/"].iter().any(|at| name.starts_with(at));
    beside
        || [
            "project/large.log",
            "project/shortcut.txt",
            "project/way-out",
            "project/data/prices.csv",
        ]
        .contains(&name)
}

/// A value with every text in it changed.
pub(super) fn filled(value: &Value, change: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(items) => items.iter().map(|item| filled(item, change)).collect(),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| (name.clone(), filled(value, change));
            Value::Object(members.iter().map(member).collect())
        }
        other => other.clone(),
    }
}

/// Long texts by what they are.
fn shortened(value: &Value) -> Value {
    filled(value, &|text| match text.chars().next() {
        Some(first) if text.len() > LONG => format!("{{{} times `{first}`}}", text.chars().count()),
        _ => text.to_owned(),
    })
}

pub(super) fn object(params: &Value) -> Object {
    Json::from_value(params).object().unwrap_or_default()
}
