//! Programs of the operator's choice, as one tool: `run_command`.
//!
//! ```text
//! words ──▶ guard::command (judged, written anew) ──▶ every path opened beneath its root
//!       ──▶ confine::runner (a box for this call alone) ──▶ what it said, bounded
//! ```
//!
//! The server itself cannot start anything: the helper that can was started before
//! [`RunCommand`] was made, knows the programs by name, and ends what it runs with us.

mod answer;
mod places;
mod setup;
mod telling;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use portcullis_config::commands::Command;
use portcullis_confine::runner::{Run, RunError, Runner, Setup};
use portcullis_confine::{Achieved, SpawnError};
use portcullis_guard::command::Place;
use portcullis_kit::tool::{Object, Running};
use portcullis_kit::{Answer, Call, Definition, Refusal, Tool};
use serde::Deserialize;
use tokio::sync::Semaphore;

pub(crate) use setup::begin;

/// What clients call it.
const NAME: &str = "run_command";

/// Programs that run at once, for one server.
const AT_ONCE: usize = 4;

/// The tool.
#[derive(Debug)]
pub struct RunCommand {
    definition: Definition,
    commands: BTreeMap<String, Command>,
    runner: Arc<Runner>,
    slots: Semaphore,
}

/// What it is asked with, in the form that its schema gives it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    program: String,
    arguments: Vec<String>,
    directory: Option<String>,
}

impl RunCommand {
    fn start(commands: Vec<Command>, setup: &Setup) -> Result<Self, SpawnError> {
        let runner = Arc::new(Runner::start(setup)?);
        let commands: BTreeMap<String, Command> =
            commands.into_iter().map(|command| (command.name.clone(), command)).collect();
        let definition = telling::definition(&commands);
        Ok(Self { definition, commands, runner, slots: Semaphore::new(AT_ONCE) })
    }

    /// What the box of each call is, for the journal.
    #[must_use]
    pub fn achieved(&self) -> &Achieved {
        self.runner.achieved()
    }

    async fn run(&self, asked: Asked, call: &Call) -> Result<Answer, Refusal> {
        let Some(command) = self.commands.get(&asked.program) else {
            return Err(Refusal::new(format!("there is no such program; {}", self.names())));
        };
        let places = places::Places::of(call.roots(), asked.directory.as_deref())?;
        let place = Place { roots: places.words(), directory: Some(places.directory()) };
        let argv = command
            .grammar
            .judge(&asked.arguments, place)
            .map_err(|refused| telling::refused(&refused, command))?;
        let (places, argv) = call
            .blocking(move |_| {
                places.open(&argv)?;
                Ok((places, argv))
            })
            .await?;
        let Ok(_slot) = self.slots.try_acquire() else {
            return Err(Refusal::new("too many programs run already; try again when one ended"));
        };
        let run = Run {
            program: command.name.clone(),
            words: argv.words().map(str::to_owned).collect(),
            directory: Some(PathBuf::from(places.directory())),
            roots: Some(places.roots()),
            deadline: command.timeout,
            output_bytes: usize::try_from(command.output_bytes).unwrap_or(usize::MAX),
        };
        match self.runner.run(run).await {
            Ok(ran) => answer::of(&ran),
            Err(RunError::Busy) => Err(Refusal::new("too many programs run already; try again")),
            Err(broken) => Err(Refusal::failed("running the program", broken)),
        }
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.commands.keys().map(String::as_str).collect();
        format!("there are: {}", names.join(", "))
    }
}

impl Tool for RunCommand {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    /// # Cancel safety
    /// Dropped, the program ends, and all that it started.
    fn call<'a>(&'a self, arguments: Object, call: &'a Call) -> Running<'a> {
        Box::pin(async move {
            let asked = serde_json::from_value(arguments.into())
                .map_err(|unfit| Refusal::new(format!("these arguments do not fit: {unfit}")))?;
            self.run(asked, call).await
        })
    }
}
