//! Clients and servers of every revision, with a session between them: what each pair can do
//! is the table of `docs/reference/bridge.md`, and a bridge that is lied to holds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

#[path = "bridge/attacks.rs"]
mod attacks;
#[path = "bridge/client.rs"]
mod client;
#[path = "bridge/features.rs"]
mod features;
#[path = "bridge/matrix.rs"]
mod matrix;
#[allow(dead_code, reason = "with the real binary more of it is needed")]
#[path = "bridge/server.rs"]
mod server;
#[allow(dead_code, reason = "the model lists tools, too")]
#[path = "model/settings.rs"]
mod settings;
#[path = "bridge/table.rs"]
mod table;
#[path = "bridge/talk.rs"]
mod talk;
