//! What was found out of a tool's definition, for the next time that it is listed.
//!
//! A definition is read, searched and taken apart field by field, and all of that depends on
//! nothing but its text and on what a session is told once. So a text that is listed again means
//! what it meant, and only what can change is judged anew: the pins, the policies, its neighbours.
//!
//! Most hosts list once, and then nothing is kept: a definition is remembered from the second time
//! on.

use std::collections::BTreeMap;

use portcullis_policy::{Decision, Tier};
use portcullis_wire::view::Misfit;
use portcullis_wire::view::tool::ToolDefinition;
use portcullis_wire::{Json, canonical};
use serde_json::Value;

use crate::approval::Fingerprint;
use crate::control::{approve_by_risk, headers_annotated, names_distinct};
use crate::pin::Definition;

/// A definition, and what was found out of it so far.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) definition: ToolDefinition,
    /// Why its name is none.
    pub(crate) misnamed: Option<&'static str>,
    /// Its name as somebody in a hurry reads it.
    pub(crate) alike: String,
    assessed: Option<Assessed>,
    /// It as it may be listed, once that was looked at.
    pub(crate) inspected: Option<(Option<Json>, Decision)>,
}

/// What a definition is.
#[derive(Debug)]
pub(crate) struct Assessed {
    pub(crate) pin: Fingerprint,
    pub(crate) tier: Tier,
    pub(crate) input: Value,
    /// Why its annotations for headers are none (2026-07-28).
    pub(crate) misannotated: Option<&'static str>,
    /// Field by field, for its pin.
    pub(crate) seen: Definition,
}

impl Judged {
    fn read(entry: &Json) -> Result<Self, Misfit> {
        let definition = ToolDefinition::read(entry)?;
        let misnamed = names_distinct::judge(&definition.name);
        let alike = names_distinct::skeleton(&definition.name);
        Ok(Self { definition, misnamed, alike, assessed: None, inspected: None })
    }

    /// What it is, by its text.
    pub(crate) fn assessed(&mut self, entry: &Json) -> &Assessed {
        let definition = &self.definition;
        self.assessed.get_or_insert_with(|| {
            let input = definition.input_schema.value();
            let tier = approve_by_risk::tier(&definition.name, &input, &definition.annotations);
            Assessed {
                pin: Fingerprint::of(&canonical(entry)),
                tier,
                misannotated: headers_annotated::judge(&input),
                input,
                seen: Definition::of_tool(entry, tier),
            }
        })
    }
}

/// Definitions that were listed more than once, by their texts.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    before: BTreeMap<Fingerprint, Judged>,
    /// Those of the listing under way.
    now: BTreeMap<Fingerprint, Judged>,
    /// How long their texts are together.
    bytes: usize,
}

impl Remembered {
    /// A definition with what is known of it, to be [kept](Self::keep) again.
    pub(crate) fn take(&mut self, entry: &Json) -> Result<(Fingerprint, Judged), Misfit> {
        let text = Fingerprint::of(entry.text().as_bytes());
        let known = self.before.remove(&text).map_or_else(|| Judged::read(entry), Ok)?;
        Ok((text, known))
    }

    /// Remembers it for the next listing, unless all together become more than `most` bytes.
    pub(crate) fn keep(&mut self, text: Fingerprint, entry: &Json, judged: Judged, most: usize) {
        let bytes = self.bytes.saturating_add(entry.len());
        if bytes <= most && self.now.insert(text, judged).is_none() {
            self.bytes = bytes;
        }
    }

    /// A listing came to its end: what it did not show is forgotten.
    pub(crate) fn finish(&mut self) {
        self.before = std::mem::take(&mut self.now);
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(name: &str, more: &str) -> Json {
        Json::from_value(&json!({"name": name, "description": more, "inputSchema": {}}))
    }

    #[test]
    fn what_is_kept_is_of_the_last_listing_and_bounded() {
        let mut all = Remembered::default();
        let first = entry("a", "x");
        for (listed, most, expect) in
            [(&first, 1 << 10, true), (&entry("b", "x"), 1 << 10, false), (&first, 1, false)]
        {
            let (text, mut judged) = all.take(listed).unwrap();
            judged.assessed(listed);
            all.keep(text, listed, judged, most);
            all.finish();
            let (_, again) = all.take(&first).unwrap();
            assert_eq!(again.assessed.is_some(), expect, "{most}");
        }
    }

    #[test]
    fn another_text_is_another_definition() {
        let mut all = Remembered::default();
        let (quiet, loud) = (entry("a", "reads"), entry("a", "reads, and more"));
        let (text, mut judged) = all.take(&quiet).unwrap();
        let pin = judged.assessed(&quiet).pin.clone();
        all.keep(text, &quiet, judged, 1 << 10);
        all.finish();
        let (_, mut other) = all.take(&loud).unwrap();
        assert_ne!(other.assessed(&loud).pin, pin);
        assert_eq!(other.definition.description.as_deref(), Some("reads, and more"));
    }
}
