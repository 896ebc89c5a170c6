//! The page on loopback where a person sees and answers questions.
//!
//! Read in this order: [`Console`] binds and serves, `peer` says which processes may connect,
//! `wall` what a request must be before anything looks at it, `route` what there is, `session`
//! who has opened it and what they were shown, `answer` what a yes takes, `looking` the pages that
//! change nothing, `live` what an open page is told, `reply` what every answer of ours carries. `door` is another
//! listener, for a journey to somebody else's page and back.

mod answer;
mod door;
mod edit;
mod live;
mod looking;
mod peer;
mod reply;
mod route;
mod secret;
mod session;
mod wall;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::api::Desk;
pub use door::{Came, Door, Sheet};
use live::News;
use secret::Secret;
use session::Sessions;
use wall::Wall;

/// How many connections there may be at once: a browser opens six.
const CONNECTIONS: usize = 64;
/// How long a request's head may take, and a connection may idle.
const HEAD: Duration = Duration::from_secs(30);
/// How long a head may be, in bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// How many headers it may have.
const HEADERS: usize = 64;

/// A console that is bound and not yet served.
#[derive(Debug)]
pub struct Console {
    listener: TcpListener,
    shared: Arc<Shared>,
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    wall: Wall,
    /// A name of no use but to say that a question waits; hosts may know it.
    look: String,
    sessions: Mutex<Sessions>,
}

/// Makes links to a console that runs.
#[derive(Clone, Debug)]
pub struct Links(Arc<Shared>);

impl Console {
    /// Binds 127.0.0.1, on a free port unless one is wanted.
    ///
    /// # Errors
    /// When the port is taken, or there is no entropy.
    pub fn bind(port: Option<u16>) -> io::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(0)));
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        // Cookies know no ports, so whatever else listens on loopback would be given ours
        // under a name that we share with it; nobody has this one.
        let name = Secret::roll()?.short();
        let port = listener.local_addr()?.port();
        let wall = Wall::new(&format!("{name}.localhost:{port}"));
        let look = format!("{}.localhost:{port}", Secret::roll()?.short());
        let shared = Arc::new(Shared { wall, look, sessions: Mutex::default() });
        Ok(Self { listener, shared })
    }

    /// Where others may send a person who is to look at the console: a page that says so, and
    /// shows and answers nothing. Its name is not the console's.
    #[must_use]
    pub fn look(&self) -> String {
        format!("http://{}/", self.shared.look)
    }

    /// For links that open it.
    #[must_use]
    pub fn links(&self) -> Links {
        Links(Arc::clone(&self.shared))
    }

    /// Serves until the process ends, blocking the thread.
    ///
    /// # Errors
    /// When the system gives us no more of something.
    pub fn serve(self, desk: Arc<dyn Desk>) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(serve(self, desk))
    }
}

impl Links {
    /// A new link. It opens the console once, within two minutes.
    ///
    /// # Errors
    /// When there is no entropy.
    pub fn make(&self) -> io::Result<String> {
        let token = self.0.sessions().link(Instant::now())?;
        Ok(format!("{}/open?{token}", self.0.wall.origin()))
    }
}

impl Shared {
    fn sessions(&self) -> std::sync::MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes connections of our own account, and answers each until it ends.
async fn serve(console: Console, desk: Arc<dyn Desk>) -> io::Result<()> {
    let Console { listener, shared } = console;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let news = News::default();
    let mut tasks = JoinSet::new();
    tasks.spawn(live::watch(Arc::clone(&desk), news.clone()));
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, peer)) = accepted else {
                    // Out of descriptors, most likely: not at once again.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                if tasks.len() <= CONNECTIONS && peer::is_ours(&stream, peer) {
                    let (desk, shared) = (Arc::clone(&desk), Arc::clone(&shared));
                    tasks.spawn(connection(stream, Caller { desk, shared, news: news.clone() }));
                }
            }
            Some(_) = tasks.join_next() => {}
        }
    }
}

/// What a request is answered with.
#[derive(Clone, Debug)]
struct Caller {
    desk: Arc<dyn Desk>,
    shared: Arc<Shared>,
    news: News,
}

async fn connection(stream: TcpStream, caller: Caller) {
    let service = service_fn(|request| {
        let caller = caller.clone();
        async move { Ok::<_, std::convert::Infallible>(route::answer(request, caller).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    http.max_headers(HEADERS).max_buf_size(HEAD_BYTES);
    // A browser that broke off has nothing to be told.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}
