//! What has to be seen to in a host's config, line by line.
//!
//! A config says what a host was told, and not what it does: what stands in no file is not
//! testable, and a server behind `portcullis run` is where the lines hold by what is written.

use portcullis_guard::launch::{Registry, package, places};

use super::{Line, Tested};
use crate::evidence::Evidence;
use crate::evidence::config::{Entry, HostConfig, Leads, Way, leads};

pub(super) const CLIENT: &[Line] = &[
    Line {
        control: "minimal-roots",
        statement: "Each server sees the directories that it needs, and nothing else.",
        checks: &["wide-root"],
        tested: roots,
    },
    Line {
        control: "risky-approved",
        statement: "A person is asked about calls that destroy, run code or are not known.",
        checks: &["approval-bypassed"],
        tested: approved,
    },
    Line {
        control: "sampling-reviewed",
        statement: "What a server asks of the model is reviewed.",
        checks: &[],
        tested: sampling,
    },
    Line {
        control: "servers-verified",
        statement: "What is started or reached is what was approved.",
        checks: &[
            "known-vulnerable",
            "typosquat",
            "floating-version",
            "shadowed-server",
            "config-ambiguous",
        ],
        tested: verified,
    },
    Line {
        control: "sessions-ended",
        statement: "Sessions end on timeout or error.",
        checks: &[],
        tested: ended,
    },
    Line {
        control: "capabilities-reviewed",
        statement: "What peers declare is reviewed, and what they use beyond it is refused and logged.",
        checks: &[],
        tested: |it| by_gateway(it, "what was not declared is refused and recorded"),
    },
    Line {
        control: "launches-plain",
        statement: "Commands start servers, and do nothing else.",
        checks: &["dangerous-launch"],
        tested: launched,
    },
    Line {
        control: "https-remote",
        statement: "A server on another machine is reached by HTTPS.",
        checks: &["plain-http"],
        tested: encrypted,
    },
    Line {
        control: "secrets-referenced",
        statement: "Secrets are named where they are kept, and stand in no argument and no config.",
        checks: &["config-secret"],
        tested: secrets,
    },
];

/// The servers that the host uses; else why nothing can be said of them.
fn used(evidence: &Evidence) -> Result<Vec<&Entry>, Tested> {
    let config = evidence.config.as_ref();
    let config = config.ok_or_else(|| Tested::Not("no config was read".to_owned()))?;
    if let Some(first) = config.unread.first() {
        let more = match config.unread.len() {
            1 => String::new(),
            some => format!(", and {} more", some.saturating_sub(1)),
        };
        return Err(Tested::Not(format!("{}: {}{more}", first.file, first.why)));
    }
    let used: Vec<&Entry> = config.servers.iter().filter(|entry| !entry.off).collect();
    match used.is_empty() {
        true => Err(Tested::Not("it names no server that is used".to_owned())),
        false => Ok(used),
    }
}

/// The names of servers, a few of them.
fn named(servers: &[&Entry]) -> String {
    const MOST: usize = 5;
    let mut names: Vec<String> =
        servers.iter().take(MOST).map(|entry| format!("`{}`", entry.called())).collect();
    if let Some(more) = servers.len().checked_sub(MOST).filter(|more| *more > 0) {
        names.push(format!("{more} more"));
    }
    names.join(", ")
}

const HOW: &str = "put `portcullis run` before";

/// A line that holds for servers behind a gateway of ours, and of which a config says nothing else.
fn by_gateway(evidence: &Evidence, held: &str) -> Tested {
    let used = match used(evidence) {
        Ok(used) => used,
        Err(why) => return why,
    };
    let bare: Vec<&Entry> =
        used.iter().copied().filter(|it| it.guard.is_none() && it.way != Way::Built).collect();
    match bare.is_empty() {
        true if used.iter().all(|it| it.way == Way::Built) => {
            Tested::Nothing("its servers are part of the host")
        }
        true => Tested::Yes(format!("behind `portcullis run`: {held}")),
        false => Tested::Not(format!("no config says it; {HOW} {}", named(&bare))),
    }
}

fn roots(evidence: &Evidence) -> Tested {
    let used = match used(evidence) {
        Ok(used) => used,
        Err(why) => return why,
    };
    let started: Vec<&Entry> = used.into_iter().filter(|it| it.way == Way::Started).collect();
    if started.is_empty() {
        return Tested::Nothing("none of its servers runs on this machine");
    }
    if let Some(why) = elsewhere(&started) {
        return why;
    }
    let free: Vec<&Entry> = started.iter().copied().filter(|it| !is_held(it)).collect();
    match free.is_empty() {
        true => Tested::Yes(format!(
            "{} servers run in a box, and none is given a whole home",
            started.len()
        )),
        false => Tested::Not(format!(
            "nothing but the servers themselves holds them to their directories; {HOW} {}",
            named(&free)
        )),
    }
}

/// A gateway that is given a config of its own does what stands there, and it was not read.
fn elsewhere(servers: &[&Entry]) -> Option<Tested> {
    let told = |it: &&Entry| it.guard.as_ref().is_some_and(|guard| guard.has("--config"));
    let all: Vec<&Entry> = servers.iter().copied().filter(told).collect();
    let why = || {
        format!(
            "what `portcullis run` gives and asks stands in its `--config`, which was not read: {}",
            named(&all)
        )
    };
    (!all.is_empty()).then(|| Tested::Not(why()))
}

/// Whether something other than the server itself bounds what it opens.
fn is_held(entry: &Entry) -> bool {
    let container = package(&entry.words()).is_some_and(|it| it.registry == Registry::Image);
    let open = entry.guard.as_ref().is_some_and(|it| it.says("--confinement") == Some("none"));
    (entry.guard.is_some() && !open) || entry.boxed || container
}

fn approved(evidence: &Evidence) -> Tested {
    let used = match used(evidence) {
        Ok(used) => used,
        Err(why) => return why,
    };
    if let Some(why) = elsewhere(&used) {
        return why;
    }
    let host = evidence.config.as_ref().is_some_and(|config: &HostConfig| config.asks);
    let asked = |it: &&Entry| it.guard.is_some() || it.asks || host;
    let silent: Vec<&Entry> = used.iter().copied().filter(|it| !asked(it)).collect();
    match silent.is_empty() {
        true => {
            let ours = used.iter().filter(|it| it.guard.is_some()).count();
            Tested::Yes(format!(
                "a person is asked: by `portcullis run` for {ours} of {} servers, by the host's own setting for the others",
                used.len()
            ))
        }
        false => Tested::Not(format!(
            "whether the host asks stands in no file that was read; {HOW} {}",
            named(&silent)
        )),
    }
}

fn sampling(evidence: &Evidence) -> Tested {
    let open = evidence.config.iter().flat_map(|config| &config.loose).any(|it| it.sampling);
    match by_gateway(
        evidence,
        "a request to the model is refused unless its own config opens that, and then a person sees it",
    ) {
        Tested::Yes(_) if open => Tested::Not(
            "the host lets servers ask the model; who sees that is not written".to_owned(),
        ),
        tested => tested,
    }
}

fn ended(evidence: &Evidence) -> Tested {
    by_gateway(evidence, "every request has a deadline, and a session ends with either peer")
}

fn verified(evidence: &Evidence) -> Tested {
    let used = match used(evidence) {
        Ok(used) => used,
        Err(why) => return why,
    };
    let pinned = |it: &&Entry| {
        it.guard.is_some()
            || it.way == Way::Built
            || (it.way == Way::Reached
                && it.url.as_ref().is_some_and(|url| leads(&url.text) == Leads::Encrypted))
            || package(&it.words()).is_some_and(|it| it.version.floats().is_none())
    };
    let loose: Vec<&Entry> = used.iter().copied().filter(|it| !pinned(it)).collect();
    match loose.is_empty() {
        true => Tested::Yes(format!(
            "{} servers are named by one version, by an address with a certificate, or pinned by `portcullis run`",
            used.len()
        )),
        false => Tested::Not(format!(
            "a program on this machine can change between two starts; {HOW} {}",
            named(&loose)
        )),
    }
}

fn launched(evidence: &Evidence) -> Tested {
    let used = match used(evidence) {
        Ok(used) => used,
        Err(why) => return why,
    };
    let commands: Vec<&Entry> = used.into_iter().filter(|it| !it.command.is_empty()).collect();
    let places: usize = commands.iter().map(|it| places(&it.words()).len()).sum();
    match commands.len() {
        0 => Tested::Nothing("none of its servers is started by it"),
        some => Tested::Yes(format!("{some} commands were read, with {places} places in them")),
    }
}

fn encrypted(evidence: &Evidence) -> Tested {
    let used = match used(evidence) {
        Ok(used) => used,
        Err(why) => return why,
    };
    let remote: Vec<&Entry> = used.into_iter().filter(|it| !it.addresses().is_empty()).collect();
    let is_unclear =
        |it: &&Entry| it.addresses().iter().any(|word| leads(&word.text) == Leads::Unclear);
    let unclear: Vec<&Entry> = remote.iter().copied().filter(is_unclear).collect();
    match (remote.len(), unclear.is_empty()) {
        (0, _) => Tested::Nothing("none of its servers is at an address"),
        (some, true) => {
            Tested::Yes(format!("{some} servers are reached by HTTPS, or on this machine"))
        }
        (_, false) => Tested::Not(format!("no address that is understood: {}", named(&unclear))),
    }
}

fn secrets(evidence: &Evidence) -> Tested {
    let Some(config) = evidence.config.as_ref().filter(|config| !config.servers.is_empty()) else {
        return used(evidence).err().unwrap_or(Tested::Nothing("it names no server"));
    };
    if let Err(why @ Tested::Not(_)) = used(evidence)
        && !config.unread.is_empty()
    {
        return why;
    }
    let words: usize = config
        .servers
        .iter()
        .map(|it| it.command.len() + it.variables.len() + it.headers.len())
        .sum();
    let kept = config
        .servers
        .iter()
        .flat_map(|it| it.variables.iter().chain(&it.headers))
        .filter(|it| it.reference)
        .count();
    Tested::Yes(format!(
        "{words} values were looked at, and {kept} say where to find what they are"
    ))
}
