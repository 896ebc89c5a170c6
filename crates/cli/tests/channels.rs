//! Every kind of question, in both eras, answered in every channel: through real processes,
//! with a host and a server that are this test's. The page `docs/reference/channels.md`
//! names a test for each cell.

#![allow(unreachable_pub, dead_code, reason = "a test's modules")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "channels/cells.rs"]
mod cells;
#[path = "console/desk.rs"]
mod desk;
#[path = "channels/order.rs"]
mod order;
#[path = "channels/page.rs"]
mod page;
#[path = "channels/scene.rs"]
mod scene;
#[path = "stage/mod.rs"]
mod stage;
#[path = "channels/terminal.rs"]
mod terminal;
