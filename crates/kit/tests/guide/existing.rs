//! A server on the official SDK, and the kit around it: the last block of `docs/guide/servers.md`.

use std::io::Read as _;

use portcullis_guard::Access;
use portcullis_kit::{Ceiling, Evidence, Guarded, Layer, Limits, UnderRoot};
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{ServerCapabilities, ServerConfig};
use rmcp::{ServerHandler, ServiceExt as _, tool, tool_handler, tool_router};
use tokio::io::{AsyncRead, AsyncWrite};

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Note {
    path: UnderRoot, // was a String
}

#[derive(Debug, Clone)]
struct Notes;

#[tool_router]
impl Notes {
    #[tool(
        description = "Reads a note.",
        annotations(
            read_only_hint = true,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn read_note(&self, Parameters(note): Parameters<Note>) -> Result<String, String> {
        let read = move || {
            let file = note.path.dir().file(note.path.below()).map_err(|why| why.to_string())?;
            let mut text = String::new();
            let read = file.take(65_536).read_to_string(&mut text);
            read.map(|_| text).map_err(|why| why.to_string())
        };
        // A disk may be slow, and other calls wait behind this thread.
        tokio::task::spawn_blocking(read).await.map_err(|why| why.to_string())?
    }
}

#[tool_handler]
impl ServerHandler for Notes {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }
}

pub(crate) async fn serve(
    project: &std::path::Path,
    input: impl AsyncRead + Send + Unpin + 'static,
    output: impl AsyncWrite + Send + Unpin + 'static,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let ceiling = Ceiling::new().grant(project, Access::Read)?;
    let layer = Layer::new(Limits::default(), Evidence::nowhere("notes")?);
    // Refuses to start when a tool lacks a hint, or takes more than it names.
    let guarded = Guarded::new(Notes, &Notes::tool_router().list_all(), &ceiling, layer)?;
    guarded.serve((input, output)).await?.waiting().await?;
    Ok(())
}
