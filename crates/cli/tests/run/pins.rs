//! Pins across starts: what was approved is what is listed, called and started.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::stage::{Gateway, Said, Stage, finish};

/// A server whose words are in a file, so that the same command says something else.
pub(super) struct Words {
    pub(super) stage: Stage,
    file: PathBuf,
}

impl Words {
    pub(super) fn new(tools: &Value) -> Self {
        let words = Self::empty();
        words.say(tools);
        words
    }

    /// One that says nothing yet.
    pub(super) fn empty() -> Self {
        let stage = Stage::new();
        Self { file: stage.project().join("words.sed"), stage }
    }

    /// From now on, this is what it lists.
    pub(super) fn say(&self, tools: &Value) {
        let shake = json!({
            "protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
            "serverInfo": {"name": "server", "version": "1"},
        });
        self.answer(&[
            ("initialize", shake),
            ("tools/list", json!({"tools": tools})),
            ("tools/call", json!({"content": [{"type": "text", "text": "done"}]})),
        ]);
    }

    /// From now on, these are its answers by method.
    pub(super) fn answer(&self, answers: &[(&str, Value)]) {
        let id = r#"^{"jsonrpc":"2.0","id":\([0-9]*\),"method":"#;
        let lines = answers.iter().map(|(method, result)| {
            let method = method.replace('/', r"\/");
            let result = result.to_string().replace('\\', r"\\").replace('/', r"\/");
            let result = result.replace('&', r"\&");
            format!(
                "s/{id}\"{method}\".*/{{\"jsonrpc\":\"2.0\",\"id\":\\1,\"result\":{result}}}/p\n"
            )
        });
        fs::write(&self.file, lines.collect::<String>()).unwrap();
    }

    pub(super) fn start(&self) -> Gateway {
        self.start_with((&[], "Etc/UTC"))
    }

    /// Starts it with these options before the usual ones, in this time zone.
    pub(super) fn start_with(&self, (options, zone): (&[&str], &str)) -> Gateway {
        let root = self.stage.root();
        let server = ["sed", "-u", "-n", "-f", &self.file.display().to_string()].map(str::to_owned);
        let usual = ["--name", "files", "--root", &root];
        let mut command = self.stage.run(&[options, &usual].concat(), &server);
        command.env("TZ", zone);
        Gateway::start(command, None)
    }

    /// One session: the names that the host is shown, and what a call of the
    /// first tool comes to.
    fn session(&self) -> (Vec<String>, String) {
        let mut gateway = self.start();
        gateway.shakes_hands();
        let id = gateway.asks("tools/list", &json!({}));
        let listed = gateway.answer(id);
        let tools = listed["result"]["tools"].as_array().unwrap();
        let names = tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect();
        let called = gateway.call("read_file", &json!({"path": "notes.txt"}));
        gateway.leave();
        (names, called["result"]["content"][0]["text"].as_str().unwrap().to_owned())
    }

    fn pins(&self, words: &[&str]) -> Said {
        self.stage.says(&[&["pins"], words].concat())
    }
}

pub(super) fn tools(description: &str) -> Value {
    let schema = json!({"type": "object", "properties": {"path": {"type": "string"}}});
    json!([
        {"name": "read_file", "description": description, "inputSchema": schema},
        {"name": "get_time", "description": "Tells the time.", "inputSchema": {"type": "object"}},
    ])
}

const NOT: &str = "not permitted: this tool is not as it was approved";

#[test]
fn a_tool_that_changed_between_starts_waits_for_a_person() {
    let words = Words::new(&tools("Reads a file."));
    let both = || vec!["read_file".to_owned(), "get_time".to_owned()];
    assert_eq!(words.session(), (both(), "done".to_owned()));
    assert_eq!(words.session(), (both(), "done".to_owned()), "the same again");
    words.say(&tools("Reads one file."));
    assert_eq!(words.session(), (vec!["get_time".to_owned()], NOT.to_owned()));
    let diff = words.pins(&["diff", "files"]);
    assert_eq!(
        diff.out,
        "tool `read_file` (medium risk) changed\n  \
           description (medium risk): what a model reads of it changed\n    \
             - \"Reads a file.\"\n    \
             + \"Reads one file.\"\n\
         \nto accept all of it: portcullis pins accept files\n\
         to accept one: portcullis pins accept files NAME\n"
    );
    assert_eq!(words.session().1, NOT, "looking accepts nothing");
    let accepted = words.pins(&["accept", "files", "read_file"]);
    assert_eq!((accepted.code, accepted.out.as_str()), (0, "accepted: tool `read_file`\n"));
    assert_eq!(words.session(), (both(), "done".to_owned()));
    let notes: Vec<String> =
        words.stage.events("pinned").iter().map(|record| record["note"].to_string()).collect();
    assert!(notes.iter().any(|note| note.contains("accepts `read_file`")), "{notes:?}");
    assert!(!words.stage.events("drifted").is_empty());
    words.stage.verify();
}

#[test]
fn a_running_session_takes_an_acceptance_up() {
    let words = Words::new(&tools("Reads a file."));
    words.session();
    words.say(&tools("Reads one file."));
    let mut gateway = words.start();
    gateway.shakes_hands();
    let text = |answer: &Value| answer["result"]["content"][0]["text"].clone();
    let arguments = json!({"path": "notes.txt"});
    assert_eq!(text(&gateway.call("read_file", &arguments)), NOT);
    let blind = words.pins(&["accept", "files"]);
    assert_eq!((blind.code, blind.out.as_str()), (3, ""), "{blind:?}");
    assert!(blind.err.contains("it was not shown as it is now: tool `read_file`"), "{blind:?}");
    assert_eq!(words.pins(&["diff", "files"]).code, 0);
    assert_eq!(words.pins(&["accept", "files"]).code, 0);
    words.stage.until("the acceptance", || {
        (text(&gateway.call("read_file", &arguments)) == "done").then_some(())
    });
    gateway.leave();
}

#[test]
fn a_server_that_is_forgotten_is_seen_for_the_first_time() {
    let words = Words::new(&tools("Reads a file."));
    words.session();
    words.say(&tools("Reads one file."));
    assert_eq!(words.session().1, NOT);
    let reset = words.pins(&["reset", "files"]);
    assert_eq!(reset.code, 0, "{reset:?}");
    assert_eq!(words.session().1, "done");
}

/// One handshake with a server that speaks this revision; what the host was told.
fn speaking(words: &Words, revision: &str) -> String {
    let shake = json!({
        "protocolVersion": revision, "capabilities": {"tools": {}},
        "serverInfo": {"name": "server", "version": "1"},
    });
    words.answer(&[("initialize", shake)]);
    let mut gateway = words.start();
    let id = gateway.greets();
    let answer = gateway.answer(id);
    gateway.leave();
    let told = answer["result"]["protocolVersion"].as_str();
    told.or(answer["error"]["message"].as_str()).unwrap_or_default().to_owned()
}

#[test]
fn a_server_that_fell_back_between_starts_waits_for_a_person() {
    let words = Words::empty();
    let fell = "not permitted: the server spoke a newer revision before";
    assert_eq!(speaking(&words, "2025-03-26"), "2025-03-26");
    assert_eq!(speaking(&words, "2025-11-25"), "2025-11-25", "newer is welcome");
    assert_eq!(speaking(&words, "2025-03-26"), fell);
    assert_eq!(speaking(&words, "2025-03-26"), fell, "once more changes nothing");
    let diff = words.pins(&["diff", "files"]);
    assert!(diff.out.contains("server `revision` (high risk) changed"), "{diff:?}");
    assert!(diff.out.contains("it speaks an older revision than before"), "{diff:?}");
    assert!(diff.out.contains("- \"2025-11-25\"\n    + \"2025-03-26\""), "{diff:?}");
    assert_eq!(speaking(&words, "2025-11-25"), "2025-11-25", "as it was, nobody need be asked");
    assert!(words.pins(&["diff", "files"]).out.contains("as it was approved"));
    assert_eq!(speaking(&words, "2025-03-26"), fell);
    words.pins(&["diff", "files"]);
    let accepted = words.pins(&["accept", "files", "revision"]);
    assert_eq!((accepted.code, accepted.out.as_str()), (0, "accepted: server `revision`\n"));
    assert_eq!(speaking(&words, "2025-03-26"), "2025-03-26");
    assert_eq!(speaking(&words, "2024-11-05"), fell, "a yes to one fall is none to the next");
    let note = words.stage.events("drifted")[0]["note"].to_string();
    assert!(note.contains("where it was known to speak 2025-11-25"), "{note}");
    words.stage.verify();
}

/// A script of the person's own, beside the project.
pub(super) fn script(stage: &Stage, text: &str) -> String {
    let file = stage.folder("bin", 0o755).join("server");
    fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file.display().to_string()
}

/// One start of this command under this name; how it ended.
fn starts(stage: &Stage, options: &[&str], command: &[&str]) -> Said {
    let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
    finish(stage.run(options, &command))
}

pub(super) fn times_started(stage: &Stage) -> usize {
    stage.events("started").len()
}

#[test]
fn what_was_approved_is_what_starts() {
    let stage = Stage::new();
    let server = script(&stage, "exit 0");
    let named = ["--name", "mine"];
    starts(&stage, &named, &[&server]);
    starts(&stage, &named, &[&server]);
    assert_eq!(times_started(&stage), 2);
    // Another argument, another variable, another text of the script.
    let refused = [
        starts(&stage, &named, &[&server, "--all"]),
        starts(&stage, &["--name", "mine", "--env", "MORE=1"], &[&server]),
        {
            script(&stage, "echo gotcha >&2; exit 0");
            starts(&stage, &named, &[&server])
        },
    ];
    for said in refused {
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
        assert!(said.err.contains("mine is not started"), "{said:?}");
        assert!(said.err.contains("portcullis pins diff mine"), "{said:?}");
    }
    assert_eq!(times_started(&stage), 2);
    let diff = stage.says(&["pins", "diff", "mine"]);
    assert!(diff.out.contains("launch `program` (high risk) changed\n  files"), "{diff:?}");
    assert_eq!(stage.says(&["pins", "accept", "mine", "program"]).code, 0);
    starts(&stage, &named, &[&server]);
    assert_eq!(times_started(&stage), 3);
}

/// Where the server may write it could rewrite its own script; its data it may.
#[test]
fn a_script_in_a_writable_root_is_pinned_too() {
    let stage = Stage::new();
    let (file, notes) = (stage.project().join("server.sh"), stage.project().join("notes.db"));
    let root = format!("{}:rw", stage.project().display());
    let session = || {
        let (file, notes) = (file.display().to_string(), notes.display().to_string());
        starts(&stage, &["--name", "mine", "--root", &root], &["sh", &file, "--db", &notes])
    };
    fs::write(&file, "exit 0").unwrap();
    for data in ["one", "two"] {
        fs::write(&notes, data).unwrap();
        session();
    }
    assert_eq!(times_started(&stage), 2);
    fs::write(&file, "exit 0 # otherwise").unwrap();
    let said = session();
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("mine is not started"), "{said:?}");
    assert_eq!(times_started(&stage), 2);
    assert!(stage.says(&["pins", "diff", "mine"]).out.contains("server.sh"));
    assert_eq!(stage.says(&["pins", "accept", "mine", "program"]).code, 0);
    session();
    assert_eq!(times_started(&stage), 3);
}

#[test]
fn whoever_wants_to_be_asked_starts_nothing_before_a_yes() {
    let stage = Stage::new();
    let server = script(&stage, "exit 0");
    let config = stage.config("[defaults]\npins = \"ask\"\n").display().to_string();
    let options = ["--name", "mine", "--config", &config];
    let said = starts(&stage, &options, &["/bin/sh", "-c", &server]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("was not accepted yet"), "{said:?}");
    assert_eq!(times_started(&stage), 0);
    let diff = stage.says(&["pins", "diff", "mine"]);
    assert!(diff.out.contains(&format!("[\"/bin/sh\",\"-c\",\"{server}\"]")), "{diff:?}");
    assert!(diff.out.contains("/bin/sh is a shell, and runs any text"), "{diff:?}");
    let record = &stage.events("drifted")[0];
    assert!(record["note"].as_str().unwrap().contains("look at: /bin/sh is a shell"), "{record}");
    assert_eq!(stage.says(&["pins", "accept", "mine"]).code, 0);
    starts(&stage, &options, &["/bin/sh", "-c", &server]);
    assert_eq!(times_started(&stage), 1);
}

#[test]
fn a_server_that_nobody_named_is_known_by_its_command() {
    let stage = Stage::new();
    let server = script(&stage, "exit 0");
    starts(&stage, &[], &[&server, "one"]);
    starts(&stage, &[], &[&server, "two"]);
    assert_eq!(times_started(&stage), 2, "two projects are two servers");
    let list = stage.says(&["pins", "list", "--json"]);
    let list: Value = serde_json::from_str(&list.out).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 2, "{list}");
}

#[test]
fn nothing_is_pinned_before_something_was_started() {
    let stage = Stage::new();
    let list = stage.says(&["pins"]);
    assert_eq!(
        (list.code, list.out.as_str()),
        (0, "nothing is pinned: no server was started yet\n")
    );
    for words in
        [["pins", "diff", "files"], ["pins", "accept", "files"], ["pins", "reset", "files"]]
    {
        let said = stage.says(&words);
        assert_eq!(said.code, 3, "{said:?}");
        assert_eq!(said.err, "portcullis: nothing is pinned of `files`: see `portcullis pins`\n");
    }
}
