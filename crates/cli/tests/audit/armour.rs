//! From audit to armour: the policy that an audit writes is one under which `portcullis run` starts the server, and an
//! honest call is answered.

use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::{Desk, python, source, words};

/// The careless server of the lesson, on a directory and a database of the desk's.
fn careless(desk: &Desk) -> Vec<String> {
    fs::create_dir(desk.path("notes")).unwrap();
    fs::create_dir(desk.path("data")).unwrap();
    fs::write(desk.path("notes/notes.txt"), "buy milk\n").unwrap();
    fs::copy(source("examples/lesson/shop.db"), desk.path("data/shop.db")).unwrap();
    let file = source("examples/lesson/careless.py");
    let own =
        [desk.path("notes"), desk.path("data/shop.db")].map(|path| path.canonicalize().unwrap());
    let all = [Path::new("--"), &python(), &file, &own[0], &own[1]];
    all.map(|word| word.to_str().unwrap().to_owned()).to_vec()
}

/// A host of one server under a config, with nobody there to be asked.
struct Host {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    last: u64,
}

impl Host {
    #[expect(clippy::disallowed_methods, reason = "the subject of the test is our own binary")]
    fn start(desk: &Desk, config: &Path, name: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(["run", "--name", name, "--ask", "never"]);
        command.arg("--config").arg(config).arg("--state").arg(desk.path("state"));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", desk.0.path());
        command.current_dir(desk.0.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut host = Self { child, lines, last: 0 };
        let who = json!({"name": "test", "version": "1"});
        let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": who});
        assert!(host.ask("initialize", &hello)["result"].is_object());
        host.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        host
    }

    fn say(&mut self, message: &Value) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{message}").unwrap();
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.last += 1;
        let id = self.last;
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let line = self.lines.next().expect("an answer").unwrap();
            let value: Value = serde_json::from_str(&line).unwrap();
            if value["id"] == id {
                return value;
            }
        }
    }

    fn call(&mut self, tool: &str, arguments: &Value) -> String {
        self.ask("tools/call", &json!({"name": tool, "arguments": arguments})).to_string()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[test]
fn the_policy_that_is_written_is_one_that_a_server_runs_under() {
    let desk = Desk::new();
    let server = careless(&desk);
    let (policy, saved) = (desk.path("careless.toml"), desk.path("seen.evidence"));
    let (policy_word, saved_word) = (policy.to_str().unwrap(), saved.to_str().unwrap());
    let options = ["--write-policy", policy_word, "--save-evidence", saved_word];
    let (_, code) = desk.json(&[&options[..], &words(&server)].concat());
    assert_eq!(code, Some(15));

    let mut host = Host::start(&desk, &policy, "careless");
    let tools = host.ask("tools/list", &json!({}));
    assert_eq!(tools["result"]["tools"].as_array().unwrap().len(), 3, "{tools}");
    let read = host.call("read_note", &json!({"path": "notes.txt"}));
    assert!(read.contains("buy milk"), "an honest call works: {read}");
    for (tool, arguments) in [
        ("read_note", json!({"path": "/etc/passwd"})),
        ("read_note", json!({"path": "../seen.evidence"})),
        ("run_command", json!({"command": "touch notes/x"})),
        ("query_shop", json!({"sql": "DELETE FROM products"})),
    ] {
        let said = host.call(tool, &arguments);
        assert!(said.contains("not permitted"), "{tool} {arguments}: {said}");
    }
    drop(host);
    assert!(!desk.path("notes/x").exists());

    // It overwrites nothing, and says so before minutes are spent.
    let text = fs::read_to_string(&policy).unwrap();
    fs::write(&policy, "# mine\n").unwrap();
    let refused = desk.audit(&[&options[..2], &words(&server)].concat());
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("exists, and --write-policy overwrites nothing"), "{said}");
    assert_eq!(fs::read_to_string(&policy).unwrap(), "# mine\n");

    // Evidence that was saved says the same, without the server.
    let again = desk.path("again.toml");
    let done = desk.audit(&["--write-policy", again.to_str().unwrap(), saved_word]);
    assert_eq!(done.status.code(), Some(15), "{done:?}");
    assert_eq!(fs::read_to_string(again).unwrap(), text);
}

#[test]
fn without_a_server_at_work_no_policy_is_written() {
    let desk = Desk::new();
    let file = source("examples/lesson/careless.py");
    let policy = desk.path("policy.toml");
    let done = desk.audit(&["--write-policy", policy.to_str().unwrap(), file.to_str().unwrap()]);
    assert_eq!(done.status.code(), Some(3), "{done:?}");
    assert!(String::from_utf8_lossy(&done.stderr).contains("name its command after `--`"));
    assert!(!policy.exists());
    assert!(
        String::from_utf8_lossy(&done.stdout).contains("raw-sql"),
        "the report is there all the same"
    );
}
