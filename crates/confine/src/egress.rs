//! The network by name: a box with nothing but listeners of ours.
//!
//! ```text
//! box (an empty network, everything local)            gateway
//!  127.0.0.1:3128  CONNECT, http://…, SOCKS5  ──┐
//!  127.0.0.1:53    names → 198.18.0.0/15      ──┼── served here: judged (guard), resolved
//!  0.0.0.0:PORT    who ignores the proxy      ──┘   once, checked, dialled, relayed
//! ```
//!
//! The init makes the sockets inside the box ([`listen`]) and passes them out, so no
//! process of ours is in there and no other process can use them. [`serve`] runs the
//! listeners on a thread of its own; [`explicit`] speaks with programs that know about
//! the proxy, [`transparent`] with those that do not, [`names`] answers their
//! questions; all of them come to [`dial`], the one place that opens a connection, and
//! then to [`tunnel`], which looks at what is said first, and [`relay`].

mod dial;
mod explicit;
pub(crate) mod listen;
mod names;
mod relay;
mod serve;
mod talk;
mod transparent;
mod tunnel;
mod via;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use portcullis_guard::egress::{Reach, Told};
use tokio::sync::{mpsc, watch};

pub use listen::{Doors, Sockets};
pub use via::Via;

/// How names become addresses, outside of the box.
#[derive(Clone)]
pub struct Resolver(Arc<Lookup>);

type Lookup = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// A network that is being served. It ends, and every connection with it, when this
/// is dropped.
#[derive(Debug)]
pub struct Egress {
    reach: Option<watch::Sender<Arc<Reach>>>,
    thread: Option<JoinHandle<()>>,
}

/// What became of requests that were not let through.
pub type Denials = mpsc::Receiver<Told>;

impl Egress {
    /// Serves a box's sockets from now on.
    ///
    /// The receiver gets every denial, coalesced. Somebody has to read it: who is
    /// denied waits until it has been told.
    ///
    /// # Errors
    /// When the sockets or the thread cannot be used.
    pub fn serve(
        sockets: Sockets,
        reach: Reach,
        resolver: Resolver,
        via: Option<Via>,
    ) -> io::Result<(Self, Denials)> {
        let (rules, current) = watch::channel(Arc::new(reach));
        let (thread, denials) = serve::start(sockets, current, resolver, via)?;
        Ok((Self { reach: Some(rules), thread: Some(thread) }, denials))
    }

    /// Changes what may be reached: new connections are judged by it at once, and
    /// open ones that it would not allow are cut.
    pub fn change(&self, reach: Reach) {
        if let Some(rules) = &self.reach {
            rules.send_replace(Arc::new(reach));
        }
    }
}

impl Drop for Egress {
    fn drop(&mut self) {
        drop(self.reach.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Resolver {
    /// The system's own.
    #[must_use]
    pub fn system() -> Self {
        Self::new(|name| {
            use std::net::ToSocketAddrs as _;
            Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
        })
    }

    /// Another one.
    #[must_use]
    pub fn new(lookup: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(lookup))
    }

    fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        (self.0)(name)
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}
