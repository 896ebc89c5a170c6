//! Reading, listing and looking.

use std::io::Read;
use std::os::unix::net::UnixListener;

use portcullis_confine::beneath::{BeneathError, Kind, RootDir};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::Stage;

fn read(root: &RootDir, below: &str) -> Result<String, BeneathError> {
    let mut text = String::new();
    root.file(below)?.read_to_string(&mut text)?;
    Ok(text)
}

/// CVE-2025-53109 and -53110, and everything else that a path can be.
#[test]
fn a_path_is_a_file_inside_or_nothing() {
    let stage = Stage::new();
    stage.link("inside", "src/main.rs");
    stage.link("up", "..");
    stage.link("evil", "../project-evil/secret");
    stage.link("absolute", stage.outside("secret"));
    stage.link("absolute-inside", stage.path().join("a.txt"));
    stage.link("dir", "../project-evil");
    stage.link("loop", "loop");
    stage.link("proc", "/proc/self/root");
    let long = "x".repeat(256);
    let deep = "x/".repeat(2100);
    use BeneathError::*;
    for (below, expect) in [
        ("a.txt", Ok("alpha\n")),
        ("./a.txt", Ok("alpha\n")),
        ("src/../a.txt", Ok("alpha\n")),
        ("inside", Ok("fn main() {}\n")),
        ("", Err(IsADirectory)),
        ("src", Err(IsADirectory)),
        ("missing", Err(NotFound)),
        ("a.txt/x", Err(NotADirectory)),
        ("..", Err(Outside)),
        ("../project-evil/secret", Err(Outside)),
        ("src/../../project-evil/secret", Err(Outside)),
        ("/etc/passwd", Err(Outside)),
        ("evil", Err(Outside)),
        ("absolute", Err(Outside)),
        ("absolute-inside", Err(Outside)),
        ("dir/secret", Err(Outside)),
        ("up/project-evil/secret", Err(Outside)),
        ("proc/etc/passwd", Err(Outside)),
        ("loop", Err(TooManyLinks)),
        ("a\0b", Err(BadName)),
        ("..%2f..%2fetc/passwd", Err(NotFound)),
        (long.as_str(), Err(TooLong)),
        (deep.as_str(), Err(TooLong)),
    ] {
        let got = read(&stage.root(), below);
        assert_eq!(got.as_deref().map_err(|error| *error), expect, "{below}");
    }
}

/// A pipe would block, a socket and a device would act: none of them is opened.
#[test]
fn only_files_are_opened() {
    let stage = Stage::new();
    let pipe = stage.path().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    // A socket's path is short, so it is made from within.
    let socket = stage.path().join("socket");
    if UnixListener::bind(&socket).is_err() {
        mknodat(CWD, &socket, FileType::Socket, Mode::RUSR, 0).unwrap();
    }
    let root = stage.root();
    for (below, kind) in [("pipe", Kind::Pipe), ("socket", Kind::Socket)] {
        assert_eq!(root.file(below).err(), Some(BeneathError::NotAFile(kind)), "{below}");
        assert_eq!(root.facts(below).unwrap().kind, kind);
        let mut listed = root.directory("").unwrap();
        let entry = listed.find_map(|entry| entry.ok().filter(|it| it.name == below)).unwrap();
        assert_eq!(entry.kind, kind);
        assert_eq!(listed.file(&entry).err(), Some(BeneathError::NotAFile(kind)));
    }
}

/// Devices cannot be made by everybody, but they are there to be looked at.
#[test]
fn devices_and_the_kernels_own_files_are_refused() {
    let devices = RootDir::open("/dev".as_ref()).unwrap();
    for below in ["zero", "null", "full"] {
        assert_eq!(
            devices.file(below).err(),
            Some(BeneathError::NotAFile(Kind::Device)),
            "{below}"
        );
    }
    for pseudo in ["/proc", "/proc/self", "/proc/self/fd", "/sys"] {
        assert_eq!(RootDir::open(pseudo.as_ref()).err(), Some(BeneathError::Pseudo), "{pseudo}");
    }
    let top = RootDir::open("/".as_ref()).unwrap();
    for below in ["proc/self/status", "proc/self/environ", "proc/1/root/etc/passwd"] {
        let refused = top.file(below).err();
        let known = [BeneathError::Pseudo, BeneathError::TooManyLinks, BeneathError::Denied];
        assert!(refused.is_some_and(|error| known.contains(&error)), "{below}: {refused:?}");
    }
    assert_eq!(top.directory("proc").err(), Some(BeneathError::Pseudo));
    assert_eq!(top.facts("proc/self/status").err(), Some(BeneathError::Pseudo));
}

#[test]
fn facts_tell_links_and_hard_links_apart() {
    let stage = Stage::new();
    std::fs::hard_link(stage.path().join("a.txt"), stage.path().join("b.txt")).unwrap();
    stage.link("link", "a.txt");
    let root = stage.root();
    let facts = root.facts("link").unwrap();
    assert_eq!((facts.kind, facts.size, facts.links), (Kind::File, 6, 2));
    assert!(facts.modified.is_some());
    assert_eq!(root.facts_of_link("link").unwrap().kind, Kind::Link);
    assert_eq!(root.facts("").unwrap().kind, Kind::Directory);
    assert_eq!(root.facts("..").err(), Some(BeneathError::Outside));
}

#[test]
fn a_directory_is_listed_whole_and_walked_by_descriptor() {
    let stage = Stage::new();
    for at in 0..5_000 {
        std::fs::File::create(stage.path().join(format!("src/{at}"))).unwrap();
    }
    stage.link("src/out", "../../project-evil");
    let root = stage.root();
    let entries: Vec<_> = root.directory("src").unwrap().map(Result::unwrap).collect();
    assert_eq!(entries.len(), 5_002);
    assert!(entries.iter().all(|it| it.name != "." && it.name != ".."));
    let top = root.directory("").unwrap();
    assert_eq!(top.directory("src".as_ref()).unwrap().count(), 5_002);
    let src = top.directory("src".as_ref()).unwrap();
    assert_eq!(src.directory("out".as_ref()).err(), Some(BeneathError::TooManyLinks));
    assert_eq!(src.facts("out".as_ref()).unwrap().kind, Kind::Link);
    for name in ["..", ".", "", "a/b", "/etc"] {
        assert_eq!(src.directory(name.as_ref()).err(), Some(BeneathError::BadName), "{name}");
    }
    assert_eq!(root.directory("a.txt").err(), Some(BeneathError::NotADirectory));
    assert_eq!(root.directory("..").err(), Some(BeneathError::Outside));
}

/// What was listed as a file is read as the file of that name, and as nothing else.
#[test]
fn a_name_that_is_no_file_any_more_is_refused() {
    let stage = Stage::new();
    let mut listed = stage.root().directory("").unwrap();
    let entry = listed.find_map(|entry| entry.ok().filter(|it| it.name == "a.txt")).unwrap();
    assert!(listed.file(&entry).is_ok());
    stage.put("new", "other");
    std::fs::rename(stage.path().join("new"), stage.path().join("a.txt")).unwrap();
    let mut text = String::new();
    listed.file(&entry).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "other");
    std::fs::remove_file(stage.path().join("a.txt")).unwrap();
    stage.link("a.txt", "../project-evil/secret");
    assert_eq!(listed.file(&entry).err(), Some(BeneathError::TooManyLinks));
    std::fs::remove_file(stage.path().join("a.txt")).unwrap();
    let pipe = stage.path().join("a.txt");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    assert_eq!(listed.file(&entry).err(), Some(BeneathError::NotAFile(Kind::Pipe)));
}
