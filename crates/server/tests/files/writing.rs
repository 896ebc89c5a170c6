//! `write_file`, `edit_file`, `move_file`, `delete_file`, `create_directory`.

use std::os::unix::fs::MetadataExt;

use portcullis_guard::Access;
use portcullis_kit::Ceiling;
use portcullis_server::files::Settings;
use serde_json::json;

use crate::talk::{Stage, Talk, refuses};

#[test]
fn a_file_is_written_new_or_over_another() {
    let stage = Stage::new();
    let mut talk = stage.talk();
    let new = json!({ "path": "n.txt", "content": "one" });
    assert_eq!(talk.call("write_file", new.clone()).unwrap()["replaced"], false);
    refuses(&mut talk, "write_file", new, "exists already; pass `overwrite: true`");
    let over = json!({ "path": "n.txt", "content": "two", "overwrite": true });
    assert_eq!(talk.call("write_file", over).unwrap()["replaced"], true);
    assert_eq!(stage.text("n.txt"), "two");
    let deep = json!({ "path": "x/y/z.bin", "content": "AAE=", "encoding": "base64" });
    refuses(&mut talk, "write_file", deep.clone(), "does not exist");
    let mut deep = deep;
    deep["create_directories"] = json!(true);
    talk.call("write_file", deep).unwrap();
    assert_eq!(std::fs::read(stage.inside("x/y/z.bin")).unwrap(), [0, 1]);
    for (arguments, words) in [
        (json!({ "path": "src", "content": "x", "overwrite": true }), "is a directory"),
        (json!({ "path": "b", "content": "?", "encoding": "base64" }), "not base64"),
        (json!({ "path": stage.at("docs/new"), "content": "x" }), "read-only"),
        (json!({ "path": ".git/hooks/pre-commit", "content": "x" }), "protected"),
        (json!({ "path": "src/.envrc", "content": "x" }), "protected"),
        (json!({ "path": "b", "content": "x", "mode": 7 }), ""),
    ] {
        refuses(&mut talk, "write_file", arguments, words);
    }
    let settings = Settings { write_bytes: 2, ..Settings::default() };
    let mut talk = stage.talk_with(settings);
    refuses(&mut talk, "write_file", json!({ "path": "b", "content": "123" }), "a file may have 2");
    assert!(!stage.inside("b").exists());
}

#[test]
fn edits_are_all_made_or_none() {
    let stage = Stage::new();
    let mut talk = stage.talk();
    let edits = json!([
        { "old_text": "alpha", "new_text": "ALPHA" },
        { "old_text": "ALPHA\nbeta", "new_text": "first\nbeta" },
    ]);
    let dry = json!({ "path": "a.txt", "edits": edits, "dry_run": true });
    let answer = talk.call("edit_file", dry).unwrap();
    let diff = answer["diff"].as_str().unwrap();
    assert!(diff.ends_with("@@ -1,3 +1,3 @@\n-alpha\n+first\n beta\n gamma\n"), "{diff}");
    assert_eq!(answer["written"], false);
    assert_eq!(stage.text("a.txt"), "alpha\nbeta\ngamma\n");
    let done = talk.call("edit_file", json!({ "path": "a.txt", "edits": edits })).unwrap();
    assert_eq!((&done["written"], &done["replacements"]), (&json!(true), &json!(2)));
    assert_eq!(stage.text("a.txt"), "first\nbeta\ngamma\n");

    for (edits, words) in [
        (
            json!([{ "old_text": "beta", "new_text": "x" }, { "old_text": "no", "new_text": "" }]),
            "edit 2",
        ),
        (json!([{ "old_text": "a", "new_text": "x" }]), "3 times, and not 1"),
        (json!([{ "old_text": "", "new_text": "x" }]), ""),
    ] {
        refuses(&mut talk, "edit_file", json!({ "path": "a.txt", "edits": edits }), words);
        assert_eq!(stage.text("a.txt"), "first\nbeta\ngamma\n");
    }
    let all = json!([{ "old_text": "a", "new_text": "4", "count": 3 }]);
    talk.call("edit_file", json!({ "path": "a.txt", "edits": all })).unwrap();
    assert_eq!(stage.text("a.txt"), "first\nbet4\ng4mm4\n");
    stage.put("b.bin", b"\xff\xfe");
    let edits = json!([{ "old_text": "a", "new_text": "b" }]);
    refuses(&mut talk, "edit_file", json!({ "path": "b.bin", "edits": edits }), "not UTF-8");
}

/// A file keeps its line ends, whichever a model writes.
#[test]
fn line_ends_stay_what_they_are() {
    let stage = Stage::new();
    stage.put("dos.txt", "one\r\ntwo\r\nthree\r\n");
    let edits = json!([{ "old_text": "one\ntwo", "new_text": "1\n2" }]);
    stage.talk().call("edit_file", json!({ "path": "dos.txt", "edits": edits })).unwrap();
    assert_eq!(stage.text("dos.txt"), "1\r\n2\r\nthree\r\n");
}

#[test]
fn moving_and_deleting_take_nothing_by_accident() {
    let stage = Stage::new();
    let mut talk = stage.talk();
    stage.put("b.txt", "b");
    let taken = json!({ "source": "a.txt", "destination": "b.txt" });
    refuses(&mut talk, "move_file", taken, "exists already");
    for (source, destination, words) in [
        ("no", "c", "does not exist"),
        ("src", "src/in", "into itself"),
        ("a.txt", "no/c", "does not exist"),
        ("a.txt", ".git/hooks/x", "protected"),
        (".git", "git", "protected"),
        ("a.txt", "../project-evil/x", "outside the allowed directories"),
        ("../project-evil/secret", "c", "outside the allowed directories"),
    ] {
        let asked = json!({ "source": source, "destination": destination });
        refuses(&mut talk, "move_file", asked, words);
    }
    let over = json!({ "source": "a.txt", "destination": "b.txt", "overwrite": true });
    talk.call("move_file", over).unwrap();
    assert_eq!(stage.text("b.txt"), "alpha\nbeta\ngamma\n");
    refuses(&mut talk, "delete_file", json!({ "path": "src" }), "not empty");
    refuses(&mut talk, "delete_file", json!({ "path": "." }), "not a name");
    let read_me = json!({ "path": stage.at("docs/read.me") });
    refuses(&mut talk, "delete_file", read_me, "read-only");
    for path in ["src/main.rs", "src", "b.txt"] {
        talk.call("delete_file", json!({ "path": path })).unwrap();
        assert!(!stage.inside(path).exists(), "{path}");
    }
    let made = talk.call("create_directory", json!({ "path": "m/n" })).unwrap();
    assert_eq!(made["created"], 2);
    let made = talk.call("create_directory", json!({ "path": "m/n" })).unwrap();
    assert_eq!(made["created"], 0);
    stage.assert_outside_untouched();
}

/// From one file system to another a file is copied whole, and a directory stays.
#[test]
fn a_file_moves_between_roots_wherever_they_are() {
    let stage = Stage::new();
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let ceiling = Ceiling::new()
        .grant(&stage.inside(""), Access::Write)
        .and_then(|ceiling| ceiling.grant(memory.path(), Access::Write))
        .unwrap();
    let mut talk = Talk::new(ceiling, Settings::default());
    let apart = std::fs::metadata(memory.path()).unwrap().dev()
        != std::fs::metadata(stage.inside("")).unwrap().dev();
    let there = memory.path().join("b.txt");
    let asked = json!({ "source": "a.txt", "destination": there });
    assert_eq!(talk.call("move_file", asked).unwrap()["copied"], json!(apart));
    assert_eq!(std::fs::read_to_string(&there).unwrap(), "alpha\nbeta\ngamma\n");
    assert!(!stage.inside("a.txt").exists());
    stage.put("a.txt", "new");
    let taken = json!({ "source": there, "destination": "a.txt" });
    refuses(&mut talk, "move_file", taken, "exists already");
    assert_eq!(stage.text("a.txt"), "new");
    if apart {
        let directory = json!({ "source": "src", "destination": memory.path().join("src") });
        refuses(&mut talk, "move_file", directory, "another file system");
    }
}
