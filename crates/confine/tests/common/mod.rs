//! What every test of a real box needs.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by failing")]

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use portcullis_confine::{
    Access, Achieved, Exit, Level, Profile, RootGrant, SpawnError, admit_root, spawn,
};

/// A profile for a command, hosted by this crate's own small program.
pub(crate) fn profile(command: &[&str]) -> Profile {
    let mut profile = Profile::new(command.iter().map(|&word| word.into()).collect());
    profile.launcher = Some(env!("CARGO_BIN_EXE_confine-box").into());
    profile
}

/// Exactly this level.
pub(crate) fn at(level: Level, mut profile: Profile) -> Profile {
    (profile.least, profile.most) = (level, level);
    profile
}

/// What a server said and how it ended.
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) exit: Exit,
    pub(crate) achieved: Achieved,
}

/// Runs a server to its end.
pub(crate) fn run(profile: &Profile, input: &str) -> Said {
    let confined = spawn(profile).unwrap_or_else(|error| panic!("{error}"));
    let mut custody = confined.custody;
    File::from(confined.stdin).write_all(input.as_bytes()).unwrap();
    let errors = std::thread::spawn(|| text(File::from(confined.stderr)));
    let out = text(File::from(confined.stdout));
    let (err, exit) = (errors.join().unwrap(), custody.wait().unwrap());
    Said { out, err, exit, achieved: confined.achieved }
}

pub(crate) fn text(mut from: File) -> String {
    let mut text = Vec::new();
    from.read_to_end(&mut text).unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

/// This machine cannot do it: says so where people look, and the test passes.
pub(crate) fn unsupported(level: Level) -> bool {
    let mut probe = at(level, profile(&["/bin/true"]));
    probe.label = "probe".to_owned();
    match spawn(&probe) {
        Err(SpawnError::Weaker { missing, .. }) => {
            eprintln!("skipped: level {level} is not possible here: {missing}");
            true
        }
        _ => false,
    }
}

/// A directory that everybody may enter: as root, servers are `nobody`.
pub(crate) fn open_directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path());
    dir
}

pub(crate) fn open(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
}

pub(crate) fn grant(path: &Path, access: Access) -> RootGrant {
    admit_root(path, access, None).unwrap()
}

/// Copies a program. By a process of its own: a descriptor of ours to write it by would
/// be in the hands of whatever another test starts just then, and the copy too busy to run.
#[expect(clippy::disallowed_methods, reason = "the test's own tool")]
pub(crate) fn copy_program(from: &str, to: &Path) {
    let copied = std::process::Command::new("cp").arg(from).arg(to).status().unwrap();
    assert!(copied.success(), "{from} to {}", to.display());
}
