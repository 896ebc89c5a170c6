//! A host made with the official Rust SDK, in either era, with a server of the other.

use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rmcp::ClientHandler;
use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult,
    ElicitationAction, ErrorData, Implementation, ProtocolVersion,
};
use rmcp::service::{
    ClientLifecycleMode, ClientServiceExt as _, RequestContext, RoleClient, RunningService,
};
use serde_json::json;
use tokio::net::unix::pipe::{Receiver, Sender};

use crate::bridge::Server;
use crate::inputs::{Person, judge};
use crate::yard::{PORTCULLIS, Yard, command};

/// A person who fills in line seven.
#[derive(Clone, Debug, Default)]
struct Handler {
    asked: Arc<Mutex<Vec<String>>>,
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        let capabilities = ClientCapabilities::builder().enable_elicitation().build();
        ClientConfig::new(capabilities, Implementation::new("tests", "1.0.0"))
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        if let ElicitRequestParams::FormElicitationParams { message, .. } = request {
            self.asked.lock().unwrap().push(message);
        }
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(json!({"line": 7})))
    }
}

#[test]
fn a_legacy_rust_host_and_a_modern_server() {
    asks(Server::Modern, ClientLifecycleMode::Initialize);
}

#[test]
fn a_modern_rust_host_and_a_legacy_server() {
    let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
    asks(Server::Legacy, ClientLifecycleMode::Discover { preferred_versions });
}

fn asks(server: Server, lifecycle: ClientLifecycleMode) {
    let yard = Yard::new();
    let config = yard.file("portcullis.toml", "[server.other]\nelicitation = { mode = \"ask\" }\n");
    let config = config.display().to_string();
    let run = yard.run(&["--name", "other", "--config", &config], &server.command(&yard));
    let person = Person::at(&yard, judge);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let handler = Handler::default();
    let asked = Arc::clone(&handler.asked);
    let patience = Duration::from_secs(150);
    let (texts, mut child) = runtime.block_on(async {
        tokio::time::timeout(patience, talk(&run, handler, lifecycle)).await.unwrap()
    });
    assert!(child.wait().unwrap().success());
    person.leaves();
    assert_eq!(texts, ["counted to 2", "accept: 7"]);
    assert_eq!(*asked.lock().unwrap(), ["[server `other` asks] Which line?"]);
}

async fn talk(
    run: &[String],
    handler: Handler,
    lifecycle: ClientLifecycleMode,
) -> (Vec<String>, Child) {
    let mut program = command(PORTCULLIS);
    program.args(run).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = program.spawn().unwrap();
    let input = Sender::from_owned_fd(OwnedFd::from(child.stdin.take().unwrap())).unwrap();
    let output = Receiver::from_owned_fd(OwnedFd::from(child.stdout.take().unwrap())).unwrap();
    let host = handler.serve_with_lifecycle((output, input), lifecycle).await.unwrap();
    let tools = host.list_all_tools().await.unwrap();
    assert!(tools.iter().any(|tool| tool.name == "which_line"), "{tools:?}");
    let texts = vec![
        call(&host, "count_slowly", json!({"steps": 2, "seconds": 0.1})).await,
        call(&host, "which_line", json!({})).await,
    ];
    host.cancel().await.unwrap();
    (texts, child)
}

async fn call(
    host: &RunningService<RoleClient, Handler>,
    tool: &str,
    arguments: serde_json::Value,
) -> String {
    let serde_json::Value::Object(arguments) = arguments else { panic!("an object") };
    let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
    let result = host.call_tool(params).await.unwrap();
    result
        .content
        .iter()
        .filter_map(|block| block.as_text())
        .map(|text| text.text.clone())
        .collect()
}
