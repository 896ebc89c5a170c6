//! One file for each command.

mod approvals;
mod completions;
mod demo;
mod doctor;
mod journal;
mod run;

use std::time::SystemTime;

use portcullis_journal::Timestamp;

use crate::args::{Cli, Command};
use crate::exit::{Exit, Trouble};

/// Does what was asked.
pub(crate) fn run(cli: Cli) -> Result<Exit, Trouble> {
    let places = &cli.places;
    match cli.command {
        Command::Run(args) => run::run(*args, places),
        Command::Approvals(args) => approvals::run(&args, places),
        Command::Journal(args) => journal::run(&args, places),
        Command::Doctor { json } => doctor::run(json),
        Command::Demo { yes } => demo::run(yes),
        Command::Careless { root } => match crate::careless::serve(&root) {
            Ok(()) => Ok(Exit::Clean),
            Err(error) => Err(Trouble::failed(&error)),
        },
        Command::Completions { shell } => completions::run(shell),
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().after(since)
}
