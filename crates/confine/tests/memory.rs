//! A box may hold so much memory, whichever way it holds it: what a limit per
//! process does not see.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod common;

use common::{at, profile, run, unsupported};
use portcullis_confine::{Exit, Level, Profile};

/// What a box may hold here.
const MOST: u64 = 64 << 20;

fn holding(level: Level, kind: &str, mib: u32, processes: u32) -> Profile {
    let probe = env!("CARGO_BIN_EXE_confine-probe");
    let words = [mib.to_string(), processes.to_string()];
    let mut profile = at(level, profile(&[probe, "hold", kind, &words[0], &words[1]]));
    profile.code.push(probe.into());
    profile.limits.memory_bytes = MOST;
    // Not the limit that is tested.
    profile.limits.tmp_bytes = 256 << 20;
    profile
}

#[test]
fn many_that_hold_a_little_are_one_that_holds_too_much() {
    for (level, kind, mib, processes, expect) in [
        (Level::Full, "private", 24, 4, true),
        (Level::Full, "private", 4, 4, false),
        // A fork shares its pages, and would be counted five times.
        (Level::Full, "forked", 32, 4, false),
        (Level::Full, "memfd", 24, 4, true),
        (Level::Full, "memfd", 4, 4, false),
        (Level::Full, "files", 24, 4, true),
        (Level::Full, "files", 4, 4, false),
        (Level::Landlock, "private", 24, 4, true),
        (Level::Landlock, "private", 4, 4, false),
        (Level::None, "private", 24, 4, true),
        (Level::None, "memfd", 24, 4, true),
    ] {
        if unsupported(level) {
            continue;
        }
        let said = run(&holding(level, kind, mib, processes), "");
        let told = format!("{processes} with {mib} MiB of {kind} at {level}: {}", said.exit);
        match said.exit {
            Exit::Memory(held) => assert!(expect && held > MOST, "{told}"),
            Exit::Code(0) => assert!(!expect, "{told}"),
            Exit::Code(_) | Exit::Signal(_) => assert!(said.err.is_empty() && !expect, "{told}"),
        }
    }
}
