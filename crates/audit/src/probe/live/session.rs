//! One launch: a stage, a box on it, and a client that was greeted.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::time::Duration;

use portcullis_confine::{
    Confined, Custody, Level, Limits, Network, Profile, SpawnError, Wish, spawn,
};

use super::client::Client;
use super::clock::Clock;
use super::guard::{Behind, Gate, Keeper};
use super::listening::{DIALS, awaited};
use super::pipes::Pipes;
use super::post::Way;
use super::recipe::Recipe;
use super::sink::{self, Sink};
use super::stage::Stage;
use super::{Listens, Order};
use crate::evidence::live::Conduct;

/// How long a server may take to start and to answer the first request.
pub(super) const START: Duration = Duration::from_secs(30);

/// A server that runs, on a stage of its own. In the order in which they go.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) sink: Option<Sink>,
    pub(super) stage: Stage,
    /// What the box really is.
    pub(super) level: Level,
    /// The gateway's side of it, when there is one.
    pub(super) behind: Option<Behind>,
}

/// Why there is no session.
#[derive(Debug)]
pub(super) enum Failed {
    /// Nothing was started.
    NotStarted(String),
    /// It was started, and did not get as far as a greeting.
    Mute {
        /// It ended by itself.
        ended: bool,
        level: Level,
        conduct: Vec<Conduct>,
        complaints: String,
    },
}

/// A server that was started, and to which nothing was said yet. In the order in which its parts go.
#[derive(Debug)]
pub(super) struct Launched {
    pub(super) pipes: Pipes,
    pub(super) custody: Custody,
    pub(super) sink: Option<Sink>,
    pub(super) stage: Stage,
    pub(super) level: Level,
    /// Sockets to call it with.
    pub(super) dials: Vec<OwnedFd>,
}

impl Launched {
    /// Starts a server, with so many sockets to call it with.
    pub(super) fn start(order: &Order, recipe: &Recipe, dials: u8) -> Result<Self, Failed> {
        Self::on(order, recipe, dials, None)
    }

    /// The same on a stage that a launch before it left as it was, or on a new one.
    fn on(order: &Order, recipe: &Recipe, dials: u8, kept: Option<Stage>) -> Result<Self, Failed> {
        let failed = |why: String| Failed::NotStarted(why);
        let io =
            |error: std::io::Error| Failed::NotStarted(format!("the stage cannot be set: {error}"));
        let stage = match kept {
            Some(stage) => stage,
            None => Stage::build(&recipe.copies, recipe.database.as_deref()).map_err(io)?,
        };
        let mut profile = profile(order, recipe, &stage).map_err(failed)?;
        profile.dials = dials;
        let confined = spawn(&profile).map_err(|error| failed(refused(&error)))?;
        let Confined { stdin, stdout, stderr, sockets, dials, custody, achieved } = confined;
        let sink = sockets.and_then(Sink::serve);
        let pipes = Pipes::new(stdin, stdout, stderr).map_err(io)?;
        Ok(Self { pipes, custody, sink, stage, level: achieved.level, dials })
    }

    /// The same of a server that speaks HTTP: it is spoken with by its address once it listens there.
    fn listening(
        order: &Order,
        recipe: &Recipe,
        clock: &Clock,
        listens: &Listens,
        kept: Option<Stage>,
    ) -> Result<Self, Failed> {
        let mut launched = Self::on(order, recipe, DIALS, kept)?;
        let mut dials = std::mem::take(&mut launched.dials);
        let port = listens.url.origin().target().port;
        let failed = |error: std::io::Error| Failed::NotStarted(error.to_string());
        let tell = launched.pipes.logs().map_err(failed)?;
        if let Err(mute) = awaited(&mut launched, &mut dials, port, clock) {
            let ended = mute.exit.is_some();
            let conduct = mute.exit.map(|how| Conduct::Crashed { how }).into_iter().collect();
            let Self { level, .. } = launched;
            return Err(Failed::Mute { ended, level, conduct, complaints: mute.why });
        }
        let (url, headers) = (listens.url.clone(), listens.headers.clone());
        let way = Way { url, headers, old: listens.old, dials };
        launched.pipes.over(way, tell).map_err(failed)?;
        Ok(launched)
    }
}

impl Session {
    /// Starts a server, behind a gateway or in a box of ours, and greets it. In a box of ours it may find what an earlier
    /// launch left; a gateway's launch has a stage of its own.
    pub(super) fn start(
        order: &Order,
        recipe: &Recipe,
        clock: &Clock,
        gate: Option<Gate<'_>>,
        kept: Option<Stage>,
    ) -> Result<Self, Failed> {
        let (pipes, keeper, sink, mut stage, level, behind) = match gate {
            // The policy says that its box is a full one, or it does not start.
            Some(gate) => {
                let (pipes, keeper, stage, behind) = gate.launch(order, recipe)?;
                (pipes, keeper, None, stage, Level::Full, Some(behind))
            }
            None => {
                let Launched { pipes, custody, sink, stage, level, .. } = match &order.listens {
                    Some(listens) => Launched::listening(order, recipe, clock, listens, kept)?,
                    None => Launched::on(order, recipe, 0, kept)?,
                };
                (pipes, Keeper::Box(custody), sink, stage, level, None)
            }
        };
        let root = format!("file://{}", stage.project().display());
        let mut client = Client::new(pipes, keeper, root);
        if !client.greet(clock.within(START)) {
            let ended = client.has_ended();
            let mut conduct = client.farewell();
            if !ended {
                conduct.push(Conduct::NeverAnswered);
            }
            let complaints = stage.tidy(&client.complaints());
            return Err(Failed::Mute { ended, level, conduct, complaints });
        }
        let _ = stage.changes();
        Ok(Self { client, sink, stage, level, behind })
    }
}

/// The box: the stage, what the program itself needs, and a network that leads nowhere.
fn profile(order: &Order, recipe: &Recipe, stage: &Stage) -> Result<Profile, String> {
    let mut profile = Profile::new(Vec::new());
    let fill_in = |(name, value): (&String, &String)| (name.clone(), stage.fill_in(value));
    profile.env = recipe.environment.iter().map(fill_in).collect::<BTreeMap<_, _>>();
    for (name, value) in [("PYTHONDONTWRITEBYTECODE", "1"), ("NO_COLOR", "1")] {
        profile.env.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    profile.roots = vec![stage.grant(order.home.as_deref())?];
    profile.cwd = Some(stage.project());
    profile.least = order.least;
    if order.least == Level::None {
        profile.most = Level::None;
    }
    profile.network = match sink::doors() {
        Some(doors) if order.least == Level::Full => Network::Named(doors),
        _ => Network::None,
    };
    profile.limits = Limits {
        file_bytes: 64 << 20,
        data_bytes_per_process: order.memory.max(1 << 30),
        memory_bytes: order.memory,
        ..Limits::default()
    };
    profile.doorbell = true;
    profile.launcher.clone_from(&order.launcher);
    recipe.resolved.apply(&mut profile);
    let word = |word: &OsString| match word.to_str() {
        Some(text) => stage.fill_in(text).into(),
        None => word.clone(),
    };
    profile.command.truncate(1);
    profile.command.extend(recipe.words.iter().map(word));
    Ok(profile)
}

/// What the kernel told of a wish, as evidence has it.
pub(super) fn told(rung: &Wish, stage: &Stage) -> (&'static str, String) {
    match rung {
        Wish::Open(path) => ("open", stage.tidy(path)),
        Wish::Run(path) => ("run", stage.tidy(path)),
        Wish::Connect(address) => ("connect", address.clone()),
        Wish::More => ("open", "more than is told".to_owned()),
    }
}

fn refused(error: &SpawnError) -> String {
    match error {
        SpawnError::Weaker { .. } => {
            format!("{error}; a server that is not known is started in a full box or not at all")
        }
        other => other.to_string(),
    }
}
