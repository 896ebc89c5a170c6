//! The Streamable HTTP gateway: many servers, many people, one door.
//!
//! Read in this order: `front.rs` (what a request must be, and where it goes; `head.rs` reads its
//! headers, `visit.rs` says where somebody is, `doors.rs` says who is known, `granted.rs` what they may, `witness.rs` writes down who
//! is turned away, `several.rs` has many messages in one, `spans.rs` begins a span), `sessions.rs` (who has which session), `renew.rs` (what changes while we
//! serve), `lull.rs` (how it ends), `worker.rs` (a session's thread; `crew.rs` has many on one; `aggregate.rs` and `member.rs` are about several servers at one address),
//! `posts.rs` (which answer goes
//! to which request), `tracks.rs` (what a stream said, in case it breaks; `resume.rs` takes it up
//! again), `parcel.rs` (a message on its way), `stream.rs` (a response that
//! lasts), `replies.rs` (one that does not, and when it does), `old.rs` (the transport of
//! 2024-11-05).

mod aggregate;
mod crew;
mod doors;
mod front;
mod granted;
mod head;
mod health;
mod lull;
pub(crate) mod member;
mod old;
mod parcel;
pub(crate) mod posts;
mod renew;
mod replies;
mod resume;
mod sessions;
mod several;
mod spans;
mod stream;
mod tracks;
mod turnstile;
mod visit;
mod witness;
mod worker;

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use portcullis_config::Listen;
use portcullis_mediation::aggregate::Seat;
use portcullis_policy::{Channel, ServerName};
use portcullis_transport::http::{self, Address, Listener, Tls};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::oneshot;

use crate::driver::{Asked, Stop};
use crate::fault::Fault;
use crate::launch::Plan;
use crate::reload::Written;
use crate::shared::Shared;
use crate::traces::Traces;
use front::Front;
use health::Site;
pub use renew::Renewal;
use renew::{Common, Files, House};
use sessions::Sessions;
use witness::Witness;

/// How often it is looked which sessions nobody uses any more.
const SWEEP: Duration = Duration::from_secs(5);
/// How often the config's files are looked at: a `stat` for each.
const LOOK: Duration = Duration::from_secs(1);
/// How long sessions may take to end when we are asked to.
const DRAIN: Duration = Duration::from_secs(5);

/// Everything decided about the gateway.
#[derive(Debug)]
pub struct Serving {
    /// Where it listens, for whom, and how much.
    pub serve: portcullis_config::Serve,
    /// The servers behind it.
    pub servers: Vec<Plan>,
    /// The files that say so, as they were before they were read.
    pub written: Written,
    /// How they are read again.
    pub renewal: Renewal,
}

/// Serves until somebody asks us to stop.
///
/// # Errors
/// A [`Fault`] when the address is taken, or the system gives us no more of something.
pub fn serve(serving: Serving) -> Result<(), Fault> {
    have_files_for_all();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Fault::ours("the runtime cannot start", error))?;
    runtime.block_on(stand(serving))
}

/// A session holds about a dozen files open, and the soft limit is usually 1,024 of them: as many
/// as the hard one allows. A server gets its own limit in its box.
fn have_files_for_all() {
    let limit = getrlimit(Resource::Nofile);
    // Without it there are fewer sessions.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

async fn stand(serving: Serving) -> Result<(), Fault> {
    let Serving { serve, servers, written, renewal } = serving;
    let (listener, address) = bind(&serve.listen)?;
    let stop = Stop::listen().map_err(|error| Fault::ours("signals cannot be heard", error))?;
    let longest = servers.iter().map(|plan| plan.server.limits.message_bytes).max();
    let limits = http::Limits {
        body_bytes: longest.and_then(|most| usize::try_from(most).ok()).unwrap_or(4 << 20),
        connections: number(serve.connections),
        of_one_address: number(serve.connections - serve.connections / 4),
        write_time: serve.write_timeout,
        ..http::Limits::default()
    };
    let other = serve.metrics.as_ref().map(bind).transpose()?;
    let Some(first) = servers.first() else {
        return Err(Fault::operator("there is no server to serve"));
    };
    let mut common = Common::new(&serve, Witness::open(first)?);
    let traces = serve.traces.as_ref().map(|it| Traces::begin(it, &common.metrics)).transpose()?;
    let (traces, exporter) = traces.unzip();
    common.traces = traces;
    let tls = doors::tls(&serve, first.home.as_deref())?.map(Arc::new);
    let listener = match &tls {
        Some(tls) => listener.encrypted(Arc::clone(tls)),
        None => listener,
    };
    // This thread reads strangers' bytes; those that start servers wake for it.
    crate::rest(first);
    let front = Front::of(serve, servers, &address, common.clone(), None)?;
    announce(front.servers.values(), &address, tls.is_some());
    if !front.seats.is_empty() {
        say(&several(&front.seats, &address, tls.is_some()));
    }
    let site = other.map(|(other, address)| {
        say(&format!("health and metrics are at {}", shown(&address)));
        (other, Site::new(&address, common.clone(), listener.connections()))
    });
    let house = Arc::new(House::new(front, address, renewal));
    let answering = Arc::clone(&house);
    let answer = move |parts, body, caller| {
        let front = answering.front();
        async move { front.answer(parts, body, caller).await }
    };
    let until = stopping(&house, Files::of(&written), stop, tls.as_deref());
    let (finish, over) = oneshot::channel();
    let serving = async {
        let served = http::serve(listener, limits, until, answer).await;
        drop(finish);
        served
    };
    let (served, ()) = tokio::join!(serving, beside(site, over));
    served.map_err(|error| Fault::ours("the listener cannot be used", error))?;
    end_all(&common, Instant::now() + DRAIN).await;
    if let Some(exporter) = exporter {
        exporter.ends().await;
    }
    common.witness.ends();
    Ok(())
}

fn bind(listen: &Listen) -> Result<(Listener, Address), Fault> {
    let listen = match listen {
        Listen::Tcp(address) => Address::Tcp(*address),
        Listen::Unix(path) => Address::Unix(path.into()),
    };
    let listener = Listener::bind(&listen)
        .map_err(|error| Fault::operator(format!("cannot listen on {listen:?}: {error}")))?;
    let address = listener.local().map_err(|error| Fault::ours("the address is unknown", error))?;
    Ok((listener, address))
}

/// Health and numbers, where somebody wants them, until `over`.
async fn beside(site: Option<(Listener, Site)>, over: oneshot::Receiver<()>) {
    let Some((listener, site)) = site else { return };
    let site = Arc::new(site);
    let answer = move |parts, _, _| {
        let site = Arc::clone(&site);
        async move { site.answer(&parts) }
    };
    let until = async { drop(over.await) };
    let limits = http::Limits { connections: 16, body_bytes: 0, ..http::Limits::default() };
    if let Err(error) = http::serve(listener, limits, until, answer).await {
        say(&format!("nobody can read health and numbers: {error}"));
    }
}

/// Goes by what is written, until we are asked to end and everything is answered.
async fn stopping(house: &House, mut files: Files, mut stop: Stop, tls: Option<&Tls>) {
    let mut sweep = tokio::time::interval(SWEEP);
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            asked = stop.asked() => match asked {
                Asked::End => break,
                Asked::HangUp => {
                    files.changed();
                    files = house.renew().unwrap_or(files);
                }
            },
            _ = sweep.tick() => {
                let (front, now) = (house.front(), Instant::now());
                lock(&front.common).sweep(now);
                front.common.witness.look(now);
            }
            _ = look.tick() => {
                look_at(tls);
                if files.changed() {
                    files = house.renew().unwrap_or(files);
                }
            }
        }
    }
    let front = house.front();
    let deadline = Instant::now() + front.serve.drain;
    // Whoever asks twice does not want to wait.
    tokio::select! {
        () = front.common.lull.falls(&front.common.turnstile, deadline) => {}
        _ = stop.asked() => {}
    }
    // Streams that answer nothing end with their sessions.
    lock(&front.common).end_where(|_| true);
}

/// Where each server is.
fn announce<'a>(servers: impl Iterator<Item = &'a Plan>, address: &Address, encrypted: bool) {
    let scheme = if encrypted { "https" } else { "http" };
    for plan in servers {
        let name = &plan.server.name;
        say(&match address {
            Address::Tcp(address) => format!("{name} is at {scheme}://{address}/s/{name}/mcp"),
            Address::Unix(path) => format!("{name} is at /s/{name}/mcp of {}", path.display()),
        });
    }
}

/// Where several of them are at once.
fn several(seats: &[Seat], address: &Address, encrypted: bool) -> String {
    let names: Vec<&str> = seats.iter().map(|seat| seat.server.as_str()).collect();
    let (names, scheme) = (names.join(", "), if encrypted { "https" } else { "http" });
    match address {
        Address::Tcp(address) => format!("{names} together are at {scheme}://{address}/mcp"),
        Address::Unix(path) => format!("{names} together are at /mcp of {}", path.display()),
    }
}

/// Certificates that changed are taken; what is wrong with them is told.
fn look_at(tls: Option<&Tls>) {
    match tls.map(Tls::look) {
        Some(Ok(true)) => say("the certificate changed: connections begin with the new one"),
        Some(Err(why)) => say(&format!("the certificate changed, and the old one stays: {why}")),
        Some(Ok(false)) | None => {}
    }
}

/// The kernel tells accounts apart and not what a process is for: a server of our own account that
/// reaches the port would be the operator. As root each server has another account.
fn apart(serve: &portcullis_config::Serve, servers: &[Plan], at: &Address) -> Result<(), Fault> {
    let Address::Tcp(at) = at else { return Ok(()) };
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    match servers.iter().find_map(|plan| serve.lets_in(&plan.server, *at)) {
        Some(why) => Err(Fault::operator(format!(
            "{why}: give callers tokens ([serve.tokens.NAME]), listen on a socket (`unix:/path`), \
             or name in `network` the hosts that it needs"
        ))),
        None => Ok(()),
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

fn shown(address: &Address) -> String {
    match address {
        Address::Tcp(address) => format!("http://{address}"),
        Address::Unix(path) => path.display().to_string(),
    }
}

/// Nobody sits at a terminal for it: what is asked waits in the console and the list.
fn alone(mut plan: Plan, shared: &Shared) -> (portcullis_policy::ServerName, Plan) {
    plan.shared = shared.of_one_server();
    plan.server.channels.retain(|channel| *channel != Channel::Terminal);
    (plan.server.name.clone(), plan)
}

fn number(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn say(what: &str) {
    tell!("portcullis: {what}");
}

fn lock(common: &Common) -> MutexGuard<'_, Sessions> {
    common.sessions.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends every session, and waits until their threads have.
async fn end_all(common: &Common, deadline: Instant) {
    let ending = lock(common).end_all();
    while Instant::now() < deadline && ending.iter().any(|session| !session.is_over()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
