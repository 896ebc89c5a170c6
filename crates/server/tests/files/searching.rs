//! `search_files`.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::fs::inotify;
use serde_json::{Value, json};

use crate::talk::{Stage, refuses};

fn stage() -> Stage {
    let stage = Stage::new();
    stage.put(".gitignore", "target/\n*.log\n!keep.log\n");
    stage.put("target/out.txt", "alpha\n");
    stage.put("x.log", "alpha\n");
    stage.put("keep.log", "alpha\n");
    stage.put(".hidden/h.txt", "alpha\n");
    stage.put("src/.gitignore", "/generated.rs\n");
    stage.put("src/generated.rs", "// alpha\n");
    stage.put("src/lib.rs", "// Alpha\n// none\n// alpha alpha\n");
    stage.put("src/inner/generated.rs", "// alpha\n");
    stage.put("b.bin", b"alpha\0\n");
    stage.link("out", "../project-evil");
    stage.link("linked.txt", "a.txt");
    stage
}

fn paths(answer: &Value) -> Vec<&str> {
    let matches = answer["matches"].as_array().unwrap();
    matches.iter().map(|it| it["path"].as_str().unwrap()).collect()
}

#[test]
fn names_and_contents_are_found() {
    let stage = stage();
    let mut talk = stage.talk();
    for (arguments, expect) in [
        (
            json!({ "text": "alpha" }),
            &["a.txt", "keep.log", "src/inner/generated.rs", "src/lib.rs"][..],
        ),
        (json!({ "text": "alpha", "glob": ["*.rs"] }), &["src/inner/generated.rs", "src/lib.rs"]),
        (json!({ "text": "alpha", "exclude": ["src"] }), &["a.txt", "keep.log"]),
        (
            json!({ "text": "alpha", "gitignore": false, "exclude": ["src"] }),
            &["a.txt", "keep.log", "target/out.txt", "x.log"],
        ),
        (json!({ "text": "alpha", "hidden": true, "glob": ["h.txt"] }), &[".hidden/h.txt"]),
        (json!({ "text": "core", "hidden": true }), &[]),
        (json!({ "regex": "^// .lpha$" }), &["src/inner/generated.rs", "src/lib.rs"]),
        (json!({ "regex": "ALPHA alpha", "ignore_case": true }), &["src/lib.rs"]),
        (json!({ "text": "^// .lpha$" }), &[]),
        (json!({ "glob": ["*.txt"] }), &["a.txt", "linked.txt"]),
        (json!({ "glob": ["inner"] }), &["src/inner"]),
        (json!({ "glob": ["src/*.rs"] }), &["src/lib.rs", "src/main.rs"]),
        (json!({ "path": "src", "text": "alpha" }), &["inner/generated.rs", "lib.rs"]),
        (json!({ "path": "src/inner", "text": "alpha" }), &["generated.rs"]),
        (json!({ "path": "src/generated.rs", "text": "alpha" }), &["generated.rs"]),
        (json!({ "text": "BAIT" }), &[]),
    ] {
        let mut asked = json!({ "path": "." });
        asked.as_object_mut().unwrap().extend(arguments.as_object().unwrap().clone());
        let answer = talk.call("search_files", asked).unwrap();
        assert_eq!(paths(&answer), expect, "{arguments}");
        assert_eq!(answer["complete"], true, "{arguments}");
    }
    let answer = talk.call("search_files", json!({ "path": ".", "text": "alpha" })).unwrap();
    assert_eq!(answer["matches"][3]["lines"], json!([{ "line": 3, "text": "// alpha alpha" }]));
    assert_eq!(answer["binary"], 1);
    for (arguments, words) in [
        (json!({ "path": ".", "text": "a", "regex": "a" }), "not for both"),
        (json!({ "path": ".", "regex": "(" }), "does not do"),
        (json!({ "path": ".", "regex": "(?:a{1000}){1000}" }), "does not do"),
        (json!({ "path": ".", "regex": "(?=a)" }), "does not do"),
        (json!({ "path": ".", "glob": ["[z-a]"] }), "no pattern"),
        (json!({ "path": "out", "text": "a" }), "leads outside"),
        (json!({ "path": "no", "text": "a" }), "does not exist"),
    ] {
        refuses(&mut talk, "search_files", arguments, words);
    }
}

/// Read in part, it would leave out what its end takes back.
#[test]
fn a_list_that_is_too_large_leaves_nothing_out() {
    let stage = Stage::new();
    let filler = "# nothing\n".repeat(110_000);
    stage.put(".gitignore", format!("a.txt\n{filler}!a.txt\n"));
    let mut talk = stage.talk();
    let answer = talk.call("search_files", json!({ "path": ".", "text": "alpha" })).unwrap();
    assert_eq!(paths(&answer), ["a.txt"]);
}

/// The same pages each time, whichever thread is faster.
#[test]
fn results_come_in_order_and_in_pages() {
    let stage = Stage::new();
    for at in 0..600 {
        stage.put(&format!("d{}/f{at}.txt", at % 20), "needle\nneedle\n");
    }
    let mut talk = stage.talk();
    let all = json!({ "path": ".", "text": "needle", "limit": 2000 });
    let all = talk.call("search_files", all).unwrap();
    assert_eq!((paths(&all).len(), &all["complete"]), (600, &json!(true)));
    let one = json!({ "path": "d0/f0.txt", "text": "needle", "limit": 1 });
    let one = talk.call("search_files", one).unwrap();
    assert_eq!(one["matches"][0]["lines"].as_array().unwrap().len(), 1);
    assert_eq!(one["matches"][0]["more_lines"], true);
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let mut asked = json!({ "path": ".", "text": "needle", "limit": 70 });
        if let Some(after) = after {
            asked["after"] = json!(after);
        }
        let answer = talk.call("search_files", asked).unwrap();
        found.extend(paths(&answer).into_iter().map(str::to_owned));
        match answer["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(found, paths(&all));
}

#[test]
fn a_long_search_tells_how_far_it_is() {
    let stage = Stage::new();
    for at in 0..600 {
        stage.put(&format!("src/{at}"), "hay\n");
    }
    let mut talk = stage.talk();
    let arguments = json!({ "path": ".", "text": "needle" });
    let params = json!({
        "name": "search_files", "arguments": arguments, "_meta": { "progressToken": 7 },
    });
    talk.ask("tools/call", params);
    let told = talk.notifications.iter().find(|it| it["method"] == "notifications/progress");
    let told = &told.unwrap()["params"];
    assert_eq!((&told["progressToken"], &told["progress"]), (&json!(7), &json!(256.0)));
}

/// Gigabytes under many names: a search that went on although nobody waits for it would
/// open every one of them.
#[test]
fn a_cancelled_search_stops() {
    const FILES: usize = 5_000;
    let stage = Stage::new();
    stage.put("src/00000", "x".repeat(4 << 20));
    for at in 1..FILES {
        let name = stage.inside(&format!("src/{at:05}"));
        std::fs::hard_link(stage.inside("src/00000"), name).unwrap();
    }
    let mut opened = Opened::new(&stage.inside("src"));
    let mut talk = stage.talk();
    let slow = json!({ "path": "src", "regex": "x[^y]{50}y" });
    let id = talk.begin("tools/call", json!({ "name": "search_files", "arguments": slow }));
    while opened.count() == 0 {
        std::thread::sleep(MOMENT);
        talk.call("file_info", json!({ "path": "a.txt" })).unwrap();
    }
    talk.send(&json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id },
    }));
    talk.call("file_info", json!({ "path": "a.txt" })).unwrap();
    // Until nobody opens anything any more: the conversation goes on, and ends nothing.
    let mut before = opened.count();
    loop {
        std::thread::sleep(20 * MOMENT);
        let now = opened.count();
        if now == before {
            break;
        }
        before = now;
    }
    assert!(before < FILES, "the search went on to its end");
    drop(talk);
}

const MOMENT: Duration = Duration::from_millis(25);

/// How often files of a directory were opened, as the kernel tells.
struct Opened {
    events: OwnedFd,
    count: usize,
}

impl Opened {
    fn new(dir: &Path) -> Self {
        let events = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
        inotify::add_watch(&events, dir, inotify::WatchFlags::OPEN).unwrap();
        Self { events, count: 0 }
    }

    fn count(&mut self) -> usize {
        let mut room = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.events, &mut room);
        while let Ok(event) = events.next() {
            self.count += usize::from(event.file_name().is_some());
        }
        self.count
    }
}
