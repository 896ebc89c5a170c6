//! What becomes of tasks when no message says it: another process, and time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot read fails"
)]
#![allow(dead_code, reason = "the peers of another test, which says more")]

#[path = "positions/messages.rs"]
mod messages;
#[path = "positions/peers.rs"]
mod peers;

use std::time::Duration;

use messages::{How, every_message};
use peers::Peers;
use portcullis_wire::Revision;

/// A conversation in which a task is at work.
fn with_task() -> Peers {
    let mut peers = Peers::opened(Revision::V2026_07_28);
    let all = every_message(Revision::V2026_07_28);
    let state = all.iter().find(|said| said.how == How::Result("tasks/get")).expect("a task");
    let seen = peers.hear(state);
    assert_eq!(seen.client[0]["result"]["status"], "working", "{seen:?}");
    peers
}

#[test]
fn a_process_that_takes_anothers_place_has_none_of_its_tasks() {
    let mut peers = with_task();
    assert!(peers.reaches_server("tasks/get"));
    peers.restart();
    assert!(!peers.reaches_server("tasks/get"), "the fresh process could have a task of that name");
}

#[test]
fn a_task_is_forgotten_after_a_day_whatever_its_server_says() {
    let mut peers = with_task();
    peers.later(Duration::from_secs(23 * 3600));
    assert!(peers.reaches_server("tasks/get"));
    peers.later(Duration::from_secs(2 * 3600));
    assert!(!peers.reaches_server("tasks/get"));
}

#[test]
fn a_server_that_works_on_a_task_is_not_quiet() {
    let mut peers = with_task();
    assert!(!peers.is_quiet(), "a task is at work");
    peers.later(Duration::from_secs(25 * 3600));
    assert!(peers.is_quiet(), "its time is over, although nobody asked for it");
}

#[test]
fn a_task_that_is_over_keeps_no_server() {
    let mut peers = with_task();
    let all = every_message(Revision::V2026_07_28);
    let over = all.iter().find(|said| said.body["status"] == "completed").expect("one ends");
    let seen = peers.hear(over);
    assert_eq!(seen.client[0]["result"]["status"], "completed", "{seen:?}");
    assert!(peers.is_quiet());
    peers.restart();
    assert!(peers.recorded("server-gone", "its task is lost").is_empty());
}

#[test]
fn each_task_that_is_lost_with_its_process_is_recorded() {
    let mut peers = with_task();
    peers.restart();
    let lost = peers.recorded("server-gone", "its task is lost");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].is_u64(), "the call that began it: {lost:?}");
}

#[test]
fn a_task_that_its_host_takes_back_keeps_no_server() {
    let mut peers = with_task();
    let all = every_message(Revision::V2026_07_28);
    let taken_back = all.iter().find(|said| said.how == How::Result("tasks/cancel"));
    peers.hear(taken_back.expect("it is acknowledged"));
    assert!(peers.is_quiet());
}
