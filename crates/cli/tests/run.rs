//! `portcullis run` as hosts start it: what no case can play, because it needs
//! an environment, a terminal, a signal, or a process that is killed.

#![allow(unreachable_pub, reason = "a test's modules")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "run/ending.rs"]
mod ending;
#[path = "run/environment.rs"]
mod environment;
#[path = "run/evidence.rs"]
mod evidence;
#[path = "run/noise.rs"]
mod noise;
#[path = "run/person.rs"]
mod person;
#[path = "run/refused.rs"]
mod refused;
#[path = "stage/mod.rs"]
mod stage;
#[path = "run/stderr.rs"]
mod stderr;
