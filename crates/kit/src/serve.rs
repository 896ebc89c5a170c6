//! A toolbox on standard input and output.

use std::io;

use portcullis_confine::{RootRefused, SpawnError};
use rmcp::service::ServerInitializeError;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::stdio_pipes;
use rmcp::{RoleServer, ServiceExt as _};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::evidence::NoEvidence;
use crate::protocol::Served;
use crate::roots::BadGrant;
use crate::toolbox::Toolbox;

/// Why a server does not start, or ends badly.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A tool that cannot be offered.
    #[error("the tool `{name}` cannot be offered: {why}")]
    Tool {
        /// Its name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// Calls could not be recorded.
    #[error(transparent)]
    Evidence(#[from] NoEvidence),
    /// A directory is not what was granted.
    #[error(transparent)]
    Root(#[from] BadGrant),
    /// A directory that nobody means to grant.
    #[error(transparent)]
    Refused(#[from] RootRefused),
    /// The process could not be confined as it must be.
    #[error(transparent)]
    Weaker(#[from] SpawnError),
    /// The client did not begin as a revision says, or the conversation broke.
    #[error("the conversation failed: {0}")]
    Conversation(String),
    /// Our own runtime.
    #[error("the server cannot run: {0}")]
    Runtime(#[from] io::Error),
}

impl Toolbox {
    /// Serves one client on standard input and output until it leaves.
    ///
    /// # Errors
    /// [`StartError`], before the first byte is read.
    pub fn serve_stdio(self) -> Result<(), StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let served = runtime.block_on(async move {
            let (input, output) = stdio_pipes();
            self.serve(input, output).await
        });
        // A read of standard input that nobody needs any more would hold us.
        runtime.shutdown_background();
        served
    }

    /// Serves one client on these streams until it leaves, on the runtime that polls
    /// this.
    ///
    /// # Errors
    /// [`StartError`], before the first byte is read.
    ///
    /// # Cancel safety
    /// Dropped, the conversation is over.
    pub async fn serve(
        self,
        input: impl AsyncRead + Send + Unpin + 'static,
        output: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Result<(), StartError> {
        let served = Served::new(self)?;
        let most = served.layer().limits().message_bytes;
        let transport =
            AsyncRwTransport::<RoleServer, _, _>::new(input, output).with_max_line_length(most);
        let running = match served.serve(transport).await {
            Ok(running) => running,
            // A client that leaves before it said anything was no client.
            Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
            Err(broken) => return Err(StartError::Conversation(broken.to_string())),
        };
        let ended = running.waiting().await;
        ended.map(drop).map_err(|broken| StartError::Conversation(broken.to_string()))
    }
}
