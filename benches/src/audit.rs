//! What the auditor finds: over a folder of labelled cases, over listings of honest servers, over source trees, and beside it the
//! peers that run without a network.
//!
//! Read in this order: `case.rs` (a case and when it is found), `ours.rs` (our auditor), `peers.rs` (the others, in a box of
//! ours), `listings.rs` (honest servers), `trees.rs` (speed), `table.rs` (what is printed).

mod case;
mod listings;
mod ours;
mod peers;
mod table;
mod trees;

use std::path::{Path, PathBuf};

use case::Case;
use ours::{Auditor, Seen};
use peers::Peers;

/// Who wants it, and over what.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// The labelled cases, as `benches/cases.py` makes them.
    pub(crate) cases: PathBuf,
    /// Listings of honest servers.
    pub(crate) listings: Option<PathBuf>,
    /// Source trees whose reading is timed.
    pub(crate) trees: Option<PathBuf>,
    /// Where the peers are installed: a venv for each.
    pub(crate) peers: Option<PathBuf>,
    /// How often what is timed is done.
    pub(crate) rounds: usize,
    /// Of the cases, those with this in their name.
    pub(crate) only: String,
}

/// One case, and what everybody said of it.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) case: Case,
    pub(crate) ours: Seen,
    /// By the peers, in their order: the worst that it says is high, or why it says nothing.
    pub(crate) peers: Vec<peers::Said>,
}

/// Runs everything, and says it as Markdown.
pub(crate) fn run(gateway: &Path, order: &Order, setting: &str) -> Result<String, String> {
    let work = tempfile::Builder::new().prefix("portcullis-audit").tempdir();
    let work = work.map_err(|error| format!("no directory to work in: {error}"))?;
    let auditor = Auditor { gateway, work: work.path() };
    let peers = Peers::installed(order.peers.as_deref(), gateway, work.path());
    let mut rows = Vec::new();
    for case in case::read(&order.cases, &order.only)? {
        eprintln!("{}", case.name);
        let ours = auditor.case(&case, order.rounds)?;
        let peers = peers.judge(&case, &ours);
        rows.push(Row { case, ours, peers });
    }
    let honest = match &order.listings {
        Some(folder) => Some(listings::run(&auditor, &peers, folder)?),
        None => None,
    };
    let trees = match &order.trees {
        Some(folder) => trees::run(&auditor, folder, order.rounds)?,
        None => Vec::new(),
    };
    Ok(table::page(&table::All { rows, honest, trees, peers: peers.names(), setting }))
}
