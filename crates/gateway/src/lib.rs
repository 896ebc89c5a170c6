//! Pipes, clocks and people, wired to sessions.
//!
//! Read in this order: `launch.rs` (a plan becomes a box and a session),
//! `driver.rs` (the story of a running gateway), `event.rs` (what can happen),
//! `upstream.rs` and `remote.rs` (a server that is somewhere else), `signin.rs` (a token for it),
//! `perform.rs` (doing what the session says), `channels.rs`, `approve.rs` and `prompt.rs`
//! (calling a person, and waiting for one), `roots.rs` and `restart.rs` (what changes in a box
//! that runs, and a box that takes another's place), `secrets.rs` and `reload.rs` (what it was given, when that changes), `side.rs` (what servers write beside the protocol).

/// One line on stderr. Whoever closed it does not want to know, and that ends nothing.
macro_rules! tell {
    ($($said:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($said)*);
    }};
}

mod admit;
mod alarm;
mod approve;
mod channels;
mod consent;
mod dice;
mod doorbell;
mod driver;
mod egress;
mod event;
mod fault;
mod granting;
mod held;
mod host;
mod identity;
mod launch;
mod left_out;
mod newcomer;
mod perform;
mod pins;
mod prompt;
mod reach;
mod reload;
mod remote;
mod restart;
mod roots;
pub mod secrets;
pub mod serve;
mod shared;
mod side;
mod signin;
mod telemetry;
mod traces;
mod trusted;
mod upstream;
#[cfg(debug_assertions)]
mod without;

use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_journal::{Event, Record};
use portcullis_mediation::Closing;
use portcullis_policy::Principal;
use portcullis_store::{ApprovalStore as _, GrantStore as _};
use portcullis_transport::{Lane, Lines, stdio};
use portcullis_wire::{Frame, Message};

pub use fault::Fault;
pub use launch::Plan;
pub use reload::{Reread, Written};
pub use shared::Shared;

use crate::driver::{Driver, wall_clock};
use crate::egress::Wire;

/// How a guarded server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The host closed the pipe.
    HostLeft,
    /// The server died or was cut off.
    ServerDied,
    /// The journal could not be written.
    Unrecorded,
}

/// How long a server may take to end after its input was closed. Hosts give us
/// as long as we give it before they become impolite (the TypeScript SDK: 2 s).
const GRACE: Duration = Duration::from_millis(1500);
/// And how long after SIGTERM, before SIGKILL (specification, *Lifecycle*, *Shutdown*).
const LAST_GRACE: Duration = Duration::from_secs(1);

/// Who speaks on the host's side of a pipe: the account that started us.
#[must_use]
pub fn whoever_started_us() -> Principal {
    Principal::user(rustix::process::getuid().as_raw())
}

/// Guards one server until the host or the server leaves.
///
/// # Errors
/// A [`Fault`] when nothing could be started; then nothing was.
pub fn run(plan: &Plan) -> Result<Ending, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Fault::ours("the runtime cannot start", error))?;
    runtime.block_on(guard(&Arc::new(plan.clone())))
}

async fn guard(plan: &Arc<Plan>) -> Result<Ending, Fault> {
    match launch::launch(plan, || launch::Host::of_pipes(plan)) {
        Ok(driver) => Ok(watch_over(driver, plan).await),
        Err(fault) => {
            apologise(plan, &fault).await;
            Err(fault)
        }
    }
}

/// From the first message to the last record. Boxed, as a task is as large as all that it holds.
pub(crate) async fn watch_over(mut driver: Box<Driver>, plan: &Plan) -> Ending {
    rest(plan);
    let closing = driver.run().await;
    driver.flush_client().await;
    let died = matches!(closing, Closing::ServerGone | Closing::ServerFlooded);
    let exit = end_server(&mut driver, closing).await;
    driver.last_words().await;
    driver.end_network();
    let mut record = driver.session.record(Event::Notice);
    record.note = Some(format!("the server ended: {exit}"));
    driver.record_last(&record);
    if died {
        driver.explain(&exit);
    }
    driver.end_grants();
    driver.seal();
    match closing {
        Closing::ClientGone => Ending::HostLeft,
        Closing::JournalFailed => Ending::Unrecorded,
        _ => Ending::ServerDied,
    }
}

/// A host that waits for its first answer learns why there will be none. Whoever waits for a
/// person has the words for it, and nobody else's trouble is a peer's business.
async fn apologise(plan: &Plan, fault: &Fault) {
    let Fault::Unapproved { public, .. } = fault else { return };
    if consent::at_terminal() {
        return;
    }
    let limit = usize::try_from(plan.server.limits.message_bytes).unwrap_or(usize::MAX);
    let (Ok(stdin), Ok(stdout)) = (stdio::stdin(), stdio::stdout()) else { return };
    let mut lines = Lines::new(stdin, limit);
    let line = tokio::time::timeout(Duration::from_secs(1), lines.next()).await;
    let Ok(Ok(Some(Frame::Line(line)))) = line else { return };
    let limits = portcullis_wire::Limits {
        message_bytes: limit,
        depth: launch::DEPTH,
        nodes: portcullis_wire::Limits::NODES,
    };
    let Ok(Message::Request(request)) = portcullis_wire::parse(&line, &limits) else { return };
    let mut lane = Lane::new(stdout);
    if let Some(answer) = portcullis_mediation::not_started(request.id, public) {
        lane.send(&answer);
    }
    let _ = tokio::time::timeout(Duration::from_secs(2), lane.flush()).await;
}

/// What starting a box needed is not in effect while peers are read. Root that
/// keeps its state in somebody else's directory needs it for every record.
pub(crate) fn rest(plan: &Plan) {
    use std::os::unix::fs::MetadataExt as _;
    let ours = rustix::process::geteuid().as_raw();
    if std::fs::metadata(&plan.state).is_ok_and(|state| state.uid() == ours) {
        portcullis_confine::own::sleep();
    }
}

/// Closes the server's input, waits, asks by SIGTERM, waits, and kills what is left of it.
async fn end_server(driver: &mut Driver, closing: Closing) -> String {
    driver.end_input().await;
    let Some(mut custody) = driver.custody.take() else {
        driver.from_server.end().await;
        return "it is somewhere else, and so is what becomes of it".to_owned();
    };
    if matches!(closing, Closing::ServerFlooded | Closing::JournalFailed) {
        custody.kill();
    }
    let (polite, deadline) = (Instant::now() + GRACE, Instant::now() + GRACE + LAST_GRACE);
    let mut asked = false;
    loop {
        match custody.try_exit() {
            Ok(Some(exit)) => return exit.to_string(),
            Ok(None) if Instant::now() < deadline => {
                if !asked && Instant::now() >= polite {
                    custody.terminate();
                    asked = true;
                }
                driver.drain().await;
            }
            Ok(None) => {
                custody.kill();
                return "it did not end by itself and was killed".to_owned();
            }
            Err(error) => {
                custody.kill();
                return format!("its end is unknown: {error}");
            }
        }
    }
}

impl Driver {
    /// Ends the server's connections; what was denied and not yet recorded is.
    fn end_network(&mut self) {
        for told in self.wire.take().map(Wire::end).unwrap_or_default() {
            let record = self.session.unreached(&told);
            self.record_last(&record);
        }
    }

    /// A last record, when the session is over already.
    fn record_last(&mut self, record: &Record) {
        if let Err(error) = self.journal.append(record, driver::wall_clock()) {
            tell!("portcullis: the journal cannot be written: {error}");
        }
    }

    /// What was granted for this session ends with it.
    fn end_grants(&mut self) {
        let (session, _) = self.session.binds();
        // One that is still written as standing counts no more: no session has its name.
        if let Err(error) = self.approvals.end_session(session) {
            tell!("portcullis: grants of this session are still listed: {error}");
        }
        if let Err(error) = self.keeper.end(session) {
            tell!("portcullis: directories of this session are still listed: {error}");
        }
        // Here and not at the start, where a host waits.
        if let Err(error) = self.approvals.sweep(wall_clock()) {
            tell!("portcullis: old questions are still kept: {error}");
        }
    }

    /// Tells a person why the server is gone.
    fn explain(&self, exit: &str) {
        tell!("portcullis: server ended: {exit}; its stderr is in {}", self.side.path().display());
        for line in self.side.last() {
            tell!("portcullis:   {line}");
        }
    }
}
