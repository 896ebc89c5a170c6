//! Values keep their bytes; messages survive the trip.

use portcullis_wire::{
    Id, Json, Limits, Message, Notification, Outcome, Request, Response, RpcError, array,
    canonical, elements, parse, write,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(frame: &str) -> Message {
    parse(frame.as_bytes(), &Limits::default()).unwrap()
}

fn json(text: &str) -> Json {
    Json::parse(text, 64).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the encoder itself is under test")]
fn encode(message: &Message) -> String {
    let mut out = Vec::new();
    write::encode(message, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn the_envelope_is_ours_and_the_values_are_theirs() {
    let table = [
        (
            r#"{"x":1,"params":{"b" : 1.10,"a":"\u0041"},"method":"m","id":"7","jsonrpc":"2.0"}"#,
            r#"{"jsonrpc":"2.0","id":"7","method":"m","params":{"b" : 1.10,"a":"\u0041"}}"#,
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{\n\"a\":\r\n[1,\n2]}}",
            r#"{"jsonrpc":"2.0","method":"m","params":{ "a":  [1, 2]}}"#,
        ),
        (
            r#"{"result":[1e5, -0],"id":-3,"jsonrpc":"2.0","more":{}}"#,
            r#"{"jsonrpc":"2.0","id":-3,"result":[1e5, -0]}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","error":{"data":[ 1 ],"x":0,"message":"\u0061","code":-5}}"#,
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-5,"message":"a","data":[ 1 ]}}"#,
        ),
    ];
    for (received, sent) in table {
        assert_eq!(encode(&read(received)), format!("{sent}\n"));
    }
}

#[test]
fn a_broken_message_gives_its_id_only_when_it_is_certain() {
    let table = [
        (r#"{"jsonrpc":"1.0","id":7,"method":"m"}"#, Some(Id::from(7))),
        (r#"{"jsonrpc":"2.0","id":"a","method":"m","params":{"a":1,"a":2}}"#, Some("a".into())),
        (r#"{"jsonrpc":"2.0","id":7,"method":"m","Method":"n"}"#, Some(Id::from(7))),
        (r#"{"jsonrpc":"2.0","id":7,"id":8,"method":"m"}"#, None),
        (r#"{"jsonrpc":"2.0","id":7,"Id":8,"method":"m"}"#, None),
        (r#"{"jsonrpc":"2.0","ID":8,"method":"m"}"#, None),
        (r#"{"jsonrpc":"2.0","id":7.0,"method":"m"}"#, None),
        (r#"{"jsonrpc":"2.0","id":"\ud800","method":"m"}"#, None),
        (r#"{"jsonrpc":"2.0","id":7,"method":"m""#, None),
    ];
    for (frame, id) in table {
        assert_eq!(parse(frame.as_bytes(), &Limits::default()).unwrap_err().id, id, "{frame}");
    }
}

#[test]
fn an_edit_keeps_every_other_byte() {
    let before = json(r#"{ "a" : 1.10 , "\u0062":[ 1 ], "c":"\/" }"#);
    let mut object = before.object().unwrap();
    object.set("a", json("2"));
    object.set("new\n", Json::string("x"));
    assert_eq!(object.to_json().text(), r#"{"a":2,"\u0062":[ 1 ],"c":"\/","new\n":"x"}"#);
    assert_eq!(object.remove("b"), Some(json("[ 1 ]")));
    assert_eq!(object.remove("b"), None);
    assert_eq!((object.len(), object.is_empty()), (3, false));
    assert_eq!(object.get("c").unwrap().as_text().unwrap(), "/");
    assert_eq!(json("[1]").object(), None);
    assert_eq!(elements(&json("{}")), None);
    assert_eq!(array(&elements(&json("[ 1 ,[ 2]]")).unwrap()).text(), "[1,[ 2]]");
}

#[test]
fn a_value_does_not_print_itself() {
    let message = read(r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"p":"hunter2"}}"#);
    assert!(!format!("{message:?}").contains("hunter2"));
}

#[test]
fn canonical_text_is_rfc_8785_but_for_numbers() {
    let table = [
        (r#"{ "b":1, "a":[ 1 , {"d":2,"c":3} ] }"#, r#"{"a":[1,{"c":3,"d":2}],"b":1}"#),
        // RFC 8785, section 3.2.3: the example of sorting by UTF-16 units.
        (
            r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#,
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}",
        ),
        (r#""\u0041\/\u000a\u001F\u2028""#, "\"A/\\n\\u001f\u{2028}\""),
        ("1.0", "1.0"),
        ("[1E5,100000, -0]", "[1E5,100000,-0]"),
    ];
    for (before, after) in table {
        assert_eq!(String::from_utf8(canonical(&json(before))).unwrap(), after);
    }
    assert_ne!(canonical(&json("1")), canonical(&json("1.0")));
}

#[test]
fn ids_of_two_kinds_never_meet() {
    assert_eq!(Id::from(7).to_string(), "7");
    assert_eq!(Id::from("7").to_string(), "\"7\"");
    for id in [Id::from(-1), Id::from("a\"\n\u{1}")] {
        assert_eq!(Id::from_json(&id.to_json()), Some(id));
    }
    for not in ["null", "1.0", "true", "[]", "{}", "9223372036854775808"] {
        assert_eq!(Id::from_json(&json(not)), None);
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |n| n.is_finite().then(|| Value::from(n))),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(name(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A name a message may hold: no U+0000.
fn name() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|name| name.replace('\0', "0"))
}

fn message() -> impl Strategy<Value = Message> {
    let id = prop_oneof![any::<i64>().prop_map(Id::Number), any::<String>().prop_map(Id::Text)];
    let params =
        || prop::option::of(value().prop_map(|value| Json::from_value(&json!({ "a": value }))));
    let error = (any::<i64>(), any::<String>(), prop::option::of(value()));
    prop_oneof![
        (id.clone(), any::<String>(), params())
            .prop_map(|(id, method, params)| Message::Request(Request { id, method, params })),
        (any::<String>(), params())
            .prop_map(|(method, params)| Message::Notification(Notification { method, params })),
        (id.clone(), value()).prop_map(|(id, value)| Message::Response(Response::result(
            id,
            Json::from_value(&value)
        ))),
        (prop::option::of(id), error).prop_map(|(id, (code, message, data))| {
            let data = data.map(|data| Json::from_value(&data));
            let outcome = Outcome::Error(RpcError { code, message, data });
            Message::Response(Response { id, outcome })
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(message in message()) {
        let line = encode(&message);
        prop_assert_eq!(line.matches(['\n', '\r']).count(), 1);
        prop_assert_eq!(read(line.trim_end_matches('\n')), message);
    }

    #[test]
    fn a_value_keeps_its_meaning(value in value()) {
        let text = Json::from_value(&value);
        prop_assert_eq!(text.value(), value.clone());
        prop_assert_eq!(serde_json::from_slice::<Value>(&canonical(&text)).unwrap(), value);
        if let Some(object) = text.object() {
            prop_assert_eq!(object.to_json(), text);
        }
    }

    #[test]
    fn canonical_does_not_see_order_or_space(
        members in prop::collection::btree_map(name(), value(), 0..6),
    ) {
        let write = |members: &mut dyn Iterator<Item = (&String, &Value)>| {
            let members: Vec<_> =
                members.map(|(name, value)| format!(" {} :\n{value}", json!(name))).collect();
            canonical(&json(&format!("{{{}}}", members.join(","))))
        };
        prop_assert_eq!(write(&mut members.iter()), write(&mut members.iter().rev()));
    }
}
