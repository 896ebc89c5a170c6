//! Whether an address starts the program that a query names, for whoever asks (CVE-2025-49596). A mark on the stage
//! tells, and no answer: it is asked of a server in a box of ours, and of no other.

use hyper::Method;

use super::doors::{PAGE, STRANGER};
use super::talk::{ACCEPT, Talk};
use super::wire::{Ask, Who, other_address};
use crate::evidence::http::Question;
use crate::probe::live::Listening;

/// Where bridges to servers over pipes take their orders, beside the address itself.
const PLACES: [&str; 3] = ["/stdio", "/sse", "/mcp"];

/// Asks for a program at each place; where one was started, as a page does, and by another address. Whether one was.
pub(super) fn all(talk: &mut Talk, listening: &mut Listening) -> bool {
    let own = talk.wire.url.path().split('?').next().unwrap_or_default().to_owned();
    let others = PLACES.iter().map(|it| (*it).to_owned()).filter(|it| *it != own);
    let mut places: Vec<String> = others.collect();
    places.insert(0, own);
    let found = places.iter().find(|place| started(talk, listening, place, Question::Starts));
    let Some(place) = found else { return false };
    for question in [Question::Rebound, Question::ForeignOrigin, Question::OtherAddress] {
        let _ = started(talk, listening, place, question);
    }
    true
}

/// Whether a program is started by a query at this place.
fn started(talk: &mut Talk, listening: &mut Listening, place: &str, question: Question) -> bool {
    let mark = crate::probe::dice::word();
    let file = listening.place_of(&mark);
    let query = format!("transportType=stdio&command=touch&args={}", escaped(&file));
    let other = match question {
        Question::OtherAddress => other_address(&talk.wire.url),
        _ => None,
    };
    if question == Question::OtherAddress && other.is_none() {
        return false;
    }
    let at = other.as_ref().unwrap_or(&talk.wire.url);
    let Ok(to) = at.join(&format!("{place}?{query}")) else { return false };
    let ask = talk.bare(question, Method::GET, Some(to));
    let ask = Ask { who: Who::Nobody, ..ask.with(ACCEPT, Some("text/event-stream")) };
    let origin = talk.wire.url.origin();
    let ask = match question {
        Question::Rebound => {
            let name = format!("{STRANGER}:{}", origin.target().port);
            let ask = ask.with("origin", Some(&format!("http://{name}")));
            Ask { host: Some(name), ..ask }
        }
        Question::ForeignOrigin => ask.with("origin", Some(PAGE)),
        Question::OtherAddress => Ask { host: Some(talk.wire.url.authority()), ..ask },
        _ => ask,
    };
    let before = talk.wire.exchanges.len();
    let _ = talk.wire.send(ask);
    let started = listening.is_marked(&mark);
    if let Some(last) = talk.wire.exchanges.get_mut(before) {
        last.started = started;
        last.request.url = listening.tidy(&last.request.url);
        if let Some(answer) = &mut last.answer {
            answer.said = listening.tidy(&answer.said);
            answer.leak = answer.leak.take().map(|leak| listening.tidy(&leak));
        }
    }
    started
}

/// A path as a value of a query.
fn escaped(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    let one = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    path.bytes().map(one).collect()
}
