//! What a process gives up for good: privileges and plenty.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_capabilities_secure_bits,
};

use crate::profile::Limits;
use crate::trouble::{During, Step};

/// Applies the limits, hard and soft alike. `count_processes` only where the
/// kernel counts this box alone.
pub(crate) fn apply(limits: &Limits, count_processes: bool) -> Step<()> {
    let mut all = vec![
        (Resource::Core, 0),
        (Resource::Msgqueue, 0),
        (Resource::Nofile, limits.open_files),
        (Resource::Fsize, limits.file_bytes),
        (Resource::Data, limits.data_bytes_per_process),
    ];
    if count_processes {
        all.push((Resource::Nproc, limits.processes));
    }
    for (resource, most) in all {
        lower(resource, most).during(format!("set the limit {resource:?}"))?;
    }
    // The first to go when memory runs out. A kernel without the knob is no reason to stop.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    Ok(())
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
