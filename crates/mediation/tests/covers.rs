//! A cover never admits a call whose arguments leave it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "a test that cannot prepare fails"
)]

use portcullis_guard::path::{Access, Root, Roots};
use portcullis_mediation::cover::{Called, Cover, Offered, Width, offers};
use portcullis_policy::Tier;
use portcullis_wire::{Json, canonical};
use proptest::prelude::*;
use serde_json::{Value, json};

const CWD: &str = "/project/src";

fn roots() -> Roots {
    let mut roots = Roots::new();
    roots.add(Root::new("/project").unwrap(), Access::Write);
    roots
}

fn written(arguments: &Value) -> Vec<u8> {
    canonical(&Json::from_value(arguments))
}

/// What is offered for a call of a tool.
fn offered(schema: &Value, arguments: &Value, tier: Tier, changed: bool) -> Vec<Cover> {
    let (roots, canonical) = (roots(), written(arguments));
    let call = Called { canonical: &canonical, schema, roots: &roots, cwd: Some(CWD) };
    offers(Offered { call, tier, changed })
}

fn covers(cover: &Cover, schema: &Value, arguments: &Value) -> bool {
    let (roots, canonical) = (roots(), written(arguments));
    cover.covers(&Called { canonical: &canonical, schema, roots: &roots, cwd: Some(CWD) })
}

fn told(covers: &[Cover]) -> Vec<String> {
    covers.iter().map(Cover::told).collect()
}

fn schema(properties: Value) -> Value {
    json!({"type": "object", "properties": properties})
}

fn text() -> Value {
    json!({"type": "string"})
}

/// Every kind of argument that a cover speaks of.
fn everything() -> Value {
    schema(json!({
        "path": text(), "content": text(), "query": text(),
        "head": {"type": "integer"}, "force": {"type": "boolean"},
        "order": {"enum": ["asc", "desc"]}, "verbose": {"type": "boolean"},
    }))
}

#[test]
fn a_person_is_offered_the_narrowest_first() {
    let call = json!({"path": "/project/src/a/b.rs", "content": "x"});
    let any = "any `order`, `verbose` that the schema allows";
    let free = "any `content`, `head`";
    assert_eq!(
        told(&offered(&everything(), &call, Tier::Write, false)),
        [
            "exactly these arguments".to_owned(),
            format!("`path` in /project/src/a, {any}, {free}; nothing else"),
            format!("`path` in /project/src, {any}, {free}; nothing else"),
            format!("`path` in /project, {any}, {free}; nothing else"),
            format!("{any}; everything else as here"),
        ]
    );
    let page = schema(json!({"url": text(), "max_length": {"type": "integer"}, "body": text()}));
    let call = json!({"url": "https://Docs.example.com:443/a?b=c"});
    assert_eq!(
        told(&offered(&page, &call, Tier::Read, false)),
        [
            "exactly these arguments",
            "`url` at https://docs.example.com, any `max_length`; nothing else"
        ]
    );
    let move_file = schema(json!({"source": text(), "destination": text()}));
    let call = json!({"source": "/project/src/a/x", "destination": "/project/src/b/x"});
    assert_eq!(
        told(&offered(&move_file, &call, Tier::Write, false)),
        [
            "exactly these arguments",
            "`destination` in /project/src, `source` in /project/src; nothing else",
            "`destination` in /project, `source` in /project; nothing else",
        ]
    );
    let list = schema(json!({"directory": text()}));
    let directory = offered(&list, &json!({"directory": "/project/src"}), Tier::Read, false);
    assert_eq!(directory[1].told(), "`directory` in /project/src; nothing else");
    assert_eq!(told(&offered(&json!({}), &json!({}), Tier::Read, false)).len(), 1);
}

#[test]
fn what_is_asked_one_by_one_offers_nothing() {
    let call = json!({"path": "/project/a"});
    for tier in [Tier::Unknown, Tier::Destructive, Tier::Exec] {
        assert_eq!(offered(&everything(), &call, tier, false), [], "{tier}");
    }
    assert_eq!(offered(&everything(), &call, Tier::Read, true), [], "it changed");
    // What nobody can have read at once, or as it is.
    let long = json!({"path": "/project/a", "content": "x".repeat(5000)});
    assert_eq!(offered(&everything(), &long, Tier::Write, false), []);
    let hidden = json!({"path": "/project/a", "content": "safe\u{202e}"});
    assert_eq!(offered(&everything(), &hidden, Tier::Write, false), []);
}

#[test]
fn what_may_vary_is_what_was_said_and_nothing_else() {
    let first = json!({"path": "/project/src/a.rs", "content": "x", "query": "q"});
    let all = offered(&everything(), &first, Tier::Write, false);
    let [exact, below, _, values] = all.as_slice() else { panic!("{:?}", told(&all)) };
    assert_eq!((exact.width(), below.width()), (Width::Exact, Width::Directory));
    let with = |changes: &[(&str, Value)]| {
        let mut call = first.clone();
        for (name, value) in changes {
            call[*name] = value.clone();
        }
        call
    };
    for (changes, by_exact, by_below, by_values) in [
        (vec![], true, true, true),
        (vec![("content", json!("y"))], false, true, false),
        (vec![("path", json!("b.rs"))], false, true, false),
        (vec![("path", json!("/project/src/deep/c.rs"))], false, true, false),
        (vec![("order", json!("asc"))], false, true, true),
        (vec![("head", json!(10))], false, true, false),
        // Elsewhere.
        (vec![("path", json!("/project/b.rs"))], false, false, false),
        (vec![("path", json!("/project/src-evil/b.rs"))], false, false, false),
        (vec![("path", json!("/project/src/../b.rs"))], false, false, false),
        (vec![("path", json!("/project/src/%2e%2e/b.rs"))], false, false, false),
        (vec![("path", json!("/project/src/..%2fb.rs"))], false, false, false),
        (vec![("path", json!("/project/src\\..\\b.rs"))], false, false, false),
        (vec![("path", json!("/project/src/．．/b.rs"))], false, false, false),
        (vec![("path", json!("~/b.rs"))], false, false, false),
        (vec![("path", json!("file:///etc/passwd"))], false, false, false),
        (vec![("path", json!(" /etc/passwd"))], false, false, false),
        (vec![("path", json!("a\u{0}b"))], false, false, false),
        // Another kind of value.
        (vec![("path", json!(["/project/src/b.rs"]))], false, false, false),
        (vec![("path", json!({"path": "/project/src/b.rs"}))], false, false, false),
        (vec![("path", json!(null))], false, false, false),
        (vec![("content", json!(["y"]))], false, false, false),
        (vec![("content", json!({"path": "/etc/passwd"}))], false, false, false),
        (vec![("head", json!("10"))], false, false, false),
        (vec![("order", json!("ASC"))], false, false, false),
        (vec![("order", json!(["asc"]))], false, false, false),
        // What says more than the tool, what is not bounded, what nobody knows of.
        (vec![("force", json!(true))], false, false, false),
        (vec![("query", json!("r"))], false, false, false),
        (vec![("more", json!(1))], false, false, false),
        (vec![("PATH", json!("/etc/passwd"))], false, false, false),
    ] {
        let call = with(&changes);
        let said = [exact, below, values].map(|cover| covers(cover, &everything(), &call));
        assert_eq!(said, [by_exact, by_below, by_values], "{call}");
    }
    let mut less = first.clone();
    less.as_object_mut().unwrap().remove("query");
    assert!(all.iter().all(|cover| !covers(cover, &everything(), &less)), "one is missing");
}

#[test]
fn a_schema_does_not_fill_the_screen() {
    let mut properties = serde_json::Map::new();
    for place in 0..500 {
        let name = format!("{}{place}", "x".repeat(place));
        properties.insert(name, json!({"type": "boolean"}));
    }
    let call = json!({"path": "/project/src/a"});
    for cover in offered(&schema(Value::Object(properties)), &call, Tier::Read, false) {
        assert!(cover.told().len() < 5000, "{}", cover.told().len());
    }
}

#[test]
fn a_number_in_another_spelling_is_another_call() {
    let plain = schema(json!({"id": {"type": "integer"}}));
    let exact = &offered(&plain, &json!({"id": 1}), Tier::Read, false)[0];
    let roots = roots();
    for (canonical, same) in [
        (&br#"{"id":1}"#[..], true),
        (br#"{"id":1.0}"#, false),
        (br#"{"id":10e-1}"#, false),
        (br#"{"id":"1"}"#, false),
        (br#"[1]"#, false),
        (br#"1"#, false),
        (b"", false),
    ] {
        let call = Called { canonical, schema: &plain, roots: &roots, cwd: None };
        assert_eq!(exact.covers(&call), same, "{}", String::from_utf8_lossy(canonical));
    }
    // No double tells these two apart.
    let large = |last: char| format!(r#"{{"id":9007199254740993123{last}}}"#);
    let (one, other) = (large('1'), large('2'));
    let call = |text: &'static str| Called {
        canonical: text.as_bytes(),
        schema: Box::leak(Box::new(plain.clone())),
        roots: Box::leak(Box::new(Roots::new())),
        cwd: None,
    };
    let call_of = call(Box::leak(one.into_boxed_str()));
    let exact = offers(Offered { call: call_of, tier: Tier::Read, changed: false }).remove(0);
    assert!(exact.covers(&call_of) && !exact.covers(&call(Box::leak(other.into_boxed_str()))));
}

#[test]
fn a_host_is_this_one_and_no_other() {
    let page = schema(json!({"url": text()}));
    let all = offered(&page, &json!({"url": "https://docs.example.com/a"}), Tier::Read, false);
    let host = &all[1];
    assert_eq!(host.width(), Width::Host);
    for (url, covered) in [
        ("https://docs.example.com/b?c#d", true),
        ("https://DOCS.example.com./b", true),
        ("http://docs.example.com/b", false),
        ("https://docs.example.com:444/b", false),
        ("https://docs.example.com.evil.net/", false),
        ("https://evil.net/docs.example.com", false),
        ("https://docs.example.com@evil.net/", false),
        ("https://evil@docs.example.com/", false),
        ("https://docs.example.com\\@evil.net/", false),
        ("https://evil.net#https://docs.example.com/", false),
        (" https://docs.example.com/", false),
        ("//docs.example.com/", false),
        ("https:docs.example.com", false),
        ("file:///etc/passwd", false),
        ("javascript:alert(1)", false),
    ] {
        assert_eq!(covers(host, &page, &json!({"url": url})), covered, "{url}");
    }
    let user =
        offered(&page, &json!({"url": "https://me:pw@docs.example.com/"}), Tier::Read, false);
    assert_eq!(told(&user), ["exactly these arguments"], "a login is nobody's host");
}

#[test]
fn many_paths_are_all_held() {
    let many = schema(json!({"paths": {"type": "array", "items": text()}}));
    let first = json!({"paths": ["/project/src/a/x", "/project/src/b/y"]});
    let all = offered(&many, &first, Tier::Read, false);
    assert_eq!(all[1].told(), "`paths` in /project/src; nothing else");
    for (paths, covered) in [
        (json!(["a", "b/c"]), true),
        (json!([]), false),
        (json!(["a", "/etc/passwd"]), false),
        (json!(["a", ["../../x"]]), false),
        (json!(["a", 1]), false),
        (json!("a"), false),
        (json!({"0": "a"}), false),
    ] {
        assert_eq!(covers(&all[1], &many, &json!({"paths": paths})), covered, "{paths}");
    }
    // A path where we could not hold it: only the same again.
    let nested = json!({"path": "/project/src/a", "edits": [{"path": "/project/src/b"}]});
    let edits = schema(json!({"path": text(), "edits": {"type": "array"}}));
    assert_eq!(told(&offered(&edits, &nested, Tier::Write, false)), ["exactly these arguments"]);
}

#[test]
fn what_is_not_a_cover_is_not_read() {
    for text in [
        r#"{"path":{"below":"/p","more":1}}"#,
        r#"{"path":{"anything":null}}"#,
        r#"{"path":"anything"}"#,
        r#"["path"]"#,
        "null",
        "",
    ] {
        assert!(serde_json::from_str::<Cover>(text).is_err(), "{text}");
    }
    // One that names no place covers nothing, and neither does one that names none of ours.
    for text in [r#"{"path":{"below":"src"}}"#, r#"{"path":{"below":"/project/../etc"}}"#] {
        let cover: Cover = serde_json::from_str(text).unwrap();
        assert!(!covers(&cover, &everything(), &json!({"path": "/project/src/a"})), "{text}");
    }
    let wide: Cover = serde_json::from_str(r#"{"path":{"below":"/"}}"#).unwrap();
    assert!(covers(&wide, &everything(), &json!({"path": "/project/src/a"})));
    assert!(!covers(&wide, &everything(), &json!({"path": "/etc/passwd"})), "outside the roots");
    let cover: Cover = serde_json::from_str(r#"{"path":"text"}"#).unwrap();
    assert!(!covers(&cover, &everything(), &json!({"path": "/project/a"})), "a path is never free");
    let cover: Cover = serde_json::from_str(r#"{"other":"text"}"#).unwrap();
    assert!(!covers(&cover, &everything(), &json!({"other": "x"})), "the schema knows no such");
}

/// A path as a hostile model writes it.
fn hostile_path() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "..",
        ".",
        "",
        "a",
        "src",
        "project",
        "src-evil",
        "etc",
        "%2e%2e",
        "%2E.",
        "..%2f",
        "%2f",
        "%252e%252e",
        "．．",
        "‥",
        "~",
        "..\\",
        " ",
        "\t",
        "\"",
        "'",
        "file:",
        "C:",
        "\u{feff}",
        "\u{202e}",
        "\0",
    ]);
    let start = prop::sample::select(vec![
        "",
        "/",
        "//",
        "./",
        "../",
        "/project/",
        "/project/src/",
        "/project/src",
        "file:///project/src/",
        "~/",
        " /",
        "\"/",
    ]);
    let joint = prop::sample::select(vec!["/", "//", "", "／", "\\"]);
    (start, prop::collection::vec((piece, joint), 0..7)).prop_map(|(start, pieces)| {
        pieces.into_iter().fold(start.to_owned(), |text, (piece, joint)| text + piece + joint)
    })
}

/// Where a path may lead for a reader that decodes it so often, and knows nothing of us.
fn leads(path: &str, decodings: usize) -> Vec<String> {
    let mut text = path.trim().trim_matches(['"', '\'', '\u{feff}']).replace('\\', "/");
    for _ in 0..decodings {
        text = unescaped(&text);
    }
    let text = text.replace(['．', '‥'], "..").replace('／', "/");
    let text = text.strip_prefix("file://").or(text.strip_prefix("file:")).unwrap_or(&text);
    let whole = if text.starts_with('/') { text.to_owned() } else { format!("{CWD}/{text}") };
    let mut at: Vec<String> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(at.pop()),
            part => at.push(part.to_owned()),
        }
    }
    at
}

fn unescaped(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.as_bytes().iter();
    while let Some(byte) = bytes.next() {
        let rest = bytes.as_slice();
        let code = rest.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(decoded) if *byte == b'%' => {
                out.push(decoded);
                bytes.nth(1);
            }
            _ => out.push(*byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A value that somebody may write for an argument.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..300).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        hostile_path().prop_map(Value::from),
        prop::sample::select(vec!["asc", "desc", "x", "y", "q"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        let member = prop::sample::select(vec!["path", "content", "0", "/etc/passwd"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((member, inner), 0..3).prop_map(|members| {
                let members = members.into_iter().map(|(name, value)| (name.to_owned(), value));
                Value::Object(members.collect())
            }),
        ]
    })
}

/// Another call of the same tool: some arguments are exchanged, added or taken away.
fn another() -> impl Strategy<Value = Vec<(String, Option<Value>)>> {
    let names = vec![
        "path",
        "content",
        "query",
        "head",
        "force",
        "order",
        "verbose",
        "more",
        "Path",
        "path ",
        "/etc/passwd",
        "../x",
    ];
    let name = prop::sample::select(names).prop_map(str::to_owned);
    prop::collection::vec((name, prop::option::weighted(0.8, value())), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    /// Held against readers that we did not write: wherever one of them is led by a
    /// path that a cover admits, it is in the directory that the person was told.
    #[test]
    fn no_spelling_of_a_path_leaves_a_cover(path in hostile_path()) {
        let first = json!({"path": "/project/src/a.rs"});
        let all = offered(&everything(), &first, Tier::Read, false);
        let below: Vec<&Cover> = all.iter().filter(|it| it.width() == Width::Directory).collect();
        prop_assert_eq!(below.len(), 2);
        for (cover, place) in below.into_iter().zip([&["project", "src"][..], &["project"]]) {
            if covers(cover, &everything(), &json!({"path": path})) {
                for decodings in 0..3 {
                    let at = leads(&path, decodings);
                    prop_assert!(at.starts_with(&place.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()), "{path:?} {at:?}");
                }
            }
        }
    }

    /// Whatever a call differs in from the one that was shown, a cover that admits it
    /// said of each difference that it may be.
    #[test]
    fn every_difference_was_said(changes in another()) {
        let first = json!({"path": "/project/src/a.rs", "content": "x", "query": "q", "order": "asc"});
        let schema = everything();
        let all = offered(&schema, &first, Tier::Write, false);
        let mut call = first.clone();
        for (name, value) in &changes {
            let members = call.as_object_mut().unwrap();
            match value {
                Some(value) => drop(members.insert(name.clone(), value.clone())),
                None => drop(members.remove(name)),
            }
        }
        let differs = |name: &str| call.get(name) != first.get(name);
        for cover in &all {
            if !covers(cover, &schema, &call) {
                continue;
            }
            let width = cover.width();
            prop_assert!(!differs("query") && !differs("force"));
            for name in call.as_object().unwrap().keys() {
                prop_assert!(schema["properties"].get(name).is_some(), "{name} rides along");
            }
            prop_assert!(!differs("path") || width == Width::Directory);
            prop_assert!(call["path"].is_string());
            prop_assert!(!differs("content") || width == Width::Directory);
            prop_assert!(call.get("content").is_none_or(Value::is_string));
            prop_assert!(!differs("head") || width == Width::Directory);
            prop_assert!(call.get("head").is_none_or(Value::is_number));
            let order = call.get("order").is_none_or(|it| it == "asc" || it == "desc");
            prop_assert!(order && (!differs("order") || width != Width::Exact));
            prop_assert!(call.get("verbose").is_none_or(Value::is_boolean));
            prop_assert!(width != Width::Exact || call == first);
        }
    }

    /// A wider cover admits whatever a narrower one does.
    #[test]
    fn covers_grow(changes in another()) {
        let first = json!({"path": "/project/src/a/b.rs", "content": "x"});
        let all = offered(&everything(), &first, Tier::Write, false);
        let mut call = first.clone();
        for (name, value) in changes {
            if let Some(value) = value {
                call[name] = value;
            }
        }
        let said: Vec<bool> = all.iter().take(4).map(|it| covers(it, &everything(), &call)).collect();
        prop_assert!(said.is_sorted(), "{call} {said:?}");
        prop_assert!(all.iter().all(|cover| covers(cover, &everything(), &first)));
    }
}

#[test]
fn an_empty_list_is_no_list_of_files_in_a_directory() {
    let tool = schema(json!({"files": {"type": "array", "items": text()}}));
    let first = json!({"files": ["/project/src/a.rs"]});
    let below = offered(&tool, &first, Tier::Write, false);
    let below = below.iter().find(|cover| cover.width() == Width::Directory).unwrap();
    assert!(covers(below, &tool, &json!({"files": ["/project/src/b.rs"]})));
    // To many tools that means all of them.
    assert!(!covers(below, &tool, &json!({"files": []})));
}

#[test]
fn a_name_of_nothing_is_in_no_directory() {
    let tool = schema(json!({"path": text()}));
    let below = offered(&tool, &json!({"path": "/project/src/a.rs"}), Tier::Read, false);
    for cover in below.iter().filter(|cover| cover.width() == Width::Directory) {
        for path in ["", " ", "\t"] {
            assert!(!covers(cover, &tool, &json!({"path": path})), "{path:?} {}", cover.told());
        }
    }
}
