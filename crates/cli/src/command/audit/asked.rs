//! What can be asked for together: said before anything is looked at, for an audit takes minutes.

use std::path::Path;

use portcullis_audit::probe;
use portcullis_guard::egress::Url;

use super::{is_evidence, package};
use crate::args::Audit;
use crate::exit::{Exit, Trouble};

/// What kind of target a word names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Saved,
    Published,
    Config,
    Bundle,
    Tree,
}

impl Kind {
    /// By its name and, where that says nothing, by what is there.
    pub(super) fn of(target: &Path) -> Self {
        match target {
            it if is_evidence(it) => Self::Saved,
            it if package::asked(it).is_some() => Self::Published,
            it if probe::config::is_config(it) => Self::Config,
            it if probe::bundle::is_bundle(it) => Self::Bundle,
            _ => Self::Tree,
        }
    }
}

/// Whether all of it can be done.
pub(super) fn fits(args: &Audit) -> Result<(), Trouble> {
    let kinds: Vec<Kind> = args.targets.iter().map(|it| Kind::of(it)).collect();
    let wrong = |said: String| Err(Trouble::new(Exit::Usage, said));
    if let (Some(url), None) = (&args.listens_at, &args.url) {
        address(args, url)?;
    }
    match server(args).or_else(|| guarded(args)).or_else(|| one(args, &kinds)) {
        Some(said) => wrong(said),
        None => policy(args, &kinds).map_or(Ok(()), wrong),
    }
}

/// The address of a server, in words about the option that named it.
pub(super) fn address(args: &Audit, url: &str) -> Result<Url, Trouble> {
    let read = portcullis_config::Remote::at(url);
    if args.listens_at.is_none() {
        let wrong = |said: portcullis_config::Unfit| {
            Trouble::new(Exit::Usage, said.to_string().replace("`url` cannot", "--url cannot"))
        };
        return read.map(|it| it.url).map_err(wrong);
    }
    let inside = |url: &Url| !url.origin().is_https() && url.origin().is_this_machine();
    read.ok().map(|it| it.url).filter(inside).ok_or_else(|| {
        let said = "--listens-at takes the address at which the command listens in its box, without a credential: `http://127.0.0.1:PORT/PATH`";
        Trouble::new(Exit::Usage, said)
    })
}

/// Which server is spoken with, and how.
fn server(args: &Audit) -> Option<String> {
    let (command, url, listens) =
        (!args.command.is_empty(), args.url.is_some(), args.listens_at.is_some());
    let over_http_only = args.bearer_env.is_some() || !args.headers.is_empty();
    let said = match (command, url, listens) {
        (_, true, true) => {
            "--url asks a server that runs already, and --listens-at one that is started: give one of them"
        }
        (true, true, _) => {
            "--url asks a server that runs already, and the words after `--` start one: for a command that speaks HTTP write `--listens-at URL -- COMMAND`"
        }
        (false, _, true) => {
            "--listens-at says where a command listens in its box: add the command, `--listens-at URL -- COMMAND`"
        }
        (false, false, false) if args.targets.is_empty() => {
            "name a source tree, a package (`npm:NAME@VERSION`), a bundle (`.mcpb`), a host's config, evidence that was saved, or a server: `portcullis audit -- COMMAND`, `--url URL`"
        }
        (_, false, false) if over_http_only => {
            "--bearer-env and --header are for a server over HTTP: --url or --listens-at"
        }
        _ => return None,
    };
    Some(said.to_owned())
}

/// What is tried twice has to be started by us, over its pipes.
fn guarded(args: &Audit) -> Option<String> {
    if !args.guarded {
        return None;
    }
    let why = match (&args.url, &args.listens_at) {
        (Some(_), _) => "no tool is called at an address, so there is nothing to stop",
        (_, Some(_)) => "`portcullis run` starts a server over its pipes, and this one listens",
        _ if args.command.is_empty() => "no command is named",
        _ => return None,
    };
    Some(format!(
        "--guarded makes the probes again through `portcullis run`, and {why}: write `portcullis audit --guarded -- COMMAND`"
    ))
}

/// Two files are written of one target, and there may be more. Saved evidence is counted when it was read.
fn one(args: &Audit, kinds: &[Kind]) -> Option<String> {
    let option = match (&args.write_policy, &args.save_evidence) {
        (Some(_), _) => "--write-policy",
        (_, Some(_)) => "--save-evidence",
        _ => return None,
    };
    let started = !args.command.is_empty() || args.url.is_some();
    let meets =
        kinds.iter().any(|kind| matches!(kind, Kind::Published | Kind::Bundle | Kind::Tree));
    let all = kinds.len() + usize::from(started && !meets);
    (all > 1 && !kinds.contains(&Kind::Saved)).then(|| {
        format!("{option} takes one target at a time, and there are {all}: audit each by itself")
    })
}

/// A policy comes from a server that was seen at work.
fn policy(args: &Audit, kinds: &[Kind]) -> Option<String> {
    args.write_policy.as_ref()?;
    let seen = !args.command.is_empty() || args.url.is_some();
    let why = match kinds.first() {
        _ if args.listens_at.is_some() => {
            "`portcullis run` starts a server over its pipes, and this one listens: audit it over its pipes"
        }
        Some(Kind::Config) => {
            "none of a host's config is started: audit one of its servers, `portcullis audit --write-policy FILE -- COMMAND`"
        }
        Some(Kind::Bundle) if !seen => {
            "a bundle lies nowhere it could be started from: unpack it, and name its command after `--`"
        }
        Some(Kind::Tree) if !seen => {
            "source alone is not seen at work: name its command, `portcullis audit --write-policy FILE -- COMMAND`"
        }
        _ => return None,
    };
    Some(format!("--write-policy writes down what a server did, and {why}"))
}
