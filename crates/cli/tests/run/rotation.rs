//! A secret that changes while calls flow: the server gets the new one, and the
//! host notices nothing.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::stage::{Gateway, PATIENCE, Stage};

/// A server in Python that writes down each call before it answers, and tells the
/// length and the end of its secret. A call of `get_slowly` takes a while.
const SERVER: &str = r#"
import json, os, sys, time
schema = {'type': 'object', 'properties': {'number': {'type': 'number'}}}
polls = 0
for line in sys.stdin:
    asked = json.loads(line)
    if 'id' not in asked or 'method' not in asked:
        continue
    result = {}
    if asked['method'] == 'initialize':
        result = {'protocolVersion': '2025-11-25', 'capabilities': {
                      'tools': {'listChanged': True}, 'tasks': {'requests': {'tools': {'call': {}}}}},
                  'serverInfo': {'name': 'server', 'version': '1'}}
    if asked['method'] == 'tools/list':
        result = {'tools': [{'name': name, 'inputSchema': schema} for name in ('get_one', 'get_slowly')]}
    if 'task' in asked.get('params', {}) or asked['method'].startswith('tasks/'):
        polls += asked['method'] == 'tasks/get'
        result = {'taskId': 't', 'status': 'completed' if polls > 1 else 'working', 'ttl': 600000,
                  'createdAt': '2026-11-30T10:00:00Z', 'lastUpdatedAt': '2026-11-30T10:00:00Z'}
    if asked['method'] == 'tools/call' and 'task' in asked['params']:
        result = {'task': result}
    elif asked['method'] in ('tools/call', 'tasks/result'):
        number = asked['params'].get('arguments', {'number': 0})['number']
        with open(sys.argv[1], 'a') as done:
            done.write(f'{number}\n')
        if asked['params'].get('name') == 'get_slowly':
            time.sleep(1.5)
        old = 'first-value' in open('/proc/self/environ').read() + ' '.join(os.environ.values())
        text = f"{number} {os.environ['TOKEN'][-3:]} {'old' if old else 'new'}"
        result = {'content': [{'type': 'text', 'text': text}]}
    print(json.dumps({'jsonrpc': '2.0', 'id': asked['id'], 'result': result}), flush=True)
"#;

struct Scene {
    stage: Stage,
    token: PathBuf,
    done: PathBuf,
}

impl Scene {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let stage = Stage::new();
        let token = stage.home().join("token");
        fs::write(&token, "first-value-one\n").unwrap();
        let done = stage.folder("done", 0o777).join("lines");
        fs::write(&done, "").unwrap();
        fs::set_permissions(&done, fs::Permissions::from_mode(0o666)).unwrap();
        Self { stage, token, done }
    }

    fn started(&self) -> Gateway {
        let mut gateway = self.begun();
        gateway.shakes_hands();
        let id = gateway.asks("tools/list", &json!({}));
        gateway.answer(id);
        gateway
    }

    fn begun(&self) -> Gateway {
        let done = self.done.display().to_string();
        let server = ["python3", "-u", "-c", SERVER, done.as_str()].map(str::to_owned);
        let kept = format!("{}:rw", self.done.parent().unwrap().display());
        let token = format!("TOKEN=@{}", self.token.display());
        let config = self.stage.config(
            "[defaults.limits]\ncalls_per_minute = 100000\n\
             [server.s]\nextensions = [\"io.modelcontextprotocol/tasks\"]\n",
        );
        let config = config.display().to_string();
        let options = [
            "--name", "s", "--config", &config, "--root", &kept, "--env", &token, "--ask", "never",
        ];
        Gateway::start(self.stage.run(&options, &server), None)
    }

    /// As an editor or a secret manager does it: whole, under another name, renamed.
    fn rotate(&self, value: &str) {
        let beside = self.token.with_extension("new");
        fs::write(&beside, value).unwrap();
        fs::rename(&beside, &self.token).unwrap();
    }

    fn told(&self, part: &str) -> bool {
        self.stage.events("notice").iter().any(|record| record.to_string().contains(part))
    }
}

fn text(answer: &Value) -> String {
    let text = answer["result"]["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("no answer: {answer}")).to_owned()
}

/// The time of day, in seconds.
fn seconds(time: &str) -> f64 {
    let (_, of_day) = time.trim_end_matches('Z').split_once('T').unwrap();
    of_day.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap())
}

#[test]
fn a_key_is_rotated_while_calls_flow_and_none_is_lost_or_done_twice() {
    let scene = Scene::new();
    let mut gateway = scene.started();
    let pid = gateway.pid();
    let (mut number, mut answers) = (0, Vec::new());
    let mut call = |gateway: &mut Gateway, tool: &str| {
        number += 1;
        let id =
            gateway.asks("tools/call", &json!({"name": tool, "arguments": {"number": number}}));
        (number, id)
    };
    for _ in 0..5 {
        let (number, id) = call(&mut gateway, "get_one");
        answers.push((number, text(&gateway.answer(id))));
    }
    // Three are under way when the key changes, and others follow at once.
    let mut open: Vec<_> = (0..3).map(|_| call(&mut gateway, "get_slowly")).collect();
    scene.rotate("second-value-two\n");
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        open.push(call(&mut gateway, "get_one"));
        let (number, id) = open.remove(0);
        let answer = text(&gateway.answer(id));
        let changed = answer.ends_with("two new");
        answers.push((number, answer));
        if changed {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "still the old one: {:?}", answers.last());
        gateway.wait(Duration::from_millis(30));
    }
    for (number, id) in open {
        answers.push((number, text(&gateway.answer(id))));
    }
    assert_eq!(gateway.pid(), pid);
    // Each was answered, in order, and by one key after the other.
    let expect: Vec<_> = answers
        .iter()
        .map(|(number, _)| {
            let first_new =
                answers.iter().find(|(_, answer)| answer.ends_with("two new")).unwrap().0;
            if *number < first_new {
                format!("{number} one old")
            } else {
                format!("{number} two new")
            }
        })
        .collect();
    let heard: Vec<_> = answers.iter().map(|(_, answer)| answer.clone()).collect();
    assert_eq!(heard, expect);
    // Each was done once, and nothing else was.
    let done = fs::read_to_string(&scene.done).unwrap();
    let done: Vec<u64> = done.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(done, (1..=number).collect::<Vec<_>>());
    assert_eq!(done.iter().collect::<BTreeSet<_>>().len(), done.len());
    assert!(scene.told("the server was started anew: the secret `TOKEN` changed"));
    assert_eq!(scene.stage.events("started").len(), 2);
    let said = gateway.leave();
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!said.out.contains("list_changed"), "the host noticed: {said:?}");
    scene.stage.verify();
    let kept = scene.stage.says(&["journal", "show", "--json"]).out + &said.err;
    assert!(!kept.contains("-value-"), "{kept}");
}

/// Only the host can finish a handshake, so it is listened to.
#[test]
fn a_key_that_changes_during_the_handshake_is_given_after_it() {
    let scene = Scene::new();
    let mut gateway = scene.begun();
    let id = gateway.greets();
    gateway.answer(id);
    scene.rotate("second-value-two");
    scene.stage.until("the new one", || scene.told("the secret `TOKEN` changed").then_some(()));
    assert_eq!(scene.stage.events("started").len(), 1, "not in the middle of it");
    gateway.says(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    let id = gateway.asks("tools/list", &json!({}));
    assert!(gateway.answer(id)["result"]["tools"].is_array());
    assert_eq!(text(&gateway.call("get_one", &json!({"number": 1}))), "1 two new");
    assert_eq!(gateway.leave().code, 0);
}

/// What a script wrote before it closed its end is answered, by whoever is there.
#[test]
fn a_host_that_leaves_while_a_key_waits_is_answered() {
    let scene = Scene::new();
    let mut gateway = scene.started();
    gateway.asks("tools/call", &json!({"name": "get_slowly", "arguments": {"number": 1}}));
    gateway.asks("tools/call", &json!({"name": "get_slowly", "arguments": {"number": 2}}));
    scene.rotate("second-value-two");
    scene.stage.until("the new one", || scene.told("the secret `TOKEN` changed").then_some(()));
    gateway.asks("tools/call", &json!({"name": "get_one", "arguments": {"number": 3}}));
    let said = gateway.leave();
    assert!(said.out.contains("3 one old"), "{said:?}");
    assert_eq!(scene.stage.events("started").len(), 1);
}

/// A task is work of the old process, and ends for whoever asks for it.
#[test]
fn a_key_waits_for_a_task_until_its_result_is_told() {
    let scene = Scene::new();
    let mut gateway = scene.started();
    let call = json!({"name": "get_one", "arguments": {"number": 7}, "task": {"ttl": 600_000}});
    let id = gateway.asks("tools/call", &call);
    let task = gateway.answer(id)["result"]["task"]["taskId"].clone();
    let about = json!({"taskId": task});
    scene.rotate("second-value-two");
    scene.stage.until("the new one", || scene.told("the secret `TOKEN` changed").then_some(()));
    let next = gateway.asks("tools/call", &json!({"name": "get_one", "arguments": {"number": 1}}));
    for status in ["working", "completed"] {
        let id = gateway.asks("tasks/get", &about);
        let state = gateway.answer(id);
        assert_eq!(state["result"]["status"], status, "{state}");
        // Long enough for a look at the file, at which it could be exchanged.
        gateway.wait(Duration::from_millis(1500));
    }
    let id = gateway.asks("tasks/result", &about);
    assert_eq!(text(&gateway.answer(id)), "0 one old");
    assert_eq!(text(&gateway.answer(next)), "1 two new", "what waited goes on");
    let lost = scene.stage.events("outcome").iter().any(|it| it["outcome"] == "server-gone");
    assert!(!lost && scene.stage.events("started").len() == 2);
    assert_eq!(gateway.leave().code, 0);
}

#[test]
fn what_cannot_be_read_changes_nothing_and_is_told() {
    let scene = Scene::new();
    let mut gateway = scene.started();
    fs::remove_file(&scene.token).unwrap();
    scene
        .stage
        .until("a word of it", || scene.told("the secret `TOKEN` stays as it was").then_some(()));
    assert_eq!(text(&gateway.call("get_one", &json!({"number": 1}))), "1 one old");
    // The same value again is no change, an empty file and a pipe are none either.
    scene.rotate("first-value-one");
    gateway.wait(Duration::from_millis(2500));
    scene.rotate("");
    scene.stage.until("a word of it", || scene.told("stays as it was: it is empty").then_some(()));
    rustix::fs::mknodat(
        rustix::fs::CWD,
        scene.token.with_extension("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    fs::rename(scene.token.with_extension("pipe"), &scene.token).unwrap();
    gateway.wait(Duration::from_millis(2500));
    assert_eq!(text(&gateway.call("get_one", &json!({"number": 1}))), "1 one old");
    assert_eq!(scene.stage.events("started").len(), 1);
    scene.rotate("second-value-two");
    let changed = gateway.until(|gateway| {
        let answer = text(&gateway.call("get_one", &json!({"number": 2})));
        (answer == "2 two new").then_some(())
    });
    changed.expect("the new one");
    assert_eq!(gateway.leave().code, 0);
}

/// Whoever turns the link, we do not read for a server what its start did not name.
#[test]
fn a_path_that_leads_elsewhere_later_is_not_followed() {
    let scene = Scene::new();
    let other = scene.stage.folder("private", 0o755).join("key");
    fs::write(&other, "private-value-key").unwrap();
    let beside = scene.token.with_extension("new");
    let turned = |target: &Path| {
        symlink(target, &beside).unwrap();
        fs::rename(&beside, &scene.token).unwrap();
    };
    let mut gateway = scene.started();
    turned(&other);
    scene.stage.until("a word of it", || {
        let told = format!("leads to {} now", other.canonicalize().unwrap().display());
        (scene.told("the secret `TOKEN` stays as it was") && scene.told(&told)).then_some(())
    });
    assert_eq!(text(&gateway.call("get_one", &json!({"number": 1}))), "1 one old");
    // Through what the server may write, not even to where it led.
    let dir = scene.done.parent().unwrap();
    symlink(scene.token.with_extension("here"), dir.join("way")).unwrap();
    fs::write(scene.token.with_extension("here"), "server-value-srv").unwrap();
    turned(&dir.join("way"));
    gateway.wait(Duration::from_millis(2500));
    assert_eq!(text(&gateway.call("get_one", &json!({"number": 2}))), "2 one old");
    assert_eq!(scene.stage.events("started").len(), 1);
    // Within its own directory a link is how others rotate.
    let versions = scene.stage.home().join("..data");
    fs::create_dir(&versions).unwrap();
    fs::write(versions.join("token"), "second-value-two").unwrap();
    turned(Path::new("..data/token"));
    let changed = gateway.until(|gateway| {
        let answer = text(&gateway.call("get_one", &json!({"number": 3})));
        (answer == "3 two new").then_some(())
    });
    changed.expect("the new one");
    assert_eq!(gateway.leave().code, 0);
}

/// A file that is always written is not a server that is always starting; and the
/// last value is not lost.
#[test]
fn a_key_that_never_rests_starts_the_server_now_and_then() {
    let scene = Scene::new();
    let mut gateway = scene.started();
    let starts = || scene.stage.events("started");
    let mut number = 0;
    while starts().len() < 3 {
        number += 1;
        assert!(number < 600, "it was not started anew");
        scene.rotate(&format!("value-{number:03}"));
        // Long enough for a file to have come to rest.
        gateway.wait(Duration::from_millis(2200));
        assert!(gateway.ended().is_none());
    }
    let last = format!("{number:03} new");
    let changed = gateway.until(|gateway| {
        let answer = text(&gateway.call("get_one", &json!({"number": 1})));
        answer.ends_with(&last).then_some(())
    });
    changed.expect("the last one");
    let times: Vec<_> = starts().iter().map(|record| record["time"].clone()).collect();
    let time = |at: usize| seconds(times[at].as_str().unwrap());
    assert!((time(2) - time(1)).rem_euclid(24.0 * 3600.0) >= 9.0, "{times:?}");
    assert_eq!(gateway.leave().code, 0);
}

#[test]
fn an_old_secret_is_warned_about_at_the_start_and_by_doctor() {
    let scene = Scene::new();
    let aged = |days: u64| {
        let when = SystemTime::now() - Duration::from_secs(days * 24 * 3600 + 60);
        fs::File::options().write(true).open(&scene.token).unwrap().set_modified(when).unwrap();
    };
    let config = scene.stage.config(&format!(
        "[server.s]\ncommand = [\"/bin/true\"]\nenv = {{ TOKEN = {{ file = \"{}\" }} }}\n",
        scene.token.display()
    ));
    let config = config.display().to_string();
    for (days, warned) in [(89, false), (90, false), (91, true), (400, true)] {
        aged(days);
        let gateway = scene.started();
        let said = gateway.leave();
        let told = format!("the secret `TOKEN` in {} is {days} days old", scene.token.display());
        assert_eq!(said.err.contains(&told), warned, "{days}: {said:?}");
        // The start wrote another config.
        fs::write(
            &config,
            format!(
                "[server.s]\ncommand = [\"/bin/true\"]\nenv = {{ TOKEN = {{ file = \"{}\" }} }}\n",
                scene.token.display()
            ),
        )
        .unwrap();
        let said = scene.stage.says(&["doctor", "--config", &config]);
        assert_eq!(said.out.contains(&told), warned, "{days}: {said:?}");
        let json = scene.stage.says(&["doctor", "--json", "--config", &config]);
        let json: Value = serde_json::from_str(&json.out).unwrap();
        let secret = &json["secrets"][0];
        assert_eq!(secret["variable"], "TOKEN");
        assert_eq!((secret["days"].as_u64(), secret["old"].as_bool()), (Some(days), Some(warned)));
    }
}
