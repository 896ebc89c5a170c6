//! From the operator's tables to what the helper is told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use portcullis_config::commands::Command;
use portcullis_config::values;
use portcullis_confine::runner::{Program, Setup, limits};
use portcullis_confine::{Level, RootGrant, SpawnError};
use portcullis_kit::StartError;

use super::RunCommand;
use crate::settings::Settings;
use crate::source;

/// Why a program cannot be offered.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    /// It starts in a home, and there is none.
    #[error("[commands.{0}]: `~/` leads nowhere, for HOME is not set")]
    Home(String),
    /// A variable whose value is not where it was said to be.
    #[error("[commands.{command}]: the value of `{name}` cannot be had: {why}")]
    Variable {
        /// The program.
        command: String,
        /// The variable.
        name: String,
        /// The reason.
        why: String,
    },
}

/// The tool, if there is a program to run, and its helper.
pub(crate) fn begin(settings: &Settings) -> Result<Option<RunCommand>, StartError> {
    if settings.commands.is_empty() {
        return Ok(None);
    }
    let (commands, roots) = (settings.commands.clone(), settings.roots.clone());
    RunCommand::of(commands, roots, settings.least).map(Some)
}

impl RunCommand {
    /// The tool for these programs, which see these roots, and its helper. Before the
    /// server confines itself, while there is one thread: the values of the programs'
    /// variables are read here, and `HOME` is what `~` stands for.
    ///
    /// # Errors
    /// [`StartError`] for a program that may not be run or lacks a value, or when the
    /// box of a call would be less than `least`.
    pub fn of(
        commands: Vec<Command>,
        roots: Vec<RootGrant>,
        least: Level,
    ) -> Result<Self, StartError> {
        let refused = |why: String| StartError::Tool { name: super::NAME.to_owned(), why };
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let programs = commands.iter().map(|command| program(command, home.as_deref()));
        let programs = programs.collect::<Result<Vec<_>, _>>();
        let programs = programs.map_err(|error| refused(error.to_string()))?;
        let setup = Setup { programs, roots, least, ..Setup::default() };
        Self::start(commands, &setup).map_err(|error| match error {
            SpawnError::Weaker { .. } => StartError::Weaker(error),
            other => refused(other.to_string()),
        })
    }
}

/// What the helper needs to know of a program: all that its operator and its grammar say.
fn program(command: &Command, home: Option<&Path>) -> Result<Program, CommandError> {
    let usual = command.usual_env.iter();
    let mut env: BTreeMap<String, String> =
        usual.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    for variable in &command.env {
        let name = variable.name().to_owned();
        let value = source::value(variable.source(), home).map_err(|why| {
            CommandError::Variable { command: command.name.clone(), name: name.clone(), why }
        })?;
        env.insert(name, value.expose("a program's variable").to_owned());
    }
    let path = values::expand_home(&command.program, home);
    Ok(Program {
        name: command.name.clone(),
        path: path.ok_or_else(|| CommandError::Home(command.name.clone()))?,
        fixed: command.fixed.clone(),
        env,
        writes: command.writes,
        alone: command.alone,
        limits: limits(),
    })
}
