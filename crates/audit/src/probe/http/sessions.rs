//! What sessions are called, and what a name is good for: without one, with one that nobody gave, with one that has
//! ended, and for the streams of another.

use hyper::Method;
use portcullis_wire::{Era, Object};

use super::Seen;
use super::talk::{ACCEPT, Talk, in_session};
use super::wire::{Ask, Came, SESSION, Who};
use crate::evidence::http::Question;
use crate::probe::old::session_in;

/// Sessions that are opened for their names alone.
const OPENED: usize = 4;
/// Where a stream was left (until 2025-11-25).
const LAST: &str = "last-event-id";

pub(super) fn all(talk: &mut Talk, seen: &mut Seen) {
    if talk.era == Era::Modern {
        return seen.untested("sessions", "there are none in 2026-07-28");
    }
    if talk.old {
        return by_streams(talk, seen);
    }
    let Some(ours) = talk.session.clone() else {
        return seen.untested("sessions", "the server names none");
    };
    for _ in 0..OPENED {
        let _ = talk.open(Question::NewSession, Who::Us);
    }
    let ask = list(talk, Question::NoSession, None);
    let _ = talk.wire.send(ask);
    let stranger = stranger(&ours);
    let ask = list(talk, Question::UnknownSession, Some(&stranger));
    let _ = talk.wire.send(ask);
    resumed(talk, seen, &ours);
    ended(talk, seen);
}

/// A session is a stream, and its name stands in the address to which its client posts (2024-11-05).
fn by_streams(talk: &mut Talk, seen: &mut Seen) {
    let why = "a stream of 2024-11-05 cannot be taken up again, and its session ends with it";
    seen.untested("streams of another session, and the end of one", why);
    let endpoint = talk.wire.stream.as_ref().map(|stream| stream.endpoint.clone());
    let name = endpoint.as_ref().and_then(session_in);
    let (Some(endpoint), Some(name)) = (endpoint, name) else {
        return seen.untested("sessions", "the addresses of its streams hold no names");
    };
    for _ in 0..OPENED {
        let _ = talk.open(Question::NewSession, Who::Us);
    }
    let other = endpoint.path().replace(&name, &stranger(&name));
    let without = endpoint.path().replace(&name, "");
    let without = without.split_once('?').map_or(without.as_str(), |(path, _)| path).to_owned();
    for (question, path) in [(Question::NoSession, without), (Question::UnknownSession, other)] {
        let Ok(to) = endpoint.join(&path) else { continue };
        let ask = talk.request(question, "tools/list", Object::new());
        let _ = talk.wire.send(Ask { to: Some(to), ..ask });
    }
}

/// A list of tools that is asked for in a session.
fn list(talk: &mut Talk, question: Question, name: Option<&str>) -> Ask {
    let ask = talk.request(question, "tools/list", Object::new());
    in_session(ask, name)
}

/// A name of the same form that was never given: each letter and digit is another.
fn stranger(name: &str) -> String {
    let other = |letter: char| match letter {
        '9' => '0',
        'f' => 'a',
        'F' => 'A',
        'z' => 'b',
        'Z' => 'B',
        letter if letter.is_ascii_alphanumeric() => char::from((letter as u8).wrapping_add(1)),
        letter => letter,
    };
    // What a UUID says of its version stays.
    name.char_indices().map(|(at, letter)| if at == 14 { letter } else { other(letter) }).collect()
}

/// Whether what was said in one session is repeated in another.
fn resumed(talk: &mut Talk, seen: &mut Seen, ours: &str) {
    let ask = list(talk, Question::List, Some(ours));
    let canary = ask.id.clone();
    let Some(came) = talk.wire.send(ask) else { return };
    let (Some(first), true) = (came.events.first().cloned(), came.events.len() > 1) else {
        let why = match came.events.is_empty() {
            true => "its events have no names, so no stream can be taken up again",
            false => "its streams hold one event each, so nothing would be repeated",
        };
        return seen.untested("streams of another session", why);
    };
    let other = talk.open(Question::NewSession, Who::Us);
    let Some(other) = other.as_ref().and_then(|came| name_of(came)).map(str::to_owned) else {
        return seen.untested("streams of another session", "it opens no second session");
    };
    let ask =
        talk.bare(Question::Resume, Method::GET, None).with(ACCEPT, Some("text/event-stream"));
    let ask = in_session(ask, Some(&other)).with(LAST, Some(&first));
    let came = talk.wire.send(ask);
    let canary = canary.map(|id| id.to_string()).unwrap_or_default();
    if came.is_some_and(|came| came.text.contains(canary.trim_matches('"'))) {
        talk.wire.remark("the answer to a request of another session came back");
    }
}

/// Whether a session that has ended goes on.
fn ended(talk: &mut Talk, seen: &mut Seen) {
    let opened = talk.open(Question::NewSession, Who::Us);
    let Some(name) = opened.as_ref().and_then(|came| name_of(came)).map(str::to_owned) else {
        return seen.untested("the end of a session", "it opens no second session");
    };
    let ask = talk.bare(Question::End, Method::DELETE, None);
    let came = talk.wire.send(in_session(ask, Some(&name)));
    if !came.is_some_and(|came| came.status.is_success()) {
        return seen.untested("the end of a session", "it ends none when asked");
    }
    talk.names.retain(|known| *known != name);
    let ask = list(talk, Question::EndedSession, Some(&name));
    let _ = talk.wire.send(ask);
    talk.names.push(name);
}

fn name_of(came: &Came) -> Option<&str> {
    came.header(SESSION)
}

#[cfg(test)]
mod tests {
    use super::stranger;

    #[test]
    fn a_strangers_name_looks_like_one_of_theirs() {
        let ours = "0c3d9f12-aaaa-4bbb-8ccc-ddddddddddd9";
        let theirs = stranger(ours);
        assert_eq!(theirs, "1d4e0a23-bbbb-4ccc-9ddd-eeeeeeeeeee0");
    }
}
