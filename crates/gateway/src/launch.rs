//! A plan becomes a box, a session and a driver; or one clear sentence.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use portcullis_config as config;
use portcullis_confine::command::Resolved;
use portcullis_confine::egress::Doors;
use portcullis_confine::{self as confine, Confined, Custody, Profile, RootGrant};
use portcullis_guard::path as guarded;
use portcullis_guard::secret::SecretString;
use portcullis_journal::Event;
use portcullis_mediation::pin::Pinning;
use portcullis_mediation::{
    Fingerprint, Layer, Limits, MayAsk, SealKey, Session, Settings, Tally, Without,
};
use portcullis_policy::{Policies, PolicyText, Principal};
use portcullis_store::{Approvals, Database, Grants, Journal, Options, Sync};
use portcullis_transport::{Lane, Lines, stdio};
use serde_json::json;

use crate::admit::{Installing, admit, held_to_pin};
use crate::alarm::Alarm;
use crate::approve::Watch;
use crate::channels::Calling;
use crate::dice;
use crate::driver::{Driver, Stop, Stopping};
use crate::egress;
use crate::fault::Fault;
use crate::granting::{admit_roots, ceilings};
use crate::held::Held;
use crate::host::{Ears, Mouth};
use crate::left_out;
use crate::newcomer::Newcomers;
use crate::pins::PinKeeper;
use crate::prompt::Prompt;
use crate::reload::{Reload, Reread, Written};
use crate::roots::Keeper;
use crate::secrets::{self, Secrets, Sights};
use crate::shared::Shared;
use crate::side::SideLog;
use crate::traces::UnderWay;
use crate::upstream;

/// Hosts give up on a call after 60 s (`DEFAULT_REQUEST_TIMEOUT_MSEC` of the
/// TypeScript SDK): we answer before.
pub(crate) const HOLD: Duration = Duration::from_secs(45);
/// The home inside a box, where a server without roots starts.
const PRIVATE_HOME: &str = "/sandbox/home";
/// Longest line of stderr that is kept, in bytes.
pub(crate) const STDERR_LINE: usize = 8 << 10;
/// Nesting that a message may have.
pub(crate) const DEPTH: usize = 64;

/// Everything decided about one guarded server.
#[derive(Clone)]
pub struct Plan {
    /// What the operator decided.
    pub server: config::Server,
    /// The policies beyond its lists, as their files say.
    pub policies: Vec<PolicyText>,
    /// Who speaks on the host's side.
    pub principal: Principal,
    /// The server's name in pins: its own, or, when that only comes from the command,
    /// one of that command.
    pub pins: String,
    /// Where journal, approvals, pins and packages live.
    pub state: PathBuf,
    /// How durable a record is before its message leaves.
    pub sync: config::Sync,
    /// The config file in force, whether it exists or not: no server may write it.
    pub config: Option<PathBuf>,
    /// Every file that decides, whether it exists or not, and how they are read again.
    pub written: Written,
    /// The network as they say it then.
    pub reread: Option<Reread>,
    /// The files of projects that are in force: they stay read-only for the server.
    pub projects: Vec<PathBuf>,
    /// The home of the person, which is never a root.
    pub home: Option<PathBuf>,
    /// What it counts together with other sessions.
    pub shared: Shared,
    /// Our own variables: references are read from here, and the prepare phase
    /// of `npx` and `uvx` gets its registry settings from here.
    pub environment: BTreeMap<String, OsString>,
}

/// Our environment is full of secrets, so a plan shows whose it is and no more.
impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("server", &self.server).finish_non_exhaustive()
    }
}

/// The host's side of a session, before there is one.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) ears: Ears,
    pub(crate) mouth: Mouth,
    /// What asks the session to stop.
    pub(crate) stop: Stopping,
}

impl Host {
    /// Whoever started us: our own standard input and output.
    pub(crate) fn of_pipes(plan: &Plan) -> io::Result<Self> {
        let limit = usize::try_from(plan.server.limits.message_bytes).unwrap_or(usize::MAX);
        Ok(Self {
            ears: Ears::Pipe(Lines::new(stdio::stdin()?, limit)),
            mouth: Mouth::Pipe(Lane::new(stdio::stdout()?)),
            stop: Stopping::Signals(Stop::listen()?),
        })
    }
}

/// Starts the server in its box and the session around it. The host's side is taken when
/// everything else is there.
pub(crate) fn launch(
    plan: &Arc<Plan>,
    host: impl FnOnce() -> io::Result<Host>,
) -> Result<Box<Driver>, Fault> {
    // First, so that the state directory exists and roots can be held against it.
    let mut journal = open_journal(plan)?;
    let policies = plan.shared.policies(&plan.principal, || Ok((compile(plan)?, firm(plan)?)))?;
    let without = left_out::read(plan)?;
    let database = plan.shared.database(&plan.state);
    let database = database.map_err(|error| Fault::ours("the store cannot be opened", error))?;
    let mut keeper = keeper(plan, &database)?;
    let grants = keeper.there();
    let askable = ceiling(keeper.ceilings())?;
    let sights = Sights::of(&plan.server.env, plan.home.as_deref());
    let variables = variables(plan)?;
    let secrets = Secrets::watch(plan, sights, &variables);
    for told in secrets.aged(SystemTime::now()) {
        tell!("portcullis: {}: {told}", plan.server.name);
    }
    let mut approvals = Approvals::of(&database);
    let mut known = known(plan, &variables);
    known.extend(plan.server.remote.iter().flat_map(|remote| crate::remote::known(plan, remote)));
    let mut installing = Installing::default();
    let mut pins = PinKeeper::open(plan, &database)?.without(without);
    let stores = (&mut journal, &mut approvals);
    let ready = match &plan.server.remote {
        Some(remote) => {
            crate::remote::admit(plan, remote, &mut pins, stores)?;
            Ready::Remote(remote)
        }
        None => {
            let resolved = admit(plan, &grants, &variables, &mut pins, stores, &mut installing)?;
            let mut profile = profile(plan, &grants, variables, &resolved)?;
            if without.is(Layer::Box) {
                (profile.least, profile.most) = (confine::Level::None, confine::Level::None);
            }
            Ready::Process(Box::new((profile, resolved)))
        }
    };
    let cwd = match &ready {
        Ready::Process(ready) => working_directory(&grants, &ready.0),
        Ready::Remote(_) => None,
    };
    let pinning = pins.pinning(plan, cwd.as_deref())?;
    let begun = begin(plan, ready, &mut keeper)?;
    let mut settings = settings(plan, &grants, policies, cwd, pinning, &mut journal)?;
    settings.without = without;
    settings.askable = askable;
    let bond = plan.shared.bond(&plan.principal, &plan.server.name);
    settings.tally = bond.clone().map(|bond| Box::new(bond) as Box<dyn Tally>);
    let mut session = Session::new(settings);
    let mut record = session.record(Event::Started);
    record.confinement.clone_from(&begun.achieved);
    record.note = Some(left_out::started(plan, without));
    session.note(record);
    for told in &installing.denied {
        session.note(egress::installer(&session, told));
    }
    if let Some(why) = installing.unheld {
        let mut record = session.record(Event::Notice);
        record.note = Some(format!("the installer was not held to its registry: {why}"));
        session.note(record);
    }
    let mut driver = driver(plan, session, host, (journal, approvals, keeper, pins), begun)
        .map_err(|error| Fault::ours("the server's pipes cannot be used", error))?;
    driver.side = driver.side.knowing(known);
    driver.secrets = secrets;
    driver.bond = bond;
    Ok(Box::new(driver))
}

/// The operator's roots, without what a person took back.
fn keeper(plan: &Plan, database: &Database) -> Result<Keeper, Fault> {
    let grants = Grants::of(database);
    let given = grants.list().map_err(|error| Fault::ours("the grants cannot be read", error))?;
    let roots = admit_roots(plan, &given)?;
    let newcomers = Newcomers::below(ceilings(plan, &roots)?);
    Keeper::begin(roots, newcomers, grants, plan.server.name.as_str(), plan.home.as_deref())
}

/// What may be started now.
enum Ready<'a> {
    Process(Box<(Profile, Resolved)>),
    Remote(&'a config::Remote),
}

/// The server's side of a session.
struct Begun {
    ears: upstream::Ears,
    mouth: upstream::Mouth,
    stderr: Option<Lines>,
    custody: Option<Custody>,
    sockets: Option<confine::egress::Sockets>,
    /// What the box is.
    achieved: Option<serde_json::Value>,
    resolved: Option<Resolved>,
}

/// Starts the server in its box, or begins to speak with one that is somewhere else.
fn begin(plan: &Plan, ready: Ready<'_>, keeper: &mut Keeper) -> Result<Begun, Fault> {
    let (profile, resolved) = match ready {
        Ready::Process(ready) => *ready,
        Ready::Remote(remote) => {
            let (speech, hearing) = crate::remote::begin(plan, remote)?;
            return Ok(Begun {
                ears: upstream::Ears::Remote(Box::new(hearing)),
                mouth: upstream::Mouth::Remote(speech),
                stderr: None,
                custody: None,
                sockets: None,
                achieved: None,
                resolved: None,
            });
        }
    };
    let confined = confine::spawn(&profile).map_err(refused)?;
    for weakness in &confined.achieved.weak {
        tell!("portcullis: {}: weaker than usual: {weakness}", plan.server.name);
    }
    keeper.profile = profile;
    let Confined { stdin, stdout, stderr, sockets, custody, achieved, .. } = confined;
    let achieved = serde_json::to_value(&achieved)
        .map_err(|error| Fault::ours("the box cannot be recorded", error))?;
    let unusable = |error| Fault::ours("the server's pipes cannot be used", error);
    let limit = usize::try_from(plan.server.limits.message_bytes).unwrap_or(usize::MAX);
    let lines = Lines::new(stdio::source(stdout).map_err(unusable)?, limit);
    Ok(Begun {
        ears: upstream::Ears::Pipe(lines),
        mouth: upstream::Mouth::Pipe(Lane::new(stdio::sink(stdin).map_err(unusable)?)),
        stderr: Some(Lines::new(stdio::source(stderr).map_err(unusable)?, STDERR_LINE)),
        custody: Some(custody),
        sockets,
        achieved: Some(achieved),
        resolved: Some(resolved),
    })
}

fn driver(
    plan: &Arc<Plan>,
    session: Session,
    host: impl FnOnce() -> io::Result<Host>,
    (journal, approvals, keeper, pins): (Journal, Approvals, Keeper, PinKeeper),
    begun: Begun,
) -> std::io::Result<Driver> {
    let origin = Origin { plan: Arc::clone(plan), resolved: begun.resolved };
    let host = host()?;
    let limit = usize::try_from(plan.server.limits.message_bytes).unwrap_or(usize::MAX);
    Ok(Driver {
        session,
        journal,
        approvals,
        watch: Watch::new(Prompt::default()),
        calling: Calling::in_order(&plan.server.channels),
        keeper,
        custody: begun.custody,
        pins,
        secrets: Secrets::default(),
        held: Held::default(),
        bond: None,
        asked: UnderWay::default(),
        reload: Reload::watch(&plan.written, plan.reread.clone(), &plan.server.network),
        side: SideLog::open(&plan.state, &plan.server.name),
        limits: portcullis_wire::Limits {
            message_bytes: limit,
            depth: DEPTH,
            nodes: portcullis_wire::Limits::NODES,
        },
        from_client: host.ears,
        to_client: host.mouth,
        from_server: begun.ears,
        to_server: begun.mouth,
        stderr: begun.stderr,
        wire: egress::serve(begun.sockets, &plan.server.network)?,
        stop: host.stop,
        alarm: Alarm::default(),
        draining: None,
        over: None,
        origin,
    })
}

/// Where the server's process came from, for starting another in its place.
#[derive(Debug)]
pub(crate) struct Origin {
    plan: Arc<Plan>,
    /// What its command led to; nothing when it is somewhere else.
    resolved: Option<Resolved>,
}

impl Origin {
    /// Where approvals live, and whoever else looks at them.
    pub(crate) fn state(&self) -> &std::path::Path {
        &self.plan.state
    }

    /// What the operator decided when it was started.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Nothing takes the server's place that is not what was approved: its files
    /// may have changed since it started.
    pub(crate) fn hold(&self, pins: &mut PinKeeper, journal: &mut Journal) -> Result<(), Fault> {
        let Some(resolved) = &self.resolved else { return Ok(()) };
        held_to_pin(&self.plan, resolved, pins, journal, None).map(drop)
    }
}

/// The values of the granted variables; a reference that leads nowhere is an error.
fn variables(plan: &Plan) -> Result<BTreeMap<String, String>, Fault> {
    let value = |variable: &config::Variable| {
        let name = variable.name();
        let value = match variable.source() {
            config::Source::Value(value) => {
                value.expose("into the server's environment").to_owned()
            }
            config::Source::Environment(ours) => plan
                .environment
                .get(ours)
                .and_then(|value| value.to_str())
                .map(str::to_owned)
                .ok_or_else(|| {
                    Fault::operator(format!(
                        "variable `{ours}` is not set, and the server needs it as `{name}`"
                    ))
                })?,
            config::Source::File(path) => {
                secrets::read(name, &secrets::located(path, plan.home.as_deref()), true)?
            }
        };
        Ok((name.to_owned(), value))
    };
    plan.server.env.iter().map(value).collect()
}

/// What references led to, for taking it out of what the server writes.
fn known(plan: &Plan, values: &BTreeMap<String, String>) -> Vec<(String, SecretString)> {
    let written =
        |variable: &&config::Variable| matches!(variable.source(), config::Source::Value(_));
    let references = plan.server.env.iter().filter(|variable| !written(variable));
    let value = |variable: &config::Variable| {
        let value = values.get(variable.name())?;
        Some((variable.name().to_owned(), SecretString::new(value.clone())))
    };
    references.filter_map(value).collect()
}

pub(crate) fn open_journal(plan: &Plan) -> Result<Journal, Fault> {
    let sync = match plan.sync {
        config::Sync::Write => Sync::Write,
        config::Sync::Always => Sync::Always,
    };
    let options = Options { sync, ..Options::default() };
    plan.shared
        .journal(&plan.state.join("journal"), options)
        .map_err(|error| Fault::ours("the journal cannot be opened", error))
}

/// The box: exactly what was granted, and what the program itself needs.
fn profile(
    plan: &Plan,
    grants: &[RootGrant],
    variables: BTreeMap<String, String>,
    resolved: &Resolved,
) -> Result<Profile, Fault> {
    let server = &plan.server;
    let mut profile = Profile::new(Vec::new());
    profile.env = variables;
    profile.roots = grants.to_vec();
    profile.network = match &server.network {
        config::Network::None => confine::Network::None,
        config::Network::Named(reach) => confine::Network::Named(Doors::of(reach)),
        config::Network::Host => confine::Network::Host,
    };
    profile.least = least(server.confinement);
    if profile.least == confine::Level::None {
        // Weakness that was asked for by name; otherwise the best there is.
        profile.most = confine::Level::None;
    }
    profile.user = Some(server.user.as_str().to_owned());
    profile.limits = confine::Limits {
        processes: u64::from(server.limits.processes),
        file_bytes: server.limits.file_bytes,
        data_bytes_per_process: server.limits.memory_bytes,
        memory_bytes: server.limits.memory_bytes,
        tmp_bytes: server.limits.tmp_bytes,
        ..confine::Limits::default()
    };
    profile.doorbell = server.doorbell;
    profile.label = server.name.to_string();
    resolved.apply(&mut profile);
    Ok(profile)
}

pub(crate) fn least(confinement: config::Confinement) -> confine::Level {
    match confinement {
        config::Confinement::Full => confine::Level::Full,
        config::Confinement::Landlock => confine::Level::Landlock,
        config::Confinement::None => confine::Level::None,
    }
}

/// What the session is told.
fn settings(
    plan: &Plan,
    grants: &[RootGrant],
    (policies, firm): (Policies, Option<Policies>),
    cwd: Option<String>,
    pinning: Pinning,
    journal: &mut Journal,
) -> Result<Settings, Fault> {
    let server = &plan.server;
    let limits = &server.limits;
    let [dice, name] = dice::two()?;
    let session = format!("{name:016x}");
    Ok(Settings {
        server: server.name.clone(),
        principal: plan.principal.clone(),
        project: project(plan, &session),
        session,
        policy: policy_fingerprint(plan, grants, &policies),
        rules: policies,
        resources: server.resources.clone(),
        extensions: server.extensions.clone(),
        roots: ceiling(grants)?,
        askable: guarded::Roots::new(),
        cwd,
        flow: server.flow,
        open_world: server.network != config::Network::None || server.remote.is_some(),
        inspect: server.inspect,
        trusted_hosts: server.trusted_hosts.clone(),
        may_ask: MayAsk {
            sampling: server.sampling.clone(),
            elicitation: server.elicitation,
            links: server.links.clone(),
        },
        limits: Limits {
            calls_per_minute: limits.calls_per_minute,
            questions_per_hour: limits.questions_per_hour,
            call_timeout: limits.call_timeout,
            call_ceiling: limits.call_ceiling,
            ..Limits::default()
        },
        patience: server.patience,
        hold: HOLD.min(server.patience),
        pinning,
        observe: server.observe,
        firm,
        without: Without::default(),
        dice,
        tally: None,
        seal: SealKey::new(dice::key()?),
        redactor: journal.redactor(),
    })
}

/// Where relative paths start: the first root, else the box's private home,
/// which exists only where there is a box.
fn working_directory(grants: &[RootGrant], profile: &Profile) -> Option<String> {
    let private = || (profile.least > confine::Level::None).then(|| PathBuf::from(PRIVATE_HOME));
    let cwd = profile.cwd.clone().or_else(|| Some(grants.first()?.path.clone())).or_else(private);
    cwd.map(|cwd| cwd.display().to_string())
}

pub(crate) fn ceiling(grants: &[RootGrant]) -> Result<guarded::Roots, Fault> {
    let mut roots = guarded::Roots::new();
    for grant in grants {
        let path = grant.path.display().to_string();
        let root = guarded::Root::new(&path)
            .map_err(|error| Fault::operator(format!("root {path}: {error}")))?;
        let access = match grant.access {
            confine::Access::ReadOnly => guarded::Access::Read,
            confine::Access::ReadWrite => guarded::Access::Write,
        };
        roots.add(root, access);
    }
    Ok(roots)
}

/// Whatever decides about calls is in here: another policy, another fingerprint,
/// and every approval given under the old one is void (invariant 12).
fn policy_fingerprint(plan: &Plan, grants: &[RootGrant], policies: &Policies) -> Fingerprint {
    let server = &plan.server;
    let root = |grant: &RootGrant| {
        let writable = grant.access == confine::Access::ReadWrite;
        json!([grant.path.display().to_string(), if writable { "rw" } else { "ro" }])
    };
    let asked = server.roots.iter().filter(|root| root.asks());
    let asked: Vec<_> = asked.map(|root| json!([root.path(), root.access().as_str()])).collect();
    let all = json!({
        "policies": policies.canonical(),
        "resources": format!("{:?}", server.resources),
        "extensions": format!("{:?}", server.extensions),
        "may ask": format!("{:?} {:?} {}", server.sampling, server.elicitation, server.links),
        "roots": grants.iter().map(root).collect::<Vec<_>>(),
        "asked roots": asked,
        "network": server.network.to_string(),
        "confinement": server.confinement.as_str(),
        "command": server.command,
        "url": server.remote.as_ref().map(|remote| remote.url.text()),
    });
    Fingerprint::of(all.to_string().as_bytes())
}

/// What a grant for a project is bound to: the directory that we were started in and the
/// config that was read. Where there is none, it is bound to this session.
fn project(plan: &Plan, session: &str) -> String {
    let here = std::env::current_dir().map(|dir| dir.display().to_string());
    let here = here.unwrap_or_else(|_| session.to_owned());
    let config = plan.config.as_ref().map(|file| file.display().to_string());
    let all = json!([here, config, plan.projects]);
    Fingerprint::of(all.to_string().as_bytes()).as_str().to_owned()
}

/// The policies, all of them sound and every example as it must be, or no start.
pub(crate) fn compile(plan: &Plan) -> Result<Policies, Fault> {
    let compiled = plan.server.policies(&plan.principal, &plan.policies);
    compiled.map_err(|refused| Fault::operator(format!("the policies are not in force: {refused}")))
}

/// What of them holds although the server is only observed.
pub(crate) fn firm(plan: &Plan) -> Result<Option<Policies>, Fault> {
    let server = &plan.server;
    server.firm_policies(&plan.principal, &plan.policies).map_err(|refused| {
        Fault::operator(format!("the administrator's policies are not in force: {refused}"))
    })
}

/// Why the box refused, with the exit code that goes with it.
pub(crate) fn refused(error: confine::SpawnError) -> Fault {
    let text = error.to_string();
    match error {
        confine::SpawnError::Weaker { .. } => Fault::Weaker(text),
        confine::SpawnError::CommandNotFound { .. } => Fault::NotFound(text),
        confine::SpawnError::CommandNotExecutable { .. } => Fault::NotExecutable(text),
        confine::SpawnError::Root(_) | confine::SpawnError::User(_) => Fault::Operator(text),
        confine::SpawnError::Io { .. } => Fault::Ours(text),
    }
}
