//! The only encoder.
//!
//! Every message leaves in an envelope of ours, members in one order; the top
//! level that was received is never forwarded. What it carried (`params`,
//! `result`, `error.data`) goes out byte for byte as it was judged.
//!
//! Who may call it: only the place that holds a permit, see `clippy.toml`.

use std::io::Write;

use crate::json::Json;
use crate::message::{Id, Message, Outcome, Response, RpcError};

/// Appends one message and its newline to `out`. There is no other newline in
/// what it writes: a [`Json`] has none.
pub fn encode(message: &Message, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"jsonrpc":"2.0""#);
    match message {
        Message::Request(request) => {
            id(Some(&request.id), out);
            method(&request.method, request.params.as_ref(), out);
        }
        Message::Notification(notification) => {
            method(&notification.method, notification.params.as_ref(), out);
        }
        Message::Response(response) => answer(response, out),
    }
    out.extend_from_slice(b"}\n");
}

/// Appends the answers to one batch as an array and its newline (2025-03-26).
pub fn encode_batch<'a>(messages: impl IntoIterator<Item = &'a Message>, out: &mut Vec<u8>) {
    let mut before = b'[';
    for message in messages {
        out.push(before);
        #[expect(clippy::disallowed_methods, reason = "the encoder itself, for the same caller")]
        encode(message, out);
        out.pop();
        before = b',';
    }
    out.extend_from_slice(b"]\n");
}

fn answer(response: &Response, out: &mut Vec<u8>) {
    id(response.id.as_ref(), out);
    match &response.outcome {
        Outcome::Result(result) => member("result", result.text(), out),
        Outcome::Error(fault) => error(fault, out),
    }
}

fn error(error: &RpcError, out: &mut Vec<u8>) {
    out.extend_from_slice(br#","error":{"code":"#);
    // Writing to a Vec cannot fail.
    let _written = write!(out, "{}", error.code);
    member("message", Json::string(&error.message).text(), out);
    if let Some(data) = &error.data {
        member("data", data.text(), out);
    }
    out.push(b'}');
}

fn id(id: Option<&Id>, out: &mut Vec<u8>) {
    match id {
        Some(id) => member("id", id.to_json().text(), out),
        None => member("id", "null", out),
    }
}

fn method(method: &str, params: Option<&Json>, out: &mut Vec<u8>) {
    member("method", Json::string(method).text(), out);
    if let Some(params) = params {
        member("params", params.text(), out);
    }
}

/// Appends `,"name":value`. The name is one of ours and needs no escaping.
fn member(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    out.extend_from_slice(value.as_bytes());
}
