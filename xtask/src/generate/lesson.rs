//! `docs/guide/lesson.md`: what `portcullis lesson` plays, from the same files.

use std::fmt::Write as _;

use toml::{Table, Value};

use crate::repo::Tree;

/// The lesson's own: what is played and what is told here are one.
#[path = "../../../crates/cli/src/lesson/servers.rs"]
mod servers;

use servers::{SERVERS, marked};

const FOLDER: &str = "examples/lesson";
const HEAD: &str = "\
# The lesson

Written by `cargo xtask generate` from `examples/lesson`; do not edit.

Half of MCP's security is the server author's. Here are flaws that published servers have, the usual repairs and what is left
open after them, and servers with the same three tools that hold. All of it runs:

```sh
portcullis lesson                # one lesson after the other, as you choose
portcullis lesson --all --yes    # all of them; exits 0 only when every attack succeeds where it must, and nowhere else
```

The servers in Python need the official SDK 1.x: `python3 -m venv lesson && lesson/bin/pip install 'mcp<2'`, then
`portcullis lesson --python lesson/bin/python`. Where there is none, `uv` makes one if it is installed, and
downloads the SDK for that; else the lesson runs what it can, says so, and exits 3. The attacks need no network, and nothing leaves a
temporary directory.

An attack counts when its effect is there: a planted secret that came back, a file that was made, a database that changed, a message
that somebody else read. An honest call of each tool works before and after every attack, or the server counts as dead, not as safe.
Below, `{folder}` is that directory and `{long}` a text of 300 kB.

The rules by themselves, in Python, TypeScript and Rust: [servers.md](servers.md).

";

/// The whole page.
pub(super) fn page(tree: &Tree) -> Result<String, String> {
    let file = format!("{FOLDER}/lesson.toml");
    let book: Table =
        tree.text(&file).unwrap_or_default().parse().map_err(|error| format!("{file}: {error}"))?;
    let lessons: Vec<&Table> = list(&book, "lesson").filter_map(Value::as_table).collect();
    let mut text = HEAD.to_owned();
    text.push_str("| server | what it is |\n|---|---|\n");
    for (_, file, about) in SERVERS {
        let _ = writeln!(text, "| [{file}](../../{FOLDER}/{file}) | {about} |");
    }
    let files: Vec<_> = SERVERS.iter().map(|(_, file, _)| *file).collect();
    let _ = writeln!(text, "\n| flaw | rank | {} |", files.join(" | "));
    let _ = writeln!(text, "|---|---|{}", "---|".repeat(files.len()));
    for lesson in &lessons {
        let outcomes: Vec<_> = SERVERS.iter().map(|server| outcome(lesson, server.0)).collect();
        let (title, rank) = (word(lesson, "title"), word(lesson, "rank"));
        let _ = writeln!(text, "| {title} | {rank} | {} |", outcomes.join(" | "));
    }
    for (at, lesson) in lessons.iter().enumerate() {
        one(&mut text, at + 1, lesson, tree)?;
    }
    Ok(text)
}

fn one(text: &mut String, number: usize, lesson: &Table, tree: &Tree) -> Result<(), String> {
    let (title, rank) = (word(lesson, "title"), word(lesson, "rank"));
    let _ = writeln!(
        text,
        "\n## {number}. {title}\n\nRank: {rank}. The host {}:\n",
        word(lesson, "attack")
    );
    text.push_str("```json\n");
    let mut calls = 0;
    for call in list(lesson, "calls").filter_map(Value::as_table) {
        let arguments = call.get("arguments").map(serde_json::to_string);
        let arguments = arguments.transpose().map_err(|error| error.to_string())?;
        let arguments = arguments.unwrap_or_default();
        let _ =
            writeln!(text, "{{\"name\": \"{}\", \"arguments\": {arguments}}}", word(call, "tool"));
        calls += 1;
    }
    if calls == 0 {
        text.push_str("{\"method\": \"tools/list\"}\n");
    }
    let _ = writeln!(text, "```\n\n{}\n", word(lesson, "why"));
    let id = word(lesson, "id");
    for (name, file, _) in SERVERS {
        let path = format!("{FOLDER}/{file}");
        let Some((line, code)) = tree.text(&path).and_then(|source| marked(source, id)) else {
            return Err(format!("{path} has no line with the comment `lesson: {id}`"));
        };
        let verb = if outcome(lesson, name) == "falls" { "falls" } else { "holds" };
        let language = if file.ends_with(".rs") { "rust" } else { "python" };
        let _ = writeln!(text, "[{file}](../../{path}), line {line}, {verb}:\n");
        let _ = writeln!(text, "```{language}\n{code}\n```\n");
    }
    let kept = text.trim_end().len();
    text.truncate(kept);
    text.push('\n');
    Ok(())
}

fn outcome(lesson: &Table, server: &str) -> &'static str {
    let falls = list(lesson, "falls").any(|falls| falls.as_str() == Some(server));
    if falls { "falls" } else { "holds" }
}

fn word<'a>(table: &'a Table, key: &str) -> &'a str {
    table.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = &'a Value> {
    table.get(key).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lesson_is_told_with_its_lines() {
        let book = "[[lesson]]\nid = \"a\"\ntitle = \"A flaw\"\nrank = \"high\"\nfalls = [\"careless\"]\n\
            attack = \"asks\"\nwhy = \"One. Two. Three.\"\ncalls = [{ tool = \"t\", arguments = { x = 1 } }]\n";
        let source = "import x\n    open(x)  # lesson: b, a\n";
        let files = ["careless.py", "almost.py", "hardened.py", "hardened.rs"]
            .map(|it| format!("{FOLDER}/{it}"));
        let book_file = format!("{FOLDER}/lesson.toml");
        let mut tree: Vec<(&str, &str)> = vec![(&book_file, book)];
        tree.extend(files.iter().map(|file| (file.as_str(), source)));
        let page = page(&Tree::of(&tree)).expect("a page");
        for part in [
            "| A flaw | high | falls | holds | holds | holds |\n",
            "## 1. A flaw\n\nRank: high. The host asks:\n",
            "{\"name\": \"t\", \"arguments\": {\"x\":1}}\n",
            "[careless.py](../../examples/lesson/careless.py), line 2, falls:\n\n```python\nopen(x)\n```\n",
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
        let missing = super::page(&Tree::of(&tree[..2]));
        assert!(missing.is_err_and(|why| why.contains("almost.py has no line")));
    }
}
