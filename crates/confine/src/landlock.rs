//! The ceiling that nothing inside the box can lift: Landlock.
//!
//! The mount view decides what exists; Landlock decides what may be done with
//! it, walking upward through mounts, so that a handle which leads out of the
//! view (a `/proc/self/fd` link, say) is worth nothing.
#![allow(unsafe_code, reason = "the kernel's Landlock version is asked with a bare syscall")]

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath,
    PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use crate::trouble::{Part, Step, Trouble};

/// What may be done below one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// Look.
    Read,
    /// Look and run.
    Execute,
    /// Look and change, but never run.
    Write,
    /// Look, change and run: a package store while it is filled.
    Build,
    /// A device node like `/dev/null`.
    Device,
}

/// Where TCP may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tcp<'a> {
    /// Wherever else lets it.
    Free,
    /// To these ports, and nobody listens. A kernel before version 4 does not hold it.
    Only(&'a [u16]),
}

/// One rule.
pub(crate) type Rule = (PathBuf, Right);

/// The kernel's version of Landlock, 0 if it has none.
pub(crate) fn version() -> i64 {
    const CREATE_RULESET_VERSION: u32 = 1;
    let nothing = std::ptr::null::<libc::c_void>();
    // SAFETY: with this flag the kernel reads no attributes and returns a number.
    unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0usize, CREATE_RULESET_VERSION)
    }
    .max(0)
}

/// The strongest set of rights that both the kernel and we know. Version 3 is
/// the first that can hold truncation, so below it the box has no ceiling.
fn abi(version: i64) -> Option<ABI> {
    match version {
        ..3 => None,
        3 => Some(ABI::V3),
        4 => Some(ABI::V4),
        5 => Some(ABI::V5),
        _ => Some(ABI::V6),
    }
}

/// Restricts this process and what it becomes, for good.
pub(crate) fn restrict(rules: &[Rule], tcp: Tcp<'_>) -> Step<String> {
    let version = version();
    let Some(abi) = abi(version) else {
        return Err(Trouble::new(Part::Box, format!("landlock {version} is too old, need 3")));
    };
    match enforce(rules, tcp, abi) {
        Ok(RulesetStatus::FullyEnforced) => Ok(format!("abi {version}, {} rules", rules.len())),
        Ok(status) => Err(Trouble::new(Part::Box, format!("landlock is only {status:?}"))),
        Err(error) => Err(Trouble::new(Part::Box, format!("landlock: {error}"))),
    }
}

fn enforce(rules: &[Rule], tcp: Tcp<'_>, abi: ABI) -> Result<RulesetStatus, RulesetError> {
    // Best effort would report success with nothing enforced.
    let mut set = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    set = set.handle_access(AccessFs::from_all(abi))?;
    let ports = match tcp {
        Tcp::Only(ports) if abi >= ABI::V4 => Some(ports),
        Tcp::Only(_) | Tcp::Free => None,
    };
    if ports.is_some() {
        set = set.handle_access(AccessNet::from_all(abi))?;
    }
    if abi >= ABI::V6 {
        set = set.scope(Scope::AbstractUnixSocket | Scope::Signal)?;
    }
    let mut created = set.create()?;
    for (path, right) in rules {
        // What does not exist needs no rule.
        let Ok(handle) = PathFd::new(path) else { continue };
        created = created.add_rule(PathBeneath::new(handle, rights(path, *right, abi)))?;
    }
    for port in ports.unwrap_or_default() {
        created = created.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    Ok(created.restrict_self()?.ruleset)
}

fn rights(path: &Path, right: Right, abi: ABI) -> BitFlags<AccessFs> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let never = AccessFs::MakeBlock | AccessFs::MakeChar | AccessFs::IoctlDev;
    let build = AccessFs::from_all(abi) & !never;
    let wanted = match right {
        Right::Read => read,
        Right::Execute => read | AccessFs::Execute,
        Right::Write => build & !AccessFs::Execute,
        Right::Build => build,
        Right::Device => AccessFs::ReadFile | AccessFs::WriteFile,
    };
    if path.is_dir() { wanted } else { wanted & AccessFs::from_file(abi) }
}
