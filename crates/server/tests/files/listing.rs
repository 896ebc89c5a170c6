//! `list_directory`, `list_allowed_directories`.

use serde_json::{Value, json};

use crate::talk::{Stage, refuses};

fn names(answer: &Value) -> Vec<&str> {
    let entries = answer["entries"].as_array().unwrap();
    entries.iter().map(|entry| entry["name"].as_str().unwrap()).collect()
}

#[test]
fn a_directory_is_sorted_and_a_tree_is_in_order() {
    let stage = Stage::new();
    stage.put("src/deep/x.o", "12345");
    stage.put("z", "");
    stage.link("link", "../project-evil");
    let mut talk = stage.talk();
    let answer = talk.call("list_directory", json!({ "path": "." })).unwrap();
    assert_eq!(names(&answer), [".git", "a.txt", "link", "src", "z"]);
    assert_eq!((&answer["files"], &answer["directories"]), (&json!(2), &json!(2)));
    assert_eq!(answer["entries"][1]["size"], 17);
    assert_eq!(answer["entries"][2]["kind"], "link");
    let by_size = json!({ "path": ".", "sort": "size", "exclude": [".git", "src"] });
    let answer = talk.call("list_directory", by_size).unwrap();
    assert_eq!(names(&answer), ["a.txt", "link", "z"]);
    let tree = json!({ "path": ".", "depth": 3, "exclude": [".git", "*.o"] });
    let answer = talk.call("list_directory", tree).unwrap();
    assert_eq!(names(&answer), ["a.txt", "link", "src", "src/deep", "src/main.rs", "z"]);
    refuses(&mut talk, "list_directory", json!({ "path": "a.txt" }), "not a directory");
    refuses(&mut talk, "list_directory", json!({ "path": "link" }), "leads outside");
    refuses(&mut talk, "list_directory", json!({ "path": ".", "exclude": ["["] }), "no pattern");
}

#[test]
fn fifty_thousand_entries_are_paged() {
    let stage = Stage::new();
    for at in 0..50_000 {
        std::fs::File::create(stage.inside(&format!("src/{at:05}"))).unwrap();
    }
    let mut talk = stage.talk();
    let mut seen = Vec::new();
    let mut offset = 0;
    loop {
        let asked = json!({ "path": "src", "offset": offset, "limit": 10_000 });
        let answer = talk.call("list_directory", asked).unwrap();
        assert_eq!(answer["total"], 50_001);
        seen.extend(names(&answer).into_iter().map(str::to_owned));
        match answer["next_offset"].as_u64() {
            Some(next) => offset = next,
            None => break,
        }
    }
    assert_eq!(seen.len(), 50_001);
    assert!(seen.is_sorted());
    let beyond = json!({ "path": "src", "offset": 60_000 });
    assert!(names(&talk.call("list_directory", beyond).unwrap()).is_empty());
}

#[test]
fn the_allowed_directories_are_told() {
    let stage = Stage::new();
    let answer = stage.talk().call("list_allowed_directories", json!({})).unwrap();
    let told = answer["directories"].as_array().unwrap();
    let expect = [(stage.at("project"), true), (stage.at("docs"), false)];
    for (path, writable) in expect {
        let path = path.canonicalize().unwrap();
        let found = told.iter().find(|it| it["path"] == json!(path)).unwrap();
        assert_eq!(found["writable"], json!(writable));
    }
}
