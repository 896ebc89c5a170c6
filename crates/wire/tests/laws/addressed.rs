//! A message for one of several clients: its names are theirs, and every other byte is as it was.

use portcullis_wire::write::{self, Address};
use portcullis_wire::{Id, Json, Limits, Message, parse};
use proptest::prelude::*;

fn read(frame: &str) -> Message {
    parse(frame.as_bytes(), &Limits::default()).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the encoder itself is under test")]
fn addressed(message: &Message, address: &Address) -> String {
    let mut out = Vec::new();
    write::encode_addressed(message, address, &mut out);
    String::from_utf8(out).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "what it is compared with")]
fn plain(message: &Message) -> String {
    let mut out = Vec::new();
    write::encode(message, &mut out);
    String::from_utf8(out).unwrap()
}

fn all() -> Address {
    Address {
        id: Some("theirs".into()),
        progress_token: Some(Json::string("to\"ken")),
        subscription: Some(Id::from(70)),
    }
}

#[test]
fn only_the_names_are_replaced() {
    let table = [
        (
            r#"{"jsonrpc":"2.0","id":4,"result":{ "a" : 1.10,"b":"\u0041" }}"#,
            r#"{"jsonrpc":"2.0","id":"theirs","result":{ "a" : 1.10,"b":"\u0041" }}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","id":4,"error":{"code":-1,"message":"no","data":{ "id":4 }}}"#,
            r#"{"jsonrpc":"2.0","id":"theirs","error":{"code":-1,"message":"no","data":{ "id":4 }}}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","error":{"code":-1,"message":"no"}}"#,
            r#"{"jsonrpc":"2.0","id":"theirs","error":{"code":-1,"message":"no"}}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","id":4,"result":{"_meta":{ "io.modelcontextprotocol/subscriptionId" : 4 , "x":4}}}"#,
            r#"{"jsonrpc":"2.0","id":"theirs","result":{"_meta":{ "io.modelcontextprotocol/subscriptionId" : 70 , "x":4}}}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{ "progress" : 1.0, "progressToken" : 9,"x":{"progressToken":9} }}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{ "progress" : 1.0, "progressToken" : "to\"ken","x":{"progressToken":9} }}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"_meta":{"io.modelcontextprotocol\/subscriptionId":"longer than the other"},"progress\u0054oken":9}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"_meta":{"io.modelcontextprotocol\/subscriptionId":70},"progress\u0054oken":"to\"ken"}}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":9,"é":"€","_meta":{"io.modelcontextprotocol/subscriptionId":9}}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"to\"ken","é":"€","_meta":{"io.modelcontextprotocol/subscriptionId":70}}}"#,
        ),
    ];
    for (message, sent) in table {
        assert_eq!(addressed(&read(message), &all()), format!("{sent}\n"));
    }
}

#[test]
fn what_has_no_name_is_given_none() {
    for message in [
        r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"_meta":{ "a":1 }}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"progressToken":9}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/x","params":{"_meta":7}}"#,
        r#"{"jsonrpc":"2.0","method":"x","id":4,"params":{"progressToken":9,"_meta":{"io.modelcontextprotocol/subscriptionId":9,"progressToken":1}}}"#,
    ] {
        let message = read(message);
        assert_eq!(addressed(&message, &all()), plain(&message));
    }
}

#[test]
fn without_an_address_every_frame_that_is_accepted_leaves_as_it_is() {
    let frames = include_str!("../accepted.txt").lines();
    let mut seen = 0;
    for message in frames.filter_map(|frame| parse(frame.as_bytes(), &Limits::default()).ok()) {
        assert_eq!(addressed(&message, &Address::default()), plain(&message));
        seen += 1;
    }
    assert!(seen > 10, "{seen}");
}

proptest! {
    #[test]
    fn nothing_around_a_name_changes(
        before in "[a-z0-9 \\pL]{0,12}", after in "[ \t]{0,3}", old in 0..1_000_000_i64,
        new in "\\PC{0,12}", nested in any::<bool>(),
    ) {
        let before = Json::string(&before);
        let frame = |name: &str| {
            let other = if nested { format!(r#"{{"progressToken":{old}}}"#) } else { "1e5".into() };
            format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"m":{},{after}"progressToken":{after}{name}{after},"o":{other}}}}}"#,
                before.text(),
            )
        };
        let new = Json::string(&new);
        let address = Address { progress_token: Some(new.clone()), ..Address::default() };
        let sent = addressed(&read(&frame(&old.to_string())), &address);
        prop_assert_eq!(sent, format!("{}\n", frame(new.text())));
    }
}
