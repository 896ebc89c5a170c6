//! A disk that is full: nothing is half written, and nothing stays behind.

use std::process::Command;

use serde_json::json;

use crate::talk::{Stage, refuses};

const CHILD: &str = "PORTCULLIS_FULL_DISK";

/// The limit is one on the size of files, which everybody may set for themselves: to a
/// writer it is a disk that is full after so many bytes.
#[test]
#[expect(clippy::disallowed_methods, reason = "the child is this test, with less room")]
fn a_full_disk_leaves_no_half_written_file() {
    if std::env::var_os(CHILD).is_some() {
        return writes_more_than_fits();
    }
    let script = r#"ulimit -f 100; exec "$0" --exact "$1" --nocapture"#;
    let name = "full::a_full_disk_leaves_no_half_written_file";
    let exe = std::env::current_exe().unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).arg(exe).arg(name).env(CHILD, "1");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

fn writes_more_than_fits() {
    let stage = Stage::new();
    let mut talk = stage.talk();
    let large = "x".repeat(1 << 20);
    let over = json!({ "path": "a.txt", "content": large, "overwrite": true });
    let edits = json!([{ "old_text": "beta", "new_text": large }]);
    for (tool, arguments) in [
        ("write_file", json!({ "path": "new.txt", "content": large })),
        ("write_file", over),
        ("edit_file", json!({ "path": "a.txt", "edits": edits })),
    ] {
        refuses(&mut talk, tool, arguments, "too large");
        assert_eq!(stage.text("a.txt"), "alpha\nbeta\ngamma\n");
        let mut names: Vec<_> = std::fs::read_dir(stage.inside(""))
            .unwrap()
            .map(|it| it.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, [".git", "a.txt", "src"]);
    }
}
