//! Key by key: what is tighter than what, and what the two make together.

mod beyond;
mod channels;
mod input;

use std::path::{Component, Path};

use portcullis_guard::egress::Reach;
use portcullis_policy::{Ask, Extensions, Names, Rules};

use crate::config::{Access, Network, Root, Variable};
use crate::precedence::Locate;
use crate::remote::Remote;
use crate::settings::{Resources, Settings, SomeInspect, SomeLimits};
use crate::values::{self, Unfit, show_duration, show_size};

pub use beyond::{network_beyond, roots_beyond};

/// What the outer side's word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Means {
    /// A value, which holds when the inner side says nothing.
    Values,
    /// A limit, which gives nothing.
    Ceiling,
    /// What is settled, and the inner side is a limit: the tighter one holds.
    Meeting,
    /// A limit that gives nothing, and the inner side is settled by whoever outranks
    /// it: the tighter one holds.
    OwnCeiling,
}

impl Means {
    /// It holds when the inner side says nothing.
    fn gives(self) -> bool {
        matches!(self, Self::Values | Self::Meeting)
    }

    /// Where the outer side is tighter it holds, and nobody is told.
    fn meets(self) -> bool {
        matches!(self, Self::Meeting | Self::OwnCeiling)
    }
}

/// One side tightens what another fixed. Where it does not, it is told so, and
/// what was fixed holds.
pub(crate) struct Tighten<'w> {
    outer: &'w str,
    inner: &'w str,
    means: Means,
    wrong: &'w mut Vec<(&'static str, Unfit)>,
}

/// The same settings, where it is known where every root leads.
pub(crate) fn locate(settings: Settings, at: Locate<'_>) -> Settings {
    let located = |root: Root| {
        let real = at(root.path());
        root.leading(real)
    };
    let roots = settings.roots.map(|roots| roots.into_iter().map(located).collect());
    Settings { roots, ..settings }
}

impl<'w> Tighten<'w> {
    pub(crate) fn new(
        outer: &'w str,
        inner: &'w str,
        means: Means,
        wrong: &'w mut Vec<(&'static str, Unfit)>,
    ) -> Self {
        Self { outer, inner, means, wrong }
    }

    /// Both sides together.
    pub(crate) fn settings(&mut self, outer: Settings, inner: Settings) -> Settings {
        let usual = Settings::default().settled();
        let ask = self.keep("ask", outer.ask, inner.ask, usual.ask, asks_as_much, |ask| {
            ask.as_str().to_owned()
        });
        let ask_at = if ask == inner.ask { inner.ask_at } else { outer.ask_at };
        let same_command = |inner: &Vec<String>, outer: &Vec<String>| inner == outer;
        let words = |command: &Vec<String>| command.join(" ");
        let same_remote = |inner: &Remote, outer: &Remote| inner.is_same(outer);
        let remotes = self.either(
            (outer.command.as_ref(), outer.remote),
            (inner.command.is_some(), inner.remote),
        );
        let env = self.variables(outer.command.is_some(), outer.env, inner.env);
        Settings {
            command: self.keep("command", outer.command, inner.command, None, same_command, words),
            remote: self.keep("url", remotes.0, remotes.1, None, same_remote, ToString::to_string),
            roots: self.roots(outer.roots, inner.roots),
            network: self.network(outer.network, inner.network),
            env,
            tools: both(outer.tools, inner.tools, tools),
            resources: both(outer.resources, inner.resources, resources),
            prompts: both(outer.prompts, inner.prompts, prompts),
            extensions: self.keep(
                "extensions",
                outer.extensions,
                inner.extensions,
                usual.extensions,
                Extensions::is_subset,
                |it| it.iter().map(|one| one.id()).collect::<Vec<_>>().join(", "),
            ),
            ask,
            ask_at,
            patience: self.least(
                "patience",
                outer.patience,
                inner.patience,
                usual.patience,
                |it| show_duration(*it),
            ),
            channels: self.channels(outer.channels, inner.channels, usual.channels),
            trusted_hosts: self.trusted(outer.trusted_hosts, inner.trusted_hosts),
            confinement: self.least(
                "confinement",
                outer.confinement,
                inner.confinement,
                usual.confinement,
                |it| it.as_str().to_owned(),
            ),
            user: self.keep(
                "user",
                outer.user,
                inner.user,
                usual.user,
                |inner, outer| inner == outer,
                |user| user.as_str().to_owned(),
            ),
            pins: self.most("pins", outer.pins, inner.pins, usual.pins, |pins| {
                values::PINS.iter().find(|(_, it)| it == pins).map_or("", |(word, _)| word).into()
            }),
            flow: self
                .most("flow", outer.flow, inner.flow, usual.flow, |flow| flow.as_str().to_owned()),
            observe: self.least(
                "observe",
                outer.observe,
                inner.observe,
                usual.observe,
                ToString::to_string,
            ),
            doorbell: self.most(
                "doorbell",
                outer.doorbell,
                inner.doorbell,
                usual.doorbell,
                ToString::to_string,
            ),
            limits: self.limits(outer.limits, inner.limits, usual.limits),
            inspect: self.inspect(outer.inspect, inner.inspect, usual.inspect),
            sampling: self.sampling(outer.sampling, inner.sampling, usual.sampling),
            elicitation: self.elicitation(outer.elicitation, inner.elicitation, usual.elicitation),
        }
    }

    /// One key: the inner word when it is as tight as the outer one.
    fn keep<T: Clone>(
        &mut self,
        key: &'static str,
        outer: Option<T>,
        inner: Option<T>,
        usual: Option<T>,
        as_tight: impl Fn(&T, &T) -> bool,
        show: impl Fn(&T) -> String,
    ) -> Option<T> {
        match (outer, inner) {
            (None, inner) => inner,
            (Some(outer), Some(inner)) if self.means.meets() && as_tight(&outer, &inner) => {
                Some(outer)
            }
            (Some(outer), Some(inner)) if as_tight(&inner, &outer) => Some(inner),
            (Some(outer), Some(inner)) => {
                self.complain(key, &show(&inner), &show(&outer));
                Some(outer)
            }
            (Some(outer), None) if self.means.gives() => Some(outer),
            (Some(outer), None) => {
                usual.map(|usual| if as_tight(&usual, &outer) { usual } else { outer })
            }
        }
    }

    fn least<T: Clone + Ord>(
        &mut self,
        key: &'static str,
        outer: Option<T>,
        inner: Option<T>,
        usual: Option<T>,
        show: impl Fn(&T) -> String,
    ) -> Option<T> {
        self.keep(key, outer, inner, usual, |inner, outer| inner <= outer, show)
    }

    fn most<T: Clone + Ord>(
        &mut self,
        key: &'static str,
        outer: Option<T>,
        inner: Option<T>,
        usual: Option<T>,
        show: impl Fn(&T) -> String,
    ) -> Option<T> {
        self.keep(key, outer, inner, usual, |inner, outer| inner >= outer, show)
    }

    fn complain(&mut self, key: &'static str, said: &str, fixed: &str) {
        let (inner, outer) = (self.inner, self.outer);
        let what = format!(
            "`{key}`: {inner} says `{said}`, and {outer} fixes `{fixed}`: it may only be tightened"
        );
        self.wrong_once(key, what);
    }

    /// Says it once for each key: what the command line said is not told again of the file.
    fn wrong_once(&mut self, key: &'static str, what: String) {
        if !self.wrong.iter().any(|(other, _)| *other == key) {
            self.wrong.push((key, Unfit::new(what)));
        }
    }

    fn network(&mut self, outer: Option<Network>, inner: Option<Network>) -> Option<Network> {
        let usual = Some(Network::None);
        self.keep("network", outer, inner, usual, reaches_no_more, ToString::to_string)
    }

    /// Whoever outranks another decides about a variable that both name; and about
    /// every one when it fixes the command, because `LD_PRELOAD` and its like put
    /// another program in its place.
    fn variables(
        &mut self,
        command_fixed: bool,
        outer: Vec<Variable>,
        inner: Vec<Variable>,
    ) -> Vec<Variable> {
        let fixed = |one: &Variable| outer.iter().any(|other| other.name() == one.name());
        let (again, mut all): (Vec<_>, Vec<_>) = inner.into_iter().partition(fixed);
        if let Some(variable) = again.first() {
            self.complain("env", variable.name(), variable.name());
        }
        if let Some(variable) = all.first().filter(|_| command_fixed) {
            let (inner, outer, name) = (self.inner, self.outer, variable.name());
            self.wrong_once(
                "env",
                format!(
                    "`env`: {inner} adds `{name}`, and {outer} fixes the command: a variable can put another program in its place, so the same file says which there are"
                ),
            );
            all.clear();
        }
        all.extend(outer);
        all
    }

    /// Who fixes a command fixes that the server is here, and who fixes an address that it is
    /// somewhere else.
    fn either(
        &mut self,
        (command, there): (Option<&Vec<String>>, Option<Remote>),
        (commanded, wanted): (bool, Option<Remote>),
    ) -> (Option<Remote>, Option<Remote>) {
        if let (Some(command), Some(remote)) = (command, &wanted) {
            self.complain("url", &remote.to_string(), &command.join(" "));
            return (there, None);
        }
        if let Some(remote) = there.as_ref().filter(|_| commanded) {
            self.complain("command", "a command", &remote.to_string());
        }
        (there, wanted)
    }

    fn roots(&mut self, outer: Option<Vec<Root>>, inner: Option<Vec<Root>>) -> Option<Vec<Root>> {
        let (outer, inner) = match (outer, inner) {
            (None, inner) => return inner,
            (Some(outer), None) if self.means.gives() => return Some(outer),
            (Some(_), None) => return None,
            (Some(outer), Some(inner)) if self.roots_meet(&outer, &inner) => {
                let meet = outer.iter().filter_map(|root| within(root, &inner));
                let meet = meet.chain(inner.iter().filter_map(|root| within(root, &outer)));
                let meet = meet.collect();
                (outer, meet)
            }
            (Some(outer), Some(inner)) => (outer, inner),
        };
        let mut kept: Vec<Root> = Vec::new();
        for root in inner {
            match within(&root, &outer) {
                Some(root) if !kept.contains(&root) => kept.push(root),
                Some(_) => {}
                None => {
                    let all: Vec<_> = outer.iter().map(shown).collect();
                    self.complain("roots", &shown(&root), &all.join(", "));
                }
            }
        }
        // What is read-only inside of a writable one stays so.
        for root in outer.iter().filter(|root| root.access() == Access::Read) {
            let inside = |kept: &Root| {
                kept.access() == Access::Write && Path::new(root.place()).starts_with(kept.place())
            };
            let named = kept.iter().any(|kept| kept.place() == root.place());
            if kept.iter().any(inside) && !named {
                kept.push(root.clone());
            }
        }
        Some(kept)
    }

    /// What lies inside of one's own ceiling stays as it is.
    fn roots_meet(&self, outer: &[Root], inner: &[Root]) -> bool {
        match self.means {
            Means::Values | Means::Ceiling => false,
            Means::Meeting => true,
            Means::OwnCeiling => inner.iter().any(|root| within(root, outer).is_none()),
        }
    }

    fn limits(&mut self, outer: SomeLimits, inner: SomeLimits, usual: SomeLimits) -> SomeLimits {
        let (o, i, u) = (outer, inner, usual);
        let time = |it: &std::time::Duration| show_duration(*it);
        let size = |it: &u64| show_size(*it);
        let capped = o.call_ceiling.is_some();
        let mut limits = SomeLimits {
            calls_per_minute: self.least(
                "limits.calls_per_minute",
                o.calls_per_minute,
                i.calls_per_minute,
                u.calls_per_minute,
                ToString::to_string,
            ),
            questions_per_hour: self.least(
                "limits.questions_per_hour",
                o.questions_per_hour,
                i.questions_per_hour,
                u.questions_per_hour,
                ToString::to_string,
            ),
            call_timeout: self.least(
                "limits.call_timeout",
                o.call_timeout,
                i.call_timeout,
                u.call_timeout,
                time,
            ),
            call_ceiling: self.least(
                "limits.call_ceiling",
                o.call_ceiling,
                i.call_ceiling,
                u.call_ceiling,
                time,
            ),
            message_bytes: self.least(
                "limits.message_bytes",
                o.message_bytes,
                i.message_bytes,
                u.message_bytes,
                size,
            ),
            processes: self.least(
                "limits.processes",
                o.processes,
                i.processes,
                u.processes,
                ToString::to_string,
            ),
            memory_bytes: self.least(
                "limits.memory_bytes",
                o.memory_bytes,
                i.memory_bytes,
                u.memory_bytes,
                size,
            ),
            file_bytes: self.least(
                "limits.file_bytes",
                o.file_bytes,
                i.file_bytes,
                u.file_bytes,
                size,
            ),
            tmp_bytes: self.least("limits.tmp_bytes", o.tmp_bytes, i.tmp_bytes, u.tmp_bytes, size),
        };
        // No call is silent for longer than it may take.
        if let (true, Some(most)) = (capped, limits.call_ceiling) {
            limits.call_timeout = limits.call_timeout.or(u.call_timeout).map(|it| it.min(most));
        }
        limits
    }

    fn inspect(
        &mut self,
        outer: SomeInspect,
        inner: SomeInspect,
        usual: SomeInspect,
    ) -> SomeInspect {
        let (o, i, u) = (outer, inner, usual);
        let mut one = |key, o, i, u| {
            self.most(key, o, i, u, |it: &portcullis_policy::Treatment| it.as_str().to_owned())
        };
        SomeInspect {
            hidden: one("inspect.hidden", o.hidden, i.hidden, u.hidden),
            instructions: one(
                "inspect.instructions",
                o.instructions,
                i.instructions,
                u.instructions,
            ),
            secrets: one("inspect.secrets", o.secrets, i.secrets, u.secrets),
            definitions: one("inspect.definitions", o.definitions, i.definitions, u.definitions),
            errors: one("inspect.errors", o.errors, i.errors, u.errors),
            open_world: one("inspect.open_world", o.open_world, i.open_world, u.open_world),
        }
    }
}

/// Whether one mode asks or denies whatever the other asks or denies. `never`
/// denies what `risky` asks, and lets pass what only `writes` would ask.
fn asks_as_much(inner: &Ask, outer: &Ask) -> bool {
    match (outer, inner) {
        _ if inner == outer => true,
        (Ask::Destructive | Ask::Risky, Ask::Never) => true,
        (Ask::Never, _) | (_, Ask::Never) => false,
        _ => inner > outer,
    }
}

fn reaches_no_more(inner: &Network, outer: &Network) -> bool {
    match (outer, inner) {
        (Network::Host, _) | (_, Network::None) => true,
        (Network::Named(outer), Network::Named(inner)) => {
            Reach::exceeded_by(outer, inner).is_none()
        }
        (Network::None, _) | (Network::Named(_), Network::Host) => false,
    }
}

/// The root as far as the innermost root around it lets it be one.
fn within(root: &Root, outer: &[Root]) -> Option<Root> {
    let path = Path::new(root.place());
    if path.components().any(|part| part == Component::ParentDir) {
        return None;
    }
    let around = outer.iter().filter(|outer| path.starts_with(outer.place()));
    let around = around.max_by_key(|outer| Path::new(outer.place()).components().count())?;
    let wider = root.access() == Access::Write && around.access() == Access::Read;
    if wider || around.asks() && !root.asks() {
        return None;
    }
    protected(root, around)
}

/// Nothing that stays read-only there becomes writable here.
fn protected(root: &Root, around: &Root) -> Option<Root> {
    if root.access() == Access::Read {
        return Some(root.clone());
    }
    let places = match (around.protect(), root.protect()) {
        (None, None) => return Some(root.clone()),
        // The usual places would not be protected any more.
        (None, Some(_)) => return None,
        (Some(places), own) => {
            let below = Path::new(root.place()).strip_prefix(around.place()).ok()?;
            let here = places.iter().filter_map(|place| {
                let place = Path::new(place).strip_prefix(below).ok()?;
                place.to_str().map(str::to_owned)
            });
            here.chain(own.into_iter().flatten().cloned()).collect::<Vec<_>>()
        }
    };
    let places: Vec<_> = places.iter().map(String::as_str).collect();
    // A place that is the root itself, or above it, leaves nothing to write.
    root.clone().protecting(&places).ok()
}

fn shown(root: &Root) -> String {
    let asks = if root.asks() { ":ask" } else { "" };
    format!("{}:{}{asks}", root.path(), root.access().as_str())
}

fn both<T>(outer: Option<T>, inner: Option<T>, join: impl Fn(T, T) -> T) -> Option<T> {
    match (outer, inner) {
        (Some(outer), Some(inner)) => Some(join(outer, inner)),
        (outer, inner) => outer.or(inner),
    }
}

fn tools(mut outer: Rules, inner: Rules) -> Rules {
    outer.deny.extend(inner.deny);
    outer.ask.extend(inner.ask);
    required(&mut outer.allow, &mut outer.ceilings, inner.allow, inner.ceilings);
    outer
}

fn resources(outer: Resources, inner: Resources) -> Resources {
    let mut meant = outer.meant;
    meant.deny.extend(inner.meant.deny);
    required(&mut meant.allow, &mut meant.ceilings, inner.meant.allow, inner.meant.ceilings);
    Resources { meant, written: prompts(outer.written, inner.written) }
}

fn prompts(mut outer: Names, inner: Names) -> Names {
    outer.deny.extend(inner.deny);
    required(&mut outer.allow, &mut outer.ceilings, inner.allow, inner.ceilings);
    outer
}

/// What passes is on every list.
fn required<T>(
    allow: &mut Option<Vec<T>>,
    ceilings: &mut Vec<Vec<T>>,
    inner: Option<Vec<T>>,
    more: Vec<Vec<T>>,
) {
    match (allow.as_ref(), inner) {
        (None, inner) => *allow = inner,
        (Some(_), inner) => ceilings.extend(inner),
    }
    ceilings.extend(more);
}
