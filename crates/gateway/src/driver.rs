//! The story: something happens, the session judges, we do what it says.
//!
//! One task owns everything; nothing is locked and nothing is spawned. When the
//! way to one peer is full, whoever fills it is not read until there is room.

use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use portcullis_confine::Custody;
use portcullis_journal::Timestamp;
use portcullis_mediation::{Closing, Session};
use portcullis_store::{Approvals, Journal};
use portcullis_transport::Lines;
use portcullis_wire::{Frame, Limits, Malformed, MalformedKind, Message, Notification, Peer};
use rustix::process::Signal as Unix;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::alarm::Alarm;
use crate::approve::Watch;
use crate::channels::Calling;
use crate::egress::Wire;
use crate::event::Event;
use crate::held::{Held, Kept};
use crate::host::{Ears, Heard, Mouth};
use crate::launch::Origin;
use crate::pins::PinKeeper;
use crate::reload::Reload;
use crate::roots::Keeper;
use crate::secrets::Secrets;
use crate::serve::member::Passed;
use crate::serve::posts::Said;
use crate::shared::Bond;
use crate::side::SideLog;
use crate::traces::UnderWay;
use crate::upstream;

/// After so many events in a row we look whether something else happened: a peer
/// that always has one more line would else be the only one that is heard.
const STREAK: u32 = 64;

/// How long the server may go on answering after the host closed its end.
const DRAIN: Duration = Duration::from_secs(5);

/// The signals by which an operator or a host asks us to stop.
#[derive(Debug)]
pub(crate) struct Stop {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    /// Never waited for. With a listener, a file that may not grow is an error
    /// of the write, so that the host is told, and not the end of us.
    _file_too_large: Signal,
}

/// What a signal asks of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To end.
    End,
    /// To end, where we have one host; to read the config again, where we serve many.
    HangUp,
}

impl Stop {
    /// Listens from now on.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            _file_too_large: signal(SignalKind::from_raw(Unix::XFSZ.as_raw()))?,
        })
    }

    /// Waits for one of them.
    ///
    /// # Cancel safety
    /// Safe: a signal that arrived is seen by the next call.
    pub(crate) async fn asked(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::End,
            _ = self.interrupt.recv() => Asked::End,
            _ = self.hang_up.recv() => Asked::HangUp,
        }
    }
}

/// What asks one session to stop. It is heard whatever else has to wait.
#[derive(Debug)]
pub(crate) enum Stopping {
    /// The signals of our process.
    Signals(Stop),
    /// Whoever has the session, by saying so or by being gone.
    Told(watch::Receiver<bool>),
}

impl Stopping {
    /// Waits for it.
    ///
    /// # Cancel safety
    /// Safe: what was asked meanwhile is seen by the next call.
    async fn asked(&mut self) {
        match self {
            Self::Signals(stop) => drop(stop.asked().await),
            Self::Told(ended) => drop(ended.wait_for(|ended| *ended).await),
        }
    }
}

/// A running gateway for one server.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) session: Session,
    pub(crate) journal: Journal,
    pub(crate) approvals: Approvals,
    pub(crate) watch: Watch,
    pub(crate) calling: Calling,
    pub(crate) keeper: Keeper,
    pub(crate) origin: Origin,
    pub(crate) pins: PinKeeper,
    pub(crate) secrets: Secrets,
    pub(crate) reload: Reload,
    /// The life of the server's process, if it has one here.
    pub(crate) custody: Option<Custody>,
    pub(crate) side: SideLog,
    pub(crate) limits: Limits,
    pub(crate) from_client: Ears,
    pub(crate) to_client: Mouth,
    pub(crate) from_server: upstream::Ears,
    pub(crate) to_server: upstream::Mouth,
    /// What a process writes beside the protocol, until it closes that.
    pub(crate) stderr: Option<Lines>,
    pub(crate) wire: Option<Wire>,
    /// What it counts together with other sessions.
    pub(crate) bond: Option<Bond>,
    /// The spans of what was asked and not answered.
    pub(crate) asked: UnderWay,
    /// What the host said, and a fresh process will hear.
    pub(crate) held: Held,
    pub(crate) stop: Stopping,
    pub(crate) alarm: Alarm,
    /// Since when the host has said all it will say.
    pub(crate) draining: Option<Instant>,
    pub(crate) over: Option<Closing>,
}

impl Driver {
    /// Runs until a peer is gone.
    pub(crate) async fn run(&mut self) -> Closing {
        self.perform();
        let mut streak = 0;
        loop {
            if let Some(closing) = self.over {
                return closing;
            }
            streak += 1;
            if streak >= STREAK {
                streak = 0;
                // Clocks and pipes are looked at while we wait, and only then.
                tokio::task::yield_now().await;
            }
            match self.next_event().await {
                Ok(event) => self.happened(event),
                Err(peer) => self.session.closed(peer, Instant::now()),
            }
            self.perform();
        }
    }

    /// Waits for the next thing to happen. An error names the peer that can no
    /// longer be written to.
    ///
    /// # Cancel safety
    /// Every branch is cancel safe; nothing is lost when another one wins.
    async fn next_event(&mut self) -> Result<Event, Peer> {
        self.alarm.no_later_than(self.next_wake());
        let read_client =
            self.draining.is_none() && !self.to_server.is_full() && !self.to_client.is_full();
        let read_client = read_client && !self.held.is_full();
        let read_server = !self.to_client.is_full();
        let Self { from_client, from_server, stderr, alarm, wire, .. } = self;
        // Without an order: whoever has something to say gets a turn.
        let heard = async {
            tokio::select! {
                heard = from_server.next(), if read_server => arrived(heard),
                heard = from_client.next(), if read_client => heard_of(heard),
                line = words(stderr) => match line {
                    Ok(Some(frame)) => Event::Stderr(frame),
                    Ok(None) | Err(_) => Event::StderrEnded,
                },
                told = Wire::denied(wire) => Event::Unreached(told),
                () = alarm.rings() => Event::Tick,
            }
        };
        tokio::select! {
            biased;
            failed = self.to_client.flush(), if !self.to_client.is_empty() => {
                failed.map(|()| Event::Tick).map_err(|_| Peer::Client)
            }
            failed = self.to_server.flush(), if !self.to_server.is_empty() => {
                failed.map(|()| Event::Tick).map_err(|_| Peer::Server)
            }
            () = self.stop.asked() => Ok(Event::Stop),
            event = heard => Ok(event),
        }
    }

    fn next_wake(&self) -> Option<Instant> {
        let drained = self.draining.map(|since| since + DRAIN);
        // A server that is somewhere else has no box to look into.
        let looks = self.custody.is_some() || self.keeper.has_roots();
        let roots = looks.then(|| self.keeper.next_look());
        let pins = self.pins.next_look();
        let (secrets, reload) = (self.secrets.next_look(), self.reload.next_look());
        let (session, watch) = (self.session.poll_timeout(), self.watch.next_look());
        let kept = self.to_client.next_end();
        [session, watch, roots, pins, secrets, reload, drained, kept].into_iter().flatten().min()
    }

    /// Tells the session what happened.
    fn happened(&mut self, event: Event) {
        let now = Instant::now();
        match event {
            Event::Line(peer, frame) => self.line(peer, frame, now),
            Event::Said(before, said) => {
                before.into_iter().for_each(|left| self.said(Said::Left(left), now));
                self.said(said, now);
            }
            Event::Heard(heard) => self.heard(heard, now),
            Event::Ended(Peer::Client) => {
                self.draining = Some(now);
                // Nobody is left for whom another process would be worth the wait.
                self.keep_old_secrets(now);
            }
            Event::Ended(Peer::Server) => self.session.closed(Peer::Server, now),
            Event::Stderr(frame) => self.keep_stderr(frame),
            Event::StderrEnded => self.stderr = None,
            Event::Unreached(told) => {
                let record = self.session.unreached(&told);
                self.session.note(record);
            }
            Event::Tick => self.session.handle_timeout(now),
            Event::Stop => self.session.closed(Peer::Client, now),
        }
        self.look_for_answers(now);
        self.look_at_roots(now);
        self.look_at_secrets(now);
        self.look_at_network(now);
        self.look_for_pins(now);
        self.to_client.age(now);
        let drained =
            self.draining.is_some_and(|since| self.session.is_idle() || now >= since + DRAIN);
        if drained {
            self.session.closed(Peer::Client, now);
        }
    }

    /// What waited goes on.
    pub(crate) fn release(&mut self, now: Instant) {
        for kept in self.held.release() {
            match kept {
                Kept::Line(frame) => self.line(Peer::Client, frame, now),
                Kept::Message(message) => self.session.receive(Peer::Client, *message, now),
            }
        }
    }

    fn line(&mut self, peer: Peer, frame: Frame, now: Instant) {
        let parsed = match &frame {
            Frame::Line(line) => portcullis_wire::parse(line, &self.limits),
            Frame::TooLong { .. } => Err(Malformed { kind: MalformedKind::TooLong, id: None }),
        };
        let frame = match peer {
            // What the host asks next waits for the process that has the new secret.
            Peer::Client if self.secrets.waits() && self.session.may_restart() => {
                let Some(frame) = self.held.take(&parsed, frame) else { return };
                frame
            }
            _ => frame,
        };
        match (parsed, frame) {
            (Ok(message), _) => self.session.receive(peer, message, now),
            (Err(Malformed { kind: MalformedKind::Batch, .. }), Frame::Line(line)) => {
                self.session.receive_batch(peer, &line, &self.limits, now);
            }
            (Err(malformed), _) => self.session.malformed(peer, &malformed, now),
        }
    }

    /// The HTTP gateway tells what came for this session.
    fn said(&mut self, said: Said, now: Instant) {
        let said = match said {
            Said::Passed(passed) => return self.passed(*passed, now),
            said => said,
        };
        let Mouth::Posts(posts) = &mut self.to_client else { return };
        match said {
            Said::Passed(_) => {}
            Said::Message(message, mut post) => {
                let mirrored = post.as_mut().and_then(|post| post.mirrored.take());
                let opening = post.as_mut().and_then(|post| post.opening.take());
                let message = posts.hears(*message, post);
                if let (Message::Request(request), Some(said)) = (&message, mirrored) {
                    self.session.mirror(request.id.clone(), said);
                }
                if let (Message::Request(request), Some(opening)) = (&message, opening) {
                    self.asked.begins(&request.id, *opening);
                }
                self.hear(message, now);
            }
            Said::Malformed(malformed) => {
                posts.hears_malformed(&malformed);
                self.session.malformed(Peer::Client, &malformed, now);
            }
            Said::Listens(post) => posts.listens(post),
            Said::Opens(post) => posts.opens_all(post),
            Said::Asks(request, place, opening) => {
                if let Some(opening) = opening {
                    self.asked.begins(&request.id, *opening);
                }
                let message = posts.asks(*request, place);
                self.hear(message, now);
            }
            Said::Resumes(resumes) => posts.resumes(resumes),
            Said::Left(left) => {
                let id = posts.left(left);
                // Until 2025-11-25 a lost connection takes nothing back.
                if let Some(id) = id.filter(|_| posts.is_shared()) {
                    let cancelled = Notification::cancelled(&id);
                    self.session.receive(Peer::Client, Message::Notification(cancelled), now);
                }
            }
        }
    }

    /// An aggregate, whose client asks more than one server, has something for this one.
    fn passed(&mut self, passed: Passed, now: Instant) {
        let Passed { message, mirrored, opening } = passed;
        if let Message::Request(request) = &message {
            if let Some(said) = mirrored {
                self.session.mirror(request.id.clone(), said);
            }
            if let Some(opening) = opening {
                self.asked.begins(&request.id, *opening);
            }
        }
        self.hear(message, now);
    }

    fn hear(&mut self, message: Message, now: Instant) {
        let waits = self.secrets.waits() && self.session.may_restart();
        let message = if waits { self.held.take_message(message) } else { Some(message) };
        if let Some(message) = message {
            self.session.receive(Peer::Client, message, now);
        }
    }

    fn keep_stderr(&mut self, frame: Frame) {
        match frame {
            Frame::Line(line) => self.side.keep(&String::from_utf8_lossy(&line)),
            Frame::TooLong { bytes } => self.side.keep(&format!("(a line of {bytes} bytes)")),
        }
    }

    /// Closes the server's input, after what is queued for it.
    pub(crate) async fn end_input(&mut self) {
        let _ = tokio::time::timeout(Duration::from_secs(1), self.to_server.flush()).await;
        self.to_server.end();
    }

    /// Lets a server that ends write its last words, for a moment.
    pub(crate) async fn drain(&mut self) {
        let moment = Duration::from_millis(20);
        let read = async {
            loop {
                tokio::select! {
                    line = words(&mut self.stderr) => match line {
                        Ok(Some(frame)) => return Some(frame),
                        Ok(None) | Err(_) => self.stderr = None,
                    },
                    line = self.from_server.next() => if !matches!(line, Ok(Some(_))) {
                        tokio::time::sleep(moment).await;
                    },
                }
            }
        };
        if let Ok(Some(frame)) = tokio::time::timeout(moment, read).await {
            self.keep_stderr(frame);
        }
    }

    /// Keeps what a server that has ended left in its stderr.
    pub(crate) async fn last_words(&mut self) {
        let deadline = tokio::time::Instant::now() + Duration::from_millis(500);
        while self.stderr.is_some() {
            match tokio::time::timeout_at(deadline, words(&mut self.stderr)).await {
                Ok(Ok(Some(frame))) => self.keep_stderr(frame),
                Ok(Ok(None) | Err(_)) | Err(_) => self.stderr = None,
            }
        }
    }

    /// Seals the journal: the last checkpoint covers every record.
    pub(crate) fn seal(self) {
        if let Err(error) = self.journal.close() {
            tell!("portcullis: the journal's last checkpoint cannot be written: {error}");
        }
    }

    /// Writes what is left for the host, for a moment.
    pub(crate) async fn flush_client(&mut self) {
        let _ = tokio::time::timeout(Duration::from_secs(2), self.to_client.flush()).await;
    }
}

fn arrived(heard: io::Result<Option<upstream::Heard>>) -> Event {
    match heard {
        Ok(Some(upstream::Heard::Line(frame))) => Event::Line(Peer::Server, frame),
        Ok(Some(upstream::Heard::Remote(heard))) => Event::Heard(heard),
        Ok(None) | Err(_) => Event::Ended(Peer::Server),
    }
}

/// The next line that a process writes beside the protocol; where there is none, nothing comes.
async fn words(stderr: &mut Option<Lines>) -> io::Result<Option<Frame>> {
    match stderr {
        Some(lines) => lines.next().await,
        None => std::future::pending().await,
    }
}

fn heard_of(heard: io::Result<Option<Heard>>) -> Event {
    match heard {
        Ok(Some(Heard::Line(frame))) => Event::Line(Peer::Client, frame),
        Ok(Some(Heard::Said(before, said))) => Event::Said(before, said),
        Ok(None) | Err(_) => Event::Ended(Peer::Client),
    }
}

/// The wall clock, for records and approvals.
pub(crate) fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}
