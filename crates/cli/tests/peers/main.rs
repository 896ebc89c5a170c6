//! Other people's servers and hosts, at pinned versions, with the real binary between them.
//!
//! `servers.rs` asks each server the same questions bare and guarded; `asking.rs`
//! lets a person answer; `inputs.rs` lets servers ask; `clients.rs` lets the official SDKs be the host,
//! `broken.rs` breaks their connections, `remote.rs` puts the server somewhere else, `suite.rs` lets the
//! conformance suite be it, `channels.rs` and `views.rs` in each place where a person answers. `calls.rs`
//! is the table of calls, `bridge.rs` has hosts and servers of two eras (`rust.rs` a host of the Rust SDK), `tasks.rs`
//! lets one go on as a task, `signin.rs` gets tokens of authorization servers. The peers are
//! brought by `cargo xtask test`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so by failing"
)]

mod aggregate;
mod asking;
mod bridge;
mod broken;
mod calls;
mod careless;
mod channels;
mod clients;
mod conformance;
#[allow(unreachable_pub, dead_code, reason = "a part of what the console's tests need")]
#[path = "../console/desk.rs"]
mod desk;
mod gateway;
mod host;
mod inputs;
mod left;
mod more;
mod ours;
mod remote;
mod rust;
mod servers;
mod signin;
#[path = "../stage/mod.rs"]
mod stage;
mod suite;
mod talk;
mod tasks;
#[allow(unreachable_pub, dead_code, reason = "a part of what the channels' tests need")]
#[path = "../channels/terminal.rs"]
mod terminal;
mod through;
mod views;
mod yard;
