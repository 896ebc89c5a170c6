//! What one tool keeps and another finds.

use std::time::{Duration, Instant};

use portcullis_audit::check::judge;
use portcullis_audit::checklist::{Status, lines};
use portcullis_audit::evidence::Evidence;
use portcullis_audit::probe::source::{Budget, look};
use portcullis_audit::{Confidence, Severity};

/// What is read of one file.
pub(super) fn read(name: &str, text: &str) -> Evidence {
    let tree = tempfile::tempdir().expect("a directory");
    std::fs::write(tree.path().join(name), text).expect("a file");
    let budget = Budget::until(Instant::now() + Duration::from_secs(60));
    let source = look(tree.path(), &budget).expect("source");
    assert!(source.files.iter().all(|it| it.whole), "its grammar does not fit: {text}");
    assert_ne!(source.offered().count(), 0, "no tool: {text}");
    Evidence { source: Some(source), ..Evidence::of("kept") }
}

/// The checks that are at least high and likely.
pub(super) fn grave(evidence: &Evidence) -> Vec<String> {
    let found = judge(evidence).into_iter();
    let grave =
        found.filter(|it| it.severity >= Severity::High && it.confidence >= Confidence::Likely);
    let mut told: Vec<String> = grave.map(|it| it.check).collect();
    told.dedup();
    told
}

/// What becomes of a line of the checklist.
/// How a line stands; that something is done for a caller, with nothing of the caller's seen in it, counts as nothing here.
pub(super) fn status(evidence: &Evidence, control: &str) -> Status {
    let lines = lines(evidence, &judge(evidence));
    let line = lines.iter().find(|it| it.control == control).expect("a line");
    match line.evidence.starts_with("it is done for a caller at ") {
        true => Status::NotApplicable,
        false => line.status,
    }
}

const PYTHON: &str = r#"
import os
import re
import subprocess
from dataclasses import dataclass
from mcp.server.fastmcp import FastMCP

mcp = FastMCP("kept")
ROOT = os.path.realpath(os.environ["ROOT"])
"#;
const SCRIPT: &str = r#"
import { execSync } from "node:child_process";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
const server = new McpServer({ name: "kept", version: "1.0.0" });
"#;

/// Two tools in Python, in either order: the checks must be the same.
fn both_ways(state: &str, puts: &str, takes: &str) -> Vec<String> {
    let tool = |name: &str, body: &str| {
        let body = body.replace('\n', "\n    ");
        format!("@mcp.tool()\ndef {name}(value: str, name: str = \"\") -> str:\n    {body}\n\n")
    };
    let puts = tool("puts", &format!("{puts}\nreturn \"kept\""));
    let takes = tool("takes", takes);
    let one = grave(&read("server.py", &format!("{PYTHON}{state}\n\n{puts}{takes}")));
    let other = grave(&read("server.py", &format!("{PYTHON}{state}\n\n{takes}{puts}")));
    assert_eq!(one, other, "{state}\n{puts}{takes}");
    one
}

#[test]
fn what_one_tool_keeps_another_runs() {
    let run = |what: &str| format!("return subprocess.getoutput({what})");
    let shell = ["shell-execution"];
    for (state, puts, takes) in [
        ("LINE = \"ls\"", "global LINE\nLINE = value", run("LINE")),
        ("LINES = {}", "LINES[name] = value", run("LINES[name]")),
        ("LINES = {}", "LINES[\"one\"] = value", run("LINES[name]")),
        ("LINES = {}", "LINES[name] = value", run("LINES[\"one\"]")),
        ("LINES = []", "LINES.append(value)", run("LINES.pop()")),
        ("LINES = {\"one\": \"ls\"}", "LINES[name] = value", run("LINES[name]")),
        ("class Kept:\n    line = \"ls\"", "setattr(Kept, \"line\", value)", run("Kept().line")),
        (
            "class Kept:\n    lines = {}\nkept = Kept()",
            "kept.lines[name] = value",
            run("kept.lines[name]"),
        ),
        (
            "class Kept:\n    def __init__(self):\n        self.lines = []\nkept = Kept()",
            "kept.lines.append(value)",
            run("kept.lines[0]"),
        ),
        (
            "class Line:\n    def __init__(self, text):\n        self.text = text\nlines = {}",
            "lines[name] = Line(value)",
            run("lines[name].text"),
        ),
        (
            "class Kept:\n    def run(self, line):\n        return line\nKept.run = lambda self, line: subprocess.getoutput(line)",
            "pass",
            "return Kept().run(value)".to_owned(),
        ),
    ] {
        assert_eq!(both_ways(state, puts, &takes), shell, "{state}\n{puts}\n{takes}");
    }
}

/// What was looked at before it was kept needs no other look, and what a tool makes for itself is nobody else's.
#[test]
fn what_was_looked_at_before_it_was_kept_is_silent() {
    let run = |what: &str| format!("return subprocess.getoutput({what})");
    let nothing: [&str; 0] = [];
    let looked = "if value not in (\"ls\", \"id\"):\n    raise ValueError(\"no\")\n";
    for (state, puts, takes) in [
        ("LINE = \"ls\"", format!("global LINE\n{looked}LINE = value"), run("LINE")),
        ("LINES = {}", format!("{looked}LINES[name] = value"), run("LINES[name]")),
        ("LINE = \"ls\"", "LINE = value".to_owned(), run("LINE")),
        ("LINES = {}\nOTHERS = {}", "LINES[name] = value".to_owned(), run("OTHERS[name]")),
    ] {
        assert_eq!(both_ways(state, &puts, &takes), nothing, "{state}\n{puts}\n{takes}");
    }
    // Each makes an object of what it is sent, and looks at it then: what the other has looked at is not known here.
    let state = "class File:\n    def __init__(self, name):\n        self.path = os.path.realpath(os.path.join(ROOT, name))\n    def text(self):\n        return open(self.path).read()";
    let body = "file = File(value)\nif os.path.commonpath([ROOT, file.path]) != ROOT:\n    raise ValueError(\"no\")\nreturn file.text()";
    assert_eq!(both_ways(state, &format!("{body}\n"), body), nothing);
    let kept = format!("FILES[name] = File(value)\n{body}");
    assert_eq!(
        both_ways(&format!("FILES = {{}}\n{state}"), &kept, "return FILES[name].text()"),
        ["path-escape"],
        "one that is kept before it is looked at"
    );
}

/// Who fills a list of what is allowed chooses what is allowed.
#[test]
fn a_list_that_a_caller_fills_allows_nothing() {
    let look = "if value not in ALLOWED:\n    raise ValueError(\"no\")\nreturn subprocess.getoutput(value)";
    for state in ["ALLOWED = set()", "ALLOWED = []", "ALLOWED = {\"ls\"}"] {
        let puts = if state.contains('[') { "ALLOWED.append(value)" } else { "ALLOWED.add(value)" };
        assert_eq!(both_ways(state, puts, look), ["shell-execution"], "{state}");
        assert!(both_ways(state, "pass", look).is_empty(), "{state}");
    }
    let chosen = "if value in (\"ls\", \"id\"):\n    ALLOWED.add(value)";
    assert!(
        both_ways("ALLOWED = set()", chosen, look).is_empty(),
        "what it may be filled with is fixed"
    );
}

#[test]
fn in_a_script_variables_and_members_are_kept() {
    let tools = |state: &str, puts: &str, takes: &str| {
        let tool = |name: &str, body: &str| {
            format!(
                "server.registerTool(\"{name}\", {{}}, async ({{ value, key }}) => {{ {body} }});\n"
            )
        };
        let (puts, takes) = (tool("puts", puts), tool("takes", takes));
        let one = grave(&read("server.js", &format!("{SCRIPT}{state}\n{puts}{takes}")));
        let other = grave(&read("server.js", &format!("{SCRIPT}{state}\n{takes}{puts}")));
        assert_eq!(one, other, "{state}\n{puts}{takes}");
        one
    };
    let run = |what: &str| format!("return execSync({what});");
    for (state, puts, takes) in [
        ("let line = \"ls\";", "line = value;", run("line")),
        ("const kept = {};", "kept.line = value;", run("kept.line")),
        ("const kept = {};", "kept[key] = value;", run("kept[key]")),
        (
            "class Kept { constructor() { this.lines = {}; } }\nconst kept = new Kept();",
            "kept.lines[key] = value;",
            run("kept.lines[key]"),
        ),
    ] {
        assert_eq!(tools(state, puts, &takes), ["shell-execution"], "{state} {puts} {takes}");
        let looked =
            format!("if (![\"ls\", \"id\"].includes(value)) throw new Error(\"no\"); {puts}");
        assert!(tools(state, &looked, &takes).is_empty(), "{state} {looked} {takes}");
    }
}

/// What somebody else's code keeps, it may give back: nobody sees how, and no line passes.
#[test]
fn what_somebody_elses_code_keeps_passes_no_line() {
    let told = |takes: &str| {
        let text = format!(
            "{PYTHON}import elsewhere\nKEPT = elsewhere.Cache()\n@mcp.tool()\ndef puts(value: str) -> str:\n    KEPT.set(\"one\", value)\n    return \"kept\"\n@mcp.tool()\ndef takes() -> str:\n    return subprocess.getoutput({takes})\n"
        );
        let evidence = read("server.py", &text);
        (grave(&evidence), status(&evidence, "no-shell"))
    };
    assert_eq!(told("KEPT.get(\"one\")"), (Vec::new(), Status::Unknown));
    assert_eq!(told("\"ls\"").0, Vec::<String>::new());
    assert_ne!(told("\"ls\"").1, Status::Unknown);
}

/// What many tools put into one place is not told apart without end, and that is said.
#[test]
fn a_place_that_many_tools_fill_is_told_apart_so_far() {
    let said = |tools: usize| {
        let mut text = format!("{PYTHON}LINES = [\"ls\"]\n");
        for number in 0..tools {
            text.push_str(&format!(
                "@mcp.tool()\ndef puts_{number}(value: str) -> str:\n    LINES.append(value)\n    return \"kept\"\n"
            ));
        }
        text.push_str(
            "@mcp.tool()\ndef takes() -> str:\n    return subprocess.getoutput(LINES.pop())\n",
        );
        let evidence = read("server.py", &text);
        let left_out = evidence.source.as_ref().map(|it| it.left_out.clone()).unwrap_or_default();
        assert_eq!(grave(&evidence), ["shell-execution"], "{tools}");
        left_out.iter().any(|it| it.why.contains("told apart"))
    };
    assert!(!said(12));
    assert!(said(40));
}
