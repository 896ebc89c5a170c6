//! 2026-07-28: no sessions, one method, and every request for itself.

use serde_json::{Value, json};

use crate::house::{House, MODERN, modern};
use crate::stage::{Stage, answering, kin};

#[test]
fn a_modern_endpoint_takes_posts_and_knows_no_sessions() {
    let stage = Stage::new();
    let house = House::of_files(&stage, "");
    let list = modern(1, "tools/list", &json!({}));
    let got = house.asks_modern(&[("Mcp-Session-Id", "invented")], &list);
    assert_eq!((got.status, got.header("mcp-session-id")), (200, None), "{got:?}");
    assert!(got.json()["result"]["tools"].is_array(), "{got:?}");
    let says = [("MCP-Protocol-Version", MODERN), ("Accept", "text/event-stream")];
    for method in ["GET", "DELETE"] {
        assert_eq!(house.sends(method, "/s/files/mcp", &says, "").status, 405, "{method}");
    }
    let got = house.asks_modern(&[], &modern(2, "tools/imagine", &json!({})));
    assert_eq!((got.status, &got.json()["error"]["code"]), (404, &json!(-32601)), "{got:?}");
    let mut bare = list.clone();
    bare["params"]["_meta"]
        .as_object_mut()
        .unwrap()
        .remove("io.modelcontextprotocol/clientCapabilities");
    let got = house.asks_modern(&[], &bare);
    assert_eq!((got.status, &got.json()["error"]["code"]), (400, &json!(-32602)), "{got:?}");
    let mut other = list;
    other["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2099-01-01".into();
    let headers = [("MCP-Protocol-Version", "2099-01-01"), ("Mcp-Method", "tools/list")];
    let got = house.posts(&headers, &other);
    assert_eq!((got.status, &got.json()["error"]["code"]), (400, &json!(-32022)), "{got:?}");
    assert_eq!(got.json()["error"]["data"]["supported"], json!([MODERN]));
    // What nobody hears is not lost without a word.
    let said = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {
        "requestId": 1, "_meta": {"io.modelcontextprotocol/protocolVersion": MODERN}}});
    assert_eq!(house.asks_modern(&[], &said).status, 202);
    let turned = stage.events("denied");
    let is = |part: &str| turned.iter().filter(|it| it["note"].to_string().contains(part)).count();
    let (undeclared, dropped) = (is("does not declare itself"), is("it was dropped"));
    assert_eq!((undeclared, dropped, is("not done here")), (2, 1, 2), "{turned:?}");
}

#[test]
fn headers_that_do_not_mirror_the_body_are_refused_before_anything_is_started() {
    let stage = Stage::new();
    let house = House::of_files(&stage, "");
    let call = json!({"name": "read_file", "arguments": {"path": "/x"}});
    let call = modern(4, "tools/call", &call);
    let version = ("MCP-Protocol-Version", MODERN);
    let method = ("Mcp-Method", "tools/call");
    for (headers, why) in [
        (vec![version], "no method"),
        (vec![version, method], "no name"),
        (vec![version, method, ("Mcp-Name", "delete_file")], "another tool"),
        (vec![version, method, ("Mcp-Name", "Read_File")], "other letters"),
        (vec![version, ("Mcp-Method", "tools/list"), ("Mcp-Name", "read_file")], "another method"),
        (
            vec![("MCP-Protocol-Version", "2025-11-25"), method, ("Mcp-Name", "read_file")],
            "an elder",
        ),
    ] {
        let got = house.posts(&headers, &call);
        assert_eq!((got.status, &got.json()["error"]["code"]), (400, &json!(-32020)), "{why}");
        assert_eq!(got.json()["id"], 4, "{why}");
    }
    assert!(kin::below(house.pid()).is_empty(), "nothing was started");
    let turned: Vec<Value> = stage.events("denied");
    assert_eq!(turned.len(), 6, "{turned:?}");
    assert!(turned.iter().all(|it| it["note"].to_string().contains("turned away")));
    let padded = [version, method, ("mcp-name", "  read_file  ")];
    assert_eq!(house.posts(&padded, &call).status, 200);
}

/// Everybody counts from one, and nobody gets what another asked for.
#[test]
fn programs_that_share_a_server_are_answered_apart() {
    let stage = Stage::new();
    let texts: Vec<String> = (0..24).map(|at| format!("this is text {at}\n")).collect();
    for (at, text) in texts.iter().enumerate() {
        std::fs::write(stage.project().join(format!("{at}.txt")), text).unwrap();
    }
    let house = House::of_files(&stage, "");
    std::thread::scope(|threads| {
        let asks = |at: usize| {
            let path = stage.project().join(format!("{at}.txt"));
            let call = json!({
                "name": "read_file",
                "arguments": {"path": path},
                "_meta": {"progressToken": 1},
            });
            house.asks_modern(&[], &modern(1, "tools/call", &call))
        };
        let all: Vec<_> = (0..24).map(|at| threads.spawn(move || asks(at))).collect();
        for (at, (got, text)) in all.into_iter().zip(&texts).enumerate() {
            let got = got.join().unwrap();
            let answer = got.json();
            assert_eq!((got.status, &answer["id"]), (200, &json!(1)), "{at}: {got:?}");
            assert!(answer["result"].to_string().contains(text.trim_end()), "{at}: {answer}");
        }
    });
    let servers = stage.events("started");
    assert_eq!(servers.len(), 1, "one server for one principal that declares one thing");
}

/// A server of 2026-07-28 with a tool whose region travels as a header, which answers each call
/// with what it was asked.
fn by_region() -> Value {
    let does = "text = {'type': 'string'}\n\
        region = dict(text, **{'x-mcp-header': 'Region'})\n\
        fetch = tool('fetch', hints={'readOnlyHint': True, 'openWorldHint': False})\n\
        fetch['inputSchema'] = {'type': 'object', 'properties': {'region': region, 'what': text}}\n\
        for line in sys.stdin:\n    \
            asked = json.loads(line)\n    \
            if 'id' not in asked: continue\n    \
            result = {'tools': [fetch], 'resultType': 'complete', 'ttlMs': 0, 'cacheScope': 'private',\n        \
                'capabilities': {'tools': {}}, 'serverInfo': {'name': 'server', 'version': '1'},\n        \
                'supportedVersions': ['2026-07-28']}\n    \
            if asked['method'] == 'initialize': continue\n    \
            if asked['method'] == 'tools/call':\n        \
                said = json.dumps(asked['params']['arguments'], separators=(',', ':'))\n        \
                result = {'resultType': 'complete', 'content': [{'type': 'text', 'text': said}]}\n    \
            print(json.dumps({'jsonrpc': '2.0', 'id': asked['id'], 'result': result}), flush=True)\n";
    json!(answering::python(does, &[]))
}

/// MCP-HTTP-09, -12: whoever routes a call by its headers is told what its server will read.
#[test]
fn headers_that_do_not_mirror_the_arguments_reach_no_server() {
    let stage = Stage::new();
    let house = House::of(&stage, &by_region(), "");
    let call = |arguments: &Value| {
        modern(4, "tools/call", &json!({"name": "fetch", "arguments": arguments}))
    };
    let base =
        [("MCP-Protocol-Version", MODERN), ("Mcp-Method", "tools/call"), ("Mcp-Name", "fetch")];
    let with = |more: &[(&'static str, &'static str)]| [&base, more].concat();
    // The first of them comes before anybody listed the tool.
    for (arguments, more, why) in [
        (json!({"region": "eu"}), vec![], "it is missing"),
        (json!({"region": "eu"}), vec![("Mcp-Param-Region", "us")], "it says something else"),
        (json!({"region": "eu"}), vec![("Mcp-Param-Region", "EU")], "in other letters"),
        (json!({"region": null}), vec![("Mcp-Param-Region", "eu")], "of nothing"),
        (json!({}), vec![("Mcp-Param-Region", "eu")], "of nothing at all"),
        (
            json!({"region": "eu"}),
            vec![("Mcp-Param-Region", "eu"), ("mcp-param-region", "us")],
            "it stands twice",
        ),
        (json!({"region": "eu"}), vec![("Mcp-Param-Region", "=?base64?ZX=?=")], "unreadable"),
    ] {
        let got = house.posts(&with(&more), &call(&arguments));
        assert_eq!((got.status, &got.json()["error"]["code"]), (400, &json!(-32020)), "{why}");
    }
    let sent: Vec<Value> = stage.events("intent");
    assert!(sent.iter().all(|it| it["method"] != "tools/call"), "{sent:?}");
    for (arguments, more) in [
        (json!({"region": "eu"}), vec![("Mcp-Param-Region", " =?base64?ZXU=?= ")]),
        (json!({"what": "x"}), vec![("Mcp-Param-Tenant", "other")]),
        (json!({"what": "y"}), vec![]),
    ] {
        let got = house.posts(&with(&more), &call(&arguments));
        assert_eq!(got.status, 200, "{arguments}");
        let said = got.json()["result"]["content"].to_string();
        let expect = serde_json::to_string(&arguments.to_string()).unwrap();
        assert!(said.contains(expect.trim_matches('"')), "{said}: {expect}");
    }
}
