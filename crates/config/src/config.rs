//! What the file means: newtypes only, nothing left to check.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use portcullis_guard::secret::SecretString;
use portcullis_policy::{Rules, ServerName};

use crate::diagnose::Diagnosis;
use crate::secret;
use crate::settings::{Limits, Overrides, Settings};
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
#[derive(Clone, Debug)]
pub struct Variable {
    name: String,
    source: Source,
}

/// Where a variable's value comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// It was written; it may be a secret, so it cannot be printed.
    Value(Arc<SecretString>),
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
