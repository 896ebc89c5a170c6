//! What a model is told of the programs: names, options, kinds of arguments.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use portcullis_config::commands::Command;
use portcullis_guard::command::{LONGEST_WORD, MOST_WORDS, Refused, Why};
use portcullis_kit::tool::{Object, schema_of};
use portcullis_kit::{Definition, Hints, Refusal};
use serde_json::{Value, json};

use super::answer::Said;

/// The tool, for these programs.
pub(super) fn definition(commands: &BTreeMap<String, Command>) -> Definition {
    let mut description = "Runs one of these programs on files in the allowed directories, \
        without a shell, without input and without a network. Paths may be relative to \
        `directory`. Options that are not listed are refused.\n"
        .to_owned();
    for command in commands.values() {
        let _ =
            writeln!(description, "\n{}: {}. {}", command.name, command.about, grammar(command));
    }
    let writes = commands.values().any(|command| command.writes);
    Definition {
        name: super::NAME.to_owned(),
        title: "Run a program".to_owned(),
        description,
        hints: if writes { Hints::destroys() } else { Hints::reads() },
        input: Arc::new(input(commands)),
        output: Arc::new(schema_of::<Said>()),
    }
}

fn input(commands: &BTreeMap<String, Command>) -> Object {
    let names: Vec<&String> = commands.keys().collect();
    let schema = json!({
        "type": "object",
        "properties": {
            "program": {
                "type": "string",
                "enum": names,
                "description": "Which program."
            },
            "arguments": {
                "type": "array",
                "items": { "type": "string", "minLength": 1, "maxLength": LONGEST_WORD },
                "maxItems": MOST_WORDS,
                "description": "Its options and arguments, one word each; no shell reads them."
            },
            "directory": {
                "type": "string",
                "minLength": 1,
                "maxLength": LONGEST_WORD,
                "description": "Where it starts: an allowed directory, or one below it. \
                                The first allowed directory when it is left out."
            }
        },
        "required": ["program", "arguments"],
        "additionalProperties": false
    });
    match schema {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

/// Why the words were not passed, and what would be.
pub(super) fn refused(refused: &Refused, command: &Command) -> Refusal {
    match &refused.why {
        Why::Unknown { .. } => Refusal::new(refused.to_string()),
        _ => Refusal::new(format!("{refused}; {}", grammar(command))),
    }
}

/// What a program may be given, in one line.
fn grammar(command: &Command) -> String {
    let mut options = Vec::new();
    for (name, kind) in command.grammar.options() {
        options.push(kind.map_or(name.to_owned(), |kind| format!("{name} <{kind}>")));
    }
    let options = if options.is_empty() { "none".to_owned() } else { options.join(", ") };
    let mut line = format!("options: {options}");
    for (place, group) in command.grammar.groups().enumerate() {
        let then = if place == 0 { "; arguments" } else { ", then" };
        let _ = write!(line, "{then}: {} to {} of <{}>", group.min, group.max, group.kind);
    }
    line
}
