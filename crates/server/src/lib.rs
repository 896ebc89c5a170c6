//! The hardened reference server: files, named queries, commands.
//!
//! [`serve`] reads aloud: open what was granted, open the journal, confine this
//! process, prove it, record it, and only then read what a client says. The tools
//! are rooms of their own, built with `portcullis-kit`, which stands around each of
//! their calls.
#![forbid(unsafe_code)]

pub mod command;
mod dates;
pub mod files;
pub mod query;
mod settings;
pub mod source;

pub use settings::Settings;

use portcullis_confine::Access;
use portcullis_confine::own_box::Reach;
use portcullis_kit::{Start, StartError, Toolbox};

/// Serves one client on standard input and output until it leaves.
///
/// Called early in `main`, while there is one thread: from here on this process can
/// reach what the settings name, and nothing else.
///
/// # Errors
/// [`StartError`], before the first byte is read.
pub fn serve(settings: Settings) -> Result<(), StartError> {
    let writes = settings.roots.iter().any(|root| root.access == Access::ReadWrite);
    // Whoever may start programs is started before nobody may.
    let commands = command::begin(&settings)?;
    let mut start = Start::new(&settings.name, env!("CARGO_PKG_VERSION"))
        .records(&settings.state)
        .at_least(settings.least);
    for root in settings.roots {
        start = start.grant(root);
    }
    start = databases(start, settings.queries.needs);
    if let Some(commands) = &commands {
        start = start.tells("commands", commands.achieved());
    }
    // A message must hold what a file may, with what JSON adds to it.
    let mut limits = settings.limits;
    limits.message_bytes = limits.message_bytes.max(2 * settings.files.write_bytes + (1 << 20));
    let toolbox = start.enter()?.limits(limits);
    let toolbox = files::offer(toolbox, settings.files, writes);
    let toolbox = settings.queries.tools.into_iter().fold(toolbox, Toolbox::dynamic);
    commands.into_iter().fold(toolbox, Toolbox::dynamic).serve_stdio()
}

/// What the databases touch stays open.
fn databases(mut start: Start, needs: query::Needs) -> Start {
    for path in needs.read {
        start = start.own_file(path, Access::ReadOnly);
    }
    for path in needs.write {
        start = start.own_file(path, Access::ReadWrite);
    }
    start.reaches(Reach { tcp: needs.ports, names: needs.names, local: needs.sockets })
}
