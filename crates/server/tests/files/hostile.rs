//! Paths that were written to get out, one by one and at random.

use std::cell::RefCell;
use std::path::Path;

use portcullis_guard::Access;
use portcullis_kit::Ceiling;
use portcullis_server::files::Settings;
use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

use crate::talk::{BAIT, Stage, Talk};

/// A stage with links that lead out in every way.
fn trapped() -> Stage {
    let stage = Stage::new();
    set_traps(&stage);
    mknodat(CWD, stage.inside("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    stage
}

/// The links, again where a tool took one away.
fn set_traps(stage: &Stage) {
    let absolute = stage.at("project-evil");
    for (link, to) in [
        ("evil", Path::new("../project-evil")),
        ("evil-file", Path::new("../project-evil/secret")),
        ("absolute", &absolute),
        ("proc", Path::new("/proc/self/root")),
        ("up", Path::new("..")),
    ] {
        if !std::fs::read_link(stage.inside(link)).is_ok_and(|is| is == to) {
            let _taken = std::fs::remove_file(stage.inside(link));
            let _taken = std::fs::remove_dir_all(stage.inside(link));
            stage.link(link, to);
        }
    }
}

/// Every tool with this path wherever it takes one.
fn everywhere(path: &str) -> Vec<(&'static str, Value)> {
    let edits = json!([{ "old_text": "BAIT", "new_text": "x" }]);
    vec![
        ("read_file", json!({ "path": path })),
        ("read_many", json!({ "paths": [path] })),
        ("list_directory", json!({ "path": path, "depth": 2 })),
        (
            "search_files",
            json!({ "path": path, "text": "BAIT", "hidden": true, "gitignore": false }),
        ),
        ("file_info", json!({ "path": path })),
        (
            "write_file",
            json!({
            "path": path, "content": "x", "overwrite": true, "create_directories": true }),
        ),
        ("edit_file", json!({ "path": path, "edits": edits })),
        ("move_file", json!({ "source": path, "destination": "taken", "overwrite": true })),
        ("move_file", json!({ "source": "a.txt", "destination": path, "overwrite": true })),
        ("create_directory", json!({ "path": path })),
        ("delete_file", json!({ "path": path })),
    ]
}

/// What a path outside must be answered with, by every tool.
fn assert_refused(talk: &mut Talk, stage: &Stage, path: &str) {
    for (tool, arguments) in everywhere(path) {
        let refusal = match talk.call(tool, arguments.clone()) {
            Err(text) => text,
            Ok(answer) if tool == "read_many" => {
                answer["files"][0]["error"].as_str().unwrap_or_default().to_owned()
            }
            // The link itself is inside, and may be told of, moved and deleted as a link.
            Ok(answer) => panic!("{tool} {arguments}: {answer}"),
        };
        assert!(!refusal.is_empty(), "{tool} {arguments}");
        assert!(!refusal.contains(BAIT), "{tool} {arguments}: {refusal}");
        let evil = stage.at("project-evil");
        let told = refusal.contains(evil.to_str().unwrap()) && !path.contains("project-evil");
        assert!(!told, "{tool} {arguments} names what lies outside: {refusal}");
    }
    stage.assert_outside_untouched();
}

/// CVE-2025-53109, CVE-2025-53110, and the other spellings of outside.
#[test]
fn no_spelling_of_outside_is_inside() {
    let stage = trapped();
    let mut talk = stage.talk();
    let evil = stage.at("project-evil/secret");
    let evil = evil.to_str().unwrap();
    let long = format!("/{}", "x".repeat(300));
    let very_long = "x/".repeat(3000);
    for path in [
        evil,
        "../project-evil/secret",
        "src/../../project-evil/secret",
        "/etc/passwd",
        "//etc/passwd",
        "..%2fproject-evil%2fsecret",
        "%2e%2e/project-evil/secret",
        "..%252fproject-evil/secret",
        "%c0%ae%c0%ae/project-evil/secret",
        "..%c0%afproject-evil",
        "..\\project-evil\\secret",
        "\u{ff0e}\u{ff0e}/project-evil/secret",
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        "file://elsewhere/etc/passwd",
        "file:../project-evil/secret",
        "~/secret",
        "~root/x",
        "a.txt\0/../../project-evil",
        "a\nb",
        "evil/secret",
        "evil/new/file",
        "absolute/secret",
        "up/project-evil/secret",
        "proc/etc/passwd",
        "/proc/self/root/etc/passwd",
        "/proc/self/cwd/../secret",
        "/dev/fd/0",
        "C:\\secret",
        &long,
        &very_long,
        &format!("{}-evil/secret", stage.at("project").display()),
    ] {
        assert_refused(&mut talk, &stage, path);
    }
}

/// A link that leads out is itself inside: it may be moved and deleted, and only it.
#[test]
fn of_a_link_that_leads_out_only_the_link_goes() {
    let stage = trapped();
    let mut talk = stage.talk();
    for name in ["evil", "evil-file", "absolute", "proc", "up"] {
        for (tool, arguments) in everywhere(name) {
            if !matches!(tool, "move_file" | "delete_file") {
                let answer = format!("{:?}", talk.call(tool, arguments));
                assert!(answer.contains("outside"), "{tool} {name}: {answer}");
            }
        }
        let moved = json!({ "source": name, "destination": "moved" });
        talk.call("move_file", moved).unwrap();
        talk.call("delete_file", json!({ "path": "moved" })).unwrap();
        stage.assert_outside_untouched();
    }
    assert_eq!(std::fs::read_dir(stage.at("")).unwrap().count(), 3);
}

/// Pipes would block for ever, devices never end, and the kernel's files are no data.
#[test]
fn what_is_no_file_is_not_read() {
    let stage = trapped();
    let mut talk = stage.talk();
    for (tool, arguments) in everywhere("pipe") {
        if matches!(tool, "read_file" | "write_file" | "edit_file" | "list_directory") {
            let refusal = talk.call(tool, arguments.clone()).unwrap_err();
            let said = refusal.contains("pipe") && refusal.contains("not a");
            assert!(said, "{tool} {arguments}: {refusal}");
        }
    }
    let found = talk.call("search_files", json!({ "path": ".", "text": "nothing" })).unwrap();
    assert_eq!(found["complete"], true);
    let devices = Ceiling::new().grant(Path::new("/dev"), Access::Read).unwrap();
    let mut talk = Talk::new(devices, Settings::default());
    for device in ["/dev/zero", "/dev/null", "/dev/full", "zero"] {
        let refusal = talk.call("read_file", json!({ "path": device })).unwrap_err();
        assert!(refusal.contains("not a regular file but a device"), "{device}: {refusal}");
    }
    for pseudo in ["/proc", "/sys"] {
        assert!(Ceiling::new().grant(Path::new(pseudo), Access::Read).is_err(), "{pseudo}");
    }
}

/// The error says what would do, and nothing of what lies elsewhere.
#[test]
fn a_refusal_names_the_allowed_directories() {
    let stage = Stage::new();
    let refusal = stage.talk().call("read_file", json!({ "path": "/etc/shadow" })).unwrap_err();
    assert!(refusal.contains("outside the allowed directories; allowed: "), "{refusal}");
    for root in ["project", "docs"] {
        let root = stage.at(root).canonicalize().unwrap();
        assert!(refusal.contains(root.to_str().unwrap()), "{refusal}");
    }
    assert!(!refusal.contains("shadow") && !refusal.contains("evil"), "{refusal}");
}

/// Pieces of paths that somebody hopes are read in two ways.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => Just("..".to_owned()),
        2 => Just("project-evil".to_owned()),
        2 => Just("secret".to_owned()),
        4 => proptest::sample::select(vec![
            "evil", "evil-file", "absolute", "proc", "up", "self", "root", "src", "a.txt", ".git",
            "hooks", "pipe", "project", "", ".", "...", "~", "%2e%2e", "..%2f", "%00", "%c0%ae",
            "file:", "file://", "\u{ff0e}\u{ff0e}", "\u{2025}", "\u{ff0f}", "\\", "..\\", " ..",
            ".. ", "\u{feff}..", "\u{202e}", "CON", "a:b", "'", "\"", "\0", "\n", "$HOME", "*",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,3}",
        1 => (250_usize..260).prop_map(|length| "n".repeat(length)),
    ];
    let between = proptest::sample::select(vec!["/", "/", "/", "//", "\\", "", "%2f", "/./"]);
    let start = proptest::sample::select(vec!["", "", "/", "./", "file://", "~/", "//", "ROOT/"]);
    (start, proptest::collection::vec((piece, between), 1..7)).prop_map(|(start, pieces)| {
        let pieces = pieces.into_iter().flat_map(|(piece, between)| [piece, between.to_owned()]);
        start.to_owned() + &pieces.collect::<String>()
    })
}

#[test]
fn whatever_is_asked_nothing_outside_is_read_or_changed() {
    let stage = trapped();
    let talk = RefCell::new(stage.talk());
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(path in nasty())| {
        // What an earlier path did inside is made good again, so that there is something.
        set_traps(&stage);
        stage.put("src/main.rs", "fn main() {}\n");
        if !stage.inside("a.txt").exists() {
            let _absent = std::fs::remove_dir_all(stage.inside("a.txt"));
            stage.put("a.txt", "alpha\n");
        }
        let root = stage.inside("");
        let path = path.replace("ROOT", root.to_str().unwrap().trim_end_matches('/'));
        for (tool, arguments) in everywhere(&path) {
            let answer = format!("{:?}", talk.borrow_mut().call(tool, arguments));
            prop_assert!(!answer.contains(BAIT), "{} {:?}: {}", tool, path, answer);
        }
        stage.assert_outside_untouched();
        prop_assert_eq!(std::fs::read_dir(stage.at("")).unwrap().count(), 3, "{:?}", path);
        prop_assert_eq!(stage.text(".git/config"), "[core]\n");
    });
}
