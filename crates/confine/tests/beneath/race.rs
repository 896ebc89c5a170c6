//! Somebody swaps a directory, a file and a pipe for links that lead out while
//! everything is done to them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use portcullis_confine::beneath::{BeneathError, RootDir};
use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with};

use crate::{BAIT, Stage};

type Step = (&'static str, fn(&RootDir) -> Result<String, BeneathError>);

/// Everything that can be done to what is swapped; what was read is returned.
const STEPS: &[Step] = &[
    ("read below", |root| read(root, "swap/f")),
    ("read", |root| read(root, "f")),
    ("read the pipe", |root| read(root, "pipe")),
    ("list", |root| {
        let names = root.directory("swap")?.map(|entry| entry.map(|it| it.name));
        Ok(format!("{:?}", names.collect::<Result<Vec<_>, _>>()?))
    }),
    ("walk", |root| {
        let mut read = String::new();
        let mut directory = root.view("swap")?.directory("")?;
        while let Some(entry) = directory.next().transpose()? {
            if let Ok(mut file) = directory.file(&entry) {
                file.read_to_string(&mut read)?;
            }
        }
        Ok(read)
    }),
    ("look", |root| Ok(root.facts("swap/f")?.size.to_string())),
    ("write below", |root| write(root, "swap/f")),
    ("write", |root| write(root, "f")),
    ("write new", |root| write(root, "swap/new")),
    ("remove", |root| root.remove_file("swap/new").map(|()| String::new())),
    ("make", |root| root.make_directory("swap/made").map(|()| String::new())),
    ("remove made", |root| root.remove_directory("swap/made").map(|()| String::new())),
    ("move out", |root| root.rename("swap/f", root, "moved", true).map(|()| String::new())),
    ("move in", |root| root.rename("moved", root, "swap/f", true).map(|()| String::new())),
];

fn read(root: &RootDir, below: &str) -> Result<String, BeneathError> {
    let mut text = String::new();
    root.file(below)?.read_to_string(&mut text)?;
    Ok(text)
}

fn write(root: &RootDir, below: &str) -> Result<String, BeneathError> {
    let mut draft = root.draft(below, true)?;
    draft.write_all(b"inside")?;
    draft.commit().map(|_| String::new())
}

/// What is written takes the name's place, and a link that stood there at that moment is
/// gone: then nothing would be left to be refused.
fn put_back(stage: &Stage) {
    let is_link = |name: &str| stage.path().join(name).is_symlink();
    if !is_link("f") && !is_link("f.other") {
        stage.link("f.new", stage.outside("secret"));
        std::fs::rename(stage.path().join("f.new"), stage.path().join("f.other")).unwrap();
    }
}

#[test]
fn a_swapper_of_links_gains_nothing() {
    let stage = Stage::new();
    std::fs::create_dir(stage.path().join("swap")).unwrap();
    for below in ["swap/f", "f", "pipe"] {
        stage.put(below, "inside");
    }
    std::fs::write(stage.outside("f"), BAIT).unwrap();
    stage.link("swap.other", "../project-evil");
    stage.link("f.other", stage.outside("secret"));
    let pipe = stage.path().join("pipe.other");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let seconds = std::env::var("PORTCULLIS_SWAP_SECONDS").ok();
    let seconds = seconds.and_then(|text| text.parse().ok()).unwrap_or(3);
    let (stop, turn) = (AtomicBool::new(false), Mutex::new(()));
    let root = stage.writable();
    let mut done: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    let found = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for name in ["swap", "f", "pipe"] {
                    let _turn = turn.lock().unwrap();
                    let one = stage.path().join(name);
                    let other = stage.path().join(format!("{name}.other"));
                    renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
                }
            }
        });
        let begun = Instant::now();
        let (least, most) = (Duration::from_secs(seconds), Duration::from_secs(seconds + 120));
        let both = |done: &BTreeMap<&str, (u32, u32)>| {
            done.len() == STEPS.len()
                && done.values().all(|(fine, refused)| *fine > 0 && *refused > 0)
        };
        let mut found = None;
        // On a machine with other work the two may meet rarely.
        while found.is_none()
            && (begun.elapsed() < least || (begun.elapsed() < most && !both(&done)))
        {
            let held = turn.lock().unwrap();
            put_back(&stage);
            drop(held);
            for (what, step) in STEPS {
                let count = done.entry(what).or_default();
                match step(&root) {
                    Ok(text) if text.contains(BAIT) || text.contains("secret") => {
                        found = Some((what, text));
                    }
                    Ok(_) => count.0 += 1,
                    Err(_) => count.1 += 1,
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
        found
    });
    assert_eq!(found, None);
    for (what, (fine, refused)) in &done {
        assert!(*fine > 0 && *refused > 0, "{what}: {done:?}");
    }
    let mut outside: Vec<_> =
        std::fs::read_dir(stage.outside("")).unwrap().map(|it| it.unwrap().file_name()).collect();
    outside.sort();
    assert_eq!(outside, ["f", "secret"]);
    for name in ["f", "secret"] {
        assert_eq!(std::fs::read_to_string(stage.outside(name)).unwrap(), BAIT);
    }
}
