//! Places in a writable root that a server cannot write, whatever it does around them.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod common;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use common::{at, grant, open, open_directory, profile, run, unsupported};
use portcullis_confine::{Access, Level, Profile, SpawnError, admit_root, spawn};

/// A project with git, an editor's folder and something to move around.
fn project() -> tempfile::TempDir {
    let dir = open_directory();
    for folder in [".git", ".git/hooks", ".git/objects", ".vscode", "src", "src/deep"] {
        std::fs::create_dir(dir.path().join(folder)).unwrap();
        open(&dir.path().join(folder));
    }
    for file in [".git/config", ".git/HEAD", ".git/hooks/pre-commit", ".envrc", "src/main.rs"] {
        std::fs::write(dir.path().join(file), file).unwrap();
        open(&dir.path().join(file));
    }
    dir
}

fn scripted(root: &Path, script: &str) -> Profile {
    let mut profile = at(Level::Full, profile(&["sh", "-c", script]));
    profile.roots.push(grant(root, Access::ReadWrite));
    profile.cwd = Some(root.to_owned());
    profile
}

/// Each attempt on a place of its own kind; what it prints is what worked.
#[test]
fn protected_places_hold_and_the_rest_is_free() {
    if unsupported(Level::Full) {
        return;
    }
    let refused = [
        ("fs36 a new hook", "echo x > .git/hooks/post-checkout"),
        ("an old hook", "echo x >> .git/hooks/pre-commit"),
        ("fs37 the folder above moved away", "mv .git .git2"),
        ("the folder above removed", "rm -rf .git/objects .git/HEAD; rmdir .git"),
        ("the place moved away", "mv .git/hooks .git/hooks2"),
        ("the place removed", "rmdir .vscode"),
        ("a file written", "echo x >> .git/config"),
        ("a file replaced", "echo x > .git/new && mv .git/new .git/config"),
        ("a file removed", "rm -f .envrc"),
        ("a file linked elsewhere and written", "ln .envrc other && echo x >> other"),
        ("dy15 its way exchanged", "mkdir -p fake/hooks && mv -T fake .git"),
        ("another common directory", "cp -r .git evil; echo ../evil > .git/commondir"),
        ("a config of this worktree", "echo x > .git/config.worktree"),
        ("attributes", "mkdir .git/info; echo x > .git/info/attributes"),
        ("a submodule", "mkdir .git/modules"),
        ("other objects", "mkdir .git/objects/info; echo x > .git/objects/info/alternates"),
        ("the mode changed", "chmod 777 .git/hooks"),
        ("a mount on top", "mount --bind src .git/hooks"),
    ];
    for (what, attempt) in refused {
        let dir = project();
        let said =
            run(&scripted(dir.path(), &format!("({attempt}) 2>/dev/null && echo WORKED")), "");
        assert_eq!(said.out, "", "{what}");
        let hook = std::fs::read_to_string(dir.path().join(".git/hooks/pre-commit")).unwrap();
        assert_eq!(hook, ".git/hooks/pre-commit", "{what}");
        let config = std::fs::read_to_string(dir.path().join(".git/config")).unwrap();
        assert_eq!(config, ".git/config", "{what}");
        for made in ["commondir", "config.worktree", "info", "modules", "objects/info"] {
            assert!(!dir.path().join(".git").join(made).exists(), "{what}: {made}");
        }
    }
    let free = [
        ("writing beside", "echo x > src/new && echo x > new && mkdir made"),
        ("reading what is protected", "cat .git/hooks/pre-commit .git/config > /dev/null"),
        ("renaming across directories", "mv src/main.rs main.rs && mv main.rs src/deep/main.rs"),
        ("renaming directories", "mv src/deep deep && mv src away"),
        ("linking", "ln src/main.rs hard && ln -s src soft"),
        ("removing", "rm -r src"),
    ];
    for (what, work) in free {
        let dir = project();
        let said = run(&scripted(dir.path(), &format!("({work}) && echo WORKED")), "");
        assert_eq!(said.out, "WORKED\n", "{what}: {}", said.err);
    }
}

/// What is protected is said, and what could not be is said too.
#[test]
fn absent_places_are_told() {
    if unsupported(Level::Full) {
        return;
    }
    let dir = project();
    let mut profile = scripted(dir.path(), "true");
    profile.roots[0].protect = [".git/hooks", ".mcp.json"].map(PathBuf::from).to_vec();
    let features = run(&profile, "").achieved.features;
    let told = features.iter().find(|feature| feature.name == "protected").unwrap();
    assert!(told.detail.ends_with(": .git/hooks; not there, so held only once it is: .mcp.json"));
}

/// With `.git` as a file, git obeys whatever the file names.
#[test]
fn a_file_where_a_folder_was_expected_is_protected_itself() {
    if unsupported(Level::Full) {
        return;
    }
    let dir = open_directory();
    std::fs::write(dir.path().join(".git"), "gitdir: /somewhere").unwrap();
    open(&dir.path().join(".git"));
    let script = "(echo x > .git || rm -f .git || mv .git old) 2>/dev/null && echo WORKED";
    assert_eq!(run(&scripted(dir.path(), script), "").out, "");
}

/// dy13, dy14: a link on the way may lead anywhere, so nothing starts.
#[test]
fn a_link_in_the_way_refuses_the_start() {
    if unsupported(Level::Full) {
        return;
    }
    let dir = open_directory();
    std::fs::create_dir_all(dir.path().join("elsewhere/hooks")).unwrap();
    symlink(dir.path().join("elsewhere"), dir.path().join(".git")).unwrap();
    let refused = |profile: &Profile| match spawn(profile) {
        Err(SpawnError::Root(why)) => why,
        other => format!("{other:?}"),
    };
    let why = refused(&scripted(dir.path(), "true"));
    assert!(why.contains("a link is in the way"), "{why}");
    // A root that lies below a link was canonical when it was granted.
    let root = dir.path().join("outer/inner");
    std::fs::create_dir_all(&root).unwrap();
    let mut profile = at(Level::Full, common::profile(&["true"]));
    profile.roots.push(admit_root(&root, Access::ReadOnly, None).unwrap());
    std::fs::rename(dir.path().join("outer"), dir.path().join("aside")).unwrap();
    symlink("aside", dir.path().join("outer")).unwrap();
    assert!(!refused(&profile).contains("Ok("), "{}", refused(&profile));
    // A place that leads out of the root is none.
    let mut profile = scripted(&root.canonicalize().unwrap(), "true");
    profile.roots[0].protect = vec!["../sibling".into()];
    assert!(refused(&profile).contains("not a place inside a root"));
}

/// dy15: what lies above a root within a root stays where it is.
#[test]
fn the_way_to_a_nested_root_stays() {
    if unsupported(Level::Full) {
        return;
    }
    let dir = open_directory();
    let inner = dir.path().join("a/inner");
    std::fs::create_dir_all(&inner).unwrap();
    [dir.path().join("a"), inner.clone()].iter().for_each(|dir| open(dir));
    let script = "mv a b 2>/dev/null && echo MOVED; touch a/inner/x 2>/dev/null && echo WROTE; touch a/y && echo fine";
    let mut profile = scripted(dir.path(), script);
    profile.roots.push(grant(&inner, Access::ReadOnly));
    assert_eq!(run(&profile, "").out, "fine\n");
}

/// Whoever wants a server to commit says which places stay; then the rest may be written,
/// and what stands above a place may not be moved.
#[test]
fn a_list_of_places_takes_the_place_of_the_usual_one() {
    if unsupported(Level::Full) {
        return;
    }
    let dir = project();
    let script = "for try in 'echo x > .git/hooks/new' 'echo x >> .git/config' 'mv .git aside' \
        'mv .git/objects src/objects' 'mv src/objects .git/objects' 'echo x > .git/HEAD'
        do (eval \"$try\") 2>/dev/null && echo \"$try\"; done";
    let mut profile = scripted(dir.path(), script);
    profile.roots[0].protect = [".git/hooks", ".git/config"].map(PathBuf::from).to_vec();
    let expect = "mv .git/objects src/objects\nmv src/objects .git/objects\necho x > .git/HEAD\n";
    assert_eq!(run(&profile, "").out, expect);
}

/// `protect = []` means what it says.
#[test]
fn nothing_is_protected_when_that_is_asked_for() {
    if unsupported(Level::Full) {
        return;
    }
    let dir = project();
    let mut profile = scripted(dir.path(), "echo x > .git/hooks/new && echo WORKED");
    profile.roots[0].protect.clear();
    assert_eq!(run(&profile, "").out, "WORKED\n");
}
