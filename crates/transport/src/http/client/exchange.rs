//! One message, sent as one request, and what comes back for it.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{ACCEPT, HeaderValue};
use portcullis_wire::Id;
use tokio::sync::watch;
use tokio::time::timeout;

use super::headers::mirroring;
use super::stream::{self, Ended};
use super::talk::{Hears, Talk};
use super::{Heard, Order};
use crate::http::fetch::{Answer, Ask, FetchError};

/// How long what asks nothing may take to be taken.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of a body is read that nobody wants, so that the connection can be used again.
const REST: usize = 4 << 10;

/// Why nothing comes back, in words for the operator.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server forgot the conversation.
    Lost,
    /// There is no credential that it lets in.
    Barred(String),
    /// Something else.
    Told(String),
}

impl From<FetchError> for Trouble {
    fn from(error: FetchError) -> Self {
        Self::Told(error.to_string())
    }
}

impl From<String> for Trouble {
    fn from(told: String) -> Self {
        Self::Told(told)
    }
}

/// Sends a request and hears everything that belongs to it.
pub(super) async fn request(
    talk: Arc<Talk>,
    order: Order,
    id: Id,
    before: Option<watch::Receiver<bool>>,
) {
    ready(before).await;
    // Who listens does so until it is enough.
    let listens = order.method() == "subscriptions/listen";
    let answered = answered(&talk, &order, &id);
    let answered = match listens {
        true => answered.await,
        false => timeout(talk.remote.ceiling, answered)
            .await
            .unwrap_or_else(|_| Err(Trouble::Told(FetchError::TooSlow.to_string()))),
    };
    let about = |told: String| format!("{}: {told}", order.method());
    let heard = match answered {
        Ok(()) => return,
        Err(Trouble::Lost) => Heard::Lost,
        Err(Trouble::Barred(told)) => Heard::Barred(id, about(told)),
        Err(Trouble::Told(told)) => Heard::Failed(id, about(told)),
    };
    talk.say(heard).await;
}

/// Sends what asks nothing; whatever follows may be sent when it was taken.
pub(super) async fn telling(
    talk: Arc<Talk>,
    order: Order,
    before: Option<watch::Receiver<bool>>,
    done: watch::Sender<bool>,
) {
    ready(before).await;
    let taken = async {
        let answer = sent(&talk, &order, PATIENCE).await?;
        let status = answer.status();
        if !status.is_success() {
            return Err(Trouble::Told(said(status)));
        }
        let _ = answer.read(REST, PATIENCE).await;
        Ok(())
    };
    let taken = taken.await;
    done.send_replace(true);
    match taken {
        Ok(()) => {}
        Err(Trouble::Lost) => talk.say(Heard::Lost).await,
        Err(Trouble::Told(told) | Trouble::Barred(told)) => {
            let what = if order.method().is_empty() { "an answer" } else { order.method() };
            talk.say(Heard::Told(format!("{what} did not arrive: {told}"))).await;
        }
    }
}

/// Waits until everything that must arrive before was taken, or will not be.
async fn ready(before: Option<watch::Receiver<bool>>) {
    if let Some(mut before) = before {
        let _ = before.wait_for(|done| *done).await;
    }
}

async fn answered(talk: &Talk, order: &Order, id: &Id) -> Result<(), Trouble> {
    let answer = sent(talk, order, talk.remote.ceiling).await?;
    let opens = order.method() == "initialize";
    let status = answer.status();
    if opens && status.is_success() {
        talk.named(&answer).map_err(|why| Trouble::Told(why.to_owned()))?;
    }
    let media = answer.media_type().unwrap_or_default();
    match media.as_str() {
        "text/event-stream" if status == StatusCode::OK => {
            match stream::answer(talk, answer, id, !order.is_modern()).await? {
                Ended::Answered(message) => {
                    if opens {
                        talk.agreed(&message);
                    }
                    talk.say(Heard::Message(message)).await;
                }
                Ended::Several => {}
            }
            Ok(())
        }
        // What a refusal says in the protocol's own words is its answer.
        "application/json" => match whole(talk, answer, id).await {
            Ok(Some(message)) => {
                if opens {
                    talk.agreed(&message);
                }
                talk.say(Heard::Message(message)).await;
                Ok(())
            }
            Ok(None) if status.is_success() => Ok(()),
            Ok(None) => Err(Trouble::Told(said(status))),
            Err(trouble) if status.is_success() => Err(trouble),
            Err(_) => Err(Trouble::Told(said(status))),
        },
        _ if !status.is_success() => Err(Trouble::Told(said(status))),
        _ => Err(Trouble::Told(format!("{}, and no message in it", said(status)))),
    }
}

/// The answer in one text. Of a refusal only what answers this request is heard.
async fn whole(
    talk: &Talk,
    answer: Answer,
    id: &Id,
) -> Result<Option<Box<portcullis_wire::Message>>, Trouble> {
    let (status, most) = (answer.status(), talk.remote.limits.message_bytes);
    let read = answer.read(most, talk.remote.ceiling).await;
    if read == Err(FetchError::TooLarge) {
        talk.say(Talk::too_long()).await;
    }
    let text = read?;
    if !status.is_success() {
        let parsed = portcullis_wire::parse(&text, &talk.remote.limits).ok();
        let answers = |message: &portcullis_wire::Message| match message {
            portcullis_wire::Message::Response(response) => response.id.as_ref() == Some(id),
            _ => false,
        };
        return Ok(parsed.filter(answers).map(Box::new));
    }
    match talk.hears(&text, Some(id)).await {
        Hears::Answer(message) => Ok(Some(Box::new(message))),
        Hears::Several => Ok(None),
        Hears::Other => Err(Trouble::Told("something else was answered".to_owned())),
    }
}

/// Sends a message; once more when it was refused for want of a credential that is there now.
async fn sent(talk: &Talk, order: &Order, patience: Duration) -> Result<Answer, Trouble> {
    let accept = HeaderValue::from_static("application/json, text/event-stream");
    let mut again = true;
    loop {
        let session = talk.name().filter(|_| order.method() != "initialize");
        let named = session.is_some();
        let ask = Ask::post(talk.url(), "application/json", order.json.clone());
        let ask = ask.with(ACCEPT, accept.clone()).within(patience);
        let ask = mirroring(talk.dressed(ask, session).await.map_err(Trouble::Barred)?, order);
        let answer = talk.asks(&ask, order.method() == "tools/call").await?;
        let refused = matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if answer.status() == StatusCode::NOT_FOUND && named {
            return Err(Trouble::Lost);
        }
        if !refused {
            return Ok(answer);
        }
        let challenge = Talk::challenge(&ask, &answer);
        let not_taken = challenge.says_not_taken();
        let first = std::mem::take(&mut again);
        let credential = &talk.remote.credential;
        let new = first && credential.challenged(challenge).await.map_err(Trouble::Barred)?;
        // Whatever a credential says, a call is not made twice on a word that may mean anything.
        if new && (order.method() != "tools/call" || not_taken) {
            continue;
        }
        return if not_taken { Err(Trouble::Barred(said(answer.status()))) } else { Ok(answer) };
    }
}

/// A status in words of ours: what the server says of it is nobody's business.
pub(super) fn said(status: StatusCode) -> String {
    format!("the server says {}", status.as_u16())
}
