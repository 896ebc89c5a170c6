//! The MCP Inspector in front of `portcullis serve`, driven like a person would: connects, sees the
//! tools, calls one. In both eras, with a token.

use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::drive::{Browser, peers};
use crate::house::House;
use crate::stage::{Stage, start};

const PAGE: &str = "inspector";
const TOKEN: &str = "a-token-that-only-ada-has";
/// SHA-256 of it.
const DIGEST: &str = "f59c8b45166f459994d2f676c679bb2cfd6630f8c7d30b0eef044d35a3563631";

#[test]
fn connects_lists_and_calls_in_a_session() {
    connects_lists_and_calls("legacy", "MCP 2025-11-25");
}

#[test]
fn connects_lists_and_calls_without_a_session() {
    connects_lists_and_calls("modern", "MCP 2026-07-28");
}

fn connects_lists_and_calls(era: &str, revision: &str) {
    let stage = Stage::new();
    std::fs::write(stage.project().join("a.txt"), "what only the file says\n").unwrap();
    let Some(mut browser) = Browser::start(&stage, "profile") else { return };
    let token = format!("[serve.tokens.ada]\nsha256 = \"{DIGEST}\"");
    let house = House::of_files(&stage, &token);
    let url = format!("http://127.0.0.1:{}/s/files/mcp", house.port());
    let inspector = Inspector::start(&stage, &url, era);
    browser.goto(PAGE, &inspector.page());
    browser.shows(PAGE, "Disconnected");
    assert!(stage.events("started").is_empty(), "nothing starts before somebody asks");
    // The switch itself is drawn over.
    browser.eval(PAGE, "document.querySelector('input[role=switch]').click()");
    browser.shows(PAGE, revision);
    browser.does(&json!({"do": "click", "page": PAGE, "selector": "label:has-text('Tools')"}));
    browser.shows(PAGE, "Tools (6)");
    let tool = "button:has-text('read_file')";
    browser.does(&json!({"do": "click", "page": PAGE, "selector": tool}));
    browser.shows(PAGE, "A path inside an allowed directory");
    let field = "div:has(> label:text('path')) input";
    browser.does(&json!({"do": "fill", "page": PAGE, "selector": field, "text": "a.txt"}));
    let run = "button:has-text('Execute Tool')";
    browser.does(&json!({"do": "click", "page": PAGE, "selector": run}));
    browser.shows(PAGE, "what only the file says");
    // Since 2026-07-28 a call comes again with the roots that the server asked it for.
    let mut calls = stage.events("intent");
    calls.retain(|it| it["method"] == "tools/call");
    assert!(!calls.is_empty());
    for call in &calls {
        let (tool, who) = (&call["tool"], &call["principal"]);
        assert_eq!((tool, who), (&json!("read_file"), &json!("token:ada")));
    }
    stage.verify();
}

/// The Inspector's own server, on a port of its own. Dropping it ends it.
#[derive(Debug)]
struct Inspector {
    child: Child,
    port: u16,
}

impl Inspector {
    fn start(stage: &Stage, url: &str, era: &str) -> Self {
        // It takes no port that the kernel chooses: somebody may be faster than it.
        for _ in 0..5 {
            if let Some(it) = Self::tries(stage, url, era) {
                return it;
            }
        }
        panic!("the Inspector does not start");
    }

    fn tries(stage: &Stage, url: &str, era: &str) -> Option<Self> {
        let modules = peers().join("inspector/node_modules");
        let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
        let node = modules.join(format!("node-linux-{machine}/bin/node"));
        assert!(node.exists(), "no Inspector in the peers: run `cargo xtask peers`");
        let [port, sandbox, apps] = free();
        let mut command = start(node.to_str().unwrap());
        stage.scrub(&mut command);
        command.arg(modules.join(".bin/mcp-inspector"));
        // It offers roots whether it has any or not; without them our server would read nothing.
        let server = json!({"mcpServers": {"files": {
            "type": "streamable-http", "url": url, "protocolEra": era,
            "headers": {"Authorization": format!("Bearer {TOKEN}")},
            "roots": [{"uri": format!("file://{}", stage.project().display())}],
        }}});
        let config = stage.path().join("inspector.json");
        std::fs::write(&config, server.to_string()).unwrap();
        command.args(["--web", "--server", "files", "--config"]).arg(config);
        command.env("HOME", stage.folder("inspector", 0o700));
        command.env("MCP_STORAGE_DIR", stage.folder("inspector/store", 0o700));
        for (name, value) in [
            ("MCP_AUTO_OPEN_ENABLED", "false".to_owned()),
            ("MCP_INSPECTOR_API_TOKEN", "the-page".to_owned()),
            ("MCP_INSPECTOR_SECRET_STORE", "memory".to_owned()),
            ("CLIENT_PORT", port.to_string()),
            ("MCP_SANDBOX_PORT", sandbox.to_string()),
            ("MCP_APP_ORIGIN_PORT", apps.to_string()),
        ] {
            command.env(name, value);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if child.try_wait().unwrap().is_some() || Instant::now() > until {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(Self { child, port })
    }

    fn page(&self) -> String {
        format!("http://127.0.0.1:{}?MCP_INSPECTOR_API_TOKEN=the-page", self.port)
    }
}

impl Drop for Inspector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports that nobody has at this moment.
fn free() -> [u16; 3] {
    let held = [0; 3].map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
    held.map(|it| it.local_addr().unwrap().port())
}
