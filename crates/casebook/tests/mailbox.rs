//! A peer's books: ids, names, and answers that are waited for once.

use portcullis_casebook::{Mailbox, Received, Sent, Side, Unmet};
use serde_json::{Map, Value, json};

fn said(mailbox: &mut Mailbox, sent: &Sent) -> Value {
    let bytes = mailbox.say(sent).ok().flatten().unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

fn request(method: &str, params: Value) -> Sent {
    Sent::Request { method: method.to_owned(), params: Some(params) }
}

#[test]
fn an_answer_is_waited_for_once() {
    let mut client = Mailbox::new(Side::Client, Map::new());
    let asked = said(&mut client, &request("ping", json!({})));
    let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {}});
    assert_eq!(client.unanswered().len(), 1);
    assert_eq!(client.arrived(answer.clone()), Ok(()));
    assert!(matches!(client.arrived(answer), Err(Unmet::Wrong(_))));
    assert_eq!(client.expect(&Received::Result(json!({}))), Ok(()));
    assert_eq!(client.expect(&Received::Nothing), Ok(()));
    assert!(client.arrived(json!({"id": null, "error": {"code": -32700}})).is_err());
    client.say(&Sent::Raw(b"nonsense\n".into())).expect("raw");
    assert_eq!(client.arrived(json!({"id": null, "error": {"code": -32700}})), Ok(()));
}

#[test]
fn what_is_taken_back_is_not_waited_for() {
    let mut client = Mailbox::new(Side::Client, Map::new());
    let id = said(&mut client, &request("ping", json!({})))["id"].clone();
    let params = Some(json!({"requestId": "<sent 1>"}));
    let cancel = Sent::Notification { method: "notifications/cancelled".into(), params };
    assert_eq!(said(&mut client, &cancel)["params"]["requestId"], id);
    assert!(client.arrived(json!({"id": id, "result": {}})).is_err());
}

#[test]
fn names_stand_for_ids_and_tokens() {
    let mut server = Mailbox::new(Side::Server, Map::new());
    let meta = json!({"progressToken": 9});
    let call = json!({"id": 7, "method": "tools/call", "params": {"_meta": meta}});
    server.arrived(call).expect("a request");
    let raw = br#"{"jsonrpc":"2.0","id":"<got 1>","result":{"a":"<b","t":"<token 1>"}}"#;
    let bytes = server.say(&Sent::Raw(raw.to_vec())).expect("raw").expect("bytes");
    let text = String::from_utf8(bytes).expect("text");
    assert_eq!(text, r#"{"jsonrpc":"2.0","id":7,"result":{"a":"<b","t":9}}"#);
    assert!(server.say(&Sent::Raw(br#""<got 2>""#.to_vec())).is_err());
}

#[test]
fn a_modern_client_declares_itself() {
    let meta = Map::from_iter([("v".to_owned(), json!(1)), ("w".to_owned(), json!(2))]);
    let mut client = Mailbox::new(Side::Client, meta);
    let own = json!({"_meta": {"v": 5, "w": "<absent>"}});
    assert_eq!(said(&mut client, &request("x/y", own))["params"]["_meta"], json!({"v": 5}));
    let bare = Sent::Request { method: "x/y".into(), params: None };
    assert_eq!(said(&mut client, &bare)["params"]["_meta"], json!({"v": 1, "w": 2}));
}
