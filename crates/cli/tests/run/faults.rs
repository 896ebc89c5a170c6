//! What must not happen to an answer on its way: it is forged, altered, replayed or late, two
//! give it at once, the clock goes back, or the gateway dies between the yes and the call. The
//! call does not run, or it runs exactly once.

use std::fs;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::stage::gateway::gone;
use crate::stage::{Gateway, Stage, answering};

/// How often the moment is looked for at which the gateway dies.
const ROUNDS: u64 = 24;

fn guarded(stage: &Stage) -> Gateway {
    let server = answering::remembering(&stage.project().join("received"));
    let root = stage.root();
    let mut gateway =
        Gateway::start(stage.run(&["--name", "files", "--root", &root], &server), None);
    gateway.shakes_hands();
    gateway
}

fn deletes(gateway: &mut Gateway, file: &str) -> u64 {
    gateway.asks("tools/call", &json!({"name": "delete_file", "arguments": {"path": file}}))
}

/// Asks for something destructive; the request's id and the question's.
fn asks(stage: &Stage, gateway: &mut Gateway, file: &str) -> (u64, String) {
    let id = deletes(gateway, file);
    let question = stage.until("a question", || {
        let rows = stage.questions();
        let row = rows.iter().find(|row| row["arguments"]["path"] == file)?;
        Some(row["id"].as_str()?.to_owned())
    });
    (id, question)
}

/// How often a call for this file reached the server.
fn reached(stage: &Stage, file: &str) -> usize {
    let received = fs::read_to_string(stage.project().join("received")).unwrap_or_default();
    let calls = received.lines().filter(|line| line.contains("tools/call"));
    calls.filter(|line| line.contains(&format!("\"{file}\""))).count()
}

fn writes(stage: &Stage, sql: &str) {
    let db = Connection::open(stage.state().join("portcullis.db")).unwrap();
    db.busy_timeout(Duration::from_secs(30)).unwrap();
    assert!(db.execute(sql, []).unwrap() > 0, "{sql}");
}

fn state(stage: &Stage, question: &str) -> String {
    let all = stage.every_question();
    let row = all.into_iter().find(|row| row["id"] == question).unwrap();
    row["state"].as_str().unwrap().to_owned()
}

fn refused(answer: &Value) {
    assert_eq!(answer["result"]["isError"], true, "{answer}");
}

#[test]
fn a_yes_that_something_wrote_into_the_database_runs_nothing() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage);
    let (id, question) = asks(&stage, &mut gateway, "forged.txt");
    writes(
        &stage,
        "UPDATE approval SET state = 'approved', decided_by = 'console', decided = created",
    );
    refused(&gateway.answer(id));
    assert_eq!((reached(&stage, "forged.txt"), state(&stage, &question).as_str()), (0, "expired"));
    // Nor does the yes to one question, copied to another.
    let (first, yes) = asks(&stage, &mut gateway, "one.txt");
    let (second, question) = asks(&stage, &mut gateway, "two.txt");
    assert_eq!(stage.says(&["approvals", "approve", &yes]).code, 0);
    assert_eq!(gateway.answer(first)["result"]["content"][0]["text"], "done");
    let copy = format!(
        "UPDATE approval SET (state, decided_by, decided, expires, seal) =
            (SELECT 'approved', decided_by, decided, expires, seal FROM approval WHERE id = '{yes}')
         WHERE id = '{question}'"
    );
    writes(&stage, &copy);
    refused(&gateway.answer(second));
    assert_eq!(reached(&stage, "two.txt"), 0);
    gateway.leave();
    stage.verify();
}

#[test]
fn a_question_that_something_altered_cannot_be_approved() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage);
    let (id, question) = asks(&stage, &mut gateway, "altered.txt");
    writes(&stage, "UPDATE approval SET arguments = '{\"path\":\"harmless.txt\"}'");
    let said = stage.says(&["approvals", "approve", &question]);
    assert!(said.code == 1 && said.err.contains("not as it was asked"), "{said:?}");
    refused(&gateway.answer(id));
    assert_eq!(reached(&stage, "altered.txt"), 0);
    gateway.leave();
}

#[test]
fn a_yes_that_was_used_is_not_used_again() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage);
    let (id, question) = asks(&stage, &mut gateway, "once.txt");
    assert_eq!(stage.says(&["approvals", "approve", &question]).code, 0);
    assert_eq!(gateway.answer(id)["result"]["content"][0]["text"], "done");
    writes(&stage, "UPDATE approval SET state = 'approved' WHERE state = 'used'");
    let id = deletes(&mut gateway, "once.txt");
    let again = stage.until("another question", || stage.questions().pop());
    assert_ne!(again["id"], question.as_str());
    assert_eq!(stage.says(&["approvals", "deny", again["id"].as_str().unwrap()]).code, 0);
    refused(&gateway.answer(id));
    assert_eq!(reached(&stage, "once.txt"), 1);
    gateway.leave();
}

#[test]
fn a_clock_that_was_set_back_ends_the_yes() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage);
    let (id, question) = asks(&stage, &mut gateway, "clock.txt");
    // Another process saw a later time, as it does when the clock goes back an hour.
    writes(&stage, "UPDATE clock SET seen = seen + 3600000000");
    let said = stage.says(&["approvals", "approve", &question]);
    assert_eq!(said.code, 2, "{said:?}");
    refused(&gateway.answer(id));
    assert_eq!((reached(&stage, "clock.txt"), state(&stage, &question).as_str()), (0, "expired"));
    // And a yes that was given before it goes back is over, too.
    let (id, question) = asks(&stage, &mut gateway, "before.txt");
    let cancel =
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
    gateway.says(&cancel);
    stage.until("the end of the call", || {
        gateway.turn(Duration::from_millis(10));
        stage.events("outcome").into_iter().find(|record| record["outcome"] == "cancelled")
    });
    assert_eq!(stage.says(&["approvals", "approve", &question]).code, 0);
    writes(&stage, "UPDATE clock SET seen = seen + 3600000000");
    let id = deletes(&mut gateway, "before.txt");
    let again = stage.until("another question", || stage.questions().pop());
    assert_ne!(again["id"], question.as_str());
    assert_eq!(stage.says(&["approvals", "deny", again["id"].as_str().unwrap()]).code, 0);
    refused(&gateway.answer(id));
    assert_eq!(reached(&stage, "before.txt"), 0);
    gateway.leave();
}

#[test]
fn of_two_processes_that_answer_at_once_one_counts() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage);
    for round in 0..8 {
        let file = format!("both-{round}.txt");
        let (id, question) = asks(&stage, &mut gateway, &file);
        let words = ["approve", "deny", "approve"];
        let codes = std::thread::scope(|scope| {
            let say = |word| {
                let (stage, question) = (&stage, question.as_str());
                scope.spawn(move || stage.says(&["approvals", word, question]).code)
            };
            let all = words.map(say);
            all.map(|one| one.join().unwrap())
        });
        let won: Vec<&str> =
            codes.iter().zip(words).filter(|(code, _)| **code == 0).map(|(_, word)| word).collect();
        let [won] = won.as_slice() else { panic!("{codes:?}") };
        let ran = gateway.answer(id)["result"]["isError"] != true;
        assert_eq!(ran, *won == "approve", "{codes:?}");
        assert_eq!(reached(&stage, &file), usize::from(ran));
    }
    gateway.leave();
    stage.verify();
}

/// Killed before, at and after the moment at which a yes is used up: what reached the server
/// did so once, was recorded before, and a yes that was used lets nothing else run.
#[test]
fn a_gateway_that_dies_between_the_yes_and_the_call_runs_it_once_or_never() {
    let stage = Stage::new();
    let (mut ran, mut used) = (0, 0);
    for round in 0..ROUNDS {
        let file = format!("crash-{round}.txt");
        let mut gateway = guarded(&stage);
        let (_, question) = asks(&stage, &mut gateway, &file);
        let kin = gateway.kin();
        assert_eq!(stage.says(&["approvals", "approve", &question]).code, 0);
        // The gateway looks every 150 ms.
        gateway.wait(Duration::from_millis(round * 200 / ROUNDS));
        gateway.signal(rustix::process::Signal::KILL);
        gateway.exit();
        drop(gateway);
        gone(&kin);
        let times = reached(&stage, &file);
        let was = state(&stage, &question);
        assert!(times <= 1, "round {round}: {times} times");
        assert!(was == "used" || was == "approved" && times == 0, "round {round}: {was}, {times}");
        ran += times;
        used += usize::from(was == "used");
        if times == 1 {
            let intents = stage.events("intent");
            let recorded = intents.iter().any(|record| record["approval"] == question.as_str());
            assert!(recorded, "round {round}: it ran without a record");
        }
        // Whoever comes next asks again, whatever became of the yes.
        let mut next = guarded(&stage);
        let id = deletes(&mut next, &file);
        let again = stage.until("another question", || {
            stage.questions().into_iter().find(|row| row["arguments"]["path"] == file.as_str())
        });
        assert_eq!(stage.says(&["approvals", "deny", again["id"].as_str().unwrap()]).code, 0);
        refused(&next.answer(id));
        next.leave();
        assert_eq!(reached(&stage, &file), times, "round {round}");
    }
    stage.verify();
    eprintln!("{ROUNDS} rounds: {used} used up, {ran} reached the server");
}
