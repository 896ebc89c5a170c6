//! What an answer takes: a form that was shown to this browser, long enough ago to be read, of a
//! question that is still the one that was shown.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::{Duration, Instant};

use hyper::body::{Body as _, Incoming};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use portcullis_mediation::Fingerprint;
use portcullis_mediation::grant::Lasts;

use super::reply::{Content, goes_to, html, says};
use super::secret::same;
use super::session::{Name, NotShown};
use super::{Caller, route};
use crate::api::{Asked, Decided, Said, Trouble};
use crate::page;

/// Longest form: two digests and a word.
const LONGEST: usize = 4 * 1024;
/// How long it may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the form said.
struct Filled {
    token: String,
    shown: String,
    answer: Said,
}

/// Takes an answer.
///
/// # Cancel safety
/// What has not reached the desk when the browser breaks off does not count.
pub(super) async fn take(
    head: &Parts,
    body: Incoming,
    id: &str,
    name: Name,
    caller: &Caller,
) -> Result<Response<Content>, Trouble> {
    let is_form = head.headers.get("content-type").is_some_and(|kind| kind == FORM);
    let text = match tokio::time::timeout(PATIENCE, whole(body)).await {
        Ok(Ok(text)) if is_form => text,
        Ok(Err(status)) => return Ok(says(status, "No answer", "The form is not one of ours.")),
        _ => return Ok(unanswered(id, "the form is not one of ours")),
    };
    let Some(said) = read(&text) else {
        return Ok(unanswered(id, "the form is not one of ours"));
    };
    let shown = caller.shared.sessions().take(name, &said.token, id, Instant::now());
    let shown = match shown {
        Ok(shown) => shown,
        Err(NotShown::TooEarly) => {
            return Ok(unanswered(id, "it came before anybody can have read the question"));
        }
        Err(NotShown::Unknown) => {
            return Ok(unanswered(id, "the form was used, or was not shown to this browser"));
        }
    };
    let wanted = id.to_owned();
    let asked = route::ask(&caller.desk, move |desk| desk.question(&wanted)).await?;
    if let Some(over) = asked.as_ref().filter(|asked| !asked.waits) {
        return Ok(unanswered(id, &format!("the question is {} already", over.state)));
    }
    let now = asked.as_ref().map(digest).unwrap_or_default();
    let is_same = |one: &str| same(one.as_bytes(), now.as_bytes());
    if !is_same(&shown.digest) || !is_same(&said.shown) {
        return Ok(unanswered(id, "the question is not the one that was shown any more"));
    }
    let (wanted, answer) = (id.to_owned(), said.answer);
    match route::ask(&caller.desk, move |desk| desk.decide(&wanted, answer)).await? {
        Decided::Stored => Ok(goes_to(&format!("/questions/{id}"))),
        Decided::TooLate(state) => Ok(unanswered(id, &format!("the question is {state} already"))),
        Decided::Refused(why) => Ok(unanswered(id, &why)),
        Decided::Unknown => Ok(unanswered(id, "nobody asks that any more")),
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

/// An answer that does not count, and why.
fn unanswered(id: &str, why: &str) -> Response<Content> {
    let place = format!("/questions/{id}");
    let text = format!("Your answer does not count: {why}. Nothing was approved by it.");
    let way = Some((place.as_str(), "Look at the question again"));
    html(StatusCode::CONFLICT, page::message("Not answered", &text, way))
}

/// All of a body that is short.
async fn whole(mut body: Incoming) -> Result<String, StatusCode> {
    let mut bytes = Vec::new();
    if body.size_hint().lower() > LONGEST as u64 {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|_| StatusCode::BAD_REQUEST)?;
        bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        if bytes.len() > LONGEST {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
    }
    String::from_utf8(bytes).map_err(|_| StatusCode::BAD_REQUEST)
}

/// Each field once at most, and no other; none of them needs an escape but a digest's colon.
fn read(text: &str) -> Option<Filled> {
    let mut fields: [(&str, Option<String>); 5] =
        ["token", "shown", "answer", "covers", "lasts"].map(|name| (name, None));
    for pair in text.split('&') {
        let (name, value) = pair.split_once('=')?;
        let value = value.replace("%3A", ":");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == ':';
        let (_, slot) = fields.iter_mut().find(|(field, _)| *field == name)?;
        if !value.chars().all(is_plain) || slot.replace(value).is_some() {
            return None;
        }
    }
    let [token, shown, answer, covers, lasts] = fields.map(|(_, value)| value);
    let answer = match answer?.as_str() {
        "approve" => Said::Once,
        "deny" => Said::Deny,
        "stands" => Said::Stands { cover: covers?.parse().ok()?, lasts: Lasts::parse(&lasts?)? },
        _ => return None,
    };
    Some(Filled { token: token?, shown: shown?, answer })
}

/// The digest of all that a page shows of a question, each part with its length before it.
pub(super) fn digest(asked: &Asked) -> String {
    let mut text = String::new();
    let mut add = |part: &str| {
        text.push_str(&format!("{}:{part},", part.len()));
    };
    let Asked { id, state, waits: _, kind, server, tool, arguments, risk, reasons, .. } = asked;
    for part in [id, state, kind, server, tool, arguments, risk] {
        add(part);
    }
    reasons.iter().for_each(|reason| add(reason));
    let Asked { caller, asked, until, left: _, definition, digest, covers, decided_by, .. } = asked;
    for part in [caller, asked, until, definition, digest] {
        add(part);
    }
    covers.iter().for_each(|cover| add(cover));
    add(decided_by.as_deref().unwrap_or_default());
    Fingerprint::of(text.as_bytes()).as_str().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_each_thing_once() {
        let said = read("token=00ff&shown=sha256%3Aab&answer=approve").unwrap();
        assert_eq!((said.token.as_str(), said.shown.as_str()), ("00ff", "sha256:ab"));
        assert_eq!(said.answer, Said::Once);
        // What a select says beside another button means nothing.
        let denied = read("answer=deny&token=0&shown=1&covers=2&lasts=always").unwrap();
        assert_eq!(denied.answer, Said::Deny);
        let stands = read("answer=stands&token=0&shown=1&covers=2&lasts=10m").unwrap();
        assert_eq!(stands.answer, Said::Stands { cover: 2, lasts: Lasts::Minutes(10) });
        for wrong in [
            "",
            "token=0&shown=1",
            "token=0&shown=1&answer=",
            "token=0&shown=1&answer=yes",
            "token=0&shown=1&answer=stands",
            "token=0&shown=1&answer=stands&covers=1",
            "token=0&shown=1&answer=stands&covers=1&lasts=ever",
            "token=0&shown=1&answer=stands&covers=x&lasts=session",
            "token=0&shown=1&answer=stands&covers=1&covers=2&lasts=session",
            "token=0&shown=1&answer=Approve",
            "token=0&shown=1&answer=deny&answer=approve",
            "token=0&shown=1&answer=approve&more=x",
            "token=0&token=0&shown=1&answer=approve",
            "token=%30&shown=1&answer=approve",
            "token=0&shown=1&answer=approve&",
            "token=0;shown=1;answer=approve",
        ] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }
}
