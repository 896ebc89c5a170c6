//! The journal when things go wrong: recorded before sent, or not sent.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};

use crate::stage::gateway::gone;
use crate::stage::{Gateway, Stage, answering};

/// How often the gateway is killed.
const KILLS: u32 = 24;

/// A config that lets a host call as often as it likes.
fn unlimited(stage: &Stage) -> String {
    stage.config("[defaults.limits]\ncalls_per_minute = 100000\n").display().to_string()
}

fn path(n: usize) -> Value {
    json!({"path": format!("file-{n}")})
}

/// No file of the gateway's may grow any more.
fn fill_the_disk(gateway: &Gateway) {
    let pid = Pid::from_raw(gateway.pid()).unwrap();
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    prlimit(Some(pid), Resource::Fsize, none).unwrap();
}

/// The files that calls named, among the lines that reached the server.
fn reached(received: &str) -> BTreeSet<String> {
    let calls = received.lines().filter(|line| line.contains(r#""method":"tools/call""#));
    calls.filter_map(|line| named(&serde_json::from_str(line).ok()?, "/params/arguments")).collect()
}

fn named(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?["path"].as_str().map(str::to_owned)
}

#[test]
fn when_nothing_can_be_recorded_nothing_passes() {
    let stage = Stage::new();
    let received = stage.project().join("received");
    let root = stage.root();
    let command = stage.run(&["--root", &root], &answering::remembering(&received));
    let mut gateway = Gateway::start(command, None);
    gateway.shakes_hands();
    let before = gateway.call("read_file", &path(1));
    assert_eq!(before["result"]["content"][0]["text"], "done", "{before}");
    let kin = gateway.kin();
    fill_the_disk(&gateway);
    let after = gateway.call("read_file", &path(2));
    assert!(after.get("error").is_some() || after["result"]["isError"] == true, "{after}");
    assert_eq!(gateway.exit().code(), Some(1));
    gone(&kin);
    let said = gateway.finish();
    assert!(said.err.contains("the journal cannot be written"), "{said:?}");
    let reached = reached(&fs::read_to_string(received).unwrap());
    assert_eq!(reached, BTreeSet::from(["file-1".to_owned()]));
    stage.verify();
}

#[test]
fn what_reached_the_server_was_recorded_however_we_are_killed() {
    let stage = Stage::new();
    let received = stage.project().join("received");
    let root = stage.root();
    let config = unlimited(&stage);
    let options = ["--name", "killed", "--root", &root, "--config", &config];
    let (mut calls, mut dice) = (0, 0x2545_f491_4f6c_dd1d_u64);
    for round in 0..KILLS {
        let server = answering::remembering(&received);
        let mut gateway = Gateway::start(stage.run(&options, &server), None);
        gateway.shakes_hands();
        let kin = gateway.kin();
        assert!(kin.len() >= 3, "{kin:?}");
        for _ in 0..100 {
            calls += 1;
            gateway.asks("tools/call", &json!({"name": "read_file", "arguments": path(calls)}));
        }
        // Any moment will do; the same ones every time make a failure easier to find.
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        gateway.wait(Duration::from_micros(dice % 60_000));
        drop(gateway);
        gone(&kin);
        let proof = stage.says(&["journal", "verify"]);
        assert_eq!(proof.code, 0, "after kill {round}: {proof:?}");
    }
    let reached = reached(&fs::read_to_string(received).unwrap());
    let intents = stage.events("intent");
    let recorded: BTreeSet<_> =
        intents.iter().filter_map(|record| named(record, "/arguments")).collect();
    let unrecorded: Vec<_> = reached.difference(&recorded).collect();
    assert!(unrecorded.is_empty(), "{unrecorded:?}");
    assert!(!reached.is_empty() && reached.len() < calls, "{} of {calls}", reached.len());
}

#[test]
fn two_gateways_share_one_journal() {
    const EACH: usize = 100;
    let stage = Stage::new();
    let config = unlimited(&stage);
    let root = stage.root();
    let start = |name: &str| {
        let options = ["--name", name, "--config", &config, "--root", &root];
        Gateway::start(stage.run(&options, &answering::server("")), None)
    };
    let mut both = [start("one"), start("two")];
    for gateway in &mut both {
        gateway.shakes_hands();
    }
    let ask = |gateway: &mut Gateway, n| {
        gateway.asks("tools/call", &json!({"name": "read_file", "arguments": path(n)}))
    };
    let ids: Vec<[u64; 2]> = (0..EACH).map(|n| both.each_mut().map(|it| ask(it, n))).collect();
    for pair in ids {
        for (gateway, id) in both.iter_mut().zip(pair) {
            let answer = gateway.answer(id);
            assert_eq!(answer["result"]["content"][0]["text"], "done", "{answer}");
        }
    }
    for gateway in both {
        assert_eq!(gateway.leave().code, 0);
    }
    stage.verify();
    let records = stage.journal(1);
    let numbers: Vec<_> = records.iter().map(|record| record["seq"].as_u64().unwrap()).collect();
    let expected: Vec<_> = (1..=numbers.len() as u64).collect();
    assert_eq!(numbers, expected);
    for name in ["one", "two"] {
        for event in ["intent", "outcome"] {
            let of = |record: &&Value| {
                record["event"] == event
                    && record["server"] == name
                    && record["method"] == "tools/call"
            };
            assert_eq!(records.iter().filter(of).count(), EACH, "{name} {event}");
        }
    }
}

#[test]
fn the_record_of_a_start_says_what_the_box_is() {
    let stage = Stage::new();
    let mut gateway = Gateway::start(stage.run(&[], &answering::server("")), None);
    gateway.shakes_hands();
    assert_eq!(gateway.leave().code, 0);
    let started = &stage.events("started")[0];
    assert_eq!(started["confinement"]["level"], "full", "{started}");
    let attempts = started["confinement"]["selftest"].as_array().expect("a self-test");
    assert!(!attempts.is_empty() && attempts.iter().all(|it| it["held"] == true), "{started}");
}
