//! A session's own thread: a server in its box, and the driver around it.
//!
//! One thread each, because starting a server, writing a record and reading the store all block,
//! and nobody's session may wait for somebody else's. The kernel kills a box with the thread that
//! started it, so a thread that ends for whatever reason leaves nothing behind:
//! [why](../../../../docs/decisions/0021-a-thread-for-each-session.md).

use portcullis_wire::Message;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use super::posts::{Posts, Said, Told};
use crate::driver::Stopping;
use crate::fault::Fault;
use crate::host::{Ears, Mouth};
use crate::launch::{self, Host, Plan};
use crate::watch_over;

/// A thread's stack, in bytes: the judge is not recursive, schemas and policies are a little.
const STACK: usize = 4 << 20;
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
pub(super) fn begin(plan: Plan, shared: bool) -> std::io::Result<Voice> {
    let (say, said) = unbounded_channel();
    let (ended, ends) = watch::channel(false);
    let name = format!("session-{}", plan.server.name).chars().take(15).collect();
    std::thread::Builder::new().name(name).stack_size(STACK).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(live(&plan, shared, said, ends)),
            Err(error) => tell!("portcullis: a session cannot run: {error}"),
        }
    })?;
    Ok(Voice { say, ended })
}

async fn live(
    plan: &Plan,
    shared: bool,
    said: UnboundedReceiver<Told>,
    ends: watch::Receiver<bool>,
) {
    let mut said = Some(said);
    let host = || {
        let ears = said.take().ok_or_else(|| std::io::Error::other("the session is over"))?;
        let (ears, mouth) = (Ears::Posts(ears), Mouth::Posts(posts(plan, shared)));
        Ok(Host { ears, mouth, stop: Stopping::Told(ends) })
    };
    // Whoever started this thread sleeps (`own::sleep`); what is granted is looked at as in `run`.
    let awake = portcullis_confine::own::wake();
    let launched = launch::launch(plan, host);
    drop(awake);
    match launched {
        Ok(driver) => drop(watch_over(driver, plan).await),
        Err(fault) => {
            tell!("portcullis: {}: not started: {fault}", plan.server.name);
            if let Some(said) = said {
                apologise(said, &fault, posts(plan, shared));
            }
        }
    }
}

fn posts(plan: &Plan, shared: bool) -> Posts {
    let kept = plan.shared.kept(&plan.principal);
    Posts::new(shared, plan.shared.metrics().queued, kept)
}

/// Whoever waits already learns that there will be no server.
fn apologise(mut said: UnboundedReceiver<Told>, fault: &Fault, mut posts: Posts) {
    let public = if let Fault::Unapproved { public, .. } = fault { public } else { NOT_STARTED };
    said.close();
    while let Ok(told) = said.try_recv() {
        let message = match told.said {
            Said::Message(message, post) => posts.hears(*message, post),
            Said::Asks(request, place) => posts.asks(*request, place),
            Said::Opens(post) => {
                posts.opens_all(post);
                continue;
            }
            _ => continue,
        };
        let Message::Request(request) = message else { continue };
        if let Some(answer) = portcullis_mediation::not_started(request.id, public) {
            posts.send(&answer);
        }
    }
}
