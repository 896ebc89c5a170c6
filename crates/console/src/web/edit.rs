//! What a person edits on a page: shown with the fields, then once more as it would go on.
//! Only the second page has a button that approves, and it approves what that page showed.

use std::collections::BTreeMap;

use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use portcullis_mediation::Matter;
use portcullis_mediation::edit::{LONGEST, judge, may_edit, with};

use super::answer::{self, unanswered};
use super::reply::{self, Content, says};
use super::session::Name;
use super::{Caller, route};
use crate::api::{Asked, Trouble};
use crate::page;

/// Longest form: every byte may be written as three.
const FORM: usize = LONGEST * 3 + 64 * 1024;

/// The page with the fields.
pub(super) async fn page(
    id: &str,
    name: Name,
    caller: &Caller,
) -> Result<Response<Content>, Trouble> {
    let wanted = id.to_owned();
    let asked = route::ask(&caller.desk, move |desk| desk.question(&wanted)).await?;
    let Some(asked) = asked.filter(|asked| asked.waits && may_edit(matter(asked))) else {
        let text = "There is no such question, it is over, or it is one that is not edited.";
        return Ok(says(StatusCode::NOT_FOUND, "Nothing to edit", text));
    };
    let form = route::form(&asked, None, name, caller)?;
    let none = || says(StatusCode::UNAUTHORIZED, "Not opened here", "The console was closed.");
    Ok(form.map_or_else(none, |form| reply::form(page::edit(&asked, &form))))
}

/// Takes the fields; shows what would go on. Nothing is answered by this.
pub(super) async fn take(
    head: &Parts,
    body: Incoming,
    id: &str,
    name: Name,
    caller: &Caller,
) -> Result<Response<Content>, Trouble> {
    let text = match answer::form_of(head, body, FORM).await {
        Ok(text) => text,
        Err(refused) => return Ok(refused.unwrap_or_else(|| not_ours(id))),
    };
    let Some(mut fields) = read(&text) else { return Ok(not_ours(id)) };
    let (Some(token), Some(shown)) = (fields.remove("token"), fields.remove("shown")) else {
        return Ok(not_ours(id));
    };
    let asked = match answer::still_as_shown(&token, &shown, id, name, caller).await? {
        Ok((asked, _)) => asked,
        Err(refused) => return Ok(refused),
    };
    let matter = matter(&asked);
    let edited = with(matter, &asked.arguments, &fields);
    match edited.and_then(|edited| judge(matter, &asked.arguments, &edited)) {
        Ok(content) => {
            let Some(form) = route::form(&asked, Some(content.clone()), name, caller)? else {
                return Ok(not_ours(id));
            };
            Ok(reply::form(page::edited(&asked, &content, &form)))
        }
        Err(why) => Ok(unanswered(id, &why.to_string())),
    }
}

fn matter(asked: &Asked) -> Matter {
    Matter::parse(&asked.kind).unwrap_or(Matter::Tool)
}

fn not_ours(id: &str) -> Response<Content> {
    unanswered(id, "the form is not one of ours")
}

/// Each field once at most (URL Standard, 5.1).
fn read(text: &str) -> Option<BTreeMap<String, String>> {
    let mut fields = BTreeMap::new();
    for pair in text.split('&') {
        let (name, value) = pair.split_once('=')?;
        if fields.insert(decoded(name)?, decoded(value)?).is_some() {
            return None;
        }
    }
    Some(fields)
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digit =
                    |byte: u8| char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                bytes.push(high * 16 + low);
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_in_one_way() {
        let fields = read("part0=a+b%0D%0A%C3%BC%26&token=00").unwrap();
        assert_eq!(fields["part0"], "a b\r\nü&");
        assert_eq!(fields["token"], "00");
        for wrong in ["", "a", "a=1&a=2", "a=%", "a=%4", "a=%zz", "a=%FF", "a=1&"] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }
}
