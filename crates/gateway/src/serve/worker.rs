//! A session's own thread: a server in its box, and the driver around it.
//!
//! One thread each, because starting a server blocks, for as long as a person is asked about it.
//! The kernel kills a box with the thread that started it, so a thread that ends for whatever
//! reason leaves nothing behind:
//! [why](../../../../docs/decisions/0021-a-thread-for-each-session.md). Where the server is
//! somewhere else there is no box, and a session that was started goes on with others (`crew.rs`).

use std::sync::Arc;

use portcullis_wire::Message;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use super::crew::Crew;
use super::member::Reports;
use super::posts::{Posts, Said, Told};
use crate::driver::{Driver, Stopping};
use crate::fault::Fault;
use crate::host::{Ears, Mouth};
use crate::launch::{self, Host, Plan};
use crate::traces::{Asked, Opening};
use crate::watch_over;

/// A thread's stack, in bytes: the judge is not recursive, schemas and policies are a little.
pub(super) const STACK: usize = 4 << 20;
/// For whoever waits for a server that did not start.
const NOT_STARTED: &str = "the server could not be started: whoever operates it is told why";

/// How a session is spoken to.
#[derive(Debug)]
pub(super) struct Voice {
    pub(super) say: UnboundedSender<Told>,
    /// True ends it, and so does dropping this.
    pub(super) ended: watch::Sender<bool>,
}

/// Starts a thread for a session and says how to speak to it. The server starts there; when it
/// cannot, whoever asked is answered, and the session is over.
///
/// # Errors
/// When there can be no more threads.
pub(super) fn begin(plan: Plan, shared: bool, crew: &Crew) -> std::io::Result<Voice> {
    let posts = posts(&plan, shared);
    on_a_thread(plan, Mouth::Posts(posts), crew)
}

/// The same of a session whose client is an aggregate.
///
/// # Errors
/// When there can be no more threads.
pub(super) fn begin_behind(plan: Plan, reports: Reports, crew: &Crew) -> std::io::Result<Voice> {
    on_a_thread(plan, Mouth::Reports(reports), crew)
}

fn on_a_thread(plan: Plan, mouth: Mouth, crew: &Crew) -> std::io::Result<Voice> {
    let (say, said) = unbounded_channel();
    let (ended, ends) = watch::channel(false);
    let name = format!("session-{}", plan.server.name).chars().take(15).collect();
    let crew = plan.server.remote.is_some().then(|| crew.clone());
    let plan = Arc::new(plan);
    let work = move || match crew {
        Some(crew) => {
            let Some(driver) = start(&plan, mouth, said, ends) else { return };
            let watching = async move {
                watch_over(driver, &plan).await;
            };
            if let Err(error) = crew.works(watching) {
                tell!("portcullis: a session cannot run: {error}");
            }
        }
        None => match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(live(&plan, mouth, said, ends)),
            Err(error) => tell!("portcullis: a session cannot run: {error}"),
        },
    };
    std::thread::Builder::new().name(name).stack_size(STACK).spawn(work)?;
    Ok(Voice { say, ended })
}

async fn live(
    plan: &Arc<Plan>,
    mouth: Mouth,
    said: UnboundedReceiver<Told>,
    ends: watch::Receiver<bool>,
) {
    if let Some(driver) = start(plan, mouth, said, ends) {
        watch_over(driver, plan).await;
    }
}

/// Starts the server and the session around it; when that cannot be, says so to whoever waits.
fn start(
    plan: &Arc<Plan>,
    mouth: Mouth,
    said: UnboundedReceiver<Told>,
    ends: watch::Receiver<bool>,
) -> Option<Box<Driver>> {
    let mut client = Some((said, mouth));
    let host = || {
        let over = || std::io::Error::other("the session is over");
        let (said, mouth) = client.take().ok_or_else(over)?;
        Ok(Host { ears: Ears::Posts(said), mouth, stop: Stopping::Told(ends) })
    };
    // Whoever started this thread sleeps (`own::sleep`); what is granted is looked at as in `run`.
    let awake = portcullis_confine::own::wake();
    let launched = launch::launch(plan, host);
    drop(awake);
    match launched {
        Ok(driver) => Some(driver),
        Err(fault) => {
            tell!("portcullis: {}: not started: {fault}", plan.server.name);
            if let Some((said, mouth)) = client {
                apologise(said, &fault, mouth);
            }
            None
        }
    }
}

fn posts(plan: &Plan, shared: bool) -> Posts {
    let kept = plan.shared.kept(&plan.principal);
    Posts::new(shared, plan.shared.metrics().queued, kept)
}

/// Whoever waits already learns that there will be no server.
fn apologise(mut said: UnboundedReceiver<Told>, fault: &Fault, mut mouth: Mouth) {
    let public = if let Fault::Unapproved { public, .. } = fault { public } else { NOT_STARTED };
    let ends = |opening: Option<Box<Opening>>| {
        opening.into_iter().for_each(|opening| Asked::not_started(*opening));
    };
    said.close();
    while let Ok(told) = said.try_recv() {
        let message = match (told.said, &mut mouth) {
            (Said::Message(message, mut post), Mouth::Posts(posts)) => {
                ends(post.as_mut().and_then(|post| post.opening.take()));
                posts.hears(*message, post)
            }
            (Said::Asks(request, place, opening), Mouth::Posts(posts)) => {
                ends(opening);
                posts.asks(*request, place)
            }
            (Said::Opens(post), Mouth::Posts(posts)) => {
                posts.opens_all(post);
                continue;
            }
            (Said::Passed(passed), _) => {
                ends(passed.opening);
                passed.message
            }
            _ => continue,
        };
        let Message::Request(request) = message else { continue };
        if let Some(answer) = portcullis_mediation::not_started(request.id, public) {
            mouth.send(answer);
        }
    }
}
