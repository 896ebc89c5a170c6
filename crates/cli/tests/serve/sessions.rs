//! Sessions until 2025-11-25: their names, whose they are, and how they end.

use serde_json::json;

use crate::house::{House, LEGACY, opening, request};
use crate::stage::{Stage, kin};

#[test]
fn a_session_is_named_in_secret_and_ends_when_its_client_says_so() {
    let stage = Stage::new();
    std::fs::write(stage.project().join("a.txt"), "alpha\n").unwrap();
    let house = House::of_files(&stage, "");
    let (one, two) = (house.greets(&[]), house.greets(&[]));
    assert_ne!(one, two);
    assert!(one.len() >= 64 && one.bytes().all(|byte| byte.is_ascii_graphic()), "{one}");
    let call = json!({"name": "read_file", "arguments": {"path": stage.project().join("a.txt")}});
    let got = house.asks(&one, &[], &request(7, "tools/call", &call));
    assert_eq!((got.status, &got.json()["id"]), (200, &json!(7)), "{got:?}");
    assert!(got.json()["result"].to_string().contains("alpha"), "{got:?}");
    // Both sessions have a server of their own.
    let servers = || kin::below(house.pid()).len();
    let both = servers();

    let ends = [("Mcp-Session-Id", one.as_str()), ("MCP-Protocol-Version", LEGACY)];
    assert_eq!(house.sends("DELETE", "/s/files/mcp", &ends, "").status, 204);
    let list = request(8, "tools/list", &json!({}));
    assert_eq!(house.asks(&one, &[], &list).status, 404, "it is over");
    assert_eq!(house.sends("DELETE", "/s/files/mcp", &ends, "").status, 404);
    assert_eq!(house.asks(&two, &[], &list).status, 200, "the other goes on");
    stage.until("its server is gone", || (servers() < both).then_some(()));

    let unknown = "0".repeat(64);
    assert_eq!(house.asks(&unknown, &[], &list).status, 404);
    assert_eq!(house.asks("x", &[], &list).status, 404);
    assert_eq!(house.posts(&[("MCP-Protocol-Version", LEGACY)], &list).status, 400, "no name");
    let twice = [("Mcp-Session-Id", two.as_str()), ("Mcp-Session-Id", two.as_str())];
    assert_eq!(house.posts(&twice, &list).status, 400, "which of both?");
    stage.verify();
}

#[test]
fn a_request_is_in_the_revision_of_its_session() {
    let stage = Stage::new();
    let house = House::of_files(&stage, "");
    let name = house.greets(&[]);
    let list = request(2, "tools/list", &json!({}));
    let session = ("Mcp-Session-Id", name.as_str());
    for version in ["2025-06-18", "2024-11-05", "nonsense", "2025-11-25x"] {
        let got = house.posts(&[session, ("MCP-Protocol-Version", version)], &list);
        assert_eq!(got.status, 400, "{version}: {got:?}");
    }
    assert_eq!(house.posts(&[session], &list).status, 400, "it names none");
    assert_eq!(house.asks(&name, &[], &list).status, 200);
    let got = house.posts(&[], &opening("2025-06-18"));
    assert_eq!(got.json()["result"]["protocolVersion"], "2025-06-18", "{got:?}");
    let elder = [
        ("Mcp-Session-Id", got.header("mcp-session-id").unwrap()),
        ("MCP-Protocol-Version", "2025-06-18"),
    ];
    let said = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(house.posts(&elder, &said).status, 202);
    assert_eq!(house.posts(&elder, &list).status, 200);
    // Before that nobody named one.
    let got = house.posts(&[], &opening("2025-03-26"));
    let (name, agreed) = (got.header("mcp-session-id").unwrap(), got.json());
    if agreed["result"]["protocolVersion"] == "2025-03-26" {
        let said = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(house.posts(&[("Mcp-Session-Id", name)], &said).status, 202);
        assert_eq!(house.posts(&[("Mcp-Session-Id", name)], &list).status, 200);
    } else {
        panic!("our own server speaks 2025-03-26: {agreed}");
    }
}

#[test]
fn what_is_no_message_is_told_so_and_begins_nothing() {
    let stage = Stage::new();
    let house = House::of_files(&stage, "");
    let name = house.greets(&[]);
    let before = kin::below(house.pid()).len();
    let list = request(2, "tools/list", &json!({}));
    let session = [("Mcp-Session-Id", name.as_str()), ("MCP-Protocol-Version", LEGACY)];
    let kinds =
        [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];
    let all: Vec<_> = session.into_iter().chain(kinds).collect();
    for (body, code) in [
        ("{", -32700),
        ("", -32700),
        ("[]", -32600),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, -32700),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"} {}"#, -32700),
    ] {
        let got = house.sends("POST", "/s/files/mcp", &all, body);
        assert_eq!((got.status, &got.json()["error"]["code"]), (400, &json!(code)), "{body}");
    }
    let sends = |headers: &[(&str, &str)]| {
        house.sends("POST", "/s/files/mcp", headers, &list.to_string()).status
    };
    let [kind, accept] = kinds;
    let plain = [session[0], session[1], ("Content-Type", "text/plain"), accept];
    assert_eq!(sends(&plain), 415, "what a form of any page can send");
    assert_eq!(sends(&[session[0], session[1], accept]), 415);
    assert_eq!(sends(&[session[0], session[1], kind]), 406);
    assert_eq!(sends(&[session[0], session[1], kind, ("Accept", "application/json")]), 406);
    assert_eq!(sends(&[session[0], session[1], kind, ("Accept", "*/*")]), 200);
    for (method, path, status) in [
        ("PUT", "/s/files/mcp", 405),
        ("PATCH", "/s/files/mcp", 405),
        ("POST", "/s/other/mcp", 404),
        ("POST", "/s/files/mcp/", 404),
        ("POST", "/s/%66iles/mcp", 404),
        ("POST", "/mcp", 404),
        ("POST", "/", 404),
    ] {
        let got = house.sends(method, path, &all, &list.to_string());
        assert_eq!(got.status, status, "{method} {path}: {got:?}");
    }
    assert_eq!(kin::below(house.pid()).len(), before, "nothing was started for any of it");
}

#[test]
fn a_client_that_leaves_before_its_session_has_a_name_leaves_nothing() {
    let stage = Stage::new();
    let slow = json!(["sh", "-c", "sleep 600"]);
    let house = House::of(&stage, &slow, "");
    let headers =
        [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];
    let body = opening(LEGACY).to_string();
    let stream = house.begins("POST", "/s/files/mcp", &headers, &body);
    stage.until("its server runs", || (!kin::below(house.pid()).is_empty()).then_some(()));
    drop(stream);
    stage.until("its server is gone", || kin::below(house.pid()).is_empty().then_some(()));
}

#[test]
fn a_request_that_repeats_an_id_gets_its_own_refusal() {
    let stage = Stage::new();
    // It waits until the test says so: how long anything takes decides nothing.
    let call = "TOOLS = [tool('wait', hints={'readOnlyHint': True, 'destructiveHint': False})]\n\
        def call(name, arguments):\n    while not os.path.exists(sys.argv[1]):\n\
        \u{20}       time.sleep(0.05)\n    return 'waited'\n";
    let go = stage.project().join("go");
    let server = json!(crate::stage::answering::python(call, &[go.to_str().unwrap()]));
    let house = House::of(&stage, &server, "");
    let name = house.greets(&[]);
    let wait = request(5, "tools/call", &json!({"name": "wait", "arguments": {}}));
    std::thread::scope(|threads| {
        let first = threads.spawn(|| house.asks(&name, &[], &wait));
        stage.until("it is under way", || {
            stage.events("intent").iter().any(|it| it["tool"] == "wait").then_some(())
        });
        let second = house.asks(&name, &[], &wait);
        assert_eq!(second.json()["error"]["code"], -32600, "{second:?}");
        std::fs::write(&go, "").unwrap();
        let first = first.join().unwrap();
        assert_eq!(first.json()["result"]["content"][0]["text"], "waited", "{first:?}");
    });
}

/// 2025-03-26 alone has batches. Each of its messages is judged and answered by itself.
#[test]
fn a_batch_is_answered_message_by_message() {
    let stage = Stage::new();
    let house = House::of_files(&stage, "");
    let got = house.posts(&[], &opening("2025-03-26"));
    let name = got.header("mcp-session-id").unwrap().to_owned();
    let session = [("Mcp-Session-Id", name.as_str())];
    let said = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(house.posts(&session, &said).status, 202);
    let batch = json!([
        request(2, "tools/list", &json!({})),
        {"jsonrpc": "2.0", "id": 3, "method": 7},
        {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}},
        request(4, "ping", &json!({})),
    ]);
    let got = house.posts(&session, &batch);
    assert_eq!(
        (got.status, got.header("content-type")),
        (200, Some("text/event-stream")),
        "{got:?}"
    );
    let events = got.body.lines().filter_map(|line| line.strip_prefix("data: "));
    let mut answers: Vec<serde_json::Value> =
        events.map(|text| serde_json::from_str(text).unwrap()).collect();
    answers.sort_by_key(|answer| answer["id"].as_i64());
    let [list, broken, ping] = answers.as_slice() else { panic!("{answers:?}") };
    assert!(list["result"]["tools"].is_array(), "{list}");
    assert_eq!((&broken["id"], &broken["error"]["code"]), (&json!(3), &json!(-32600)));
    assert_eq!((&ping["id"], &ping["result"]), (&json!(4), &json!({})));
    let told = json!([{"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}]);
    assert_eq!(house.posts(&session, &told).status, 202, "nothing of it is answered");
    assert_eq!(house.posts(&session, &json!([])).status, 400);
    let many: Vec<_> = (0..65).map(|id| request(id, "ping", &json!({}))).collect();
    assert_eq!(house.posts(&session, &json!(many)).status, 400);
    // The same array in another revision is no message.
    let name = house.greets(&[]);
    assert_eq!(house.asks(&name, &[], &batch).status, 400);
}

#[test]
fn one_principal_never_has_all_the_sessions() {
    let stage = Stage::new();
    let house = House::of_files(&stage, "sessions = 4");
    let names: Vec<String> = (0..3).map(|_| house.greets(&[])).collect();
    let fourth = house.posts(&[], &opening(LEGACY));
    assert_eq!(fourth.status, 503, "three of four: {fourth:?}");
    let ends = [("Mcp-Session-Id", names[0].as_str()), ("MCP-Protocol-Version", LEGACY)];
    assert_eq!(house.sends("DELETE", "/s/files/mcp", &ends, "").status, 204);
    // As soon as its server is gone.
    stage.until("there is room again", || {
        (house.posts(&[], &opening(LEGACY)).status == 200).then_some(())
    });
}

/// A server that reads nothing any more, and a client that has said more than anybody can hold:
/// nothing of it is heard, and the session ends all the same.
#[test]
fn a_session_ends_whatever_it_is_stuck_in() {
    let stage = Stage::new();
    let call = "TOOLS = [tool('wait', hints={'readOnlyHint': True, 'destructiveHint': False})]\n\
        def call(name, arguments):\n    time.sleep(600)\n    return 'never'\n";
    let server = json!(crate::stage::answering::python(call, &[]));
    let house = House::of(&stage, &server, "");
    let name = house.greets(&[]);
    let headers = [
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
        ("Mcp-Session-Id", name.as_str()),
        ("MCP-Protocol-Version", LEGACY),
    ];
    // Within what arguments may be; ten of them are more than waits for a server at once.
    let much = vec!["x".repeat(60_000); 16];
    let calls: Vec<_> = (10..26)
        .map(|id| {
            let wait = json!({"name": "wait", "arguments": {"name": "x", "more": much}});
            let call = request(id, "tools/call", &wait).to_string();
            house.begins("POST", "/s/files/mcp", &headers, &call)
        })
        .collect();
    stage.until("the way to the server is full", || {
        let sent = stage.events("intent").iter().filter(|it| it["tool"] == "wait").count();
        (sent >= 8).then_some(())
    });
    let listens = [headers[2], headers[3], ("Accept", "text/event-stream")];
    let stream = house.begins("GET", "/s/files/mcp", &listens, "");
    let ends = [headers[2], headers[3]];
    assert_eq!(house.sends("DELETE", "/s/files/mcp", &ends, "").status, 204);
    stage.until("its server is gone", || kin::below(house.pid()).is_empty().then_some(()));
    drop((calls, stream));
}

/// What was ended and still runs takes its room: nobody has more servers by leaving some that do
/// not want to end.
#[test]
fn a_session_that_is_still_ending_counts() {
    let stage = Stage::new();
    let stubborn = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
        TOOLS = []\ndef call(name, arguments):\n    return 'done'\nimport atexit\n\
        atexit.register(time.sleep, 600)\n";
    let server = json!(crate::stage::answering::python(stubborn, &[]));
    let house = House::of(&stage, &server, "sessions = 2");
    let names = [house.greets(&[]), house.greets(&[])];
    let servers = kin::below(house.pid());
    for name in &names {
        let ends = [("Mcp-Session-Id", name.as_str()), ("MCP-Protocol-Version", LEGACY)];
        assert_eq!(house.sends("DELETE", "/s/files/mcp", &ends, "").status, 204);
    }
    stage.until("there is room again", || {
        let all_live = servers.iter().all(|it| kin::lives(*it));
        let got = house.posts(&[], &opening(LEGACY));
        let still = all_live && servers.iter().all(|it| kin::lives(*it));
        assert!(got.status == 503 || !still, "a third beside two: {got:?}");
        (got.status == 200).then_some(())
    });
}

#[test]
fn a_session_that_nobody_uses_ends() {
    let stage = Stage::new();
    let house = House::of_files(&stage, "idle = \"1s\"");
    let got = house.posts(&[], &opening(LEGACY));
    let name = got.header("mcp-session-id").unwrap().to_owned();
    stage.until("its server is gone", || kin::below(house.pid()).is_empty().then_some(()));
    let list = request(2, "tools/list", &json!({}));
    assert_eq!(house.asks(&name, &[], &list).status, 404);
}

/// What a page may do that the operator listed, and what no other may.
#[test]
fn a_listed_page_is_told_that_it_may_read_the_answer() {
    let stage = Stage::new();
    let house = House::of_files(&stage, "origins = [\"https://app.example.com\"]");
    let page = ("Origin", "https://app.example.com");
    let asked = house.sends("OPTIONS", "/s/files/mcp", &[page], "");
    assert_eq!(asked.status, 204, "{asked:?}");
    assert_eq!(asked.header("access-control-allow-origin"), Some("https://app.example.com"));
    assert_eq!(asked.header("access-control-allow-methods"), Some("POST, GET, DELETE"));
    assert_eq!(asked.header("access-control-allow-credentials"), None);
    let got = house.posts(&[page], &opening(LEGACY));
    assert_eq!((got.status, got.header("vary")), (200, Some("Origin")), "{got:?}");
    assert_eq!(got.header("access-control-allow-origin"), Some("https://app.example.com"));
    let expose = got.header("access-control-expose-headers").unwrap();
    assert!(expose.contains("Mcp-Session-Id"), "{expose}");
    // It learns why it is not let in, too.
    let got = house.sends("GET", "/s/nowhere/mcp", &[page], "");
    assert_eq!((got.status, got.header("vary")), (404, Some("Origin")), "{got:?}");
    for other in ["https://evil.example", "null"] {
        for method in ["OPTIONS", "POST", "GET", "DELETE"] {
            let got = house.sends(method, "/s/files/mcp", &[("Origin", other)], "");
            assert_eq!(got.status, 403, "{method} {other}");
            assert_eq!(got.header("access-control-allow-origin"), None, "{method} {other}");
        }
    }
}

#[test]
fn no_thread_that_hears_a_stranger_has_a_privilege_in_effect() {
    let stage = Stage::new();
    let house = House::of_files(&stage, "");
    let name = house.greets(&[]);
    let list = request(2, "tools/list", &json!({}));
    assert_eq!(house.asks(&name, &[], &list).status, 200);
    let threads = format!("/proc/{}/task", house.pid());
    let mut seen = 0;
    for thread in std::fs::read_dir(threads).unwrap() {
        let thread = thread.unwrap().path();
        let status = std::fs::read_to_string(thread.join("status")).unwrap();
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
        let is_none = effective.trim().bytes().all(|digit| digit == b'0');
        assert!(is_none, "{status}");
        seen += 1;
    }
    assert!(seen >= 2, "the door and a session: {seen}");
}

#[test]
fn everything_ends_with_the_gateway() {
    let stage = Stage::new();
    let house = House::of_files(&stage, "");
    let _name = house.greets(&[]);
    let list = crate::house::modern(1, "tools/list", &json!({}));
    assert_eq!(house.asks_modern(&[], &list).status, 200);
    let servers = kin::below(house.pid());
    assert!(servers.len() >= 2, "{servers:?}");
    assert_eq!(house.ends(), 0);
    stage.until("they are gone", || servers.iter().all(|it| !kin::lives(*it)).then_some(()));
    stage.verify();
}

#[test]
fn sessions_with_a_remote_server_share_a_few_threads() {
    let (there, stage) = (Stage::new(), Stage::new());
    let far = House::of_files(&there, "");
    let config = format!(
        "[serve]\nlisten = \"127.0.0.1:0\"\n[server.files]\nurl = \"http://127.0.0.1:{}/s/files/mcp\"\n\
         ask = \"never\"\n",
        far.port()
    );
    let house = House::with(&stage, &config);
    // As many as there are in `serve/crew.rs`, and some more.
    let hands = std::thread::available_parallelism().map_or(1, usize::from).min(16) * 2;
    let all: Vec<String> = (0..hands + 4).map(|_| house.greets(&[])).collect();
    let tasks = format!("/proc/{}/task", house.pid());
    let threads = || std::fs::read_dir(&tasks).unwrap().count();
    // Each was started on a thread of its own, which is gone soon after.
    stage.until("there are fewer threads than sessions", || (threads() <= hands + 1).then_some(()));
    let list = request(8, "tools/list", &json!({}));
    for name in &all {
        assert_eq!(house.asks(name, &[], &list).status, 200, "each goes on");
    }
    let first = all.first().unwrap();
    let ends = [("Mcp-Session-Id", first.as_str()), ("MCP-Protocol-Version", LEGACY)];
    assert_eq!(house.sends("DELETE", "/s/files/mcp", &ends, "").status, 204);
    for name in all.iter().skip(1) {
        assert_eq!(house.asks(name, &[], &list).status, 200, "one that ends takes no other along");
    }
    stage.verify();
}
