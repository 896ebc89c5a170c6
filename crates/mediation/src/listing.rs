//! What tools the server has: learned from every listing, fetched when a call
//! comes before one, and rewritten before the host sees it.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use portcullis_catalog::ControlId;
use portcullis_catalog::control::{
    ANNOTATIONS_REWRITTEN, DEFINITION_PINNED, DEFINITIONS_INSPECTED, HEADERS_ANNOTATED,
    NAMES_DISTINCT, TOOL_KNOWN, TOOLS_LISTED,
};
use portcullis_guard::schema::Schema;
use portcullis_guard::text;
use portcullis_policy::{Decision, Effect, Obligation, Tier};
use portcullis_wire::view::tool::ToolList;
use portcullis_wire::{Era, Json, array};
use serde_json::Value;

use crate::Session;
use crate::approval::Fingerprint;
use crate::control::{annotations_rewritten, lists_stable};
use crate::judged::{Assessed, Judged, Remembered};
use crate::pin::{Part, Section};

/// More tools than any real server has (at most 117 of 51 servers measured).
const TOOLS: usize = 4096;
/// Longest name of a tool, in characters (2025-11-25, server/tools, Tool Names):
/// a longer one would push the rest of a question off the screen.
const NAME: usize = 128;
/// Longest definition of one tool, in bytes (the longest measured has 30 KiB).
const DEFINITION: usize = 256 << 10;
/// All definitions together, in bytes (the longest list measured has 144 KiB).
const DEFINITIONS: usize = 16 << 20;

/// Every tool definition seen in this session.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    known: BTreeMap<String, Tool>,
    /// The first definition of tools that are listed no more: a tool that comes
    /// back as another one has changed.
    gone: BTreeMap<String, Fingerprint>,
    /// The first name seen of those that look alike.
    alike: BTreeMap<String, String>,
    /// What was found out of definitions that are listed again and again.
    judged: Remembered,
    /// Size of every definition, in bytes.
    bytes: usize,
    /// A whole listing was seen since the server last said that it changed.
    complete: bool,
}

/// One tool as the server defined it last.
#[derive(Debug)]
pub(crate) struct Tool {
    /// The definition in force.
    pub(crate) pin: Fingerprint,
    /// The definition first seen in this session.
    first: Fingerprint,
    pub(crate) tier: Tier,
    pub(crate) open_world: bool,
    pub(crate) used: bool,
    pub(crate) input: Value,
    compiled: OnceCell<Result<Schema, String>>,
    /// The output schema, if it declares one.
    output: Option<Value>,
    output_compiled: OnceCell<Result<Schema, String>>,
    /// Its definition may not be shown, so it may not be called either.
    pub(crate) withheld: bool,
    /// Seen since the server last said that its list changed.
    fresh: bool,
    bytes: usize,
}

impl Tool {
    /// The definition is not the one first seen.
    pub(crate) fn changed(&self) -> bool {
        self.pin != self.first
    }

    /// The input schema, compiled at the first call.
    pub(crate) fn schema(&self) -> &Result<Schema, String> {
        self.compiled.get_or_init(|| compile(&self.input))
    }

    /// A copy for a result that comes later, whatever becomes of the definition.
    pub(crate) fn remembered(&self) -> Self {
        Self {
            pin: self.pin.clone(),
            first: self.first.clone(),
            tier: self.tier,
            open_world: self.open_world,
            used: self.used,
            input: Value::Null,
            compiled: OnceCell::new(),
            output: self.output.clone(),
            output_compiled: OnceCell::new(),
            withheld: self.withheld,
            fresh: self.fresh,
            bytes: self.bytes,
        }
    }

    /// The output schema, if it declares one, compiled at the first result.
    pub(crate) fn output_schema(&self) -> Option<&Result<Schema, String>> {
        let output = self.output.as_ref()?;
        Some(self.output_compiled.get_or_init(|| compile(output)))
    }
}

/// Which control says that a definition misleads, and why.
type Misled = Option<(ControlId, &'static str)>;

/// What we know of a tool's name.
#[derive(Debug)]
pub(crate) enum Lookup<'a> {
    /// Its definition in force.
    Known(&'a Tool),
    /// Nothing certain: list first.
    Unsure,
    /// The server does not list it.
    Absent,
}

impl Tools {
    pub(crate) fn find(&self, name: &str) -> Lookup<'_> {
        match self.known.get(name) {
            Some(tool) if tool.fresh => Lookup::Known(tool),
            None if self.complete => Lookup::Absent,
            Some(_) | None => Lookup::Unsure,
        }
    }

    /// Its last definition, even when the server said meanwhile that its list changed.
    pub(crate) fn last(&self, name: &str) -> Option<&Tool> {
        self.known.get(name)
    }

    /// Its definition may not be shown.
    fn withhold(&mut self, name: &str) {
        if let Some(tool) = self.known.get_mut(name) {
            tool.withheld = true;
        }
    }

    pub(crate) fn used(&mut self, name: &str) {
        if let Some(tool) = self.known.get_mut(name) {
            tool.used = true;
        }
    }

    /// Every definition in force, by its tool's name.
    pub(crate) fn pins(&self) -> BTreeMap<String, Fingerprint> {
        self.known.iter().map(|(name, tool)| (name.clone(), tool.pin.clone())).collect()
    }

    /// The server says that its list changed: nothing is certain any more.
    pub(crate) fn doubt(&mut self) {
        self.complete = false;
        self.known.values_mut().for_each(|tool| tool.fresh = false);
    }

    /// A person accepted what there is: from here on, changes count anew.
    pub(crate) fn accepted(&mut self) {
        self.gone.clear();
        self.known.values_mut().for_each(|tool| tool.first.clone_from(&tool.pin));
    }

    /// Why a definition is not to be remembered.
    fn excess(&self, name: &str, entry: &Json) -> Option<&'static str> {
        if name.chars().count() > NAME {
            return Some("its name is too long");
        }
        if name.chars().any(text::is_hidden) {
            return Some("its name has characters that nobody sees");
        }
        if entry.len() > DEFINITION {
            return Some("its definition is too long");
        }
        let before = self.known.get(name);
        let is_new = before.is_none() && !self.gone.contains_key(name);
        let bytes = self.bytes.saturating_sub(before.map_or(0, |tool| tool.bytes)) + entry.len();
        let full = is_new && self.known.len() + self.gone.len() >= TOOLS || bytes > DEFINITIONS;
        full.then_some("the server lists too many tools")
    }

    /// Why a definition misleads whoever reads it, and which control says so.
    fn misleading(&self, judged: &mut Judged, entry: &Json, era: Era) -> Misled {
        let alike = self.alike.get(&judged.alike);
        let alike = alike.filter(|first| **first != judged.definition.name);
        let named = judged
            .misnamed
            .or_else(|| alike.map(|_| "its name looks like the name of another tool"));
        match named {
            Some(why) => Some((NAMES_DISTINCT, why)),
            // Before 2026-07-28 the annotation meant nothing.
            None if era == Era::Legacy => None,
            None => judged.assessed(entry).misannotated.map(|why| (HEADERS_ANNOTATED, why)),
        }
    }

    /// Keeps a definition; whether it is the one that was known already.
    fn learn(&mut self, entry: &Json, judged: &mut Judged) -> bool {
        let name = judged.definition.name.clone();
        let Assessed { pin, tier, input, .. } = judged.assessed(entry);
        let mut first = self.gone.remove(&name).unwrap_or_else(|| pin.clone());
        if let Some(before) = self.known.get_mut(&name) {
            if before.pin == *pin {
                before.fresh = true;
                return true;
            }
            first = before.first.clone();
            self.bytes = self.bytes.saturating_sub(before.bytes);
        }
        let (pin, tier, input) = (pin.clone(), *tier, input.clone());
        let definition = &judged.definition;
        let tool = Tool {
            pin,
            first,
            tier,
            // Absent means open world (schema, ToolAnnotations).
            open_world: definition.annotations.open_world.unwrap_or(true),
            used: false,
            input,
            compiled: OnceCell::new(),
            output: definition.output_schema.as_ref().map(Json::value),
            output_compiled: OnceCell::new(),
            withheld: false,
            fresh: true,
            bytes: entry.len(),
        };
        self.bytes += entry.len();
        self.alike.entry(judged.alike.clone()).or_insert_with(|| name.clone());
        self.known.insert(name, tool);
        false
    }

    /// A listing came to its end: what it did not show is gone, not forgotten.
    pub(crate) fn finish(&mut self) {
        let gone = self.known.extract_if(.., |_, tool| !tool.fresh);
        self.gone.extend(gone.map(|(name, tool)| (name, tool.first)));
        self.bytes = self.known.values().map(|tool| tool.bytes).sum();
        self.complete = true;
    }
}

impl Session {
    /// One page of a listing: learned, and rewritten for the host. Entries that
    /// are withheld, malformed or listed twice are left out and recorded.
    pub(crate) fn read_listing(&mut self, result: &Json) -> Option<Page> {
        let list = ToolList::read(result).ok()?;
        let mut entries = Vec::new();
        let mut names = BTreeSet::new();
        let mut decision = Decision::default();
        for entry in &list.tools {
            let (kept, opinion) = self.read_entry(entry, &mut names);
            decision = decision.and(opinion);
            entries.extend(kept);
        }
        let whole = list.next_cursor.is_none();
        if whole {
            self.tools.judged.finish();
        }
        self.met(Section::Tool, whole);
        if let Some(order) = self.compare_list(Section::Tool, whole) {
            decision = decision.and(lists_stable::restore(&mut entries, "name", &order));
        }
        let changed = !decision.because.is_empty();
        let result = if changed { relist(result, &entries)? } else { result.clone() };
        if changed {
            decision = decision.owing(Obligation::Rewritten);
        }
        decision.effect = Effect::Allow;
        Some(Page { result, next: list.next_cursor, decision })
    }

    fn read_entry(
        &mut self,
        entry: &Json,
        names: &mut BTreeSet<String>,
    ) -> (Option<Json>, Decision) {
        let (text, mut judged) = match self.tools.judged.take(entry) {
            Ok(taken) => taken,
            Err(misfit) => {
                let why = format!("a tool definition was left out: {misfit}");
                return (None, Decision::because(Effect::Allow, TOOL_KNOWN, why));
            }
        };
        match self.admit_entry(entry, &mut judged, names) {
            Err(left_out) => (None, left_out),
            Ok(again) => {
                let read = self.show_entry(entry, &mut judged);
                if again {
                    self.tools.judged.keep(text, entry, judged, DEFINITIONS);
                }
                read
            }
        }
    }

    /// Whether a definition may be learned, and was known already; else why it is left out.
    fn admit_entry(
        &mut self,
        entry: &Json,
        judged: &mut Judged,
        names: &mut BTreeSet<String>,
    ) -> Result<bool, Decision> {
        let name = &judged.definition.name;
        let left_out = |control, why: String| Err(Decision::because(Effect::Allow, control, why));
        if !names.insert(name.clone()) {
            let why = format!("`{}` is listed twice; the second was left out", shown_name(name));
            return left_out(TOOL_KNOWN, why);
        }
        if let Some(excess) = self.tools.excess(name, entry) {
            return left_out(TOOL_KNOWN, format!("`{}` was left out: {excess}", shown_name(name)));
        }
        let misled = self.tools.misleading(judged, entry, self.phase.era());
        if let Some((control, why)) = misled {
            let name = shown_name(&judged.definition.name);
            return left_out(control, format!("`{name}` was left out: {why}"));
        }
        Ok(self.tools.learn(entry, judged))
    }

    /// A definition as the host may see it.
    fn show_entry(&mut self, entry: &Json, judged: &mut Judged) -> (Option<Json>, Decision) {
        let part = Part::new(Section::Tool, &judged.definition.name);
        let Assessed { tier, seen, .. } = judged.assessed(entry);
        let tier = *tier;
        let unlike = self.meet(part, seen);
        let name = &judged.definition.name;
        if self.tool_listed(name).effect == Effect::Deny {
            let why = format!("`{}` is withheld", shown_name(name));
            return (None, Decision::because(Effect::Allow, TOOLS_LISTED, why));
        }
        if let Some(why) = unlike {
            return (None, Decision::because(Effect::Allow, DEFINITION_PINNED, why));
        }
        let inspected = judged.inspected.get_or_insert_with(|| self.inspect_definition(entry));
        let (entry, seen) = inspected.clone();
        let Some(entry) = entry else {
            self.tools.withhold(name);
            let why = format!("`{}` is withheld", shown_name(name));
            return (None, seen.and(Decision::because(Effect::Allow, DEFINITIONS_INSPECTED, why)));
        };
        let mut members = entry.object().unwrap_or_default();
        let (entry, seen) = match self.judge().inert(&members) {
            None => (entry, seen),
            Some((cleaned, cut)) => {
                members = cleaned;
                (members.to_json(), seen.and(cut))
            }
        };
        match annotations_rewritten::rewrite(&members, &judged.definition.annotations, tier) {
            None => (Some(entry), seen),
            Some(rewritten) => {
                let why =
                    format!("hints of `{}` are milder than its tier, {tier}", shown_name(name));
                let milder = Decision::because(Effect::Allow, ANNOTATIONS_REWRITTEN, why);
                (Some(rewritten), seen.and(milder))
            }
        }
    }
}

/// A page of tools as the host may see it.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) result: Json,
    pub(crate) next: Option<String>,
    pub(crate) decision: Decision,
}

/// A filtered list is nobody else's: where it says `cacheScope`, it says private.
fn relist(result: &Json, entries: &[Json]) -> Option<Json> {
    let mut members = result.object()?;
    members.set("tools", array(entries));
    if members.get("cacheScope").is_some() {
        members.set("cacheScope", Json::string("private"));
    }
    Some(members.to_json())
}

fn compile(schema: &Value) -> Result<Schema, String> {
    Schema::compile(schema).map_err(|why| why.to_string())
}

fn shown_name(name: &str) -> String {
    text::visible(&name.chars().take(128).collect::<String>())
}
