//! A server that speaks HTTP, started in the same box: it is called by sockets of the box's own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{connect, getsockname};

use super::Order;
use super::clock::Clock;
use super::recipe::Recipe;
use super::session::{Failed, Launched, START, told};
use crate::evidence::live::{Conduct, Live, Wish};

/// Connections that are made at most.
pub(super) const DIALS: u8 = 96;
/// How long a call may take: inside of a box, nothing is far away.
const HEARD: Duration = Duration::from_millis(500);
/// Ports that are told, where it listens at another than the one that was named.
const PORTS: usize = 5;
/// How long before a server that does not listen yet is called again.
const PAUSE: Duration = Duration::from_millis(50);

/// It listens.
#[derive(Debug)]
pub(in crate::probe) struct Listening {
    launched: Launched,
    dials: Vec<OwnedFd>,
    started: Live,
}

impl Listening {
    /// Starts it, and waits until somebody answers at the port. What goes wrong is evidence.
    pub(in crate::probe) fn start(
        order: &Order,
        clock: &Clock,
        port: u16,
    ) -> Result<Self, Box<Live>> {
        let mut live = Live { box_level: "none".to_owned(), ..Live::default() };
        live.command = super::shown(&order.command);
        let recipe = match Recipe::read(order) {
            Ok(recipe) => recipe,
            Err(why) => return Err(not_started(live, why)),
        };
        live.staging.clone_from(&recipe.staging);
        let mut launched = match Launched::start(order, &recipe, DIALS) {
            Ok(launched) => launched,
            Err(Failed::NotStarted(why)) => return Err(not_started(live, why)),
            Err(Failed::Mute { .. }) => return Err(Box::new(live)),
        };
        live.box_level = launched.level.word().to_owned();
        launched.pipes.ignore();
        let mut dials = std::mem::take(&mut launched.dials);
        match awaited(&mut launched, &mut dials, port, clock) {
            Ok(()) => Ok(Self { launched, dials, started: live }),
            Err(Mute { exit, why }) => {
                let ended = exit.is_some();
                live.conduct.extend(exit.map(|how| Conduct::Crashed { how }));
                if ended {
                    return Err(not_started(live, why));
                }
                live.conduct.push(Conduct::NotListening { why });
                Err(Box::new(live))
            }
        }
    }

    /// The sockets to call it with.
    pub(in crate::probe) fn dials(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.dials)
    }

    /// A place for a mark, which only whoever was told of it makes.
    pub(in crate::probe) fn place_of(&self, mark: &str) -> String {
        self.launched.stage.fill_in(&format!("{{stage}}/drop/{mark}"))
    }

    /// Whether the mark was made there, now or in a moment.
    pub(in crate::probe) fn is_marked(&self, mark: &str) -> bool {
        let place = self.place_of(mark);
        let deadline = Instant::now() + HEARD;
        loop {
            match std::fs::symlink_metadata(&place) {
                Ok(_) => return true,
                Err(_) if Instant::now() >= deadline => return false,
                Err(_) => std::thread::sleep(PAUSE),
            }
        }
    }

    /// A text with the names of the stage's places in place of them.
    pub(in crate::probe) fn tidy(&self, text: &str) -> String {
        self.launched.stage.tidy(text)
    }

    /// What is known of how it was started and what it reached for; it ends with this.
    pub(in crate::probe) fn farewell(mut self) -> Live {
        let mut live = self.started;
        let rung = self.launched.custody.wishes().unwrap_or_default();
        let stage = &self.launched.stage;
        let mut all: Vec<(&str, String)> = rung.iter().map(|rung| told(rung, stage)).collect();
        let reached = self.launched.sink.as_mut().map(super::sink::Sink::reached);
        all.extend(reached.into_iter().flatten().map(|address| ("connect", address)));
        for (what, object) in all {
            let object = portcullis_guard::visible(&object);
            let wish = Wish { what: what.to_owned(), object, during: None };
            if !live.wishes.contains(&wish) && live.wishes.len() < 500 {
                live.wishes.push(wish);
            }
        }
        if let Ok(Some(exit)) = self.launched.custody.try_exit() {
            live.conduct.push(Conduct::Crashed { how: exit.to_string() });
        }
        live
    }
}

/// Nobody listened.
pub(super) struct Mute {
    /// How it ended, when it did.
    pub(super) exit: Option<String>,
    pub(super) why: String,
}

/// Waits until somebody answers at the port.
pub(super) fn awaited(
    launched: &mut Launched,
    dials: &mut Vec<OwnedFd>,
    port: u16,
    clock: &Clock,
) -> Result<(), Mute> {
    let (began, deadline) = (Instant::now(), clock.within(START));
    let callers = Caller::all(dials, port);
    loop {
        if callers.iter().any(Caller::hears) {
            return Ok(());
        }
        let ended = launched.custody.try_exit().ok().flatten();
        if ended.is_some() || Instant::now() >= deadline {
            let said = launched.stage.tidy(&launched.pipes.complaints());
            let said = portcullis_guard::visible(&portcullis_guard::redact(&said));
            let exit = ended.map(|exit| exit.to_string());
            let what = match &exit {
                Some(how) => format!("it ended ({how}) before anybody listened at port {port}"),
                None => {
                    let time = began.elapsed().as_secs();
                    let others = told_of(&others(dials));
                    format!("nobody listened at port {port} within {time} seconds{others}")
                }
            };
            let said = if said.trim().is_empty() { "nothing" } else { last(&said) };
            return Err(Mute { exit, why: format!("{what}; it said: {said}") });
        }
        std::thread::sleep(PAUSE);
    }
}

fn not_started(mut live: Live, why: String) -> Box<Live> {
    live.conduct.push(Conduct::NotStarted { why });
    Box::new(live)
}

/// The end of a text, which is where programs say why they gave up.
fn last(text: &str) -> &str {
    let skip = text.chars().count().saturating_sub(500);
    let at = text.char_indices().nth(skip).map_or(0, |(at, _)| at);
    text.get(at..).unwrap_or(text)
}

/// Ports in the box at which somebody listens, a few at most. A call inside of a box that nobody takes is refused at once.
fn others(dials: &mut Vec<OwnedFd>) -> Vec<u16> {
    let mut found = Vec::new();
    let mut caller = Caller::all(dials, 0);
    let ours = super::sink::doors();
    let ours = |port: &u16| ours.as_ref().is_some_and(|doors| doors.listens_at(*port));
    for port in (1..=u16::MAX).filter(|port| !ours(port)) {
        let Some(one) = caller.first_mut() else { break };
        one.address.set_port(port);
        if !one.hears() {
            continue;
        }
        // What called itself by chance, from the port that it called, is nobody.
        let own = getsockname(&one.socket).ok().and_then(|name| SocketAddr::try_from(name).ok());
        if own.is_none_or(|own| own.port() != port) {
            found.push(port);
        }
        if found.len() == PORTS {
            break;
        }
        caller = Caller::all(dials, 0);
    }
    found
}

fn told_of(ports: &[u16]) -> String {
    let all: Vec<String> = ports.iter().map(u16::to_string).collect();
    match all.as_slice() {
        [] => ", nor at any other port".to_owned(),
        [one] => format!("; somebody listens at port {one}"),
        _ => format!("; somebody listens at ports {}", all.join(", ")),
    }
}

/// Somebody who calls one address again and again. A socket that was refused can be used again, but not for an
/// address of the other kind.
#[derive(Debug)]
struct Caller {
    socket: OwnedFd,
    address: SocketAddr,
}

impl Caller {
    /// One for each address by which this machine calls itself.
    fn all(dials: &mut Vec<OwnedFd>, port: u16) -> Vec<Self> {
        let is_new = dials.last().and_then(|socket| getsockname(socket).ok());
        let is_new = is_new.and_then(|name| SocketAddr::try_from(name).ok());
        let old = Ipv4Addr::LOCALHOST;
        let here: &[IpAddr] = match is_new.is_some_and(|name| name.is_ipv6()) {
            true => &[old.to_ipv6_mapped().into(), Ipv6Addr::LOCALHOST.into()],
            false => &[old.into()],
        };
        let call = |address: &IpAddr| {
            let socket = dials.pop()?;
            let _ = set_socket_timeout(&socket, Timeout::Send, Some(HEARD));
            Some(Self { socket, address: SocketAddr::new(*address, port) })
        };
        here.iter().filter_map(call).collect()
    }

    /// Whether somebody listens.
    fn hears(&self) -> bool {
        connect(&self.socket, &self.address).is_ok()
    }
}
