//! The network's list while a server runs: the files that decide are looked at once
//! a second, and what they say of the hosts holds for new connections at once.
//!
//! Everything else that they say holds from the next start on. What cannot be read
//! or loosens what it must not changes nothing, and is told.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_config::Network;
use portcullis_confine as confine;
use portcullis_confine::egress::Doors;
use portcullis_guard::egress::Reach;

use crate::driver::Driver;
use crate::secrets::Sight;

/// How often we look: a `stat` for each file.
const LOOK: Duration = Duration::from_secs(1);

/// The network as the files say it now, with everything that holds over them; or
/// why they cannot be followed.
#[derive(Clone)]
pub struct Reread(Arc<dyn Fn() -> Result<Network, String> + Send + Sync>);

impl Reread {
    /// Somebody who knows how to read them.
    #[must_use]
    pub fn new(read: impl Fn() -> Result<Network, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }
}

impl std::fmt::Debug for Reread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reread")
    }
}

/// The files that decide, whether they exist or not, as they were before they were read:
/// what changes after that is read again.
#[derive(Clone, Debug, Default)]
pub struct Written(Vec<(PathBuf, Option<Sight>)>);

impl Written {
    /// Looks at them; they are read after that.
    #[must_use]
    pub fn look(files: Vec<PathBuf>) -> Self {
        let seen = |file: PathBuf| {
            let sight = Sight::of(&file);
            (file, sight)
        };
        Self(files.into_iter().map(seen).collect())
    }

    /// Looks at these, too.
    #[must_use]
    pub fn and(mut self, files: Vec<PathBuf>) -> Self {
        self.0.extend(Self::look(files).0);
        self
    }

    pub(crate) fn files(&self) -> &[(PathBuf, Option<Sight>)] {
        &self.0
    }
}

/// The files, as they were.
#[derive(Debug, Default)]
pub(crate) struct Reload {
    files: Vec<(PathBuf, Option<Sight>)>,
    /// How they were when the network was read.
    read: Vec<Option<Sight>>,
    next: Option<Instant>,
    reread: Option<Reread>,
    /// What is in force, and what the server was started with.
    network: Network,
    first: Network,
}

impl Reload {
    /// Watches these files.
    pub(crate) fn watch(written: &Written, reread: Option<Reread>, network: &Network) -> Self {
        let named = matches!(network, Network::Named(_));
        let next = (named && reread.is_some()).then(|| Instant::now() + LOOK);
        let files = written.0.clone();
        let read = files.iter().map(|(_, sight)| *sight).collect();
        Self { files, read, next, reread, network: network.clone(), first: network.clone() }
    }

    pub(crate) fn next_look(&self) -> Option<Instant> {
        self.next
    }

    /// The network, when the files changed and came to rest.
    fn look(&mut self) -> Option<Result<Network, String>> {
        // A file may be where only its owner looks.
        let _awake = confine::own::wake();
        let mut settled = true;
        for (file, seen) in &mut self.files {
            let sight = Sight::of(Path::new(file));
            settled &= sight == *seen;
            *seen = sight;
        }
        let now: Vec<_> = self.files.iter().map(|(_, sight)| *sight).collect();
        if !settled || now == self.read {
            return None;
        }
        self.read = now;
        let Reread(read) = self.reread.as_ref()?;
        Some(read())
    }
}

impl Driver {
    /// Looks whether the files say another network.
    pub(crate) fn look_at_network(&mut self, now: Instant) {
        if self.reload.next.is_none_or(|next| now < next) {
            return;
        }
        self.reload.next = Some(now + LOOK);
        match self.reload.look() {
            None => {}
            Some(Ok(network)) if network == self.reload.network => {}
            Some(Ok(network)) => self.follow_network(network),
            Some(Err(why)) => {
                self.note_network(&format!("the network stays `{}`: {why}", self.reload.network));
            }
        }
    }

    fn follow_network(&mut self, network: Network) {
        let reach = match &network {
            Network::Named(reach) => reach.clone(),
            Network::None => Reach::default(),
            Network::Host => {
                return self.note_network("the network is `host` from the next start on");
            }
        };
        if self.wire.is_none() {
            return;
        }
        let told = format!("the network is `{network}` now, it was `{}`", self.reload.network);
        // Recorded first: what the new list lets through comes after it.
        self.note_network(&told);
        self.perform();
        if self.session.is_closed() {
            return;
        }
        let known = (network != self.reload.first).then(|| network.to_string());
        self.session.network_changed(known);
        if let Some(wire) = &mut self.wire {
            wire.change(reach.clone());
        }
        // A fresh box listens for what the list says then.
        self.keeper.profile.network = confine::Network::Named(Doors::of(&reach));
        self.reload.network = network;
    }

    fn note_network(&mut self, told: &str) {
        tell!("portcullis: {told}");
        self.session.note_network(told);
    }
}
