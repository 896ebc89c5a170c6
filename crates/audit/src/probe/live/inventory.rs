//! What a server offers, and whether it offers the same thing twice.

use serde_json::Value;

use portcullis_wire::{Json, Object, elements};

use super::client::{Client, Reply};
use super::clock::Clock;
use crate::evidence::live::Conduct;

/// Pages of one list.
pub(in crate::probe) const PAGES: usize = 50;
/// Entries of one list.
pub(in crate::probe) const ENTRIES: usize = 2_000;
/// Bytes of one list, all pages together.
const BYTES: usize = 8 << 20;

/// Everything that is offered.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Inventory {
    pub(super) tools: Vec<Value>,
    pub(super) resources: Vec<Value>,
    pub(super) prompts: Vec<Value>,
    /// It never said which tools it has.
    pub(super) mute: bool,
}

impl Inventory {
    /// Asks for every list that there may be.
    pub(super) fn ask(client: &mut Client, clock: &Clock) -> Self {
        let can = |client: &Client, name: &str| client.hello.capabilities.get(name).is_some();
        // Asked for whatever was declared: what is listed can be called.
        let (tools, said) = heard(client, "tools/list", "tools", clock);
        let mute = !said && can(client, "tools");
        let (mut resources, mut prompts) = (Vec::new(), Vec::new());
        if can(client, "resources") {
            resources = list(client, "resources/list", "resources", clock);
            resources.extend(list(client, "resources/templates/list", "resourceTemplates", clock));
        }
        if can(client, "prompts") {
            prompts = list(client, "prompts/list", "prompts", clock);
        }
        Self { tools, resources, prompts, mute }
    }

    /// The tools that are not the same in both, by name.
    pub(super) fn drifted(&self, other: &Self) -> Vec<String> {
        drifted(&self.tools, &other.tools)
    }
}

/// The tools that are not the same in two lists, by name.
pub(in crate::probe) fn drifted(one: &[Value], other: &[Value]) -> Vec<String> {
    let named = |tools: &[Value], name: &str| {
        tools.iter().find(|tool| name_of(tool) == Some(name)).cloned()
    };
    let names = one.iter().chain(other).filter_map(name_of);
    let mut drifted: Vec<String> =
        names.filter(|name| named(one, name) != named(other, name)).map(str::to_owned).collect();
    drifted.sort();
    drifted.dedup();
    drifted
}

/// The name of a tool.
pub(super) fn name_of(tool: &Value) -> Option<&str> {
    tool.get("name")?.as_str()
}

fn list(client: &mut Client, method: &str, member: &str, clock: &Clock) -> Vec<Value> {
    heard(client, method, member, clock).0
}

/// One list, page by page; and whether there was an answer at all.
fn heard(client: &mut Client, method: &str, member: &str, clock: &Clock) -> (Vec<Value>, bool) {
    let (mut all, mut bytes, mut cursor) = (Vec::new(), 0, None::<Json>);
    let mut said = false;
    for _ in 0..PAGES {
        let mut params = Object::new();
        if let Some(cursor) = cursor.take() {
            params.set("cursor", cursor);
        }
        let Reply::Result(result) = client.ask(method, params, clock.deadline()) else {
            return (all, said);
        };
        let Some(page) = result.object() else { return (all, said) };
        said = true;
        bytes += result.len();
        let items = page.get(member).and_then(elements).unwrap_or_default();
        let room = ENTRIES.saturating_sub(all.len());
        all.extend(items.iter().take(room).map(Json::value));
        match page.get("nextCursor").filter(|next| next.as_text().is_some()) {
            Some(next) if bytes < BYTES && all.len() < ENTRIES => cursor = Some(next.clone()),
            Some(_) => break,
            None => return (all, said),
        }
    }
    client.conduct.push(Conduct::EndlessList);
    (all, said)
}
