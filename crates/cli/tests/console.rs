//! `portcullis console`, beside a gateway that holds a call: what a browser says, what a person
//! answers, and what everybody else tries.

#![allow(unreachable_pub, reason = "a test's modules")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "console/answers.rs"]
mod answers;
#[path = "console/begin.rs"]
mod begin;
#[path = "console/boxed.rs"]
mod boxed;
#[path = "console/desk.rs"]
mod desk;
#[path = "console/kinds.rs"]
mod kinds;
#[path = "stage/mod.rs"]
mod stage;
#[path = "console/wall.rs"]
mod wall;
