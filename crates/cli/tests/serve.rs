//! `portcullis serve`: sessions, who they are whose, and what the protocol wants of HTTP. The official
//! SDKs visit it in `peers`; here is what they would never do.

#![allow(unreachable_pub, reason = "a test's modules")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "serve/aggregate.rs"]
mod aggregate;
#[path = "serve/audited.rs"]
mod audited;
#[path = "serve/changes.rs"]
mod changes;
#[path = "serve/checklist.rs"]
mod checklist;
#[path = "serve/house.rs"]
mod house;
#[path = "serve/issuer.rs"]
mod issuer;
#[path = "serve/limits.rs"]
mod limits;
#[path = "serve/modern.rs"]
mod modern;
#[path = "serve/numbers.rs"]
mod numbers;
#[path = "serve/old.rs"]
mod old;
#[path = "serve/old_rules.rs"]
mod old_rules;
#[path = "serve/people.rs"]
mod people;
#[path = "serve/resume.rs"]
mod resume;
#[path = "serve/second.rs"]
mod second;
#[path = "serve/sessions.rs"]
mod sessions;
#[path = "stage/mod.rs"]
mod stage;
#[path = "serve/streams.rs"]
mod streams;
#[path = "serve/tls.rs"]
mod tls;
#[path = "serve/tokens.rs"]
mod tokens;
#[path = "serve/traces.rs"]
mod traces;
