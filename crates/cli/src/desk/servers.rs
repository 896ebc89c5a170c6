//! The servers for the console: what the config gives them, what was seen of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use portcullis_config::{Access, Confinement, Network, Pins as PinMode, Server as Written};
use portcullis_console::api::Server;
use portcullis_policy::{Ask, ServerName};
use portcullis_store::{Grants, PinRow, PinStore as _, Pins};
use serde_json::Value;

use super::journal::{recent, text};
use crate::command::now;
use crate::documents::InForce;
use crate::exit::Trouble;

/// The servers that have a table in a file.
pub(crate) fn written(in_force: &InForce) -> Result<Vec<Written>, Trouble> {
    let tables = in_force.documents.all().flat_map(|document| document.config.servers());
    let names: BTreeSet<ServerName> = tables.map(|(name, _)| name.clone()).collect();
    names.into_iter().map(|name| in_force.server(name)).collect()
}

/// Every server that is known here.
pub(crate) fn all(state: &Path, in_force: &InForce) -> Result<Vec<Server>, Trouble> {
    let mut all: BTreeMap<String, Server> = BTreeMap::new();
    for server in written(in_force)? {
        let name = server.name.to_string();
        all.insert(name.clone(), Server { name, ..configured(&server) });
    }
    for record in recent(&state.join("journal"))? {
        if text(&record, "event") == "started" {
            started(named(&mut all, text(&record, "server")), &record);
        }
    }
    for grant in Grants::open(state)?.list()? {
        let word = grant.word(now());
        let fact = ("Root, given", format!("{} ({}), {word}", grant.root, grant.access));
        named(&mut all, &grant.server).facts.push(fact);
    }
    for row in Pins::open(state)?.rows()? {
        // What nobody named has a fingerprint behind its name there.
        let name = row.server.split('#').next().unwrap_or_default().to_owned();
        named(&mut all, &name).tools.push((row.part.to_string(), pin(&row).to_owned()));
    }
    Ok(all.into_values().collect())
}

fn named<'a>(all: &'a mut BTreeMap<String, Server>, name: &str) -> &'a mut Server {
    let new = || Server { name: name.to_owned(), ..Server::default() };
    all.entry(name.to_owned()).or_insert_with(new)
}

/// What the files say of a server.
fn configured(server: &Written) -> Server {
    let list = |words: Vec<String>| match words.is_empty() {
        true => "none".to_owned(),
        false => words.join(", "),
    };
    let root = |root: &portcullis_config::Root| {
        let asks = if root.asks() { "; asked about what a host offers in it" } else { "" };
        format!("{} ({}{asks})", root.path(), root.access().as_str())
    };
    let mut facts = vec![
        match &server.remote {
            Some(remote) => ("Address", remote.to_string()),
            None => ("Command", server.command.join(" ")),
        },
        ("Roots", list(server.roots.iter().map(root).collect())),
        ("Network", server.network.to_string()),
        ("Asked about", asked(server.rules.mode).to_owned()),
        ("Least box", box_of(server.confinement).to_owned()),
        ("Definitions", pins(server.pins).to_owned()),
    ];
    for wanted in ["allow", "ask", "deny"] {
        let patterns = server.rules.patterns().filter(|(list, _)| *list == wanted);
        let names: Vec<_> = patterns.map(|(_, pattern)| pattern.to_string()).collect();
        let label = match wanted {
            "allow" => "Tools, only these",
            "ask" => "Tools, always asked",
            _ => "Tools, withheld",
        };
        if !names.is_empty() {
            facts.push((label, names.join(", ")));
        }
    }
    Server { facts, weak: weak(server), ..Server::default() }
}

/// What of a server is weaker than it could be.
pub(crate) fn weak(server: &Written) -> Vec<String> {
    let mut weak = Vec::new();
    let mut add = |is: bool, says: &str| {
        if is {
            weak.push(says.to_owned());
        }
    };
    add(server.network == Network::Host, "it reaches everything that this machine reaches");
    add(server.confinement != Confinement::Full, "a box that is weaker than a full one is enough");
    add(server.observe, "its rules are observed, and deny nothing");
    add(server.pins == PinMode::Note, "what it offers may change without anybody's yes");
    weak
}

/// Whether a root is more than a project.
pub(crate) fn is_wide(root: &portcullis_config::Root, home: Option<&Path>) -> bool {
    let path = root.real().unwrap_or_else(|| root.path());
    let path = Path::new(path);
    // What a person is asked about first is given to nobody.
    !root.asks() && (path == Path::new("~") || home.is_some_and(|home| home.starts_with(path)))
}

/// Whether a root may be written to.
pub(crate) fn is_writable(root: &portcullis_config::Root) -> bool {
    root.access() == Access::Write
}

fn asked(mode: Ask) -> &'static str {
    match mode {
        Ask::Never => "nothing: what would be asked is denied",
        Ask::Destructive => "destructive, unknown and changed tools",
        Ask::Risky => "destructive, unknown and changed tools, and the first use of an open world",
        Ask::Writes => "these, and tools that write",
        Ask::Always => "every call",
    }
}

fn box_of(confinement: Confinement) -> &'static str {
    match confinement {
        Confinement::Full => "full",
        Confinement::Landlock => "Landlock alone",
        Confinement::None => "none",
    }
}

fn pins(mode: PinMode) -> &'static str {
    match mode {
        PinMode::Note => "changes are recorded, and withhold nothing",
        PinMode::First => "as first seen; what changes is withheld",
        PinMode::Ask => "nothing passes before a person accepts it",
    }
}

/// What a start says of a server.
fn started(server: &mut Server, record: &Value) {
    let confinement = record.get("confinement").cloned().unwrap_or_default();
    server.facts.retain(|(name, _)| *name != "Last start");
    let time = text(record, "time").split('.').next().unwrap_or_default().replace('T', " ");
    let level = text(&confinement, "level").to_owned();
    server.facts.push(("Last start", format!("{time}, in a box that is {level}")));
    let weak = confinement.get("weak").and_then(Value::as_array);
    let weak = weak.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    let new: Vec<_> = weak.filter(|one| !server.weak.contains(one)).collect();
    server.weak.extend(new);
}

fn pin(row: &PinRow) -> &'static str {
    match (&row.pinned, &row.seen, row.gone) {
        (_, _, true) => "pinned, and listed no more",
        (Some(_), Some(_), _) => "changed since it was pinned",
        (Some(_), None, _) => "as pinned",
        (None, ..) => "waits to be accepted",
    }
}
