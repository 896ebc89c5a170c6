//! Connections that wait for the next request to the same origin.

use std::sync::{Mutex, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use super::connection::Connection;
use portcullis_guard::egress::Origin;

/// Connections kept at most.
const MOST: usize = 8;
/// How long one is kept. Node and uvicorn close theirs after five seconds, and a request that
/// crosses such an end is lost.
const KEPT: Duration = Duration::from_secs(4);

/// Idle connections, each to the address that was judged when it was opened.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<Vec<(Origin, Instant, Connection)>>);

impl Pool {
    /// One to this origin that is still open.
    pub(super) fn take(&self, origin: &Origin) -> Option<Connection> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        idle.retain(|(_, since, _)| now.duration_since(*since) < KEPT);
        while let Some(at) = idle.iter().rposition(|(whose, ..)| whose == origin) {
            let (_, _, mut connection) = idle.remove(at);
            // Hears whether the other end closed it meanwhile.
            connection.drive(&mut Context::from_waker(Waker::noop()));
            if connection.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps one whose answer was read to its end.
    pub(super) fn keep(&self, origin: Origin, connection: Connection) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() >= MOST {
            idle.remove(0);
        }
        idle.push((origin, Instant::now(), connection));
    }
}
