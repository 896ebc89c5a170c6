//! Starts a server in a box with nothing of the user's in it, talks to it, and writes down what happened.
//!
//! ```text
//! Order ─▶ recipe      the words, understood once; what they name is copied
//!   run                keeps a server ready and makes one request after the other
//!    └ session         one launch: a stage with new secrets, a box on it, a client
//!       └ client       small and strict, on three bounded pipes
//!   guard              the same launch behind `portcullis run`, under a policy
//!   listening          one launch of a server that speaks HTTP, for the probe of that
//!   post               a server that speaks HTTP, as if it had pipes
//!   inventory, tool, offer, special    what is asked
//!   kind, attack, shape         what is sent
//!   snapshot, database, sink, effect    what it did
//! ```
//!
//! Whatever a server does, it ends here as evidence, inside the time and the memory that the order gives
//! it. An effect is something that was seen on the stage: words in an answer prove nothing.

mod attack;
mod client;
mod copy;
mod database;
mod effect;
mod guard;
mod inventory;
mod kind;
mod listening;
mod offer;
mod pipes;
mod post;
mod recipe;
mod repository;
mod run;
mod session;
mod shape;
mod sink;
mod snapshot;
mod special;
mod stage;
mod tool;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use hyper::http::HeaderMap;
use portcullis_confine::Level;
use portcullis_guard::egress::Url;

use super::clock::Clock;
use super::doing::Doing;
use super::{clock, dice};
use crate::armour::Policy;
use crate::evidence::{Guarded, Live};
use guard::Gate;
use inventory::{Inventory, name_of};
use kind::{Carries, Kind};
use recipe::Recipe;
use run::Run;
use tool::Tool;

pub use guard::{Again, Guard, Heard, Start};
pub(super) use inventory::{ENTRIES, PAGES, drifted};
pub(super) use listening::Listening;

/// What a server says about itself, in characters.
const LONGEST: usize = 64 << 10;

/// What to start, and how much it may cost.
#[derive(Clone)]
pub struct Order {
    /// The program and its arguments, as a person would write them. `{project}`, `{database}` and
    /// `{stage}` in a word stand for our throw-away directories.
    pub command: Vec<OsString>,
    /// Variables that the server gets; it inherits none of ours. The same names stand in their values, and
    /// what they name of the user's is copied like what a word names.
    pub environment: BTreeMap<String, String>,
    /// Where programs are searched: a `PATH`.
    pub path: OsString,
    /// The person's home, which is never granted as a whole.
    pub home: Option<PathBuf>,
    /// Where packages are installed when the command asks for one; without it, none is.
    pub packages: Option<PathBuf>,
    /// Where the server's own files lie together, when that is known: all of it is there for the server to read, and
    /// nothing of it is copied.
    pub own: Option<PathBuf>,
    /// The program that hosts the box: ourselves if absent, see [`portcullis_confine::Profile::launcher`].
    pub launcher: Option<PathBuf>,
    /// Tools that may exist although nobody lists them, for example because the source has them.
    pub hidden: Vec<String>,
    /// For everything.
    pub time: Duration,
    /// For one request.
    pub call: Duration,
    /// What the server may hold, in bytes, all its processes together.
    pub memory: u64,
    /// The weakest box in which it is started.
    pub least: Level,
    /// Where it listens in its box, when it speaks HTTP and not over its pipes.
    pub listens: Option<Listens>,
    /// Where it is told what is being done.
    pub doing: Doing,
}

/// Where a server listens, and how it is told who asks.
#[derive(Clone, Debug)]
pub struct Listens {
    /// Its address, which is this machine's.
    pub url: Url,
    /// Headers by which we identify ourselves; they are sensitive, and so never printed.
    pub headers: HeaderMap,
    /// It speaks HTTP with SSE, as 2024-11-05 has it.
    pub old: bool,
}

impl Order {
    /// A full box, five minutes, ten seconds a call and 512 MiB.
    #[must_use]
    pub fn new(command: Vec<OsString>) -> Self {
        Self {
            command,
            environment: BTreeMap::new(),
            path: portcullis_confine::DEFAULT_PATH.into(),
            home: None,
            packages: None,
            own: None,
            launcher: None,
            hidden: Vec::new(),
            time: Duration::from_secs(300),
            call: Duration::from_secs(10),
            memory: 512 << 20,
            least: Level::Full,
            listens: None,
            doing: Doing::default(),
        }
    }
}

/// Variables may be secrets: their names are shown and no more.
impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let variables: Vec<&String> = self.environment.keys().collect();
        let mut shown = f.debug_struct("Order");
        shown.field("command", &self.command).field("variables", &variables).finish_non_exhaustive()
    }
}

/// Starts a server and looks at what it does. What goes wrong is evidence.
#[must_use]
pub fn look(order: &Order) -> Live {
    begin(order).0
}

/// The same, with what it takes to do it once more; nothing when the server did not start.
#[must_use]
pub fn begin(order: &Order) -> (Live, Option<Again>) {
    let clock = Clock::start(order.time, order.call);
    let mut live = Live { box_level: "none".to_owned(), ..Live::default() };
    live.command = shown(&order.command);
    let recipe = match Recipe::read(order) {
        Ok(recipe) => recipe,
        Err(why) => {
            live.conduct.push(crate::evidence::live::Conduct::NotStarted { why });
            return (live, None);
        }
    };
    order.doing.now("starting the server");
    let mut run = Run::new(order, recipe, clock, live);
    let started = run.first();
    attack(&mut run, started);
    let (live, recipe) = written(run);
    (live, started.then(|| Again { order: order.clone(), recipe }))
}

impl Again {
    /// Makes the same probes through a gateway, under a policy. The server is started on stages of its own, config and
    /// state lie beside them, and it reaches no network whatever the policy says.
    #[must_use]
    pub fn behind(&self, guard: &dyn Guard, policy: &Policy) -> Guarded {
        let clock = Clock::start(self.order.time, self.order.call);
        let live = Live { box_level: "none".to_owned(), ..Live::default() };
        let run = Run::new(&self.order, self.recipe.clone(), clock, live);
        self.order.doing.now("starting the server behind the gateway");
        let mut run = run.behind(Gate { policy, guard });
        let started = run.ready().is_some();
        attack(&mut run, started);
        let refusals = std::mem::take(&mut run.refusals);
        Guarded { live: written(run).0, refusals }
    }
}

fn attack(run: &mut Run<'_>, started: bool) {
    if started {
        probe(run);
    } else {
        run.untested("everything", "the server did not start");
    }
    run.dismiss();
    if run.clock.is_over() {
        run.noticed(crate::evidence::live::Conduct::OverBudget { of: "time".to_owned() });
    }
}

fn written(run: Run<'_>) -> (Live, Recipe) {
    let (order, mut live, recipe) = (run.order, run.live, run.recipe);
    live.staging.clone_from(&recipe.staging);
    live.given = recipe.given();
    live.variables = order.environment.keys().cloned().collect();
    live.command = shown(&[placed(&order.command)]);
    live.command.extend(shown(&recipe.words));
    (live, recipe)
}

/// The program, from wherever it is started: a name that is no path is searched.
fn placed(command: &[OsString]) -> OsString {
    let Some(program) = command.first() else { return OsString::new() };
    match std::path::absolute(program) {
        Ok(path) if program.to_string_lossy().contains('/') => path.into(),
        _ => program.clone(),
    }
}

fn shown(words: &[OsString]) -> Vec<String> {
    let word = |word: &OsString| portcullis_guard::redact(&word.to_string_lossy()).into_owned();
    words.iter().map(word).collect()
}

/// A server that was greeted.
fn probe(run: &mut Run<'_>) {
    run.order.doing.now("asking the server what it offers");
    let inventory = take_stock(run);
    let tools: Vec<&serde_json::Value> = inventory.tools.iter().collect();
    let names: Vec<&str> = tools.iter().filter_map(|tool| name_of(tool)).collect();
    match (inventory.mute, tools.is_empty()) {
        (true, _) => run.untested(crate::evidence::live::TOOLS, "it did not say which it has"),
        (false, true) => run.untested("tools", "the server lists none"),
        (false, false) => {}
    }
    special::hidden(run, &names);
    let mut burst = false;
    let mut seen = Vec::new();
    for (at, definition) in tools.iter().enumerate() {
        let Some(mut tool) = Tool::read(definition) else {
            run.untested("tools without a name", "they cannot be called");
            continue;
        };
        if run.clock.is_over() {
            run.untested(tool.name, "there was no time left");
            continue;
        }
        let of = tools.len();
        run.order.doing.now(format!("attacking tool {} of {of}, `{}`", at + 1, tool.name));
        let share = run.clock.share(of - at);
        tool.try_all(run, &share);
        if tool.works && !burst {
            burst = true;
            special::burst(run, &tool);
        }
        seen.extend(tool.parameters.into_iter().map(|parameter| parameter.carries));
    }
    run.order.doing.now("attacking resources and prompts");
    offer::resources(run, &inventory.resources);
    offer::prompts(run, &inventory.prompts);
    if !burst {
        run.untested("many calls at once", "no tool answered an honest call");
    }
    for kind in Kind::ALL.iter().filter(|kind| !matches!(kind, Kind::Text | Kind::Template)) {
        if !seen
            .iter()
            .any(|carries| matches!(carries, Carries::Text(of) | Carries::List(of) if of == kind))
        {
            unseen(run, *kind);
        }
    }
}

/// A kind that no parameter seems to take. It may have been tried all the same, in any text and in addresses of resources.
fn unseen(run: &mut Run<'_>, kind: Kind) {
    let word = kind.word();
    let tried = run.live.trials.iter().filter(|it| kind.attacks().contains(&it.attack));
    let why = match (tried.clone().count(), tried.clone().any(|it| it.effect.is_some())) {
        (_, true) => return,
        (0, _) => format!("no parameter looks as if it took {word}"),
        (made, _) => format!(
            "no parameter looks as if it took {word}; {made} calls tried a few in others, and had no effect"
        ),
    };
    run.untested(word, why);
}

/// What it offers: at the first launch, at the second, which finds what the first one left, and once more. What follows
/// has a stage of its own, with secrets that no launch before it saw.
fn take_stock(run: &mut Run<'_>) -> Inventory {
    let clock = run.clock;
    let mut all = Vec::new();
    // What comes after the lists is said to a server that was asked for them, as by any client.
    let launches = if run.keeps() { 3 } else { 2 };
    for launch in 0..launches {
        match launch {
            0 => {}
            1 => run.dismiss_and_keep(),
            _ => run.dismiss(),
        }
        let Some(session) = run.ready() else { break };
        let hello = session.client.hello.clone();
        let level = session.level;
        all.push(Inventory::ask(&mut session.client, &clock));
        if launch == 0 {
            let bounded = |text: String| portcullis_guard::bounded(&text, LONGEST);
            run.live.revision = Some(bounded(hello.revision));
            run.live.server = hello.server.map(bounded);
            run.live.instructions = hello.instructions.map(bounded);
            run.live.box_level = level.word().to_owned();
        } else if launch == 1 {
            all.push(Inventory::ask(&mut session.client, &clock));
        }
    }
    let first = all.first().cloned().unwrap_or_default();
    let mut drifted: Vec<String> =
        all.iter().skip(1).flat_map(|later| first.drifted(later)).collect();
    drifted.sort();
    drifted.dedup();
    run.live.drifted = drifted;
    run.live.tools.clone_from(&first.tools);
    run.live.resources.clone_from(&first.resources);
    run.live.prompts.clone_from(&first.prompts);
    first
}
