//! What a server writes to stdout that is no message.

use serde_json::{Value, json};

use crate::stage::kin::most_memory;
use crate::stage::{Gateway, Stage, answering};

/// What the gateway may need, whatever it is sent, in bytes.
const MEMORY: u64 = 64 << 20;

/// Shell that writes one line of a hundred million bytes.
const ENDLESS: &str = "head -c 100000000 /dev/zero | tr '\\0' a; echo";

fn reasons(record: &Value) -> String {
    record["decision"]["because"].to_string()
}

/// lc03: what is no message, and below it what has no end and what never pauses.
#[test]
fn noise_is_dropped_and_recorded_and_the_session_goes_on() {
    let stage = Stage::new();
    let noise = r#"echo starting; echo; echo '{"jsonrpc":"2.0","id":1,"id":2,"result":{}}'"#;
    let mut gateway = Gateway::start(stage.run(&[], &answering::server(noise)), None);
    let answer = gateway.shakes_hands();
    assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{answer}");
    let answer = gateway.call("read_file", &json!({}));
    assert_eq!(answer["result"]["content"][0]["text"], "done");
    let said = gateway.leave();
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let dropped = stage.events("dropped");
    assert_eq!(dropped.len(), 2, "{dropped:?}");
    assert!(dropped.iter().all(|record| reasons(record).contains("strict-parsing")), "{dropped:?}");
    stage.verify();
}

/// lc03: a hundred megabytes in one line.
#[test]
fn a_line_without_end_from_the_server_costs_no_memory() {
    let stage = Stage::new();
    let mut gateway = Gateway::start(stage.run(&[], &answering::server(ENDLESS)), None);
    gateway.shakes_hands();
    let most = most_memory(gateway.pid());
    assert!(most < MEMORY, "{most} bytes");
    assert_eq!(gateway.leave().code, 0);
    let dropped = stage.events("dropped");
    assert_eq!(dropped.len(), 1, "{dropped:?}");
    assert!(reasons(&dropped[0]).contains("too long"), "{dropped:?}");
}

#[test]
fn a_line_without_end_from_the_host_costs_no_memory() {
    let stage = Stage::new();
    let mut gateway = Gateway::start(stage.run(&[], &answering::server("")), None);
    gateway.shakes_hands();
    let piece = vec![b'a'; 1 << 20];
    for _ in 0..100 {
        gateway.to.push(&piece);
        gateway.until(|gateway| (!gateway.to.waits()).then_some(())).expect("it reads");
    }
    gateway.to.push(b"\n");
    let answer: Value = serde_json::from_str(&gateway.hears()).unwrap();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &json!(-32700)));
    let most = most_memory(gateway.pid());
    assert!(most < MEMORY, "{most} bytes");
    assert_eq!(gateway.leave().code, 0);
    assert!(reasons(&stage.events("denied")[0]).contains("too long"));
}

/// lc03: ended by us.
#[test]
fn a_server_that_floods_is_cut_off() {
    let stage = Stage::new();
    // It waits for the first line, so that somebody waits for an answer.
    let flood = "read -r line; yes noise | head -n 10000";
    let mut gateway = Gateway::start(stage.run(&[], &answering::server(flood)), None);
    let kin = stage.until("the box", || Some(gateway.kin()).filter(|kin| !kin.is_empty()));
    let id = gateway.greets();
    let answer = gateway.answer(id);
    assert!(answer["error"]["code"].is_number(), "{answer}");
    let said = gateway.finish();
    assert_eq!(said.code, 1, "{said:?}");
    crate::stage::gateway::gone(&kin);
    let ended = stage.events("ended");
    assert_eq!(ended[0]["note"], "the server sent too many lines that may not pass");
    // A flood of noise is no flood of records.
    assert!(stage.events("dropped").len() < 100);
    stage.verify();
}

#[test]
fn a_server_that_never_pauses_is_not_the_only_one_that_is_heard() {
    let stage = Stage::new();
    let line = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}"#;
    let endless = format!("exec yes '{line}'");
    let mut gateway = Gateway::start(stage.run(&[], &Stage::shell(&endless)), None);
    stage.until("the flood", || (!stage.events("dropped").is_empty()).then_some(()));
    for _ in 0..20 {
        // Whoever is not heard waits for ever: then there is no answer in time.
        let id = gateway.asks("tools/list", &json!({}));
        assert_eq!(gateway.answer(id)["error"]["code"], -32600);
    }
    assert_eq!(gateway.leave().code, 0);
    assert!(stage.events("dropped").len() < 2000);
}
