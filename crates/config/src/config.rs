//! What the file means: newtypes only, nothing left to check.

use std::collections::BTreeMap;
use std::time::Duration;

use portcullis_policy::{Ask, Rules, ServerName};

use crate::diagnose::Diagnosis;
use crate::secret::{self, SecretString};
use crate::values::Unfit;
use crate::written;

/// A whole file, understood.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// How durable a record is before its message leaves.
    pub sync: Sync,
    /// What every server gets unless its own table says otherwise.
    pub defaults: Settings,
    servers: BTreeMap<ServerName, Settings>,
}

/// What may be said about a server, in a file or on the command line; what was
/// not said is empty.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The program and its arguments.
    pub command: Option<Vec<String>>,
    /// The directories it may see.
    pub roots: Option<Vec<Root>>,
    /// What it may reach.
    pub network: Option<Network>,
    /// The variables it gets.
    pub env: Vec<Variable>,
    /// Its tools, by name.
    pub tools: Option<Rules>,
    /// Which calls a person must approve.
    pub ask: Option<Ask>,
    /// How long a question waits.
    pub patience: Option<Duration>,
    /// The least box that must be achieved.
    pub confinement: Option<Confinement>,
    /// The account it runs under when we are root.
    pub user: Option<Account>,
    /// Whether policy denials are only recorded.
    pub observe: Option<bool>,
    /// How much it may take.
    pub limits: SomeLimits,
}

/// What the command line says: the same words, and they win.
pub type Overrides = Settings;

/// Everything decided about one server.
#[derive(Clone, Debug)]
pub struct Server {
    /// Our name for it.
    pub name: ServerName,
    /// The program and its arguments; never empty, and free of secrets.
    pub command: Vec<String>,
    /// The directories it may see, as written.
    pub roots: Vec<Root>,
    /// What it may reach.
    pub network: Network,
    /// The variables it gets beyond the usual ones.
    pub env: Vec<Variable>,
    /// Its tools and which calls are asked.
    pub rules: Rules,
    /// How long a question waits before it is answered no.
    pub patience: Duration,
    /// The least box that must be achieved, else it does not start.
    pub confinement: Confinement,
    /// The account it runs under when we are root.
    pub user: Account,
    /// Whether policy denials are only recorded.
    pub observe: bool,
    /// How much it may take.
    pub limits: Limits,
}

/// How much a server may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tool calls in any minute.
    pub calls_per_minute: u32,
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
    pub(crate) call_timeout: Option<Duration>,
    pub(crate) call_ceiling: Option<Duration>,
    pub(crate) message_bytes: Option<u64>,
    pub(crate) processes: Option<u32>,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) file_bytes: Option<u64>,
    pub(crate) tmp_bytes: Option<u64>,
}

/// A directory a server may see, as somebody wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    path: String,
    access: Access,
}

/// What a server may do in a root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Read.
    #[default]
    Read,
    /// Read and write.
    Write,
}

/// What a server may reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Nothing.
    #[default]
    None,
    /// Everything that this machine reaches; weak, and marked so.
    Host,
}

/// A variable of a server's environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    name: String,
    source: Source,
}

/// Where a variable's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It was written.
    Value(SecretString),
    /// A variable of our own environment.
    Environment(String),
    /// A file, read when the server starts.
    File(String),
}

/// The least box that must be achieved, strongest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confinement {
    /// Namespaces, landlock and seccomp.
    #[default]
    Full,
    /// Landlock and seccomp.
    Landlock,
    /// None at all.
    None,
}

/// How durable a record is before its message leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// Accepted by the kernel: survives the death of our process.
    #[default]
    Write,
    /// On the disk: survives the death of the machine.
    Always,
}

/// The name of an unprivileged account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account(String);

impl Config {
    /// Understands a file, or says everything that is wrong with it.
    ///
    /// # Errors
    /// One [`Diagnosis`] per mistake, in the order of the file.
    pub fn read(text: &str, file_name: &str) -> Result<Self, Vec<Diagnosis>> {
        written::read(text, file_name)
    }

    pub(crate) fn new(
        sync: Sync,
        defaults: Settings,
        servers: BTreeMap<ServerName, Settings>,
    ) -> Self {
        Self { sync, defaults, servers }
    }

    /// The servers that have a table, by name.
    pub fn servers(&self) -> impl Iterator<Item = (&ServerName, &Settings)> {
        self.servers.iter()
    }

    /// Decides everything about one server: command line, its table, defaults,
    /// ourselves, in this order.
    ///
    /// # Errors
    /// [`Unfit`] when there is no command, a secret in it, or limits that
    /// contradict each other.
    pub fn settle(&self, name: ServerName, overrides: Overrides) -> Result<Server, Unfit> {
        let table = self.servers.get(&name).cloned().unwrap_or_default();
        let settings = overrides.over(table).over(self.defaults.clone());
        let Some(command) = settings.command.filter(|command| !command.is_empty()) else {
            return Err(Unfit::new(format!(
                "server `{name}` has no command: put it after `--`, or into [server.{name}]"
            )));
        };
        secret::refuse_in_command(&command)?;
        let mut rules = settings.tools.unwrap_or_default();
        rules.mode = settings.ask.unwrap_or_default();
        Ok(Server {
            name,
            command,
            roots: settings.roots.unwrap_or_default(),
            network: settings.network.unwrap_or_default(),
            env: settings.env,
            rules,
            patience: settings.patience.unwrap_or(Server::PATIENCE),
            confinement: settings.confinement.unwrap_or_default(),
            user: settings.user.unwrap_or_default(),
            observe: settings.observe.unwrap_or_default(),
            limits: settings.limits.settle()?,
        })
    }
}

impl Server {
    /// How long a question waits unless somebody says otherwise.
    pub const PATIENCE: Duration = Duration::from_mins(2);
}

impl Settings {
    /// These settings where they say something, the others elsewhere. Lists
    /// replace each other; variables replace each other name by name.
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        let kept = |variable: &Variable| !self.env.iter().any(|mine| mine.name == variable.name);
        let mut env: Vec<_> = other.env.into_iter().filter(kept).collect();
        env.extend(self.env);
        Self {
            command: self.command.or(other.command),
            roots: self.roots.or(other.roots),
            network: self.network.or(other.network),
            env,
            tools: self.tools.or(other.tools),
            ask: self.ask.or(other.ask),
            patience: self.patience.or(other.patience),
            confinement: self.confinement.or(other.confinement),
            user: self.user.or(other.user),
            observe: self.observe.or(other.observe),
            limits: self.limits.over(other.limits),
        }
    }
}

impl Limits {
    /// What a server may take unless somebody says otherwise.
    pub const DEFAULT: Self = Self {
        calls_per_minute: 120,
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

impl SomeLimits {
    fn over(self, other: Self) -> Self {
        Self {
            calls_per_minute: self.calls_per_minute.or(other.calls_per_minute),
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

impl Root {
    /// A directory as somebody wrote it; it may be relative or start with `~/`.
    ///
    /// # Errors
    /// [`Unfit`] when no directory has that name.
    pub fn new(path: &str, access: Access) -> Result<Self, Unfit> {
        if path.is_empty() || path.contains('\0') {
            return Err(Unfit::new("a root is a directory: write `DIR`, `DIR:ro` or `DIR:rw`"));
        }
        Ok(Self { path: path.to_owned(), access })
    }

    /// The directory as written.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What the server may do in it.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }

    /// Means the same wherever we are started: absolute, or below home.
    #[must_use]
    pub fn is_anchored(&self) -> bool {
        self.path.starts_with('/') || self.path == "~" || self.path.starts_with("~/")
    }
}

impl Access {
    /// The word in files, options and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "ro",
            Self::Write => "rw",
        }
    }
}

impl Network {
    /// The word in files, options and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Host => "host",
        }
    }
}

impl Confinement {
    /// The word in files, options and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Landlock => "landlock",
            Self::None => "none",
        }
    }
}

impl Variable {
    /// A variable by name.
    ///
    /// # Errors
    /// [`Unfit`] when nothing can have that name.
    pub fn new(name: &str, source: Source) -> Result<Self, Unfit> {
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if starts_well && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Ok(Self { name: name.to_owned(), source });
        }
        Err(Unfit::new("a variable's name is letters, digits and `_`, and starts with no digit"))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its value comes from.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }
}

impl Account {
    /// An account by name.
    ///
    /// # Errors
    /// [`Unfit`] when no account could have that name, or it is root.
    pub fn new(name: &str) -> Result<Self, Unfit> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        if name == "root" || name.parse() == Ok(0_u32) {
            return Err(Unfit::new("a server never runs as root: name an unprivileged account"));
        }
        if starts_well && name.len() <= 32 && name.chars().all(allowed) {
            return Ok(Self(name.to_owned()));
        }
        Err(Unfit::new(format!("`{name}` cannot be the name of an account")))
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Account {
    fn default() -> Self {
        Self("nobody".to_owned())
    }
}
