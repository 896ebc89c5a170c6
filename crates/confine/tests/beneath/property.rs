//! Whatever bytes a path is made of, nothing outside is touched.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use portcullis_confine::beneath::RootDir;
use proptest::prelude::*;

use crate::{BAIT, Stage};

fn path() -> impl Strategy<Value = PathBuf> {
    let known =
        ["..", ".", "", "src", "a.txt", "out", "up", "here", "project-evil", "secret", "loop"];
    let piece = prop_oneof![
        8 => proptest::sample::select(known.to_vec()).prop_map(|name| name.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
        1 => (250_usize..260).prop_map(|length| vec![b'n'; length]),
    ];
    let start = proptest::sample::select(vec!["", "", "/", "/proc/self/root/"]);
    (start, proptest::collection::vec(piece, 1..8)).prop_map(|(start, pieces)| {
        let bytes = [start.as_bytes(), &pieces.join(&b'/')].concat();
        PathBuf::from(OsString::from_vec(bytes))
    })
}

fn everything(root: &RootDir, path: &PathBuf) -> Vec<u8> {
    let mut read = Vec::new();
    if let Ok(mut file) = root.file(path) {
        file.read_to_end(&mut read).unwrap();
    }
    if let Ok(directory) = root.directory(path) {
        for entry in directory.flatten() {
            read.extend(entry.name.into_vec());
        }
    }
    let _facts = (root.facts(path), root.facts_of_link(path));
    if let Ok(mut draft) = root.draft(path, true) {
        draft.write_all(b"ours").unwrap();
        let _committed = draft.commit();
    }
    let _made = root.make_directory(path);
    let _moved = root.rename(path, root, "moved", true);
    let _back = root.rename("moved", root, path, true);
    let _gone = root.remove_file(path);
    let _gone = root.remove_directory(path);
    read
}

#[test]
fn whatever_bytes_are_asked_nothing_outside_is_touched() {
    let stage = Stage::new();
    stage.link("out", "../project-evil");
    stage.link("up", "..");
    stage.link("here", "src");
    stage.link("loop", "loop");
    let root = stage.writable();
    let config = ProptestConfig { failure_persistence: None, cases: 512, ..Default::default() };
    proptest!(config, |(path in path())| {
        let read = everything(&root, &path);
        let text = String::from_utf8_lossy(&read);
        prop_assert!(!text.contains(BAIT), "{:?}: {}", path, text);
        let outside = stage.outside("");
        prop_assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1, "{:?}", path);
        prop_assert_eq!(std::fs::read_to_string(outside.join("secret")).unwrap(), BAIT);
        let above = outside.parent().unwrap();
        prop_assert_eq!(std::fs::read_dir(above).unwrap().count(), 2, "{:?}", path);
        for link in [("out", "../project-evil"), ("up", ".."), ("here", "src"), ("loop", "loop")] {
            if !stage.path().join(link.0).is_symlink() {
                let _taken = std::fs::remove_dir_all(stage.path().join(link.0));
                let _taken = std::fs::remove_file(stage.path().join(link.0));
                stage.link(link.0, link.1);
            }
        }
    });
}
