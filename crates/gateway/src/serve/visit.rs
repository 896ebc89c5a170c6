//! Somebody known, at a server that is there, or at several of them.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use hyper::StatusCode;
use portcullis_config::Serve;
use portcullis_mediation::aggregate::{Seat, asks_whom};
use portcullis_mediation::judge_scopes;
use portcullis_policy::{Decision, Effect, ServerName};
use portcullis_transport::http::{Caller, Guest};
use portcullis_wire::view::tool::ToolCall;
use portcullis_wire::{Limits, Request};

use super::head::Door;
use super::turnstile::Place;
use crate::launch::{DEPTH, Plan};
use crate::traces::{Asked, Opening};

/// What stands for the server where there are several: no server can be called so.
const SEVERAL: &str = "(aggregate)";

/// What a path leads to.
#[derive(Clone, Debug)]
pub(super) enum Target<'a> {
    /// One server.
    One(&'a Plan),
    /// Those of the aggregate that whoever asks may reach.
    All(Vec<(&'a Plan, &'a Seat)>),
}

/// Somebody known, at something that is there.
pub(super) struct Visit<'a> {
    pub(super) caller: Caller,
    pub(super) guest: Guest,
    pub(super) target: Target<'a>,
    /// The transport.
    pub(super) door: Door,
    /// What of the gateway it takes.
    pub(super) place: &'a Place,
    /// What it asks for, once that was read.
    pub(super) asks: OnceLock<&'static str>,
    /// The span of what it asks, until a session has it.
    pub(super) opening: Mutex<Option<Box<Opening>>>,
    pub(super) began: Instant,
}

impl<'a> Target<'a> {
    fn plans(&self) -> Vec<&'a Plan> {
        match self {
            Self::One(plan) => vec![plan],
            Self::All(all) => all.iter().map(|(plan, _)| *plan).collect(),
        }
    }

    pub(super) const fn is_aggregate(&self) -> bool {
        matches!(self, Self::All(_))
    }
}

impl<'a> Visit<'a> {
    /// The server, where it is one.
    pub(super) fn server(&self) -> Option<&'a ServerName> {
        match &self.target {
            Target::One(plan) => Some(&plan.server.name),
            Target::All(_) => None,
        }
    }

    /// What it is counted under.
    pub(super) fn label(&self) -> &'a str {
        self.server().map_or(SEVERAL, ServerName::as_str)
    }

    /// Those of the aggregate of which whoever asks may do anything at all.
    pub(super) fn seats(&self, serve: &Serve) -> Vec<(&'a Plan, &'a Seat)> {
        let Target::All(all) = &self.target else { return Vec::new() };
        let may = |plan: &Plan| {
            let needed = serve.needed.get(&plan.server.name).map(|more| more.of(None));
            let judged = judge_scopes(&needed.unwrap_or_default(), self.guest.scopes());
            judged.effect == Effect::Allow
        };
        all.iter().filter(|(plan, _)| may(plan)).copied().collect()
    }

    /// The server that a request is for, where that is one alone, and the tool that it calls there.
    pub(super) fn asks_whom(&self, request: &Request) -> Option<(&'a ServerName, Option<String>)> {
        match &self.target {
            Target::One(plan) => Some((&plan.server.name, called(request))),
            Target::All(all) => {
                let (prefix, tool) = asks_whom(request)?;
                let is_it = |(_, seat): &&(&Plan, &Seat)| seat.prefix.as_str() == prefix;
                let (plan, _) = all.iter().find(is_it)?;
                Some((&plan.server.name, tool))
            }
        }
    }

    pub(super) fn limits(&self) -> Limits {
        // Of several, each judges by its own what is led to it.
        let bytes = self.target.plans().iter().map(|plan| plan.server.limits.message_bytes).max();
        Limits {
            message_bytes: bytes.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX),
            depth: DEPTH,
            nodes: Limits::NODES,
        }
    }

    pub(super) fn opens(&self, opening: Option<Box<Opening>>) {
        *self.span() = opening;
    }

    /// The span of what it asks, for a session.
    pub(super) fn opening(&self) -> Option<Box<Opening>> {
        self.span().clone()
    }

    /// A session has it.
    pub(super) fn is_heard(&self) {
        self.span().take();
    }

    /// No session has it: its span ends here.
    pub(super) fn turned_away(&self, status: StatusCode, decision: Option<&Decision>) {
        if let Some(opening) = self.span().take() {
            Asked::turned_away(*opening, status, decision);
        }
    }

    fn span(&self) -> MutexGuard<'_, Option<Box<Opening>>> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tool that a request calls.
fn called(request: &Request) -> Option<String> {
    // One that names none is refused by its session; until then it may be any.
    let named = || ToolCall::read(request.params.as_ref()).map(|call| call.name);
    (request.method == "tools/call").then(|| named().unwrap_or_default())
}
