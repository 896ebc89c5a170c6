//! Machines that lack a piece: nothing starts, and the message names the piece.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod common;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::{at, open_directory, profile, run, unsupported};
use portcullis_confine::{Exit, Level, SpawnError, spawn};

/// A file that any thread's child still holds open for writing cannot be
/// executed, so these tests copy and start programs one after the other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The broker's program, with one system call taken away.
fn without(dir: &tempfile::TempDir, call: &str) -> PathBuf {
    let copy = dir.path().join(format!("without-{call}"));
    std::fs::copy(env!("CARGO_BIN_EXE_confine-box"), &copy).unwrap();
    copy
}

fn refused(level: Level, call: &str) -> String {
    let dir = open_directory();
    let mut profile = at(level, profile(&["true"]));
    profile.launcher = Some(without(&dir, call));
    let error = spawn(&profile).unwrap_err();
    assert!(matches!(error, SpawnError::Weaker { .. }), "{call} at {level}: {error}");
    assert_eq!(error.exit_code(), 6);
    error.to_string()
}

/// lc10: a machine that lacks one piece, each in turn.
#[test]
fn every_piece_of_a_full_box_is_needed() {
    let _alone = alone();
    if unsupported(Level::Full) {
        return;
    }
    for (call, named) in [
        ("unshare", "user namespace"),
        // As root the first process to start is a helper, else it is the init.
        ("clone", "(os error 38)"),
        ("mount_setattr", "restrict"),
        ("open_tree", "clone"),
        ("move_mount", "attach"),
        ("fsopen", "file system in memory"),
        ("openat2", "open the new root"),
        ("pivot_root", "change the root"),
        ("capset", "capabilities"),
        ("landlock", "landlock"),
        ("landlock_restrict_self", "landlock"),
        ("seccomp", "system call filter"),
        ("close_range", "close what was inherited"),
    ] {
        let message = refused(Level::Full, call);
        assert!(message.contains(named), "{call}: {message}");
        assert!(!message.contains('\n'), "{call}: {message}");
    }
}

#[test]
fn every_piece_of_a_landlock_box_is_needed() {
    let _alone = alone();
    if unsupported(Level::Landlock) {
        return;
    }
    for (call, named) in [
        ("capset", "capabilities"),
        ("landlock", "landlock"),
        ("landlock_restrict_self", "landlock"),
        ("seccomp", "system call filter"),
    ] {
        let message = refused(Level::Landlock, call);
        assert!(message.contains(named), "{call}: {message}");
    }
}

#[test]
fn less_is_accepted_only_if_that_was_said() {
    let _alone = alone();
    if unsupported(Level::Landlock) {
        return;
    }
    let dir = open_directory();
    let mut profile = profile(&["true"]);
    profile.launcher = Some(without(&dir, "unshare"));
    for (least, expect) in [(Level::Full, None), (Level::Landlock, Some(Level::Landlock))] {
        profile.least = least;
        let achieved = spawn(&profile).ok().map(|confined| confined.achieved.level);
        assert_eq!(achieved, expect, "at least {least}");
    }
    // And the weaker box is a working box.
    assert_eq!(run(&profile, "").exit, Exit::Code(0));
}

#[test]
fn the_doctor_names_what_is_missing() {
    let _alone = alone();
    if unsupported(Level::Landlock) {
        return;
    }
    let dir = open_directory();
    let support = portcullis_confine::support::probe(Some(without(&dir, "unshare")));
    assert_eq!(support.level, Level::Landlock, "{support:#?}");
    let missing = support.features.iter().find(|feature| !feature.available).unwrap();
    assert_eq!(missing.name, "user namespaces");
    assert!(missing.fix.is_some() && missing.why.contains("os error 38"), "{missing:?}");
}
