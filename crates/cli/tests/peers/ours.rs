//! Our own server under other people's hosts: every tool, in both eras, bare and
//! behind `portcullis run`, with the same answers.

use std::fs;

use serde_json::{Value, json};

use crate::host::{
    Host, PYTHON_1, PYTHON_2_AUTO, PYTHON_2_LEGACY, PYTHON_2_MODERN, TYPESCRIPT_1,
    TYPESCRIPT_2_LEGACY, TYPESCRIPT_2_MODERN,
};
use crate::yard::{PORTCULLIS, Yard};

#[test]
fn every_tool_python_1() {
    every_tool(PYTHON_1);
}

#[test]
fn every_tool_python_2() {
    every_tool(PYTHON_2_LEGACY);
    every_tool(PYTHON_2_MODERN);
}

#[test]
fn every_tool_python_2_asks_first() {
    every_tool(PYTHON_2_AUTO);
}

#[test]
fn every_tool_typescript_1() {
    every_tool(TYPESCRIPT_1);
}

#[test]
fn every_tool_typescript_2() {
    every_tool(TYPESCRIPT_2_LEGACY);
    every_tool(TYPESCRIPT_2_MODERN);
}

fn every_tool(host: Host) {
    let yard = Yard::new();
    let (project_root, tables) = (format!("{}:rw", yard.text("project")), yard.text("tables"));
    let options = ["--root", &project_root, "--root", &tables].map(str::to_owned);
    let config = ["--config".to_owned(), yard.text("tables/portcullis.toml")];
    let server = [vec!["server".to_owned()], options.to_vec(), config.to_vec()].concat();
    let alone = [server.clone(), vec!["--state".to_owned(), yard.text("state")]].concat();
    let guarded = [vec![PORTCULLIS.to_owned()], server].concat();
    // Where nobody is there to ask, the policies watch: the answers are the server's.
    let settings = ["--observe", "--ask", "never", "--root", &options[1], "--root", &tables];
    let guarded = yard.run(&settings, &guarded);
    let steps = steps(&yard);

    project(&yard);
    let bare = host.drive(&yard, &alone, None, &steps);
    project(&yard);
    let behind = host.drive(&yard, &guarded, None, &steps);
    let asked = steps.as_array().unwrap().len();
    assert_eq!((answers(&bare).len(), answers(&behind).len()), (asked, asked));
    for (step, (bare, behind)) in
        steps.as_array().unwrap().iter().zip(answers(&bare).iter().zip(answers(&behind)))
    {
        let expected = step["call"] == "read_file" && step["arguments"]["path"] == "/etc/passwd";
        assert_eq!(bare["error"], json!(expected), "{host:?} {step}: {bare}");
        // An error of ours names the call and the directories, the gateway's is its own.
        if !expected {
            assert_eq!(bare, &behind, "{host:?} {step}");
        }
    }
    let offered = bare["tools"].as_array().unwrap();
    let used: Vec<&Value> = steps.as_array().unwrap().iter().map(|step| &step["call"]).collect();
    for tool in offered {
        assert!(used.contains(&tool), "no step uses {tool}");
    }
    assert_eq!(bare["tools"], behind["tools"]);
}

/// The answers, without what a clock or a counter says.
fn answers(facts: &Value) -> Vec<Value> {
    let steps = facts["steps"].as_array().unwrap().iter().cloned();
    steps
        .map(|mut answer| {
            let text = answer["text"].as_str().unwrap_or_default();
            if let Ok(mut said) = serde_json::from_str::<Value>(text) {
                timeless(&mut said);
                answer["text"] = said;
            }
            answer
        })
        .collect()
}

fn timeless(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| {
                !matches!(name.as_str(), "modified" | "created" | "accessed" | "duration_ms")
            });
            members.values_mut().for_each(timeless);
        }
        Value::Array(items) => items.iter_mut().for_each(timeless),
        _ => {}
    }
}

fn project(yard: &Yard) {
    let _ = fs::remove_dir_all(yard.path("project"));
    yard.dir("project");
    yard.file("project/notes.txt", "one\ntwo\nthree\n");
    yard.file("project/docs/guide.md", "# Guide\n\nÜber alles: nothing.\n");
    yard.file("project/docs/dot.png", include_bytes!("dot.png"));
    yard.file("project/old.txt", "old");
    let _ = fs::remove_dir_all(yard.path("tables"));
    yard.file("tables/portcullis.toml", TABLES.replace("TABLES", &yard.text("tables")));
    let shop = rusqlite::Connection::open(yard.path("tables/shop.db")).unwrap();
    shop.execute_batch(SHOP).unwrap();
}

const SHOP: &str = "create table orders (id integer primary key, customer text, total integer);
    insert into orders values (1, 'ada', 30), (2, 'eve', 40), (3, 'ada', 50)";

const TABLES: &str = r#"
[databases.shop]
file = "TABLES/shop.db"
adhoc = "read"

[queries.orders_of]
database = "shop"
about = "The orders of one customer"
sql = "select id, total from orders where customer = :customer order by id"
parameters = { customer = { max = 32 } }

[commands.wc]
program = "/usr/bin/wc"
grammar = "wc"
"#;

/// Each tool at least once; the last one wants what it may not have.
fn steps(yard: &Yard) -> Value {
    let at = |path: &str| yard.text(&format!("project/{path}"));
    json!([
        {"call": "list_allowed_directories", "arguments": {}},
        {"call": "list_directory", "arguments": {"path": at(""), "depth": 3}},
        {"call": "read_file", "arguments": {"path": at("notes.txt")}},
        {"call": "read_file", "arguments": {"path": at("docs/dot.png")}},
        {"call": "read_many", "arguments": {"paths": [at("notes.txt"), at("docs/guide.md")]}},
        {"call": "search_files", "arguments": {"path": at(""), "text": "two"}},
        {"call": "file_info", "arguments": {"path": at("notes.txt"), "count_lines": true}},
        {"call": "create_directory", "arguments": {"path": at("made/here")}},
        {"call": "write_file", "arguments": {"path": at("made/here/new.txt"), "content": "new\n"}},
        {"call": "edit_file", "arguments": {
            "path": at("made/here/new.txt"), "edits": [{"old_text": "new", "new_text": "newer"}]
        }},
        {"call": "move_file", "arguments": {
            "source": at("made/here/new.txt"), "destination": at("made/moved.txt")
        }},
        {"call": "read_file", "arguments": {"path": at("made/moved.txt")}},
        {"call": "orders_of", "arguments": {"customer": "ada"}},
        {"call": "query_shop", "arguments": {"sql": "select count(*) as n from orders"}},
        {"call": "run_command", "arguments": {"program": "wc", "arguments": ["-l", at("notes.txt")]}},
        {"call": "delete_file", "arguments": {"path": at("old.txt")}},
        {"call": "read_file", "arguments": {"path": "/etc/passwd"}},
    ])
}
