//! What there is, and what each of it is answered with.

use std::sync::Arc;
use std::time::Instant;

use hyper::body::{Bytes, Incoming};
use hyper::header::{COOKIE, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};

use super::live::Feed;
use super::looking::Looking;
use super::reply::{self, Content, goes_to, html, reply, says};
use super::session::Name;
use super::wall::{Refusal, Use};
use super::{Caller, answer, edit, wall};
use crate::api::{Asked, Desk, Trouble};
use crate::assets::{self, Asset};
use crate::page;

/// The prefix makes a browser hold us to `Secure`, `Path=/` and no `Domain`, so that nobody
/// else can have set it; it takes loopback for secure.
pub(super) const COOKIE_NAME: &str = "__Host-portcullis";
/// Longest name of a question, longer than any of ours.
const NAME: usize = 64;

type Reply = Response<Content>;

/// Something that we have.
enum Route<'a> {
    Link(&'a str),
    Questions,
    Question(&'a str),
    Answer(&'a str),
    Edit(&'a str),
    Edited(&'a str),
    Look(Looking),
    Live,
    Part(&'static Asset),
}

/// Answers a request, whatever it is.
pub(super) async fn answer(request: Request<Incoming>, caller: Caller) -> Reply {
    let (head, body) = request.into_parts();
    serve(&head, body, &caller).await.unwrap_or_else(|refusal| {
        let Refusal(status, why) = refusal;
        says(status, "Not here", why)
    })
}

async fn serve(head: &Parts, body: Incoming, caller: &Caller) -> Result<Reply, Refusal> {
    if wall::is_look(head, &caller.shared.look) {
        return Ok(look());
    }
    caller.shared.wall.admits(head)?;
    let nothing = Refusal(StatusCode::NOT_FOUND, "there is no such page");
    let route = Route::find(head).ok_or(nothing)?;
    caller.shared.wall.fits(head, route.made_for())?;
    match route {
        Route::Part(asset) => {
            let bytes = Bytes::from_static(asset.bytes);
            return Ok(reply(StatusCode::OK, asset.kind, Content::Whole(Some(bytes))));
        }
        Route::Link(token) => return Ok(open(token, caller)),
        _ => {}
    }
    let by_hand = head.headers.get("sec-fetch-dest").is_some_and(|it| it == "document");
    let Some(name) = session(&head.headers, by_hand, caller) else { return Ok(not_opened()) };
    let done = match route {
        Route::Questions => questions(caller).await,
        Route::Question(id) => question(id, name, caller).await,
        Route::Answer(id) => answer::take(head, body, id, name, caller).await,
        Route::Edit(id) => edit::page(id, name, caller).await,
        Route::Edited(id) => edit::take(head, body, id, name, caller).await,
        Route::Look(page) => page.page(caller).await,
        _ => Ok(live(name, caller)),
    };
    Ok(done.unwrap_or_else(|trouble| {
        says(StatusCode::INTERNAL_SERVER_ERROR, "That did not work", &trouble.to_string())
    }))
}

impl<'a> Route<'a> {
    fn find(head: &'a Parts) -> Option<Self> {
        let (path, query) = (head.uri.path(), head.uri.query());
        if let Some(id) = path.strip_prefix("/questions/") {
            let (id, edits) = id.strip_suffix("/edit").map_or((id, false), |id| (id, true));
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let fits = !id.is_empty() && id.len() <= NAME && id.chars().all(is_name);
            let made = match (head.method == Method::POST, edits) {
                (true, false) => Self::Answer,
                (false, false) => Self::Question,
                (true, true) => Self::Edited,
                (false, true) => Self::Edit,
            };
            return (fits && query.is_none()).then(|| made(id));
        }
        match (path, query) {
            ("/", None) => Some(Self::Questions),
            ("/open", Some(token)) => Some(Self::Link(token)),
            ("/live", None) => Some(Self::Live),
            (path, query) => match path.strip_prefix("/assets/") {
                Some(name) => assets::find(name).filter(|_| query.is_none()).map(Self::Part),
                None => Looking::find(path, query).map(Self::Look),
            },
        }
    }

    fn made_for(&self) -> Use {
        match self {
            Self::Link(_) => Use::Link,
            Self::Questions | Self::Question(_) | Self::Edit(_) | Self::Look(_) => Use::Page,
            Self::Answer(_) | Self::Edited(_) => Use::Form,
            Self::Live => Use::Script,
            Self::Part(_) => Use::Part,
        }
    }
}

/// Works at the desk, where a file may take its time.
pub(super) async fn ask<T: Send + 'static>(
    desk: &Arc<dyn Desk>,
    work: impl FnOnce(&dyn Desk) -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    let desk = Arc::clone(desk);
    let done = tokio::task::spawn_blocking(move || work(&*desk)).await;
    done.unwrap_or_else(|_| Err(Trouble("we failed, and nothing was answered".to_owned())))
}

fn open(token: &str, caller: &Caller) -> Reply {
    let cookie = caller.shared.sessions().open(token, Instant::now());
    let Ok(Some(cookie)) = cookie else {
        let text = "This link was used, or is too old. Press enter where the console runs to \
                    have a new one.";
        return says(StatusCode::FORBIDDEN, "This link opens nothing", text);
    };
    let set = format!("{COOKIE_NAME}={cookie}; Path=/; Secure; HttpOnly; SameSite=Strict");
    let mut response = goes_to("/");
    if let Ok(value) = HeaderValue::from_str(&set) {
        response.headers_mut().insert("set-cookie", value);
    }
    response
}

/// Whose request this is.
fn session(headers: &HeaderMap, by_hand: bool, caller: &Caller) -> Option<Name> {
    caller.shared.sessions().find(cookie(headers)?, by_hand, Instant::now())
}

/// The letters of the cookie. Two of our name are nobody's.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let mut ours = pairs.filter(|(name, _)| name.trim() == COOKIE_NAME);
    let (_, letters) = ours.next().filter(|_| ours.next().is_none())?;
    Some(letters.trim())
}

/// What anybody of our account may read, a host's agent too.
fn look() -> Reply {
    let text = "A question waits. Look at the window in which you opened the console, or run \
                `portcullis approvals`. Nothing is shown here, and nothing is answered here.\n";
    let text = Bytes::from_static(text.as_bytes());
    reply(StatusCode::OK, "text/plain; charset=utf-8", Content::Whole(Some(text)))
}

fn not_opened() -> Reply {
    let text = "This browser has not opened the console, or too long ago. Its link is printed \
                where the console runs; press enter there to have a new one.";
    says(StatusCode::UNAUTHORIZED, "Not opened here", text)
}

async fn questions(caller: &Caller) -> Result<Reply, Trouble> {
    let all = ask(&caller.desk, |desk| desk.questions()).await?;
    Ok(html(StatusCode::OK, page::questions(&all)))
}

async fn question(id: &str, name: Name, caller: &Caller) -> Result<Reply, Trouble> {
    let wanted = id.to_owned();
    let Some(asked) = ask(&caller.desk, move |desk| desk.question(&wanted)).await? else {
        return Ok(says(StatusCode::NOT_FOUND, "Nobody asked that", "There is no such question."));
    };
    let form = if asked.waits { form(&asked, None, name, caller)? } else { None };
    let text = page::question(&asked, form.as_ref());
    Ok(if form.is_some() { reply::form(text) } else { html(StatusCode::OK, text) })
}

/// A form that counts once, for this browser, this question as it is, and this edit of it.
pub(super) fn form(
    asked: &Asked,
    draft: Option<String>,
    name: Name,
    caller: &Caller,
) -> Result<Option<page::Form>, Trouble> {
    let shown = asked.digest_of_all();
    let token = caller.shared.sessions().show(name, &asked.id, &shown, draft, Instant::now());
    let token = token.map_err(|error| Trouble(error.to_string()))?;
    Ok(token.map(|token| page::Form { token, shown }))
}

fn live(name: Name, caller: &Caller) -> Reply {
    match Feed::new(&caller.news, Arc::clone(&caller.shared), name) {
        Some(feed) => reply(StatusCode::OK, "text/event-stream", Content::Live(feed)),
        None => says(StatusCode::SERVICE_UNAVAILABLE, "Too many", "Too many pages are open."),
    }
}
