//! What we ourselves give up, once and early: the gateway reads what two peers
//! send, who may both be hostile, and holds secrets while it does.
//!
//! As an ordinary user there are no capabilities to begin with. Root's are [`cut`]
//! to those that starting and watching a box need, and even these [`sleep`] once
//! one runs. Landlock and a filter of system calls cannot be among what is given
//! up here: every child inherits both, and below Landlock nobody may mount, which
//! is how a box is made (`docs/decisions/0007-our-own-privileges.md`).
//!
//! The kernel keeps all of this for each thread of its own: one that only talks to
//! a peer calls [`renounce`] first.

use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, dumpable_behavior, set_dumpable_behavior, setrlimit,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set, no_new_privs,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};
use serde::Serialize;

use crate::limits::NO_CORE_DUMP;

/// What root needs to start a box: to give files and ids to the server's
/// account, to write the id maps, to clone mounts, and to end what it started;
/// and, where there is no namespace, to see what memory the server's account holds.
const FOR_STARTING: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::DAC_READ_SEARCH)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::SYS_ADMIN)
    .union(CapabilitySet::SYS_PTRACE);

const NOTHING: CapabilitySets = CapabilitySets {
    effective: CapabilitySet::empty(),
    permitted: CapabilitySet::empty(),
    inheritable: CapabilitySet::empty(),
};

/// One thing about this process, looked at and not remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Privilege {
    /// What it is.
    pub name: String,
    /// It is gone.
    pub dropped: bool,
    /// How we know.
    pub why: String,
}

/// The account this process acts as.
#[must_use]
pub fn uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Gives up what this process will not need, first of all. What cannot be given
/// up stays, and [`privileges`] says so: a gateway that does not start protects nobody.
pub fn cut() {
    const NONE: Rlimit = Rlimit { current: Some(NO_CORE_DUMP), maximum: Some(NO_CORE_DUMP) };
    let _ = set_no_new_privs(true);
    // A crash must not leave what peers sent, or a secret, in a file; and nobody
    // of the same account may look into our memory.
    let _ = setrlimit(Resource::Core, NONE);
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    for bit in 0..u64::BITS {
        let one = CapabilitySet::from_bits_retain(1 << bit);
        if !FOR_STARTING.contains(one) && remove_capability_from_bounding_set(one).is_err() {
            break;
        }
    }
    let _ = keep(InEffect::ForStarting);
}

/// Nothing is in effect any more, until [`wake`].
pub fn sleep() {
    let _ = keep(InEffect::Nothing);
}

/// The thread that calls this can do nothing that an ordinary user cannot, and
/// never will again.
pub fn renounce() {
    let _ = set_capabilities(None, NOTHING);
}

/// While the value lives, what starting a box needs is in effect again.
#[must_use]
pub fn wake() -> Awake {
    let sleeping = capabilities(None)
        .is_ok_and(|sets| sets.effective.is_empty() && !sets.permitted.is_empty());
    if sleeping {
        let _ = keep(InEffect::ForStarting);
    }
    Awake { sleeping }
}

/// What was asleep is in effect while this lives.
#[derive(Debug)]
pub struct Awake {
    sleeping: bool,
}

impl Drop for Awake {
    fn drop(&mut self) {
        if self.sleeping {
            sleep();
        }
    }
}

/// Which capabilities are in effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InEffect {
    Nothing,
    ForStarting,
}

fn keep(what: InEffect) -> Result<(), Errno> {
    let mut sets: CapabilitySets = capabilities(None)?;
    sets.permitted &= FOR_STARTING;
    sets.inheritable = CapabilitySet::empty();
    sets.effective = match what {
        InEffect::Nothing => CapabilitySet::empty(),
        InEffect::ForStarting => sets.permitted,
    };
    set_capabilities(None, sets)
}

/// What this process has given up, asked of the kernel just now.
#[must_use]
pub fn privileges() -> Vec<Privilege> {
    let (effective, kept) = capabilities(None).map_or_else(
        |error| (CapabilitySet::all(), error.to_string()),
        |sets| (sets.effective, told(sets.permitted)),
    );
    let bounds = (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit));
    let bounds = bounds.filter(|one| capability_is_in_bounding_set(*one).unwrap_or(false));
    let wide = bounds.filter(|one| !FOR_STARTING.contains(*one)).count();
    let core = crate::limits::core_dumps();
    let dumpable = dumpable_behavior();
    vec![
        told_of("capabilities in effect", effective.is_empty(), told(effective)),
        told_of("capabilities beyond starting a box", wide == 0 || kept == "none", kept),
        told_of(
            "new privileges through programs",
            no_new_privs().unwrap_or(false),
            "no-new-privileges".to_owned(),
        ),
        told_of(
            "core dumps",
            core.is_some_and(|most| most <= NO_CORE_DUMP),
            format!("limit {}", core.map_or("none".to_owned(), |most| most.to_string())),
        ),
        told_of(
            "being looked into by the same account",
            dumpable == Ok(DumpableBehavior::NotDumpable),
            match dumpable {
                Ok(DumpableBehavior::NotDumpable) => "nobody may trace it".to_owned(),
                Ok(_) => "it may be traced".to_owned(),
                Err(error) => error.to_string(),
            },
        ),
    ]
}

fn told_of(name: &str, dropped: bool, why: String) -> Privilege {
    Privilege { name: name.to_owned(), dropped, why }
}

fn told(set: CapabilitySet) -> String {
    let names: Vec<String> = set.iter_names().map(|(name, _)| name.to_lowercase()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
