//! A real pseudo-terminal with a person played by this test.

use std::thread::{self, JoinHandle};
use std::time::UNIX_EPOCH;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcsetattr};

use super::*;
use crate::card::tests::question;
use crate::withdraw::{Asker, withdrawal};

/// The person's side of the terminal.
struct Person {
    keyboard: File,
    device: String,
}

fn sit_down() -> (Person, Terminal) {
    let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&keyboard).unwrap();
    unlockpt(&keyboard).unwrap();
    let device = ptsname(&keyboard, Vec::new()).unwrap().into_string().unwrap();
    let person = Person { keyboard: File::from(keyboard), device };
    let terminal = person.terminal();
    (person, terminal)
}

impl Person {
    /// Another program's view of the same terminal.
    fn terminal(&self) -> Terminal {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = i32::try_from(rustix::fs::OFlags::NOCTTY.bits()).unwrap();
        let open = || File::options().read(true).write(true).custom_flags(flags).open(&self.device);
        let claimable = Claimable::of(&open().unwrap()).unwrap();
        Terminal { tty: open().unwrap(), claimable, job_control: false }
    }

    fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// Reads the screen until a text shows up, and returns what was seen.
    fn sees(&mut self, text: &str) -> String {
        let mut seen = String::new();
        let mut bytes = [0; 1024];
        while !seen.contains(text) {
            let mut watched = [PollFd::new(&self.keyboard, PollFlags::IN)];
            let ready = poll(&mut watched, Some(&timespec(Duration::from_secs(10)))).unwrap();
            assert!(ready > 0, "waited for {text:?}, saw {seen:?}");
            let length = self.keyboard.read(&mut bytes).unwrap();
            seen.push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
        seen
    }
}

fn asks(mut terminal: Terminal, patience: Duration) -> (Asker, JoinHandle<Option<Said>>) {
    let (asker, withdrawal) = withdrawal().unwrap();
    let card = Card::new(&question("delete_file", r#"{"path":"notes.txt"}"#), UNIX_EPOCH);
    let deadline = Instant::now() + patience;
    (asker, thread::spawn(move || terminal.ask(&card, deadline, &withdrawal, |_| Ok(()))))
}

const LONG: Duration = Duration::from_secs(30);
const PROMPT: &str = "then enter: ";

#[test]
fn only_a_number_of_the_card_is_a_choice() {
    for (line, choices, expect) in [
        ("1\n", 0, None),
        ("1\n", 2, Some(Said::Standing(1))),
        (" 2 \n", 2, Some(Said::Standing(2))),
        ("3\n", 2, None),
        ("0\n", 2, None),
        ("+1\n", 2, None),
        ("01\n", 2, None),
        ("-1\n", 2, None),
        ("1y\n", 2, None),
        ("\n", 2, None),
        ("1", 2, None),
        ("y\n", 2, Some(Said::Once)),
        ("n\n", 2, Some(Said::No)),
    ] {
        assert_eq!(understand(line, choices), expect, "{line:?} {choices}");
    }
}

#[test]
fn a_person_answers() {
    for (typed, expect) in [
        ("y\n", Some(Said::Once)),
        (" YES \n", Some(Said::Once)),
        ("n\n", Some(Said::No)),
        ("no\n", Some(Said::No)),
        ("\u{4}", None),
    ] {
        let (mut person, terminal) = sit_down();
        let (_asker, answer) = asks(terminal, LONG);
        let seen = person.sees(PROMPT);
        assert!(seen.contains("\"path\": \"notes.txt\"") && seen.contains("apr_"), "{seen}");
        person.types(typed);
        assert_eq!(answer.join().unwrap(), expect, "{typed:?}");
    }
}

/// Approved is what was stored, and nothing before.
#[test]
fn a_yes_is_told_when_it_was_taken_and_an_error_as_one() {
    for (typed, kept, told) in [
        ("y\n", Ok(()), "approved"),
        ("n\n", Ok(()), "denied"),
        ("y\n", Err("the answer cannot be stored: disk full"), "cannot be stored: disk full"),
        ("n\n", Err("it is already expired"), "not decided here: it is already expired"),
    ] {
        let (mut person, mut terminal) = sit_down();
        let (_asker, withdrawal) = withdrawal().unwrap();
        let card = Card::new(&question("delete_file", "{}"), UNIX_EPOCH);
        let deadline = Instant::now() + LONG;
        let (let_go, wait) = std::sync::mpsc::channel();
        let asks = thread::spawn(move || {
            terminal.ask(&card, deadline, &withdrawal, |_| {
                wait.recv().unwrap();
                kept.map_err(str::to_owned)
            })
        });
        person.sees(PROMPT);
        person.types(typed);
        let echo = person.sees(typed.trim());
        assert!(!echo.contains("approved") && !echo.contains("denied"), "{echo}");
        let_go.send(()).unwrap();
        let seen = person.sees(told);
        let settled = seen.contains("approved") || seen.contains("denied");
        assert_eq!(kept.is_ok(), settled, "{seen}");
        asks.join().unwrap();
    }
}

#[test]
fn what_is_no_answer_is_asked_again_and_the_rest_is_forgotten() {
    let (mut person, terminal) = sit_down();
    let (_asker, answer) = asks(terminal, LONG);
    person.sees(PROMPT);
    for typed in ["\n", "ok\n", "yes please\n", "\u{200b}y\n", "y\u{4}\u{4}", "look:\nyes\n"] {
        person.types(typed);
        person.sees(PROMPT);
    }
    assert!(!answer.is_finished());
    person.types("n\n");
    assert_eq!(answer.join().unwrap(), Some(Said::No));
}

#[test]
fn what_was_typed_before_the_question_could_be_read_does_not_count() {
    let (mut person, terminal) = sit_down();
    person.types("yes\nyes\n");
    let (_asker, answer) = asks(terminal, LONG);
    person.sees("approval ");
    person.types("y\n");
    person.sees(PROMPT);
    thread::sleep(Duration::from_millis(600));
    assert!(!answer.is_finished());
    person.types("n\n");
    assert_eq!(answer.join().unwrap(), Some(Said::No));
}

#[test]
fn silence_and_withdrawal_are_no_answer() {
    let (mut person, terminal) = sit_down();
    let (_asker, answer) = asks(terminal, Duration::from_millis(900));
    assert_eq!(answer.join().unwrap(), None, "silence");
    person.sees("no longer asked");
    let terminal = person.terminal();
    let (asker, answer) = asks(terminal, LONG);
    person.sees(PROMPT);
    drop(asker);
    assert_eq!(answer.join().unwrap(), None, "withdrawn");
    person.sees("no longer asked");
}

#[test]
fn a_second_question_waits_for_its_turn() {
    let (mut person, terminal) = sit_down();
    let other = person.terminal();
    let (_first, one) = asks(terminal, LONG);
    person.sees(PROMPT);
    let (_second, two) = asks(other, LONG);
    thread::sleep(Duration::from_millis(300));
    person.types("y\n");
    assert_eq!(one.join().unwrap(), Some(Said::Once));
    person.sees(PROMPT);
    person.types("n\n");
    assert_eq!(two.join().unwrap(), Some(Said::No));
}

#[test]
fn a_full_screen_program_is_not_disturbed() {
    let (_person, terminal) = sit_down();
    assert!(terminal.is_ours());
    let mut modes = tcgetattr(&terminal.tty).unwrap();
    modes.make_raw();
    tcsetattr(&terminal.tty, OptionalActions::Now, &modes).unwrap();
    assert!(!terminal.is_ours());
    let foreign = Terminal { job_control: true, ..terminal };
    assert!(!foreign.is_ours(), "nor a terminal that is not in our foreground");
}
