//! Servers that ask for the model and for the person, hosts that have both, and a person
//! who is asked through the store that a second process answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

use crate::calls;
use crate::host::{
    Host, PYTHON_1, PYTHON_2_LEGACY, PYTHON_2_MODERN, TYPESCRIPT_1, TYPESCRIPT_2_LEGACY,
    TYPESCRIPT_2_MODERN,
};
use crate::yard::{PORTCULLIS, Yard, command, peer, source};

/// A test for each host, with its own name in the list of tests.
macro_rules! each_host {
    ($($name:ident: $host:expr, $scene:ident;)*) => {
        $(
            #[test]
            fn $name() {
                $scene($host);
            }
        )*
    };
}

each_host! {
    model_python_1: PYTHON_1, model;
    model_python_2: PYTHON_2_LEGACY, model;
    model_typescript_1: TYPESCRIPT_1, model;
    model_typescript_2: TYPESCRIPT_2_LEGACY, model;

    person_python_1: PYTHON_1, person;
    person_python_2: PYTHON_2_LEGACY, person;
    person_typescript_1: TYPESCRIPT_1, person;
    person_typescript_2: TYPESCRIPT_2_LEGACY, person;

    answers_python_2: PYTHON_2_MODERN, answers;
    answers_typescript_2: TYPESCRIPT_2_MODERN, answers;

    edited_python_1: PYTHON_1, edited;
    edited_python_2: PYTHON_2_LEGACY, edited;
    edited_typescript_1: TYPESCRIPT_1, edited;
    edited_typescript_2: TYPESCRIPT_2_LEGACY, edited;

    edited_in_answers_python_2: PYTHON_2_MODERN, edited_in_answers;
    edited_in_answers_typescript_2: TYPESCRIPT_2_MODERN, edited_in_answers;

    http_model_python_1: PYTHON_1.over_http(), model;
    http_person_typescript_1: TYPESCRIPT_1.over_http(), person;
    http_answers_python_2: PYTHON_2_MODERN.over_http(), answers;
    http_answers_typescript_2: TYPESCRIPT_2_MODERN.over_http(), answers;

    closed_python_1: PYTHON_1, closed;
    closed_typescript_2: TYPESCRIPT_2_LEGACY, closed;
}

/// Somebody who looks at what waits and answers it, until the test is over.
pub(crate) struct Person {
    over: Arc<AtomicBool>,
    looks: JoinHandle<Vec<Value>>,
}

impl Person {
    /// Answers by the words of `says`, for each question once: `approve`, `deny` or nothing.
    pub(crate) fn at(yard: &Yard, says: fn(&Value) -> Option<&'static str>) -> Self {
        Self::who_edits(yard, says, |_| None)
    }

    /// The same, but a question may be answered with other content in its place.
    fn who_edits(
        yard: &Yard,
        says: fn(&Value) -> Option<&'static str>,
        edits: fn(&Value) -> Option<Value>,
    ) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (state, ends) = (yard.text("state"), Arc::clone(&over));
        let looks = thread::spawn(move || {
            let mut seen: Vec<Value> = Vec::new();
            while !ends.load(Ordering::Relaxed) {
                for row in pending(&state) {
                    if seen.iter().any(|before| before["id"] == row["id"]) {
                        continue;
                    }
                    let id = row["id"].as_str().unwrap();
                    if let Some(content) = edits(&row) {
                        let draft = std::path::Path::new(&state).with_file_name("draft.json");
                        std::fs::write(&draft, content.to_string()).unwrap();
                        let draft = draft.display().to_string();
                        let decided =
                            portcullis(&state, &["approvals", "edit", id, "--from", &draft]);
                        assert!(decided.status.success(), "{decided:?}");
                    } else if let Some(word) = says(&row) {
                        let decided = portcullis(&state, &["approvals", word, id]);
                        assert!(decided.status.success(), "{decided:?}");
                    }
                    seen.push(row);
                }
                thread::sleep(Duration::from_millis(50));
            }
            seen
        });
        Self { over, looks }
    }

    /// Everything that a server asked. That its tools are called is asked too, as any call is.
    pub(crate) fn leaves(self) -> Vec<Value> {
        self.over.store(true, Ordering::Relaxed);
        let mut asked = self.looks.join().unwrap();
        asked.retain(|row| row["kind"] != "tool");
        asked
    }
}

fn portcullis(state: &str, words: &[&str]) -> std::process::Output {
    command(PORTCULLIS).args(words).args(["--state", state]).output().unwrap()
}

/// What waits; nothing before the first start.
fn pending(state: &str) -> Vec<Value> {
    let listed = portcullis(state, &["approvals", "list", "--json"]);
    serde_json::from_slice(&listed.stdout).unwrap_or_default()
}

/// Says yes to whatever does not ask to be denied, and nothing to what begs.
pub(crate) fn judge(row: &Value) -> Option<&'static str> {
    let content = row["arguments"].to_string();
    match () {
        () if content.contains("silence, please") => None,
        () if content.contains("deny this") => Some("deny"),
        () => Some("approve"),
    }
}

/// `server-everything` asks for the model in a request of its own.
fn model(host: Host) {
    let yard = Yard::new();
    let config = yard.file(
        "portcullis.toml",
        "[server.everything]\nask = \"destructive\"\npatience = \"10s\"\n\
         sampling = { mode = \"ask\", max_tokens = 50, per_minute = 30 }\n",
    );
    let run = everything(&yard, &config.display().to_string());
    let tool = "trigger-sampling-request";
    let ask =
        |prompt: &str| json!({"call": tool, "arguments": {"prompt": prompt, "maxTokens": 900}});
    let steps = json!([
        ask("sum up"), ask("deny this"), ask("silence, please"),
        {"call": "echo", "arguments": {"message": "still here"}},
    ]);
    let person = Person::at(&yard, judge);
    let facts = host.drive_with(&yard, &run, json!({"model": "short"}), &steps);
    let asked = person.leaves();

    let [answered, denied, unanswered, after] = steps_of(&facts);
    assert!(text(answered).contains("short"), "{answered}");
    for refused in [denied, unanswered] {
        assert!(text(refused).to_lowercase().contains("rejected"), "{refused}");
    }
    assert_eq!(text(after), "Echo: still here");
    let shown = json!([{
        "texts": ["Resource trigger-sampling-request context: sum up"],
        "system": "You are a helpful test server.", "tokens": 50,
    }]);
    assert_eq!(facts["model_asked"], shown, "what was approved, and nothing else");
    let kinds: Vec<&Value> = asked.iter().map(|row| &row["kind"]).collect();
    assert_eq!(kinds, ["sampling", "sampling-answer", "sampling", "sampling"]);
    let request = &asked[0]["arguments"];
    assert_eq!(request["maxTokens"], 50, "the person sees what is left of it");
    assert_eq!(request["systemPrompt"], "You are a helpful test server.");
    assert_eq!(asked[1]["arguments"]["content"]["text"], "short");
    recorded(&yard, &[("approval-exact", "a person said no"), ("silence-is-no", "no answer")]);
}

/// Other words in the place of the prompt, and of the answer.
fn rewords(row: &Value) -> Option<Value> {
    let mut content = row["arguments"].clone();
    match row["kind"].as_str() {
        Some("sampling") => {
            content["messages"][0]["content"]["text"] = "say hello".into();
            content["maxTokens"] = 7.into();
            content.as_object_mut()?.remove("systemPrompt");
        }
        Some("sampling-answer") => {
            let text = match content["content"].is_array() {
                true => &mut content["content"][0]["text"],
                false => &mut content["content"]["text"],
            };
            *text = "as edited".into();
        }
        _ => return None,
    }
    Some(content)
}

/// The host's model sees the edited prompt; the server sees the edited answer.
fn edited(host: Host) {
    let yard = Yard::new();
    let config = yard.file(
        "portcullis.toml",
        "[server.everything]\nask = \"destructive\"\nsampling = { mode = \"ask\" }\n",
    );
    let run = everything(&yard, &config.display().to_string());
    let arguments = json!({"prompt": "the secret plan", "maxTokens": 900});
    let steps = json!([{"call": "trigger-sampling-request", "arguments": arguments}]);
    let person = Person::who_edits(&yard, judge, rewords);
    let facts = host.drive_with(&yard, &run, json!({"model": "short"}), &steps);
    let asked = person.leaves();

    let [answered] = steps_of(&facts);
    assert!(text(answered).contains("as edited") && !text(answered).contains("short"), "{facts}");
    let model = &facts["model_asked"][0];
    assert_eq!((&model["texts"], &model["tokens"]), (&json!(["say hello"]), &json!(7)), "{facts}");
    assert!(model["system"].is_null() || model["system"] == "", "{facts}");
    let kinds: Vec<&Value> = asked.iter().map(|row| &row["kind"]).collect();
    assert_eq!(kinds, ["sampling", "sampling-answer"]);
    edits_recorded(&yard);
}

/// The same of a server that asks in its answers.
fn edited_in_answers(host: Host) {
    let yard = Yard::new();
    let config =
        yard.file("portcullis.toml", "[server.questions]\nsampling = { mode = \"ask\" }\n");
    let server = [
        peer("python/sdk2/bin/python"),
        source("peers/servers/questions.py").display().to_string(),
    ];
    let config = config.display().to_string();
    let run = yard.run(&["--name", "questions", "--config", &config], &server);
    let steps = json!([{"call": "summarise", "arguments": {"text": "the secret plan"}}]);
    let person = Person::who_edits(&yard, judge, rewords);
    let facts = host.drive_with(&yard, &run, json!({"model": "short"}), &steps);
    person.leaves();

    let [summary] = steps_of(&facts);
    assert_eq!(text(summary), "the model says: as edited", "{facts}");
    let model = &facts["model_asked"][0];
    assert_eq!((&model["texts"], &model["tokens"]), (&json!(["say hello"]), &json!(7)), "{facts}");
    edits_recorded(&yard);
}

/// Both edits are recorded with the digests of both, and none of the words are.
fn edits_recorded(yard: &Yard) {
    let journal = yard.journal();
    let edits: Vec<&Value> =
        journal.iter().filter(|record| record["event"] == "rewritten").collect();
    let edits: Vec<&&Value> =
        edits.iter().filter(|record| record["edited_by"].is_string()).collect();
    assert_eq!(edits.len(), 2, "{journal:?}");
    for record in edits {
        let digests = (&record["asked_digest"], &record["arguments_digest"]);
        assert!(digests.0.is_string() && digests.1.is_string() && digests.0 != digests.1);
        let asked = journal
            .iter()
            .any(|other| other["event"] == "asked" && other["approval"] == record["approval"]);
        assert!(asked && record["arguments"].is_null(), "{record}");
    }
    let all = serde_json::to_string(&journal).unwrap();
    for word in ["say hello", "as edited"] {
        assert!(!all.contains(word), "{word}");
    }
}

/// `server-everything` asks the person: with a form, and with an address.
fn person(host: Host) {
    let yard = Yard::new();
    let config = yard.file(
        "portcullis.toml",
        "[server.everything]\nask = \"destructive\"\n\
         elicitation = { mode = \"ask\", urls = [\"login.example.com\"] }\n",
    );
    let run = everything(&yard, &config.display().to_string());
    let link = |url: &str| json!({"call": "trigger-url-elicitation", "arguments": {"url": url, "message": "Sign in"}});
    let steps = json!([
        {"call": "trigger-elicitation-request", "arguments": {}},
        link("https://login.example.com/start?x=1"), link("https://evil.test/"),
    ]);
    let person = Person::at(&yard, judge);
    let answer = json!({"action": "accept", "content": {"name": "Ada", "number": 1.5}});
    let has = json!({"person": answer});
    let facts = host.drive_with(&yard, &run, has, &steps);
    let asked = person.leaves();

    let form = &facts["person_asked"][0];
    let message = "[server `everything` asks] Please provide inputs for the following fields:";
    assert_eq!((&form["mode"], &form["message"]), (&json!("form"), &json!(message)));
    assert!(text(&facts["steps"][0]).contains("Ada"), "{}", facts["steps"][0]);
    assert_eq!(asked[0]["kind"], "elicitation");
    assert_eq!(asked[0]["arguments"]["requestedSchema"]["required"], json!(["name"]));
    let links: Vec<&Value> =
        asked.iter().map(|row| &row["arguments"]["url"]).filter(|url| url.is_string()).collect();
    let shown = facts["person_asked"].as_array().unwrap().iter().map(|it| &it["url"]);
    let shown: Vec<&Value> = shown.filter(|url| url.is_string()).collect();
    assert_eq!(shown, links, "what the person saw is what the host shows");
    assert_eq!(links, [&json!("https://login.example.com/start?x=1")], "{facts}");
}

/// A server of 2026-07-28 asks in its answers.
fn answers(host: Host) {
    let yard = Yard::new();
    let config = yard.file(
        "portcullis.toml",
        "[server.questions]\nsampling = { mode = \"ask\", max_tokens = 50, per_minute = 30 }\n\
         elicitation = { mode = \"ask\" }\n",
    );
    let server = [
        peer("python/sdk2/bin/python"),
        source("peers/servers/questions.py").display().to_string(),
    ];
    let config = config.display().to_string();
    let run = yard.run(&["--name", "questions", "--config", &config], &server);
    let steps = json!([
        {"call": "summarise", "arguments": {"text": "a long story"}},
        {"call": "which_line", "arguments": {}},
        {"call": "both", "arguments": {}},
        {"call": "summarise", "arguments": {"text": "deny this"}},
    ]);
    let person = Person::at(&yard, judge);
    let answer = json!({"action": "accept", "content": {"line": 7}});
    let has = json!({"model": "short", "person": answer});
    let facts = host.drive_with(&yard, &run, has, &steps);
    let asked = person.leaves();

    assert_eq!(facts["revision"], "2026-07-28");
    let [summary, line, both, denied] = steps_of(&facts);
    assert_eq!(text(summary), "the model says: short");
    assert!(text(line).starts_with("accept:") && text(line).contains('7'), "{line}");
    assert_eq!(text(both), "short, line 7");
    assert_eq!(denied["error"], true, "{denied}");
    assert_eq!(text(denied), "not permitted: what the server asked for was not approved");
    let kinds: Vec<&str> = asked.iter().filter_map(|row| row["kind"].as_str()).collect();
    let expected = [
        "sampling",
        "sampling-answer",
        "elicitation",
        "sampling",
        "elicitation",
        "sampling-answer",
        "sampling",
    ];
    assert_eq!(kinds, expected);
    let tokens: Vec<&Value> =
        facts["model_asked"].as_array().unwrap().iter().map(|asked| &asked["tokens"]).collect();
    assert_eq!(tokens, [50, 50], "twice, and cut to the operator's limit");
    let messages = facts["person_asked"].as_array().unwrap();
    assert!(messages.iter().all(|it| it["message"] == "[server `questions` asks] Which line?"));
}

/// Without a word of the operator a server does not even learn that it could ask.
fn closed(host: Host) {
    let yard = Yard::new();
    let run = calls::everything(&yard).guarded(&yard, &["--name", "everything"]);
    let steps = json!([{"call": "echo", "arguments": {"message": "x"}}]);
    let answer = json!({"action": "accept", "content": {}});
    let has = json!({"model": "short", "person": answer});
    let facts = host.drive_with(&yard, &run, has, &steps);
    let tools = facts["tools"].as_array().unwrap();
    assert!(tools.contains(&json!("echo")) && !tools.contains(&json!("trigger-sampling-request")));
    assert!(!tools.contains(&json!("trigger-elicitation-request")), "{tools:?}");
    assert_eq!((&facts["model_asked"], &facts["person_asked"]), (&json!([]), &json!([])));
}

fn everything(yard: &Yard, config: &str) -> Vec<String> {
    calls::everything(yard).guarded(yard, &["--name", "everything", "--config", config])
}

fn steps_of<const STEPS: usize>(facts: &Value) -> [&Value; STEPS] {
    let answers: Vec<&Value> = facts["steps"].as_array().unwrap().iter().collect();
    answers.try_into().unwrap()
}

fn text(answer: &Value) -> &str {
    answer["text"].as_str().unwrap_or_default()
}

/// Each of these controls gave this reason.
fn recorded(yard: &Yard, reasons: &[(&str, &str)]) {
    let journal = yard.journal();
    for (control, why) in reasons {
        let because = |record: &Value| {
            let because = record["decision"]["because"].as_array();
            because.is_some_and(|because| {
                because.iter().any(|one| {
                    one["control"] == *control
                        && one["why"].as_str().is_some_and(|said| said.contains(why))
                })
            })
        };
        assert!(journal.iter().any(because), "{control}: {journal:?}");
    }
}
