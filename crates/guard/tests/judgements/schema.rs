//! Schemas that are used, and schemas that are not.

use portcullis_guard::schema::{BoundBroken, Bounds, Schema, SchemaRefused};
use proptest::prelude::*;
use serde_json::{Value, json};

fn refusal(schema: &Value) -> SchemaRefused {
    match Schema::compile(schema) {
        Ok(_) => panic!("compiled {schema}"),
        Err(refused) => refused,
    }
}

#[test]
fn arguments_are_judged() {
    let schema = json!({"type": "object", "required": ["path"], "additionalProperties": false,
        "properties": {"path": {"type": "string", "maxLength": 5, "pattern": "^[a-z]+$"},
            "mode": {"enum": ["r", "w"]}, "n": {"$ref": "#/$defs/n"}},
        "$defs": {"n": {"type": "integer", "minimum": 1}}});
    let schema = Schema::compile(&schema).unwrap();
    assert_eq!(schema.validate(&json!({"path": "abc", "mode": "r", "n": 1})), Ok(()));
    let table = [
        (json!({}), "", "required"),
        (json!([]), "", "type"),
        (json!({"path": "hunter2"}), "/path", "maxLength"),
        (json!({"path": "A"}), "/path", "pattern"),
        (json!({"path": 1}), "/path", "type"),
        (json!({"path": "a", "mode": "hunter2"}), "/mode", "enum"),
        (json!({"path": "a", "n": 0}), "/n", "minimum"),
        (json!({"path": "a", "hunter2": 0}), "", "additionalProperties"),
    ];
    for (value, pointer, keyword) in table {
        let violation = schema.validate(&value).unwrap_err();
        assert_eq!((violation.pointer.as_str(), violation.keyword.as_str()), (pointer, keyword));
        assert!(!violation.to_string().contains("hunter2"));
    }
}

#[test]
fn two_dialects_and_no_third() {
    for dialect in [
        "https://json-schema.org/draft/2020-12/schema",
        "http://json-schema.org/draft-07/schema#",
        "http://json-schema.org/draft-07/schema",
    ] {
        assert!(Schema::compile(&json!({"$schema": dialect, "type": "object"})).is_ok());
    }
    // The two dialects differ: an array of `items` is a tuple in one only.
    let tuple = json!({"$schema": "http://json-schema.org/draft-07/schema#",
        "items": [{"type": "string"}], "definitions": {"a": {}}});
    assert!(Schema::compile(&tuple).unwrap().validate(&json!([1])).is_err());
    for dialect in [
        json!("http://json-schema.org/draft-04/schema#"),
        json!("https://json-schema.org/draft/2019-09/schema"),
        json!("https://example.com/mine"),
        json!(""),
        json!(7),
    ] {
        assert_eq!(refusal(&json!({"$schema": dialect})), SchemaRefused::Dialect);
    }
}

#[test]
fn schemas_that_are_not_used() {
    use SchemaRefused::*;
    let deep = (0..70).fold(json!({}), |inner, _| json!({ "not": inner }));
    let table = [
        (json!(null), NotASchema),
        (json!([]), NotASchema),
        (json!("x"), NotASchema),
        (json!({"description": "x".repeat(300 << 10)}), TooLarge),
        (deep, TooDeep),
        (json!({"$ref": "https://example.com/a"}), RemoteReference),
        (json!({"$ref": "http://169.254.169.254/"}), RemoteReference),
        (json!({"$ref": "file:///etc/passwd"}), RemoteReference),
        (json!({"$ref": "other.json"}), RemoteReference),
        (json!({"$ref": "other.json#/a"}), RemoteReference),
        (json!({"$ref": ""}), RemoteReference),
        (json!({"$ref": "#anchor"}), RemoteReference),
        (json!({"properties": {"a": {"items": {"$ref": "//evil"}}}}), RemoteReference),
        (json!({"$defs": {"unused": {"$ref": "https://example.com"}}}), RemoteReference),
        (json!({"unknown": [{"$ref": "https://example.com"}]}), RemoteReference),
        (json!({"properties": {"a": {"$id": "https://example.com/"}}}), RemoteReference),
        (json!({"$dynamicRef": "#a"}), RemoteReference),
        (json!({"$recursiveRef": "#"}), RemoteReference),
        (json!({"$ref": "#/$defs/none"}), BrokenReference),
        (json!({"$ref": "#"}), BrokenReference),
        (json!({"allOf": [{"$ref": "#"}]}), BrokenReference),
        (
            json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
            "$ref": "#/$defs/a"}),
            BrokenReference,
        ),
        (json!({"type": 7}), Uncompilable),
        (json!({"type": "strin"}), Uncompilable),
        (json!({"pattern": "("}), Uncompilable),
        (json!({"pattern": "(?=a)b"}), Uncompilable),
        (json!({"pattern": "(a)\\1"}), Uncompilable),
        (json!({"required": "a"}), Uncompilable),
        (json!({"pattern": "(((a{100}){100}){100}){100}"}), Uncompilable),
    ];
    for (schema, refused) in table {
        let shown: String = schema.to_string().chars().take(80).collect();
        assert_eq!(refusal(&schema), refused, "{shown}");
    }
}

/// `levels` definitions, each applying the next one twice by `apply`.
fn doubling(levels: usize, apply: fn(Value) -> Value) -> Value {
    let mut definitions = serde_json::Map::new();
    for level in 0..levels {
        let next = json!({"$ref": format!("#/$defs/d{}", level + 1)});
        definitions.insert(format!("d{level}"), apply(next));
    }
    definitions.insert(format!("d{levels}"), json!({"type": "string"}));
    json!({"$defs": definitions, "$ref": "#/$defs/d0"})
}

#[test]
fn explosions_are_counted_before_they_happen() {
    let both = |next: Value| json!({"allOf": [next.clone(), next]});
    assert!(Schema::compile(&doubling(8, both)).is_ok());
    assert_eq!(refusal(&doubling(24, both)), SchemaRefused::TooCostly);
    assert_eq!(
        refusal(&doubling(60, |next| json!({"not": next, "if": next.clone(), "anyOf": [next]}))),
        SchemaRefused::TooCostly
    );
    // The same property twice, one level deeper each time.
    let same =
        |next: Value| json!({"allOf": [{"properties": {"a": next}}, {"properties": {"a": next}}]});
    assert_eq!(refusal(&doubling(24, same)), SchemaRefused::TooCostly);
    let again = json!({"allOf": [
        {"properties": {"a": {"$ref": "#"}}}, {"additionalProperties": {"$ref": "#"}, "patternProperties": {"": {"$ref": "#"}}}]});
    assert_eq!(refusal(&again), SchemaRefused::TooCostly);
    let items = json!({"items": {"$ref": "#"}, "contains": {"$ref": "#"}});
    assert_eq!(refusal(&items), SchemaRefused::TooCostly);
}

#[test]
fn honest_recursion_compiles() {
    for schema in [
        json!({"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}}),
        json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"$ref": "#"}},
            {"type": "object", "additionalProperties": {"$ref": "#"}}]}),
        json!({"$defs": {"f": {"anyOf": [{"properties": {"and": {"items": {"$ref": "#/$defs/f"}}}},
            {"properties": {"or": {"items": {"$ref": "#/$defs/f"}}}},
            {"properties": {"not": {"$ref": "#/$defs/f"}}}]}}, "properties": {"filter": {"$ref": "#/$defs/f"}}}),
        json!(true),
        json!({}),
        json!({"properties": {"$ref": {"type": "string"}, "$id": {"type": "string"}, "default": {}}}),
        json!({"default": {"$ref": "https://example.com"}, "enum": [{"$ref": "x"}]}),
        json!({"$id": "https://example.com/tool", "type": "object"}),
        json!({"pattern": "^(a+)+$"}),
    ] {
        assert!(Schema::compile(&schema).is_ok(), "{schema}");
    }
}

#[test]
fn bounds_hold_without_a_schema() {
    let bounds = Bounds::default();
    let nested = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(bounds.check(&nested(31)), Ok(()));
    assert_eq!(bounds.check(&nested(32)), Err(BoundBroken::Depth));
    assert_eq!(bounds.check(&json!({"a": "x".repeat(64 << 10)})), Ok(()));
    assert_eq!(bounds.check(&json!({"a": "x".repeat((64 << 10) + 1)})), Err(BoundBroken::String));
    assert_eq!(bounds.check(&json!({"x".repeat((64 << 10) + 1): 1})), Err(BoundBroken::String));
    assert_eq!(bounds.check(&json!(vec!["x".repeat(60 << 10); 20])), Err(BoundBroken::Total));
}

proptest! {
    #[test]
    fn compiling_never_panics(text in r#"[{}\[\]",:$#/a-z0-9]{0,60}"#) {
        if let Ok(schema) = serde_json::from_str(&text) {
            let _ = Schema::compile(&schema);
        }
    }
}
