//! What is left of a server when it should be gone.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::talk::PATIENCE;

/// A process, by number and birth: the number alone may be somebody else's by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kin {
    pid: u32,
    born: u64,
    words: String,
}

/// One line of the kernel's table.
struct Row {
    pid: u32,
    parent: u32,
    born: u64,
    dead: bool,
}

impl Kin {
    /// Every process that this one started, and those started in turn.
    pub(crate) fn below(pid: u32) -> Vec<Self> {
        let rows: Vec<Row> = processes().filter_map(row).collect();
        let mut family = vec![pid];
        let mut at = 0;
        while let Some(&parent) = family.get(at) {
            family.extend(rows.iter().filter(|row| row.parent == parent).map(|row| row.pid));
            at += 1;
        }
        let below = rows.iter().filter(|row| row.pid != pid && family.contains(&row.pid));
        below.map(|row| Self { pid: row.pid, born: row.born, words: words(row.pid) }).collect()
    }

    fn lives(&self) -> bool {
        row(self.pid).is_some_and(|row| row.born == self.born && !row.dead)
    }
}

/// Waits until all of them are gone.
pub(crate) fn assert_gone(kin: &[Kin]) {
    let left = wait(|| kin.iter().filter(|kin| kin.lives()).cloned().collect());
    assert_eq!(left, [], "processes of the server outlived the gateway");
}

/// Waits until no process names this place, in its words.
pub(crate) fn assert_nobody_names(place: &str) {
    let named = |pid: u32| Some(words(pid)).filter(|words| words.contains(place));
    let left: Vec<String> = wait(|| processes().filter_map(named).collect());
    assert_eq!(left, Vec::<String>::new(), "processes outlived the host");
}

fn wait<T>(look: impl Fn() -> Vec<T>) -> Vec<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = look();
        if left.is_empty() || Instant::now() > deadline {
            return left;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn row(pid: u32) -> Option<Row> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so the rest begins after the last one.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let dead = matches!(*fields.first()?, "Z" | "X");
    let (parent, born) = (fields.get(1)?.parse().ok()?, fields.get(19)?.parse().ok()?);
    Some(Row { pid, parent, born, dead })
}

fn words(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}
