//! Reads a manifest (versions 0.1 to 0.4): how a host starts the server, and what it asks a person for.

use std::collections::BTreeMap;

use portcullis_config::hosts::{self, Form};
use portcullis_guard::secret::secret_name;
use portcullis_guard::text::bounded;
use serde_json::{Map, Value, json};

use crate::evidence::Place;
use crate::evidence::bundle::{Manifest, Setting};
use crate::evidence::config::{Entry, Given, Way, Word};

/// As hosts name it.
pub(super) const FILE: &str = "manifest.json";
/// How many tools and settings are kept.
const MOST: usize = 1_000;
/// The longest word of a command, in characters.
const WORD: usize = 64 << 10;
/// The longest name, in characters.
const NAME: usize = 200;

/// A manifest, with what a command is made of before anything was put in its place.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) manifest: Manifest,
    /// The words as they are written. What is a secret in them is still there.
    pub(super) words: Vec<String>,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) entry_point: String,
    pub(super) platforms: Vec<String>,
    /// The settings' own values.
    pub(super) presets: BTreeMap<String, Vec<String>>,
}

/// Reads a manifest's text.
///
/// # Errors
/// In words, when it says too little or two things, or more than is read: what is left out of a command is not judged.
pub(super) fn read(text: &str) -> Result<Read, String> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
    let word = |value: &Value, name: &str| {
        let text = value.get(name).and_then(Value::as_str).unwrap_or_default();
        bounded(text, NAME)
    };
    let server = value.get("server").ok_or("it does not say what it starts (`server`)")?;
    let mut config = server.get("mcp_config").cloned().unwrap_or(Value::Null);
    if let Some(Value::Object(own)) = config.pointer("/platform_overrides/linux").cloned()
        && let Some(config) = config.as_object_mut()
    {
        config.extend(own);
    }
    let texts = |value: Option<&Value>| -> Vec<String> {
        let all = value.and_then(Value::as_array).into_iter().flatten();
        all.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let command = config.get("command").and_then(Value::as_str).map(str::to_owned);
    let words = command.into_iter().chain(texts(config.get("args")));
    let words: Vec<String> = words.collect();
    let variables = strings(config.get("env"));
    let many = |table: Option<&Value>| table.and_then(Value::as_object).map_or(0, Map::len) > MOST;
    if words.len() > MOST || many(config.get("env")) || many(value.get("user_config")) {
        return Err("its command, its variables or its settings are more than are read".to_owned());
    }
    let find = Finder { text };
    let (settings, presets) = settings(&find, value.get("user_config"), &words);
    let spelled: Vec<String> =
        words.iter().flat_map(|it| filled(it, &presets)).take(MOST + 1).collect();
    if spelled.len() > MOST || spelled.iter().any(|it| it.len() >= WORD) {
        return Err("its command becomes longer than is read".to_owned());
    }
    let names = |list: &Value| {
        let names = list.as_array().into_iter().flatten().map(|it| word(it, "name"));
        names.take(MOST).collect::<Vec<_>>()
    };
    let name = word(&value, "name");
    let manifest = Manifest {
        format: word(&value, "manifest_version"),
        version: word(&value, "version"),
        kind: word(server, "type"),
        entry: entry(&find, &name, &words, &variables, &presets),
        settings,
        tools: value.get("tools").map(names),
        generated: value.get("tools_generated") == Some(&Value::Bool(true)),
        name,
    };
    let format =
        if manifest.format.is_empty() { word(&value, "dxt_version") } else { String::new() };
    let manifest = match format.is_empty() {
        true => manifest,
        false => Manifest { format, ..manifest },
    };
    Ok(Read {
        manifest,
        words,
        variables,
        entry_point: server
            .get("entry_point")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        platforms: texts(value.pointer("/compatibility/platforms")),
        presets,
    })
}

fn strings(table: Option<&Value>) -> BTreeMap<String, String> {
    let all = table.and_then(Value::as_object).into_iter().flatten();
    all.filter_map(|(name, it)| Some((name.clone(), it.as_str()?.to_owned()))).collect()
}

/// A text with the settings' own values in place of their names; a word that is one setting may become several. What a
/// value says is put in as it is: names in it are none.
pub(super) fn filled(word: &str, presets: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    const BEGINS: &str = "${user_config.";
    let value = |name: &str| presets.get(name).and_then(|it| it.first());
    let whole = word.strip_prefix(BEGINS).and_then(|it| it.strip_suffix('}'));
    if let Some(values) = whole.and_then(|it| presets.get(it)) {
        return values.iter().take(MOST).cloned().collect();
    }
    let (mut out, mut rest) = (String::new(), word);
    while let Some((before, named)) = rest.split_once(BEGINS) {
        out.push_str(before);
        let found = named.split_once('}').and_then(|(name, behind)| Some((value(name)?, behind)));
        match found {
            Some((value, behind)) => {
                out.push_str(value);
                rest = behind;
            }
            None => {
                out.push_str(BEGINS);
                rest = named;
            }
        }
        if out.len() > WORD {
            break;
        }
    }
    out.push_str(rest);
    vec![bounded(&out, WORD)]
}

/// What a host would write into its own file, read as such a file is: secrets are covered there.
fn entry(
    find: &Finder<'_>,
    name: &str,
    words: &[String],
    variables: &BTreeMap<String, String>,
    presets: &BTreeMap<String, Vec<String>>,
) -> Entry {
    let pairs: Vec<(String, Place)> = words
        .iter()
        .flat_map(|word| filled(word, presets).into_iter().map(|it| (it, find.text(word))))
        .take(MOST)
        .collect();
    let first = pairs.first().map(|(word, _)| word.clone()).unwrap_or_default();
    let args: Vec<&String> = pairs.iter().skip(1).map(|(word, _)| word).collect();
    let table: Map<String, Value> = Map::from_iter([(
        name.to_owned(),
        json!({ "command": first, "args": args, "env": variables }),
    )]);
    let written = json!({ "mcpServers": table }).to_string();
    let read = hosts::read(&written, Form::Json).ok().and_then(|mut it| it.entries.pop());
    let word = |word: &hosts::Word, place: Place| Word {
        place,
        text: word.text.clone(),
        secret: word.secret.map(str::to_owned),
        certain: word.certain,
    };
    let places = pairs.iter().map(|(_, place)| place.clone());
    let command = read.iter().flat_map(|it| &it.command).zip(places).map(|(it, at)| word(it, at));
    let given = |it: &hosts::Given| Given {
        name: it.name.clone(),
        value: word(&it.value, find.text(&it.name)),
        reference: it.reference,
    };
    Entry {
        name: name.to_owned(),
        place: find.text("mcp_config"),
        scope: None,
        way: Way::Started,
        command: command.collect(),
        url: None,
        variables: read.iter().flat_map(|it| &it.variables).map(given).collect(),
        headers: Vec::new(),
        loose: Vec::new(),
        asks: false,
        off: false,
        boxed: false,
        guard: None,
    }
}

fn settings(
    find: &Finder<'_>,
    table: Option<&Value>,
    words: &[String],
) -> (Vec<Setting>, BTreeMap<String, Vec<String>>) {
    let mut presets = BTreeMap::new();
    let mut all = Vec::new();
    for (name, about) in table.and_then(Value::as_object).into_iter().flatten().take(MOST) {
        let text = |key: &str| about.get(key).and_then(Value::as_str).unwrap_or_default();
        let flag = |key: &str| about.get(key) == Some(&Value::Bool(true));
        let preset = match about.get("default") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(many)) => many.iter().map(written).collect(),
            Some(one) => vec![written(one)],
        };
        all.push(Setting {
            name: bounded(name, NAME),
            place: find.text(name),
            kind: bounded(text("type"), NAME),
            sensitive: flag("sensitive"),
            secret: secret_name(name) || secret_name(&text("title").replace(' ', "_")),
            required: flag("required"),
            preset: !preset.is_empty(),
            in_command: words.iter().any(|it| it.contains(&format!("${{user_config.{name}}}"))),
        });
        if !preset.is_empty() {
            presets.insert(name.clone(), preset);
        }
    }
    (all, presets)
}

fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Where something stands in the text.
struct Finder<'t> {
    text: &'t str,
}

impl Finder<'_> {
    /// The first place of a text that is written like this; the beginning when it is written otherwise.
    fn text(&self, word: &str) -> Place {
        let quoted = Value::String(word.to_owned()).to_string();
        let before = self.text.find(&quoted).and_then(|at| self.text.get(..at)).unwrap_or_default();
        let number = |n: usize| u32::try_from(n.saturating_add(1)).unwrap_or(u32::MAX);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Place {
            file: FILE.to_owned(),
            line: number(before.matches('\n').count()),
            column: number(line.chars().count()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presets(all: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        let one = |(name, values): &(&str, &[&str])| {
            ((*name).to_owned(), values.iter().map(|it| (*it).to_owned()).collect())
        };
        all.iter().map(one).collect()
    }

    #[test]
    fn what_a_setting_says_is_put_in_once() {
        let presets = presets(&[
            ("a", &["one", "two"]),
            ("b", &["${user_config.a}${user_config.b}"]),
            ("none", &[]),
        ]);
        for (word, becomes) in [
            ("${user_config.a}", &["one", "two"][..]),
            ("--x=${user_config.a}/${user_config.a}", &["--x=one/one"]),
            ("-${user_config.b}", &["-${user_config.a}${user_config.b}"]),
            ("-${user_config.c}${user_config.a}", &["-${user_config.c}one"]),
            ("-${user_config.none}", &["-${user_config.none}"]),
            ("-${user_config.a", &["-${user_config.a"]),
            ("plain", &["plain"]),
        ] {
            assert_eq!(filled(word, &presets), becomes, "{word}");
        }
    }

    #[test]
    fn a_command_that_is_more_than_is_read_is_not_read_in_part() {
        let of = |args: Value, default: Value| {
            let config = json!({ "command": "node", "args": args });
            let settings = json!({ "a": { "type": "string", "default": default } });
            let server = json!({ "type": "node", "entry_point": "x", "mcp_config": config });
            let all = json!({ "name": "x", "server": server, "user_config": settings });
            read(&all.to_string()).map(|it| it.words.len())
        };
        assert_eq!(of(json!(["a", "${user_config.a}"]), json!("b")), Ok(3));
        assert_eq!(of(json!(vec!["a"; MOST - 1]), json!("b")), Ok(MOST));
        assert!(of(json!(vec!["a"; MOST]), json!("b")).is_err());
        assert!(of(json!(["${user_config.a}"]), json!(vec!["b"; MOST + 1])).is_err());
        assert!(of(json!(["x${user_config.a}"]), json!("b".repeat(WORD))).is_err());
        assert!(of(json!(["b".repeat(WORD)]), json!("b")).is_err());
    }

    #[test]
    fn a_word_does_not_grow_without_end() {
        let long = "x".repeat(WORD / 2);
        let presets = presets(&[("a", &[&long])]);
        let word = filled(&"${user_config.a}".repeat(4_000), &presets);
        assert!(word.len() == 1 && word[0].len() < WORD + 100, "{}", word[0].len());
    }
}
