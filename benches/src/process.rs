//! What processes use, from `/proc`: exact run time of the scheduler, memory
//! from `smaps_rollup`.

use std::fs;
use std::time::Duration;

/// The kernel counts `utime` and `stime` in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// A guarded server's processes, or those of a bare one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Family {
    /// The process that the host started, unless it is the server itself.
    pub(crate) gateway: Option<u32>,
    /// What stands between gateway and server: the box.
    pub(crate) boxed: Vec<u32>,
    /// The server.
    pub(crate) server: Option<u32>,
}

/// Processor time, and how much of it the kernel spent for the process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    pub(crate) total: Duration,
    pub(crate) user: Duration,
    pub(crate) system: Duration,
}

/// Resident memory, and the share of it that nobody else has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    pub(crate) rss_kib: u64,
    pub(crate) pss_kib: u64,
}

impl Family {
    /// Everything that descends from `root`, sorted by what it is.
    pub(crate) fn of(root: u32) -> Self {
        let mut family = Self::default();
        for pid in descendants(root) {
            if is_server(pid) {
                family.server = Some(pid);
            } else if pid == root {
                family.gateway = Some(pid);
            } else {
                family.boxed.push(pid);
            }
        }
        family
    }

    /// What the gateway and its box used until now.
    pub(crate) fn ours(&self) -> Cpu {
        self.gateway.iter().chain(&self.boxed).map(|pid| cpu(*pid)).fold(Cpu::default(), Cpu::and)
    }

    /// What the server used until now.
    pub(crate) fn server(&self) -> Cpu {
        self.server.map(cpu).unwrap_or_default()
    }
}

impl Cpu {
    fn and(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            user: self.user + other.user,
            system: self.system + other.system,
        }
    }

    /// What was used since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            total: self.total.saturating_sub(before.total),
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
        }
    }
}

/// Every process below `root`, and `root`.
fn descendants(root: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let all: Vec<(u32, u32)> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid: u32| Some((pid, numbers(pid)?.first().copied()?.try_into().ok()?)))
        .collect();
    let mut found = vec![root];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(all.iter().filter(|(_, above)| *above == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    found
}

fn is_server(pid: u32) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).nth(1) == Some(b"upstream")
}

/// The numbers of `/proc/PID/stat` from the parent on (field 4 of proc(5)).
fn numbers(pid: impl std::fmt::Display) -> Option<Vec<i64>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it may hold anything, even parentheses.
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split_whitespace().skip(1).map_while(|field| field.parse().ok()).collect())
}

fn ticks(numbers: &[i64], field: usize) -> Duration {
    let count = field.checked_sub(4).and_then(|at| numbers.get(at)).copied().unwrap_or_default();
    TICK * u32::try_from(count).unwrap_or_default()
}

fn cpu(pid: u32) -> Cpu {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let run_time = tasks.filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    });
    let numbers = numbers(pid).unwrap_or_default();
    Cpu { total: run_time.sum(), user: ticks(&numbers, 14), system: ticks(&numbers, 15) }
}

/// What our own children that ended used, and theirs.
pub(crate) fn ended_children() -> Duration {
    let numbers = numbers("self").unwrap_or_default();
    ticks(&numbers, 16) + ticks(&numbers, 17)
}

/// The memory of one process; `None` when we may not look.
pub(crate) fn memory(pid: u32) -> Option<Memory> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Some(Memory { rss_kib: value("Rss:")?, pss_kib: value("Pss:")? })
}

/// How many threads a process has.
pub(crate) fn threads(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count)
}

/// How many files, sockets and the like it has open.
pub(crate) fn open_files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// The most memory that a process ever held, in KiB.
pub(crate) fn most_kib(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_find_ourselves() {
        let pid = std::process::id();
        let family = Family::of(pid);
        assert_eq!((family.gateway, family.server), (Some(pid), None));
        assert!(family.ours().total > Duration::ZERO);
        let memory = memory(pid).unwrap();
        assert!(memory.rss_kib >= memory.pss_kib && memory.pss_kib > 0);
    }
}
