//! A person's answer: from another process, and from the terminal.

use std::fs;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, mkfifoat, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::{Value, json};

use crate::stage::pipes::{Inlet, Outlet, turn};
use crate::stage::{Gateway, PATIENCE, Stage, answering, start};

const CALL: (&str, &str) = ("delete_file", "notes.txt");

/// The host asks for something destructive; the request's id.
fn asks(gateway: &mut Gateway) -> u64 {
    let (tool, file) = CALL;
    gateway.asks("tools/call", &json!({"name": tool, "arguments": {"path": file}}))
}

fn the_question(stage: &Stage) -> String {
    stage.until("a question", || {
        let id = stage.questions().first()?["id"].as_str()?.to_owned();
        Some(id)
    })
}

/// How often the call reached the server.
fn reached(stage: &Stage) -> usize {
    let received = fs::read_to_string(stage.project().join("received")).unwrap_or_default();
    received.lines().filter(|line| line.contains("tools/call")).count()
}

/// `portcullis run` around a server that remembers what reaches it.
fn words(stage: &Stage) -> (String, Vec<String>) {
    let root = stage.root();
    (root, answering::remembering(&stage.project().join("received")))
}

fn guarded(stage: &Stage) -> Gateway {
    let (root, server) = words(stage);
    let mut gateway = Gateway::start(stage.run(&["--root", &root], &server), None);
    gateway.shakes_hands();
    gateway
}

#[test]
fn a_call_runs_after_another_process_says_yes() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage);
    let id = asks(&mut gateway);
    let question = the_question(&stage);
    gateway.calm();
    assert_eq!(reached(&stage), 0);
    let said = stage.says(&["approvals", "approve", &question]);
    assert_eq!(said.code, 0, "{said:?}");
    let answer = gateway.answer(id);
    assert_eq!(answer["result"]["content"][0]["text"], "done", "{answer}");
    let said = gateway.leave();
    assert!(said.err.contains(&format!("portcullis approvals approve {question}")), "{said:?}");
    assert_eq!(reached(&stage), 1);
    let again = stage.says(&["approvals", "approve", &question]);
    assert_eq!(again.code, 2, "{again:?}");
}

#[test]
fn a_call_does_not_run_after_another_process_says_no() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage);
    let id = asks(&mut gateway);
    let question = the_question(&stage);
    assert_eq!(stage.says(&["approvals", "deny", &question]).code, 0);
    let answer = gateway.answer(id);
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    gateway.leave();
    assert_eq!(reached(&stage), 0);
}

#[test]
fn a_question_of_a_gateway_that_was_killed_runs_nothing() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage);
    asks(&mut gateway);
    the_question(&stage);
    let kin = gateway.kin();
    drop(gateway);
    crate::stage::gateway::gone(&kin);
    assert_eq!(reached(&stage), 0);
    stage.verify();
}

/// A gateway with a terminal of its own, and what is on it.
struct AtTerminal {
    gateway: Gateway,
    screen: Inlet,
    keys: Outlet,
    /// As long as somebody has it open, the terminal is there.
    _open: OwnedFd,
}

impl AtTerminal {
    fn start(stage: &Stage) -> Self {
        Self::start_with(stage, &[], None)
    }

    /// The same with more options, on a screen of so many rows and columns.
    fn start_with(stage: &Stage, options: &[&str], size: Option<(u16, u16)>) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let both = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let theirs = open(name.as_c_str(), both, Mode::empty()).unwrap();
        if let Some((ws_row, ws_col)) = size {
            let size = Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 };
            tcsetwinsize(&theirs, size).unwrap();
        }
        let stdin = stage.path().join("stdin");
        mkfifoat(CWD, &stdin, Mode::RUSR | Mode::WUSR).unwrap();
        let both = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let to = open(&stdin, both, Mode::empty()).unwrap();
        let (root, server) = words(stage);
        // The terminal is taken from stdin, and then stdin is the host's pipe.
        let mut command = start("setsid");
        stage.scrub(&mut command);
        command.args(["--ctty", "/bin/sh", "-c", r#"stdin=$1; shift; exec "$@" <"$stdin""#, "sh"]);
        command.arg(stdin).arg(env!("CARGO_BIN_EXE_portcullis"));
        command.args(["run", "--root", &root]).args(options).arg("--").args(server);
        command.stdin(theirs.try_clone().unwrap()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut gateway = Gateway::of(command.spawn().unwrap(), None);
        gateway.to = Outlet::new(to);
        gateway.shakes_hands();
        let keys = Outlet::new(ours.try_clone().unwrap());
        Self { gateway, screen: Inlet::new(ours), keys, _open: theirs }
    }

    fn turn(&mut self) {
        turn(&mut [&mut self.screen], &mut [&mut self.keys], Duration::from_millis(10));
        self.gateway.turn(Duration::from_millis(10));
    }

    /// Waits until the screen shows this so often.
    fn shows(&mut self, text: &str, times: usize) {
        let deadline = std::time::Instant::now() + PATIENCE;
        while self.screen().matches(text).count() < times {
            assert!(std::time::Instant::now() < deadline, "no `{text}`: {}", self.screen());
            self.turn();
        }
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen.bytes).into_owned()
    }

    fn types(&mut self, keys: &str) {
        self.keys.push(keys.as_bytes());
        while self.keys.waits() {
            self.turn();
        }
    }

    /// The person has not answered, whatever was typed.
    fn is_open(&mut self, stage: &Stage) {
        for _ in 0..40 {
            self.turn();
        }
        assert_eq!(stage.questions().len(), 1, "{}", self.screen());
        assert_eq!(reached(stage), 0, "{}", self.screen());
    }
}

#[test]
fn only_a_yes_that_was_typed_after_the_question_counts() {
    let stage = Stage::new();
    let mut terminal = AtTerminal::start(&stage);
    terminal.types("y\n");
    let id = asks(&mut terminal.gateway);
    terminal.shows("notes.txt", 1);
    // The question is there, but nobody can have read it yet.
    terminal.types("y\n");
    terminal.shows("then enter:", 1);
    terminal.is_open(&stage);
    terminal.types("\n");
    terminal.shows("then enter:", 2);
    terminal.is_open(&stage);
    terminal.types("y\n");
    terminal.shows("approved, this once", 1);
    let answer = terminal.gateway.answer(id);
    assert_eq!(answer["result"]["content"][0]["text"], "done", "{answer}");
    assert_eq!(terminal.gateway.leave().code, 0);
    assert_eq!(reached(&stage), 1);
    let asked: Vec<Value> = stage.every_question();
    assert_eq!(asked[0]["decided_by"], "terminal", "{asked:?}");
}

#[test]
fn a_number_at_the_terminal_stands_until_the_session_ends() {
    let stage = Stage::new();
    let mut terminal = AtTerminal::start_with(&stage, &["--ask", "always"], Some((50, 120)));
    let read = |terminal: &mut AtTerminal, file: &str| {
        let path = stage.project().join(file).display().to_string();
        let call = json!({"name": "read_file", "arguments": {"path": path}});
        terminal.gateway.asks("tools/call", &call)
    };
    let id = read(&mut terminal, "src/a");
    terminal.shows("type y, n or 1 to 3, then enter:", 1);
    let place = stage.project().join("src").display().to_string();
    assert!(terminal.screen().contains(&format!("2 until the session ends: `path` in {place};")));
    // No number of this card, and no answer.
    terminal.types("4\n");
    terminal.shows("then enter:", 2);
    terminal.types("2\n");
    terminal.shows("calls like it until this session ends", 1);
    let answer = terminal.gateway.answer(id);
    assert_eq!(answer["result"]["content"][0]["text"], "done", "{answer}");
    let id = read(&mut terminal, "src/b");
    let answer = terminal.gateway.answer(id);
    assert_eq!(answer["result"]["content"][0]["text"], "done", "{answer}");
    assert_eq!(stage.every_question().len(), 1);
    assert_eq!(terminal.gateway.leave().code, 0);
}

#[test]
fn what_does_not_fit_on_the_terminal_is_answered_once() {
    let stage = Stage::new();
    let mut terminal = AtTerminal::start_with(&stage, &["--ask", "always"], Some((8, 80)));
    let call = json!({"name": "read_file", "arguments": {"path": "src/a"}});
    let id = terminal.gateway.asks("tools/call", &call);
    terminal.shows("type y or n, then enter:", 1);
    terminal.types("1\n");
    terminal.shows("then enter:", 2);
    terminal.is_open(&stage);
    terminal.types("n\n");
    let answer = terminal.gateway.answer(id);
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    assert_eq!(terminal.gateway.leave().code, 0);
}

#[test]
fn a_no_at_the_terminal_is_a_no() {
    let stage = Stage::new();
    let mut terminal = AtTerminal::start(&stage);
    let id = asks(&mut terminal.gateway);
    terminal.shows("then enter:", 1);
    terminal.types("n\n");
    let answer = terminal.gateway.answer(id);
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    assert_eq!(terminal.gateway.leave().code, 0);
    assert_eq!(reached(&stage), 0);
}

#[test]
fn an_answer_from_elsewhere_takes_the_question_off_the_terminal() {
    let stage = Stage::new();
    let mut terminal = AtTerminal::start(&stage);
    let id = asks(&mut terminal.gateway);
    terminal.shows("then enter:", 1);
    let question = the_question(&stage);
    assert_eq!(stage.says(&["approvals", "deny", &question]).code, 0);
    let answer = terminal.gateway.answer(id);
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    terminal.shows("no longer asked", 1);
    terminal.types("y\n");
    assert_eq!(terminal.gateway.leave().code, 0);
    assert_eq!(stage.every_question()[0]["state"], "denied");
    assert_eq!(reached(&stage), 0);
}

#[test]
fn a_question_that_outlives_its_call_can_still_be_answered_at_the_terminal() {
    let stage = Stage::new();
    let mut terminal = AtTerminal::start(&stage);
    let id = asks(&mut terminal.gateway);
    terminal.shows("then enter:", 1);
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": {"requestId": id}});
    terminal.gateway.says(&cancel);
    let outcomes = || stage.events("outcome").into_iter();
    stage.until("the end of the call", || {
        terminal.turn();
        outcomes().find(|record| record["outcome"] == "cancelled")
    });
    terminal.types("y\n");
    terminal.shows("approved, this once", 1);
    let approved = || stage.every_question()[0]["state"] == "approved";
    stage.until("the answer in the store", || {
        terminal.turn();
        approved().then_some(())
    });
    assert_eq!(reached(&stage), 0);
    let id = asks(&mut terminal.gateway);
    let answer = terminal.gateway.answer(id);
    assert_eq!(answer["result"]["content"][0]["text"], "done", "{answer}");
    assert_eq!(terminal.gateway.leave().code, 0);
    assert_eq!(reached(&stage), 1);
}

#[test]
fn a_question_is_forgotten_after_thirty_days() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage);
    asks(&mut gateway);
    let young = the_question(&stage);
    drop(gateway);
    let db = rusqlite::Connection::open(stage.state().join("portcullis.db")).unwrap();
    let days = |count: i64| count * 24 * 60 * 60 * 1_000_000;
    let same = "kind, principal, server, session, tool, definition_pin, arguments_digest, policy, \
                arguments, risk, reasons";
    let copies = format!(
        "INSERT INTO approval (id, state, created, expires, {same})
         SELECT 'apr_00000000000' || ?1, 'used', created - ?2, expires - ?2, {same}
         FROM approval WHERE id = ?3"
    );
    for (name, age) in [("1", days(29)), ("2", days(31))] {
        assert_eq!(db.execute(&copies, (name, age, &young)).unwrap(), 1);
    }
    let names = || -> Vec<String> {
        let rows = stage.every_question().into_iter();
        rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(), ["apr_000000000002", "apr_000000000001", young.as_str()]);
    assert_eq!(guarded(&stage).leave().code, 0);
    assert_eq!(names(), ["apr_000000000001", young.as_str()]);
}
