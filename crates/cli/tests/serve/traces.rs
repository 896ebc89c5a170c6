//! Spans of what is asked, taken by a receiver that reads them with OpenTelemetry's own messages for
//! Python; and what happens to calls when nobody takes them.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::house::{Got, House, modern, request};
use crate::stage::{Stage, answering, start};

const TOKEN: &str = "canary-token-0123456789";
const DIGEST: &str = "225549e2293f65411e8c1c0cf764be1f99b574a5f527ef083f4b12a76bcdd4e0";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

/// Whoever takes spans. Dropping it ends it.
struct Collector {
    child: Child,
    port: u64,
    took: Arc<Mutex<Vec<Value>>>,
}

impl Collector {
    /// One that runs, where it is installed.
    fn start() -> Option<Self> {
        let default = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/peers"));
        let peers = std::env::var_os("PORTCULLIS_PEERS").map_or(default, PathBuf::from);
        let python = peers.join("python/collector/bin/python");
        if !python.exists() {
            eprintln!("skipped: peers/python/collector is not installed (`cargo xtask peers`)");
            return None;
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../peers/collector/receive.py");
        let mut command = start(python.to_str().unwrap());
        command.arg(script).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        let took = Arc::new(Mutex::new(Vec::new()));
        let keeps = Arc::clone(&took);
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                keeps.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Some(Self { child, port: said["port"].as_u64().unwrap(), took })
    }

    fn config(&self) -> String {
        format!("[serve.traces]\nendpoint = \"http://127.0.0.1:{}/v1/traces\"\n", self.port)
    }

    /// All that it took from a gateway that has ended.
    fn took(self, stage: &Stage, spans: usize) -> (Vec<Value>, Vec<u8>) {
        let all = || -> Vec<Value> {
            let took = self.took.lock().unwrap();
            took.iter().for_each(|it| assert!(it.get("wrong").is_none(), "{it}"));
            took.iter().flat_map(|it| it["spans"].as_array().unwrap().clone()).collect()
        };
        // The gateway has its answer: the line is on its way to us.
        let read = stage.until("spans are there", || Some(all()).filter(|it| it.len() >= spans));
        let took = self.took.lock().unwrap();
        let mut bytes = Vec::new();
        for one in took.iter() {
            assert_eq!(one["path"], "/v1/traces");
            bytes.extend(STANDARD.decode(one["body"].as_str().unwrap()).unwrap());
            bytes.extend(one["headers"].to_string().into_bytes());
        }
        (read, bytes)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers a call with what it was told of its trace, and has a tool that fails.
fn traced() -> Value {
    let does = "TOOLS = [tool('read', hints={'readOnlyHint': True, 'destructiveHint': False})]\n\
        TOOLS[0]['description'] = 'canary-description'\n\
        TOOLS.append(tool('canary tool with spaces'))\n\
        def call(name, arguments):\n    \
            meta = asked['params'].get('_meta', {})\n    \
            return 'result ' + json.dumps([meta.get('traceparent'), meta.get('tracestate')])\n";
    json!(answering::python(does, &[]))
}

/// What the server was told: its parent, and the state beside it.
fn told(got: &Got) -> (Option<String>, Option<String>) {
    let text = got.json()["result"]["content"][0]["text"].as_str().unwrap_or_default().to_owned();
    let text = text.strip_prefix("result ").unwrap_or_else(|| panic!("{got:?}"));
    serde_json::from_str(text).unwrap()
}

fn call(id: i64, meta: &Value) -> Value {
    let arguments = json!({"name": "x"});
    request(id, "tools/call", &json!({"name": "read", "arguments": arguments, "_meta": meta}))
}

fn of(spans: &[Value], kind: &str, id: &str) -> Value {
    let is_it = |span: &&Value| {
        span["kind"] == kind && (span["attributes"]["jsonrpc.request.id"] == id || span["id"] == id)
    };
    spans.iter().find(is_it).unwrap_or_else(|| panic!("{kind} {id} {spans:#?}")).clone()
}

#[test]
fn a_request_is_two_spans_of_its_callers_trace() {
    let Some(collector) = Collector::start() else { return };
    let stage = Stage::new();
    let house = House::of(&stage, &traced(), &collector.config());
    let name = house.greets(&[]);
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let asks = |headers: &[(&str, &str)], message: &Value| house.asks(&name, headers, message);
    // In the message, in a header, or from nobody; who keeps no trace has no span.
    let meta = json!({"traceparent": parent, "tracestate": "a=1"});
    let by_meta = told(&asks(&[("traceparent", &parent.replace('a', "b"))], &call(11, &meta)));
    let by_header = told(&asks(&[("Traceparent", &parent)], &call(12, &json!({}))));
    let by_nobody = told(&asks(&[], &call(13, &json!({"tracestate": "a=1"}))));
    let unkept = json!({"traceparent": parent.replace("-01", "-00")});
    let unkept = told(&asks(&[], &call(14, &unkept)));
    let misfit = told(&asks(&[], &call(15, &json!({"traceparent": "x", "tracestate": "a=1"}))));
    let refused = request(16, "tools/call", &json!({"name": "not-there", "arguments": {}}));
    assert_eq!(asks(&[], &refused).status, 200);
    let fresh = house.asks_modern(&[], &modern(17, "tools/list", &json!({})));
    assert_eq!(fresh.status, 200, "{fresh:?}");
    assert_eq!(house.ends(), 0);
    let (spans, _) = collector.took(&stage, 9);

    let door = of(&spans, "SPAN_KIND_SERVER", "11");
    let way = of(&spans, "SPAN_KIND_CLIENT", &by_meta.0.unwrap()[36..52]);
    assert_eq!((&door["trace"], &way["trace"]), (&json!(TRACE), &json!(TRACE)));
    assert_eq!((&door["parent"], &way["parent"]), (&json!(SPAN), &door["id"]));
    assert_eq!(by_meta.1.as_deref(), Some("a=1"), "a state goes on with its parent");
    assert_eq!(
        (&door["name"], &way["name"]),
        (&json!("tools/call read"), &json!("tools/call read"))
    );
    let expect = json!({
        "mcp.method.name": "tools/call", "gen_ai.tool.name": "read",
        "gen_ai.operation.name": "execute_tool", "jsonrpc.request.id": "11",
        "mcp.protocol.version": "2025-11-25", "network.transport": "tcp",
        "network.protocol.name": "http", "network.protocol.version": "1.1",
        "portcullis.server": "files", "portcullis.decision": "allow", "portcullis.outcome": "ok",
    });
    let mut said = door["attributes"].clone();
    said.as_object_mut().unwrap().remove("portcullis.controls");
    assert_eq!(said, expect);
    assert_eq!(way["attributes"]["network.transport"], "pipe");
    assert_eq!((&door["status"], &door["flags"]), (&json!("STATUS_CODE_UNSET"), &json!(0x301)));
    assert_eq!(door["resource"]["service.name"], "portcullis");

    assert_eq!(of(&spans, "SPAN_KIND_SERVER", "12")["trace"], TRACE);
    assert!(by_header.0.unwrap().starts_with(&format!("00-{TRACE}-")));
    let alone = of(&spans, "SPAN_KIND_SERVER", "13");
    assert_eq!((&alone["parent"], alone["trace"] != TRACE), (&json!(""), true));
    assert_eq!(by_nobody.1, None, "a state without a parent is nobody's");
    let (unkept, state) = unkept;
    assert!(unkept.unwrap().starts_with(&format!("00-{TRACE}-")) && state.is_none());
    assert!(!spans.iter().any(|span| span["attributes"]["jsonrpc.request.id"] == "14"));
    assert_eq!(misfit, (None, None), "what does not have its form is left out");
    assert_eq!(of(&spans, "SPAN_KIND_SERVER", "15")["parent"], "");

    let refused = of(&spans, "SPAN_KIND_SERVER", "16");
    assert_eq!(
        (&refused["name"], &refused["status"]),
        (&json!("tools/call"), &json!("STATUS_CODE_ERROR"))
    );
    let said = &refused["attributes"];
    assert_eq!(
        (&said["error.type"], &said["portcullis.decision"]),
        (&json!("denied"), &json!("deny"))
    );
    assert_eq!(said["portcullis.controls"], json!(["tool-known"]));
    assert_eq!(said["rpc.response.status_code"], "-32602");
    assert_eq!(said.get("gen_ai.tool.name"), None, "its server has no tool of this name");
    let fresh = of(&spans, "SPAN_KIND_SERVER", "17");
    assert_eq!(fresh["attributes"]["mcp.protocol.version"], "2026-07-28");
    let opening = spans.iter().find(|it| it["attributes"]["mcp.method.name"] == "initialize");
    assert_eq!(opening.unwrap()["status"], "STATUS_CODE_UNSET");
}

/// Whatever peers say, nothing of it is in what leaves for the collector.
#[test]
fn nothing_that_somebody_said_is_in_a_span() {
    let Some(collector) = Collector::start() else { return };
    let stage = Stage::new();
    let more = format!("{}[serve.tokens.ada-canary]\nsha256 = \"{DIGEST}\"\n", collector.config());
    let house = House::of(&stage, &traced(), &more);
    let bearer = format!("Bearer {TOKEN}");
    let ada = [("Authorization", bearer.as_str()), ("X-Canary", "canary-header")];
    let name = house.greets(&ada);
    let asks = |headers: &[(&str, &str)], message: &Value| {
        let all: Vec<_> = ada.iter().chain(headers).copied().collect();
        house.asks(&name, &all, message)
    };
    let meta = json!({"canary": "canary-meta", "tracestate": "canary=1", "baggage": "canary=1",
        "progressToken": "canary-progress", "traceparent": "canary-parent"});
    asks(&[("traceparent", "canary-header"), ("tracestate", "canary=1")], &call(2, &json!({})));
    asks(&[("baggage", "canary=1")], &call(3, &meta));
    let of_tool = |name: &str| json!({"name": name, "arguments": {"name": "canary-argument"}});
    asks(&[], &request(4, "tools/call", &of_tool("read")));
    asks(&[], &request(5, "tools/call", &of_tool("canary tool with spaces")));
    asks(&[], &request(6, "tools/call", &of_tool("canary-tool")));
    asks(&[], &request(7, "canary/method", &json!({"uri": "https://canary.example/?canary=1"})));
    asks(&[], &request(8, "resources/read", &json!({"uri": "file:///canary"})));
    asks(&[], &request(9, "prompts/get", &json!({"name": "canary-prompt"})));
    asks(&[], &request(10, "tools/call", &json!({"name": "read", "arguments": {"canary": 1}})));
    let mut named = request(11, "tools/list", &json!({"cursor": "canary-cursor"}));
    named["id"] = json!("canary-id");
    asks(&[], &named);
    house.asks_modern(&ada, &modern(12, "canary/modern", &json!({})));
    house.asks_modern(
        &[("Authorization", "Bearer canary-nobodys")],
        &modern(13, "ping", &json!({})),
    );
    house.sends("POST", "/s/files/mcp?token=canary", &ada, "canary-body");
    assert_eq!(house.ends(), 0);
    let (spans, bytes) = collector.took(&stage, 14);
    for id in ["2", "3", "4", "5", "6", "7", "8", "9", "10", "12"] {
        of(&spans, "SPAN_KIND_SERVER", id);
    }
    let text = String::from_utf8_lossy(&bytes).to_lowercase();
    assert!(text.contains("tools/call read"), "the bytes are read");
    assert!(!text.contains("canary"), "{text}");
    assert!(!text.contains(&name.to_lowercase()), "a session is named");
}

/// A collector that takes a connection and says nothing, and one that is not there.
#[test]
fn a_collector_that_takes_nothing_is_in_nobodys_way() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [silent.local_addr().unwrap(), gone] {
        let stage = Stage::new();
        let traces = format!("[serve.traces]\nendpoint = \"http://{address}/v1/traces\"\n");
        let house = House::of(&stage, &traced(), &traces);
        let name = house.greets(&[]);
        for id in 2..12 {
            let got = house.asks(&name, &[], &call(id, &json!({})));
            assert!(told(&got).0.is_some(), "{got:?}");
        }
        if address == gone {
            stage.until("it is told", || house.said().contains("not taken").then_some(()));
        }
        assert_eq!(house.ends(), 0, "it ends without a collector");
    }
}
