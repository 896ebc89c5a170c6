//! What the file means: newtypes only, nothing left to check.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use portcullis_guard::UriLists;
use portcullis_guard::egress::Reach;
use portcullis_guard::secret::SecretString;
use portcullis_policy::{
    Base, Channel, Elicitation, Extensions, Flow, Inspect, Rules, Sampling, ServerName,
};

use crate::commands::Table;
use crate::diagnose::Diagnosis;
use crate::files::Files;
use crate::policy::{Example, PolicyTable};
use crate::precedence::Firm;
use crate::queries::Queries;
use crate::remote::Remote;
use crate::secret;
use crate::serve::Serve;
use crate::settings::{Limits, Settings};
use crate::values::Unfit;
use crate::written;

/// A whole file, understood.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// How durable a record is before its message leaves.
    pub sync: Sync,
    /// What every server gets unless its own table says otherwise.
    pub defaults: Settings,
    /// What no server may exceed.
    pub ceiling: Settings,
    /// Which policies hold beyond the lists.
    pub policy: PolicyTable,
    /// What the file tools of the reference server may do, if that was said.
    pub files: Option<Files>,
    /// Where the HTTP gateway listens and for whom, if that was said.
    pub serve: Option<Serve>,
    /// What the reference server asks which databases.
    pub queries: Queries,
    pub(crate) commands: Vec<Table>,
    pub(crate) servers: BTreeMap<ServerName, Settings>,
}

/// Everything decided about one server.
#[derive(Clone, Debug)]
pub struct Server {
    /// Our name for it.
    pub name: ServerName,
    /// The program and its arguments, free of secrets; empty when it is somewhere else.
    pub command: Vec<String>,
    /// Where it is, when it is somewhere else.
    pub remote: Option<Remote>,
    /// The directories it may see, as written.
    pub roots: Vec<Root>,
    /// What it may reach.
    pub network: Network,
    /// The variables it gets beyond the usual ones.
    pub env: Vec<Variable>,
    /// Its lists, and which calls are asked.
    pub rules: Rules,
    /// What the lists of its resources mean.
    pub resources: UriLists,
    /// What host and server may agree on beyond the core.
    pub extensions: Extensions,
    /// What holds for a call that no policy speaks of.
    pub base: Base,
    /// What observing does not lift, because an administrator said it.
    pub firm: Option<Firm>,
    /// Calls with the answer that its policies must give.
    pub examples: Vec<Example>,
    /// How long a question waits before it is answered no.
    pub patience: Duration,
    /// How a person is called, in this order.
    pub channels: Vec<Channel>,
    /// Hosts that put a person there, by the name that they give themselves.
    pub trusted_hosts: BTreeSet<String>,
    /// The least box that must be achieved, else it does not start.
    pub confinement: Confinement,
    /// The account it runs under when we are root.
    pub user: Account,
    /// What becomes of definitions that are new or changed.
    pub pins: Pins,
    /// What becomes of private data on its way out.
    pub flow: Flow,
    /// Whether policy denials are only recorded.
    pub observe: bool,
    /// What becomes of suspicious text in what it says.
    pub inspect: Inspect,
    /// What it may ask of the host's model.
    pub sampling: Sampling,
    /// What it may ask of the person.
    pub elicitation: Elicitation,
    /// Where it may send the person.
    pub links: Reach,
    /// Whether it is told what the server reached for outside of its box.
    pub doorbell: bool,
    /// How much it may take.
    pub limits: Limits,
}

/// A directory a server may see, as somebody wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    path: String,
    /// Where it led when it was held against others.
    real: Option<String>,
    access: Access,
    protect: Option<Vec<String>>,
    /// A person is asked first about what the host offers in it.
    asks: bool,
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Nothing.
    #[default]
    None,
    /// These hosts, and nothing else.
    Named(Reach),
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

/// What becomes of a definition that nobody approved, mildest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pins {
    /// Drift is recorded and withholds nothing.
    Note,
    /// The first sight is trusted, and what drifts later is withheld.
    #[default]
    First,
    /// Nothing passes before a person accepts it, not even the first start.
    Ask,
}

/// How durable a record is before its message leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
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

    /// The servers that have a table, by name.
    pub fn servers(&self) -> impl Iterator<Item = (&ServerName, &Settings)> {
        self.servers.iter()
    }

    /// What is said of one server.
    pub(crate) fn said_of(&self, name: &ServerName) -> Settings {
        let table = self.servers.get(name).cloned().unwrap_or_default();
        table.over(self.defaults.clone())
    }
}

impl Server {
    /// Everything decided, out of what everybody said.
    pub(crate) fn of(
        name: ServerName,
        settings: Settings,
        policy: &PolicyTable,
    ) -> Result<Self, Unfit> {
        let command = settings.command.filter(|command| !command.is_empty()).unwrap_or_default();
        secret::refuse_in_command(&command)?;
        let wrong = match (&settings.remote, command.is_empty()) {
            (None, true) => Some("has no command: put it after `--`, or into"),
            (Some(_), false) => Some("has a command and a url: keep one of them in"),
            (Some(_), true) if !settings.env.is_empty() => {
                Some("has variables, and no process that could have them: take `env` out of")
            }
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err(Unfit::new(format!("server `{name}` {wrong} [server.{name}]")));
        }
        let mut rules = settings.tools.unwrap_or_default();
        let resources = settings.resources.unwrap_or_default();
        rules.resources = resources.written;
        rules.prompts = settings.prompts.unwrap_or_default();
        rules.mode = settings.ask.unwrap_or_default();
        rules.mode_at = settings.ask_at;
        let (elicitation, links) = settings.elicitation.settle(rules.mode);
        Ok(Self {
            name,
            command,
            remote: settings.remote,
            roots: settings.roots.unwrap_or_default(),
            network: settings.network.unwrap_or_default(),
            env: settings.env,
            rules,
            resources: resources.meant,
            extensions: settings.extensions.unwrap_or_default(),
            base: policy.base.unwrap_or_default(),
            firm: None,
            examples: policy.examples.clone(),
            patience: settings.patience.unwrap_or(Self::PATIENCE),
            channels: settings.channels.unwrap_or_else(|| Channel::USUAL.to_vec()),
            trusted_hosts: settings.trusted_hosts.unwrap_or_default(),
            confinement: settings.confinement.unwrap_or_default(),
            user: settings.user.unwrap_or_default(),
            pins: settings.pins.unwrap_or_default(),
            flow: settings.flow.unwrap_or_default().with(settings.ask.unwrap_or_default()),
            observe: settings.observe.unwrap_or_default(),
            inspect: settings.inspect.settle(),
            sampling: settings.sampling.settle(settings.ask.unwrap_or_default()),
            elicitation,
            links,
            doorbell: settings.doorbell.unwrap_or_default(),
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
            return Err(Unfit::new(
                "a root is a directory: write `DIR`, `DIR:ro` or `DIR:rw`, and `:ask` after it",
            ));
        }
        Ok(Self { path: path.to_owned(), real: None, access, protect: None, asks: false })
    }

    /// The same directory, with these places read-only in it and no others.
    ///
    /// # Errors
    /// [`Unfit`] for what is no relative path without `..`.
    pub fn protecting(self, places: &[&str]) -> Result<Self, Unfit> {
        let odd = |part: &str| matches!(part, "" | "." | "..") || part.contains('\0');
        if let Some(place) = places.iter().find(|place| place.split('/').any(odd)) {
            let place = place.escape_debug();
            return Err(Unfit::new(format!(
                "`{place}` is no place inside a root: write a relative path such as `.git/hooks`"
            )));
        }
        Ok(Self { protect: Some(places.iter().map(|&place| place.to_owned()).collect()), ..self })
    }

    /// The same root, at another spelling of its path.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn located(&self, path: &str) -> Result<Self, Unfit> {
        let (protect, real, asks) = (self.protect.clone(), self.real.clone(), self.asks);
        Ok(Self { protect, real, asks, ..Self::new(path, self.access)? })
    }

    /// The same directory, which is no root but the ceiling for those that the host offers:
    /// a person is asked about each.
    #[must_use]
    pub fn asking(self) -> Self {
        Self { asks: true, ..self }
    }

    /// Whether a person is asked about what the host offers in it.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.asks
    }

    /// The same root, which leads there: what it is held against others by.
    #[must_use]
    pub fn leading(self, real: String) -> Self {
        Self { real: Some(real), ..self }
    }

    /// Where it led when it was held against others, if it was.
    #[must_use]
    pub fn real(&self) -> Option<&str> {
        self.real.as_deref()
    }

    /// What it is compared by.
    pub(crate) fn place(&self) -> &str {
        self.real.as_deref().unwrap_or(&self.path)
    }

    /// What stays read-only in it, if somebody said so.
    #[must_use]
    pub fn protect(&self) -> Option<&[String]> {
        self.protect.as_deref()
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

impl std::fmt::Display for Network {
    /// As it may be written.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Named(reach) => f.write_str(&reach.texts().collect::<Vec<_>>().join(",")),
            Self::Host => f.write_str("host"),
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
