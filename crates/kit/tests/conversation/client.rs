//! A client of the official SDK, connected to a toolbox by a pipe in memory.
#![expect(deprecated, reason = "clients of every revision offer roots")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use portcullis_kit::{StartError, Toolbox};
use rmcp::ClientHandler;
use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, ErrorData, Implementation,
    ListRootsResult, ProtocolVersion, Root,
};
use rmcp::service::{
    ClientLifecycleMode, ClientServiceExt as _, RequestContext, RoleClient, RunningService,
};
use serde_json::Value;
use tokio::task::JoinSet;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    Legacy,
    Modern,
}

/// What the client says when it is asked for roots.
#[derive(Debug, Clone)]
pub(crate) enum Offer {
    /// It does not know roots.
    Unknown,
    /// It knows them, and answers with an error.
    Refuses,
    These(Vec<String>),
    /// It knows them, and never answers.
    Silent,
}

#[derive(Debug, Clone)]
pub(crate) struct Handler {
    offer: Arc<Mutex<Offer>>,
    asked: Arc<AtomicUsize>,
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        let capabilities = match *self.offer.lock().unwrap() {
            Offer::Unknown => ClientCapabilities::default(),
            _ => ClientCapabilities::builder().enable_roots().enable_roots_list_changed().build(),
        };
        ClientConfig::new(capabilities, Implementation::new("test", "1.0.0"))
    }

    async fn list_roots(
        &self,
        _context: RequestContext<RoleClient>,
    ) -> Result<ListRootsResult, ErrorData> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let offer = self.offer.lock().unwrap().clone();
        match offer {
            Offer::Silent => std::future::pending().await,
            Offer::These(uris) => {
                Ok(ListRootsResult::new(uris.into_iter().map(Root::new).collect()))
            }
            _ => Err(ErrorData::internal_error("not telling", None)),
        }
    }
}

/// A conversation.
#[derive(Debug)]
pub(crate) struct Client {
    running: RunningService<RoleClient, Handler>,
    offer: Arc<Mutex<Offer>>,
    asked: Arc<AtomicUsize>,
    /// Ends with the client.
    _server: JoinSet<Result<(), StartError>>,
}

/// Serves the toolbox to a new client.
pub(crate) async fn talk(toolbox: Toolbox, era: Era, offer: Offer) -> Client {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (input, output) = tokio::io::split(theirs);
    let mut server = JoinSet::new();
    server.spawn(async move { toolbox.serve(input, output).await });
    let offer = Arc::new(Mutex::new(offer));
    let asked = Arc::new(AtomicUsize::new(0));
    let handler = Handler { offer: Arc::clone(&offer), asked: Arc::clone(&asked) };
    let lifecycle = match era {
        Era::Legacy => ClientLifecycleMode::Initialize,
        Era::Modern => ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        },
    };
    let running = handler.serve_with_lifecycle(tokio::io::split(ours), lifecycle).await.unwrap();
    Client { running, offer, asked, _server: server }
}

impl Client {
    /// The tools, as JSON.
    pub(crate) async fn tools(&self) -> Vec<Value> {
        let tools = self.running.list_all_tools().await.unwrap();
        tools.iter().map(|tool| serde_json::to_value(tool).unwrap()).collect()
    }

    /// The structured answer, or what the error says.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Result<Value, String> {
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let result = self.running.call_tool(params).await.map_err(|error| error.to_string())?;
        if result.is_error == Some(true) {
            let texts = result.content.iter().filter_map(|block| block.as_text());
            return Err(texts.map(|text| text.text.clone()).collect());
        }
        Ok(result.structured_content.unwrap_or_default())
    }

    /// How often it was asked for its roots.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Offers other roots from now on.
    pub(crate) async fn offers(&self, uris: Vec<String>) {
        *self.offer.lock().unwrap() = Offer::These(uris);
        self.running.notify_roots_list_changed().await.unwrap();
    }
}
