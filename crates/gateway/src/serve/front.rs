//! What a request must be, and where it goes.
//!
//! The order is that of the specification and of our own brief (`protocol.md` 4): the wall, who
//! speaks, where to, what kind of request, then its body; the session judges what it means.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use portcullis_config::Serve;
use portcullis_mediation::aggregate::Seat;
use portcullis_mediation::shares::Wait;
use portcullis_mediation::{Fingerprint, not_theirs, refused_before_session, unknown_caller};
use portcullis_policy::{Decision, Principal, ServerName};
use portcullis_transport::http::{
    Body, Caller, Gatekeeper, Guest, Refusal, Reply, SessionId, Wall, empty, json, mirrored,
};
use portcullis_wire::view::lifecycle::{Initialized, Meta};
use portcullis_wire::{
    Era, Json, Limits, Malformed, MalformedKind, Message, Outcome, Response, Revision, canonical,
    code, parse,
};

use super::aggregate;
use super::granted::Away;
use super::head::{Door, accepts, cross_origin, fits, is_json, only, place};
use super::lull;
use super::parcel::Parcel;
use super::posts::{LISTEN, Said};
use super::renew::Common;
use super::replies::{answer_to, gone, ours, refused, respond, streamed, whole};
use super::resume::{LAST, resume};
use super::sessions::{Kinship, Session, Sessions};
use super::stream::{Answers, Stream};
use super::turnstile;
use super::visit::{Target, Visit};
use super::witness::Turned;
use super::worker;
use crate::launch::{DEPTH, Plan};
use crate::telemetry;

/// The header that names a session.
pub(super) const SESSION: &str = "mcp-session-id";
/// The header that names a revision.
pub(super) const VERSION: &str = "mcp-protocol-version";

/// Everything that requests share.
#[derive(Debug)]
pub(super) struct Front {
    pub(super) wall: Wall,
    pub(super) gatekeeper: Arc<Gatekeeper>,
    pub(super) servers: BTreeMap<ServerName, Plan>,
    /// Those of the aggregate, in the operator's order.
    pub(super) seats: Vec<Seat>,
    /// What it was made from.
    pub(super) serve: Serve,
    /// Which config that is.
    pub(super) config: u64,
    pub(super) common: Common,
}

/// A session that began, until whoever began it was told its name. A client that went away before
/// leaves none behind.
struct Beginning<'a> {
    front: &'a Front,
    name: String,
    told: bool,
}

impl Drop for Beginning<'_> {
    fn drop(&mut self) {
        if !self.told {
            self.front.sessions().end(&self.name);
        }
    }
}

impl Front {
    /// Answers a request, whatever it is.
    pub(super) async fn answer(&self, parts: Parts, body: Body, caller: Caller) -> Reply {
        if let Err(refusal) = self.wall.admits(&parts) {
            return self.turns_away(&caller, None, refusal);
        }
        // Whether a page may read the answer is asked without saying who asks, and so is who gives
        // out tokens for us.
        let told = match parts.method {
            Method::OPTIONS => Some(empty(StatusCode::NO_CONTENT)),
            Method::GET => self.gatekeeper.describes(&parts),
            _ => None,
        };
        let reply = match told {
            Some(reply) => reply,
            None => self.behind_the_wall(&parts, body, &caller).await,
        };
        cross_origin(&parts, reply)
    }

    /// Who speaks, where to, and then what.
    async fn behind_the_wall(&self, parts: &Parts, body: Body, caller: &Caller) -> Reply {
        let guest = match self.gatekeeper.admits(parts, caller).await {
            Ok(guest) => guest,
            Err(refusal) => return self.stranger(caller, refusal),
        };
        let found = self.place(parts.uri.path());
        // Whoever may not reach it does not learn that it is there.
        let reached = found.and_then(|(target, door)| Some((reached(target, &guest)?, door)));
        let Some((target, door)) = reached else {
            return self.turns_away(caller, Some(&guest.principal), NOWHERE);
        };
        let place = match self.common.turnstile.enter(&guest.principal, &parts.method) {
            Ok(place) => place,
            Err(wait) => return self.told_to_wait(caller, &guest.principal, &wait),
        };
        let (asks, opening, began) = (OnceLock::new(), Mutex::default(), Instant::now());
        let caller = caller.clone();
        let visit = Visit { caller, guest, target, door, place: &place, asks, opening, began };
        let reply = match self.serve(parts, body, &visit).await {
            Ok(reply) => {
                visit.turned_away(reply.status(), None);
                reply
            }
            Err(Away { refusal, decision, tool }) => {
                visit.turned_away(refusal.status, decision.as_deref());
                self.records(&visit, refusal.why, decision.map(|it| *it), tool);
                refusal.into()
            }
        };
        self.counts(parts, &visit, &reply);
        place.until_the_end_of(reply)
    }

    fn counts(&self, parts: &Parts, visit: &Visit<'_>, reply: &Reply) {
        let revision = only(parts, VERSION).ok().flatten().and_then(Revision::parse);
        let era = match revision {
            Some(revision) if revision.era() == Era::Modern => "modern",
            _ => "legacy",
        };
        let revision = revision.map_or("none", Revision::as_str);
        let (server, status) = (visit.label(), reply.status());
        let asks = visit.asks.get().copied().unwrap_or("none");
        let labels = [server, asks, revision, era, status.as_str()];
        self.common.metrics.count(&telemetry::REQUESTS, &labels);
        self.common.metrics.took(&telemetry::LATENCY, &[server, asks], visit.began.elapsed());
    }

    /// Somebody takes more than their share; of a run of such requests, the first is recorded.
    pub(super) fn told_to_wait(&self, caller: &Caller, who: &Principal, wait: &Wait) -> Reply {
        self.common.metrics.count(&telemetry::TOLD_TO_WAIT, &[wait.control().as_str()]);
        if let Some(decision) = wait.told() {
            self.common.witness.told_to_wait(caller, who, decision);
        }
        turnstile::refused(wait).into()
    }

    /// Nobody knows who this is.
    fn stranger(&self, caller: &Caller, refusal: Refusal) -> Reply {
        let decision = Some(unknown_caller(refusal.why));
        let turned = Turned {
            caller,
            principal: None,
            server: None,
            tool: None,
            decision,
            why: refusal.why,
        };
        self.common.witness.turned_away(turned);
        self.common.metrics.count(&telemetry::TURNED_AWAY, &[refusal.status.as_str()]);
        refusal.into()
    }

    /// Nothing of this request reaches a server.
    fn turns_away(&self, caller: &Caller, who: Option<&Principal>, refusal: Refusal) -> Reply {
        self.common.witness.turned_away(Turned {
            caller,
            principal: who,
            server: None,
            tool: None,
            decision: None,
            why: refusal.why,
        });
        self.common.metrics.count(&telemetry::TURNED_AWAY, &[refusal.status.as_str()]);
        refusal.into()
    }

    /// The same of somebody known, at a server.
    fn not_let_in(&self, visit: &Visit<'_>, why: &str) {
        self.records(visit, why, None, None);
    }

    fn records(
        &self,
        visit: &Visit<'_>,
        why: &str,
        decision: Option<Decision>,
        tool: Option<String>,
    ) {
        let (principal, server) = (Some(&visit.guest.principal), visit.server());
        let caller = &visit.caller;
        self.common.witness.turned_away(Turned { caller, principal, server, tool, decision, why });
    }

    async fn serve(&self, parts: &Parts, body: Body, visit: &Visit<'_>) -> Result<Reply, Away> {
        if parts.method != Method::POST {
            self.may(parts, std::iter::empty(), visit)?;
        }
        if visit.door != Door::Streamable {
            return self.serve_old(parts, body, visit).await;
        }
        let modern = only(parts, VERSION)? == Some(Revision::V2026_07_28.as_str());
        match parts.method {
            Method::POST => self.post(parts, body, visit).await,
            // 2026-07-28 has no other method.
            Method::GET if !modern => self.listen(parts, visit).await,
            Method::DELETE if !modern => self.end(parts, visit),
            _ => Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "that is not done here").into()),
        }
    }

    fn place(&self, path: &str) -> Option<(Target<'_>, Door)> {
        let (name, door) = place(path)?;
        let Some(name) = name else {
            let mut all = Vec::new();
            for seat in &self.seats {
                all.push((self.servers.get(&seat.server)?, seat));
            }
            return (!all.is_empty()).then_some((Target::All(all), door));
        };
        let is_open = door == Door::Streamable || self.serve.legacy_sse;
        Some((Target::One(self.servers.get(&name).filter(|_| is_open)?), door))
    }

    pub(super) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.common.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One message.
    async fn post(&self, parts: &Parts, body: Body, visit: &Visit<'_>) -> Result<Reply, Away> {
        accepts(parts, &["application/json", "text/event-stream"])?;
        if !is_json(parts) {
            let why = "a message is application/json";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why).into());
        }
        let version = only(parts, VERSION)?;
        let (bytes, _held) = match self.reads(body, visit).await? {
            Ok(read) => read,
            Err(wait) => return Ok(wait),
        };
        let mut message = match parse(&bytes, &visit.limits()) {
            // What is under way is answered, and what clients have to say of it is heard.
            Ok(Message::Request(_)) if self.common.lull.is_on() => return Err(lull::ends().into()),
            Ok(message) => message,
            Err(Malformed { kind: MalformedKind::Batch, .. }) => {
                return self.batch(parts, version, &bytes, visit).await;
            }
            Err(malformed) => {
                self.may(parts, std::iter::empty(), visit)?;
                return self.malformed(parts, visit, malformed).await;
            }
        };
        self.opens(parts, &mut message, visit);
        self.may(parts, std::iter::once(&message), visit)?;
        let _ = visit.asks.set(asks(&message));
        let meta = meta(&message);
        let says_modern = version == Some(Revision::V2026_07_28.as_str());
        if meta.protocol_version.is_some() || says_modern {
            if let Err(header) = mirrored::check(parts, &message) {
                let why = format!("the header {header} and the body do not agree");
                self.not_let_in(visit, &why);
                return Ok(refused(&message, code::HEADER_MISMATCH, &why));
            }
            let said = match mirrored::arguments(parts) {
                Ok(said) => said,
                Err(header) => {
                    let why = format!("the header {header} stands twice or cannot be read");
                    self.not_let_in(visit, &why);
                    return Ok(refused(&message, code::HEADER_MISMATCH, &why));
                }
            };
            // It lasts for as long as it is listened to, and nobody waits for its answer.
            let listens = visit.asks.get().is_some_and(|method| *method == LISTEN);
            if listens && let Err(wait) = visit.place.lasts() {
                return Ok(self.told_to_wait(&visit.caller, &visit.guest.principal, &wait));
            }
            return Ok(self.modern(message, &meta, said, visit).await?);
        }
        Ok(match &message {
            Message::Request(request) if request.method == "initialize" => {
                self.initialize(message, visit).await?
            }
            _ => self.legacy(parts, version, message, visit).await?,
        })
    }

    /// What is no message is told so, and the session that it was for counts it.
    pub(super) async fn malformed(
        &self,
        parts: &Parts,
        visit: &Visit<'_>,
        malformed: Malformed,
    ) -> Result<Reply, Away> {
        let told = match self.named(parts, visit) {
            Ok(session) => session.tell(Said::Malformed(malformed.clone())).await,
            // Whose session it is counts for more than what was said to it.
            Err(away) if away.decision.is_some() => return Err(away),
            Err(_) => false,
        };
        if !told {
            self.not_let_in(visit, malformed.public());
        }
        Ok(answer_to(&malformed)
            .map_or_else(|| OURS.into(), |it| json(StatusCode::BAD_REQUEST, it)))
    }

    /// A conversation that knows no sessions (2026-07-28).
    async fn modern(
        &self,
        message: Message,
        meta: &Meta,
        said: Vec<(String, String)>,
        visit: &Visit<'_>,
    ) -> Result<Reply, Refusal> {
        let Message::Request(request) = &message else {
            // Nothing that a client may tell without asking has a session to be told to: what it
            // takes back, it takes back by closing the response.
            self.not_let_in(visit, "over HTTP, 2026-07-28 has requests only: it was dropped");
            return Ok(empty(StatusCode::ACCEPTED));
        };
        // Before anything is started for it.
        if let Some(answer) = refused_before_session(request) {
            self.not_let_in(visit, "the request does not declare itself as 2026-07-28 wants it");
            return Ok(ours(StatusCode::BAD_REQUEST, Some(&answer)));
        }
        let declared = meta.client_capabilities.as_ref().map(Json::from_value);
        let declared = declared.as_ref().map(canonical).unwrap_or_default();
        let kinship = Kinship {
            servers: self.behind(visit),
            is_aggregate: visit.target.is_aggregate(),
            principal: visit.guest.principal.clone(),
            declared: Fingerprint::of(&declared),
        };
        let session = {
            let mut sessions = self.sessions();
            match sessions.kin(&kinship) {
                Some(session) => session,
                None => {
                    let session = self.start(&mut sessions, visit, true)?;
                    sessions.begin_shared(kinship, Arc::clone(&session));
                    session
                }
            }
        };
        let status = |code: Option<i64>| match code {
            Some(code::METHOD_NOT_FOUND) => StatusCode::NOT_FOUND,
            Some(
                code::UNSUPPORTED_VERSION..=code::HEADER_MISMATCH
                | code::INVALID_REQUEST
                | code::PARSE_ERROR,
            ) => StatusCode::BAD_REQUEST,
            _ => StatusCode::OK,
        };
        let answers = self.ask(&session, message, Some(said), visit).await?;
        Ok(respond(answers, visit.guest.until, status).await)
    }

    /// A session begins (until 2025-11-25).
    async fn initialize(&self, message: Message, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let name = SessionId::roll().map_err(|_| OURS)?.letters();
        let session = {
            let mut sessions = self.sessions();
            let session = self.start(&mut sessions, visit, false)?;
            sessions.begin(&name, Arc::clone(&session));
            session
        };
        let mut beginning = Beginning { front: self, name, told: false };
        let mut answers = self.ask(&session, message, None, visit).await?;
        // Nothing else is said before this is answered, so it is waited for as long as it takes.
        let Some(parcel) = answers.parcels.recv().await else { return Ok(gone()) };
        let Some(revision) = agreed(&parcel) else { return Ok(whole(StatusCode::OK, parcel)) };
        // Set once, here.
        let _ = session.revision.set(revision);
        let mut reply = whole(StatusCode::OK, parcel);
        if let Ok(letters) = beginning.name.parse() {
            reply.headers_mut().insert(SESSION, letters);
            beginning.told = true;
        }
        Ok(reply)
    }

    /// A message of a session (until 2025-11-25).
    async fn legacy(
        &self,
        parts: &Parts,
        version: Option<&str>,
        message: Message,
        visit: &Visit<'_>,
    ) -> Result<Reply, Away> {
        let session = self.named(parts, visit)?;
        fits(version, &session)?;
        if let Message::Request(_) = &message {
            let answers = self.ask(&session, message, None, visit).await?;
            return Ok(respond(answers, visit.guest.until, |_| StatusCode::OK).await);
        }
        if !session.tell(Said::Message(Box::new(message), None)).await {
            return Err(NO_SESSION.into());
        }
        Ok(empty(StatusCode::ACCEPTED))
    }

    /// A stream for what belongs to no request (until 2025-11-25).
    async fn listen(&self, parts: &Parts, visit: &Visit<'_>) -> Result<Reply, Away> {
        accepts(parts, &["text/event-stream"])?;
        let session = self.named(parts, visit)?;
        fits(only(parts, VERSION)?, &session)?;
        // What is under way may be fetched to the end.
        if let Some(last) = only(parts, LAST)? {
            return Ok(resume(&session, last, visit.guest.until).await?);
        }
        if self.common.lull.is_on() {
            return Err(lull::ends().into());
        }
        let (post, answers) = Answers::open(&session, 0).map_err(|_| OURS)?;
        if !session.tell(Said::Listens(post)).await {
            return Err(NO_SESSION.into());
        }
        Ok(streamed(Stream::new(answers, None, visit.guest.until)))
    }

    fn end(&self, parts: &Parts, visit: &Visit<'_>) -> Result<Reply, Away> {
        self.named(parts, visit)?;
        if let Some(name) = only(parts, SESSION)? {
            self.sessions().end(name);
        }
        Ok(empty(StatusCode::NO_CONTENT))
    }

    /// The session that a request names, for whoever began it.
    pub(super) fn named(&self, parts: &Parts, visit: &Visit<'_>) -> Result<Arc<Session>, Away> {
        let name = only(parts, SESSION)?.ok_or(UNNAMED)?;
        self.session(name, visit)
    }

    /// The session of this name.
    pub(super) fn session(&self, name: &str, visit: &Visit<'_>) -> Result<Arc<Session>, Away> {
        let session = self.sessions().find(name).ok_or(NO_SESSION)?;
        if session.principal != visit.guest.principal {
            let decision = Some(Box::new(not_theirs()));
            self.common.metrics.count(&telemetry::TURNED_AWAY, &[NOT_YOURS.status.as_str()]);
            return Err(Away { refusal: NOT_YOURS, decision, tool: None });
        }
        let is_old = visit.door != Door::Streamable;
        let is_its = match &visit.target {
            Target::One(plan) => {
                !session.is_aggregate && session.servers == [plan.server.name.clone()]
            }
            // What whoever asks may not do any more, nobody goes on doing for them.
            Target::All(_) => {
                let may = self.behind(visit);
                session.is_aggregate && session.servers.iter().all(|name| may.contains(name))
            }
        };
        if !is_its || session.is_old != is_old {
            return Err(NO_SESSION.into());
        }
        Ok(session)
    }

    pub(super) fn start(
        &self,
        sessions: &mut Sessions,
        visit: &Visit<'_>,
        shared: bool,
    ) -> Result<Arc<Session>, Refusal> {
        // Nothing begins under a config that holds no more.
        if sessions.config != self.config {
            return Err(CHANGED);
        }
        let (servers, principal) = (self.behind(visit), visit.guest.principal.clone());
        if !sessions.has_room(&principal, servers.len()) {
            return Err(FULL);
        }
        let is_old = visit.door != Door::Streamable;
        let own = |plan: &Plan| Plan { principal: principal.clone(), ..plan.clone() };
        let crew = &self.common.crew;
        let voice = match &visit.target {
            Target::One(plan) => worker::begin(own(plan), shared, crew),
            Target::All(_) => {
                let seats = visit.seats(&self.serve);
                let plans = seats.into_iter().map(|(plan, seat)| (own(plan), seat.clone()));
                aggregate::begin(aggregate::Beginning {
                    plans: plans.collect(),
                    caller: visit.caller.clone(),
                    principal: principal.clone(),
                    shared,
                    crew: crew.clone(),
                    witness: Arc::clone(&self.common.witness),
                })
            }
        };
        let (voice, is_aggregate) = (voice.map_err(|_| FULL)?, visit.target.is_aggregate());
        Ok(Arc::new(Session::new(servers, is_aggregate, principal, voice, is_old)))
    }

    /// The servers that stand behind a session of whoever asks.
    fn behind(&self, visit: &Visit<'_>) -> Vec<ServerName> {
        match &visit.target {
            Target::One(plan) => vec![plan.server.name.clone()],
            Target::All(_) => {
                let seats = visit.seats(&self.serve);
                seats.into_iter().map(|(_, seat)| seat.server.clone()).collect()
            }
        }
    }

    /// A request goes to its session, with a response that waits.
    async fn ask(
        &self,
        session: &Arc<Session>,
        message: Message,
        mirrored: Option<Vec<(String, String)>>,
        visit: &Visit<'_>,
    ) -> Result<Answers, Refusal> {
        let (mut post, answers) = Answers::open(session, 1).map_err(|_| OURS)?;
        (post.mirrored, post.opening) = (mirrored, visit.opening());
        if !session.tell(Said::Message(Box::new(message), Some(post))).await {
            return Err(NO_SESSION);
        }
        visit.is_heard();
        Ok(answers)
    }
}

/// Of what a path leads to, what whoever asks may reach.
fn reached<'a>(target: Target<'a>, guest: &Guest) -> Option<Target<'a>> {
    match target {
        Target::One(plan) => guest.may_reach(&plan.server.name).then_some(Target::One(plan)),
        Target::All(mut all) => {
            all.retain(|(_, seat)| guest.may_reach(&seat.server));
            (!all.is_empty()).then_some(Target::All(all))
        }
    }
}

const NOWHERE: Refusal = Refusal::new(StatusCode::NOT_FOUND, "there is no such server here");
pub(super) const UNNAMED: Refusal =
    Refusal::new(StatusCode::BAD_REQUEST, "the request names no session");
pub(super) const NO_SESSION: Refusal =
    Refusal::new(StatusCode::NOT_FOUND, "there is no such session");
const NOT_YOURS: Refusal = Refusal::new(StatusCode::FORBIDDEN, "this is not your session");
pub(super) const CHANGED: Refusal =
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the config changed meanwhile: ask again");
const FULL: Refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "there are too many sessions");
pub(super) const OURS: Refusal =
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "that did not work");

pub(super) fn meta(message: &Message) -> Meta {
    let params = match message {
        Message::Request(request) => request.params.as_ref(),
        Message::Notification(said) => said.params.as_ref(),
        Message::Response(_) => None,
    };
    Meta::read(params).unwrap_or_default()
}

/// What a message asks for, in our words.
pub(super) fn asks(message: &Message) -> &'static str {
    match message {
        Message::Request(request) => telemetry::method(&request.method),
        Message::Notification(said) => telemetry::method(&said.method),
        Message::Response(_) => "answer",
    }
}

/// The revision of a session that began.
fn agreed(parcel: &Parcel) -> Option<Revision> {
    let limits = Limits { message_bytes: usize::MAX, depth: DEPTH, nodes: usize::MAX };
    let Ok(Message::Response(Response { outcome: Outcome::Result(result), .. })) =
        parse(&parcel.json, &limits)
    else {
        return None;
    };
    Revision::parse(&Initialized::read(&result).ok()?.protocol_version)
}
