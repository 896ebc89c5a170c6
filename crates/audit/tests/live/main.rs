//! The live probe on real servers: what is true of each is found, and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod bad;
mod hostile;
mod lesson;
mod reaching;
mod stand;
mod zoo;
