//! An attacker for this crate's tests: tries to get out of wherever it runs.
//!
//! Each attempt is one line on stdout: its id, a word, and what the kernel said. The words are `held`, `LEAK`, `look` (what
//! happened can only be seen from outside) and `broken` (the attempt itself
//! failed). Arguments choose attempts by id, or leave them out with `-ID`. The victims are put in place by
//! `confine-stage`, which names them in variables.
#![allow(unsafe_code, reason = "an attacker makes bare system calls")]

mod execution;
mod hold;
mod kernel;
mod lifecycle;
mod looking;
mod mounts;
mod network;
mod plenty;
mod privileges;
mod processes;
mod terminal;
mod writing;

use std::os::unix::process::parent_id;
use std::sync::OnceLock;

/// What an attempt came to, in the attacker's view.
enum Outcome {
    /// Success.
    Leak(String),
    /// Refused.
    Held(String),
    /// Done; whether it arrived, the stage sees from outside.
    Look(String),
}

use Outcome::{Held, Leak, Look};

/// One way out that should be closed.
struct Attempt {
    id: &'static str,
    name: &'static str,
    run: fn() -> Outcome,
    alone: bool,
}

const fn attempt(id: &'static str, name: &'static str, run: fn() -> Outcome) -> Attempt {
    Attempt { id, name, run, alone: false }
}

/// An attempt that would change what the next one finds: a child makes it.
const fn alone(id: &'static str, name: &'static str, run: fn() -> Outcome) -> Attempt {
    Attempt { id, name, run, alone: true }
}

const LISTS: &[&[Attempt]] = &[
    looking::ATTEMPTS,
    writing::ATTEMPTS,
    mounts::ATTEMPTS,
    execution::ATTEMPTS,
    processes::ATTEMPTS,
    plenty::ATTEMPTS,
    lifecycle::ATTEMPTS,
    privileges::ATTEMPTS,
    terminal::ATTEMPTS,
    kernel::ATTEMPTS,
    network::ATTEMPTS,
];

/// An attempt that takes longer is broken.
const PATIENCE: u32 = 20;

fn main() {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "list") {
        all().for_each(|attempt| say(&format!("{}\t{}", attempt.id, attempt.name)));
        return;
    }
    if words.first().is_some_and(|word| word == "hold") {
        return hold::hold(&words[1..]);
    }
    PARENT.get_or_init(parent_id);
    let without: Vec<String> = words.extract_if(.., |word| word.starts_with('-')).collect();
    let wanted = |id: &str| {
        !without.iter().any(|word| word.strip_prefix('-') == Some(id))
            && (words.is_empty() || words.iter().any(|word| word == id))
    };
    for attempt in all().filter(|attempt| wanted(attempt.id)) {
        // SAFETY: a timer whose signal ends this process.
        unsafe { libc::alarm(PATIENCE) };
        if attempt.alone { try_alone(attempt) } else { try_here(attempt) }
    }
}

fn all() -> impl Iterator<Item = &'static Attempt> {
    LISTS.iter().copied().flatten()
}

fn try_here(attempt: &Attempt) {
    let (word, detail) = match (attempt.run)() {
        Leak(detail) => ("LEAK", detail),
        Held(detail) => ("held", detail),
        Look(detail) => ("look", detail),
    };
    told(attempt, word, &detail);
}

fn try_alone(attempt: &Attempt) {
    // SAFETY: this program has one thread.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: a timer whose signal ends this process.
        unsafe { libc::alarm(PATIENCE) };
        try_here(attempt);
        // SAFETY: nothing of Rust's needs to run.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: our own child, and a place for its status.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    if libc::WIFSIGNALED(status) {
        // The filter kills what comes from a foreign architecture, and a kernel
        // without that architecture faults.
        let signal = libc::WTERMSIG(status);
        let foreign = attempt.id == "ke20" && matches!(signal, libc::SIGSYS | libc::SIGSEGV);
        let word = if foreign { "held" } else { "broken" };
        told(attempt, word, &format!("killed by signal {signal}"));
    }
}

fn told(attempt: &Attempt, word: &str, detail: &str) {
    let detail: String = detail.chars().filter(|c| !c.is_control()).take(120).collect();
    say(&format!("{}\t{word}\t{detail}", attempt.id));
}

/// One line, one write: whoever forked before has no copy of a buffer.
fn say(line: &str) {
    use std::io::Write as _;
    let _ = std::io::stdout().write_all(format!("{line}\n").as_bytes());
    let _ = std::io::stdout().flush();
}

/// Who started us, before we forked.
static PARENT: OnceLock<u32> = OnceLock::new();

fn parent() -> i32 {
    PARENT.get().and_then(|pid| i32::try_from(*pid).ok()).unwrap_or(1)
}

/// The process that the stage offers as a victim.
fn victim() -> i32 {
    given("VICTIM").parse().unwrap_or(1)
}

/// Those whom an attacker would like to get at: the init, the starter, the victim.
fn others() -> [i32; 3] {
    [1, parent(), victim()]
}

/// A variable that the stage set for us.
fn given(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// A path for a bare system call.
fn path(text: impl Into<Vec<u8>>) -> std::ffi::CString {
    std::ffi::CString::new(text).unwrap_or_default()
}

/// A bare system call: what is refused is held.
fn call(number: libc::c_long, arguments: &[libc::c_long]) -> Outcome {
    match raw(number, arguments) {
        Ok(result) => Leak(result.to_string()),
        Err(error) => Held(error.to_string()),
    }
}

/// A bare system call of at most six arguments. Pointers among them come from
/// values that outlive it.
fn raw(number: libc::c_long, arguments: &[libc::c_long]) -> std::io::Result<libc::c_long> {
    let mut six = [0; 6];
    six.iter_mut().zip(arguments).for_each(|(place, argument)| *place = *argument);
    let [a, b, c, d, e, f] = six;
    // SAFETY: the caller's pointers are valid for what the call does with them.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(result) }
}

/// A pointer as an argument.
fn at<T: ?Sized>(value: &T) -> libc::c_long {
    std::ptr::from_ref(value).cast::<u8>() as libc::c_long
}

/// Anything with a readable error.
fn said<T>(result: std::io::Result<T>) -> Outcome {
    match result {
        Ok(_) => Leak("it worked".to_owned()),
        Err(error) => Held(error.to_string()),
    }
}

/// The first of several that gets through, else what the last one was told.
fn any(tries: impl IntoIterator<Item = Outcome>) -> Outcome {
    let mut last = Held("nothing to try".to_owned());
    for outcome in tries {
        match outcome {
            Leak(_) => return outcome,
            Held(_) | Look(_) => last = outcome,
        }
    }
    last
}
