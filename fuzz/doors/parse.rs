//! Any line: either no message, or one with exactly one reading.
//!
//! What is accepted is written by the only encoder and read again: the same
//! message must come back, and an independent reader of JSON must see the same
//! envelope and the same values.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_wire::{Limits, Message, Outcome, canonical, parse, write};
use serde_json::Value;

fuzz_target!(|line: &[u8]| {
    let limits = Limits::default();
    let Ok(message) = parse(line, &limits) else { return };
    let mut written = written(&message);
    assert_eq!(written.iter().filter(|byte| **byte == b'\n').count(), 1, "one line");
    written.pop();
    let again = parse(&written, &limits).expect("what we write, we read");
    assert_eq!(again, message);

    let theirs: Value = serde_json::from_slice(line).expect("one value, for any reader");
    let ours: Value = serde_json::from_slice(&written).expect("one value, for any reader");
    for path in
        ["/id", "/method", "/params", "/result", "/error/code", "/error/message", "/error/data"]
    {
        assert_eq!(meaning(theirs.pointer(path)), meaning(ours.pointer(path)), "{path}");
    }
    for part in parts(&message) {
        let text = canonical(part);
        let value: Value = serde_json::from_slice(&text).expect("canonical text is JSON");
        assert_eq!(value, part.value(), "canonical text means the same");
    }
});

#[expect(clippy::disallowed_methods, reason = "nothing leaves: what is written is read again")]
fn written(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    write::encode(message, &mut bytes);
    bytes
}

/// `-0` is 0, and no id is an id of null: only this reader tells them apart.
fn meaning(value: Option<&Value>) -> Value {
    match value {
        Some(value) if value.as_f64() == Some(0.0) => Value::from(0),
        Some(value) => value.clone(),
        None => Value::Null,
    }
}

/// The values that a message carries.
fn parts(message: &Message) -> Vec<&portcullis_wire::Json> {
    match message {
        Message::Request(it) => it.params.iter().collect(),
        Message::Notification(it) => it.params.iter().collect(),
        Message::Response(it) => match &it.outcome {
            Outcome::Result(result) => vec![result],
            Outcome::Error(error) => error.data.iter().collect(),
        },
    }
}
