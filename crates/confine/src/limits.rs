//! What a process gives up for good: privileges and plenty.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_capabilities_secure_bits,
};

use crate::profile::Limits;
use crate::trouble::{During, Step};

/// The limit of core dumps that leaves none: too small for a file, and the one
/// value at which the kernel calls no handler either (`fs/coredump.c`, which
/// keeps handlers from being called for themselves by it). At zero it would call
/// the host's handler, outside of every box: `docs/decisions/0010-core-dumps.md`.
pub(crate) const NO_CORE_DUMP: u64 = 1;

/// Signals and timers that may be pending: each timer of a process is memory of
/// the kernel's, and counts.
const PENDING: u64 = 4096;

/// Applies the limits, hard and soft alike. `alone` where the kernel counts
/// processes and timers of this box, and not all of the user's.
pub(crate) fn apply(limits: &Limits, alone: bool) -> Step<()> {
    end_core_dumps().during("set the limit Core")?;
    let mut all = vec![
        (Resource::Msgqueue, 0),
        (Resource::Nofile, limits.open_files),
        (Resource::Fsize, limits.file_bytes),
        (Resource::Data, limits.data_bytes_per_process),
    ];
    if alone {
        all.extend([(Resource::Nproc, limits.processes), (Resource::Sigpending, PENDING)]);
    }
    for (resource, most) in all {
        lower(resource, most).during(format!("set the limit {resource:?}"))?;
    }
    // The first to go when memory runs out. A kernel without the knob is no reason to stop.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    Ok(())
}

/// The limits of a program that confines itself: it has no processes of its own.
pub(crate) fn apply_own(open_files: u64, file_bytes: u64, data_bytes: u64) -> Step<()> {
    end_core_dumps().during("end core dumps")?;
    let all = [
        (Resource::Msgqueue, 0),
        (Resource::Nofile, open_files),
        (Resource::Fsize, file_bytes),
        (Resource::Data, data_bytes),
    ];
    for (resource, most) in all {
        lower(resource, most).during(format!("set the limit {resource:?}"))?;
    }
    Ok(())
}

/// The hard limit of core dumps, as the kernel tells it in a file: within a box of ours
/// nobody may ask by call.
pub(crate) fn core_dumps() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max core file size"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// No core dumps; or none already, where a box keeps it so.
fn end_core_dumps() -> Result<(), Errno> {
    let none = Rlimit { current: Some(NO_CORE_DUMP), maximum: Some(NO_CORE_DUMP) };
    match setrlimit(Resource::Core, none) {
        Err(_) if core_dumps().is_some_and(|most| most <= NO_CORE_DUMP) => Ok(()),
        done => done,
    }
}

/// Never raises: an ordinary user's hard limit may already be lower.
fn lower(resource: Resource, most: u64) -> Result<(), Errno> {
    let now = rustix::process::getrlimit(resource);
    let most = now.maximum.map_or(most, |hard| hard.min(most));
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
}

/// Drops every capability from every set, so that not even a set-id program
/// could find one.
pub(crate) fn drop_capabilities() -> Step<()> {
    drop_bounds();
    clear_ambient_capability_set().during("clear the ambient capabilities")?;
    let _ = set_capabilities_secure_bits(secure_bits());
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    set_capabilities(None, sets).during("drop the capabilities")
}

/// The capabilities that this process and its children could ever have again.
pub(crate) fn drop_bounds() {
    for bit in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        // Fails at the first number that this kernel does not know, and for a
        // process that owns no capability to begin with, where it is not needed.
        if remove_capability_from_bounding_set(capability).is_err() {
            break;
        }
    }
}

/// Being uid 0 shall mean nothing, and no bit of this can be taken back.
fn secure_bits() -> CapabilitiesSecureBits {
    CapabilitiesSecureBits::NO_ROOT
        | CapabilitiesSecureBits::NO_ROOT_LOCKED
        | CapabilitiesSecureBits::NO_SETUID_FIXUP
        | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
        | CapabilitiesSecureBits::KEEP_CAPS_LOCKED
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED
}
