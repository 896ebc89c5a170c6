//! The Streamable HTTP gateway: many servers, many people, one door.
//!
//! Read in this order: `front.rs` (what a request must be, and where it goes; `head.rs` reads its
//! headers, `doors.rs` says who is known, `granted.rs` what they may, `witness.rs` writes down who
//! is turned away), `sessions.rs` (who has which session), `worker.rs` (a session's thread),
//! `posts.rs` (which answer goes to which request), `tracks.rs` (what a stream said, in case it
//! breaks; `resume.rs` takes it up again), `parcel.rs` (a message on its way), `stream.rs` (a
//! response that lasts).

mod doors;
mod front;
mod granted;
mod head;
mod parcel;
pub(crate) mod posts;
mod resume;
mod sessions;
mod stream;
mod tracks;
mod witness;
mod worker;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use portcullis_config::Listen;
use portcullis_policy::{Channel, ServerName};
use portcullis_transport::http::{self, Address, Listener, Tls, Wall};

use crate::driver::Stop;
use crate::fault::Fault;
use crate::launch::Plan;
use front::Front;
use sessions::{Limits, Sessions};
use witness::Witness;

/// How often it is looked which sessions nobody uses any more.
const SWEEP: Duration = Duration::from_secs(5);
/// How long sessions may take to end when we are asked to.
const DRAIN: Duration = Duration::from_secs(5);

/// Everything decided about the gateway.
#[derive(Debug)]
pub struct Serving {
    /// Where it listens, for whom, and how much.
    pub serve: portcullis_config::Serve,
    /// The servers behind it.
    pub servers: Vec<Plan>,
}

/// Serves until somebody asks us to stop.
///
/// # Errors
/// A [`Fault`] when the address is taken, or the system gives us no more of something.
pub fn serve(serving: Serving) -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Fault::ours("the runtime cannot start", error))?;
    runtime.block_on(stand(serving))
}

async fn stand(serving: Serving) -> Result<(), Fault> {
    let Serving { serve, servers } = serving;
    let listen = match &serve.listen {
        Listen::Tcp(address) => Address::Tcp(*address),
        Listen::Unix(path) => Address::Unix(path.into()),
    };
    let listener = Listener::bind(&listen)
        .map_err(|error| Fault::operator(format!("cannot listen on {listen:?}: {error}")))?;
    let address = listener.local().map_err(|error| Fault::ours("the address is unknown", error))?;
    let mut stop = Stop::listen().map_err(|error| Fault::ours("signals cannot be heard", error))?;
    let longest = servers.iter().map(|plan| plan.server.limits.message_bytes).max();
    let limits = http::Limits {
        body_bytes: longest.and_then(|most| usize::try_from(most).ok()).unwrap_or(4 << 20),
        ..http::Limits::default()
    };
    let sessions =
        Limits { most: number(serve.sessions), idle: serve.idle, lifetime: serve.lifetime };
    let Some(first) = servers.first() else {
        return Err(Fault::operator("there is no server to serve"));
    };
    let witness = Witness::open(first)?;
    let resource = doors::resource(&serve, &address);
    let mut hosts = serve.hosts.clone();
    if serve.resource.is_some() {
        hosts.push(resource.authority().to_owned());
    }
    let wall = Wall::new(&address, &hosts, &serve.origins);
    known(&serve, &servers)?;
    let gatekeeper = doors::gatekeeper(&serve, resource.clone(), first)?;
    let tls = doors::tls(&serve, first.home.as_deref())?.map(Arc::new);
    let listener = match &tls {
        Some(tls) => listener.encrypted(Arc::clone(tls)),
        None => listener,
    };
    // This thread reads strangers' bytes; those that start servers wake for it.
    crate::rest(first);
    announce(&servers, &address, tls.is_some());
    let front = Arc::new(Front {
        witness,
        wall,
        gatekeeper,
        servers: servers.into_iter().map(alone).collect::<BTreeMap<_, _>>(),
        scopes: serve.scopes,
        needed: serve.needed,
        sessions: Mutex::new(Sessions::new(sessions)),
    });
    let answering = Arc::clone(&front);
    let answer = move |parts, body, caller| {
        let front = Arc::clone(&answering);
        async move { front.answer(parts, body, caller).await }
    };
    let stopping = async {
        let mut sweep = tokio::time::interval(SWEEP);
        loop {
            tokio::select! {
                () = stop.asked() => return,
                _ = sweep.tick() => {
                    front.sweep(Instant::now());
                    look(tls.as_deref());
                }
            }
        }
    };
    let served = http::serve(listener, limits, stopping, answer).await;
    served.map_err(|error| Fault::ours("the listener cannot be used", error))?;
    front.end_all(Instant::now() + DRAIN).await;
    Ok(())
}

/// Where each server is.
fn announce(servers: &[Plan], address: &Address, encrypted: bool) {
    let scheme = if encrypted { "https" } else { "http" };
    for plan in servers {
        let name = &plan.server.name;
        say(&match address {
            Address::Tcp(address) => format!("{name} is at {scheme}://{address}/s/{name}/mcp"),
            Address::Unix(path) => format!("{name} is at /s/{name}/mcp of {}", path.display()),
        });
    }
}

/// Certificates that changed are taken; what is wrong with them is told.
fn look(tls: Option<&Tls>) {
    match tls.map(Tls::look) {
        Some(Ok(true)) => say("the certificate changed: connections begin with the new one"),
        Some(Err(why)) => say(&format!("the certificate changed, and the old one stays: {why}")),
        Some(Ok(false)) | None => {}
    }
}

/// Whoever wrote of a server that is not there meant another.
fn known(serve: &portcullis_config::Serve, servers: &[Plan]) -> Result<(), Fault> {
    let is_there = |name: &ServerName| servers.iter().any(|plan| plan.server.name == *name);
    match serve.needed.keys().find(|name| !is_there(name)) {
        Some(name) => {
            let said = format!("[serve.scopes_of.{name}]: the config names no such server");
            Err(Fault::operator(said))
        }
        None => Ok(()),
    }
}

/// Nobody sits at a terminal for it: what is asked waits in the console and the list.
fn alone(mut plan: Plan) -> (portcullis_policy::ServerName, Plan) {
    plan.server.channels.retain(|channel| *channel != Channel::Terminal);
    (plan.server.name.clone(), plan)
}

fn number(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn say(what: &str) {
    // Whoever closed our stderr does not want to know.
    let _ = writeln!(std::io::stderr(), "portcullis: {what}");
}

impl Front {
    fn sweep(&self, now: Instant) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).sweep(now);
    }

    /// Ends every session, and waits until their threads have.
    async fn end_all(&self, deadline: Instant) {
        let ending = self.sessions.lock().unwrap_or_else(PoisonError::into_inner).end_all();
        while Instant::now() < deadline && ending.iter().any(|session| !session.is_over()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
