//! One file for each command.

mod approvals;
mod audit;
mod auth;
mod completions;
mod console;
mod demo;
mod doctor;
mod explain;
mod grants;
mod journal;
mod lesson;
mod pins;
mod policy;
mod run;
mod serve;
mod server;
mod status;

use std::time::SystemTime;

use portcullis_journal::Timestamp;

use crate::args::{Cli, Command};
use crate::exit::{Exit, Trouble};

/// Does what was asked.
pub(crate) fn run(cli: Cli) -> Result<Exit, Trouble> {
    let places = &cli.places;
    match cli.command {
        Command::Run(args) => run::run(*args, places),
        Command::Serve { checklist: true } => serve::checklist(places),
        Command::Serve { checklist: false } => serve::run(places),
        Command::Server(args) => server::run(&args, places),
        Command::Audit(args) => audit::run(&args),
        Command::Approvals(args) => approvals::run(&args, places),
        Command::Console(args) => console::run(&args, places),
        Command::Status(args) => status::run(&args, places),
        Command::Auth(args) => auth::run(&args, places),
        Command::Grants(args) => grants::run(&args, places),
        Command::Pins(args) => pins::run(&args, places),
        Command::Journal(args) => journal::run(&args, places),
        Command::Policy(args) => policy::run(&args, places),
        Command::Doctor { json } => doctor::run(json, places),
        Command::Demo { yes } => demo::run(yes),
        Command::Lesson(args) => lesson::run(&args),
        Command::Careless { root } => match crate::careless::serve(&root) {
            Ok(()) => Ok(Exit::Clean),
            Err(error) => Err(Trouble::failed(&error)),
        },
        Command::Hardened { project, database } => {
            match crate::lesson::hardened::serve(&project, &database) {
                Ok(()) => Ok(Exit::Clean),
                Err(error) => Err(Trouble::failed(&*error)),
            }
        }
        Command::Completions { shell } => completions::run(shell),
    }
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().after(since)
}
