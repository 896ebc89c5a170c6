//! How a session ends, whoever ends it: everybody is answered, nobody is left.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::stage::gateway::gone;
use crate::stage::kin::{self, Kin};
use crate::stage::{Gateway, Puppet, Stage, answering};

/// A gateway whose server answers by itself, after the handshake.
fn answering_gateway(stage: &Stage) -> Gateway {
    let mut gateway = Gateway::start(stage.run(&[], &answering::server("")), None);
    gateway.shakes_hands();
    gateway
}

/// A gateway whose server is a puppet that shook hands and has one call in flight.
fn in_flight(stage: &Stage) -> (Gateway, u64) {
    let puppet = Puppet::new(stage);
    let command = stage.run(&["--root", &puppet.root()], &puppet.command());
    let mut gateway = Gateway::start(command, Some(puppet));
    let id = gateway.greets();
    serve(
        &mut gateway,
        &json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
        "serverInfo": {"name": "server", "version": "1"}}),
    );
    gateway.answer(id);
    gateway.says(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    let id = gateway.asks("tools/list", &json!({}));
    heard(&mut gateway);
    serve(
        &mut gateway,
        &json!({"tools": [{"name": "read_file", "inputSchema": {"type": "object"}}]}),
    );
    gateway.answer(id);
    let id = gateway.asks("tools/call", &json!({"name": "read_file", "arguments": {}}));
    (gateway, id)
}

/// What the puppet hears next.
fn heard(gateway: &mut Gateway) -> Value {
    let line = gateway.until(|gateway| gateway.server.as_mut()?.from_host.line());
    serde_json::from_slice(&line.expect("the server hears something")).expect("JSON")
}

/// The puppet answers the request that it hears next.
fn serve(gateway: &mut Gateway, result: &Value) {
    let asked = heard(gateway);
    let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": result});
    let server = gateway.server.as_mut().expect("a puppet");
    server.to_host.push(format!("{answer}\n").as_bytes());
}

fn sed(gateway: &Gateway) -> Kin {
    let all = gateway.kin();
    *all.iter().find(|kin| kin::name(**kin) == "sed").unwrap_or_else(|| panic!("{all:?}"))
}

#[test]
fn a_host_that_leaves_ends_everything() {
    let stage = Stage::new();
    let said = answering_gateway(&stage).leave();
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let ended = stage.events("ended");
    assert_eq!(ended[0]["note"], "the host closed the pipe");
    stage.verify();
}

#[test]
fn an_answer_still_reaches_a_host_that_only_listens() {
    let stage = Stage::new();
    let (mut gateway, id) = in_flight(&stage);
    gateway.calm();
    gateway.to.close();
    gateway.wait(Duration::from_millis(300));
    serve(&mut gateway, &json!({"content": [{"type": "text", "text": "in time"}]}));
    let answer = gateway.answer(id);
    assert_eq!(answer["result"]["content"][0]["text"], "in time", "{answer}");
    assert_eq!(gateway.leave().code, 0);
}

#[test]
fn a_call_in_flight_is_answered_when_the_host_leaves() {
    let stage = Stage::new();
    let (mut gateway, id) = in_flight(&stage);
    let kin = gateway.kin();
    gateway.calm();
    gateway.to.close();
    let answer = gateway.answer(id);
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    assert_eq!(gateway.exit().code(), Some(0));
    gone(&kin);
    stage.verify();
}

/// lc04: its input is closed, and it goes on.
#[test]
fn a_server_that_ignores_its_end_is_killed() {
    let stage = Stage::new();
    let stubborn = "trap '' TERM HUP INT PIPE; while :; do sleep 1; done";
    let mut gateway = Gateway::start(stage.run(&[], &Stage::shell(stubborn)), None);
    stage.until("the start", || (!stage.events("started").is_empty()).then_some(()));
    gateway.turn(Duration::from_millis(10));
    assert_eq!(gateway.leave().code, 0);
    let notices = stage.events("notice");
    let note = notices.last().map(|record| record["note"].to_string()).unwrap_or_default();
    assert!(note.contains("was killed"), "{notices:?}");
    stage.verify();
}

#[test]
fn a_server_that_ignores_its_end_is_asked_before_it_is_killed() {
    let stage = Stage::new();
    let slow = "trap 'exit 7' TERM; while :; do sleep 0.1; done";
    let mut gateway = Gateway::start(stage.run(&[], &Stage::shell(slow)), None);
    stage.until("the start", || (!stage.events("started").is_empty()).then_some(()));
    gateway.turn(Duration::from_millis(10));
    assert_eq!(gateway.leave().code, 0);
    let notices = stage.events("notice");
    let note = notices.last().map(|record| record["note"].to_string()).unwrap_or_default();
    assert!(note.contains("the server ended: exit code 7"), "{notices:?}");
}

#[test]
fn a_server_that_holds_too_much_memory_is_ended_and_that_is_recorded() {
    let stage = Stage::new();
    let config = stage.config("[server.greedy.limits]\nmemory_bytes = \"16MiB\"\n");
    let greedy = "head -c 24000000 /dev/zero > $TMPDIR/held; sleep 1000";
    let options = ["--name", "greedy", "--config", &config.display().to_string()];
    let mut gateway = Gateway::start(stage.run(&options, &Stage::shell(greedy)), None);
    assert_eq!(gateway.exit().code(), Some(1));
    let said = gateway.finish();
    assert!(said.err.contains("server ended: killed for holding"), "{said:?}");
    let notices = stage.events("notice");
    assert!(
        notices.iter().any(|it| it["note"].to_string().contains("memory_bytes")),
        "{notices:?}"
    );
    stage.verify();
}

#[test]
fn a_polite_signal_ends_everything_in_order() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let stage = Stage::new();
        let (mut gateway, id) = in_flight(&stage);
        let kin = gateway.kin();
        gateway.calm();
        gateway.signal(signal);
        let answer = gateway.answer(id);
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        assert_eq!(gateway.exit().code(), Some(0), "{signal:?}");
        gone(&kin);
        assert_eq!(stage.events("ended").len(), 1);
        stage.verify();
    }
}

#[test]
fn a_server_that_is_killed_ends_the_session() {
    let stage = Stage::new();
    let mut gateway = answering_gateway(&stage);
    let kin = gateway.kin();
    kin::kill(sed(&gateway));
    assert_eq!(gateway.exit().code(), Some(1));
    gone(&kin);
    let said = gateway.finish();
    assert!(said.err.contains("server ended: signal 9"), "{said:?}");
    assert_eq!(stage.events("ended")[0]["note"], "the server ended");
    stage.verify();
}

/// lc01
#[test]
fn a_box_without_its_broker_ends() {
    let stage = Stage::new();
    let (mut gateway, id) = in_flight(&stage);
    gateway.calm();
    let kin = gateway.kin();
    kin::kill(*kin.first().expect("the broker is our first child"));
    let answer = gateway.answer(id);
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    assert_eq!(gateway.exit().code(), Some(1));
    gone(&kin);
    stage.verify();
}

/// lc02
#[test]
fn what_a_server_started_ends_with_it() {
    let stage = Stage::new();
    let before = "(trap '' TERM HUP; setsid sleep 1000) >/dev/null 2>&1 </dev/null &";
    let mut gateway = Gateway::start(stage.run(&[], &answering::server(before)), None);
    gateway.shakes_hands();
    let named =
        |gateway: &Gateway| gateway.kin().into_iter().find(|kin| kin::name(*kin) == "sleep");
    let sleeper = stage.until("the sleeper", || named(&gateway));
    assert!(kin::lives(sleeper));
    assert_eq!(gateway.leave().code, 0);
    assert!(!kin::lives(sleeper));
}
