//! The only network there is: listeners of ours inside the box, behind which lies nothing. Whoever
//! connects is told, and refused.

use std::time::{Duration, Instant};

use portcullis_confine::egress::{Denials, Doors, Egress, Resolver, Sockets};
use portcullis_guard::egress::{Reach, Told};

/// How long a connection may take from the server's hands to ours.
const ARRIVAL: Duration = Duration::from_millis(150);

/// What was reached.
#[derive(Debug)]
pub(super) struct Sink {
    _served: Egress,
    denials: Denials,
}

/// The doors that the box needs: those of the web.
pub(super) fn doors() -> Option<Doors> {
    nothing().map(|reach| Doors::of(&reach))
}

fn nothing() -> Option<Reach> {
    Reach::new(Vec::new()).ok()
}

impl Sink {
    /// Serves the sockets of a box.
    pub(super) fn serve(sockets: Sockets) -> Option<Self> {
        let nowhere = Resolver::new(|_| Err(std::io::ErrorKind::NotFound.into()));
        let (served, denials) = Egress::serve(sockets, nothing()?, nowhere, None).ok()?;
        Some(Self { _served: served, denials })
    }

    /// Where somebody wanted to connect to since this was last asked, as they named it.
    pub(super) fn reached(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        while let Ok(told) = self.denials.try_recv() {
            if let Told::First(denial) | Told::Again(denial, _) = told {
                all.push(denial.asked().to_owned());
            }
        }
        all
    }

    /// The same, and waits a moment for the first.
    pub(super) fn wait(&mut self) -> Vec<String> {
        let deadline = Instant::now() + ARRIVAL;
        loop {
            let all = self.reached();
            if !all.is_empty() || Instant::now() >= deadline {
                return all;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
