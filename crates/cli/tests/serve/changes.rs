//! What changes while the gateway serves, and how it ends: nobody loses more than what was taken
//! away, and what is under way is answered.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::house::{House, LEGACY, MODERN, modern, opening, request};
use crate::stage::{PATIENCE, Stage, answering, kin};

const ADA: &str = "Bearer adas-own-token";
const ADAS_DIGEST: &str = "ddf8d25d3874922185272945e19b4fa66c4dccfb68ace569e46923f3706532b3";
const BOB: &str = "Bearer bobs-own-token";
const BOBS_DIGEST: &str = "b8284df284383ef352cd6f5df1827bd2b6a80330c7d800bed62428c6da339980";

fn server(stage: &Stage, name: &str, more: &str) -> String {
    let project = stage.project().display().to_string();
    let command = json!([env!("CARGO_BIN_EXE_portcullis"), "server", "--root", project]);
    let root = json!([stage.root()]);
    format!("[server.{name}]\ncommand = {command}\nroots = {root}\nask = \"never\"\n{more}")
}

fn people(names: &[(&str, &str)]) -> String {
    let table =
        |(name, digest): &(&str, &str)| format!("[serve.tokens.{name}]\nsha256 = \"{digest}\"\n");
    let all: String = names.iter().map(table).collect();
    format!("[serve]\nlisten = \"127.0.0.1:0\"\n{all}")
}

fn hang_up(house: &House) {
    kill_process(Pid::from_raw(house.pid()).unwrap(), Signal::HUP).unwrap();
}

fn at(house: &House, server: &str, token: &str) -> u16 {
    let headers = [
        ("Authorization", token),
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
    ];
    let path = format!("/s/{server}/mcp");
    house.sends("POST", &path, &headers, &opening(LEGACY).to_string()).status
}

fn told(stage: &Stage, what: &str) -> bool {
    let notices = stage.events("notice");
    notices.iter().any(|it| it["note"].as_str().unwrap_or_default().contains(what))
}

#[test]
fn who_was_taken_away_is_out_at_once_and_everybody_else_goes_on() {
    let stage = Stage::new();
    let both = people(&[("ada", ADAS_DIGEST), ("bob", BOBS_DIGEST)]);
    let (files, other) = (server(&stage, "files", ""), server(&stage, "other", ""));
    let house = House::with(&stage, &format!("{both}{files}{other}"));
    let (ada, bob) = ([("Authorization", ADA)], [("Authorization", BOB)]);
    let (hers, his) = (house.greets(&ada), house.greets(&bob));
    assert_eq!(at(&house, "other", ADA), 200);
    let list = request(2, "tools/list", &json!({}));
    let before = kin::below(house.pid());

    // Without Bob and the other server, with a new one.
    let ada_alone = people(&[("ada", ADAS_DIGEST)]);
    stage.config(&format!("{ada_alone}{files}{}", server(&stage, "fresh", "")));
    hang_up(&house);
    stage.until("the new server is there", || (at(&house, "fresh", ADA) == 200).then_some(()));
    assert_eq!(house.asks(&his, &bob, &list).status, 401, "nobody has this token");
    assert_eq!(at(&house, "other", ADA), 404, "the other server is gone");
    assert_eq!(house.asks(&hers, &ada, &list).status, 200, "hers goes on");
    // A server is some processes; of three, hers is left.
    stage.until("Bob's server and the other are gone", || {
        let alive = before.iter().filter(|it| kin::lives(**it)).count();
        (alive * 3 == before.len()).then_some(())
    });
    assert!(told(&stage, "the config was read again: 2 servers, 2 sessions ended"));

    // The same name with another secret is not in the session that was ended.
    stage.config(&format!("{both}{files}"));
    stage.until("Bob is known again", || (at(&house, "files", BOB) == 200).then_some(()));
    assert_eq!(house.asks(&his, &bob, &list).status, 404, "his session is over");
    assert_eq!(house.asks(&hers, &ada, &list).status, 200, "hers goes on");

    // Other rules for a server: its sessions begin anew under them.
    let strict = server(&stage, "files", "tools = { deny = [\"write_file\"] }\n");
    stage.config(&format!("{both}{strict}"));
    stage.until("her session ended", || {
        (house.asks(&hers, &ada, &list).status == 404).then_some(())
    });
    stage.verify();
}

#[test]
fn what_is_broken_changes_nothing_and_is_told() {
    let stage = Stage::new();
    let config = format!("{}{}", people(&[("ada", ADAS_DIGEST)]), server(&stage, "files", ""));
    let house = House::with(&stage, &config);
    let ada = [("Authorization", ADA)];
    let hers = house.greets(&ada);
    let list = request(2, "tools/list", &json!({}));
    stage.policy("rules.cedar", "permit (nobody knows what");
    let unsound = format!("{config}[policy]\nfiles = [\"rules.cedar\"]\n");
    let nothing = "[serve]\nlisten = \"127.0.0.1:0\"\n";
    for broken in ["[serve", "[serve]\nlistens = 1\n", nothing, unsound.as_str()] {
        let notices = stage.events("notice").len();
        stage.config(broken);
        hang_up(&house);
        stage.until("it is told", || (stage.events("notice").len() > notices).then_some(()));
        assert_eq!(house.asks(&hers, &ada, &list).status, 200, "{broken}");
        assert_eq!(house.asks(&hers, &[], &list).status, 401, "{broken}");
    }
    assert!(told(&stage, "the config stays as it was"));
    stage.until("stderr says so", || {
        house.said().contains("the config stays as it was").then_some(())
    });
    stage.config(&config);
    hang_up(&house);
    stage.until("it is whole again", || told(&stage, "was read again").then_some(()));
    assert_eq!(house.asks(&hers, &ada, &list).status, 200, "nothing of it changed for her");
}

/// A file of policies decides like the config that names it, also one that comes later.
#[test]
fn policies_are_followed_without_being_told() {
    let stage = Stage::new();
    let one = "@id(\"no-writes\") forbid (principal, action == Action::\"call\", resource) when { resource.name == \"write_file\" };\n";
    let two = "@id(\"no-lists\") forbid (principal, action == Action::\"call\", resource) when { resource.name == \"list_directory\" };\n";
    std::fs::create_dir(stage.path().join("policy")).unwrap();
    stage.policy("policy/one.cedar", one);
    let people = people(&[("ada", ADAS_DIGEST)]);
    let files = server(&stage, "files", "");
    let house =
        House::with(&stage, &format!("{people}{files}[policy]\nfiles = [\"policy/*.cedar\"]\n"));
    let ada = [("Authorization", ADA)];
    let ends = |why: &str, change: &dyn Fn()| {
        let hers = house.greets(&ada);
        let list = request(2, "tools/list", &json!({}));
        assert_eq!(house.asks(&hers, &ada, &list).status, 200, "{why}");
        change();
        stage.until(why, || (house.asks(&hers, &ada, &list).status == 404).then_some(()));
    };
    ends("a policy that changed ends her session", &|| stage.policy("policy/one.cedar", two));
    ends("and one that came", &|| stage.policy("policy/two.cedar", one));
    ends("and one that changed of those that came", &|| {
        stage.policy("policy/two.cedar", &one.replace("write_file", "read_file"));
    });
    stage.verify();
}

/// Somebody begins to ask, the config changes, and then they go on: what held before is over.
#[test]
fn a_request_that_dawdles_begins_nothing_under_what_held_before() {
    let stage = Stage::new();
    let ada = people(&[("ada", ADAS_DIGEST)]);
    let house = House::with(&stage, &format!("{ada}{}", server(&stage, "files", "")));
    let body = opening(LEGACY).to_string();
    let (first, rest) = body.split_at(20);
    let mut stream = house.connect();
    let head = format!(
        "POST /s/files/mcp HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\
         Authorization: {ADA}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{first}",
        house.port(),
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // It was let in when somebody who came later was answered.
    assert_eq!(at(&house, "nowhere", ADA), 404);
    let strict = server(&stage, "files", "tools = { deny = [\"write_file\"] }\n");
    stage.config(&format!("{ada}{strict}"));
    hang_up(&house);
    stage.until("it is followed", || told(&stage, "was read again").then_some(()));
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(stage.events("started").is_empty(), "nothing began");
    let turned = stage.events("denied");
    assert!(turned.iter().any(|it| it["note"].to_string().contains("changed meanwhile")));
    assert_eq!(at(&house, "files", ADA), 200, "and now it does");
}

/// A harmless tool that answers when a file is there.
fn waiting(go: &std::path::Path) -> Value {
    let does = "TOOLS = [tool('wait', hints={'readOnlyHint': True, 'destructiveHint': False})]\n\
        def call(name, arguments):\n    while not os.path.exists(sys.argv[1]):\n\
        \u{20}       time.sleep(0.05)\n    return 'waited'\n";
    json!(answering::python(does, &[go.to_str().unwrap()]))
}

#[test]
fn at_the_end_nothing_begins_and_what_is_under_way_is_answered() {
    let stage = Stage::new();
    let go = stage.project().join("go");
    let house = House::of(&stage, &waiting(&go), "drain = \"2m\"");
    let name = house.greets(&[]);
    let call = request(5, "tools/call", &json!({"name": "wait", "arguments": {"name": "x"}}));
    std::thread::scope(|threads| {
        let waits = threads.spawn(|| house.asks(&name, &[], &call));
        stage.until("it is under way", || {
            stage.events("intent").iter().any(|it| it["tool"] == "wait").then_some(())
        });
        house.terminate();
        let refused = stage.until("nothing begins", || {
            let got = house.posts(&[], &opening(LEGACY));
            (got.status != 200).then_some(got)
        });
        assert_eq!(
            (refused.status, refused.header("retry-after")),
            (503, Some("5")),
            "{refused:?}"
        );
        let list = request(6, "tools/list", &json!({}));
        assert_eq!(house.asks(&name, &[], &list).status, 503, "nor in a session that is there");
        let said = json!({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"});
        assert_eq!(house.asks(&name, &[], &said).status, 202, "what belongs to a call is heard");
        std::fs::write(&go, "").unwrap();
        let got = waits.join().unwrap();
        assert_eq!(got.json()["result"]["content"][0]["text"], "waited", "{got:?}");
    });
    let servers = kin::below(house.pid());
    assert_eq!(house.waits(), 0);
    stage.until("its servers are gone", || servers.iter().all(|it| !kin::lives(*it)).then_some(()));
    stage.verify();
}

#[test]
fn the_end_does_not_wait_for_ever() {
    let stage = Stage::new();
    let go = stage.project().join("go");
    let house = House::of(&stage, &waiting(&go), "drain = \"1s\"");
    let name = house.greets(&[]);
    let call = request(5, "tools/call", &json!({"name": "wait", "arguments": {"name": "x"}}));
    let headers = [
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
        ("Mcp-Session-Id", name.as_str()),
        ("MCP-Protocol-Version", LEGACY),
    ];
    let stream = house.begins("POST", "/s/files/mcp", &headers, &call.to_string());
    stage.until("it is under way", || {
        stage.events("intent").iter().any(|it| it["tool"] == "wait").then_some(())
    });
    let began = Instant::now();
    assert_eq!(house.ends(), 0);
    assert!(began.elapsed() < Duration::from_secs(60), "it was cut off");
    drop(stream);
    stage.verify();
}

/// A server of 2026-07-28 that can be listened to.
fn telling() -> Value {
    let does = "for line in sys.stdin:\n    \
            asked = json.loads(line)\n    \
            if 'id' not in asked: continue\n    \
            told = {'jsonrpc': '2.0', 'id': asked['id'], 'result': {\n        \
                'resultType': 'complete', 'ttlMs': 0, 'cacheScope': 'private', 'tools': [],\n        \
                'capabilities': {'tools': {'listChanged': True}},\n        \
                'supportedVersions': ['2026-07-28']}}\n    \
            if asked['method'] == 'subscriptions/listen':\n        \
                meta = {'io.modelcontextprotocol/subscriptionId': asked['id']}\n        \
                wants = {'notifications': asked['params']['notifications'], '_meta': meta}\n        \
                told = {'jsonrpc': '2.0', 'params': wants,\n            \
                    'method': 'notifications/subscriptions/acknowledged'}\n    \
            print(json.dumps(told), flush=True)\n";
    json!(answering::python(does, &[]))
}

/// A subscription is open for as long as its client likes: nobody waits for its answer.
#[test]
fn whoever_listens_holds_nobody_up() {
    let stage = Stage::new();
    let house = House::of(&stage, &telling(), "drain = \"1h\"\n[serve.limits]\nstreams = 1");
    let listen =
        modern(1, "subscriptions/listen", &json!({"notifications": {"toolsListChanged": true}}));
    let headers = [
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
        ("MCP-Protocol-Version", MODERN),
        ("Mcp-Method", "subscriptions/listen"),
    ];
    let listens = || {
        let stream = house.begins("POST", "/s/files/mcp", &headers, &listen.to_string());
        BufReader::new(stream).lines().map_while(Result::ok)
    };
    let mut lines = listens();
    assert!(lines.any(|line| line.contains("notifications/subscriptions/acknowledged")));
    let second = listens().next().unwrap();
    assert!(second.contains(" 429 "), "the other has the place of a stream: {second}");
    let (pid, (say, over)) = (house.pid(), std::sync::mpsc::channel());
    std::thread::spawn(move || say.send(house.ends()));
    let code = over.recv_timeout(PATIENCE);
    if code.is_err() {
        // Whoever waits for it is not waited for, and would leave it behind.
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    }
    assert_eq!(code, Ok(0));
}
