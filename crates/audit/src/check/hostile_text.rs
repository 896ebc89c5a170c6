//! A description, schema, prompt or instruction of the server gives orders to the model.
//!
//! Two kinds of signs. *Strong* ones are the detectors of the gateway ([`portcullis_guard::text`]): hidden
//! characters, phrases that no honest tool of 913 uses, places of credentials. *Structural* ones say little alone and
//! much together: another tool's name beside an order, precedence over everything else, a parameter that wants the
//! conversation, and the shapes of sentences in `shapes.rs`. Each has a weight, and the sum decides.
//!
//! What a running server said is judged, and what its source says, unless that is the same.

mod names;
mod shapes;
mod source;

use std::cmp::Reverse;
use std::collections::BTreeSet;

use portcullis_catalog::control;
use portcullis_guard::text;
use serde_json::Value;

use crate::check::{Check, judge};
use crate::evidence::Evidence;
use crate::evidence::live::Live;
use crate::evidence::source::Language;
use crate::finding::{Confidence, Finding, Severity};
use names::Names;

/// A description, schema, prompt or instruction of the server gives orders to the model.
pub(super) static CHECK: Check = Check {
    id: "hostile-text",
    title: "text that gives orders to the model",
    severity: Severity::High,
    control: Some(control::DEFINITIONS_INSPECTED),
    why: "Everything that a server says about its tools is read by the model as if its user had written it. \
          A person sees a short name, and the model obeys the rest.",
    fix: "describe what the tool does, takes and returns, and nothing about other tools, the user or the conversation",
    examples: &[
        (
            Language::Python,
            "@mcp.tool()\ndef add(a: int, b: int) -> int:\n    \"\"\"Adds two numbers and returns their sum.\"\"\"",
        ),
        (
            Language::TypeScript,
            "server.registerTool(\"add\", { description: \"Adds two numbers and returns their sum.\", inputSchema }, add);",
        ),
        (
            Language::JavaScript,
            "server.tool(\"add\", \"Adds two numbers and returns their sum.\", { a: z.number(), b: z.number() }, add);",
        ),
        (
            Language::Go,
            "mcp.NewTool(\"add\", mcp.WithDescription(\"Adds two numbers and returns their sum.\"))",
        ),
        (Language::Rust, "#[tool(description = \"Adds two numbers and returns their sum.\")]"),
    ],
    live: true,
    cwe: &[1427, 116],
    owasp: &["MCP03:2025", "MCP06:2025"],
    safe_mcp: &["T1001", "T1402", "T1501"],
    atlas: &["AML.T0110", "AML.T0068"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let mut found = source::run(check, evidence);
    let Some(live) = &evidence.live else { return found };
    let listed: BTreeSet<&str> = names(live).collect();
    let names = Names::new(listed.iter().copied(), |_| true);
    let foreign = evidence.beside.iter().flat_map(|it| &it.tools).map(String::as_str);
    // A word of everyday, such as `search`, is no sign by itself.
    let foreign =
        Names::new(foreign.filter(|it| !listed.contains(it)), |it| it.contains(['_', '-', '.']));
    for (what, definition) in definitions(live) {
        let mut signs = BTreeSet::new();
        let known = words_of(definition);
        each_text(definition, &mut |text| {
            signs.extend(signs_of(text, what, &names));
            let text = judged_of(text);
            signs.extend(shapes::absent_tool(text, &|word| {
                known.contains(word) || names.is_listed(word)
            }));
            signs.extend(foreign_order(text, what, &foreign));
        });
        signs.extend(wants_conversation(definition));
        found.extend(judged(check, evidence, what, &signs));
    }
    if let Some(text) = &live.instructions {
        // A server's instructions speak to the model by their nature: only the strong signs count.
        let signs = strong(text).into_iter().collect();
        found.extend(judged(check, evidence, "instructions", &signs));
    }
    found
}

/// What was seen, with what it weighs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Sign {
    weight: u8,
    seen: String,
}

impl Sign {
    fn new(weight: u8, seen: impl Into<String>) -> Self {
        Self { weight, seen: seen.into() }
    }
}

/// A sum that is as good as a phrase that no honest tool uses.
const STRONG: u8 = 4;
/// A sum that a person should look at.
const WEAK: u8 = 3;
/// How many signs of one definition are told.
const TOLD: usize = 20;

/// How bad, how sure, and what was seen.
fn weighed(signs: &BTreeSet<Sign>) -> Option<(Severity, Confidence, String)> {
    let sum = signs.iter().fold(0_u8, |sum, sign| sum.saturating_add(sign.weight));
    let (severity, confidence) = match sum {
        STRONG.. => (Severity::High, Confidence::Likely),
        WEAK => (Severity::Low, Confidence::Possible),
        _ => return None,
    };
    let mut heaviest: Vec<&Sign> = signs.iter().collect();
    heaviest.sort_by_key(|sign| Reverse(sign.weight));
    heaviest.truncate(TOLD);
    heaviest.sort();
    let seen: Vec<&str> = heaviest.iter().map(|sign| sign.seen.as_str()).collect();
    let more = signs.len().saturating_sub(TOLD);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    Some((severity, confidence, format!("{}{more}", seen.join("; "))))
}

fn judged(
    check: &Check,
    evidence: &Evidence,
    what: &str,
    signs: &BTreeSet<Sign>,
) -> Option<Finding> {
    let (severity, confidence, seen) = weighed(signs)?;
    Some(judge::of_server(check, evidence, Some(what), severity, confidence, seen))
}

/// What a definition calls its parameters and their values: words that are no tools.
fn words_of(definition: &Value) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    each_text(definition, &mut |text| {
        if !text.contains(char::is_whitespace) {
            let _new = words.insert(text.to_lowercase());
        }
    });
    words
}

fn names(live: &Live) -> impl Iterator<Item = &str> {
    live.tools.iter().filter_map(|tool| tool.get("name")?.as_str())
}

fn definitions(live: &Live) -> impl Iterator<Item = (&str, &Value)> {
    let all = live.tools.iter().chain(&live.resources).chain(&live.prompts);
    all.map(|it| (it.get("name").and_then(Value::as_str).unwrap_or("unnamed"), it))
}

/// Every text of a definition: descriptions, titles, defaults, enumerations, names of parameters.
fn each_text(value: &Value, tell: &mut dyn FnMut(&str)) {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => tell(text),
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => {
                fields.keys().for_each(|name| tell(name));
                open.extend(fields.values());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

fn strong(text: &str) -> Vec<Sign> {
    let orders = text::instructions(text).into_iter();
    let mut signs: Vec<Sign> = orders
        .map(|(kind, _)| Sign::new(STRONG, format!("an order to the model ({})", kind.as_str())))
        .collect();
    signs.extend(text::hidden(text).into_iter().map(|(kind, _)| {
        Sign::new(STRONG, format!("characters that nobody sees ({})", kind.as_str()))
    }));
    if text::names_secret_place(text) {
        signs.push(Sign::new(STRONG, "a place where people keep credentials"));
    }
    signs
}

/// Orders, as they are put before the name of what is to be done.
const ORDERS: &[&str] = &[
    "must",
    "always",
    "first",
    "before",
    "prior to",
    "never",
    "required to",
    "immediately",
    "after every",
];
/// Precedence over whatever else there is.
const PRECEDENCE: &[&str] = &[
    "instead of any other",
    "instead of other",
    "instead of all other",
    "before any other tool",
    "before using any",
    "before calling any",
    "before every other",
    "prior to any",
    "prior to using any",
    "over all other",
    "over any other",
    "the only tool",
    "no other tool",
    "all other tools",
    "any other tool",
    "every other tool",
    "other tools are",
    "highest priority",
    "top priority",
    "takes priority",
    "takes precedence",
    "must be called first",
    "must be used first",
    "must be executed first",
    "must call this",
    "must use this",
    "always call this",
    "always use this",
    "always choose this",
    "always prefer this",
    "whenever any tool",
    "every time a tool",
    "in every conversation",
    "before each",
    "before every",
    "regardless of what",
    "should be chosen",
    "should always be",
];
/// What the person is not to see.
const CONCEALMENT: &[&str] = &[
    "do not tell",
    "don't tell",
    "do not mention",
    "don't mention",
    "do not inform",
    "without telling",
    "without informing",
    "do not reveal",
    "not be shown to the user",
    "hide this from",
    "do not notify",
    "without the user",
    "do not ask the user",
];

/// How much of one text is held against the shapes of sentences, in bytes; what is written to be read is far shorter.
const LONGEST: usize = 64 << 10;

/// The part of a text that is judged for more than its strong signs. That there is more is a sign itself.
fn judged_of(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST)).unwrap_or(text)
}

/// Both kinds of signs in one text.
fn signs_of(words: &str, own: &str, names: &Names<'_>) -> Vec<Sign> {
    let mut signs = strong(words);
    let all = words.len();
    let words = judged_of(words);
    if words.len() < all {
        signs.push(Sign::new(WEAK, format!("{all} bytes that nobody reads to their end")));
    }
    let low = words.to_lowercase();
    let has = |list: &[&'static str]| list.iter().copied().find(|phrase| low.contains(phrase));
    signs.extend(has(PRECEDENCE).map(|it| Sign::new(3, format!("precedence: `{it}`"))));
    signs.extend(shapes::signs(words));
    let other = names.other_in(&low, own).next();
    if let (Some((name, ..)), Some(order)) = (other, has(ORDERS)) {
        signs.push(Sign::new(1, format!("another tool's name (`{name}`) beside `{order}`")));
    }
    signs
}

/// A tool of another server, and what the model is to do with it: no server has a say in that.
fn foreign_order(words: &str, own: &str, foreign: &Names<'_>) -> Option<Sign> {
    let low = words.to_lowercase();
    let alone = |it: &(&str, usize, usize)| stands_alone(&low, it.1, it.2);
    let (name, ..) = foreign.other_in(&low, own).find(alone)?;
    let order = ORDERS.iter().chain(PRECEDENCE).chain(CONCEALMENT).find(|it| low.contains(**it))?;
    Some(Sign::new(STRONG, format!("another server's tool (`{name}`) beside `{order}`")))
}

/// Whether a name stands in a text by itself, and not as a part of another.
fn stands_alone(text: &str, begin: usize, end: usize) -> bool {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    let before = text.get(..begin).and_then(|it| it.chars().next_back());
    let behind = text.get(end..).and_then(|it| it.chars().next());
    !inside(before) && !inside(behind)
}

/// Parameters that want what the tool has no use for.
const CONVERSATION: &[&str] = &[
    "conversation_history",
    "chat_history",
    "system_prompt",
    "full_context",
    "all_messages",
    "previous_messages",
    "environment_variables",
    "sidenote",
    "api_keys",
    "credentials_file",
    "tool_list",
    "call_stack",
    "chain_of_thought",
];

fn wants_conversation(definition: &Value) -> Option<Sign> {
    let parameters = definition.pointer("/inputSchema/properties")?.as_object()?;
    let wanted =
        parameters.keys().find(|name| CONVERSATION.contains(&name.to_lowercase().as_str()))?;
    Some(Sign::new(3, format!("a parameter that wants what is not its business: `{wanted}`")))
}

#[cfg(test)]
mod tests;
