//! What holds for a whole conversation: its name, its revision, and who waits for what comes.

use std::sync::{Mutex, PoisonError};

use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use portcullis_wire::{Malformed, MalformedKind, Message, Outcome, parse};
use tokio::sync::mpsc;

use super::credential::Challenge;
use super::{Heard, Remote};
use crate::http::fetch::{Answer, Ask, FetchError, Follow, Url, is_redirect};

/// The header with the name of a conversation (until 2025-11-25).
pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
/// The header with the revision.
pub(super) const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// Longest name that a server may give, in bytes.
const LONGEST: usize = 1024;
/// Challenges that are looked at, and their length.
const CHALLENGES: (usize, usize) = (8, 4 << 10);

/// A conversation.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) remote: Remote,
    heard: mpsc::Sender<Heard>,
    named: Mutex<Named>,
    /// Where the server leads requests that are sent to its address.
    led: Mutex<Option<Url>>,
}

/// What the server said in its answer to `initialize`.
#[derive(Debug, Default)]
struct Named {
    /// It opens the conversation, so it is never printed.
    session: Option<HeaderValue>,
    version: Option<HeaderValue>,
}

impl Talk {
    pub(super) fn new(remote: Remote, heard: mpsc::Sender<Heard>) -> Self {
        Self { remote, heard, named: Mutex::default(), led: Mutex::default() }
    }

    /// Whoever hears waits no more when this cannot be said.
    pub(super) async fn say(&self, heard: Heard) {
        let _ = self.heard.send(heard).await;
    }

    /// Where requests go.
    pub(super) fn url(&self) -> Url {
        let led = self.led.lock().unwrap_or_else(PoisonError::into_inner).clone();
        led.unwrap_or_else(|| self.remote.url.clone())
    }

    /// Sends a request where the server wants it. One that must not be taken twice is sent on to
    /// nowhere: whoever answers so may have taken it.
    pub(super) async fn asks(&self, ask: &Ask, once: bool) -> Result<Answer, FetchError> {
        if once {
            let answer = self.remote.fetcher.send(ask).await?;
            let sent_on = is_redirect(answer.status());
            let why = FetchError::Redirected("with a call, which is made once");
            return if sent_on { Err(why) } else { Ok(answer) };
        }
        let (answer, led) = self.remote.fetcher.led(ask, Follow::SameOrigin).await?;
        if led.is_some() {
            *self.led.lock().unwrap_or_else(PoisonError::into_inner) = led;
        }
        Ok(answer)
    }

    /// The conversation began with `initialize`.
    pub(super) fn is_legacy(&self) -> bool {
        self.named.lock().unwrap_or_else(PoisonError::into_inner).version.is_some()
    }

    /// Its name.
    pub(super) fn name(&self) -> Option<HeaderValue> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner).session.clone()
    }

    pub(super) fn forget(&self) {
        *self.named.lock().unwrap_or_else(PoisonError::into_inner) = Named::default();
    }

    /// The name that an answer to `initialize` gives.
    pub(super) fn named(&self, answer: &Answer) -> Result<(), &'static str> {
        let mut all = answer.headers().get_all(SESSION).iter();
        let Some(name) = all.next() else { return Ok(()) };
        let visible = name.as_bytes().iter().all(u8::is_ascii_graphic);
        if all.next().is_some() || name.is_empty() || name.len() > LONGEST || !visible {
            return Err("the name that it gives the session is not one of visible ASCII letters");
        }
        let mut name = name.clone();
        name.set_sensitive(true);
        self.named.lock().unwrap_or_else(PoisonError::into_inner).session = Some(name);
        Ok(())
    }

    /// The revision that an answer to `initialize` agrees on.
    pub(super) fn agreed(&self, message: &Message) {
        let Message::Response(response) = message else { return };
        let Outcome::Result(result) = &response.outcome else { return };
        let version = result.object().and_then(|all| all.get("protocolVersion")?.as_text());
        let version = version.and_then(|text| HeaderValue::try_from(text).ok());
        self.named.lock().unwrap_or_else(PoisonError::into_inner).version = version;
    }

    /// A request with everything that all requests of this conversation carry.
    pub(super) async fn dressed(
        &self,
        mut ask: Ask,
        session: Option<HeaderValue>,
    ) -> Result<Ask, String> {
        ask = ask.with_all(self.remote.headers.clone());
        if let Some(session) = session {
            ask = ask.with(SESSION, session);
        }
        let version = self.named.lock().unwrap_or_else(PoisonError::into_inner).version.clone();
        if let Some(version) = version {
            ask = ask.with(VERSION, version);
        }
        if let Some(mut value) = self.remote.credential.authorization().await? {
            value.set_sensitive(true);
            ask = ask.with(AUTHORIZATION, value);
        }
        Ok(ask)
    }

    /// What a refusal asks for.
    pub(super) fn challenge(ask: &Ask, answer: &Answer) -> Challenge {
        let says = answer.headers().get_all(WWW_AUTHENTICATE).iter();
        let says = says.filter_map(|value| value.to_str().ok());
        let says = says.filter(|text| text.len() <= CHALLENGES.1).take(CHALLENGES.0);
        let refused = ask.header(&AUTHORIZATION).cloned();
        Challenge { status: answer.status(), refused, says: says.map(str::to_owned).collect() }
    }

    /// Hears one text. True when it is the answer to this request.
    pub(super) async fn hears(&self, text: &[u8], request: Option<&super::Id>) -> Hears {
        match parse(text, &self.remote.limits) {
            Ok(message) => {
                let answers = match &message {
                    Message::Response(response) => {
                        request.is_some() && response.id.as_ref() == request
                    }
                    _ => false,
                };
                let heard = if answers { Hears::Answer(message.clone()) } else { Hears::Other };
                match request {
                    _ if answers => {}
                    Some(id) => self.say(Heard::Within(id.clone(), Box::new(message))).await,
                    None => self.say(Heard::Message(Box::new(message))).await,
                }
                heard
            }
            Err(Malformed { kind: MalformedKind::Batch, .. }) => {
                self.say(Heard::Several(text.to_vec())).await;
                Hears::Several
            }
            Err(malformed) => {
                self.say(Heard::Malformed(malformed)).await;
                Hears::Other
            }
        }
    }

    pub(super) fn too_long() -> Heard {
        Heard::Malformed(Malformed { kind: MalformedKind::TooLong, id: None })
    }
}

/// What one text was.
#[derive(Debug)]
pub(super) enum Hears {
    /// What was waited for.
    Answer(Message),
    /// Several messages; the answer may be among them.
    Several,
    /// Something else, which was said.
    Other,
}
