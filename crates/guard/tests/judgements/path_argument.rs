//! Which arguments are taken for paths.

use portcullis_guard::path::{path_arguments, path_like};
use serde_json::{Value, json};

#[test]
fn names_and_shapes() {
    let yes = [
        ("path", "a"),
        ("filePath", "a"),
        ("repo_path", "a"),
        ("projectRoot", "."),
        ("outputDir", "x"),
        ("csv_path", "x.csv"),
        ("downloadsDir", "x"),
        ("worktreePath", "x"),
        ("file", "x"),
        ("cwd", "."),
        ("source", "a.txt"),
        ("destination", "b.txt"),
        ("target", "x"),
        ("logSource", "x"),
        ("target_file", "x"),
        ("source_timezone", "/etc/passwd"),
        ("FILENAME", "x"),
        ("anything", "/etc/passwd"),
        ("anything", "~/.ssh"),
        ("anything", "~"),
        ("anything", "file:///etc"),
        ("anything", " FILE:/etc"),
        ("anything", "../x"),
        ("anything", "a/../../x"),
        ("anything", "a\\..\\x"),
        ("anything", "C:\\x"),
        ("anything", "C:/x"),
        ("anything", "\\\\host\\x"),
        ("content", "file:///etc/passwd"),
        ("path", "file:///etc/passwd\n"),
        ("anything", "file:///etc/passwd\n"),
        ("anything", "\u{feff}/etc/passwd"),
        ("path", "xx://../../etc/passwd"),
        ("source", "git+ssh://a/../../../b"),
    ];
    for (name, value) in yes {
        assert!(path_like(name, &Value::Null, value), "{name}: {value}");
    }
    let no = [
        ("content", "/etc/passwd"),
        ("text", "../x"),
        ("body", "~/x"),
        ("message", "/help"),
        ("search_query", "/a"),
        ("file_content", "/a"),
        ("pathPattern", "/a/**"),
        ("regex", "/a/"),
        ("script", "/bin/true"),
        ("anything", "hello"),
        ("anything", "a/b"),
        ("anything", "1..2"),
        ("anything", "wait... what"),
        ("anything", "/ is a slash"),
        ("anything", "/a\n/b"),
        ("url", "https://a/../b"),
        ("source", "https://a/b"),
        ("profile", "me"),
        ("source_timezone", "Europe/Berlin"),
        ("targetLanguage", "German"),
        ("repo_owner", "ada"),
        ("language", "C: the book"),
    ];
    for (name, value) in no {
        assert!(!path_like(name, &Value::Null, value), "{name}: {value}");
    }
    assert!(path_like("x", &json!({"format": "path"}), "a"));
    assert!(!path_like("x", &json!({"format": "uri"}), "https://a"));
    assert!(path_like("x", &json!({"format": "uri"}), "file:///a"));
}

#[test]
fn paths_are_found_wherever_they_are() {
    let arguments = json!({
        "path": "a", "content": "/x", "n": 1, "paths": ["b", ["c"], {"text": "d", "deep": "/e"}],
        "options": {"output~dir/x": "f", "place": "g"}, "map": {"/etc/passwd": 1},
    });
    let schema = json!({"properties": {"options": {"properties": {"place": {"format": "path"}}}}});
    let found = path_arguments(&arguments, &schema);
    let expected = [
        ("/path", "a"),
        ("/paths/0", "b"),
        ("/paths/1/0", "c"),
        ("/paths/2/deep", "/e"),
        ("/options/output~0dir~1x", "f"),
        ("/options/place", "g"),
        ("/map/~1etc~1passwd", "/etc/passwd"),
    ];
    let expected: Vec<_> =
        expected.iter().map(|(at, path)| ((*at).to_owned(), (*path).to_owned())).collect();
    assert_eq!(found, expected);
    for (pointer, path) in &found {
        let value = arguments.pointer(pointer).unwrap();
        assert!(value == path.as_str() || pointer.starts_with("/map"));
    }
}
