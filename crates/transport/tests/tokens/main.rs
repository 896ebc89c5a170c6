//! Tokens of issuers: which count, and how everything that only looks like one is turned away.
#![allow(unreachable_pub, reason = "a test's modules")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

mod asked;
mod forged;
mod mint;
mod proofs;
