//! A plan becomes a box, a session and a driver; or one clear sentence.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis_config as config;
use portcullis_confine::command::{self, Preparation, PrepareError, Resolved};
use portcullis_confine::{self as confine, Confined, Custody, Profile, RootGrant};
use portcullis_guard::path as guarded;
use portcullis_journal::Event;
use portcullis_mediation::{Fingerprint, Limits, Session, Settings};
use portcullis_policy::Principal;
use portcullis_store::{Approvals, Journal, Options, Sync};
use portcullis_transport::{Lane, Lines, stdio};

use crate::alarm::Alarm;
use crate::approve::Watch;
use crate::driver::{Driver, Stop};
use crate::fault::Fault;
use crate::prompt::Prompt;
use crate::side::SideLog;
use crate::trusted::{self, holds, lies_in};

/// Hosts give up on a call after 60 s (`DEFAULT_REQUEST_TIMEOUT_MSEC` of the
/// TypeScript SDK): we answer before.
const HOLD: Duration = Duration::from_secs(45);
/// The home inside a box, where a server without roots starts.
const PRIVATE_HOME: &str = "/sandbox/home";
/// Longest line of stderr that is kept, in bytes.
const STDERR_LINE: usize = 8 << 10;
/// Nesting that a message may have.
const DEPTH: usize = 64;

/// Everything decided about one guarded server.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the operator decided.
    pub server: config::Server,
    /// Where journal, approvals and packages live.
    pub state: PathBuf,
    /// How durable a record is before its message leaves.
    pub sync: config::Sync,
    /// The config file in force, whether it exists or not: no server may write it.
    pub config: Option<PathBuf>,
    /// The home of the person, which is never a root.
    pub home: Option<PathBuf>,
    /// Our own variables: references are read from here, and the prepare phase
    /// of `npx` and `uvx` gets its registry settings from here.
    pub environment: BTreeMap<String, OsString>,
}

/// What runs.
pub(crate) struct Launched {
    pub(crate) driver: Driver,
    pub(crate) custody: Custody,
}

/// Starts the server in its box and the session around it.
pub(crate) fn launch(plan: &Plan) -> Result<Launched, Fault> {
    // First, so that the state directory exists and roots can be held against it.
    let mut journal = open_journal(plan)?;
    let grants = admit_roots(plan)?;
    let variables = variables(plan)?;
    let approvals = Approvals::open(&plan.state)
        .map_err(|error| Fault::ours("approvals cannot be opened", error))?;
    let profile = profile(plan, &grants, variables)?;
    let confined = confine::spawn(&profile).map_err(refused)?;
    for weakness in &confined.achieved.weak {
        eprintln!("portcullis: {}: weaker than usual: {weakness}", plan.server.name);
    }
    let mut session = Session::new(settings(plan, &grants, &profile, &mut journal)?);
    let mut record = session.record(Event::Started);
    record.confinement = Some(
        serde_json::to_value(&confined.achieved)
            .map_err(|error| Fault::ours("the box cannot be recorded", error))?,
    );
    record.note = Some(portcullis_guard::redact(&plan.server.command.join(" ")).into_owned());
    session.note(record);
    let Confined { stdin, stdout, stderr, custody, .. } = confined;
    let pipes = Pipes { stdin, stdout, stderr };
    let driver = driver(plan, session, journal, approvals, pipes)
        .map_err(|error| Fault::ours("the server's pipes cannot be used", error))?;
    Ok(Launched { driver, custody })
}

/// Our ends of the server's pipes.
struct Pipes {
    stdin: OwnedFd,
    stdout: OwnedFd,
    stderr: OwnedFd,
}

fn driver(
    plan: &Plan,
    session: Session,
    journal: Journal,
    approvals: Approvals,
    pipes: Pipes,
) -> std::io::Result<Driver> {
    let limit = usize::try_from(plan.server.limits.message_bytes).unwrap_or(usize::MAX);
    Ok(Driver {
        session,
        journal,
        approvals,
        watch: Watch::new(Prompt::default()),
        side: SideLog::open(&plan.state, &plan.server.name),
        limits: portcullis_wire::Limits { message_bytes: limit, depth: DEPTH },
        from_client: Lines::new(stdio::stdin()?, limit),
        to_client: Lane::new(stdio::stdout()?),
        from_server: Lines::new(stdio::source(pipes.stdout)?, limit),
        to_server: Lane::new(stdio::sink(pipes.stdin)?),
        stderr: Lines::new(stdio::source(pipes.stderr)?, STDERR_LINE),
        stderr_open: true,
        stop: Stop::listen()?,
        alarm: Alarm::default(),
        draining: None,
        over: None,
    })
}

/// The ceiling for roots: canonical, existing, and not a place that nobody shares.
fn admit_roots(plan: &Plan) -> Result<Vec<RootGrant>, Fault> {
    let admit = |root: &config::Root| {
        let access = match root.access() {
            config::Access::Read => confine::Access::ReadOnly,
            config::Access::Write => confine::Access::ReadWrite,
        };
        let grant = confine::admit_root(Path::new(root.path()), access, plan.home.as_deref())
            .map_err(|refused| Fault::operator(refused.to_string()))?;
        not_our_own(plan, &grant)?;
        Ok(grant)
    };
    plan.server.roots.iter().map(admit).collect()
}

/// A server that could reach our state could read the journal's key and approve
/// its own calls; one that could write our config could lift its own limits.
fn not_our_own(plan: &Plan, grant: &RootGrant) -> Result<(), Fault> {
    let root = &grant.path;
    let writable = grant.access == confine::Access::ReadWrite;
    let state = real_state(plan)?;
    let overlaps = holds(root, &state) || holds(&state, root);
    if overlaps || writable && lies_in(&plan.state, root) {
        let (root, state) = (root.display(), state.display());
        let why = format!(
            "root {root} overlaps our own state in {state}: grant a directory beside it, or move the state with --state"
        );
        return Err(Fault::operator(why));
    }
    // There need not be a config yet: a server that could make one is as free.
    if writable && plan.config.as_ref().is_some_and(|config| lies_in(config, root)) {
        let why = format!(
            "root {} is writable and holds our own config, or the place where it would be: \
             grant it with :ro, or move the config with --config",
            root.display()
        );
        return Err(Fault::operator(why));
    }
    Ok(())
}

fn real_state(plan: &Plan) -> Result<PathBuf, Fault> {
    let state = plan.state.canonicalize();
    state.map_err(|error| Fault::ours("the state directory cannot be held against grants", error))
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
            config::Source::File(path) => read_secret(name, path, plan.home.as_deref())?,
        };
        Ok((name.to_owned(), value))
    };
    plan.server.env.iter().map(value).collect()
}

fn read_secret(name: &str, path: &str, home: Option<&Path>) -> Result<String, Fault> {
    let path = match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    };
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Fault::operator(format!(
            "the value of `{name}` cannot be read from {}: {error}",
            path.display()
        ))
    })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn open_journal(plan: &Plan) -> Result<Journal, Fault> {
    let sync = match plan.sync {
        config::Sync::Write => Sync::Write,
        config::Sync::Always => Sync::Always,
    };
    let options = Options { sync, ..Options::default() };
    Journal::open_with(&plan.state.join("journal"), options)
        .map_err(|error| Fault::ours("the journal cannot be opened", error))
}

/// The box: exactly what was granted, and what the program itself needs.
fn profile(
    plan: &Plan,
    grants: &[RootGrant],
    variables: BTreeMap<String, String>,
) -> Result<Profile, Fault> {
    let server = &plan.server;
    let mut profile = Profile::new(Vec::new());
    profile.env = variables;
    profile.roots = grants.to_vec();
    profile.network = match server.network {
        config::Network::None => confine::Network::None,
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
        tmp_bytes: server.limits.tmp_bytes,
        ..confine::Limits::default()
    };
    profile.label = server.name.to_string();
    understood(plan, grants)?.apply(&mut profile);
    Ok(profile)
}

/// The command as program, arguments and the directories it needs; what `npx` or
/// `uvx` would download is installed first, in a box with network and no roots.
fn understood(plan: &Plan, grants: &[RootGrant]) -> Result<Resolved, Fault> {
    let server = &plan.server;
    let command: Vec<OsString> = server.command.iter().map(OsString::from).collect();
    let empty = OsString::new();
    let path = plan.environment.get("PATH").unwrap_or(&empty);
    let (path, left_out) = trusted::search_path(path, grants);
    for dir in left_out {
        let (name, dir) = (&server.name, dir.display());
        eprintln!("portcullis: {name}: not looking for programs in {dir}: the server may write it");
    }
    let home = plan.home.as_deref();
    let resolved = command::resolve(&command, &path, home).map_err(refused)?;
    let command::Plan::Prepare(package) = &resolved.plan else {
        return hold_back(plan, resolved, grants);
    };
    eprintln!("portcullis: {}: preparing `{}`", server.name, package.spec);
    let preparation = Preparation {
        store: &plan.state.join("packages"),
        path: &path,
        home,
        user: Some(server.user.as_str()),
        least: least(server.confinement),
        launcher: None,
    };
    hold_back(plan, package.prepare(&preparation).map_err(unprepared)?, grants)
}

/// What a program needs beside itself is neither chosen by the server nor ours.
fn hold_back(plan: &Plan, resolved: Resolved, grants: &[RootGrant]) -> Result<Resolved, Fault> {
    let resolved = trusted::hold_back(resolved, grants)?;
    let state = real_state(plan)?;
    if let Some(dir) = resolved.code.iter().find(|dir| holds(dir, &state)) {
        let (dir, state) = (dir.display(), state.display());
        let why = format!(
            "the server's program needs {dir}, which holds our own state in {state}: \
             put the program into a directory of its own, or move the state with --state"
        );
        return Err(Fault::operator(why));
    }
    Ok(resolved)
}

fn least(confinement: config::Confinement) -> confine::Level {
    match confinement {
        config::Confinement::Full => confine::Level::Full,
        config::Confinement::Landlock => confine::Level::Landlock,
        config::Confinement::None => confine::Level::None,
    }
}

fn unprepared(error: PrepareError) -> Fault {
    match error {
        PrepareError::Spawn(error) => refused(error),
        other => Fault::Operator(other.to_string()),
    }
}

/// What the session is told.
fn settings(
    plan: &Plan,
    grants: &[RootGrant],
    profile: &Profile,
    journal: &mut Journal,
) -> Result<Settings, Fault> {
    let server = &plan.server;
    let limits = &server.limits;
    let [dice, name] = entropy()?;
    Ok(Settings {
        server: server.name.clone(),
        principal: Principal::user(rustix::process::getuid().as_raw()),
        session: format!("{name:016x}"),
        rules: server.rules.clone(),
        policy: policy_fingerprint(plan, grants),
        roots: ceiling(grants)?,
        cwd: working_directory(grants, profile),
        open_world: server.network != config::Network::None,
        limits: Limits {
            calls_per_minute: limits.calls_per_minute,
            call_timeout: limits.call_timeout,
            call_ceiling: limits.call_ceiling,
            ..Limits::default()
        },
        patience: server.patience,
        hold: HOLD.min(server.patience),
        observe: server.observe,
        dice,
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

fn ceiling(grants: &[RootGrant]) -> Result<guarded::Roots, Fault> {
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
fn policy_fingerprint(plan: &Plan, grants: &[RootGrant]) -> Fingerprint {
    let server = &plan.server;
    let roots: Vec<_> = grants.iter().map(|grant| (&grant.path, grant.access)).collect();
    let (rules, network, box_) = (&server.rules, server.network, server.confinement);
    let command = &server.command;
    Fingerprint::of(format!("{rules:?} {roots:?} {network:?} {box_:?} {command:?}").as_bytes())
}

fn entropy() -> Result<[u64; 2], Fault> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| Fault::ours("there is no randomness", error))?;
    let whole = u128::from_le_bytes(bytes);
    let low = u64::try_from(whole & u128::from(u64::MAX)).unwrap_or_default();
    let high = u64::try_from(whole >> 64).unwrap_or_default();
    Ok([low, high])
}

/// Why the box refused, with the exit code that goes with it.
fn refused(error: confine::SpawnError) -> Fault {
    let text = error.to_string();
    match error {
        confine::SpawnError::Weaker { .. } => Fault::Weaker(text),
        confine::SpawnError::CommandNotFound { .. } => Fault::NotFound(text),
        confine::SpawnError::CommandNotExecutable { .. } => Fault::NotExecutable(text),
        confine::SpawnError::Root(_) | confine::SpawnError::User(_) => Fault::Operator(text),
        confine::SpawnError::Io { .. } => Fault::Ours(text),
    }
}
