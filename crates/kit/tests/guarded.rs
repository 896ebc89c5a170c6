//! The layer around a server that is written already, with the SDK's own macros.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::time::Duration;

use portcullis_kit::guarded::Careless;
use portcullis_kit::{Ceiling, Evidence, Guarded, Layer, Limits, UnderRoot};
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolRequestParams, CallToolResult, ServerCapabilities, ServerConfig};
use rmcp::service::{RoleClient, RunningService};
use rmcp::{ErrorData, ServerHandler, ServiceExt as _, tool, tool_handler, tool_router};
use serde_json::json;
use tokio::task::JoinSet;

#[derive(Debug, Clone)]
struct Notes {
    tool_router: ToolRouter<Self>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Note {
    path: UnderRoot,
}

#[tool_router]
impl Notes {
    fn new() -> Self {
        Self { tool_router: Self::tool_router() }
    }

    #[tool(
        description = "Where a note is.",
        annotations(
            read_only_hint = true,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    fn locate(&self, note: Parameters<Note>) -> Result<String, ErrorData> {
        Ok(note.0.path.below().to_owned())
    }

    #[tool(
        description = "Fails, and talks too much.",
        annotations(
            read_only_hint = true,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    fn stumble(&self, _note: Parameters<Note>) -> Result<String, ErrorData> {
        Err(ErrorData::internal_error("SELECT * FROM users failed in /var/lib/app/db", None))
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Notes {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }
}

struct Talk {
    client: RunningService<RoleClient, ()>,
    _server: JoinSet<()>,
}

impl Talk {
    async fn call(&self, tool: &'static str, path: &str) -> Result<String, String> {
        let arguments = json!({ "path": path }).as_object().unwrap().clone();
        let params = CallToolRequestParams::new(tool).with_arguments(arguments);
        let result = self.client.call_tool(params).await.map_err(|error| error.to_string())?;
        let text = text(&result);
        if result.is_error == Some(true) { Err(text) } else { Ok(text) }
    }
}

fn text(result: &CallToolResult) -> String {
    result.content.iter().filter_map(|block| block.as_text()).map(|it| it.text.clone()).collect()
}

async fn talk(limits: Limits) -> (tempfile::TempDir, Talk) {
    let dir = tempfile::tempdir().unwrap();
    let ceiling = Ceiling::new().grant(dir.path(), portcullis_guard::Access::Read).unwrap();
    let layer = Layer::new(limits, Evidence::nowhere("notes").unwrap());
    let notes = Notes::new();
    let tools = notes.tool_router.list_all();
    let guarded = Guarded::new(notes, &tools, &ceiling, layer).unwrap();
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let mut server = JoinSet::new();
    server.spawn(async move {
        let running = guarded.serve(tokio::io::split(theirs)).await.unwrap();
        running.waiting().await.unwrap();
    });
    let client = ().serve(tokio::io::split(ours)).await.unwrap();
    (dir, Talk { client, _server: server })
}

#[tokio::test]
async fn the_layer_judges_counts_and_sanitises() {
    let limits =
        Limits { calls_per_minute: 4, deadline: Duration::from_secs(60), ..Limits::default() };
    let (_dir, talk) = talk(limits).await;
    assert_eq!(talk.call("locate", "a.txt").await, Ok("a.txt".to_owned()));
    let no = talk.call("locate", "a\u{7}.txt").await.unwrap_err();
    assert!(no.contains("do not fit the tool's schema"), "{no}");
    let no = talk.call("locate", "../../etc/passwd").await.unwrap_err();
    assert!(no.contains("outside the allowed directories"), "{no}");
    let no = talk.call("stumble", "a.txt").await.unwrap_err();
    assert!(!no.contains("users") && !no.contains("/var/lib"), "{no}");
    let no = talk.call("locate", "a.txt").await.unwrap_err();
    assert!(no.contains("too many calls"), "{no}");
}

#[test]
fn a_tool_that_says_too_little_is_not_offered() {
    let notes = Notes::new();
    let layer = || Layer::new(Limits::default(), Evidence::nowhere("notes").unwrap());
    let tools = notes.tool_router.list_all();
    let mut silent = tools.clone();
    silent[0].annotations.as_mut().unwrap().open_world_hint = None;
    let name = silent[0].name.to_string();
    let refused = Guarded::new(notes.clone(), &silent, &Ceiling::new(), layer()).unwrap_err();
    assert_eq!(refused, Careless::Hints(name.clone()));
    let mut open = tools;
    let mut schema = (*open[0].input_schema).clone();
    schema.remove("additionalProperties");
    open[0].input_schema = schema.into();
    let refused = Guarded::new(notes, &open, &Ceiling::new(), layer()).unwrap_err();
    assert_eq!(refused, Careless::Open(name));
}
