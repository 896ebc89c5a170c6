//! What may be typed of grants.

use clap::{Args, Subcommand};

pub(super) const GRANTS_EXAMPLE: &str = "\
Example: see what was given, take one grant back, give a directory again:
  portcullis grants
  portcullis grants revoke grt_7k2m9q4w8x1z
  portcullis grants restore grt_7k2m9q4w8x1z

A server that runs is denied the directory at once, and its box follows; calls that a grant
covered are asked about again from the next one on.";

/// `portcullis grants`.
#[derive(Args, Debug)]
pub struct Grants {
    /// What to do; without it, list.
    #[command(subcommand)]
    pub action: Option<GrantsAction>,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// What to do with grants.
#[derive(Debug, Subcommand)]
pub enum GrantsAction {
    /// The directories that servers were given, and the calls that may run unasked
    #[command(after_help = "Example:\n  portcullis grants list --json")]
    List,
    /// Take a directory back, now and for every later start; or ask about calls again
    #[command(after_help = "Example:\n  portcullis grants revoke grt_7k2m9q4w8x1z")]
    Revoke {
        /// The grant's name.
        id: String,
    },
    /// Give a directory again that was taken back
    #[command(after_help = "Example:\n  portcullis grants restore grt_7k2m9q4w8x1z")]
    Restore {
        /// The grant's name.
        id: String,
    },
}
