//! What this machine can enforce, proven by doing it.

use std::path::PathBuf;

use serde::Serialize;

use crate::error::SpawnError;
use crate::landlock;
use crate::order::{Achieved, Attempt};
use crate::profile::{Level, Profile};
use crate::spawn::spawn;
use crate::trouble::{Part, Trouble};

/// What this machine can enforce.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Support {
    /// The strongest level that was achieved just now.
    pub level: Level,
    /// Its ingredients, in the order in which they are needed.
    pub features: Vec<FeatureSupport>,
    /// What was tried from inside at that level.
    pub selftest: Vec<Attempt>,
}

/// One ingredient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeatureSupport {
    /// What it is.
    pub name: String,
    /// This machine has it.
    pub available: bool,
    /// How we know.
    pub why: String,
    /// What to do if it is missing.
    pub fix: Option<String>,
}

/// The steps of building a full box, and the words by which a failure of each
/// can be told, in the order in which they are taken.
const STEPS: &[(&str, &[&str])] = &[
    ("user namespaces", &["user namespace", "uid_map", "gid_map", "setgroups"]),
    ("mount, process and network namespaces", &["namespaces"]),
    ("a private /proc", &["/proc"]),
    ("a view of mounts", &["mount", "root", "file system", "clone", "restrict", "attach", "write"]),
    ("an empty network", &["loopback"]),
    ("landlock", &["landlock"]),
    ("system call filter", &["system call"]),
];

/// Finds out by starting `true` in a box of each level, strongest first.
///
/// `launcher` is as in [`Profile::launcher`].
#[must_use]
pub fn probe(launcher: Option<PathBuf>) -> Support {
    let full = attempt(Level::Full, launcher.clone());
    let features = features(full.as_ref().err().map(String::as_str));
    let achieved = full.or_else(|_| attempt(Level::Landlock, launcher));
    match achieved {
        Ok(achieved) => Support { level: achieved.level, features, selftest: achieved.selftest },
        Err(_) => Support { level: Level::None, features, selftest: Vec::new() },
    }
}

/// What was achieved, or the missing piece.
fn attempt(level: Level, launcher: Option<PathBuf>) -> Result<Achieved, String> {
    let mut profile = Profile::new(vec!["true".into()]);
    (profile.least, profile.most, profile.launcher) = (level, level, launcher);
    match spawn(&profile) {
        Ok(confined) => Ok(confined.achieved),
        Err(SpawnError::Weaker { missing, .. }) => Err(missing),
        Err(other) => Err(other.to_string()),
    }
}

fn features(missing: Option<&str>) -> Vec<FeatureSupport> {
    let failed = missing.and_then(|text| {
        STEPS.iter().position(|(_, words)| words.iter().any(|word| text.contains(word)))
    });
    let mut features: Vec<FeatureSupport> = STEPS
        .iter()
        .enumerate()
        .map(|(at, (name, _))| match (missing, failed) {
            (None, _) => feature(name, true, "done just now"),
            (Some(_), Some(failed)) if at < failed => feature(name, true, "done just now"),
            (Some(text), Some(failed)) if at == failed => feature(name, false, text),
            (Some(_), Some(_)) => feature(name, false, "not reached"),
            (Some(text), None) => feature(name, false, text),
        })
        .collect();
    // Landlock can be asked for by itself, whatever failed before it.
    let version = landlock::version();
    if let Some(known) = features.iter_mut().find(|feature| feature.name == "landlock") {
        known.available = version >= 3;
        known.why = format!("version {version} of this kernel, 3 is needed");
    }
    for missing in features.iter_mut().filter(|feature| !feature.available) {
        missing.fix = Some(advice(&missing.why));
    }
    features
}

fn feature(name: &str, available: bool, why: &str) -> FeatureSupport {
    FeatureSupport { name: name.to_owned(), available, why: why.to_owned(), fix: None }
}

fn advice(why: &str) -> String {
    if why == "not reached" {
        return "mend what is missing before it, then ask again".to_owned();
    }
    let errno = |n: i32| why.contains(&format!("(os error {n})"));
    let errno =
        [libc::EPERM, libc::EACCES, libc::ENOSPC, libc::ENOSYS].into_iter().find(|n| errno(*n));
    fix_for(&Trouble { part: Part::Box, what: why.to_owned(), errno: errno.unwrap_or(0) })
}

/// What a person can do about a missing piece.
pub(crate) fn fix_for(trouble: &Trouble) -> String {
    let what = trouble.what.as_str();
    let fix = match trouble.errno {
        _ if trouble.part == Part::SelfTest => "report this: the kernel did not keep a promise",
        libc::ENOSPC if what.contains("user namespace") => {
            "raise `user.max_user_namespaces` with sysctl"
        }
        libc::EPERM | libc::EACCES if what.contains("user namespace") || what.contains("_map") => {
            "allow user namespaces: `sysctl kernel.apparmor_restrict_unprivileged_userns=0` or an \
             AppArmor profile on Ubuntu, `sysctl kernel.unprivileged_userns_clone=1` on Debian, \
             `--security-opt seccomp=unconfined` in a container"
        }
        libc::ENOSYS | libc::EPERM if what.contains("namespace") => {
            "run outside the container, or allow it user namespaces"
        }
        libc::EPERM if what.contains("/proc") => {
            "run outside the container, or without its masked /proc"
        }
        libc::ENOSYS => "use a newer kernel: 6.2 or later",
        _ if what.contains("landlock") => {
            "use a kernel of 6.2 or later with Landlock enabled at boot (`lsm=landlock,…`)"
        }
        _ => "see `portcullis doctor`, or accept less with `--confinement landlock`",
    };
    fix.to_owned()
}
