//! What may be said about a server, and how several sayings become one.

use std::collections::BTreeSet;
use std::time::Duration;

use portcullis_guard::UriLists;
use portcullis_policy::{Ask, Channel, Extensions, Flow, Inspect, Names, Place, Rules, Treatment};

use crate::config::{Account, Confinement, Network, Pins, Root, Server, Variable};
use crate::input::{SomeElicitation, SomeSampling};
use crate::remote::Remote;
use crate::values::Unfit;

/// What may be said about a server, in a file or on the command line; what was
/// not said is empty.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The program and its arguments.
    pub command: Option<Vec<String>>,
    /// Where it is, when it is somewhere else.
    pub remote: Option<Remote>,
    /// The directories it may see.
    pub roots: Option<Vec<Root>>,
    /// What it may reach.
    pub network: Option<Network>,
    /// The variables it gets.
    pub env: Vec<Variable>,
    /// Its tools, by name.
    pub tools: Option<Rules>,
    /// Its resources, by URI.
    pub resources: Option<Resources>,
    /// Its prompts, by name.
    pub prompts: Option<Names>,
    /// What host and server may agree on beyond the core.
    pub extensions: Option<Extensions>,
    /// Which calls a person must approve.
    pub ask: Option<Ask>,
    /// Where that was written.
    pub ask_at: Option<Place>,
    /// How long a question waits.
    pub patience: Option<Duration>,
    /// How a person is called, in this order.
    pub channels: Option<Vec<Channel>>,
    /// Hosts that put a person there, by the name that they give themselves.
    pub trusted_hosts: Option<BTreeSet<String>>,
    /// The least box that must be achieved.
    pub confinement: Option<Confinement>,
    /// The account it runs under when we are root.
    pub user: Option<Account>,
    /// What becomes of definitions that nobody approved.
    pub pins: Option<Pins>,
    /// What becomes of private data on its way out.
    pub flow: Option<Flow>,
    /// Whether policy denials are only recorded.
    pub observe: Option<bool>,
    /// Whether it is told what the server reached for outside of its box.
    pub doorbell: Option<bool>,
    /// How much it may take.
    pub limits: SomeLimits,
    /// What becomes of suspicious text.
    pub inspect: SomeInspect,
    /// What it may ask of the host's model.
    pub sampling: SomeSampling,
    /// What it may ask of the person.
    pub elicitation: SomeElicitation,
}

/// Lists of resources: what the entries mean, and where they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// What they mean.
    pub meant: UriLists,
    /// The same, as written.
    pub written: Names,
}

/// What the command line says: the same words, and they win.
pub type Overrides = Settings;

/// How much a server may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tool calls in any minute.
    pub calls_per_minute: u32,
    /// Questions to a person in any hour; more wait quietly.
    pub questions_per_hour: u32,
    /// How long a call may take without a sign of life.
    pub call_timeout: Duration,
    /// How long a call may take at all; progress does not extend it.
    pub call_ceiling: Duration,
    /// The longest message, in bytes.
    pub message_bytes: u64,
    /// Processes and threads.
    pub processes: u32,
    /// Memory of one process, in bytes.
    pub memory_bytes: u64,
    /// The largest file it may write, in bytes.
    pub file_bytes: u64,
    /// Its private `/tmp` and home together with all they hold, in bytes.
    pub tmp_bytes: u64,
}

/// The limits that were written; the rest is inherited.
#[derive(Clone, Debug, Default)]
pub struct SomeLimits {
    pub(crate) calls_per_minute: Option<u32>,
    pub(crate) questions_per_hour: Option<u32>,
    pub(crate) call_timeout: Option<Duration>,
    pub(crate) call_ceiling: Option<Duration>,
    pub(crate) message_bytes: Option<u64>,
    pub(crate) processes: Option<u32>,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) file_bytes: Option<u64>,
    pub(crate) tmp_bytes: Option<u64>,
}

impl Settings {
    /// These settings where they say something, the others elsewhere. Lists
    /// replace each other; variables replace each other name by name.
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        let kept =
            |variable: &Variable| !self.env.iter().any(|mine| mine.name() == variable.name());
        let mut env: Vec<_> = other.env.into_iter().filter(kept).collect();
        env.extend(self.env);
        // Whoever says what it is says what it is not.
        let says = self.command.is_some() || self.remote.is_some();
        let (command, remote) =
            if says { (self.command, self.remote) } else { (other.command, other.remote) };
        Self {
            command,
            remote,
            roots: self.roots.or(other.roots),
            network: self.network.or(other.network),
            env,
            tools: self.tools.or(other.tools),
            resources: self.resources.or(other.resources),
            prompts: self.prompts.or(other.prompts),
            extensions: self.extensions.or(other.extensions),
            ask_at: if self.ask.is_some() { self.ask_at } else { other.ask_at },
            ask: self.ask.or(other.ask),
            patience: self.patience.or(other.patience),
            channels: self.channels.or(other.channels),
            trusted_hosts: self.trusted_hosts.or(other.trusted_hosts),
            confinement: self.confinement.or(other.confinement),
            user: self.user.or(other.user),
            pins: self.pins.or(other.pins),
            flow: self.flow.or(other.flow),
            observe: self.observe.or(other.observe),
            doorbell: self.doorbell.or(other.doorbell),
            limits: self.limits.over(other.limits),
            inspect: self.inspect.over(other.inspect),
            sampling: self.sampling.over(other.sampling),
            elicitation: self.elicitation.over(other.elicitation),
        }
    }
}

impl Settings {
    /// Everything that has a usual value, said.
    pub(crate) fn settled(self) -> Self {
        Self {
            roots: self.roots.or_else(|| Some(Vec::new())),
            network: self.network.or(Some(Network::None)),
            extensions: self.extensions.or_else(|| Some(Extensions::new())),
            ask: self.ask.or_else(|| Some(Ask::default())),
            patience: self.patience.or(Some(Server::PATIENCE)),
            channels: self.channels.or_else(|| Some(Channel::USUAL.to_vec())),
            trusted_hosts: self.trusted_hosts.or_else(|| Some(BTreeSet::new())),
            confinement: self.confinement.or_else(|| Some(Confinement::default())),
            user: self.user.or_else(|| Some(Account::default())),
            pins: self.pins.or_else(|| Some(Pins::default())),
            flow: self.flow.or_else(|| Some(Flow::default())),
            observe: self.observe.or(Some(false)),
            doorbell: self.doorbell.or(Some(false)),
            limits: self.limits.said(),
            inspect: self.inspect.said(),
            sampling: self.sampling.said(),
            elicitation: self.elicitation.said(),
            ..self
        }
    }
}

impl Limits {
    /// What a server may take unless somebody says otherwise.
    pub const DEFAULT: Self = Self {
        calls_per_minute: 120,
        questions_per_hour: 30,
        call_timeout: Duration::from_mins(1),
        call_ceiling: Duration::from_mins(10),
        message_bytes: 4 << 20,
        processes: 128,
        memory_bytes: 1 << 30,
        file_bytes: 256 << 20,
        tmp_bytes: 64 << 20,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The treatments that were written; the rest is inherited.
#[derive(Clone, Copy, Debug, Default)]
pub struct SomeInspect {
    pub(crate) hidden: Option<Treatment>,
    pub(crate) instructions: Option<Treatment>,
    pub(crate) secrets: Option<Treatment>,
    pub(crate) definitions: Option<Treatment>,
    pub(crate) errors: Option<Treatment>,
    pub(crate) open_world: Option<Treatment>,
}

impl SomeInspect {
    fn over(self, other: Self) -> Self {
        Self {
            hidden: self.hidden.or(other.hidden),
            instructions: self.instructions.or(other.instructions),
            secrets: self.secrets.or(other.secrets),
            definitions: self.definitions.or(other.definitions),
            errors: self.errors.or(other.errors),
            open_world: self.open_world.or(other.open_world),
        }
    }

    pub(crate) fn says_something(&self) -> bool {
        let Self { hidden, instructions, secrets, definitions, errors, open_world } = self;
        [hidden, instructions, secrets, definitions, errors, open_world]
            .iter()
            .any(|said| said.is_some())
    }

    /// The same, with nothing left unsaid.
    fn said(self) -> Self {
        let Inspect { hidden, instructions, secrets, definitions, errors, open_world } =
            self.settle();
        Self {
            hidden: Some(hidden),
            instructions: Some(instructions),
            secrets: Some(secrets),
            definitions: Some(definitions),
            errors: Some(errors),
            open_world: Some(open_world),
        }
    }

    /// Fills in what was not written.
    pub(crate) fn settle(self) -> Inspect {
        let usual = Inspect::default();
        Inspect {
            hidden: self.hidden.unwrap_or(usual.hidden),
            instructions: self.instructions.unwrap_or(usual.instructions),
            secrets: self.secrets.unwrap_or(usual.secrets),
            definitions: self.definitions.unwrap_or(usual.definitions),
            errors: self.errors.unwrap_or(usual.errors),
            open_world: self.open_world.unwrap_or(usual.open_world),
        }
    }
}

impl SomeLimits {
    /// The same, with nothing left unsaid.
    fn said(self) -> Self {
        let usual = Limits::DEFAULT;
        let call_timeout = self.call_timeout.unwrap_or(usual.call_timeout);
        Self {
            calls_per_minute: self.calls_per_minute.or(Some(usual.calls_per_minute)),
            questions_per_hour: self.questions_per_hour.or(Some(usual.questions_per_hour)),
            call_timeout: Some(call_timeout),
            call_ceiling: self.call_ceiling.or_else(|| Some(usual.call_ceiling.max(call_timeout))),
            message_bytes: self.message_bytes.or(Some(usual.message_bytes)),
            processes: self.processes.or(Some(usual.processes)),
            memory_bytes: self.memory_bytes.or(Some(usual.memory_bytes)),
            file_bytes: self.file_bytes.or(Some(usual.file_bytes)),
            tmp_bytes: self.tmp_bytes.or(Some(usual.tmp_bytes)),
        }
    }

    fn over(self, other: Self) -> Self {
        Self {
            calls_per_minute: self.calls_per_minute.or(other.calls_per_minute),
            questions_per_hour: self.questions_per_hour.or(other.questions_per_hour),
            call_timeout: self.call_timeout.or(other.call_timeout),
            call_ceiling: self.call_ceiling.or(other.call_ceiling),
            message_bytes: self.message_bytes.or(other.message_bytes),
            processes: self.processes.or(other.processes),
            memory_bytes: self.memory_bytes.or(other.memory_bytes),
            file_bytes: self.file_bytes.or(other.file_bytes),
            tmp_bytes: self.tmp_bytes.or(other.tmp_bytes),
        }
    }

    /// Fills in what was not written.
    ///
    /// # Errors
    /// [`Unfit`] when the ceiling of a call lies below its timeout.
    pub(crate) fn settle(self) -> Result<Limits, Unfit> {
        let usual = Limits::DEFAULT;
        let call_timeout = self.call_timeout.unwrap_or(usual.call_timeout);
        let call_ceiling = self.call_ceiling.unwrap_or(usual.call_ceiling.max(call_timeout));
        if call_ceiling < call_timeout {
            return Err(Unfit::new(
                "`call_ceiling` is below `call_timeout`, so no call could use its time",
            ));
        }
        Ok(Limits {
            calls_per_minute: self.calls_per_minute.unwrap_or(usual.calls_per_minute),
            questions_per_hour: self.questions_per_hour.unwrap_or(usual.questions_per_hour),
            call_timeout,
            call_ceiling,
            message_bytes: self.message_bytes.unwrap_or(usual.message_bytes),
            processes: self.processes.unwrap_or(usual.processes),
            memory_bytes: self.memory_bytes.unwrap_or(usual.memory_bytes),
            file_bytes: self.file_bytes.unwrap_or(usual.file_bytes),
            tmp_bytes: self.tmp_bytes.unwrap_or(usual.tmp_bytes),
        })
    }
}
