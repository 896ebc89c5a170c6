//! `portcullis approvals watch` on a real terminal, beside a gateway that waits.

use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use serde_json::{Value, json};

use crate::stage::pipes::{Inlet, Outlet, turn};
use crate::stage::{Gateway, PATIENCE, Stage, answering, start};

/// The view, its terminal, and whoever sits there.
struct Watch {
    child: Child,
    screen: Inlet,
    keys: Outlet,
    terminal: OwnedFd,
}

impl Watch {
    fn start(stage: &Stage, size: (u16, u16), environment: &[(&str, &str)]) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let both = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let terminal = open(name.as_c_str(), both, Mode::empty()).unwrap();
        resize(&terminal, size);
        let mut command = start("setsid");
        stage.scrub(&mut command);
        command.env("TERM", "xterm").envs(environment.iter().copied()).arg("--ctty");
        command.arg(env!("CARGO_BIN_EXE_portcullis")).args(["approvals", "watch"]);
        let end = || Stdio::from(terminal.try_clone().unwrap());
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let keys = Outlet::new(ours.try_clone().unwrap());
        Self { child, screen: Inlet::new(ours), keys, terminal }
    }

    fn turn(&mut self) {
        turn(&mut [&mut self.screen], &mut [&mut self.keys], Duration::from_millis(10));
    }

    /// What was painted last, without the marks between the rows.
    fn frame(&self) -> String {
        let all = String::from_utf8_lossy(&self.screen.bytes).into_owned();
        let last = all.rsplit("\u{1b}[H").next().unwrap_or_default();
        last.replace("\u{1b}[K", "").replace('\r', "")
    }

    /// Waits until the screen shows this.
    fn shows(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        while !self.frame().contains(text) {
            assert!(Instant::now() < deadline, "no `{text}`:\n{}", self.frame());
            self.turn();
        }
        self.frame()
    }

    fn types(&mut self, keys: &str) {
        self.keys.push(keys.as_bytes());
        while self.keys.waits() {
            self.turn();
        }
    }

    /// Says yes as soon as that counts.
    fn approves(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.frame().contains("type yes") {
            assert!(Instant::now() < deadline, "{}", self.frame());
            self.types("y");
            for _ in 0..20 {
                self.turn();
            }
        }
        self.types("yes\r");
        self.shows("approved");
    }

    /// It ended, and the terminal is as it was.
    fn left(mut self) {
        let deadline = Instant::now() + PATIENCE;
        let ended = loop {
            if let Some(ended) = self.child.try_wait().unwrap() {
                break ended;
            }
            assert!(Instant::now() < deadline, "it goes on:\n{}", self.frame());
            self.turn();
        };
        self.turn();
        assert!(ended.success(), "{ended}: {}", self.frame());
        let modes = tcgetattr(&self.terminal).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ICANON | LocalModes::ECHO), "{modes:?}");
        let all = String::from_utf8_lossy(&self.screen.bytes);
        assert!(
            all.contains("\u{1b}[?1049h") && all.ends_with("\u{1b}[?25h\u{1b}[?1049l"),
            "{all:?}"
        );
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resize(terminal: &OwnedFd, (ws_row, ws_col): (u16, u16)) {
    tcsetwinsize(terminal, Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
}

fn guarded(stage: &Stage, options: &[&str]) -> Gateway {
    let server = answering::remembering(&stage.project().join("received"));
    let root = stage.root();
    let options = [&["--root", root.as_str()], options].concat();
    let mut gateway = Gateway::start(stage.run(&options, &server), None);
    gateway.shakes_hands();
    gateway
}

fn deletes(gateway: &mut Gateway, path: &str) -> u64 {
    gateway.asks("tools/call", &json!({"name": "delete_file", "arguments": {"path": path}}))
}

fn reached(stage: &Stage) -> usize {
    let received = std::fs::read_to_string(stage.project().join("received")).unwrap_or_default();
    received.lines().filter(|line| line.contains("tools/call")).count()
}

fn ran(answer: &Value) -> bool {
    answer["result"]["content"][0]["text"] == "done"
}

#[test]
fn a_question_comes_up_is_read_and_approved() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage, &[]);
    let mut watch = Watch::start(&stage, (40, 100), &[]);
    watch.shows("no question waits");
    let id = deletes(&mut gateway, "no\u{202e}tes.txt");
    watch.shows("1 question waits");
    // Enter looks at it, and is never a yes.
    watch.types("\r");
    let shown = watch.shows("a yes       covers this one call");
    assert!(shown.contains("no\\u{202e}tes.txt") && !shown.contains('\u{202e}'), "{shown}");
    assert!(!shown.contains('\u{1b}'), "NO_COLOR is kept: {shown}");
    watch.types("\r\r");
    gateway.calm();
    assert_eq!(reached(&stage), 0);
    watch.approves();
    assert!(ran(&gateway.answer(id)));
    assert_eq!(stage.every_question()[0]["decided_by"], "watch");
    // The next one is denied.
    let id = deletes(&mut gateway, "other.txt");
    watch.shows("1 question waits");
    watch.types("\r");
    watch.shows("other.txt");
    watch.types("n");
    watch.shows("denied");
    assert_eq!(gateway.answer(id)["result"]["isError"], true);
    watch.types("q");
    watch.left();
    assert_eq!(reached(&stage), 1);
    gateway.leave();
}

#[test]
fn what_is_longer_than_the_screen_is_seen_to_its_end_before_a_yes_counts() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage, &[]);
    let more: Vec<u32> = (0..60).collect();
    let call = json!({"name": "delete_file", "arguments": {"path": "notes.txt", "more": more}});
    let id = gateway.asks("tools/call", &call);
    let mut watch = Watch::start(&stage, (10, 40), &[]);
    watch.shows("1 question waits");
    watch.types("\r");
    watch.shows("on to the end");
    std::thread::sleep(Duration::from_millis(1100));
    watch.types("y");
    watch.shows("not yet: go to the end");
    // A larger window shows it all at once.
    resize(&watch.terminal, (200, 120));
    watch.shows("a yes       covers this one call");
    watch.approves();
    assert!(ran(&gateway.answer(id)));
    watch.types("\u{3}");
    watch.left();
    gateway.leave();
}

#[test]
fn leaving_answers_nothing_and_the_terminal_is_as_it_was() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage, &[]);
    deletes(&mut gateway, "notes.txt");
    for signal in [None, Some(Signal::TERM), Some(Signal::HUP), Some(Signal::INT)] {
        let mut watch = Watch::start(&stage, (40, 100), &[]);
        watch.shows("1 question waits");
        watch.types("\r");
        watch.shows("notes.txt");
        match signal {
            None => watch.types("q"),
            Some(signal) => {
                let pid = Pid::from_raw(watch.child.id().cast_signed()).unwrap();
                kill_process(pid, signal).unwrap();
            }
        }
        watch.left();
    }
    assert_eq!(stage.questions().len(), 1);
    gateway.calm();
    assert_eq!(reached(&stage), 0);
}

#[test]
fn an_answer_from_elsewhere_closes_the_question() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage, &[]);
    let id = deletes(&mut gateway, "notes.txt");
    let mut watch = Watch::start(&stage, (40, 100), &[]);
    watch.shows("1 question waits");
    watch.types("\r");
    watch.shows("y approves");
    let question = stage.questions()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(stage.says(&["approvals", "deny", &question]).code, 0);
    watch.shows("is denied now, by uid:");
    // What is typed now is for no question.
    watch.types("yyes\r");
    assert_eq!(gateway.answer(id)["result"]["isError"], true);
    watch.types("q");
    watch.left();
    assert_eq!(reached(&stage), 0);
}

#[test]
fn a_number_and_a_time_stand() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage, &["--ask", "always"]);
    let path = |name: &str| stage.project().join(name).display().to_string();
    let reads = |gateway: &mut Gateway, name: &str| {
        let call = json!({"name": "read_file", "arguments": {"path": path(name)}});
        gateway.asks("tools/call", &call)
    };
    let id = reads(&mut gateway, "src/a");
    let mut watch = Watch::start(&stage, (60, 200), &[]);
    watch.shows("1 question waits");
    watch.types("\r");
    watch.shows("or longer   1 exactly these arguments");
    let deadline = Instant::now() + PATIENCE;
    while !watch.frame().contains("choice 2, for how long?") {
        assert!(Instant::now() < deadline, "{}", watch.frame());
        watch.types("2");
        for _ in 0..20 {
            watch.turn();
        }
    }
    watch.types("m");
    watch.shows("choice 2 10 minutes");
    watch.types("yes\r");
    watch.shows("approved");
    assert!(ran(&gateway.answer(id)));
    let id = reads(&mut gateway, "src/b");
    assert!(ran(&gateway.answer(id)), "it is covered");
    let grants = stage.says(&["grants", "list", "--json"]);
    let grants: Vec<Value> = serde_json::from_str(&grants.out).unwrap();
    assert!(grants.iter().any(|grant| grant["lasts"] == "10m"), "{grants:?}");
    watch.types("q");
    watch.left();
    gateway.leave();
}

#[test]
fn without_a_terminal_that_can_show_it_nothing_is_shown() {
    let stage = Stage::new();
    let said = stage.says(&["approvals", "watch"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
    assert!(said.err.contains("portcullis approvals"), "{said:?}");
}
