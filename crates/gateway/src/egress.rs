//! The network by name, from the gateway's side: served while the server lives, and
//! every denial recorded.

use std::future::pending;
use std::io;

use portcullis_config::Network;
use portcullis_confine::egress::{Denials, Egress, Resolver, Sockets};
use portcullis_guard::egress::Reach;
use portcullis_journal::Record;
use portcullis_mediation::Session;

pub(crate) use portcullis_guard::egress::Told;

/// A server's network, in our hands.
#[derive(Debug)]
pub(crate) struct Wire {
    reach: Reach,
    egress: Option<Egress>,
    denials: Denials,
}

/// Serves the box's sockets, if it has some.
pub(crate) fn serve(sockets: Option<Sockets>, network: &Network) -> io::Result<Option<Wire>> {
    match (sockets, network) {
        (Some(sockets), Network::Named(reach)) => Wire::new(sockets, reach.clone()).map(Some),
        _ => Ok(None),
    }
}

impl Wire {
    fn new(sockets: Sockets, reach: Reach) -> io::Result<Self> {
        let (egress, denials) = Egress::serve(sockets, reach.clone(), Resolver::system(), None)?;
        Ok(Self { reach, egress: Some(egress), denials })
    }

    /// A fresh box took the place of the one before: the same hosts, through its own
    /// doors. What the one before was denied, and nobody heard of yet.
    pub(crate) fn moves(
        wire: &mut Option<Self>,
        sockets: Option<Sockets>,
    ) -> io::Result<Vec<Told>> {
        let Some(old) = wire.take() else { return Ok(Vec::new()) };
        let reach = old.reach.clone();
        let told = old.end();
        *wire = sockets.map(|sockets| Self::new(sockets, reach)).transpose()?;
        Ok(told)
    }

    /// What may be reached from now on.
    pub(crate) fn change(&mut self, reach: Reach) {
        if let Some(egress) = &self.egress {
            egress.change(reach.clone());
        }
        self.reach = reach;
    }

    /// The next thing that was denied.
    ///
    /// # Cancel safety
    /// Safe: what was not returned is returned by the next call.
    pub(crate) async fn denied(wire: &mut Option<Self>) -> Told {
        match wire {
            Some(wire) => match wire.denials.recv().await {
                Some(told) => told,
                None => pending().await,
            },
            None => pending().await,
        }
    }

    /// Ends every connection; what was not told yet.
    pub(crate) fn end(mut self) -> Vec<Told> {
        drop(self.egress.take());
        std::iter::from_fn(|| self.denials.try_recv().ok()).collect()
    }
}

/// The record of what the installer of a server's package wanted.
pub(crate) fn installer(session: &Session, told: &Told) -> Record {
    let mut record = session.unreached(told);
    record.note = Some("while its package was installed".to_owned());
    record
}
