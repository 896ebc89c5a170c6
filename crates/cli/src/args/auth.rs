//! What may be typed of credentials for remote servers.

use clap::{Args, Subcommand};

pub(super) const AUTH_EXAMPLE: &str = "\
Example: see what is kept for remote servers, then forget what is kept for one:
  portcullis auth
  portcullis auth forget https://tickets.example.com/mcp

Nothing is shown of a credential but whose it is. What is forgotten here is still good where it was
given: take it back there too. A session that runs keeps the token that it has.";

/// `portcullis auth`.
#[derive(Args, Debug)]
pub struct Auth {
    /// What to do; without it, status.
    #[command(subcommand)]
    pub action: Option<AuthAction>,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// What to do with credentials.
#[derive(Debug, Subcommand)]
pub enum AuthAction {
    /// Whose credentials are kept, for which servers, and until when
    #[command(after_help = "Example:\n  portcullis auth status --json")]
    Status,
    /// Forget what is kept for a server, or everything
    #[command(after_help = "Example:\n  portcullis auth forget https://tickets.example.com/mcp")]
    Forget {
        /// The server's address, as `auth status` shows it
        #[arg(required_unless_present = "all")]
        server: Option<String>,
        /// Everything
        #[arg(long, conflicts_with = "server")]
        all: bool,
    },
}
