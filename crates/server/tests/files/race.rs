//! Somebody swaps directories and files for links that lead out, as fast as the kernel
//! lets them, while every tool works there.
//!
//! `PORTCULLIS_SWAP_SECONDS` says how long at least; five unless it is set.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with};
use serde_json::{Value, json};

use crate::talk::{BAIT, Stage, Talk};

/// On a loaded machine it takes longer until the swapper and the tools have met.
const AT_MOST: u64 = 60;

fn seconds() -> u64 {
    let asked = std::env::var("PORTCULLIS_SWAP_SECONDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(5)
}

/// Swaps each of these with its other self until it is told to stop.
fn swap(stage: &Stage, names: &[&str], stop: &AtomicBool, swaps: &AtomicU64) {
    let pairs: Vec<_> = names
        .iter()
        .map(|name| (stage.inside(name), stage.inside(&format!("{name}.other"))))
        .collect();
    while !stop.load(Ordering::Relaxed) {
        for (one, other) in &pairs {
            renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
            swaps.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Everything that any tool could be led to, as it is now.
fn outside(stage: &Stage) -> BTreeMap<String, String> {
    fn read(dir: &Path, found: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_str().unwrap().to_owned();
            if path.is_dir() {
                found.insert(name, "directory".to_owned());
                read(&path, found);
            } else {
                found.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    read(&stage.at("project-evil"), &mut found);
    found
}

/// Whether each tool did something, and was refused where it can be.
fn both(done: &BTreeMap<&str, (u64, u64)>) -> bool {
    let never_refused = ["read_many", "search_files"];
    !done.is_empty()
        && done.iter().all(|(tool, (fine, refused))| {
            *fine > 0 && (*refused > 0 || never_refused.contains(tool))
        })
}

/// One round of every tool over what is being swapped.
fn calls() -> Vec<(&'static str, Value)> {
    let both = |path: &str| [json!({ "path": format!("swap/{path}") }), json!({ "path": path })];
    let [deep, flat] = both("f");
    let edits = json!([{ "old_text": "inside", "new_text": "inside" }, {
        "old_text": "inside", "new_text": "inside too" }, {
        "old_text": "inside too", "new_text": "inside" }]);
    vec![
        ("read_file", deep.clone()),
        ("read_file", flat.clone()),
        ("read_file", json!({ "path": "pipe" })),
        ("read_many", json!({ "paths": ["swap/f", "f", "swap/sub/f", "pipe"] })),
        ("list_directory", json!({ "path": "swap" })),
        ("list_directory", json!({ "path": ".", "depth": 5, "exclude": [".git"] })),
        ("search_files", json!({ "path": ".", "text": "inside", "glob": ["f"] })),
        ("search_files", json!({ "path": "swap", "text": "BAIT" })),
        ("search_files", json!({ "path": "swap", "glob": ["secret"] })),
        ("file_info", deep.clone()),
        ("file_info", flat.clone()),
        ("write_file", json!({ "path": "swap/f", "content": "inside", "overwrite": true })),
        ("write_file", json!({ "path": "f", "content": "inside", "overwrite": true })),
        ("write_file", json!({ "path": "swap/sub/w", "content": "inside", "overwrite": true })),
        ("edit_file", json!({ "path": "swap/f", "edits": edits })),
        ("create_directory", json!({ "path": "swap/made" })),
        ("delete_file", json!({ "path": "swap/made" })),
        ("delete_file", json!({ "path": "swap/sub/w" })),
        ("move_file", json!({ "source": "swap/f", "destination": "swap/g" })),
        ("move_file", json!({ "source": "swap/g", "destination": "swap/f", "overwrite": true })),
        ("move_file", json!({ "source": "swap/f", "destination": "moved", "overwrite": true })),
        ("move_file", json!({ "source": "moved", "destination": "swap/f", "overwrite": true })),
    ]
}

#[test]
fn a_swapper_of_links_gains_nothing_from_any_tool() {
    let stage = Stage::new();
    for name in ["f", "sub/f", "g"] {
        stage.put(&format!("swap/{name}"), "inside");
        let bait = stage.at("project-evil").join(name);
        std::fs::create_dir_all(bait.parent().unwrap()).unwrap();
        std::fs::write(bait, BAIT).unwrap();
    }
    stage.link("swap.other", "../project-evil");
    stage.put("f", "inside");
    stage.link("f.other", stage.at("project-evil/secret"));
    stage.put("pipe", "inside");
    mknodat(CWD, stage.inside("pipe.other"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let before = outside(&stage);
    let mut talk = stage.talk();
    let (stop, swaps) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut done: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    std::thread::scope(|scope| {
        scope.spawn(|| swap(&stage, &["swap", "f", "pipe"], &stop, &swaps));
        let (begun, least) = (Instant::now(), Duration::from_secs(seconds()));
        let most = least.max(Duration::from_secs(AT_MOST));
        // Whatever is found, the swapper is told to stop.
        let round = |talk: &mut Talk, done: &mut BTreeMap<&str, (u64, u64)>| {
            for (tool, arguments) in calls() {
                let answer = talk.call(tool, arguments.clone());
                let count = done.entry(tool).or_default();
                match &answer {
                    Ok(_) => count.0 += 1,
                    Err(_) => count.1 += 1,
                }
                let text = format!("{answer:?}");
                if text.contains(BAIT) || text.contains("\"secret\"") {
                    return Some(format!("{tool} {arguments}: {text}"));
                }
            }
            None
        };
        let mut found = None;
        while found.is_none()
            && (begun.elapsed() < least || (begun.elapsed() < most && !both(&done)))
        {
            found = round(&mut talk, &mut done);
        }
        stop.store(true, Ordering::Relaxed);
        assert_eq!(found, None);
    });
    assert_eq!(outside(&stage), before);
    // Both happened: what was inside at the moment was done, what was not was refused.
    eprintln!("{} swaps, (done, refused): {done:?}", swaps.into_inner());
    assert!(both(&done), "a tool never did anything, or was never refused: {done:?}");
}

/// Whoever reads while a file is written sees the old one or the new one.
#[test]
fn a_reader_never_sees_a_half_written_file() {
    let stage = Stage::new();
    let contents: Vec<String> = ["a", "b"].map(|letter| letter.repeat(300_000)).to_vec();
    stage.put("t.txt", &contents[0]);
    let mut talk = stage.talk();
    let stop = AtomicBool::new(false);
    let path = stage.inside("t.txt");
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !stop.load(Ordering::Relaxed) {
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(contents.contains(&text), "{} bytes", text.len());
                reads += 1;
            }
            reads
        });
        for at in 0..100 {
            let content = &contents[at % 2];
            let arguments = json!({ "path": "t.txt", "content": content, "overwrite": true });
            if reader.is_finished() {
                break;
            }
            talk.call("write_file", arguments).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0);
    });
}
