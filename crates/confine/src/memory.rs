//! How much memory a box holds, all its processes and its files in memory together.
//!
//! The kernel's own limits are per process, and a server may have many. Where
//! nobody delegates a control group to us, somebody must look: the init of a
//! box (the broker, below level full) does, ten times a second. A process that
//! is first seen as too big is looked at more closely, because a fork shares
//! its pages with its parent and would else be counted twice; and the box must
//! be too big two times in a row.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

/// How often somebody looks.
pub(crate) const INTERVAL: Duration = Duration::from_millis(100);

/// What one look at a process may find, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Held {
    /// Its own, in memory and swapped out.
    private: u64,
    /// Shared with others, and backed by no file on a disk.
    shared: u64,
}

/// Counts, and remembers what it counted last.
#[derive(Debug)]
pub(crate) struct Meter {
    most: u64,
    places: &'static [&'static str],
    was_over: bool,
}

impl Meter {
    /// At most `most` bytes, of which the files below `places` count too.
    pub(crate) fn new(most: u64, places: &'static [&'static str]) -> Self {
        Self { most, places, was_over: false }
    }

    /// Looks once. What the processes hold, when that was too much now and the
    /// last time.
    pub(crate) fn exceeded(&mut self, processes: &[i32]) -> Option<u64> {
        let files = self.places.iter().map(|place| in_files(place)).sum::<u64>();
        let loose = loose_files(processes);
        let sum = |look: fn(i32) -> Held| {
            let all = processes.iter().map(|pid| look(*pid));
            let all = all.fold(Held::default(), |sum, one| Held {
                private: sum.private + one.private,
                shared: sum.shared + one.shared,
            });
            // A file without a name may be mapped as well.
            files + all.private + all.shared.max(loose)
        };
        let mut held = sum(at_first_sight);
        if held > self.most {
            held = sum(closely);
        }
        let over = held > self.most;
        let twice = over && self.was_over;
        self.was_over = over;
        twice.then_some(held)
    }
}

/// Cheap, and too much where processes share.
fn at_first_sight(pid: i32) -> Held {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let of = |key: &str| kilobytes(&text, key);
    Held { private: of("RssAnon:") + of("VmSwap:"), shared: of("RssShmem:") }
}

/// Each page divided by those who share it. Walks every mapping, so it is for
/// the moment of doubt; who may not see so closely goes by the first sight.
fn closely(pid: i32) -> Held {
    match fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        Ok(text) => {
            let of = |key: &str| kilobytes(&text, key);
            Held { private: of("Pss_Anon:") + of("SwapPss:"), shared: of("Pss_Shmem:") }
        }
        Err(_) => at_first_sight(pid),
    }
}

fn kilobytes(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
    number.unwrap_or(0_u64).saturating_mul(1024)
}

/// What files in memory hold that are open and mapped nowhere (`memfd_create`).
fn loose_files(processes: &[i32]) -> u64 {
    let mut files = BTreeMap::new();
    for pid in processes {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let nameless =
            open.filter(|entry| fs::read_link(entry.path()).is_ok_and(|to| is_memfd(&to)));
        for meta in nameless.filter_map(|entry| fs::metadata(entry.path()).ok()) {
            files.insert((meta.dev(), meta.ino()), meta.blocks().saturating_mul(512));
        }
    }
    files.values().sum()
}

/// The kernel writes `/memfd:name (deleted)`, one component.
fn is_memfd(link: &Path) -> bool {
    link.to_string_lossy().starts_with("/memfd:")
}

fn in_files(place: &str) -> u64 {
    match rustix::fs::statfs(place) {
        Ok(facts) => {
            let size = u64::try_from(facts.f_bsize).unwrap_or(0);
            facts.f_blocks.saturating_sub(facts.f_bfree).saturating_mul(size)
        }
        Err(_) => 0,
    }
}

/// Every process that our own `/proc` shows, but ourselves.
pub(crate) fn everybody_else() -> Vec<i32> {
    let me = i32::try_from(std::process::id()).unwrap_or_default();
    let names = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|pid| *pid != me).collect()
}

#[cfg(test)]
mod tests {
    use super::{Meter, closely, kilobytes};

    #[test]
    fn lines_of_the_kernel_are_read() {
        let text = "Name:\tsh\nRssAnon:\t     132 kB\nRssShmem:\t0 kB\n";
        for (key, expect) in [("RssAnon:", 132 << 10), ("RssShmem:", 0), ("VmSwap:", 0)] {
            assert_eq!(kilobytes(text, key), expect, "{key}");
        }
    }

    #[test]
    fn once_is_not_enough() {
        let me = i32::try_from(std::process::id()).unwrap();
        let mut meter = Meter::new(1, &[]);
        assert_eq!(meter.exceeded(&[me]), None);
        assert!(meter.exceeded(&[me]).is_some_and(|held| held > 1));
        meter.most = u64::MAX;
        assert_eq!(meter.exceeded(&[me]), None);
        meter.most = 1;
        assert_eq!(meter.exceeded(&[me]), None);
        assert!(closely(me).private > 0);
    }
}
