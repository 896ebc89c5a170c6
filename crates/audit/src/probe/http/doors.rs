//! Who is answered: without a credential, under another name, from another page, by another address, with what is no
//! JSON; and what is told to whoever is refused.

use hyper::Method;
use portcullis_wire::{Era, Json, Object};

use super::Seen;
use super::talk::{ACCEPT, CONTENT, Talk, in_session};
use super::wire::{Ask, Came, SESSION, Who, other_address};
use crate::evidence::http::Question;

/// A name that nobody can have (RFC 6761, section 6.4).
pub(super) const STRANGER: &str = "rebound.invalid";
/// An origin that nobody can have.
pub(super) const PAGE: &str = "https://page.invalid";
/// Where what protects a resource is described (RFC 9728, section 3).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Whether somebody else is answered in our place.
pub(super) fn callers(talk: &mut Talk, seen: &mut Seen) {
    if !talk.wire.identifies() {
        return;
    }
    without(talk, Question::NoCredential, Who::Nobody);
    without(talk, Question::WrongCredential, Who::Impostor);
    if talk.session.is_some() || talk.old {
        let ask = talk.request(Question::SessionAlone, "tools/list", Object::new());
        let _ = talk.wire.send(Ask { who: Who::Nobody, ..ask });
    }
    if talk.wire.is_barred() {
        metadata(talk, seen);
    }
}

/// Opens a conversation as somebody else, and lists what there is.
fn without(talk: &mut Talk, question: Question, who: Who) {
    let mut ask = talk.request(question, "tools/list", Object::new());
    if talk.era == Era::Legacy {
        let Some(opened) = talk.open(question, who).filter(Came::is_done) else { return };
        if talk.old {
            return;
        }
        ask = in_session(ask, opened.header(SESSION));
    }
    let _ = talk.wire.send(Ask { who, ..ask });
}

/// What is said about how to get a credential.
pub(super) fn metadata(talk: &mut Talk, seen: &mut Seen) {
    let path = talk.wire.url.path().split('?').next().unwrap_or_default().to_owned();
    let mut places = vec![format!("{WELL_KNOWN}{}", path.trim_end_matches('/'))];
    places.push(WELL_KNOWN.to_owned());
    places.dedup();
    let challenges = talk.wire.exchanges.iter().filter_map(|it| it.header("www-authenticate"));
    let named = challenges.filter_map(named).next();
    if let Some(named) = named {
        match talk.wire.url.join(&named) {
            Ok(url) if url.origin() == talk.wire.url.origin() => {
                places.insert(0, url.path().to_owned());
            }
            _ => seen.untested(
                "protected resource metadata",
                "they are at another address, which is not asked",
            ),
        }
    }
    places.dedup();
    for place in places {
        let Ok(url) = talk.wire.url.join(&place) else { continue };
        let ask = talk.bare(Question::Metadata, Method::GET, Some(url));
        let ask = in_session(ask, None).with(ACCEPT, Some("application/json"));
        let came = talk.wire.send(Ask { who: Who::Nobody, ..ask });
        if came.is_some_and(|came| came.status.is_success()) {
            return;
        }
    }
}

/// The address that a challenge names (RFC 9728, section 5.1).
fn named(challenge: &str) -> Option<String> {
    let (_, rest) = challenge.split_once("resource_metadata=")?;
    let rest = rest.trim_start_matches('"');
    Some(rest.split(['"', ',', ' ']).next().unwrap_or_default().to_owned())
}

/// Whether pages of a browser are answered that have no business here.
pub(super) fn pages(talk: &mut Talk) {
    let port = talk.wire.url.origin().target().port;
    let scheme = if talk.wire.url.origin().is_https() { "https" } else { "http" };
    let name = format!("{STRANGER}:{port}");
    let ask = talk.honest(Question::Rebound);
    let ask = ask.with("origin", Some(&format!("{scheme}://{name}")));
    let _ = talk.sent(Ask { host: Some(name), ..ask });
    for (question, origin) in [(Question::ForeignOrigin, PAGE), (Question::NullOrigin, "null")] {
        let ask = talk.honest(question).with("origin", Some(origin));
        let _ = talk.sent(ask);
    }
    let ask = talk.honest(Question::PlainText).with(CONTENT, Some("text/plain"));
    let _ = talk.sent(ask);
}

/// Whether another address of this machine leads to it.
pub(super) fn addresses(talk: &mut Talk, seen: &mut Seen) {
    let Some(other) = other_address(&talk.wire.url) else {
        let why = match talk.wire.url.origin().is_this_machine() {
            true => "a certificate is for one name, so no other address can be asked",
            false => "where it listens is not seen from outside of its machine",
        };
        return seen.untested("the addresses that it listens on", why);
    };
    let host = Some(talk.wire.url.authority());
    let ask = talk.honest(Question::OtherAddress);
    let _ = talk.sent(Ask { to: Some(other), host, ..ask });
}

/// What is said to what cannot be done.
pub(super) fn errors(talk: &mut Talk) {
    let broken = talk.request(Question::Broken, "tools/list", Object::new());
    let body = broken.body.as_ref().map(|body| body.chars().take(25).collect());
    let _ = talk.wire.send(Ask { body, ..broken });
    let unknown = talk.request(Question::UnknownMethod, "portcullis/none", Object::new());
    let _ = talk.wire.send(unknown);
    let mut params = Object::new();
    params.set("cursor", Json::string("portcullis-none"));
    let cursor = talk.request(Question::UnknownCursor, "tools/list", params);
    let _ = talk.wire.send(cursor);
    let mut params = Object::new();
    params.set("name", Json::string("portcullis_none"));
    params.set("arguments", Object::new().to_json());
    let tool = talk.request(Question::UnknownTool, "tools/call", params);
    let _ = talk.wire.send(tool);
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn a_challenge_names_where_the_resource_is_described() {
        for (challenge, expect) in [
            (
                "Bearer resource_metadata=\"https://a.test/x\", scope=\"b\"",
                Some("https://a.test/x"),
            ),
            ("Bearer scope=\"b\", resource_metadata=https://a.test/x", Some("https://a.test/x")),
            ("Bearer", None),
        ] {
            assert_eq!(named(challenge).as_deref(), expect, "{challenge}");
        }
    }
}
