//! The configs of `examples/config` are loaded and run: what each is for is done with it. One that nobody
//! plays here is an error.

#![allow(unreachable_pub, reason = "a test's modules")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]
#![allow(dead_code, reason = "other tests use more of it")]

#[path = "serve/house.rs"]
mod house;
#[path = "serve/issuer.rs"]
mod issuer;
#[path = "stage/mod.rs"]
mod stage;

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use crate::house::{Got, House, modern, opening};
use crate::issuer::{GATE, Issuer};
use crate::stage::Stage;
use crate::stage::gateway::Gateway;

const ADAS: (&str, &str) = ("Authorization", "Bearer a-token-that-only-ada-has");
const BOBS: (&str, &str) = ("Authorization", "Bearer bobs-own-token");
/// SHA-256 of theirs: the example names no token that anybody has.
const ADAS_DIGEST: &str = "f59c8b45166f459994d2f676c679bb2cfd6630f8c7d30b0eef044d35a3563631";
const BOBS_DIGEST: &str = "b8284df284383ef352cd6f5df1827bd2b6a80330c7d800bed62428c6da339980";

fn folder() -> PathBuf {
    // At run time: the tests may run from a copy of the sources.
    let here = std::env::var_os("CARGO_MANIFEST_DIR");
    let here = here.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.join("../../examples/config")
}

/// The example, with this stage's project and the binary under test in it.
fn example(stage: &Stage, name: &str) -> String {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    std::fs::write(stage.project().join("a.txt"), "what only the file says\n").unwrap();
    text.replace("/srv/project", &stage.project().display().to_string())
        .replace("\"portcullis\"", &format!("\"{}\"", env!("CARGO_BIN_EXE_portcullis")))
        .replace("127.0.0.1:8808", "127.0.0.1:0")
        .replace(&"0".repeat(64), ADAS_DIGEST)
        .replace(&"1".repeat(64), BOBS_DIGEST)
}

/// Runs a config, and does what it is for.
type Play = fn(&Stage, &str);

/// Every example, by its file's name.
const PLAYED: &[(&str, Play)] = &[
    ("desktop.toml", desktop),
    ("serve-alone.toml", alone),
    ("serve-protected.toml", protected),
    ("serve-socket.toml", socket),
    ("serve-team.toml", team),
];

#[test]
fn every_example_is_sound_and_does_what_it_is_for() {
    let files = std::fs::read_dir(folder()).unwrap();
    let files: BTreeSet<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let played: BTreeSet<String> = PLAYED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(files, played, "each is played, and no other");
    for (name, play) in PLAYED {
        let stage = Stage::new();
        let config = example(&stage, name);
        let file = stage.config(&config);
        let said = stage.says(&["policy", "check", "--config", &file.display().to_string()]);
        assert_eq!(said.code, 0, "{name}: {}{}", said.out, said.err);
        play(&stage, &config);
        stage.verify();
    }
}

/// A host that starts the server of this name.
fn host(stage: &Stage, config: &Path, name: &str) -> Gateway {
    let mut run = stage.portcullis();
    run.args(["run", "--name", name, "--config"]).arg(config);
    let mut gateway = Gateway::start(run, None);
    gateway.shakes_hands();
    gateway
}

fn tools(listed: &Value) -> BTreeSet<&str> {
    let tools = listed["result"]["tools"].as_array().unwrap_or_else(|| panic!("{listed}"));
    tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

fn desktop(stage: &Stage, config: &str) {
    let config = stage.config(config);
    let mut files = host(stage, &config, "files");
    let id = files.asks("tools/list", &json!({}));
    let listed = files.answer(id);
    let names = tools(&listed);
    assert!(names.contains("write_file") && !names.contains("delete_file"), "{names:?}");
    let text = files.call("read_file", &json!({"path": "a.txt"}));
    assert!(text.to_string().contains("what only the file says"), "{text}");
    files.leave();
    let mut notes = host(stage, &config, "notes");
    let id = notes.asks("tools/list", &json!({}));
    let listed = notes.answer(id);
    assert!(!tools(&listed).contains("write_file"), "{listed}");
    notes.leave();
    // Not even started before somebody says yes.
    let mut run = stage.portcullis();
    run.args(["run", "--name", "strict", "--config"]).arg(&config);
    let mut strict = Gateway::start(run, None);
    strict.greets();
    let asked = stage.until("it is asked about", || stage.questions().first().cloned());
    assert_eq!(asked["kind"], "launch", "{asked}");
    assert!(stage.events("started").iter().all(|it| it["server"] != "strict"));
}

fn alone(stage: &Stage, config: &str) {
    let house = House::with(stage, config);
    let call = json!({"name": "read_file", "arguments": {"path": "a.txt"}});
    let got = house.asks_modern(&[], &modern(1, "tools/call", &call));
    assert!(got.json()["result"].to_string().contains("what only the file says"), "{got:?}");
    let other = [("Origin", "https://evil.example")];
    assert_eq!(house.asks_modern(&other, &modern(2, "tools/list", &json!({}))).status, 403);
}

fn socket(stage: &Stage, config: &str) {
    let file = stage.config(config);
    let mut serve = stage.portcullis();
    serve.args(["serve", "--config"]).arg(file).stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = serve.spawn().unwrap();
    let at = stage.project().join("gate.sock");
    let mut stream = stage.until("it listens", || UnixStream::connect(&at).ok());
    let body = opening("2025-11-25").to_string();
    let head = format!(
        "POST /s/files/mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    child.kill().unwrap();
    child.wait().unwrap();
}

fn team(stage: &Stage, config: &str) {
    let house = House::with(stage, config);
    let list = modern(1, "tools/list", &json!({}));
    let asks = |who: (&str, &str), server: &str| {
        let headers = [
            who,
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
            ("MCP-Protocol-Version", "2026-07-28"),
            ("Mcp-Method", "tools/list"),
        ];
        house.sends("POST", &format!("/s/{server}/mcp"), &headers, &list.to_string())
    };
    assert!(tools(&asks(ADAS, "files").json()).contains("write_file"));
    assert!(!tools(&asks(BOBS, "notes").json()).contains("write_file"));
    assert_eq!(asks(BOBS, "files").status, 404, "it is not his");
    assert_eq!(asks(("Authorization", "Bearer guessed"), "notes").status, 401);
}

/// With a certificate of the test's own, and an authorization server that others wrote.
fn protected(stage: &Stage, config: &str) {
    let Some(issuer) = Issuer::start() else { return };
    let own = rcgen::generate_simple_self_signed(["gate.example.com".to_owned()]).unwrap();
    let (chain, key) = (stage.home().join("chain.pem"), stage.home().join("key.pem"));
    std::fs::write(&chain, own.cert.pem()).unwrap();
    std::fs::write(&key, own.signing_key.serialize_pem()).unwrap();
    let config = config
        .replace("0.0.0.0:8443", "127.0.0.1:0")
        .replace("/etc/portcullis/chain.pem", &chain.display().to_string())
        .replace("/etc/portcullis/key.pem", &key.display().to_string())
        .replace("https://login.example.com", &issuer.uri);
    let house = House::with(stage, &config);
    let asks = |token: Option<String>, message: &Value| {
        let method = message["method"].as_str().unwrap();
        let tool = message["params"]["name"].as_str();
        let name = tool.map(|tool| format!("Mcp-Name: {tool}\r\n")).unwrap_or_default();
        let bearer = token.map(|it| format!("Authorization: Bearer {it}\r\n")).unwrap_or_default();
        let body = message.to_string();
        let text = format!(
            "POST /s/files/mcp HTTP/1.1\r\nHost: gate.example.com\r\nConnection: close\r\n\
             Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
             MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n{name}{bearer}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = encrypted(&house, own.cert.der());
        stream.write_all(text.as_bytes()).unwrap();
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        Got::read(&all)
    };
    let list = modern(1, "tools/list", &json!({}));
    let got = asks(None, &list);
    let challenge = got.header("www-authenticate").unwrap_or_default();
    assert_eq!(got.status, 401, "{got:?}");
    let known = "/.well-known/oauth-protected-resource/s/files/mcp";
    assert!(challenge.contains(&format!("{GATE}{known}")), "{challenge}");
    let reads = || Some(issuer.gives("signed", "mcp files:read", GATE));
    assert!(tools(&asks(reads(), &list).json()).contains("write_file"));
    let call = json!({"name": "write_file", "arguments": {"path": "b.txt", "text": "x"}});
    let got = asks(reads(), &modern(2, "tools/call", &call));
    let challenge = got.header("www-authenticate").unwrap_or_default();
    assert_eq!(got.status, 403, "{got:?}");
    assert!(challenge.contains("insufficient_scope") && challenge.contains("files:write"));
}

fn encrypted(
    house: &House,
    trusted: &CertificateDer<'static>,
) -> StreamOwned<ClientConnection, std::net::TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("gate.example.com").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(connection, house.connect())
}
