//! What holds a value and what only looks as if it did, each on a server of one tool.

#![expect(clippy::expect_used, reason = "tests may")]

use std::time::{Duration, Instant};

use portcullis_audit::check::judge;
use portcullis_audit::evidence::{Evidence, FORMAT};
use portcullis_audit::probe::source::{Budget, look};
use portcullis_audit::{Confidence, Severity};

const PYTHON: &str = r#"
import os
import subprocess
from mcp.server.fastmcp import FastMCP

mcp = FastMCP("guards")
ROOT = os.environ["ROOT"]

@mcp.tool()
def look(value: str, other: str = "") -> str:
"#;

const SCRIPT: &str = r#"
import fs from "node:fs/promises";
import path from "node:path";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";

const server = new McpServer({ name: "guards", version: "1.0.0" });
const roots = process.argv.slice(2);
const root = roots[0];

server.registerTool("look", {}, async ({ value }) => {
"#;

/// Which checks speak of a tool with this body, at least high and likely.
fn told(python: bool, body: &str) -> Vec<String> {
    let tree = tempfile::tempdir().expect("a directory");
    let (name, text) = match python {
        true => ("server.py", format!("{PYTHON}{}\n", body.replace("\n", "\n    "))),
        false => ("server.js", format!("{SCRIPT}{body}\n}});\n")),
    };
    std::fs::write(tree.path().join(name), text).expect("a file");
    let budget = Budget::until(Instant::now() + Duration::from_secs(60));
    let source = look(tree.path(), &budget).expect("source");
    assert!(source.files.iter().all(|it| it.whole), "its grammar does not fit: {body}");
    assert_eq!(source.handlers.len(), 1, "{body}");
    let evidence = Evidence {
        format: FORMAT,
        target: "guards".to_owned(),
        source: Some(source),
        live: None,
        http: None,
        config: None,
    };
    let grave = |it: &portcullis_audit::Finding| {
        it.severity >= Severity::High && it.confidence >= Confidence::Likely
    };
    let mut told: Vec<String> =
        judge(&evidence).into_iter().filter(grave).map(|it| it.check).collect();
    told.dedup();
    told
}

fn holds(python: bool, rows: &[(&[&str], &str)]) {
    let mut wrong = Vec::new();
    for (expected, body) in rows {
        let told = told(python, body);
        if told != *expected {
            wrong.push(format!("{expected:?}, but {told:?} of{body}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

const NOTHING: &[&str] = &[];
const OPTION: &[&str] = &["option-injection"];
const PREFIX: &[&str] = &["path-prefix"];
const ESCAPE: &[&str] = &["path-escape"];

#[test]
fn a_check_of_what_is_not_empty_is_a_check() {
    let run = "\nsubprocess.run([\"wc\", value], stdin=subprocess.DEVNULL, timeout=9)";
    let row = |body: &str| format!("{body}{run}");
    let rows: Vec<(&[&str], String)> = vec![
        (NOTHING, row("\nif value and value.startswith(\"-\"):\n    raise ValueError(value)")),
        (
            NOTHING,
            row("\nif value is not None and value.startswith(\"-\"):\n    raise ValueError(value)"),
        ),
        (OPTION, row("\nif value and value.startswith(\"x\"):\n    raise ValueError(value)")),
        (OPTION, row("\nif other and value.startswith(\"-\"):\n    raise ValueError(value)")),
        (OPTION, row("\nif not value:\n    raise ValueError(value)")),
        // Another check on each way, and a fixed word on one of them.
        (
            NOTHING,
            row(
                "\nif other:\n    if value.startswith(\"-\"):\n        raise ValueError(value)\nelif value not in (\"a\", \"b\"):\n    raise ValueError(value)",
            ),
        ),
        (
            NOTHING,
            row(
                "\nif value != \"notes\" and value.startswith(\"-\"):\n    raise ValueError(value)",
            ),
        ),
    ];
    let rows: Vec<(&[&str], &str)> =
        rows.iter().map(|(told, body)| (*told, body.as_str())).collect();
    holds(true, &rows);
}

#[test]
fn the_value_of_an_option_is_no_option() {
    let row =
        |words: &str| format!("\nsubprocess.run([{words}], stdin=subprocess.DEVNULL, timeout=9)");
    let rows: Vec<(&[&str], String)> = vec![
        (NOTHING, row("\"git\", \"commit\", \"-m\", value")),
        (OPTION, row("\"git\", \"branch\", \"-m\", value")),
        (NOTHING, row("\"git\", \"branch\", \"--contains\", value")),
        (OPTION, row("\"git\", \"branch\", \"--contains\", \"main\", value")),
        (OPTION, row("\"grep\", \"-n\", value")),
        (NOTHING, row("\"grep\", \"-e\", value")),
        (NOTHING, row("\"git\", \"log\", f\"--format={value}\"")),
        (OPTION, row("\"git\", \"clone\", f\"--upload-pack={value}\"")),
        (OPTION, row("\"git\", \"log\", f\"-{value}\"")),
        (NOTHING, row("\"git\", \"log\", f\"refs/heads/{value}\"")),
        (NOTHING, row("\"wc\", \"-w\", \"--\", value")),
        (OPTION, row("\"wc\", value, \"--\", \"notes\"")),
    ];
    let rows: Vec<(&[&str], &str)> =
        rows.iter().map(|(told, body)| (*told, body.as_str())).collect();
    holds(true, &rows);
}

#[test]
fn a_directory_ends_at_a_separator() {
    let read = "\nreturn open(full).read()";
    let row =
        |body: &str| format!("\nfull = os.path.realpath(os.path.join(ROOT, value)){body}{read}");
    let rows: Vec<(&[&str], String)> = vec![
        (PREFIX, row("\nif not full.startswith(ROOT):\n    raise ValueError(value)")),
        (NOTHING, row("\nif not full.startswith(ROOT + os.sep):\n    raise ValueError(value)")),
        (
            NOTHING,
            row(
                "\nroot = ROOT\nif not root.endswith(os.sep):\n    root = root + os.sep\nif not full.startswith(root):\n    raise ValueError(value)",
            ),
        ),
        (
            PREFIX,
            row(
                "\nroot = ROOT\nif not root.endswith(\"x\"):\n    root = root + os.sep\nif not full.startswith(root):\n    raise ValueError(value)",
            ),
        ),
        (
            NOTHING,
            row(
                "\nif full != ROOT and not full.startswith(ROOT + os.sep):\n    raise ValueError(value)",
            ),
        ),
        // That it is absolute holds it nowhere.
        (ESCAPE, row("\nif not full.startswith(\"/\"):\n    raise ValueError(value)")),
    ];
    let rows: Vec<(&[&str], &str)> =
        rows.iter().map(|(told, body)| (*told, body.as_str())).collect();
    holds(true, &rows);
}

/// One of several directories, of which one may be the root of all.
const WITHIN: &str = r#"
  const full = await fs.realpath(path.resolve(value));
  const within = (directories) => directories.some((it) => {
    const directory = path.resolve(path.normalize(it));
    if (full === directory) return true;
    if (directory === path.sep) return full.startsWith(path.sep);
    if (path.sep === "\\" && directory.match(/^[A-Za-z]:\\?$/)) {
      return full.charAt(0) === directory.charAt(0) && full.startsWith(directory.replace(/\\?$/, "\\"));
    }
    return full.startsWith(HELD);
  });
  if (!within(roots)) throw new Error("outside");
  return { content: [{ type: "text", text: await fs.readFile(full, "utf8") }] };"#;

#[test]
fn one_of_several_directories_is_enough() {
    let held = WITHIN.replace("HELD", "directory + path.sep");
    let prefix = WITHIN.replace("HELD", "directory");
    // Then every path that is absolute passes.
    let bare =
        WITHIN.replace("HELD", "directory + path.sep").replace("if (directory === path.sep) ", "");
    let tail = r#"
  if (value.slice(-4) !== ".txt") throw new Error("no text");
  return { content: [{ type: "text", text: await fs.readFile(path.resolve(root, value), "utf8") }] };"#;
    holds(false, &[(NOTHING, &held), (PREFIX, &prefix), (ESCAPE, &bare), (ESCAPE, tail)]);
}
