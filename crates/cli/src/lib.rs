//! The door: reads the command line, hands over, prints, exits.
//!
//! Read in this order: [`args`] is what may be typed, `command` has one file for
//! each command, [`exit`] is how they end, `state` and `documents` find our
//! files, `style` writes tables.

pub mod args;
mod careless;
mod checklist;
mod command;
mod crash;
mod desk;
mod documents;
pub mod exit;
mod lesson;
mod name;
mod policies;
mod state;
mod style;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser as _};

use crate::args::Cli;
use crate::exit::{Exit, Trouble};

/// What `portcullis` does.
#[must_use]
pub fn main() -> ExitCode {
    portcullis_confine::own::cut();
    crash::say_where_and_not_what();
    let done = Cli::try_parse().map_err(misread).and_then(command::run);
    let exit = done.unwrap_or_else(|trouble| {
        for line in &trouble.said {
            eprintln!("portcullis: {line}");
        }
        trouble.exit
    });
    exit.into()
}

/// The commands and options, for completions and manual pages.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Clap proposes hidden commands too: nobody is to be led to them.
fn keep_to_ourselves(error: &mut clap::Error) {
    let Some(ContextValue::Strings(names)) = error.remove(ContextKind::SuggestedSubcommand) else {
        return;
    };
    let told: Vec<String> = names.into_iter().filter(|name| !name.starts_with("__")).collect();
    if !told.is_empty() {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(told));
    }
}

/// What clap has to say: help goes to stdout, a mistake is told in our voice.
fn misread(mut error: clap::Error) -> Trouble {
    keep_to_ourselves(&mut error);
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            style::print(&text).err().unwrap_or_else(|| Trouble::quiet(Exit::Clean))
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let said = format!("no command: here is what there is\n\n{}", text.trim_end());
            Trouble::new(Exit::Usage, said)
        }
        _ => {
            let text = text.strip_prefix("error: ").unwrap_or(&text).replace('\'', "`");
            Trouble::new(Exit::Usage, text.trim_end())
        }
    }
}
