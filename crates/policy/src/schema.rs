//! The words that a policy may use, as a Cedar schema.
//!
//! Strict validation against it finds a misspelt fact when a policy loads, where
//! evaluation would skip the policy. What is not judged is not in here: a policy
//! about it is refused instead of being silent.

use cedar_policy::{Schema, SchemaError};
use serde_json::{Map, Value, json};

use crate::argument::{Kind, Mention, Mentions};

/// A fact that policies read as `context.NAME` when a tool is called.
#[derive(Debug)]
pub struct Fact {
    /// Its name.
    pub name: &'static str,
    /// Its type in Cedar.
    pub kind: &'static str,
    /// What it says, for a person: lower case, no full stop.
    pub meaning: &'static str,
}

/// Every fact beside `context.arguments`, in the order of the manual.
pub const FACTS: &[Fact] = &[
    fact("approved", "Bool", "a person said yes to exactly this call"),
    fact(
        "ask",
        "String",
        "the mode of asking: `never`, `destructive`, `risky`, `writes` or `always`",
    ),
    fact("changed", "Bool", "the tool's definition is not the one first seen"),
    fact(
        "first_open_world_use",
        "Bool",
        "it may reach the open world and was not used in this session",
    ),
    fact("paths_in_roots", "Bool", "every path in the arguments lies inside a root"),
    fact("schema_ok", "Bool", "the arguments fit the tool's own schema"),
    fact("secrets", "Bool", "something in the arguments looks like a secret"),
    fact(
        "tier",
        "String",
        "how risky the tool is: `read`, `write`, `unknown`, `destructive` or `exec`",
    ),
];

const fn fact(name: &'static str, kind: &'static str, meaning: &'static str) -> Fact {
    Fact { name, kind, meaning }
}

/// The schema for a policy that reads these arguments.
pub(crate) fn schema(arguments: &Mentions) -> Result<Schema, Box<SchemaError>> {
    // As JSON, where an argument's name needs no escaping of ours.
    let facts = FACTS.iter().map(|fact| {
        let kind = if fact.kind == "Bool" { "Boolean" } else { fact.kind };
        (fact.name.to_owned(), json!({ "type": kind }))
    });
    let mut context: Map<_, _> = facts.collect();
    context.insert("arguments".to_owned(), json_record(arguments, true));
    let name = || json!({ "type": "String" });
    let applies = |what: &str, context: Value| {
        json!({ "appliesTo": {
            "principalTypes": ["Principal"], "resourceTypes": [what], "context": context,
        }})
    };
    let texts = || json!({ "type": "Set", "element": { "type": "String" } });
    let record = |attributes| json!({ "type": "Record", "attributes": attributes });
    let object = || {
        let shape = record(json!({ "name": name(), "server": name() }));
        json!({ "memberOfTypes": ["Server"], "shape": shape })
    };
    Schema::from_json_value(json!({ "": {
        "entityTypes": {
            "Principal": {},
            "Server": {},
            "Tool": object(),
            "Resource": object(),
            "Prompt": object(),
        },
        "actions": {
            "list": applies("Tool", record(json!({}))),
            "call": applies("Tool", record(context.into())),
            "get": applies("Prompt", record(json!({}))),
            "read": applies(
                "Resource",
                record(json!({ "allowed_by": texts(), "denied_by": texts() })),
            ),
        },
    }}))
    .map_err(Box::new)
}

fn json_record(mentions: &Mentions, required: bool) -> Value {
    let attributes: Map<_, _> =
        mentions.0.iter().map(|(name, mention)| (name.clone(), json_type(mention))).collect();
    json!({ "type": "Record", "attributes": attributes, "required": required })
}

fn json_type(mention: &Mention) -> Value {
    let list =
        |element: &str| json!({ "type": "Set", "element": { "type": element }, "required": false });
    let plain = |kind: &str| json!({ "type": kind, "required": false });
    match mention.kind {
        Some(Kind::Object) => json_record(&mention.inner, false),
        Some(Kind::Text) => plain("String"),
        Some(Kind::Number) => plain("Long"),
        Some(Kind::Texts) => list("String"),
        Some(Kind::Numbers) => list("Long"),
        // Nobody reads more of it than that it is there.
        Some(Kind::Flag | Kind::Present) | None => plain("Boolean"),
    }
}
