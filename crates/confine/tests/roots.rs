//! Roots: which are admitted, what a server may do in them, and what happens
//! when one is swapped between a person's yes and the mount.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod common;

use std::os::unix::fs::symlink;
use std::path::Path;

use common::{at, grant, open, open_directory, profile, run, unsupported};
use portcullis_confine::{Access, Exit, Level, RootRefused, SpawnError, admit_root, spawn};

#[test]
fn reserved_directories_are_refused() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("project")).unwrap();
    let home = home.path();
    let above = home.parent().unwrap();
    let table = [
        "/",
        "/etc",
        "/etc/ssl",
        "/usr",
        "/usr/share",
        "/bin",
        "/sbin",
        "/lib",
        "/proc",
        "/proc/self",
        "/dev",
        "/dev/shm",
        "/sys",
        "/run",
        "/tmp",
        "/tmp/",
        "/tmp/../tmp",
        "/var",
        "/home",
        "/root",
        "/boot",
    ];
    let table = table.iter().map(Path::new).chain([home, above]);
    for path in table.filter(|path| path.exists()) {
        let refused = admit_root(path, Access::ReadOnly, Some(home)).unwrap_err();
        assert!(matches!(refused, RootRefused::Reserved { .. }), "{}: {refused}", path.display());
    }
    assert!(admit_root(&home.join("project"), Access::ReadOnly, Some(home)).is_ok());
}

#[test]
fn other_things_are_no_roots() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = |path: &Path| admit_root(path, Access::ReadOnly, None).unwrap_err();
    assert!(matches!(refused(&file), RootRefused::NotADirectory { .. }));
    for odd in ["absent", "file://host/path", "a%2fb", "a\nb"] {
        let refused = refused(&dir.path().join(odd));
        assert!(matches!(refused, RootRefused::Unreachable { .. }), "{refused}");
        assert!(!refused.to_string().contains('\n'), "{refused}");
    }
    let link = dir.path().join("link");
    symlink("/etc", &link).unwrap();
    assert!(matches!(refused(&link), RootRefused::Reserved { .. }));
}

#[test]
fn a_link_is_admitted_as_what_it_leads_to() {
    if unsupported(Level::Full) {
        return;
    }
    let dir = open_directory();
    let (real, link) = (dir.path().join("real"), dir.path().join("link"));
    std::fs::create_dir(&real).unwrap();
    std::fs::write(real.join("note"), "through both names").unwrap();
    symlink(&real, &link).unwrap();
    let root = grant(&link, Access::ReadOnly);
    assert_eq!(root.path, real.canonicalize().unwrap());
    for name in [&real, &link] {
        let mut profile = at(Level::Full, profile(&["cat"]));
        profile.command.push(name.join("note").into());
        profile.roots.push(root.clone());
        assert_eq!(run(&profile, "").out, "through both names");
    }
}

#[test]
fn access_is_what_was_granted() {
    let dir = open_directory();
    let script = "cat note; echo new > made 2>/dev/null && echo wrote; ls /etc/shadow 2>&1 | wc -l";
    for level in [Level::Full, Level::Landlock] {
        if unsupported(level) {
            continue;
        }
        for (name, access, expect) in
            [("ro", Access::ReadOnly, "note\n1\n"), ("rw", Access::ReadWrite, "note\nwrote\n1\n")]
        {
            let root = dir.path().join(format!("{name}-{level}"));
            std::fs::create_dir(&root).unwrap();
            open(&root);
            std::fs::write(root.join("note"), "note\n").unwrap();
            let mut profile = at(level, profile(&["sh", "-c", script]));
            profile.roots.push(grant(&root, access));
            let said = run(&profile, "");
            assert_eq!((said.out.as_str(), said.exit), (expect, Exit::Code(0)), "{name} {level}");
            assert_eq!(root.join("made").exists(), access == Access::ReadWrite);
        }
    }
}

#[test]
fn a_swapped_root_is_refused() {
    for level in [Level::Full, Level::Landlock] {
        if unsupported(level) {
            continue;
        }
        type Swap = fn(&Path);
        let swaps: [(&str, Swap); 2] = [
            ("link", |path| symlink("/etc", path).unwrap()),
            ("directory", |path| std::fs::create_dir(path).unwrap()),
        ];
        for (what, swap) in swaps {
            let dir = open_directory();
            let root = dir.path().join("root");
            std::fs::create_dir(&root).unwrap();
            let mut profile = at(level, profile(&["true"]));
            profile.roots.push(grant(&root, Access::ReadOnly));
            // Kept aside, so that its inode cannot be used again.
            std::fs::rename(&root, dir.path().join("aside")).unwrap();
            swap(&root);
            let error = spawn(&profile).unwrap_err();
            assert!(matches!(error, SpawnError::Root(_)), "{what} at {level}: {error}");
        }
    }
}

#[test]
fn a_root_within_a_root_keeps_its_own_access() {
    if unsupported(Level::Full) {
        return;
    }
    let dir = open_directory();
    let inner = dir.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    open(&inner);
    let script = "touch outer-file && echo outer; touch inner/file 2>/dev/null && echo inner";
    let mut profile = at(Level::Full, profile(&["sh", "-c", script]));
    profile.roots.push(grant(&inner, Access::ReadOnly));
    profile.roots.push(grant(dir.path(), Access::ReadWrite));
    profile.cwd = Some(dir.path().to_owned());
    assert_eq!(run(&profile, "").out, "outer\n");
}

/// Root's servers are somebody else, and still do in a root what its owner may.
#[test]
fn the_owner_is_stood_in_for() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    if unsupported(Level::Full) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    std::fs::create_dir(&root).unwrap();
    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut profile = at(Level::Full, profile(&["sh", "-c", "echo made > file && cat file"]));
    profile.roots.push(grant(&root, Access::ReadWrite));
    let said = run(&profile, "");
    if !said.achieved.weak.is_empty() {
        eprintln!("skipped: no id-mapped mounts here: {:?}", said.achieved.weak);
        return;
    }
    assert_eq!((said.out.as_str(), said.err.as_str()), ("made\n", ""));
    let owner = |path: &Path| std::fs::metadata(path).unwrap().uid();
    assert_eq!(owner(&root.join("file")), owner(&root));
}
