//! What there is behind a door: the link, the page, its form, and the way back.

use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use tokio::sync::oneshot;

use super::{BACK, Caller, Came};
use crate::assets;
use crate::page;
use crate::web::answer::form_of;
use crate::web::reply::{self, Content, goes_to, html, reply};
use crate::web::route::{COOKIE_NAME, cookie};
use crate::web::secret::Secret;
use crate::web::wall::{Refusal, Use};

/// Longest form: a token and a word.
const FORM: usize = 1024;

type Reply = Response<Content>;

/// Answers a request, whatever it is.
pub(super) async fn answer(request: Request<Incoming>, caller: Caller) -> Reply {
    let (head, body) = request.into_parts();
    serve(&head, body, &caller)
        .await
        .unwrap_or_else(|Refusal(status, why)| html(status, page::told("Not here", why)))
}

async fn serve(head: &Parts, body: Incoming, caller: &Caller) -> Result<Reply, Refusal> {
    if caller.shared.back.admits(head).is_ok() {
        return back(head, caller).await;
    }
    let wall = &caller.shared.wall;
    wall.admits(head)?;
    match (head.uri.path(), head.uri.query()) {
        ("/open", Some(token)) => {
            wall.fits(head, Use::Link)?;
            Ok(open(token, caller))
        }
        ("/", None) => {
            wall.fits(head, Use::Page)?;
            Ok(if is_browser(head, caller) { shown(caller) } else { not_opened() })
        }
        ("/answer", None) => {
            wall.fits(head, Use::Form)?;
            if !is_browser(head, caller) {
                return Ok(not_opened());
            }
            let text = form_of(head, body, FORM).await.unwrap_or_default();
            Ok(answered(&text, caller).await)
        }
        (path, None) => part(head, path, wall),
        _ => Err(nothing()),
    }
}

fn nothing() -> Refusal {
    Refusal(StatusCode::NOT_FOUND, "there is no such page")
}

/// The style of the pages.
fn part(head: &Parts, path: &str, wall: &crate::web::wall::Wall) -> Result<Reply, Refusal> {
    let asset = path.strip_prefix("/assets/").and_then(assets::find).ok_or_else(nothing)?;
    wall.fits(head, Use::Part)?;
    Ok(reply(StatusCode::OK, asset.kind, Content::Whole(Some(Bytes::from_static(asset.bytes)))))
}

/// The link, which opens the page for one browser.
fn open(token: &str, caller: &Caller) -> Reply {
    let mut state = caller.state();
    let fresh = caller.shared.link.is(token) && state.browser.is_none() && !state.answered;
    let Some(cookie) = Secret::roll().ok().filter(|_| fresh) else {
        let says = "The link was used, or is of a question that is over.";
        return html(StatusCode::FORBIDDEN, page::told("This link opens nothing", says));
    };
    let set =
        format!("{COOKIE_NAME}={}; Path=/; Secure; HttpOnly; SameSite=Strict", cookie.letters());
    state.browser = Some(cookie);
    let mut response = goes_to("/");
    if let Ok(value) = HeaderValue::from_str(&set) {
        response.headers_mut().insert("set-cookie", value);
    }
    response
}

/// Whether this is the browser that opened the link.
fn is_browser(head: &Parts, caller: &Caller) -> bool {
    let letters = cookie(&head.headers);
    let state = caller.state();
    letters.zip(state.browser.as_ref()).is_some_and(|(letters, browser)| browser.is(letters))
}

fn not_opened() -> Reply {
    let says = "Open the link in this browser: it is where Portcullis runs, and in `portcullis approvals`.";
    html(StatusCode::FORBIDDEN, page::told("Not opened", says))
}

/// The page, with a form that counts once.
fn shown(caller: &Caller) -> Reply {
    let mut state = caller.state();
    let Some(form) = Secret::roll().ok().filter(|_| !state.answered) else {
        return html(StatusCode::GONE, page::told("Answered", "This question is over."));
    };
    let letters = form.letters();
    state.form = Some(form);
    reply::form(page::consent(&caller.sheet, &letters))
}

/// The form.
async fn answered(text: &str, caller: &Caller) -> Reply {
    let says_yes = match taken(text, caller) {
        Some(says_yes) => says_yes,
        None => {
            let says = "The form was used, or was not shown to this browser. Nothing was opened.";
            return html(StatusCode::CONFLICT, page::told("Not answered", says));
        }
    };
    if !says_yes {
        let _ = caller.events.send(Came::No).await;
        let says = "Nothing was opened, and the server is not used as you.";
        return html(StatusCode::OK, page::told("Not allowed", says));
    }
    let (say, said) = oneshot::channel();
    let sent = caller.events.send(Came::Yes(say)).await;
    match said.await {
        Ok(url) if sent.is_ok() => html(StatusCode::OK, page::way(&caller.sheet.at, &url)),
        _ => html(
            StatusCode::GONE,
            page::told("Too late", "This question is over. Nothing was opened."),
        ),
    }
}

/// What a form says, if it is the one that was shown; it is used up by it.
fn taken(text: &str, caller: &Caller) -> Option<bool> {
    let (token, answer) = match text.split('&').collect::<Vec<_>>().as_slice() {
        [token, answer] => (token.strip_prefix("token=")?, answer.strip_prefix("answer=")?),
        _ => return None,
    };
    let says_yes = match answer {
        "approve" => true,
        "deny" => false,
        _ => return None,
    };
    let mut state = caller.state();
    if state.answered || !state.form.take()?.is(token) {
        return None;
    }
    state.answered = true;
    Some(says_yes)
}

/// A browser that comes back. Which question it answers is known to whoever asked.
async fn back(head: &Parts, caller: &Caller) -> Result<Reply, Refusal> {
    if let Some(asset) = head.uri.path().strip_prefix("/assets/") {
        return part(head, &format!("/assets/{asset}"), &caller.shared.back);
    }
    if head.uri.path() != BACK {
        return Err(nothing());
    }
    caller.shared.back.fits(head, Use::Return)?;
    let query = head.uri.query().unwrap_or_default().to_owned();
    let (say, said) = oneshot::channel();
    let sent = caller.events.send(Came::Back(query, say)).await;
    Ok(match said.await {
        Ok(Ok(())) if sent.is_ok() => {
            let says = "The server can be used now. You can close this page.";
            html(StatusCode::OK, page::told("Allowed", says))
        }
        Ok(Err(why)) => {
            let says = format!("Nothing was kept: {why}.");
            html(StatusCode::BAD_REQUEST, page::told("That did not work", &says))
        }
        _ => html(StatusCode::GONE, page::told("Too late", "Nobody waits for this any more.")),
    })
}
