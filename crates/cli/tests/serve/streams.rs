//! What a connection means: when its end takes something back, and how long a session may last.

use std::io::Read as _;
use std::net::Shutdown;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::house::{House, LEGACY, MODERN, modern, opening, request};
use crate::stage::{Stage, answering, kin};

/// A server of both eras that keeps every line it reads, and answers no call.
fn keeping(file: &Path) -> Value {
    let does = "TOOLS = [tool('wait', hints={'readOnlyHint': True, 'destructiveHint': False})]\n\
        for line in sys.stdin:\n    \
            with open(sys.argv[1], 'a') as kept: kept.write(line)\n    \
            asked = json.loads(line)\n    \
            if 'id' not in asked or asked['method'] == 'tools/call': continue\n    \
            result = {'tools': TOOLS, 'resultType': 'complete', 'ttlMs': 0, 'cacheScope': 'private',\n        \
                'capabilities': {'tools': {}}, 'serverInfo': {'name': 'server', 'version': '1'}}\n    \
            if asked['method'] == 'initialize': result['protocolVersion'] = '2025-11-25'\n    \
            if asked['method'] == 'server/discover': result['supportedVersions'] = ['2026-07-28']\n    \
            print(json.dumps({'jsonrpc': '2.0', 'id': asked['id'], 'result': result}), flush=True)\n";
    json!(answering::python(does, &[file.to_str().unwrap()]))
}

fn house(stage: &Stage) -> (House, PathBuf) {
    let kept = stage.project().join("kept");
    (House::of(stage, &keeping(&kept), ""), kept)
}

/// What the server read of this method.
fn read(kept: &Path, method: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(kept).unwrap_or_default();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["method"] == method).collect()
}

const WAIT: &str = r#"{"name": "wait", "arguments": {"name": "x"}}"#;

/// MCP-HTTP-17: until 2025-11-25 a connection breaks for many reasons, and the call goes on.
#[test]
fn a_broken_connection_takes_no_call_of_a_session_back() {
    let stage = Stage::new();
    let (house, kept) = house(&stage);
    let name = house.greets(&[]);
    let wait = request(5, "tools/call", &serde_json::from_str(WAIT).unwrap());
    let headers = [
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
        ("Mcp-Session-Id", name.as_str()),
        ("MCP-Protocol-Version", LEGACY),
    ];
    let mut stream = house.begins("POST", "/s/files/mcp", &headers, &wait.to_string());
    stage.until("the server has it", || (!read(&kept, "tools/call").is_empty()).then_some(()));
    stream.shutdown(Shutdown::Write).unwrap();
    // The gateway has seen the end when it ends its own half.
    stream.read_to_end(&mut Vec::new()).unwrap();
    let list = request(6, "tools/list", &json!({}));
    assert_eq!(house.asks(&name, &[], &list).status, 200);
    assert_eq!(read(&kept, "notifications/cancelled"), Vec::<Value>::new());
    // It is still under way, so it can be taken back in the words that are for that.
    let takes = json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": {"requestId": 5}});
    assert_eq!(house.asks(&name, &[], &takes).status, 202);
    stage.until("it was taken back", || {
        (read(&kept, "notifications/cancelled").len() == 1).then_some(())
    });
}

/// MCP-HTTP-17: since 2026-07-28 it is how a client says that it does not want the answer.
#[test]
fn since_2026_a_closed_stream_takes_its_call_back_and_no_other() {
    let stage = Stage::new();
    let (house, kept) = house(&stage);
    let calls: Vec<_> = (0..2)
        .map(|_| {
            let body = modern(5, "tools/call", &serde_json::from_str(WAIT).unwrap());
            let headers = [
                ("Content-Type", "application/json"),
                ("Accept", "application/json, text/event-stream"),
                ("MCP-Protocol-Version", MODERN),
                ("Mcp-Method", "tools/call"),
                ("Mcp-Name", "wait"),
            ];
            house.begins("POST", "/s/files/mcp", &headers, &body.to_string())
        })
        .collect();
    stage.until("the server has both", || (read(&kept, "tools/call").len() == 2).then_some(()));
    let [first, second] = <[_; 2]>::try_from(calls).unwrap();
    drop(first);
    let taken = stage.until("one is taken back", || {
        let taken = read(&kept, "notifications/cancelled");
        (!taken.is_empty()).then_some(taken)
    });
    let calls = read(&kept, "tools/call");
    assert_eq!(taken.len(), 1, "{taken:?}");
    let named = |call: &&Value| call["id"] == taken[0]["params"]["requestId"];
    assert_eq!(calls.iter().filter(named).count(), 1, "{taken:?} of {calls:?}");
    drop(second);
    stage.until("the other too", || {
        (read(&kept, "notifications/cancelled").len() == 2).then_some(())
    });
}

/// MCP-SESS-03: however busy it is, a session ends, and its client begins anew under another name.
#[test]
fn a_session_that_is_old_ends_though_it_is_used() {
    let stage = Stage::new();
    let house = House::of_files(&stage, "lifetime = \"2s\"");
    let got = house.posts(&[], &opening(LEGACY));
    let name = got.header("mcp-session-id").unwrap().to_owned();
    let said = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(house.asks(&name, &[], &said).status, 202);
    let list = request(2, "tools/list", &json!({}));
    let began = Instant::now();
    loop {
        let got = house.asks(&name, &[], &list).status;
        if got == 404 {
            break;
        }
        // It ends in the middle of something, perhaps.
        assert!(got == 200 || got == 503, "{got}");
        assert!(began.elapsed() < Duration::from_secs(120), "it never ends");
    }
    stage.until("its server is gone", || kin::below(house.pid()).is_empty().then_some(()));
    assert_ne!(house.greets(&[]), name);
}
