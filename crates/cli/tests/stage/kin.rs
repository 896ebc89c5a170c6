//! Who is alive, by number and birth: a number alone may be somebody else's by now.

use std::fs;

/// One process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kin {
    /// Its number.
    pub pid: i32,
    /// When it was born, in ticks since the machine's own birth.
    born: u64,
}

/// What the kernel says of a process.
struct Facts {
    kin: Kin,
    parent: i32,
    state: char,
}

/// The process, when it is there.
#[must_use]
pub fn find(pid: i32) -> Option<Kin> {
    facts(pid).map(|facts| facts.kin)
}

/// Every process below `pid`, parents first.
#[must_use]
pub fn below(pid: i32) -> Vec<Kin> {
    let numbers = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let all: Vec<Facts> = numbers.filter_map(facts).collect();
    let (mut found, mut at) = (vec![pid], 0);
    let mut kin = Vec::new();
    while let Some(parent) = found.get(at).copied() {
        let children = all.iter().filter(|facts| facts.parent == parent);
        for child in children {
            found.push(child.kin.pid);
            kin.push(child.kin);
        }
        at += 1;
    }
    kin
}

/// It lives, and is not a corpse that waits for its parent.
#[must_use]
pub fn lives(kin: Kin) -> bool {
    facts(kin.pid).is_some_and(|facts| facts.kin == kin && !matches!(facts.state, 'Z' | 'X'))
}

/// It waits for something to happen, or is gone.
#[must_use]
pub fn sleeps(kin: Kin) -> bool {
    facts(kin.pid).is_none_or(|facts| facts.kin != kin || matches!(facts.state, 'S' | 'Z' | 'X'))
}

/// The name of its program.
#[must_use]
pub fn name(kin: Kin) -> String {
    let name = fs::read_to_string(format!("/proc/{}/comm", kin.pid)).unwrap_or_default();
    name.trim_end().to_owned()
}

/// The most memory that it ever had, in bytes.
#[must_use]
pub fn most_memory(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.expect("the kernel tells") * 1024
}

/// Ends one process that a test of ours started.
pub fn kill(kin: Kin) {
    if lives(kin) {
        let pid = rustix::process::Pid::from_raw(kin.pid).expect("a number");
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

fn facts(pid: i32) -> Option<Facts> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so the rest begins after the last one.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let state = fields.first()?.chars().next()?;
    let (parent, born) = (fields.get(1)?.parse().ok()?, fields.get(19)?.parse().ok()?);
    Some(Facts { kin: Kin { pid, born }, parent, state })
}
