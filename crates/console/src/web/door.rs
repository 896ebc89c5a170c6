//! Where a person allows their browser to go to an authorization server, and where it comes back.
//!
//! A listener of its own on loopback, for one such journey. Its pages are under a name that nobody
//! else has, behind the same [`wall`](super::wall) as the console's; the return is to
//! `127.0.0.1`, as a native program registers it (RFC 8252, 7.3), and counts by its `state`
//! alone, which the caller knows. The link opens the page in one browser, once: that browser gets
//! a `__Host-` cookie, and the form that it is shown counts once (MCP-AUTH-22 to -24).

mod answer;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::secret::Secret;
use super::wall::Wall;
use super::{HEAD, HEAD_BYTES, HEADERS, peer};

/// How many connections there may be at once.
const CONNECTIONS: usize = 16;
/// Where a browser comes back to.
const BACK: &str = "/callback";

/// What a person is shown before they say yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// The program that uses the server, as it calls itself.
    pub host: String,
    /// Our name for the server.
    pub server: String,
    /// Its name at the authorization server.
    pub resource: String,
    /// The authorization server.
    pub issuer: String,
    /// The host that the browser goes to.
    pub at: String,
    /// The page there.
    pub place: String,
    /// What is asked for.
    pub scopes: String,
    /// As whom.
    pub client_id: String,
    /// Where the browser comes back to.
    pub redirect: String,
}

/// What happens at a door.
#[derive(Debug)]
pub enum Came {
    /// The person said yes: say where the browser goes.
    Yes(oneshot::Sender<String>),
    /// The person said no.
    No,
    /// The browser came back with this query: say how it ended, good or not.
    Back(String, oneshot::Sender<Result<(), String>>),
}

/// A door that is bound and not yet open.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    wall: Wall,
    /// The address behind the name.
    back: Wall,
    link: Secret,
    state: Mutex<State>,
}

/// How far a person is.
#[derive(Debug, Default)]
struct State {
    /// The browser that opened the link.
    browser: Option<Secret>,
    /// The form that it was shown last.
    form: Option<Secret>,
    /// An answer was given, and there is no other.
    answered: bool,
}

impl Door {
    /// Binds 127.0.0.1, on a free port unless one is wanted.
    ///
    /// # Errors
    /// When the port is taken, or there is no entropy.
    pub fn bind(port: Option<u16>) -> io::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(0)));
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let wall = Wall::new(&format!("{}.localhost:{port}", Secret::roll()?.short()));
        let back = Wall::new(&format!("127.0.0.1:{port}"));
        let (link, state) = (Secret::roll()?, Mutex::default());
        Ok(Self { listener, shared: Arc::new(Shared { wall, back, link, state }) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn port(&self) -> io::Result<u16> {
        self.listener.local_addr().map(|address| address.port())
    }

    /// Where a browser comes back to, exactly.
    #[must_use]
    pub fn callback(&self) -> String {
        format!("{}{BACK}", self.shared.back.origin())
    }

    /// What opens the page, once.
    #[must_use]
    pub fn link(&self) -> String {
        format!("{}/open?{}", self.shared.wall.origin(), self.shared.link.letters())
    }

    /// Shows the sheet until it is dropped.
    ///
    /// # Errors
    /// When the system gives us no more of something.
    ///
    /// # Cancel safety
    /// Dropped, it closes every connection.
    pub async fn open(self, sheet: Sheet, events: mpsc::Sender<Came>) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let caller = Caller { shared: self.shared, sheet: Arc::new(sheet), events };
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((stream, peer)) = accepted else {
                        // Out of descriptors, most likely: not at once again.
                        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                        continue;
                    };
                    if tasks.len() < CONNECTIONS && peer::is_ours(&stream, peer) {
                        tasks.spawn(connection(stream, caller.clone()));
                    }
                }
                Some(_) = tasks.join_next() => {}
            }
        }
    }
}

/// What a request is answered with.
#[derive(Clone, Debug)]
struct Caller {
    shared: Arc<Shared>,
    sheet: Arc<Sheet>,
    events: mpsc::Sender<Came>,
}

impl Caller {
    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn connection(stream: TcpStream, caller: Caller) {
    let service = service_fn(|request| {
        let caller = caller.clone();
        async move { Ok::<_, std::convert::Infallible>(answer::answer(request, caller).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    http.max_headers(HEADERS).max_buf_size(HEAD_BYTES);
    // A browser that broke off has nothing to be told.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}
