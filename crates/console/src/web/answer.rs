//! What an answer takes: a form that was shown to this browser, long enough ago to be read, of a
//! question that is still the one that was shown.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::{Duration, Instant};

use hyper::body::{Body as _, Incoming};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use portcullis_mediation::grant::Lasts;

use super::reply::{Content, goes_to, html, says};
use super::secret::same;
use super::session::{Name, NotShown};
use super::{Caller, route};
use crate::api::{Asked, Decided, Desk, Said, Trouble};
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
    let text = match form_of(head, body, LONGEST).await {
        Ok(text) => text,
        Err(refused) => {
            return Ok(refused.unwrap_or_else(|| unanswered(id, "the form is not one of ours")));
        }
    };
    let Some(said) = read(&text) else {
        return Ok(unanswered(id, "the form is not one of ours"));
    };
    let draft = match still_as_shown(&said.token, &said.shown, id, name, caller).await? {
        Ok((_, draft)) => draft,
        Err(refused) => return Ok(refused),
    };
    let (wanted, answer) = (id.to_owned(), said.answer);
    // A page that showed an edit is answered with that, or with no.
    let work = move |desk: &dyn Desk| match (answer, draft) {
        (Said::Deny, _) | (_, None) => desk.decide(&wanted, answer),
        (Said::Once, Some(content)) => desk.edit(&wanted, &content),
        (Said::Stands { .. }, Some(_)) => {
            Ok(Decided::Refused("what was edited is approved once".to_owned()))
        }
    };
    match route::ask(&caller.desk, work).await? {
        Decided::Stored => Ok(goes_to(&format!("/questions/{id}"))),
        Decided::TooLate(state) => Ok(unanswered(id, &format!("the question is {state} already"))),
        Decided::Refused(why) => Ok(unanswered(id, &why)),
        Decided::Unknown => Ok(unanswered(id, "nobody asks that any more")),
    }
}

/// The text of a form of ours; without it, the answer that says why, if there is a better
/// one than that it is none.
pub(super) async fn form_of(
    head: &Parts,
    body: Incoming,
    longest: usize,
) -> Result<String, Option<Response<Content>>> {
    let is_form = head.headers.get("content-type").is_some_and(|kind| kind == FORM);
    match tokio::time::timeout(PATIENCE, whole(body, longest)).await {
        Ok(Ok(text)) if is_form => Ok(text),
        Ok(Err(status)) => Err(Some(says(status, "No answer", "The form is not one of ours."))),
        _ => Err(None),
    }
}

/// The question of a form that was shown to this browser long enough ago, if it is still the
/// one that was shown; and what the page said would go on in its place.
pub(super) async fn still_as_shown(
    token: &str,
    said: &str,
    id: &str,
    name: Name,
    caller: &Caller,
) -> Result<Result<(Asked, Option<String>), Response<Content>>, Trouble> {
    let shown = caller.shared.sessions().take(name, token, id, Instant::now());
    let no = |why: &str| Ok(Err(unanswered(id, why)));
    let shown = match shown {
        Ok(shown) => shown,
        Err(NotShown::TooEarly) => {
            return no("it came before anybody can have read the question");
        }
        Err(NotShown::Unknown) => {
            return no("the form was used, or was not shown to this browser");
        }
    };
    let wanted = id.to_owned();
    let asked = route::ask(&caller.desk, move |desk| desk.question(&wanted)).await?;
    if let Some(over) = asked.as_ref().filter(|asked| !asked.waits) {
        return no(&format!("the question is {} already", over.state));
    }
    let now = asked.as_ref().map(Asked::digest_of_all).unwrap_or_default();
    let is_same = |one: &str| same(one.as_bytes(), now.as_bytes());
    match asked.filter(|_| is_same(&shown.digest) && is_same(said)) {
        Some(asked) => Ok(Ok((asked, shown.draft))),
        None => no("the question is not the one that was shown any more"),
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

/// An answer that does not count, and why.
pub(super) fn unanswered(id: &str, why: &str) -> Response<Content> {
    let place = format!("/questions/{id}");
    let text = format!("Your answer does not count: {why}. Nothing was approved by it.");
    let way = Some((place.as_str(), "Look at the question again"));
    html(StatusCode::CONFLICT, page::message("Not answered", &text, way))
}

/// All of a body that is short.
async fn whole(mut body: Incoming, longest: usize) -> Result<String, StatusCode> {
    let mut bytes = Vec::new();
    if body.size_hint().lower() > longest as u64 {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|_| StatusCode::BAD_REQUEST)?;
        bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        if bytes.len() > longest {
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
