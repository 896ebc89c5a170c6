//! `portcullis completions`: a script for a shell.

use clap_complete::{Shell, generate};

use crate::exit::{Exit, Trouble};
use crate::style;

pub(super) fn run(shell: Shell) -> Result<Exit, Trouble> {
    let mut script = Vec::new();
    generate(shell, &mut crate::command(), "portcullis", &mut script);
    style::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Clean)
}
