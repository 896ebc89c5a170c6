//! How risky a tool is: from its name, its schema and its hints, where a hint
//! may raise the tier but never lower it (MCP-APPR-01 to -04).

use portcullis_guard::words;
use portcullis_policy::Tier;
use portcullis_wire::Json;
use portcullis_wire::view::tool::{Annotations, ToolDefinition};
use serde_json::Value;

const EXEC: &[&str] = &[
    "bash",
    "cmd",
    "command",
    "commands",
    "eval",
    "evaluate",
    "exec",
    "execute",
    "interpreter",
    "process",
    "python",
    "repl",
    "run",
    "script",
    "sh",
    "shell",
    "spawn",
    "sudo",
    "terminal",
];
const DESTRUCTIVE: &[&str] = &[
    "clear",
    "delete",
    "destroy",
    "drop",
    "erase",
    "force",
    "kill",
    "overwrite",
    "purge",
    "remove",
    "reset",
    "revoke",
    "rm",
    "terminate",
    "truncate",
    "uninstall",
    "unlink",
    "wipe",
];
const WRITE: &[&str] = &[
    "add", "append", "apply", "archive", "assign", "checkout", "click", "close", "commit", "copy",
    "create", "disable", "drag", "edit", "enable", "fill", "fork", "import", "insert", "install",
    "invite", "make", "merge", "mkdir", "modify", "move", "navigate", "patch", "post", "press",
    "publish", "push", "put", "register", "rename", "replace", "reply", "restore", "save", "send",
    "set", "start", "stop", "store", "submit", "sync", "toggle", "trigger", "type", "update",
    "upload", "upsert", "write",
];
const READ: &[&str] = &[
    "browse",
    "check",
    "convert",
    "count",
    "describe",
    "diff",
    "directory",
    "echo",
    "explain",
    "fetch",
    "find",
    "get",
    "info",
    "inspect",
    "list",
    "log",
    "lookup",
    "ls",
    "open",
    "ping",
    "query",
    "read",
    "resolve",
    "search",
    "show",
    "stat",
    "status",
    "summarize",
    "time",
    "tree",
    "validate",
    "view",
];
/// Parameters that carry something to execute.
const EXEC_PARAMETERS: &[&str] =
    &["argv", "cmd", "code", "command", "commands", "script", "shell", "shell_command"];

/// Our assessment of a tool as a server lists it; nothing when it is no definition.
#[must_use]
pub fn tier_of(entry: &Json) -> Option<Tier> {
    let definition = ToolDefinition::read(entry).ok()?;
    Some(tier(&definition.name, &definition.input_schema.value(), &definition.annotations))
}

/// The tier of a tool.
pub(crate) fn tier(name: &str, schema: &Value, hints: &Annotations) -> Tier {
    let spoken = spoken_tier(name, schema);
    match hints {
        // A claim of harm is believed, a contradiction counts as the worst case.
        Annotations { destructive: Some(true), .. } => {
            spoken.unwrap_or(Tier::Destructive).max(Tier::Destructive)
        }
        Annotations { read_only: Some(false), .. }
        | Annotations { destructive: Some(false), read_only: None, .. } => {
            spoken.unwrap_or(Tier::Write).max(Tier::Write)
        }
        Annotations { read_only: Some(true), .. } => spoken.unwrap_or(Tier::Read),
        Annotations { .. } => spoken.unwrap_or(Tier::Unknown),
    }
}

/// What name and parameters say; nothing when they say nothing.
fn spoken_tier(name: &str, schema: &Value) -> Option<Tier> {
    let words = words(name);
    let says = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let parameters = schema.get("properties").and_then(Value::as_object);
    let executes = parameters.is_some_and(|parameters| {
        parameters.keys().any(|key| EXEC_PARAMETERS.contains(&key.to_ascii_lowercase().as_str()))
    });
    if executes || says(EXEC) {
        Some(Tier::Exec)
    } else if says(DESTRUCTIVE) {
        Some(Tier::Destructive)
    } else if says(WRITE) {
        Some(Tier::Write)
    } else {
        says(READ).then_some(Tier::Read)
    }
}

/// Whether a text, such as the name of an argument, says more than a tool of this tier does.
pub(crate) fn says_worse(text: &str, tier: Tier) -> bool {
    let words = words(text);
    let says = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    says(EXEC) || says(DESTRUCTIVE) || (tier < Tier::Write && says(WRITE))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hints(read_only: Option<bool>, destructive: Option<bool>) -> Annotations {
        Annotations { read_only, destructive, ..Annotations::default() }
    }

    #[test]
    fn names_schemas_and_hints() {
        let none = hints(None, None);
        let command = json!({"properties": {"command": {"type": "string"}}});
        for (name, schema, hints, expect) in [
            ("read_file", json!({}), none.clone(), Tier::Read),
            ("write_file", json!({}), none.clone(), Tier::Write),
            ("delete_file", json!({}), none.clone(), Tier::Destructive),
            ("gitResetHard", json!({}), none.clone(), Tier::Destructive),
            ("readDBDelete", json!({}), none.clone(), Tier::Destructive),
            ("frobnicate", json!({}), none.clone(), Tier::Unknown),
            ("frobnicate", json!({}), hints(Some(true), None), Tier::Read),
            ("frobnicate", json!({}), hints(Some(false), Some(false)), Tier::Write),
            ("frobnicate", command, hints(Some(true), None), Tier::Exec),
            ("delete_all", json!({}), hints(Some(true), None), Tier::Destructive),
            ("get_x", json!({}), hints(Some(true), Some(true)), Tier::Destructive),
            ("get_x", json!({}), hints(Some(false), None), Tier::Write),
            ("list_deleted_items", json!({}), none, Tier::Read),
        ] {
            assert_eq!(tier(name, &schema, &hints), expect, "{name} {hints:?}");
        }
    }

    #[test]
    fn no_hint_ever_lowers_a_tier() {
        for name in ["run_shell", "delete_x", "write_x", "read_x"] {
            let bare = tier(name, &json!({}), &hints(None, None));
            for read_only in [None, Some(true), Some(false)] {
                for destructive in [None, Some(true), Some(false)] {
                    let hinted = tier(name, &json!({}), &hints(read_only, destructive));
                    assert!(hinted >= bare, "{name} {read_only:?} {destructive:?}");
                }
            }
        }
    }
}
