//! What a reader is told: many of a kind do not drown the few, and a comment that counts for nothing is said.

#![expect(clippy::expect_used, reason = "tests may")]

use portcullis_audit::Evidence;
use portcullis_audit::report::{self, Report};
use serde_json::{Value, json};

fn evidence(parts: Value) -> Evidence {
    let mut whole = json!({ "format": 1, "target": "notes" });
    for (name, value) in parts.as_object().expect("an object") {
        whole[name] = value.clone();
    }
    serde_json::from_value(whole).expect("evidence")
}

fn live(over: Value) -> Value {
    let mut live = json!({
        "command": ["server"], "box_level": "full", "revision": "2025-11-25", "server": null, "instructions": null,
        "tools": [], "resources": [], "prompts": [], "drifted": [], "trials": [], "wishes": [], "conduct": [],
        "untested": []
    });
    for (name, value) in over.as_object().expect("an object") {
        live[name] = value.clone();
    }
    live
}

fn source(over: Value) -> Value {
    let mut source = json!({
        "files": [{ "file": "a.py", "language": "python", "lines": 9, "whole": true }],
        "left_out": [], "handlers": [], "flows": [], "facts": []
    });
    for (name, value) in over.as_object().expect("an object") {
        source[name] = value.clone();
    }
    source
}

fn report(evidence: Evidence) -> Report {
    Report::new(evidence, &[], true, |_| true)
}

fn place(line: u32) -> Value {
    json!({ "file": "a.py", "line": line, "column": 1 })
}

/// A hostile server makes as many tools as it likes, each another one the next time.
#[test]
fn thousands_of_one_kind_at_a_server_are_a_number() {
    let names: Vec<String> = (0..2500).map(|at| format!("tool_{at:04}")).collect();
    let tools: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
    let report =
        report(evidence(json!({ "live": live(json!({ "drifted": names, "tools": tools })) })));
    let of = |check: &str| report.findings.iter().filter(|it| it.check == check).count();
    assert_eq!((of("definition-drift"), of("missing-annotations")), (101, 101));
    let last = report.findings.iter().rfind(|it| it.check == "definition-drift").expect("the last");
    assert_eq!(last.title, "a definition that changes: 2400 more at this server");
    assert_eq!(last.evidence, "2500 in all; the first 100 are listed");
    let rows = &report.checklist;
    let row = rows.iter().find(|it| it.control == "description-honest").expect("a row");
    assert!(
        row.evidence.ends_with(", and 4999 more"),
        "the line counts them all: {}",
        row.evidence
    );
    let json = report::json::report(&report);
    assert_eq!(json["findings"].as_array().map(Vec::len), Some(report.findings.len()));
}

/// Of source all are told to whoever reads by machine, and a few to whoever reads at a terminal.
#[test]
fn a_terminal_shows_the_first_few_of_each_check_and_counts_the_rest() {
    let handler = |line: u32| {
        json!({
            "kind": "tool", "name": format!("tool_{line:03}"), "place": place(line), "annotations": null,
            "raw_errors": place(line), "parameters": [{ "name": "q", "written": null, "bounded": line != 7 }]
        })
    };
    let told = |handlers: u32| {
        let handlers: Vec<Value> = (1..=handlers).map(handler).collect();
        report(evidence(json!({ "source": source(json!({ "handlers": handlers })) })))
    };
    let many = told(200);
    let short = report::text::report(&many, false);
    assert_eq!(short.matches("   at   ").count(), 5 + 5 + 1, "{short}");
    assert!(short.contains("and 195 more like it [raw-errors] (--verbose)\n"), "{short}");
    assert!(short.contains("[unbounded-input]"), "the only one of its kind is seen: {short}");
    assert_eq!(report::text::report(&many, true).matches("   at   ").count(), 401);
    let json = report::json::report(&many);
    assert_eq!(json["findings"].as_array().map(Vec::len), Some(401));
    let sarif = report::sarif::reports(&[many], None);
    assert_eq!(sarif["runs"][0]["results"].as_array().map(Vec::len), Some(401));
    let few = report::text::report(&told(6), false);
    assert!(!few.contains("more like it"), "one more is no line shorter: {few}");
}

#[test]
fn a_comment_that_silences_nothing_is_said() {
    let comment = |line: u32, check: &str, reason: &str| json!({ "place": place(line), "covers": line, "check": check, "reason": reason });
    let all = [
        comment(1, "raw-sqll", "an operator's console"),
        comment(2, "raw-sql", ""),
        comment(3, "raw-sql", "an operator's console"),
        comment(4, "everything", "because"),
        comment(5, "RAW_SQL", "because"),
    ];
    let report = report(evidence(json!({ "source": source(json!({ "ignores": all })) })));
    let told: Vec<String> = report.void.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "a.py:1: ignore[raw-sqll]: there is no such check; `raw-sql` is one",
            "a.py:2: ignore[raw-sql]: a reason is missing, so it counts for nothing",
            "a.py:4: ignore[everything]: there is no such check",
            "a.py:5: ignore[RAW_SQL]: there is no such check; `raw-sql` is one",
        ]
    );
    let text = report::text::report(&report, false);
    assert!(
        text.contains("\ncomments that silence nothing:\n   a.py:1: ignore[raw-sqll]"),
        "{text}"
    );
    assert_eq!(report::json::report(&report)["void_comments"][1]["line"], 2);
    for other in
        [report::html::reports(std::slice::from_ref(&report)), report::markdown::report(&report)]
    {
        assert!(other.contains("a reason is missing"), "{other}");
    }
}

/// Where code scanning looks for a file, and what that begins at, of a target that somebody named in a directory.
#[test]
fn a_file_is_named_as_the_checkout_names_it() {
    let placed = |target: &str, file: &str, here: Option<&str>| {
        let handler = json!({
            "kind": "tool", "name": "read", "place": { "file": file, "line": 1, "column": 1 }, "annotations": null,
            "raw_errors": { "file": file, "line": 1, "column": 1 }, "parameters": []
        });
        let files = json!([{ "file": file, "language": "python", "lines": 9, "whole": true }]);
        let mut evidence =
            evidence(json!({ "source": source(json!({ "handlers": [handler], "files": files })) }));
        evidence.target = target.to_owned();
        let sarif = report::sarif::reports(&[report(evidence)], here.map(std::path::Path::new));
        let run = &sarif["runs"][0];
        let at = &run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
        assert_eq!(at["uriBaseId"], "%SRCROOT%");
        let root = &run["originalUriBaseIds"]["%SRCROOT%"];
        assert!(root["description"]["text"].is_string());
        let word = |it: &Value| it.as_str().map(str::to_owned);
        (word(&at["uri"]), word(&root["uri"]))
    };
    let here = Some("/home/ada/a b");
    for (target, file, uri, root) in [
        (".", "src/a.py", "src/a.py", "file:///home/ada/a%20b/"),
        ("./sub/", "src/a.py", "sub/src/a.py", "file:///home/ada/a%20b/"),
        ("sub/../other", "a.py", "other/a.py", "file:///home/ada/a%20b/"),
        ("sub/a.py", "a.py", "sub/a.py", "file:///home/ada/a%20b/"),
        ("a.py", "a.py", "a.py", "file:///home/ada/a%20b/"),
        ("/home/ada/a b/sub", "a b.py", "sub/a%20b.py", "file:///home/ada/a%20b/"),
        ("../next", "a.py", "a.py", "file:///home/ada/next/"),
        ("/srv/x/a.py", "a.py", "a.py", "file:///srv/x/"),
    ] {
        let expect = (Some(uri.to_owned()), Some(root.to_owned()));
        assert_eq!(placed(target, file, here), expect, "{target}");
    }
    assert_eq!(placed("sub", "a.py", None), (Some("sub/a.py".to_owned()), None));
}

/// Whoever reads a page of half a tree is told of the other half, whatever the target is.
#[test]
fn what_was_not_looked_at_is_in_every_form() {
    let out = |file: &str| json!([{ "file": file, "why": "a reason" }]);
    let report = report(evidence(json!({
        "source": source(json!({ "left_out": out("source.py") })),
        "config": { "form": "a form", "sections": [], "servers": [], "unread": out("config.json") },
        "package": { "published": "npm", "name": "a", "version": "1", "unread": out("package.js") },
        "bundle": { "signature": "none", "entries": 1, "bytes": 1, "unread": out("bundle.js") },
        "live": live(json!({ "untested": [{ "what": "a tool", "why": "a reason" }] }))
    })));
    let page = report::markdown::report(&report);
    assert!(page.contains(" · 5 not looked at\n"), "{page}");
    let all = [report::text::report(&report, true), report::html::reports(&[report]), page];
    for told in all {
        for what in ["source.py", "config.json", "package.js", "bundle.js", "a tool"] {
            assert!(told.contains(&format!("{what}: a reason")), "{what}: {told}");
        }
    }
}

/// What a server calls itself and its tools is no link and no call in somebody else's page.
#[test]
fn a_name_is_no_link_in_any_form() {
    let name = "[see this](https://evil.example/x) www.evil.example @ada `a`` | b\u{202e}c\\";
    let tools = json!([{ "name": name }]);
    let seen = evidence(json!({ "target": name, "live": live(json!({ "tools": tools })) }));
    let report = report(seen);
    let found = report.findings.iter().find(|it| it.check == "missing-annotations");
    assert!(found.is_some_and(|it| it.title.contains(name)));
    let sarif = report::sarif::reports(std::slice::from_ref(&report), None);
    let run = &sarif["runs"][0];
    let result = &run["results"][0];
    let text = result["message"]["text"].as_str().expect("a message");
    assert!(text.contains(r"\[see this\](https://evil.example/x)"), "{text}");
    assert!(
        text.contains(r"c\\\\"),
        "its own backslash is written out, and each of the two: {text}"
    );
    let place = &result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"];
    for said in [text, place.as_str().expect("a name"), &run["properties"].to_string()] {
        assert!(said.contains("u{202e}") && !said.contains('\u{202e}'), "{said}");
    }
    let page = report::markdown::report(&report);
    let rows: Vec<&str> = page.lines().filter(|it| it.contains("evil")).collect();
    assert!(rows.len() >= 2, "{page}");
    for row in rows {
        // Outside of code there is nothing of it: a longer fence than any in the name holds all of it.
        let outside: String = row.split("```").step_by(2).collect();
        for sign in ["evil", "@", "see this", "https"] {
            assert!(!outside.contains(sign), "{sign}: {row}");
        }
        assert!(!row.starts_with('|') || !row.contains("`` | b"), "a bar ends a cell: {row}");
    }
}

fn trial(attack: &str, effect: Value) -> Value {
    json!({
        "attack": attack, "tool": "read", "parameter": "q", "request": {}, "answer": "result", "said": "fine",
        "effect": effect
    })
}

fn row(report: &Report, control: &str) -> (String, String) {
    let rows = &report.checklist;
    let row = rows.iter().find(|it| it.control == control).expect("a row");
    (row.status.words().to_owned(), row.evidence.clone())
}

/// The source names no bounds, and what was sent in vain is another matter: both are said, and the worse counts.
#[test]
fn a_line_of_which_source_and_server_say_different_things_says_both() {
    let handler = json!({
        "kind": "tool", "name": "read", "place": place(1), "annotations": null, "raw_errors": null,
        "parameters": [{ "name": "q", "written": null, "bounded": false }]
    });
    let source = source(json!({ "handlers": [handler] }));
    let tools = json!([{ "name": "read" }]);
    let trials = [trial("benign", Value::Null), trial("invalid", Value::Null)];
    let live = live(json!({ "tools": tools, "trials": trials }));
    let sent = "1 calls with arguments that its schema forbids were refused or bounded";
    let both = report(evidence(json!({ "source": source, "live": live })));
    assert_eq!(
        row(&both, "arguments-validated"),
        (
            "FAIL".to_owned(),
            format!(
                "in the source: a parameter without bounds: `read`; when it ran: {sent}; the bounds of its schema are read in the source; the worse counts"
            )
        )
    );
    let ran = report(evidence(json!({ "live": live })));
    let expect = format!("{sent}; the bounds of its schema are read in the source");
    assert_eq!(row(&ran, "arguments-validated"), ("PASS".to_owned(), expect));
}

/// A path that a shell was given is the shell's finding, and yet no attack without effect.
#[test]
fn what_had_an_effect_is_not_counted_among_what_had_none() {
    let canary = json!({ "kind": "canary-read", "from": "{stage}/vault/key.txt" });
    let ran = json!({ "kind": "executed", "what": "it ran" });
    let told = |first: Value, second: Value| {
        let trials = [
            trial("benign", Value::Null),
            trial("command-injection", first),
            trial("traversal", second),
        ];
        let live = live(json!({ "tools": [{ "name": "read" }], "trials": trials }));
        row(&report(evidence(json!({ "live": live }))), "paths-contained")
    };
    let (status, why) = told(ran, canary);
    assert_eq!(status, "NOT TESTABLE", "{why}");
    assert!(why.contains("had an effect, by way of what another line fails for: `read`"), "{why}");
    let none = told(Value::Null, Value::Null);
    assert_eq!(none, ("PASS".to_owned(), "1 attacks with a path had no effect".to_owned()));
}
