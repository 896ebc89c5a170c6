//! Calls that are made in another way than by a name.

use super::kept::{grave, read};
use super::{In, holds};

const SHELL: &[&str] = &["shell-execution"];
const NOTHING: &[&str] = &[];
const CODE: &[&str] = &["code-execution"];

/// What stands above a tool, the tool's body, and whether a shell reads what it is sent.
fn told(name: &str, head: &str, rows: &[(&str, &str)]) {
    for (above, body) in rows {
        let tool = |body: &str| match name {
            "server.py" => {
                let body = body.replace('\n', "\n    ");
                format!(
                    "{head}\n{above}\n@mcp.tool()\ndef look(value: str, name: str) -> str:\n    {body}\n"
                )
            }
            _ => format!(
                "{head}\n{above}\nserver.registerTool(\"look\", {{}}, async ({{ value, name }}) => {{ {body} }});\n"
            ),
        };
        assert_eq!(grave(&read(name, &tool(body))), SHELL, "{above}\n{body}");
        let looked = match name {
            "server.py" => {
                format!("if value not in (\"ls\", \"id\"):\n    raise ValueError(\"no\")\n{body}")
            }
            _ => format!("if (![\"ls\", \"id\"].includes(value)) throw new Error(\"no\"); {body}"),
        };
        assert_eq!(grave(&read(name, &tool(&looked))), NOTHING, "{above}\n{looked}");
    }
}

#[test]
fn in_python_objects_members_and_threads_are_called() {
    const HEAD: &str = r#"
import os, queue, subprocess, threading
from mcp.server.fastmcp import FastMCP
mcp = FastMCP("calls")
def run(line):
    return subprocess.getoutput(line)
"#;
    told(
        "server.py",
        HEAD,
        &[
            (
                "class Runner:\n    def __call__(self, line):\n        return run(line)\nrunner = Runner()",
                "return runner(value)",
            ),
            (
                "class Line:\n    def __init__(self, text):\n        self.text = text\n    def __str__(self):\n        return \"echo \" + self.text",
                "return run(str(Line(value)))",
            ),
            (
                "class Line:\n    def __init__(self, text):\n        self.text = text\n    def __str__(self):\n        return \"echo \" + self.text",
                "return run(f\"{Line(value)}\")",
            ),
            (
                "class Runner:\n    def do_run(self, line):\n        return run(line)",
                "return getattr(Runner(), \"do_\" + name)(value)",
            ),
            (
                "RUNNERS = {}\ndef known(function):\n    RUNNERS[function.__name__] = function\n    return function\n@known\ndef shell(line):\n    return run(line)",
                "return RUNNERS[name](value)",
            ),
            ("", "threading.Thread(target=run, args=(value,)).start()\nreturn \"begun\""),
            ("", "threading.Timer(1, run, [value]).start()\nreturn \"begun\""),
            ("LINES = queue.Queue()", "LINES.put(value)\nreturn run(LINES.get())"),
            ("", "return run(str.join(\" \", [\"echo\", value]))"),
            ("", "return run(\" \".join([\"echo\", value]))"),
            (
                "OPTIONS = {\"shell\": True}",
                "options = {**OPTIONS, \"timeout\": 5}\nreturn str(subprocess.run(f\"echo {value}\", **options))",
            ),
        ],
    );
}

#[test]
fn in_a_script_functions_are_called_by_way_of_others() {
    const HEAD: &str = r#"
import { execSync } from "node:child_process";
import { EventEmitter } from "node:events";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
const server = new McpServer({ name: "calls", version: "1.0.0" });
"#;
    told(
        "server.js",
        HEAD,
        &[
            ("", "return execSync.call(null, value);"),
            ("", "return execSync.apply(null, [value]);"),
            ("", "return execSync.bind(null, value)();"),
            ("", "return Reflect.apply(execSync, null, [value]);"),
            ("const run = (line) => execSync(line);", "return run.call(null, value);"),
            ("", "setTimeout((line) => execSync(line), 10, value);"),
            (
                "const lines = new Map();",
                "lines.set(name, value); return execSync(lines.get(name));",
            ),
            ("const lines = [];", "lines.push(value); return execSync(lines.shift());"),
            (
                "const bus = new EventEmitter();\nbus.on(\"run\", (line) => { execSync(line); });",
                "bus.emit(\"run\", value);",
            ),
            (
                "",
                "const line = await new Promise((resolve) => resolve(value)); return execSync(line);",
            ),
        ],
    );
    holds(In::Script, &[(NOTHING, "return client.call(\"run\", value);")]);
}

#[test]
fn in_python_members_generators_and_patterns_give_what_they_were_given() {
    const HEAD: &str = r#"
import contextlib, subprocess
from dataclasses import dataclass
from mcp.server.fastmcp import FastMCP
mcp = FastMCP("calls")
def run(line):
    return subprocess.getoutput(line)
"#;
    let line = "class Line:\n    def __init__(self, text):\n        self.held = text\n";
    told(
        "server.py",
        HEAD,
        &[
            (
                &format!("{line}    @property\n    def text(self):\n        return self.held"),
                "return run(Line(value).text)",
            ),
            (
                &format!(
                    "{line}    @property\n    def text(self):\n        return self.held\n    @text.setter\n    def text(self, text):\n        self.held = text"
                ),
                "return run(Line(value).text)",
            ),
            (
                "@dataclass\nclass Line:\n    text: str\n    def run(self):\n        return run(self.text)",
                "return Line(value).run()",
            ),
            ("def lines(text):\n    yield text", "for line in lines(value):\n    return run(line)"),
            ("def lines(texts):\n    yield from texts", "return run(next(lines([value])))"),
            (
                "@contextlib.contextmanager\ndef line(text):\n    yield text",
                "with line(value) as text:\n    return run(text)",
            ),
            (
                "",
                "match value.split():\n    case [\"run\", *rest]:\n        return run(\" \".join(rest))\nreturn \"\"",
            ),
            (
                "",
                "match {\"line\": value}:\n    case {\"line\": text}:\n        return run(text)\nreturn \"\"",
            ),
        ],
    );
}

#[test]
fn in_a_script_members_generators_and_namespaces_give_what_they_were_given() {
    const HEAD: &str = r#"
import { execSync } from "node:child_process";
import { Worker } from "node:worker_threads";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
const server = new McpServer({ name: "calls", version: "1.0.0" });
"#;
    told(
        "server.ts",
        HEAD,
        &[
            (
                "class Line { constructor(text) { this.text = text; } get run() { return execSync(this.text); } }",
                "return new Line(value).run;",
            ),
            (
                "function* lines(text) { yield text; }",
                "for (const line of lines(value)) return execSync(line);",
            ),
            (
                "namespace Shell { export function run(line: string) { return execSync(line); } }",
                "return Shell.run(value);",
            ),
        ],
    );
    holds(
        In::Script,
        &[
            (CODE, "return [].constructor.constructor(value)();"),
            (
                CODE,
                "const Made = Object.getPrototypeOf(async function () {}).constructor; return new Made(value)();",
            ),
            (NOTHING, "return this.constructor(value);"),
        ],
    );
}

/// Of many functions that a table holds, each may be the one that is called.
#[test]
fn every_function_of_a_table_is_called() {
    const HEAD: &str =
        "import subprocess\nfrom mcp.server.fastmcp import FastMCP\nmcp = FastMCP(\"calls\")";
    let mut above = String::new();
    let mut names = Vec::new();
    for number in 0..40 {
        above.push_str(&format!("def run_{number}(line):\n    return \"{number}\"\n"));
        names.push(format!("\"{number}\": run_{number}"));
    }
    above.push_str("def run_shell(line):\n    return subprocess.getoutput(line)\n");
    above.push_str(&format!("RUNNERS = {{{}, \"shell\": run_shell}}", names.join(", ")));
    told("server.py", HEAD, &[(&above, "return RUNNERS[name](value)")]);
}

/// Where `break` and `continue` lead, what is done at least once, and cases that go on with the next.
#[test]
fn ways_through_javascript_are_all_gone() {
    let head = "  const { execSync } = await import(\"node:child_process\");\n";
    let run = |body: &str| format!("{head}{body}");
    let rows: Vec<(&[&str], String)> = [
        "  a: { if (value === \"x\") { break a; } root; }\n  execSync(value);",
        "  a: { break a; }\n  execSync(value);",
        "  a: for (;;) { for (;;) { break a; } }\n  execSync(value);",
        "  a: for (const it of value) { while (true) { if (it) { continue a; } break a; } }\n  execSync(value);",
        "  for (;;) { a: { break; } }\n  execSync(value);",
        "  let line = \"\";\n  do { line += value; } while (line.length < 3);\n  execSync(line);",
        "  let line = \"\";\n  switch (root) { case \"a\": line = value; case \"b\": execSync(line); break; default: }",
        "  let line = \"\";\n  switch (root) { case \"a\": line = value; break; case \"b\": line = \"\"; }\n  execSync(line);",
    ]
    .iter()
    .map(|it| (SHELL, run(it)))
    .collect();
    let rows: Vec<(&[&str], &str)> = rows.iter().map(|(told, it)| (*told, it.as_str())).collect();
    holds(In::Script, &rows);
    let silent = [
        "  let line = \"\";\n  switch (root) { case \"a\": line = value; break; case \"b\": execSync(line); break; default: }",
        "  a: { if (value === \"x\") { break a; } throw new Error(\"no\"); }\n  execSync(\"date\");",
    ];
    let rows: Vec<String> = silent.iter().map(|it| run(it)).collect();
    let rows: Vec<(&[&str], &str)> = rows.iter().map(|it| (NOTHING, it.as_str())).collect();
    holds(In::Script, &rows);
}

/// Where something is done for a caller and nothing of the caller's is seen in it, it may have been lost on the way.
#[test]
fn what_is_done_without_a_callers_word_is_no_line_that_does_not_apply() {
    use portcullis_audit::check::judge;
    use portcullis_audit::checklist::{Status, lines};
    let line = |body: &str| {
        let evidence = super::evidence(In::Python, body);
        let rows = lines(&evidence, &judge(&evidence));
        let row = rows.into_iter().find(|it| it.control == "no-shell").expect("a line");
        (row.status, row.evidence)
    };
    let (status, why) =
        line("\nsubprocess.run([\"date\"], timeout=3, stdin=subprocess.DEVNULL)\nreturn value");
    assert_eq!(status, Status::Unknown, "{why}");
    assert!(why.contains("done for a caller at server.py:"), "{why}");
    let (status, why) = line("\nreturn value");
    assert_eq!(status, Status::NotApplicable, "{why}");
}
