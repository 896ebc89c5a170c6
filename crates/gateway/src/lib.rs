//! Pipes, clocks and people, wired to sessions.
//!
//! Read in this order: `launch.rs` (a plan becomes a box and a session),
//! `driver.rs` (the story of a running gateway), `event.rs` (what can happen),
//! `perform.rs` (doing what the session says), `approve.rs` and `prompt.rs`
//! (waiting for a person), `side.rs` (what servers write beside the protocol).

mod alarm;
mod approve;
mod driver;
mod event;
mod fault;
mod launch;
mod perform;
mod prompt;
mod side;
mod trusted;

use std::time::{Duration, Instant};

use portcullis_confine::Custody;
use portcullis_journal::{Event, Record};
use portcullis_mediation::Closing;

pub use fault::Fault;
pub use launch::Plan;

use crate::driver::Driver;
use crate::launch::Launched;

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

/// How long a server may take to end after its input was closed.
const GRACE: Duration = Duration::from_secs(3);

/// Guards one server until the host or the server leaves.
///
/// # Errors
/// A [`Fault`] when nothing could be started; then nothing was.
pub fn run(plan: &Plan) -> Result<Ending, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Fault::ours("the runtime cannot start", error))?;
    runtime.block_on(guard(plan))
}

async fn guard(plan: &Plan) -> Result<Ending, Fault> {
    let Launched { mut driver, mut custody } = launch::launch(plan)?;
    let closing = driver.run().await;
    driver.flush_client().await;
    let died = matches!(closing, Closing::ServerGone | Closing::ServerFlooded);
    let exit = end_server(&mut driver, &mut custody, closing).await;
    driver.last_words().await;
    let mut record = driver.session.record(Event::Notice);
    record.note = Some(format!("the server ended: {exit}"));
    driver.record_last(&record);
    if died {
        driver.explain(&exit);
    }
    driver.seal();
    Ok(match closing {
        Closing::ClientGone => Ending::HostLeft,
        Closing::JournalFailed => Ending::Unrecorded,
        _ => Ending::ServerDied,
    })
}

/// Closes the server's input, waits, and kills what is left of it.
async fn end_server(driver: &mut Driver, custody: &mut Custody, closing: Closing) -> String {
    driver.end_input().await;
    if matches!(closing, Closing::ServerFlooded | Closing::JournalFailed) {
        custody.kill();
    }
    let deadline = Instant::now() + GRACE;
    loop {
        match custody.try_exit() {
            Ok(Some(exit)) => return exit.to_string(),
            Ok(None) if Instant::now() < deadline => driver.drain().await,
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
    /// A last record, when the session is over already.
    fn record_last(&mut self, record: &Record) {
        if let Err(error) = self.journal.append(record, driver::wall_clock()) {
            eprintln!("portcullis: the journal cannot be written: {error}");
        }
    }

    /// Tells a person why the server is gone.
    fn explain(&self, exit: &str) {
        eprintln!(
            "portcullis: server ended: {exit}; its stderr is in {}",
            self.side.path().display()
        );
        for line in self.side.last() {
            eprintln!("portcullis:   {line}");
        }
    }
}
