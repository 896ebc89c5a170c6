//! `read_file`, `read_many`, `file_info`.

use std::io::{Seek, SeekFrom, Write};

use portcullis_server::files::Settings;
use serde_json::{Value, json};

use crate::talk::{Stage, refuses};

#[test]
fn a_file_is_read_whole_or_in_parts() {
    let stage = Stage::new();
    stage.put("open.txt", "one\ntwo");
    let mut talk = stage.talk();
    for (arguments, content, complete) in [
        (json!({ "path": "a.txt" }), "alpha\nbeta\ngamma\n", true),
        (json!({ "path": stage.inside("a.txt") }), "alpha\nbeta\ngamma\n", true),
        (json!({ "path": "a.txt", "lines": 1 }), "alpha\n", false),
        (json!({ "path": "a.txt", "first_line": 2 }), "beta\ngamma\n", true),
        (json!({ "path": "a.txt", "first_line": 2, "lines": 1 }), "beta\n", false),
        (json!({ "path": "a.txt", "first_line": 4 }), "", true),
        (json!({ "path": "a.txt", "tail": 1 }), "gamma\n", true),
        (json!({ "path": "a.txt", "tail": 2 }), "beta\ngamma\n", true),
        (json!({ "path": "a.txt", "tail": 9 }), "alpha\nbeta\ngamma\n", true),
        (json!({ "path": "a.txt", "first_byte": 6, "bytes": 4 }), "beta", false),
        (json!({ "path": "a.txt", "bytes": 8 }), "alpha\nbe", false),
        (json!({ "path": "a.txt", "first_byte": 3, "bytes": 5 }), "ha\nbe", false),
        (json!({ "path": "a.txt", "first_byte": 17 }), "", true),
        (json!({ "path": "open.txt", "tail": 1 }), "two", true),
        (json!({ "path": "open.txt", "first_line": 2 }), "two", true),
    ] {
        let answer = talk.call("read_file", arguments.clone()).unwrap();
        let got = (answer["content"].as_str(), answer["complete"].as_bool());
        assert_eq!(got, (Some(content), Some(complete)), "{arguments}");
        assert_eq!(answer["encoding"], "utf-8");
    }
    refuses(&mut talk, "read_file", json!({ "path": "a.txt", "first_line": 5 }), "has 3 lines");
    refuses(&mut talk, "read_file", json!({ "path": "open.txt", "first_line": 3 }), "has 2 lines");
    refuses(&mut talk, "read_file", json!({ "path": "a.txt", "first_byte": 18 }), "has 17 bytes");
    refuses(&mut talk, "read_file", json!({ "path": "a.txt", "tail": 1, "lines": 1 }), "one way");
    refuses(&mut talk, "read_file", json!({ "path": "src" }), "is a directory");
    refuses(&mut talk, "read_file", json!({ "path": "no" }), "does not exist");
}

/// What is cut says how to go on, and all parts together are the file.
#[test]
fn a_large_file_is_read_in_steps() {
    let stage = Stage::new();
    let text: String = (0..2000).map(|at| format!("line {at} äöü€😀\n")).collect();
    stage.put("large.txt", &text);
    stage.put("one-line.txt", text.replace('\n', " "));
    let settings = Settings { read_bytes: 1000, ..Settings::default() };
    let mut talk = stage.talk_with(settings);
    for (name, by, expect) in [
        ("large.txt", "first_line", text.clone()),
        ("large.txt", "first_byte", text.clone()),
        ("one-line.txt", "first_byte", text.replace('\n', " ")),
    ] {
        let next = by.replace("first", "next");
        let mut read = String::new();
        let mut from = u64::from(by == "first_line");
        loop {
            let answer = talk.call("read_file", json!({ "path": name, by: from })).unwrap();
            read.push_str(answer["content"].as_str().unwrap());
            assert_eq!(answer["replaced"], Value::Null, "no character is cut in two");
            match answer[next.as_str()].as_u64() {
                Some(next) => from = next,
                None => break,
            }
        }
        assert!(read == expect, "{name} {by}");
    }
}

/// The middle of a file that is larger than memory should be.
#[test]
fn a_range_of_a_huge_file_is_read_without_the_rest() {
    let stage = Stage::new();
    let mut file = std::fs::File::create(stage.inside("huge")).unwrap();
    file.seek(SeekFrom::Start(1 << 40)).unwrap();
    file.write_all(b"the end\n").unwrap();
    let mut talk = stage.talk();
    let asked = json!({ "path": "huge", "first_byte": 1_u64 << 40 });
    assert_eq!(talk.call("read_file", asked).unwrap()["content"], "the end\n");
    let answer = talk.call("read_file", json!({ "path": "huge", "bytes": 10 })).unwrap();
    assert_eq!((&answer["encoding"], &answer["bytes"]), (&json!("base64"), &json!(10)));
    assert_eq!(answer["size"], json!((1_u64 << 40) + 8));
}

#[test]
fn what_is_no_text_comes_as_it_is() {
    let stage = Stage::new();
    stage.put("p.png", b"\x89PNG\r\n\x1a\n\0\0");
    stage.put("s.wav", b"RIFF\0\0");
    stage.put("x.bin", b"\0\x01");
    stage.put("latin.txt", b"caf\xe9 au lait\n");
    // Without a zero, and no text all the same, whatever part of it is read.
    stage.put("small.jpg", b"\xff\xd8\xff\xe0JFIF");
    stage.put("small", b"\x1f\x8b\x08\x01\x80\x81");
    stage.put("pointer.png", "version 1\n");
    let mut talk = stage.talk();
    let result = talk.result("read_file", json!({ "path": "p.png" })).unwrap();
    let image = &result["content"][0];
    assert_eq!((&image["type"], &image["mimeType"]), (&json!("image"), &json!("image/png")));
    assert_eq!(image["data"], "iVBORw0KGgoAAA==");
    let result = talk.result("read_file", json!({ "path": "s.wav" })).unwrap();
    assert_eq!(result["content"][0]["type"], "audio");
    let answer = talk.call("read_file", json!({ "path": "x.bin" })).unwrap();
    assert_eq!(answer["content"], "AAE=");
    assert_eq!(answer["mime_type"], "application/octet-stream");
    for (arguments, content, mime_type) in [
        (json!({ "path": "small.jpg" }), "/9j/4EpGSUY=", "image/jpeg"),
        (json!({ "path": "small.jpg", "bytes": 4 }), "/9j/4A==", "image/jpeg"),
        (json!({ "path": "small" }), "H4sIAYCB", "application/gzip"),
        (json!({ "path": "small", "first_byte": 4 }), "gIE=", "application/gzip"),
        (json!({ "path": "pointer.png" }), "version 1\n", "image/png"),
    ] {
        let answer = talk.call("read_file", arguments.clone()).unwrap();
        assert_eq!(
            (&answer["content"], &answer["mime_type"]),
            (&json!(content), &json!(mime_type)),
            "{arguments}"
        );
    }
    let answer = talk.call("read_file", json!({ "path": "latin.txt" })).unwrap();
    assert_eq!(answer["content"], "caf\u{fffd} au lait\n");
    assert_eq!(answer["replaced"], 1, "what is shown is not what is there, and says so");
    let bytes = json!({ "path": "latin.txt", "form": "base64", "first_byte": 3, "bytes": 1 });
    assert_eq!(talk.call("read_file", bytes).unwrap()["content"], "6Q==");
}

#[test]
fn one_that_cannot_be_read_stops_no_other() {
    let stage = Stage::new();
    let mut talk = stage.talk();
    let paths = json!({ "paths": ["a.txt", "no", "../project-evil/secret", "src/main.rs"] });
    let answer = talk.call("read_many", paths).unwrap();
    let files = answer["files"].as_array().unwrap();
    assert_eq!(files[0]["content"], "alpha\nbeta\ngamma\n");
    assert!(files[1]["error"].as_str().unwrap().contains("does not exist"));
    assert!(files[2]["error"].as_str().unwrap().contains("outside the allowed directories"));
    assert_eq!(files[3]["content"], "fn main() {}\n");

    let settings = Settings { read_bytes: 12, ..Settings::default() };
    let answer = stage.talk_with(settings).call(
        "read_many",
        json!({
            "paths": ["a.txt", "src/main.rs"],
        }),
    );
    let files = answer.unwrap()["files"].clone();
    assert_eq!(
        (&files[0]["content"], &files[0]["next_byte"]),
        (&json!("alpha\nbeta\n"), &json!(11))
    );
    assert_eq!(files[1]["bytes"], 1);
}

#[test]
fn information_tells_hard_links_and_lines() {
    let stage = Stage::new();
    std::fs::hard_link(stage.inside("a.txt"), stage.inside("b.txt")).unwrap();
    stage.link("c.txt", "a.txt");
    let mut talk = stage.talk();
    let info = talk.call("file_info", json!({ "path": "c.txt", "count_lines": true })).unwrap();
    assert_eq!(info["kind"], "file");
    assert_eq!((&info["is_link"], &info["hard_links"]), (&json!(true), &json!(2)));
    assert_eq!((&info["size"], &info["lines"]), (&json!(17), &json!(3)));
    assert_eq!((&info["mime_type"], &info["writable"]), (&json!("text/plain"), &json!(true)));
    assert!(info["modified"].as_str().unwrap().ends_with('Z'));
    let docs = stage.at("docs/read.me");
    assert_eq!(talk.call("file_info", json!({ "path": docs })).unwrap()["writable"], false);
    assert_eq!(talk.call("file_info", json!({ "path": "src" })).unwrap()["kind"], "directory");
}
