//! How often a person is asked: calls as agents make them, replayed through pure sessions
//! over listings of real servers, with a person who says yes for the session.
//!
//! The listings are a folder that is given. The calls are made up (`replay/calls.rs`), the
//! sessions, the controls and the store are the product's. Nothing is measured in time.

mod calls;
mod conversation;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use portcullis_policy::{Ask, Tier};
use serde_json::Value;

use calls::{Agent, Dice};
use conversation::{Asked, Conversation};

/// What is asked when nothing is said, and the two that ask more.
const MODES: [Ask; 3] = [Ask::Risky, Ask::Writes, Ask::Always];

/// Calls of one session. Long ones would look better: the first use of a tool is asked once.
pub(crate) const CALLS: usize = 60;

/// Servers that work on what is here: they get a root and no network. All others get the
/// network and no root.
const LOCAL: &[&str] = &[
    "cli-mcp-server",
    "code-index-mcp",
    "eslint_mcp",
    "excel-mcp-server",
    "mcp-server-git",
    "mcp-server-motherduck",
    "mcp-server-sqlite",
    "mcp-server-time",
    "mcp-shell-server",
    "modelcontextprotocol_server-filesystem",
    "modelcontextprotocol_server-memory",
    "modelcontextprotocol_server-sequential-thinking",
    "serena-agent",
];

/// One recorded server.
struct Listing {
    name: String,
    tools: Vec<Value>,
}

/// What became of the calls of one kind.
#[derive(Clone, Copy, Default)]
struct Count {
    calls: usize,
    /// When every yes is for one call.
    once: usize,
    /// When a person says yes for the session, to the narrowest cover that is more than a
    /// repetition.
    session: usize,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.once += other.once;
        self.session += other.session;
    }
}

/// Replays sessions over every listing of a folder, and writes the tables.
pub(crate) fn run(folder: &Path, calls: usize, seed: u64) -> Result<String, String> {
    let listings = listings(folder)?;
    let mut tables = String::new();
    for mode in MODES {
        tables += &table(&listings, mode, calls, seed)?;
    }
    Ok(tables)
}

fn listings(folder: &Path) -> Result<Vec<Listing>, String> {
    let unread = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| unread(&error))? {
        let path = entry.map_err(|error| unread(&error))?.path();
        if path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(|error| unread(&error))?;
        let value: Value = serde_json::from_str(&text).map_err(|error| unread(&error))?;
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
        let tools = match value.get("tools") {
            Some(Value::Array(tools)) => tools.clone(),
            other => other.and_then(|all| all["tools"].as_array()).cloned().unwrap_or_default(),
        };
        if !tools.is_empty() {
            all.push(Listing { name: name.unwrap_or_default(), tools });
        }
    }
    all.sort_by(|one, other| one.name.cmp(&other.name));
    if all.is_empty() { Err(unread(&"no listings of tools")) } else { Ok(all) }
}

fn table(listings: &[Listing], mode: Ask, calls: usize, seed: u64) -> Result<String, String> {
    let mut kinds: BTreeMap<&'static str, Count> = BTreeMap::new();
    let mut servers = 0;
    for (listing, at) in listings.iter().zip(0..) {
        let counted = session(listing, mode, calls, seed.wrapping_add(at))?;
        servers += usize::from(!counted.is_empty());
        for (kind, count) in counted {
            kinds.entry(kind).or_default().add(count);
        }
    }
    let sum = |wanted: &dyn Fn(&str) -> bool| {
        let mut all = Count::default();
        kinds.iter().filter(|(kind, _)| wanted(kind)).for_each(|(_, count)| all.add(*count));
        all
    };
    let mut text = format!("\n### `ask = \"{}\"`, {servers} servers\n\n", mode.as_str());
    text += "| calls of tools that | calls | asked, each yes for one call | asked, yes for the session |\n|---|---|---|---|\n";
    let rows = [
        ("read", sum(&|kind| kind == "read")),
        ("write", sum(&|kind| kind == "write")),
        ("are unknown", sum(&|kind| kind == "unknown")),
        ("destroy", sum(&|kind| kind == "destructive")),
        ("run code", sum(&|kind| kind == "exec")),
        ("**any of these**", sum(&|kind| !["changed", "denied"].contains(&kind))),
        ("may be granted: read and write", sum(&|kind| kind == "read" || kind == "write")),
        ("changed meanwhile, beside the others", sum(&|kind| kind == "changed")),
        ("were made up badly and denied, beside the others", sum(&|kind| kind == "denied")),
    ];
    for (what, Count { calls, once, session }) in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {what} | {calls} | {} | {} |",
            share(once, calls),
            share(session, calls)
        );
    }
    let missed = ["unknown", "destructive", "exec", "changed"].iter().any(|kind| {
        kinds.get(kind).is_some_and(|count| count.session < count.calls || count.once < count.calls)
    });
    if missed {
        Err(format!("{text}\nsome call that is asked one by one was not asked"))
    } else {
        Ok(text)
    }
}

fn share(some: usize, all: usize) -> String {
    if all == 0 {
        return "–".to_owned();
    }
    let tenths = (some * 1000 + all / 2) / all;
    format!("{some} ({}.{} %)", tenths / 10, tenths % 10)
}

/// The same calls twice: with a yes for each, and with grants.
fn session(
    listing: &Listing,
    mode: Ask,
    calls: usize,
    seed: u64,
) -> Result<BTreeMap<&'static str, Count>, String> {
    let local = LOCAL.contains(&listing.name.as_str());
    let mut counts: BTreeMap<&'static str, Count> = BTreeMap::new();
    for grants in [false, true] {
        let mut conversation = Conversation::begin(&listing.tools, mode, local, grants)?;
        let mut agent = Agent::new(conversation.tiers(), &listing.tools, local, Dice::new(seed));
        for _ in 0..calls {
            let Some((tool, arguments)) = agent.call() else { break };
            let tier = conversation.tier(&tool);
            let asked = conversation.call(&tool, &arguments)?;
            count(&mut counts, tier.as_str(), asked, grants);
        }
        if let Some(tool) = agent.favourite() {
            conversation.redefine(&tool)?;
            for _ in 0..3 {
                let arguments = agent.arguments(&tool);
                let asked = conversation.call(&tool, &arguments)?;
                count(&mut counts, "changed", asked, grants);
            }
        }
    }
    Ok(counts)
}

fn count(
    counts: &mut BTreeMap<&'static str, Count>,
    kind: &'static str,
    asked: Asked,
    grants: bool,
) {
    let kind = if asked == Asked::Denied { "denied" } else { kind };
    let count = counts.entry(kind).or_default();
    let was = usize::from(asked == Asked::Person);
    if grants {
        count.session += was;
    } else {
        count.calls += 1;
        count.once += was;
    }
}

/// The tier of a tool whose calls a grant may cover.
fn may_be_granted(tier: Tier) -> bool {
    matches!(tier, Tier::Read | Tier::Write)
}
