//! `portcullis server` with queries: the real binary, confined, asked over its pipes.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rusqlite::Connection;
use serde_json::{Value, json};

struct Server {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    next: u64,
}

impl Server {
    #[expect(clippy::disallowed_methods, reason = "the subject of the test is our own binary")]
    fn start(config: &Path, state: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .arg("server")
            .arg("--config")
            .arg(config)
            .arg("--state")
            .arg(state)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut server = Self { child, stdin, stdout: BufReader::new(stdout), next: 1 };
        server.ask(
            "initialize",
            json!({
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"},
            }),
        );
        server.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        server
    }

    fn say(&mut self, message: &Value) {
        writeln!(self.stdin, "{message}").unwrap();
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.next;
        self.next += 1;
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let mut line = String::new();
            assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "the server left");
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["id"] == id {
                return message["result"].clone();
            }
        }
    }

    fn call(&mut self, name: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({"name": name, "arguments": arguments}))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _waited = self.child.wait();
    }
}

#[test]
fn queries_are_tools_of_the_confined_server() {
    let folder = tempfile::tempdir().unwrap();
    let (file, config) = (folder.path().join("data/shop.db"), folder.path().join("p.toml"));
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let sql = "create table orders (id integer primary key, customer text, total integer); \
         insert into orders values (1, 'ada', 10), (2, 'bob', 20)";
    Connection::open(&file).unwrap().execute_batch(sql).unwrap();
    let text = format!(
        r#"
[databases.shop]
file = "{}"
adhoc = "read"

[queries.orders_of]
database = "shop"
about = "The orders of a customer"
sql = "select id, total from orders where customer = :customer"
parameters.customer = {{ max = 20, pattern = "[a-z]+" }}

[queries.forget]
database = "shop"
about = "Removes the orders of a customer"
sql = "delete from orders where customer = :customer"
writes = true
parameters.customer = {{}}
"#,
        file.display()
    );
    std::fs::write(&config, text).unwrap();
    let mut server = Server::start(&config, &folder.path().join("state"));
    let listed = server.ask("tools/list", json!({}));
    let tools = listed["tools"].as_array().unwrap();
    let tool = |name: &str| {
        let found = tools.iter().find(|tool| tool["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {listed}"))
    };
    assert_eq!(tool("orders_of")["annotations"]["readOnlyHint"], true);
    assert_eq!(tool("forget")["annotations"]["destructiveHint"], true);
    assert_eq!(tool("query_shop")["annotations"]["readOnlyHint"], true);
    let schema = &tool("orders_of")["inputSchema"];
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["properties"]["customer"]["maxLength"], 20);

    let answer = server.call("orders_of", json!({"customer": "ada"}));
    assert_eq!(answer["structuredContent"]["rows"], json!([[1, 10]]), "{answer}");
    for (name, arguments) in [
        ("orders_of", json!({"customer": "x' or '1'='1"})),
        ("orders_of", json!({"customer": "ada", "more": 1})),
        ("orders_of", json!({})),
        ("query_shop", json!({"sql": "delete from orders"})),
        ("query_shop", json!({"sql": "select * from sqlite_master"})),
    ] {
        let answer = server.call(name, arguments.clone());
        assert_eq!(answer["isError"], true, "{name} {arguments}: {answer}");
    }
    let answer = server.call("forget", json!({"customer": "bob"}));
    assert_eq!(answer["structuredContent"]["changed"], 1, "{answer}");
    let answer = server.call("query_shop", json!({"sql": "select count(*) from orders"}));
    assert_eq!(answer["structuredContent"]["rows"], json!([[1]]), "{answer}");
}

#[test]
fn a_file_that_only_reads_needs_no_directory() {
    let folder = tempfile::tempdir().unwrap();
    let (file, config) = (folder.path().join("shop.db"), folder.path().join("p.toml"));
    let sql = "create table t (a); insert into t values (7)";
    Connection::open(&file).unwrap().execute_batch(sql).unwrap();
    let text = format!("[databases.shop]\nfile = \"{}\"\nadhoc = \"read\"\n", file.display());
    std::fs::write(&config, text).unwrap();
    let mut server = Server::start(&config, &folder.path().join("state"));
    let answer = server.call("query_shop", json!({"sql": "select a from t"}));
    assert_eq!(answer["structuredContent"]["rows"], json!([[7]]), "{answer}");
}

#[test]
fn a_file_with_a_log_is_read_in_the_box() {
    let folder = tempfile::tempdir().unwrap();
    let (file, config) = (folder.path().join("data/shop.db"), folder.path().join("p.toml"));
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let writer = Connection::open(&file).unwrap();
    let sql = "pragma journal_mode = wal; create table t (a); insert into t values (7)";
    writer.execute_batch(sql).unwrap();
    drop(writer);
    let text = format!("[databases.shop]\nfile = \"{}\"\nadhoc = \"read\"\n", file.display());
    std::fs::write(&config, text).unwrap();
    let mut server = Server::start(&config, &folder.path().join("state"));
    let answer = server.call("query_shop", json!({"sql": "select a from t"}));
    assert_eq!(answer["structuredContent"]["rows"], json!([[7]]), "{answer}");
    // What somebody else writes meanwhile is seen.
    Connection::open(&file).unwrap().execute_batch("insert into t values (8)").unwrap();
    let answer = server.call("query_shop", json!({"sql": "select count(*) from t"}));
    assert_eq!(answer["structuredContent"]["rows"], json!([[2]]), "{answer}");
}
