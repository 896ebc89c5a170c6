//! Writing, moving, removing and making.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use portcullis_confine::beneath::{BeneathError, Protected, RootDir};

use crate::{BAIT, Stage};

fn write(root: &RootDir, below: &str, text: &str, overwrite: bool) -> Result<(), BeneathError> {
    let mut draft = root.draft(below, overwrite)?;
    draft.write_all(text.as_bytes())?;
    draft.commit()?;
    Ok(())
}

#[test]
fn a_draft_is_a_file_when_it_is_whole() {
    let stage = Stage::new();
    let root = stage.writable();
    let mut draft = root.draft("new.txt", false).unwrap();
    draft.write_all(b"half").unwrap();
    assert_eq!(root.facts("new.txt").err(), Some(BeneathError::NotFound));
    drop(draft);
    assert_eq!(stage.names(""), [".git", "a.txt", "src"], "nothing stays behind");

    write(&root, "new.txt", "whole", false).unwrap();
    assert_eq!(stage.text("new.txt"), "whole");
    assert_eq!(write(&root, "new.txt", "again", false).err(), Some(BeneathError::Exists));
    write(&root, "new.txt", "again", true).unwrap();
    assert_eq!(stage.text("new.txt"), "again");
    assert_eq!(write(&root, "src", "x", true).err(), Some(BeneathError::IsADirectory));
    assert_eq!(write(&root, "nowhere/x", "x", true).err(), Some(BeneathError::NotFound));
    assert_eq!(stage.names(""), [".git", "a.txt", "new.txt", "src"]);
}

#[test]
fn the_permissions_of_what_is_replaced_are_kept() {
    let stage = Stage::new();
    let path = stage.path().join("a.txt");
    for (before, after) in [(0o640, 0o640), (0o755, 0o755), (0o4755, 0o755)] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(before)).unwrap();
        write(&stage.writable(), "a.txt", "beta", true).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, after);
    }
}

/// A group that we may not give a file to: what it may do, ours may not.
#[test]
fn another_groups_permissions_are_not_given_to_ours() {
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
    let stage = Stage::new();
    let path = stage.path().join("a.txt");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o664)).unwrap();
    if std::os::unix::fs::chown(&path, None, Some(12_345)).is_err() {
        eprintln!("skipped: an ordinary user has no file of another group");
        return;
    }
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o664)).unwrap();
    write(&stage.writable(), "a.txt", "kept", true).unwrap();
    let kept = std::fs::metadata(&path).unwrap();
    assert_eq!((kept.gid(), kept.mode() & 0o7777), (12_345, 0o664));
    // As an ordinary user, for whom the group cannot be kept: this thread alone.
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let mut sets = capabilities(None).unwrap();
            sets.effective.remove(CapabilitySet::CHOWN);
            set_capabilities(None, sets).unwrap();
            write(&stage.writable(), "a.txt", "not kept", true)
        });
        other.join().unwrap().unwrap();
    });
    let lost = std::fs::metadata(&path).unwrap();
    assert_ne!(lost.gid(), 12_345);
    assert_eq!(lost.mode() & 0o7777, 0o604);
}

/// Two who write at once: the one who was overtaken hears of it.
#[test]
fn a_change_in_between_is_noticed() {
    let stage = Stage::new();
    let root = stage.writable();
    let mut old = root.draft("a.txt", true).unwrap();
    old.write_all(b"mine").unwrap();
    stage.put("a.txt", "theirs, and longer");
    assert_eq!(old.commit().err(), Some(BeneathError::Changed));
    assert_eq!(stage.text("a.txt"), "theirs, and longer");
    let new = root.draft("b.txt", false).unwrap();
    stage.put("b.txt", "theirs");
    assert_eq!(new.commit().err(), Some(BeneathError::Exists));
    assert_eq!(stage.text("b.txt"), "theirs");
    assert_eq!(stage.names(""), [".git", "a.txt", "b.txt", "src"]);
}

#[test]
fn nothing_outside_changes() {
    let stage = Stage::new();
    stage.link("evil", "../project-evil/secret");
    stage.link("dir", "../project-evil");
    stage.link("absolute", stage.outside(""));
    let root = stage.writable();
    for below in [
        "evil",
        "dir/secret",
        "dir/new",
        "absolute/new",
        "../project-evil/new",
        "src/../../project-evil/new",
        "/tmp/new",
    ] {
        let refused = Some(BeneathError::Outside);
        assert_eq!(write(&root, below, "x", true).err(), refused, "write {below}");
        if below != "evil" {
            assert_eq!(root.make_directory(below).err(), refused, "make {below}");
            assert_eq!(root.remove_file(below).err(), refused, "remove {below}");
            assert_eq!(root.remove_directory(below).err(), refused, "remove {below}");
            assert_eq!(root.rename("a.txt", &root, below, true).err(), refused, "to {below}");
            assert_eq!(root.rename(below, &root, "b.txt", true).err(), refused, "from {below}");
        }
    }
    assert_eq!(std::fs::read_to_string(stage.outside("secret")).unwrap(), BAIT);
    // The link itself may go; what it leads to stays.
    root.remove_file("evil").unwrap();
    assert_eq!(std::fs::read_dir(stage.outside("")).unwrap().count(), 1);
}

#[test]
fn links_inside_are_followed_and_stay() {
    let stage = Stage::new();
    stage.link("here", "src");
    stage.link("src/back", "../a.txt");
    stage.link("src/again", "back");
    stage.link("src/made", "../src/x/../fresh.txt");
    std::fs::create_dir(stage.path().join("src/x")).unwrap();
    let root = stage.writable();
    write(&root, "here/again", "through links", true).unwrap();
    assert_eq!(stage.text("a.txt"), "through links");
    assert!(stage.path().join("src/again").is_symlink());
    write(&root, "src/made", "new", false).unwrap();
    assert_eq!(stage.text("src/fresh.txt"), "new");
    write(&root, "here/../b.txt", "beside", false).unwrap();
    assert_eq!(stage.text("b.txt"), "beside");
    stage.link("loop", "loop");
    assert_eq!(write(&root, "loop", "x", true).err(), Some(BeneathError::TooManyLinks));
    assert_eq!(write(&root, "loop/x", "x", true).err(), Some(BeneathError::TooManyLinks));
}

#[test]
fn a_root_is_read_only_until_somebody_says_otherwise() {
    let stage = Stage::new();
    let root = stage.root();
    let refused = Some(BeneathError::ReadOnly);
    assert_eq!(write(&root, "new", "x", true).err(), refused);
    assert_eq!(root.make_directory("new").err(), refused);
    assert_eq!(root.remove_file("a.txt").err(), refused);
    assert_eq!(root.remove_directory("src").err(), refused);
    assert_eq!(root.rename("a.txt", &root, "b.txt", true).err(), refused);
    assert_eq!(stage.writable().rename("a.txt", &root, "b.txt", true).err(), refused);
    assert_eq!(root.rename("a.txt", &stage.writable(), "b.txt", true).err(), refused);
    assert_eq!(stage.names(""), [".git", "a.txt", "src"]);
}

#[test]
fn protected_places_stay_whatever_leads_there() {
    let stage = Stage::new();
    stage.link("g", ".git");
    stage.link("src/h", "../.git/hooks");
    stage.link("rc", ".envrc");
    std::fs::create_dir(stage.path().join("tree")).unwrap();
    let listed = stage.root().writable(Protected::these(vec![PathBuf::from(".git/hooks")]));
    let root = stage.writable();
    for below in [".git/config", "g/config", "src/h/pre-commit", ".GIT/x", "rc", "src/.envrc"] {
        let refused = Some(BeneathError::Protected);
        let done = write(&root, below, "x", true).err();
        // A name in other letters is no file here, and refused or not there.
        let other = below.starts_with(".GIT") && done == Some(BeneathError::NotFound);
        assert!(done == refused || other, "{below}: {done:?}");
    }
    let refused = Some(BeneathError::Protected);
    assert_eq!(root.rename("tree", &root, "src/.git", false).err(), refused);
    assert_eq!(root.rename(".git", &root, "x", false).err(), refused);
    assert_eq!(root.remove_file(".git/config").err(), refused);
    assert_eq!(root.remove_directory(".git/hooks").err(), refused);
    assert_eq!(root.make_directory("src/.vscode").err(), refused);

    assert_eq!(write(&listed, "src/h/pre-commit", "x", true).err(), refused);
    assert_eq!(listed.rename(".git", &listed, "x", false).err(), refused);
    assert_eq!(listed.remove_directory(".git/hooks").err(), refused);
    write(&listed, ".git/config", "allowed by the list", true).unwrap();
    assert_eq!(stage.names(".git/hooks"), Vec::<String>::new());
}

#[test]
fn moving_overwrites_only_files_and_only_when_asked() {
    let stage = Stage::new();
    stage.put("b.txt", "beta");
    let root = stage.writable();
    assert_eq!(root.rename("a.txt", &root, "b.txt", false).err(), Some(BeneathError::Exists));
    assert_eq!(root.rename("a.txt", &root, "src", true).err(), Some(BeneathError::IsADirectory));
    assert_eq!(root.rename("no", &root, "c", true).err(), Some(BeneathError::NotFound));
    assert_eq!(root.rename("src", &root, "src/in", true).err(), Some(BeneathError::IntoItself));
    assert_eq!(root.rename("", &root, "c", true).err(), Some(BeneathError::BadName));
    root.rename("a.txt", &root, "b.txt", true).unwrap();
    assert_eq!(stage.text("b.txt"), "alpha\n");
    root.rename("src", &root, "lib", false).unwrap();
    assert_eq!(stage.names(""), [".git", "b.txt", "lib"]);
}

#[test]
fn removing_takes_a_file_or_an_empty_directory() {
    let stage = Stage::new();
    let root = stage.writable();
    assert_eq!(root.remove_file("src").err(), Some(BeneathError::IsADirectory));
    assert_eq!(root.remove_directory("src").err(), Some(BeneathError::NotEmpty));
    assert_eq!(root.remove_directory("a.txt").err(), Some(BeneathError::NotADirectory));
    assert_eq!(root.remove_directory("").err(), Some(BeneathError::BadName));
    root.remove_file("src/main.rs").unwrap();
    root.remove_directory("src").unwrap();
    root.make_directory("made").unwrap();
    assert_eq!(root.make_directory("made").err(), Some(BeneathError::Exists));
    assert_eq!(stage.names(""), [".git", "a.txt", "made"]);
}
