//! The only encoder.
//!
//! Every message leaves in an envelope of ours, members in one order; the top
//! level that was received is never forwarded. What it carried (`params`,
//! `result`, `error.data`) goes out byte for byte as it was judged.
//!
//! Who may call it: only the places that hold a permit, see `clippy.toml`.

use std::io::Write;
use std::ops::Range;

use crate::json::{DEEPEST, Json};
use crate::message::{Id, Message, Outcome, Response, RpcError};
use crate::scan::{Shape, scan};
use crate::view::lifecycle::{PROGRESS_TOKEN, SUBSCRIPTION_ID};

/// Appends one message and its newline to `out`. There is no other newline in
/// what it writes: a [`Json`] has none.
pub fn encode(message: &Message, out: &mut Vec<u8>) {
    #[expect(clippy::disallowed_methods, reason = "the encoder itself, for the same caller")]
    encode_addressed(message, &Address::default(), out);
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

/// Whose a message is, when several clients share one conversation and each request in it was
/// given a name by us: the names under which its client knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// The id of the request that a response answers.
    pub id: Option<Id>,
    /// The token of the request that a `notifications/progress` belongs to.
    pub progress_token: Option<Json>,
    /// The `subscriptions/listen` that a notification, or its last result, belongs to.
    pub subscription: Option<Id>,
}

/// Appends one message and its newline with the names of its address in place of the ones it
/// carries; with none, as it is. What it does not carry it is not given.
pub fn encode_addressed(message: &Message, address: &Address, out: &mut Vec<u8>) {
    let subscription = address.subscription.as_ref().map(Id::to_json);
    let meta: &[&str] = &["_meta", SUBSCRIPTION_ID];
    out.extend_from_slice(br#"{"jsonrpc":"2.0""#);
    match message {
        Message::Request(request) => {
            id(Some(&request.id), out);
            method(&request.method, request.params.as_ref(), out);
        }
        Message::Notification(notification) => {
            let token = address.progress_token.as_ref();
            let token = token.filter(|_| notification.method == "notifications/progress");
            let names = [(&[PROGRESS_TOKEN][..], token), (meta, subscription.as_ref())];
            let params = notification.params.as_ref().map(|params| renamed(params, names));
            method(&notification.method, params.as_ref(), out);
        }
        Message::Response(Response { id: own, outcome }) => {
            id(address.id.as_ref().or(own.as_ref()), out);
            match outcome {
                Outcome::Result(result) if subscription.is_some() => {
                    let result = renamed(result, [(meta, subscription.as_ref())]);
                    member("result", result.text(), out);
                }
                outcome => self::outcome(outcome, out),
            }
        }
    }
    out.extend_from_slice(b"}\n");
}

/// A value with others in some places of it, where it has these places.
fn renamed<'a>(
    json: &Json,
    others: impl IntoIterator<Item = (&'a [&'a str], Option<&'a Json>)>,
) -> Json {
    let places = others.into_iter().filter_map(|(path, other)| {
        let other = other?;
        Some((place(json.text(), path)?, other))
    });
    let mut places: Vec<(Range<usize>, &Json)> = places.collect();
    if places.is_empty() {
        return json.clone();
    }
    // From the end, so that the places before it stay where they are.
    places.sort_by_key(|(place, _)| std::cmp::Reverse(place.start));
    let mut text = json.text().to_owned();
    for (place, other) in places {
        text.replace_range(place, other.text());
    }
    Json::from_strict(&text)
}

/// Where the value of a member, and of a member in that, stands in a text.
fn place(text: &str, path: &[&str]) -> Option<Range<usize>> {
    let mut place = 0..text.len();
    for name in path {
        let here = text.get(place.clone())?;
        let Shape::Object(members) = scan(here, DEEPEST).ok()?.shape else { return None };
        let value = members.into_iter().find(|member| member.name == *name)?.value;
        // It is a part of `here`.
        let start = place.start + value.as_ptr().addr().checked_sub(here.as_ptr().addr())?;
        place = start..start + value.len();
    }
    Some(place)
}

fn outcome(outcome: &Outcome, out: &mut Vec<u8>) {
    match outcome {
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
