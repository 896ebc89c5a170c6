//! Every text is shown once, at its place, and replacing one moves no other byte.

use portcullis_wire::{Clash, Json, leaves};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn shown(json: &Json) -> Vec<(String, String, bool)> {
    let mut all = Vec::new();
    leaves::each(json, |leaf| {
        all.push((leaf.place.to_string(), leaf.text.to_string(), leaf.is_name));
    });
    all
}

/// The same by a tree, which is slow and obviously right.
fn by_tree(value: &Value, at: &str, all: &mut Vec<(String, String, bool)>) {
    match value {
        Value::String(text) => all.push((at.to_owned(), text.clone(), false)),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                by_tree(item, &format!("{at}/{index}"), all);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                all.push((at.clone(), name.clone(), true));
                by_tree(value, &at, all);
            }
        }
        _ => {}
    }
}

#[test]
fn places_are_pointers() {
    let json =
        Json::parse(r#" {"a" : [ {"b/~":"x\u0041\"y"}, [], "z\\", -1.5e3, true] , "" : {} } "#, 64)
            .unwrap();
    let table = [
        ("/a", "a", true),
        ("/a/0/b~1~0", "b/~", true),
        ("/a/0/b~1~0", "xA\"y", false),
        ("/a/2", "z\\", false),
        ("/", "", true),
    ];
    let table = table.map(|(place, text, name)| (place.to_owned(), text.to_owned(), name));
    assert_eq!(shown(&json), table);
    assert_eq!(shown(&Json::string("top")), [(String::new(), "top".to_owned(), false)]);
}

#[test]
fn only_what_was_replaced_changes() {
    let text = r#"{ "a" :"one","b": [1.10 ,"\u006fne", {"one":"two"}]}"#;
    let json = Json::parse(text, 64).unwrap();
    let swap = |names: bool| {
        leaves::replace(&json, |leaf| {
            (leaf.text == "one" && leaf.is_name == names).then(|| "a \"b\"\n".to_owned())
        })
    };
    let values = r#"{ "a" :"a \"b\"\n","b": [1.10 ,"a \"b\"\n", {"one":"two"}]}"#;
    assert_eq!(swap(false).unwrap().unwrap().text(), values);
    let names = r#"{ "a" :"one","b": [1.10 ,"\u006fne", {"a \"b\"\n":"two"}]}"#;
    assert_eq!(swap(true).unwrap().unwrap().text(), names);
    assert_eq!(leaves::replace(&json, |_| None), Ok(None));
}

#[test]
fn a_name_that_would_stand_twice_is_refused() {
    let json = Json::from_value(&json!({"x1": 1, "x2": 2}));
    let same = leaves::replace(&json, |leaf| leaf.is_name.then(|| "x".to_owned()));
    assert_eq!(same, Err(Clash));
}

#[test]
fn a_place_tells_its_steps() {
    let json = Json::from_value(&json!({"content": [{"text": "x"}]}));
    leaves::each(&json, |leaf| {
        if !leaf.is_name {
            let place = leaf.place;
            assert_eq!((place.depth(), place.item(1)), (3, Some(0)));
            assert_eq!(place.member(0).as_deref(), Some("content"));
            assert_eq!(place.name().as_deref(), Some("text"));
        }
    });
    assert_eq!(shown(&json).len(), 3);
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\\\\\"/~u{}\\[\\],:]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn every_text_is_shown_once(value in values()) {
        let mut expected = Vec::new();
        by_tree(&value, "", &mut expected);
        prop_assert_eq!(shown(&Json::from_value(&value)), expected);
    }

    #[test]
    fn a_text_replaced_by_itself_keeps_the_meaning(value in values()) {
        let json = Json::from_value(&value);
        let again = leaves::replace(&json, |leaf| Some(leaf.text.to_string())).unwrap();
        prop_assert_eq!(again.unwrap_or(json).value(), value);
    }
}
