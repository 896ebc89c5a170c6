//! What holds a value and what only looks as if it did, each on a server of one tool.

#![expect(clippy::expect_used, reason = "tests may")]

use std::time::{Duration, Instant};

use portcullis_audit::check::judge;
use portcullis_audit::evidence::{Evidence, FORMAT};
use portcullis_audit::probe::source::{Budget, look};
use portcullis_audit::{Confidence, Severity};

mod calls;
mod kept;
mod lost;
mod programs;
mod reach;
mod sharing;

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

const GO: &str = r#"
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

var root = os.Getenv("ROOT")
var db *sql.DB
var names = map[string]bool{"one": true, "two": true}
var plain = regexp.MustCompile(`^[a-z0-9_]+$`)

type store struct {
	root string
	db   *sql.DB
}

func main() {
	kept := &store{root: root}
	s := server.NewMCPServer("guards", "1.0.0")
	s.AddTool(mcp.NewTool("look", mcp.WithString("value")), kept.look)
	_ = server.ServeStdio(s)
}

func (s *store) look(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	value, err := request.RequireString("value")
	if err != nil {
		return nil, errors.New("value is missing")
	}
"#;

/// In which language a body is.
#[derive(Clone, Copy)]
enum In {
    Python,
    Script,
    Go,
}

/// Which checks speak of a tool with this body, at least high and likely.
fn told(language: In, body: &str) -> Vec<String> {
    let grave = |it: &portcullis_audit::Finding| {
        it.severity >= Severity::High && it.confidence >= Confidence::Likely
    };
    let evidence = evidence(language, body);
    let mut told: Vec<String> =
        judge(&evidence).into_iter().filter(grave).map(|it| it.check).collect();
    told.dedup();
    told
}

/// What is read of a tool with this body.
fn evidence(language: In, body: &str) -> Evidence {
    let tree = tempfile::tempdir().expect("a directory");
    let (name, text) = match language {
        In::Python => ("server.py", format!("{PYTHON}{}\n", body.replace("\n", "\n    "))),
        In::Script => ("server.js", format!("{SCRIPT}{body}\n}});\n")),
        In::Go => ("server.go", format!("{GO}{body}")),
    };
    std::fs::write(tree.path().join(name), text).expect("a file");
    let budget = Budget::until(Instant::now() + Duration::from_secs(60));
    let source = look(tree.path(), &budget).expect("source");
    assert!(source.files.iter().all(|it| it.whole), "its grammar does not fit: {body}");
    assert_eq!(source.handlers.len(), 1, "{body}");
    Evidence {
        format: FORMAT,
        target: "guards".to_owned(),
        source: Some(source),
        live: None,
        http: None,
        ..Evidence::of("")
    }
}

fn holds(language: In, rows: &[(&[&str], &str)]) {
    let mut wrong = Vec::new();
    for (expected, body) in rows {
        let told = told(language, body);
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
    holds(In::Python, &rows);
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
        (NOTHING, row("\"mytool\", \"--state\", value")),
        (OPTION, row("\"mytool\", \"--state\", \"open\", value")),
        (OPTION, row("\"mytool\", \"-s\", value")),
        (NOTHING, row("\"git\", \"log\", f\"--format={value}\"")),
        (OPTION, row("\"git\", \"clone\", f\"--upload-pack={value}\"")),
        (OPTION, row("\"git\", \"log\", f\"-{value}\"")),
        (NOTHING, row("\"git\", \"log\", f\"refs/heads/{value}\"")),
        (NOTHING, row("\"wc\", \"-w\", \"--\", value")),
        (OPTION, row("\"wc\", value, \"--\", \"notes\"")),
    ];
    let rows: Vec<(&[&str], &str)> =
        rows.iter().map(|(told, body)| (*told, body.as_str())).collect();
    holds(In::Python, &rows);
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
    holds(In::Python, &rows);
}

#[test]
fn who_writes_the_whole_of_it_needs_no_sign_of_a_list() {
    const SQL: &[&str] = &["raw-sql"];
    const SHELL: &[&str] = &["shell-execution"];
    let no = "raise ValueError(value)";
    let shell = "subprocess.run(value, shell=True, stdin=subprocess.DEVNULL, timeout=9)";
    let ping = "subprocess.run(f\"ping {value}\", shell=True, stdin=subprocess.DEVNULL, timeout=9)";
    let database = "import sqlite3\ndb = sqlite3.connect(\"shop.db\")";
    let table = format!("{database}\ndb.execute(f\"SELECT * FROM {{value}}\")");
    let matching = |pattern: &str, then: &str| {
        format!("\nimport re\nif not re.match(r\"{pattern}\", value):\n    {no}\n{then}")
    };
    let rows: Vec<(&[&str], String)> = vec![
        (SQL, format!("\n{database}\nif \";\" in value:\n    {no}\ndb.execute(value)")),
        (SHELL, format!("\nif \"rm \" in value:\n    {no}\n{shell}")),
        (&["code-execution"], format!("\nif \"__\" in value:\n    {no}\nreturn str(eval(value))")),
        // Between fixed words the same list is some care.
        (NOTHING, format!("\nif \";\" in value or \"&\" in value:\n    {no}\n{ping}")),
        // A name is neither a statement nor a command.
        (NOTHING, matching("^[A-Za-z0-9_$]+$", &table)),
        (NOTHING, matching("^\\w+$", ping)),
        // The next statement undoes what a statement says; the connection's own word stays.
        (SQL, format!("\n{database}\ndb.execute(\"PRAGMA query_only = ON\")\ndb.execute(value)")),
        (
            NOTHING,
            format!(
                "\n{}\ndb.execute(value)",
                database.replace("\"shop.db\"", "\"file:shop.db?mode=ro\", uri=True")
            ),
        ),
    ];
    let rows: Vec<(&[&str], &str)> =
        rows.iter().map(|(told, body)| (*told, body.as_str())).collect();
    holds(In::Python, &rows);
}

#[test]
fn a_format_and_a_module_of_the_callers_are_found() {
    let rows: [(&[&str], &str); 6] = [
        (
            &["shell-execution"],
            "\nfrom string import Template\nreturn subprocess.getoutput(Template(\"ls $where\").substitute(where=value))",
        ),
        (&["template-injection"], "\nreturn value.format(os)"),
        (&["template-injection"], "\nreturn value.format_map({\"a\": os})"),
        (NOTHING, "\nreturn \"{}\".format(value)"),
        (
            &["code-execution"],
            "\nimport importlib.util\nspec = importlib.util.spec_from_file_location(\"plugin\", value)",
        ),
        (
            &["free-process"],
            "\nfrom mcp import StdioServerParameters\nStdioServerParameters(command=value, args=[])",
        ),
    ];
    holds(In::Python, &rows);
}

#[test]
fn only_letters_and_digits_are_a_name() {
    let shown = |pattern: &str| {
        let body = format!(
            "\nimport re, sqlite3\nif not re.match(r\"{pattern}\", value):\n    raise ValueError(value)\nsqlite3.connect(\"s.db\").execute(f\"SELECT * FROM {{value}}\")"
        );
        doubted(&body)
    };
    let plain = ["^[A-Za-z0-9_]+$", "^\\w{1,40}$", "^(a|b\\d+)$", "^[a-z]+\\.[a-z]+$"];
    assert_eq!(plain.map(shown), [0; 4]);
    // A space, a quote, signs inside of a range, a comment, and what is written backwards.
    let signs = ["^[\\w ]+$", "^[\\w']+$", "^[A-z]+$", "^[\\w-]+$", "^[\\s]+$"];
    assert_eq!(signs.map(shown), [1; 5]);
}

/// How many ways to SQL are in doubt.
fn doubted(body: &str) -> usize {
    let evidence = evidence(In::Python, body);
    let of_it = |it: &&portcullis_audit::Finding| {
        it.check == "raw-sql" && it.confidence == Confidence::Possible
    };
    judge(&evidence).iter().filter(of_it).count()
}

#[test]
fn what_is_in_doubt_is_no_pass() {
    let body = "\nif \";\" in value or \"&\" in value:\n    raise ValueError(value)\nsubprocess.run(f\"ping {value}\", shell=True, stdin=subprocess.DEVNULL, timeout=9)";
    let evidence = evidence(In::Python, body);
    let rows = portcullis_audit::checklist::lines(&evidence, &judge(&evidence));
    let row = rows.iter().find(|it| it.control == "no-shell").expect("a line");
    assert_eq!(row.status, portcullis_audit::checklist::Status::Unknown, "{row:?}");
    assert!(row.evidence.starts_with("in doubt"), "{row:?}");
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
    holds(In::Script, &[(NOTHING, &held), (PREFIX, &prefix), (ESCAPE, &bare), (ESCAPE, tail)]);
}

/// The body of the tool, and what stands behind it.
fn go(body: &str, behind: &str) -> String {
    format!("{body}\n}}\n{behind}\n")
}

#[test]
fn what_holds_a_path_in_go() {
    let read = "\ttext, err := os.ReadFile(full)\n\tif err != nil {\n\t\treturn nil, errors.New(\"no\")\n\t}\n\treturn mcp.NewToolResultText(string(text)), nil";
    let within = |look: &str| {
        let asked = format!(
            "\tfull, err := s.within(value)\n\tif err != nil {{\n\t\treturn nil, errors.New(\"no\")\n\t}}\n{read}"
        );
        let way = format!(
            "func (s *store) within(file string) (string, error) {{\n\tfull, err := filepath.EvalSymlinks(filepath.Join(s.root, file))\n\tif err != nil {{\n\t\treturn \"\", fmt.Errorf(\"no: %w\", err)\n\t}}\n{look}\n\treturn full, nil\n}}"
        );
        go(&asked, &way)
    };
    let no = "{\n\t\treturn \"\", errors.New(\"outside\")\n\t}";
    let rows: Vec<(&[&str], String)> = vec![
        (ESCAPE, go(&format!("\tfull := filepath.Join(root, value)\n{read}"), "")),
        (ESCAPE, within("")),
        (PREFIX, within(&format!("\tif !strings.HasPrefix(full, s.root) {no}"))),
        (
            NOTHING,
            within(&format!("\tif !strings.HasPrefix(full, s.root+string(filepath.Separator)) {no}")),
        ),
        (
            NOTHING,
            within(&format!(
                "\trel, err := filepath.Rel(s.root, full)\n\tif err != nil || rel == \"..\" || strings.HasPrefix(rel, \"../\") {no}"
            )),
        ),
        // A look whose error nobody looks at is none.
        (
            ESCAPE,
            within(&format!("\tif !strings.HasPrefix(full, s.root+\"/\") {no}"))
                .replace("full, err := s.within(value)\n\tif err != nil {\n\t\treturn nil, errors.New(\"no\")\n\t}", "full, _ := s.within(value)\n\tfull = filepath.Join(root, value)"),
        ),
        (
            NOTHING,
            go(
                "\tdirectory, err := os.OpenRoot(root)\n\tif err != nil {\n\t\treturn nil, errors.New(\"no\")\n\t}\n\tif _, err := directory.Open(value); err != nil {\n\t\treturn nil, errors.New(\"no\")\n\t}\n\treturn mcp.NewToolResultText(\"yes\"), nil",
                "",
            ),
        ),
        (
            NOTHING,
            go(
                &format!("\tif !filepath.IsLocal(value) {{\n\t\treturn nil, errors.New(\"no\")\n\t}}\n\tfull, err := filepath.EvalSymlinks(filepath.Join(root, value))\n\tif err != nil {{\n\t\treturn nil, errors.New(\"no\")\n\t}}\n{read}"),
                "",
            ),
        ),
        (NOTHING, go(&format!("\tfull := filepath.Join(root, filepath.Base(value))\n{read}"), "")),
    ];
    let rows: Vec<(&[&str], &str)> =
        rows.iter().map(|(told, body)| (*told, body.as_str())).collect();
    holds(In::Go, &rows);
}

#[test]
fn what_holds_words_statements_and_addresses_in_go() {
    let end = "\n\treturn mcp.NewToolResultText(\"done\"), nil";
    let no = "{\n\t\treturn nil, errors.New(\"no\")\n\t}\n";
    let run = format!("\t_, err = exec.CommandContext(ctx, \"wc\", value).Output(){end}");
    let ask = format!("\t_, err = db.QueryContext(ctx, value){end}");
    let mine = format!("\t_, err = s.db.Query(value){end}");
    let table = format!("\t_, err = db.Query(fmt.Sprintf(\"SELECT * FROM %s\", value)){end}");
    let get = format!("\t_, err = http.Get(value){end}");
    let item =
        format!("\t_, err = http.Get(fmt.Sprintf(\"https://docs.example.com/%s\", value)){end}");
    let filled = format!(
        "\tvar found struct{{ Statement string }}\n\tif err := json.Unmarshal([]byte(value), &found); err != nil {no}\t_, err = db.Exec(found.Statement){end}"
    );
    let rows: Vec<(&[&str], String)> = vec![
        (OPTION, go(&run, "")),
        (NOTHING, go(&format!("\tif strings.HasPrefix(value, \"-\") {no}{run}"), "")),
        (NOTHING, go(&format!("\tif !names[value] {no}{run}"), "")),
        (NOTHING, go(&format!("\tif _, ok := names[value]; !ok {no}{run}"), "")),
        (
            NOTHING,
            go(&format!("\tif !slices.Contains([]string{{\"a\", \"b\"}}, value) {no}{run}"), ""),
        ),
        (NOTHING, go(&format!("\tif !plain.MatchString(value) {no}{run}"), "")),
        (
            NOTHING,
            go(
                &format!(
                    "\tswitch {{\n\tcase value == \"a\", value == \"b\":\n\tdefault:\n\t\treturn nil, errors.New(\"no\")\n\t}}\n{run}"
                ),
                "",
            ),
        ),
        (&["raw-sql"], go(&ask, "")),
        (&["raw-sql"], go(&mine, "")),
        (&["raw-sql"], go(&table, "")),
        (&["raw-sql"], go(&filled, "")),
        (NOTHING, go(&format!("\tif !names[value] {no}{table}"), "")),
        (NOTHING, go(&format!("\t_, err = db.Query(\"SELECT ?\", value){end}"), "")),
        (&["server-side-request"], go(&get, "")),
        (NOTHING, go(&item, "")),
    ];
    let rows: Vec<(&[&str], &str)> =
        rows.iter().map(|(told, body)| (*told, body.as_str())).collect();
    holds(In::Go, &rows);
}
