//! The table as TOML 1.0. Whatever a server said goes through [`text`] or [`Line::note`], and so ends no string and no line.

use std::fmt::Write as _;

use portcullis_guard::text::{bounded, visible};

use super::places::Root;

/// Characters of one comment.
const LONGEST: usize = 300;

/// One line, or a few that belong together.
#[derive(Debug, Clone)]
pub(super) enum Line {
    Note(String),
    Key(&'static str, Value),
    /// The head of the server's table.
    Server,
    /// The head of a table in it.
    Table(&'static str),
    Blank,
}

/// What stands after a key.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Texts(Vec<String>),
    /// Words in which places are filled in.
    Command(Vec<String>),
    Roots(Vec<Root>),
    /// Hosts; none where nothing may be reached.
    Reach(Vec<String>),
    /// Variables, each from one of the same name.
    Environment(Vec<String>),
    /// A table of nothing but its mode.
    Mode(&'static str),
    /// What is done with suspicious text when nothing of it is to pass.
    Withheld,
}

impl Value {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Line {
    /// A comment: one line, whatever is in it.
    pub(super) fn note(text: &str) -> Self {
        Self::Note(visible(&bounded(text, LONGEST)))
    }
}

/// The whole file. `place` fills in words; `reaches` is whether hosts are written.
pub(super) fn file(
    name: &str,
    lines: &[Line],
    place: &dyn Fn(&str) -> String,
    reaches: bool,
) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let plain = !name.is_empty() && name.chars().all(bare);
    let head = if plain { format!("server.{name}") } else { format!("server.{}", text(name)) };
    let mut out = String::new();
    for line in lines {
        // Writing to a String cannot fail.
        let _ = match line {
            Line::Note(text) => writeln!(out, "# {text}"),
            Line::Blank => writeln!(out),
            Line::Server => writeln!(out, "\n[{head}]"),
            Line::Table(inner) => writeln!(out, "\n[{head}.{inner}]"),
            Line::Key(key, value) => writeln!(out, "{key} = {}", shown(value, place, reaches)),
        };
    }
    if !reaches {
        // A gateway that counts calls would stop an audit, and not an attack.
        let _ = writeln!(out, "\n[{head}.limits]\ncalls_per_minute = 100000");
    }
    out
}

fn shown(value: &Value, place: &dyn Fn(&str) -> String, reaches: bool) -> String {
    match value {
        Value::Text(word) => text(word),
        Value::Texts(words) => list(words.iter().map(|word| text(word))),
        Value::Command(words) => list(words.iter().map(|word| text(&place(word)))),
        Value::Reach(hosts) if reaches => list(hosts.iter().map(|host| text(host))),
        Value::Reach(_) => "[]".to_owned(),
        Value::Roots(roots) => super::places::merged(roots, place),
        Value::Environment(names) => {
            let one = |name: &String| format!("{name} = {{ env = {} }}", text(name));
            match names.is_empty() {
                true => "{}".to_owned(),
                false => format!("{{ {} }}", names.iter().map(one).collect::<Vec<_>>().join(", ")),
            }
        }
        Value::Mode(mode) => format!("{{ mode = {} }}", text(mode)),
        Value::Withheld => r#"{ instructions = "deny", hidden = "redact" }"#.to_owned(),
    }
}

/// A list, one entry a line when it is long.
pub(super) fn list(entries: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = entries.collect();
    let length: usize = all.iter().map(|entry| entry.len() + 2).sum();
    match length {
        0..=100 => format!("[{}]", all.join(", ")),
        _ => format!("[\n    {},\n]", all.join(",\n    ")),
    }
}

/// A basic string (toml.io, 1.0.0, "String"): what is no plain character of ASCII is written out.
pub(super) fn text(text: &str) -> String {
    let mut out = "\"".to_owned();
    for c in text.chars() {
        let _ = match c {
            '"' | '\\' => write!(out, "\\{c}"),
            ' '..='~' => write!(out, "{c}"),
            other => match u32::from(other) {
                short @ ..=0xffff => write!(out, "\\u{short:04x}"),
                long => write!(out, "\\U{long:08x}"),
            },
        };
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_string_or_a_line() {
        for hostile in [
            "a\"]\nb = \"c",
            "\\",
            "\u{0}\u{7f}\u{85}\u{2028}\u{202e}\u{1f600}",
            "'''",
            "]]\r\n[x]",
        ] {
            let written = text(hostile);
            assert!(written.chars().all(|c| (' '..='~').contains(&c)), "{written}");
            assert!(
                matches!(Line::note(hostile), Line::Note(note) if !note.chars().any(char::is_control))
            );
        }
        assert_eq!(text("a\"b\\c\nd\u{1f600}"), r#""a\"b\\c\u000ad\U0001f600""#);
    }
}
