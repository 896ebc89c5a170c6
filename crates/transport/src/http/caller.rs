//! Whose process is at the other end of a connection.
//!
//! Everybody on a machine reaches its loopback: other accounts, and servers that were given the
//! whole network. The kernel knows whose socket the other end is, and so which account; it does not
//! tell a server of ours from whoever started it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Who made a request, as the kernel says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account whose process it is. `None` when that cannot be found out: it is on another
    /// machine, in a network of its own, or gone.
    pub uid: Option<u32>,
    /// Where it is, unless it came by a socket in the file system.
    pub address: Option<SocketAddr>,
    /// The certificate that they showed, when they were asked for one.
    pub certificate: Option<Arc<Certificate>>,
    /// What is known of the connection.
    pub standing: Standing,
}

/// Whether a connection ever carried a request of somebody known. One that did not gives way where
/// there are too many.
#[derive(Clone, Debug, Default)]
pub struct Standing(Arc<AtomicBool>);

impl Standing {
    /// It does now, and for as long as it lasts.
    pub fn prove(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it did.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl PartialEq for Standing {
    fn eq(&self, other: &Self) -> bool {
        self.is_proven() == other.is_proven()
    }
}

impl Eq for Standing {}

/// A certificate that an authority of the operator's choice vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The one name in it.
    pub name: String,
    /// SHA-256 of it, as tokens that are bound to it say it (RFC 8705).
    pub digest: String,
}
