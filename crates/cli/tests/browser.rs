//! `portcullis console` in a real browser: a person with a keyboard, and everybody who is not.

#![allow(unreachable_pub, reason = "a test's modules")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]
#![allow(dead_code, reason = "other tests use more of it")]

#[path = "browser/agent.rs"]
mod agent;
#[path = "console/desk.rs"]
mod desk;
#[path = "browser/drive.rs"]
mod drive;
#[path = "serve/house.rs"]
mod house;
#[path = "browser/inspector.rs"]
mod inspector;
#[path = "browser/journey.rs"]
mod journey;
#[path = "browser/kinds.rs"]
mod kinds;
#[path = "browser/looks.rs"]
mod looks;
#[path = "browser/person.rs"]
mod person;
#[path = "browser/provider.rs"]
mod provider;
#[path = "stage/mod.rs"]
mod stage;
