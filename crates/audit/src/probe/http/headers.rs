//! What headers and body must agree on: the revision that is spoken, and on 2026-07-28 the method.

use hyper::Method;
use portcullis_wire::{Era, Object, Revision};

use super::Seen;
use super::talk::{ACCEPT, METHOD, Talk, VERSION};
use crate::evidence::http::Question;

/// A revision that never was.
const NEVER: &str = "1999-01-01";

pub(super) fn all(talk: &mut Talk, seen: &mut Seen) {
    if talk.old {
        return seen.untested("agreement of headers and body", "2024-11-05 has no such headers");
    }
    let ask = talk.request_of(Question::UnknownRevision, "tools/list", Object::new(), NEVER);
    let _ = talk.wire.send(ask);
    if talk.era == Era::Legacy {
        return modern(talk, seen);
    }
    agree(talk);
    for (question, method) in [(Question::Get, Method::GET), (Question::Delete, Method::DELETE)] {
        let ask = talk.bare(question, method, None).with(ACCEPT, Some("text/event-stream"));
        let _ = talk.wire.send(ask);
    }
}

/// A server that began in the old way may speak the new one too.
fn modern(talk: &mut Talk, seen: &mut Seen) {
    let (session, revision) = (talk.session.take(), talk.revision.clone());
    talk.era = Era::Modern;
    talk.revision = Revision::V2026_07_28.as_str().to_owned();
    let ask = talk.request(Question::Discover, "server/discover", Object::new());
    match talk.wire.send(ask).is_some_and(|came| came.is_done()) {
        true => agree(talk),
        false => seen.untested("agreement of headers and body", "it does not speak 2026-07-28"),
    }
    (talk.era, talk.session, talk.revision) = (Era::Legacy, session, revision);
}

/// Three requests whose headers do not say what their bodies say.
fn agree(talk: &mut Talk) {
    let ask = talk.request(Question::OtherMethod, "tools/list", Object::new());
    let _ = talk.wire.send(ask.with(METHOD, Some("prompts/list")));
    let ask = talk.request(Question::OtherRevision, "tools/list", Object::new());
    let old = Revision::latest_legacy().as_str();
    let _ = talk.wire.send(ask.with(VERSION, Some(old)));
    let ask = talk.request(Question::NoMethod, "tools/list", Object::new());
    let _ = talk.wire.send(ask.with(METHOD, None));
}
