//! Several servers at one address: who is asked what is decided in `mediation/src/aggregate.rs`, and
//! done here. Towards its client this is a session as any other; behind it each server has a session
//! of its own (`member.rs`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use portcullis_mediation::aggregate::{Aggregate, Seat, Step};
use portcullis_mediation::{SealKey, not_started};
use portcullis_policy::{Principal, ServerName};
use portcullis_transport::http::Caller;
use portcullis_wire::{Era, Id, Message, Notification};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use super::crew::Crew;
use super::member::{Passed, Report, Reports};
use super::parcel::Room;
use super::posts::{Left, Posts, Said, Told};
use super::witness::{Turned, Witness};
use super::worker::{self, Voice};
use crate::launch::Plan;
use crate::shared::Shared;
use crate::traces::Opening;

/// What one server may have been told, and not heard, before more is refused for it.
const AHEAD: usize = 256;
/// Things that are not shown and told of, in one session.
const TOLD: usize = 16;

/// Everything that an aggregate begins with.
pub(super) struct Beginning {
    /// Its servers, and who they are for.
    pub(super) plans: Vec<(Plan, Seat)>,
    pub(super) caller: Caller,
    pub(super) principal: Principal,
    /// Several programs share it (2026-07-28).
    pub(super) shared: bool,
    pub(super) crew: Crew,
    pub(super) witness: Arc<Witness>,
}

/// An aggregate that goes on.
struct Table {
    mind: Aggregate,
    posts: Posts,
    places: Vec<Chair>,
    reports: UnboundedSender<Report>,
    caller: Caller,
    principal: Principal,
    crew: Crew,
    witness: Arc<Witness>,
    /// What came with requests that are being judged.
    beside: BTreeMap<Id, Beside>,
    told: usize,
    /// Sessions that were begun and are not over.
    going: usize,
}

type Beside = (Option<Vec<(String, String)>>, Option<Box<Opening>>);

/// A server's place.
struct Chair {
    plan: Plan,
    server: ServerName,
    voice: Option<Voice>,
    turn: u64,
    room: Arc<Room>,
    ahead: Arc<Semaphore>,
}

/// Begins an aggregate, and says how to speak to it.
///
/// # Errors
/// When there can be no thread for it, or no key.
pub(super) fn begin(beginning: Beginning) -> std::io::Result<Voice> {
    let Beginning { plans, caller, principal, shared, crew, witness } = beginning;
    let (say, said) = unbounded_channel();
    let (ended, ends) = watch::channel(false);
    let key = crate::dice::key().map_err(std::io::Error::other)?;
    let shares = plans.first().map(|(plan, _)| plan.shared.clone()).unwrap_or_default();
    let posts = posts(&shares, &principal, shared);
    let (seats, places): (Vec<Seat>, Vec<Chair>) = plans
        .into_iter()
        .map(|(plan, seat)| {
            let room = Room::among(shares.metrics().queued);
            let (server, ahead) = (seat.server.clone(), Arc::new(Semaphore::new(AHEAD)));
            (seat, Chair { plan, server, voice: None, turn: 0, room, ahead })
        })
        .unzip();
    let era = if shared { Era::Modern } else { Era::Legacy };
    let mind = Aggregate::new(seats, era, SealKey::new(key));
    let (reports, heard) = unbounded_channel();
    let (beside, told, going) = (BTreeMap::new(), 0, 0);
    let hand = crew.clone();
    let table = Table {
        mind,
        posts,
        places,
        reports,
        caller,
        principal,
        crew,
        witness,
        beside,
        told,
        going,
    };
    hand.works(table.stand(said, heard, ends))?;
    Ok(Voice { say, ended })
}

fn posts(shares: &Shared, principal: &Principal, shared: bool) -> Posts {
    Posts::new(shared, shares.metrics().queued, shares.kept(principal))
}

impl Table {
    /// Until somebody ends it; it is over when the sessions behind it are.
    async fn stand(
        mut self,
        mut said: UnboundedReceiver<Told>,
        mut heard: UnboundedReceiver<Report>,
        mut ends: watch::Receiver<bool>,
    ) {
        loop {
            self.perform();
            let wake =
                [self.mind.poll_timeout(), self.posts.next_end()].into_iter().flatten().min();
            let is_full = self.posts.is_full();
            tokio::select! {
                _ = ends.wait_for(|ended| *ended) => break,
                told = said.recv(), if !is_full => match told {
                    Some(told) => self.hears(told),
                    None => break,
                },
                Some(report) = heard.recv(), if !is_full => self.heard(report),
                () = self.posts.room(), if is_full => {}
                () = until(wake) => {}
            }
            let now = Instant::now();
            self.posts.age(now);
            self.mind.handle_timeout(now);
        }
        self.places.iter_mut().for_each(|place| place.voice = None);
        while self.going > 0 {
            let Some(report) = heard.recv().await else { break };
            self.going -= usize::from(report.said.is_none());
        }
    }

    /// The HTTP side told something.
    fn hears(&mut self, Told { before, said, .. }: Told) {
        before.into_iter().for_each(|left| self.left(left));
        let now = Instant::now();
        match said {
            Said::Message(message, mut post) => {
                let mirrored = post.as_mut().and_then(|post| post.mirrored.take());
                let opening = post.as_mut().and_then(|post| post.opening.take());
                let message = self.posts.hears(*message, post);
                if let Message::Request(request) = &message {
                    self.beside.insert(request.id.clone(), (mirrored, opening));
                }
                self.mind.client(message, now);
                self.perform();
                self.beside.clear();
            }
            Said::Malformed(malformed) => {
                self.posts.hears_malformed(&malformed);
                self.refused(None, malformed.public());
            }
            Said::Listens(post) => self.posts.listens(post),
            Said::Resumes(resumes) => self.posts.resumes(resumes),
            Said::Left(left) => self.left(left),
            // There is no such door to an aggregate.
            Said::Opens(_) | Said::Asks(..) | Said::Passed(_) => {}
        }
    }

    fn left(&mut self, left: Left) {
        let id = self.posts.left(left);
        // Until 2025-11-25 a lost connection takes nothing back.
        if let Some(id) = id.filter(|_| self.posts.is_shared()) {
            let cancelled = Notification::cancelled(&id);
            self.mind.client(Message::Notification(cancelled), Instant::now());
        }
    }

    /// A server's session said something, or is over.
    fn heard(&mut self, Report { member, turn, said, .. }: Report) {
        self.going -= usize::from(said.is_none());
        let Some(place) = self.places.get_mut(member).filter(|place| place.turn == turn) else {
            return;
        };
        match said {
            Some(message) => self.mind.member(member, &message, Instant::now()),
            None => {
                place.voice = None;
                self.mind.gone(member, Instant::now());
            }
        }
    }

    fn perform(&mut self) {
        while let Some(step) = self.mind.poll() {
            match step {
                Step::Begin(member) => self.begins(member),
                Step::End(member) => {
                    if let Some(place) = self.places.get_mut(member) {
                        // What it says from here on is for nobody.
                        (place.voice, place.turn) = (None, place.turn + 1);
                    }
                }
                Step::Tell(member, message, goes_on) => self.tells(member, *message, goes_on),
                Step::Say(message) => self.posts.send(&message),
                Step::Refused(server, why) => self.refused(server.as_ref(), why),
                Step::LeftOut(server, name) => self.left_out(server.as_ref(), &name),
            }
        }
    }

    fn begins(&mut self, member: usize) {
        let Some(place) = self.places.get_mut(member) else { return };
        place.turn += 1;
        let (to, room) = (self.reports.clone(), Arc::clone(&place.room));
        let reports = Reports::new(member, place.turn, to, room);
        // That it is over is told by whoever drops this.
        self.going += 1;
        match worker::begin_behind(place.plan.clone(), reports, &self.crew) {
            Ok(voice) => place.voice = Some(voice),
            Err(error) => tell!("portcullis: {}: cannot run: {error}", place.server),
        }
    }

    fn tells(&mut self, member: usize, message: Message, goes_on: Option<Id>) {
        let beside = goes_on.and_then(|id| self.beside.remove(&id));
        let (mirrored, opening) = beside.unwrap_or_default();
        let asked = match &message {
            Message::Request(request) => Some(request.id.clone()),
            Message::Notification(_) | Message::Response(_) => None,
        };
        let Some(place) = self.places.get(member) else { return };
        let room = Arc::clone(&place.ahead).try_acquire_owned().ok();
        let told = room.zip(place.voice.as_ref()).is_some_and(|(room, voice)| {
            let said = Said::Passed(Box::new(Passed { message, mirrored, opening }));
            voice.say.send(Told { before: Vec::new(), said, _room: Some(room) }).is_ok()
        });
        if !told {
            self.refused(Some(&place.server), UNHEARD);
        }
        let unheard = asked.filter(|_| !told).and_then(|id| not_started(id, UNHEARD));
        if let Some(answer) = unheard {
            self.mind.member(member, &answer, Instant::now());
        }
    }

    fn refused(&self, server: Option<&ServerName>, why: &str) {
        self.witness.turned_away(Turned {
            caller: &self.caller,
            principal: Some(&self.principal),
            server,
            tool: None,
            decision: None,
            why,
        });
    }

    /// Whoever operates the gateway is told what a host would not take.
    fn left_out(&mut self, server: Option<&ServerName>, name: &str) {
        self.told += 1;
        if let (Some(server), true) = (server, self.told <= TOLD) {
            tell!(
                "portcullis: {server}: `{name}` is not in the aggregate: with the server's name \
                 before it, it is more than 64 letters, digits, `-` and `_`"
            );
        }
    }
}

/// What a client is told whose server does not hear any more.
const UNHEARD: &str = "the server of this has too much to do, or is gone";

async fn until(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake.into()).await,
        None => std::future::pending().await,
    }
}
