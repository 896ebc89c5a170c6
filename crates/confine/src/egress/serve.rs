//! The thread that serves one box: listeners, a bounded number of connections, and
//! the teller of denials.

use std::future::pending;
use std::io;
use std::net::{TcpListener as StdListener, UdpSocket as StdSocket};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use portcullis_guard::egress::dns::StandIns;
use portcullis_guard::egress::{Denial, Reach, Tally, Told};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use super::{Denials, Resolver, Sockets, Via, explicit, names, transparent};

/// Connections of one server at a time; more wait in the kernel's queue.
const CONNECTIONS: usize = 64;
/// Denials on their way to whoever records them.
const UNTOLD: usize = 64;
/// Lookups at a time; each is a thread that waits.
const LOOKUPS: usize = 8;

/// What all connections of a box share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) reach: watch::Receiver<Arc<Reach>>,
    pub(super) names: Mutex<StandIns>,
    pub(super) resolver: Resolver,
    pub(super) via: Option<Via>,
    tell: mpsc::Sender<Denial>,
    slots: Arc<Semaphore>,
}

impl Shared {
    /// Tells a denial, and waits until it is on its way.
    pub(super) async fn tell(&self, denial: Denial) {
        // Nobody listens only when everything ends.
        let _ = self.tell.send(denial).await;
    }

    /// What may be reached now.
    pub(super) fn reach(&self) -> Arc<Reach> {
        self.reach.borrow().clone()
    }
}

/// What a listener is for.
#[derive(Clone, Copy, Debug)]
enum Door {
    Proxy,
    Names,
    Port,
}

/// Starts the thread.
pub(super) fn start(
    sockets: Sockets,
    reach: watch::Receiver<Arc<Reach>>,
    resolver: Resolver,
    via: Option<Via>,
) -> io::Result<(JoinHandle<()>, Denials)> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().max_blocking_threads(LOOKUPS).build()?;
    let (tell, untold) = mpsc::channel(UNTOLD);
    let (told, denials) = mpsc::channel(UNTOLD);
    let shared = Arc::new(Shared {
        reach,
        names: Mutex::default(),
        resolver,
        via,
        tell,
        slots: Arc::new(Semaphore::new(CONNECTIONS)),
    });
    let tasks = {
        let _inside = runtime.enter();
        Tasks::adopt(sockets)?
    };
    let thread = std::thread::Builder::new().name("egress".to_owned());
    let thread = thread.spawn(move || {
        // Its lookups have threads of their own, which inherit it.
        crate::own::renounce();
        runtime.block_on(tasks.run(shared, untold, told));
        // A lookup that hangs is not waited for.
        runtime.shutdown_background();
    })?;
    Ok((thread, denials))
}

/// The sockets, as this runtime's.
struct Tasks {
    listeners: Vec<(Door, TcpListener)>,
    questions: UdpSocket,
}

impl Tasks {
    fn adopt(sockets: Sockets) -> io::Result<Self> {
        let missing = || io::Error::other("the box passed no sockets");
        let mut fds = sockets.0.into_iter();
        let mut next = || fds.next().ok_or_else(missing);
        let listener = |fd| -> io::Result<TcpListener> {
            let listener = StdListener::from(fd);
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        };
        let proxy = (Door::Proxy, listener(next()?)?);
        let questions = StdSocket::from(next()?);
        questions.set_nonblocking(true)?;
        let names = (Door::Names, listener(next()?)?);
        let mut listeners = vec![proxy, names];
        for fd in fds {
            listeners.push((Door::Port, listener(fd)?));
        }
        Ok(Self { listeners, questions: UdpSocket::from_std(questions)? })
    }

    /// Serves until whoever holds the rules lets go of them.
    async fn run(
        self,
        shared: Arc<Shared>,
        untold: mpsc::Receiver<Denial>,
        told: mpsc::Sender<Told>,
    ) {
        let mut all = JoinSet::new();
        for (door, listener) in self.listeners {
            all.spawn(accept(door, listener, Arc::clone(&shared)));
        }
        all.spawn(names::over_udp(self.questions, Arc::clone(&shared)));
        let mut teller = JoinSet::new();
        teller.spawn(teller_of(untold, told, shared.reach.clone()));
        let mut reach = shared.reach.clone();
        while reach.changed().await.is_ok() {}
        all.shutdown().await;
        // With the last connection the teller's source ends, and it tells what it owes.
        drop(shared);
        teller.join_next().await;
    }
}

/// Takes connections while there is a slot.
async fn accept(door: Door, listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            taken = take(&listener, &shared) => {
                let (stream, slot) = taken;
                connections.spawn(serve(door, stream, slot, Arc::clone(&shared)));
            }
            _ = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// The next connection, with the slot that it holds until it ends, however it ends.
///
/// # Cancel safety
/// Safe: a connection that was accepted is returned at once.
async fn take(listener: &TcpListener, shared: &Shared) -> (TcpStream, OwnedSemaphorePermit) {
    let slots = Arc::clone(&shared.slots);
    let Ok(slot) = slots.acquire_owned().await else { return pending().await };
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            return (stream, slot);
        }
        // Too many descriptors, most likely: others must end first.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

async fn serve(door: Door, stream: TcpStream, slot: OwnedSemaphorePermit, shared: Arc<Shared>) {
    let ended = match door {
        Door::Proxy => explicit::serve(stream, &shared).await,
        Door::Names => names::over_tcp(stream, &shared).await,
        Door::Port => transparent::serve(stream, &shared).await,
    };
    // However it ended, the server saw it; what was denied has been told.
    drop(ended);
    drop(slot);
}

/// Coalesces denials and passes them on.
async fn teller_of(
    mut untold: mpsc::Receiver<Denial>,
    told: mpsc::Sender<Told>,
    mut reach: watch::Receiver<Arc<Reach>>,
) {
    let mut tally = Tally::default();
    loop {
        let next = tokio::select! {
            denial = untold.recv() => match denial {
                Some(denial) => tally.count(denial, Instant::now()),
                None => break,
            },
            () = until(tally.ends()) => tally.close_window(Instant::now()),
        };
        for one in next {
            pass_on(&told, one, &mut reach).await;
        }
    }
    for one in tally.flush() {
        pass_on(&told, one, &mut reach).await;
    }
}

/// Waits for whoever records, but not when everything ends: it may be waiting for us.
async fn pass_on(told: &mpsc::Sender<Told>, one: Told, reach: &mut watch::Receiver<Arc<Reach>>) {
    let room = tokio::select! {
        room = told.reserve() => room.ok(),
        () = async { while reach.changed().await.is_ok() {} } => told.try_reserve().ok(),
    };
    if let Some(room) = room {
        room.send(one);
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => pending().await,
    }
}
