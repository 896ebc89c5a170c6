//! What a parameter seems to be, by its name, its description and its tool: what is tried first, and
//! what an honest value looks like.

use portcullis_guard::{path_like, words};
use serde_json::Value;

use super::shape::{plain, type_of};
use crate::evidence::live::Attack;

/// What a text is taken for by the tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Path,
    Command,
    Sql,
    Url,
    Code,
    Template,
    Text,
}

/// One parameter of a tool.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub(super) name: String,
    /// Without references and alternatives.
    pub(super) schema: Value,
    pub(super) required: bool,
    pub(super) carries: Carries,
}

/// What can be sent in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    /// A text of one kind.
    Text(Kind),
    /// A list of texts of one kind.
    List(Kind),
    /// A number.
    Number,
    /// Nothing of ours: a choice, a flag, an object.
    Nothing,
}

const COMMAND: &[&str] = &[
    "command",
    "cmd",
    "commands",
    "shell",
    "program",
    "executable",
    "args",
    "argv",
    "arguments",
    "exec",
    "cli",
    "commandline",
    "flags",
    "options",
];
const SQL: &[&str] = &["sql", "query", "statement", "where", "having", "cypher", "table", "column"];
const URL: &[&str] = &[
    "url", "uri", "href", "link", "endpoint", "webhook", "website", "host", "hostname", "domain",
    "server", "callback", "feed", "proxy", "site", "upstream", "redirect",
];
const CODE: &[&str] = &[
    "code",
    "expression",
    "expr",
    "formula",
    "script",
    "eval",
    "python",
    "javascript",
    "snippet",
    "equation",
];
const TEMPLATE: &[&str] = &["template", "format", "markdown", "html", "prompt", "greeting"];

/// Honest values for names that mean one thing.
const HINTS: &[(&[&str], &str)] = &[
    (&["timezone", "tz"], "Europe/Berlin"),
    (&["time"], "12:30"),
    (&["date"], "2026-01-02"),
    (&["branch", "revision", "ref", "commit", "base"], "main"),
    (&["repo", "repository", "project", "workspace"], "{project}"),
    (&["directory", "dir", "folder", "cwd"], "{project}"),
    (&["email"], "ada@example.com"),
    (&["language", "lang", "locale"], "en"),
    (&["city", "location", "place"], "Berlin"),
    (&["currency"], "EUR"),
    (&["table"], "products"),
    (&["column"], "name"),
    (&["id", "number", "count"], "1"),
    (&["host", "hostname", "domain"], "127.0.0.1"),
];

/// Names of what is to be made.
const NEW: &[&str] = &["destination", "dest", "dst", "output", "out", "outfile", "new", "to"];

impl Parameter {
    /// What a value of this name usually is.
    pub(super) fn hint(&self) -> Option<&'static str> {
        let named = words(&self.name);
        let found = HINTS
            .iter()
            .find(|(names, _)| names.iter().any(|name| named.iter().any(|word| word == name)));
        found.map(|(_, value)| *value)
    }

    /// Whether it names something that is not there yet.
    pub(super) fn is_new(&self) -> bool {
        words(&self.name).iter().any(|word| NEW.contains(&word.as_str()))
    }
}

/// The parameters of a tool, in its order.
pub(super) fn parameters(tool: &Value) -> Vec<Parameter> {
    let nothing = Value::Null;
    let root = tool.get("inputSchema").unwrap_or(&nothing);
    let required = root.get("required").and_then(Value::as_array);
    let properties = root.get("properties").and_then(Value::as_object);
    let about = about(tool);
    let parameter = |(name, schema): (&String, &Value)| {
        let plain = plain(schema, root);
        let described = schema.get("description").or_else(|| plain.get("description"));
        let described = described.and_then(Value::as_str).unwrap_or_default();
        let carries = match type_of(plain) {
            _ if plain.get("enum").is_some() || plain.get("const").is_some() => Carries::Nothing,
            "string" | "" => Carries::Text(kind(name, plain, described, &about)),
            "array" => {
                let items =
                    plain.get("items").map_or(&Value::Null, |items| self::plain(items, root));
                let free = items.get("enum").is_none() && matches!(type_of(items), "string" | "");
                if free {
                    Carries::List(kind(name, items, described, &about))
                } else {
                    Carries::Nothing
                }
            }
            "integer" | "number" => Carries::Number,
            _ => Carries::Nothing,
        };
        Parameter {
            name: name.clone(),
            required: required.is_some_and(|all| all.iter().any(|one| one == name.as_str())),
            schema: plain.clone(),
            carries,
        }
    };
    properties.into_iter().flatten().map(parameter).collect()
}

/// The parameters that an error asks for, where a schema says nothing: the issues of zod, which every server
/// on the TypeScript SDK repeats.
pub(super) fn learned(tool: &Value, said: &str) -> Vec<Parameter> {
    let issues = said.find('[').zip(said.rfind(']')).and_then(|(from, to)| said.get(from..=to));
    let issues: Option<Vec<Value>> = issues.and_then(|issues| serde_json::from_str(issues).ok());
    let mut properties = serde_json::Map::new();
    for issue in issues.iter().flatten().take(16) {
        let Some([Value::String(name)]) =
            issue.get("path").and_then(Value::as_array).map(Vec::as_slice)
        else {
            continue;
        };
        let expected = issue.get("expected").and_then(Value::as_str).unwrap_or("string");
        properties.insert(name.clone(), serde_json::json!({"type": expected}));
    }
    let required: Vec<&String> = properties.keys().collect();
    let schema =
        serde_json::json!({"type": "object", "properties": properties, "required": required});
    let mut tool = tool.clone();
    if let Some(tool) = tool.as_object_mut() {
        tool.insert("inputSchema".to_owned(), schema);
    }
    parameters(&tool)
}

/// What a tool says about itself, in words.
fn about(tool: &Value) -> Vec<String> {
    let text = |name: &str| tool.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut all = words(text("name"));
    all.extend(prose(text("description")));
    all
}

fn prose(text: &str) -> Vec<String> {
    let text: String = text.chars().take(2000).collect();
    text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).collect()
}

fn kind(name: &str, schema: &Value, described: &str, tool: &[String]) -> Kind {
    let named = words(name);
    let says = |list: &[&str]| named.iter().any(|word| list.contains(&word.as_str()));
    let described = prose(described);
    let tells = |list: &[&str]| described.iter().any(|word| list.contains(&word.as_str()));
    let about = |list: &[&str]| tool.iter().any(|word| list.contains(&word.as_str()));
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    let databases: &[&str] = &["sql", "sqlite", "database", "table", "postgres", "mysql", "rows"];
    if matches!(format, "uri" | "url" | "uri-reference") {
        return Kind::Url;
    }
    if path_like(name, schema, "x") {
        return Kind::Path;
    }
    if says(&["sql"]) || (says(SQL) && (about(databases) || tells(databases))) {
        return Kind::Sql;
    }
    let first = [
        (COMMAND, Kind::Command),
        (URL, Kind::Url),
        (CODE, Kind::Code),
        (TEMPLATE, Kind::Template),
    ];
    if let Some((_, kind)) = first.iter().find(|(list, _)| says(list)) {
        return *kind;
    }
    let told = [
        (&["path", "file", "directory", "folder", "filename"][..], Kind::Path),
        (&["sql"], Kind::Sql),
        (&["shell", "command"], Kind::Command),
        (&["url"], Kind::Url),
        (&["expression", "code"], Kind::Code),
    ];
    if let Some((_, kind)) = told.iter().find(|(list, _)| tells(list)) {
        return *kind;
    }
    let runs = about(&["shell", "bash", "terminal", "exec"]);
    if runs && says(&["input", "line", "text"]) { Kind::Command } else { Kind::Text }
}

impl Kind {
    /// Honest values, the likeliest first.
    pub(super) fn honest(self) -> &'static [&'static str] {
        match self {
            Self::Path => &["notes.txt", "{project}/notes.txt", "data", "{project}", "main", "."],
            Self::Command => &["wc -w notes.txt", "ls", "echo hello", "notes.txt", "status", "-w"],
            Self::Sql => &["SELECT name, price FROM products", "tea", "products", "name", "1"],
            Self::Url => &["http://{word}.example/", "{word}.example", "https://{word}.example/a"],
            Self::Code => &["1 + 1", "print(1 + 1)", "x"],
            Self::Template | Self::Text => &["tea", "milk", "notes.txt", "1", "hello world"],
        }
    }

    /// How a person calls it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Path => "paths",
            Self::Command => "commands",
            Self::Sql => "queries",
            Self::Url => "addresses",
            Self::Code => "code",
            Self::Template => "templates",
            Self::Text => "texts",
        }
    }

    /// What is sent to whatever seems to take it.
    pub(super) fn attacks(self) -> &'static [Attack] {
        match self {
            Self::Path => &[Attack::Traversal, Attack::Neighbour, Attack::Symlink],
            Self::Command => &[Attack::CommandInjection, Attack::OptionInjection],
            Self::Sql => &[Attack::SqlRead, Attack::SqlWrite],
            Self::Url => &[Attack::ServerSideRequest],
            Self::Code => &[Attack::CodeInjection],
            Self::Template => &[Attack::TemplateInjection],
            Self::Text => &[],
        }
    }

    /// All of them.
    pub(super) const ALL: &'static [Self] =
        &[Self::Path, Self::Command, Self::Sql, Self::Url, Self::Code, Self::Template, Self::Text];
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_error_tells_what_is_missing() {
        let said = r#"Error: Invalid arguments for read_file: [
            {"expected": "string", "code": "invalid_type", "path": ["path"], "message": "Required"},
            {"expected": "number", "path": ["head"]}, {"path": ["a", 0]}, 7]"#;
        let found = learned(&json!({"name": "read_file"}), said);
        let found: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.carries)).collect();
        assert_eq!(found, [("path", Carries::Text(Kind::Path)), ("head", Carries::Number)]);
        assert!(learned(&json!({"name": "x"}), "no ] such [ thing").is_empty());
    }

    #[test]
    fn parameters_are_what_their_names_say() {
        let cases = [
            ("read_note", "Reads a note.", "path", "", Kind::Path),
            ("query_shop", "Asks the shop's database.", "sql", "", Kind::Sql),
            ("search", "Searches the web.", "query", "", Kind::Text),
            ("run_query", "Runs a query on the database.", "query", "", Kind::Sql),
            ("run_command", "Runs a command.", "command", "", Kind::Command),
            ("fetch", "", "url", "", Kind::Url),
            ("calculate", "", "expression", "", Kind::Code),
            ("show", "", "item", "the file to show", Kind::Path),
        ];
        for (tool, about, name, described, expect) in cases {
            let tool = json!({"name": tool, "description": about, "inputSchema": {
                "type": "object", "properties": {name: {"type": "string", "description": described}}}});
            let found = parameters(&tool).into_iter().map(|one| one.carries).collect::<Vec<_>>();
            assert_eq!(found, [Carries::Text(expect)], "{tool}");
        }
    }
}
