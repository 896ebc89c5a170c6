//! What a server wanted beyond its box: hosts, files, programs. A wish is a claim.

use portcullis_guard::keys::{is_key_directory, is_key_file};
use portcullis_guard::text::names_secret_place;
use serde_json::Value;

use super::Known;
use super::offered::Offered;
use crate::evidence::Live;
use crate::evidence::live::{Attack, Trial, Wish};

/// Wishes that are told.
const TOLD: usize = 20;

/// Hosts, and what is to be said of them.
#[derive(Debug, Default)]
pub(super) struct Reach {
    pub(super) hosts: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// The hosts that honest calls could not do without and that the tools' own definitions name.
pub(super) fn network(known: &Known<'_>, offered: &Offered) -> Reach {
    let mut reach = Reach::default();
    let live = known.live;
    let wanted: Vec<&Wish> = live.wishes.iter().filter(|wish| wish.what == "connect").collect();
    let closed = known.is_dishonest() || live.wishes.iter().any(is_after_keys);
    for wish in wanted.iter().take(TOLD) {
        let when = when(live, wish);
        match needed(live, offered, wish) {
            Ok(tool) if !closed => {
                reach.notes.push(format!(
                    "`{tool}` did not answer without `{}`, which its own definition names.",
                    wish.object
                ));
                reach.hosts.push(wish.object.clone());
            }
            Ok(_) => reach.notes.push(format!(
                "It reached for `{}` {when}: not given, for this server is not what it says it is.",
                wish.object
            )),
            Err(why) => reach
                .notes
                .push(format!("It reached for `{}` {when}: not given, for {why}.", wish.object)),
        }
    }
    if wanted.len() > TOLD {
        reach.notes.push(format!("and {} more that it reached for", wanted.len() - TOLD));
    }
    if wanted.is_empty() {
        reach.notes.push("It reached for nothing on the network.".to_owned());
    }
    reach.hosts.sort();
    reach.hosts.dedup();
    reach
}

/// The tool that needs a host, or why none does.
fn needed<'a>(live: &'a Live, offered: &Offered, wish: &Wish) -> Result<&'a str, &'static str> {
    let trial = wish.during.and_then(|at| live.trials.get(at));
    let trial = trial.ok_or("no honest call was under way")?;
    let host =
        name_of(&wish.object).ok_or("only a host of the open network can be given by its name")?;
    if portcullis_config::parse_reach(&wish.object).is_err() {
        return Err("only a host of the open network can be given by its name");
    }
    if trial.attack != Attack::Benign {
        return Err("no honest call was under way");
    }
    if trial.request.to_string().to_ascii_lowercase().contains(&host) {
        return Err("the caller named it; list the hosts that callers may name");
    }
    if live.trials.iter().any(|other| other.tool == trial.tool && other.worked()) {
        return Err("its calls were answered without it");
    }
    if !offered.is_trusted(&trial.tool) || !is_named(live, trial, &host) {
        return Err("nothing in the tool's definition says so");
    }
    Ok(&trial.tool)
}

/// Whether a tool's definition names a host as one, and not a part of another.
fn is_named(live: &Live, trial: &Trial, host: &str) -> bool {
    let mut all = live
        .tools
        .iter()
        .filter(|one| one.get("name").and_then(Value::as_str) == Some(&trial.tool));
    all.any(|tool| {
        let text = tool.to_string().to_ascii_lowercase();
        let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        text.split(|c: char| !part(c)).any(|word| word.trim_matches('.') == host)
    })
}

/// The name in `name:port`, when it is one of the open network.
fn name_of(address: &str) -> Option<String> {
    let name = address.rsplit_once(':').map_or(address, |(name, _)| name).to_ascii_lowercase();
    let last = name.rsplit('.').next().unwrap_or_default();
    let inside = ["localhost", "local", "internal", "lan", "home", "arpa"].contains(&last);
    let letters = last.len() >= 2 && last.chars().all(|c| c.is_ascii_alphabetic());
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
    (name.contains('.') && plain && letters && !inside).then_some(name)
}

fn when(live: &Live, wish: &Wish) -> String {
    match wish.during.and_then(|at| live.trials.get(at)) {
        None => "when it was started".to_owned(),
        Some(trial) if trial.attack == Attack::Benign => {
            format!("in an honest call of `{}`", trial.tool)
        }
        Some(trial) if trial.attack == Attack::Hidden => {
            "when a tool was called that it does not list".to_owned()
        }
        Some(trial) => format!("when `{}` was attacked", trial.tool),
    }
}

/// Whether it wanted what nobody but its owner should read.
fn is_after_keys(wish: &Wish) -> bool {
    wish.what == "open" && is_key(&wish.object)
}

fn is_key(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    path.split('/').any(is_key_directory) || is_key_file(last) || names_secret_place(path)
}

/// What else it reached for, in sentences.
pub(super) fn wishes(live: &Live) -> Vec<String> {
    let all: Vec<&Wish> =
        live.wishes.iter().filter(|wish| matches!(wish.what.as_str(), "open" | "run")).collect();
    // What tells most comes first: a list has an end.
    let (keys, rest): (Vec<&Wish>, Vec<&Wish>) = all.iter().partition(|wish| is_after_keys(wish));
    let told = keys.iter().chain(&rest).take(TOLD);
    let mut notes: Vec<String> = told
        .map(|wish| {
            let what = match (wish.what.as_str(), is_key(&wish.object)) {
                ("run", _) => "It wanted to run",
                (_, true) => "It wanted to read a place of keys:",
                _ => "It wanted to read",
            };
            format!("{what} `{}` {}: not given.", wish.object, when(live, wish))
        })
        .collect();
    if all.len() > TOLD {
        notes.push(format!("and {} more that it wanted", all.len() - TOLD));
    }
    notes
}
