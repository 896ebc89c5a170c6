//! Calls as agents make them, from the schemas of real tools and seeded dice.
//!
//! An agent has a few tools that it uses most, reads far more than it writes, and goes
//! through one project: many files of few directories, few hosts, one repository, new
//! words in each search. What it writes is new each time.

use portcullis_guard::path::path_like;
use portcullis_guard::words;
use portcullis_policy::Tier;
use serde_json::{Map, Value, json};

use super::may_be_granted;

const DIRECTORIES: [&str; 5] = ["src", "src/api", "src/store", "tests", "docs"];
const HOSTS: [&str; 3] = ["docs.example.com", "api.example.com", "blog.example.net"];

/// Names of arguments that stay the same through a piece of work.
const STEADY: &[&str] = &[
    "branch",
    "channel",
    "cluster",
    "database",
    "env",
    "format",
    "index",
    "key",
    "language",
    "locale",
    "model",
    "name",
    "namespace",
    "owner",
    "project",
    "region",
    "repo",
    "repository",
    "schema",
    "sheet",
    "space",
    "table",
    "timezone",
    "type",
    "user",
    "workspace",
];

/// Numbers that look random, the same in every run of a seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let bound = bound.max(1) as u64;
        usize::try_from((self.0 >> 11) % bound).unwrap_or(0)
    }

    fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    /// The first more often than the second, and so on.
    fn often<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let place = self.below(all.len()).min(self.below(all.len()));
        all.get(place)
    }
}

/// Whoever calls the tools of one server.
pub(crate) struct Agent {
    /// The tools it works with, the favourite first: those that read, those that write,
    /// and those that are asked about one by one.
    reads: Vec<String>,
    writes: Vec<String>,
    others: Vec<String>,
    schemas: Map<String, Value>,
    local: bool,
    dice: Dice,
}

impl Agent {
    pub(crate) fn new(
        tiers: &[(String, Tier)],
        tools: &[Value],
        local: bool,
        mut dice: Dice,
    ) -> Self {
        let mut pick = |wanted: &dyn Fn(Tier) -> bool, most: usize| {
            let mut names: Vec<String> = tiers
                .iter()
                .filter(|(_, tier)| wanted(*tier))
                .map(|(name, _)| name.clone())
                .collect();
            let mut chosen = Vec::new();
            while chosen.len() < most && !names.is_empty() {
                chosen.push(names.remove(dice.below(names.len())));
            }
            chosen
        };
        let reads = pick(&|tier| tier == Tier::Read, 5);
        let writes = pick(&|tier| tier == Tier::Write, 2);
        let others = pick(&|tier| !may_be_granted(tier), 1);
        let schema =
            |tool: &Value| Some((tool["name"].as_str()?.to_owned(), tool["inputSchema"].clone()));
        let schemas = tools.iter().filter_map(schema).collect();
        Self { reads, writes, others, schemas, local, dice }
    }

    /// The next call: 82 of 100 read, 15 write, 3 do what is asked about one by one, as
    /// far as the server can.
    pub(crate) fn call(&mut self) -> Option<(String, Value)> {
        let place = self.dice.below(100);
        let order = match place {
            0..82 => [&self.reads, &self.writes, &self.others],
            82..97 => [&self.writes, &self.reads, &self.others],
            _ => [&self.others, &self.reads, &self.writes],
        };
        let tools = order.into_iter().find(|tools| !tools.is_empty())?;
        let tool = self.dice.often(tools)?.clone();
        let arguments = self.arguments(&tool);
        Some((tool, arguments))
    }

    /// The tool that it uses most, of those that may be granted.
    pub(crate) fn favourite(&self) -> Option<String> {
        self.reads.first().or(self.writes.first()).cloned()
    }

    pub(crate) fn arguments(&mut self, tool: &str) -> Value {
        let schema = self.schemas.get(tool).cloned().unwrap_or_default();
        self.object(&schema, &schema, 3)
    }

    fn object(&mut self, schema: &Value, whole: &Value, depth: usize) -> Value {
        let required: Vec<&str> = schema["required"]
            .as_array()
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let mut members = Map::new();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if required.contains(&name.as_str()) || self.dice.percent(15) {
                members.insert(name.clone(), self.value(name, property, whole, depth));
            }
        }
        Value::Object(members)
    }

    fn value(&mut self, name: &str, schema: &Value, whole: &Value, depth: usize) -> Value {
        let schema = followed(schema, whole);
        if let Some(values) = schema["enum"].as_array() {
            return self.dice.often(values).cloned().unwrap_or_default();
        }
        if let Some(only) = schema.get("const") {
            return only.clone();
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            if let Some(branch) = schema[key].as_array().and_then(|all| all.first()) {
                return self.value(name, &branch.clone(), whole, depth);
            }
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.first().and_then(Value::as_str).unwrap_or_default(),
            kind => kind.as_str().unwrap_or_default(),
        };
        match kind {
            "boolean" => self.dice.percent(50).into(),
            "integer" | "number" => self.number(schema).into(),
            "null" => Value::Null,
            "array" => {
                let least = schema["minItems"].as_u64().and_then(|it| usize::try_from(it).ok());
                let count = least.unwrap_or(0).max(1 + self.dice.below(2));
                let items = schema["items"].clone();
                (0..count).map(|_| self.value(name, &items, whole, depth)).collect()
            }
            "object" if depth > 0 => self.object(schema, whole, depth - 1),
            "object" => json!({}),
            _ => self.text(name, schema),
        }
    }

    fn number(&mut self, schema: &Value) -> i64 {
        let bound = |name: &str| schema[name].as_f64().map(|it| it as i64);
        let least = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|it| it + 1));
        let least = least.unwrap_or(1);
        let most = bound("maximum").unwrap_or(least + 400).min(least + 400).max(least);
        least
            + i64::try_from(self.dice.below(usize::try_from(most - least + 1).unwrap_or(1)))
                .unwrap_or(0)
    }

    fn text(&mut self, name: &str, schema: &Value) -> Value {
        let words = words(name);
        let last = words.last().map(String::as_str).unwrap_or_default();
        let format = schema["format"].as_str().unwrap_or_default();
        let text = if matches!(last, "url" | "uri" | "urls" | "link" | "href") || format == "uri" {
            let host = *self.dice.often(&HOSTS).unwrap_or(&HOSTS[0]);
            format!("https://{host}/page/{}", self.dice.below(60))
        } else if path_like(name, schema, "x") {
            self.path(last)
        } else if format.contains("date") || words.iter().any(|word| word == "date") {
            format!("2026-11-{:02}", 1 + self.dice.below(28))
        } else if STEADY.contains(&last) {
            let place = usize::from(self.dice.percent(10));
            format!("{last}-{place}")
        } else if last == "id" || last == "ids" {
            format!("{}", 100 + self.dice.below(40))
        } else {
            format!("words of the work, number {}", self.dice.below(100_000))
        };
        let longest = schema["maxLength"].as_u64().and_then(|it| usize::try_from(it).ok());
        text.chars().take(longest.unwrap_or(usize::MAX)).collect::<String>().into()
    }

    /// A place in the project, or in the private directory of a server without a root.
    fn path(&mut self, last: &str) -> String {
        let directory = *self.dice.often(&DIRECTORIES).unwrap_or(&DIRECTORIES[0]);
        let base = if self.local { "/home/ada/project/" } else { "" };
        match last {
            "dir" | "directory" | "folder" => format!("{base}{directory}"),
            "repo" | "repository" | "root" | "cwd" | "workspace" | "project" => {
                base.trim_end_matches('/').to_owned() + if self.local { "" } else { "work" }
            }
            _ => format!("{base}{directory}/file{}.txt", self.dice.below(12)),
        }
    }
}

/// What a reference into the schema itself stands for.
fn followed<'a>(schema: &'a Value, whole: &'a Value) -> &'a Value {
    let pointer = schema["$ref"].as_str().and_then(|text| text.strip_prefix('#'));
    pointer.and_then(|pointer| whole.pointer(pointer)).unwrap_or(schema)
}
