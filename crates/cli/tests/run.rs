//! `portcullis run` as hosts start it: what no case can play, because it needs
//! an environment, a terminal, a signal, or a process that is killed.

#![allow(unreachable_pub, reason = "a test's modules")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "run/apart.rs"]
mod apart;
#[path = "run/canary.rs"]
mod canary;
#[path = "run/children.rs"]
mod children;
#[path = "run/corpus.rs"]
mod corpus;
#[path = "run/ending.rs"]
mod ending;
#[path = "run/environment.rs"]
mod environment;
#[path = "run/evidence.rs"]
mod evidence;
#[path = "run/explain.rs"]
mod explain;
#[path = "run/faults.rs"]
mod faults;
#[path = "run/growth.rs"]
mod growth;
#[path = "run/launching.rs"]
mod launching;
#[path = "run/lives.rs"]
mod lives;
#[path = "run/many.rs"]
mod many;
#[path = "run/network.rs"]
mod network;
#[path = "run/noise.rs"]
mod noise;
#[path = "run/offered.rs"]
mod offered;
#[path = "run/once.rs"]
mod once;
#[path = "run/person.rs"]
mod person;
#[path = "run/pins.rs"]
mod pins;
#[path = "run/precedence.rs"]
mod precedence;
#[path = "run/privileges.rs"]
mod privileges;
#[path = "run/refused.rs"]
mod refused;
#[path = "run/reload.rs"]
mod reload;
#[path = "run/remembered.rs"]
mod remembered;
#[path = "run/remote.rs"]
mod remote;
#[path = "run/restart.rs"]
mod restart;
#[path = "run/roots.rs"]
mod roots;
#[path = "run/rotation.rs"]
mod rotation;
#[path = "run/signin.rs"]
mod signin;
#[path = "stage/mod.rs"]
mod stage;
#[path = "run/stderr.rs"]
mod stderr;
#[path = "run/watch.rs"]
mod watch;
