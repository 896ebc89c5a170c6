//! Permitted messages as bytes of an answer.

use std::time::Duration;

use portcullis_policy::permit::permit;
use portcullis_policy::{Decision, Permitted};
use portcullis_transport::http::sse::{self, EventId};
use portcullis_wire::write::Address;
use portcullis_wire::{Json, Limits, Message, parse};

#[expect(clippy::disallowed_methods, reason = "a test judges nothing")]
fn permitted(message: &str) -> Permitted<Message> {
    let message = parse(message.as_bytes(), &Limits::default()).unwrap();
    Permitted::new(message, permit(&Decision::default(), None).unwrap())
}

#[test]
fn an_event_is_one_message_under_the_names_of_its_client() {
    let result = permitted("{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":{\"a\":\n\"\\n\"}}");
    let address = Address { id: Some("x".into()), ..Address::default() };
    let id = EventId::read("s-1:7").unwrap();
    assert_eq!(
        sse::event(&result, &address, Some(&id)),
        "id: s-1:7\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":{\"a\": \"\\n\"}}\n\n"
    );
    let plain = Address::default();
    let text = r#"{"jsonrpc":"2.0","id":4,"result":{"a": "\n"}}"#;
    assert_eq!(sse::event(&result, &plain, None), format!("event: message\ndata: {text}\n\n"));
    assert_eq!(sse::json(&result, &plain), text);
    let again = permitted(text);
    assert_eq!(
        sse::json_batch(&[(result, address), (again, plain)]),
        format!("[{},{text}]", text.replace("\"id\":4", "\"id\":\"x\""))
    );
}

#[test]
fn progress_goes_to_the_request_that_asked_for_it() {
    let progress = permitted(
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":4,"progress":1}}"#,
    );
    let address = Address { progress_token: Some(Json::string("p")), ..Address::default() };
    assert_eq!(
        sse::json(&progress, &address),
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}"#
    );
}

#[test]
fn a_name_of_an_event_ends_no_line() {
    for bad in ["", "a\nb", "a\r", "\0", "a b", "é", &"a".repeat(129)] {
        assert_eq!(EventId::read(bad), None, "{bad:?}");
    }
    let id = EventId::read("A-z_0.:").unwrap();
    assert_eq!(
        sse::prime(&id, Some(Duration::from_secs(2))),
        "id: A-z_0.:\nretry: 2000\ndata:\n\n"
    );
    assert_eq!(sse::prime(&id, None), "id: A-z_0.:\ndata:\n\n");
    assert_eq!(sse::still_here(), ": still here\n\n");
}
