//! What a request is made of: in the era in which the server speaks, and in a session where there is one.

use hyper::Method;
use portcullis_guard::egress::Url;
use portcullis_wire::view::lifecycle::{
    CLIENT_CAPABILITIES, CLIENT_INFO, Discovered, Initialized, PROTOCOL_VERSION, SERVER_INFO,
};
use portcullis_wire::{Era, Id, Json, Message, Notification, Object, Request, Revision};
use serde_json::{Value, json};

use super::wire::{Ask, Came, SESSION, Way, Who, Wire};
use crate::evidence::http::Question;

/// What the request is of (2025-06-18).
pub(super) const VERSION: &str = "mcp-protocol-version";
/// What the body asks for (2026-07-28).
pub(super) const METHOD: &str = "mcp-method";
/// Whom it asks (2026-07-28).
const NAME: &str = "mcp-name";
/// What an answer may be.
pub(super) const ACCEPT: &str = "accept";
/// What a body is.
pub(super) const CONTENT: &str = "content-type";
/// Sessions that are ended when we leave.
const ENDED: usize = 40;

/// What a server tells about itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Hello {
    pub(super) revision: Option<String>,
    pub(super) server: Option<String>,
    pub(super) instructions: Option<String>,
    pub(super) capabilities: Value,
}

/// A conversation.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) wire: Wire,
    /// How it speaks with us.
    pub(super) era: Era,
    /// It speaks HTTP with SSE, as 2024-11-05 has it.
    pub(super) old: bool,
    /// The session that we are in.
    pub(super) session: Option<String>,
    /// The revision that was agreed on.
    pub(super) revision: String,
    /// Every name of a session that was seen, in order.
    pub(super) names: Vec<String>,
    last: u32,
}

impl Talk {
    pub(super) fn new(wire: Wire) -> Self {
        Self {
            wire,
            era: Era::Legacy,
            old: false,
            session: None,
            revision: Revision::latest_legacy().as_str().to_owned(),
            names: Vec::new(),
            last: 0,
        }
    }

    /// Opens the conversation, in whichever way the server speaks.
    pub(super) fn greet(&mut self) -> Option<Hello> {
        let came = self.open(Question::Hello, Who::Us)?;
        let status = came.status.as_u16();
        if let Some(hello) = came.result().and_then(|result| initialized(&result)) {
            self.session = self.names.last().cloned();
            return Some(self.begun(hello));
        }
        if matches!(status, 401 | 403) {
            return None;
        }
        let modern = self.discover();
        // Who is no server of newer revisions refuses what is posted (2025-11-25, "Backwards Compatibility").
        let refused = (400..500).contains(&status);
        if modern.is_some() || !refused { modern } else { self.greet_by_stream() }
    }

    /// The same by a stream, as 2024-11-05 has it.
    fn greet_by_stream(&mut self) -> Option<Hello> {
        (self.era, self.old) = (Era::Legacy, true);
        self.revision = Revision::latest_legacy().as_str().to_owned();
        let mut came = self.open(Question::Hello, Who::Us)?;
        self.wire.stream = came.stream.take();
        let hello = came.result().and_then(|result| initialized(&result))?;
        Some(self.begun(hello))
    }

    fn discover(&mut self) -> Option<Hello> {
        self.era = Era::Modern;
        self.revision = Revision::V2026_07_28.as_str().to_owned();
        let ask = self.request(Question::Discover, "server/discover", Object::new());
        discovered(&self.wire.send(ask)?.result()?)
    }

    /// Says that the session has begun.
    fn begun(&mut self, hello: Hello) -> Hello {
        self.revision = hello.revision.clone().unwrap_or_default();
        let method = "notifications/initialized".to_owned();
        let done = Message::Notification(Notification { method, params: None });
        let ask = self.carrying(Question::Hello, &done, None);
        let _ = self.wire.send(ask);
        hello
    }

    /// Asks for a session of its own, for whoever asks. Its name is remembered.
    pub(super) fn open(&mut self, question: Question, who: Who) -> Option<Came> {
        let ask = Ask { who, ..self.opening(question) };
        self.sent(ask)
    }

    /// An honest `initialize`.
    pub(super) fn opening(&mut self, question: Question) -> Ask {
        let mut params = Object::new();
        params.set("protocolVersion", Json::string(Revision::latest_legacy().as_str()));
        params.set("capabilities", Object::new().to_json());
        params.set("clientInfo", ourselves());
        let id = self.id();
        let params = Some(params.to_json());
        let request = Request { id: id.clone(), method: "initialize".to_owned(), params };
        let ask = self.carrying(question, &Message::Request(request), Some(id));
        let way = if self.old { Way::Fresh } else { Way::Post };
        Ask { way, ..ask.with(SESSION, None).with(VERSION, None) }
    }

    /// The request that asks for the least: it opens a session where there are some, else it lists tools.
    pub(super) fn honest(&mut self, question: Question) -> Ask {
        match self.era {
            Era::Legacy => self.opening(question),
            Era::Modern => self.request(question, "tools/list", Object::new()),
        }
    }

    /// A request in our session.
    pub(super) fn request(&mut self, question: Question, method: &str, params: Object) -> Ask {
        let revision = self.revision.clone();
        self.request_of(question, method, params, &revision)
    }

    /// The same, of a revision.
    pub(super) fn request_of(
        &mut self,
        question: Question,
        method: &str,
        mut params: Object,
        revision: &str,
    ) -> Ask {
        let name = params.get("name").and_then(Json::as_text);
        if self.era == Era::Modern {
            let mut meta = Object::new();
            meta.set(PROTOCOL_VERSION, Json::string(revision));
            meta.set(CLIENT_CAPABILITIES, Object::new().to_json());
            meta.set(CLIENT_INFO, ourselves());
            params.set("_meta", meta.to_json());
        }
        let id = self.id();
        let params = (!params.is_empty()).then(|| params.to_json());
        let request = Request { id: id.clone(), method: method.to_owned(), params };
        let mut ask = self.carrying(question, &Message::Request(request), Some(id));
        ask = ask.with(VERSION, (!self.old).then_some(revision));
        if self.era == Era::Modern {
            ask = ask.with(METHOD, Some(method)).with(NAME, name.as_deref());
        }
        ask
    }

    /// Sends; the name of a session that comes back is remembered.
    pub(super) fn sent(&mut self, ask: Ask) -> Option<Came> {
        let came = self.wire.send(ask)?;
        self.names.extend(came.name().filter(|_| came.is_done()));
        Some(came)
    }

    /// A request without a body.
    pub(super) fn bare(&self, question: Question, method: Method, to: Option<Url>) -> Ask {
        let ask = Ask {
            question,
            method,
            to,
            host: None,
            headers: Vec::new(),
            body: None,
            who: Who::Us,
            id: None,
            way: Way::Post,
        };
        self.placed(ask)
    }

    /// Ends every session that was opened.
    pub(super) fn leave(&mut self) {
        if self.old {
            // They ended with their streams.
            self.wire.stream = None;
            return;
        }
        for name in std::mem::take(&mut self.names).iter().take(ENDED) {
            let ask = self.bare(Question::End, Method::DELETE, None);
            let _ = self.wire.send(in_session(ask, Some(name)));
            self.names.push(name.clone());
        }
    }

    /// A random name, by which an answer is known again.
    fn id(&mut self) -> Id {
        self.last += 1;
        Id::Text(format!("{}-{}", self.last, crate::probe::dice::word()))
    }

    fn carrying(&self, question: Question, message: &Message, id: Option<Id>) -> Ask {
        let mut text = Vec::new();
        #[expect(
            clippy::disallowed_methods,
            reason = "we are the client, and what we say is ours"
        )]
        portcullis_wire::write::encode(message, &mut text);
        let body = String::from_utf8_lossy(&text).trim_end().to_owned();
        let ask = self.bare(question, Method::POST, None);
        let ask = ask.with(ACCEPT, Some("application/json, text/event-stream"));
        let way = if self.old { Way::Ours } else { Way::Post };
        Ask { body: Some(body), id, way, ..ask.with(CONTENT, Some("application/json")) }
    }

    /// In our session and of our revision.
    fn placed(&self, ask: Ask) -> Ask {
        let ask = in_session(ask, self.session.as_deref());
        ask.with(VERSION, (!self.old).then_some(self.revision.as_str()))
    }
}

/// In a session, whose name is shown to nobody.
pub(super) fn in_session(ask: Ask, name: Option<&str>) -> Ask {
    let mut ask = ask.with(SESSION, None);
    ask.headers.extend(name.map(|name| (SESSION, name.to_owned(), "$SESSION".to_owned())));
    ask
}

fn initialized(result: &Json) -> Option<Hello> {
    let initialized = Initialized::read(result).ok()?;
    let info = &initialized.server_info;
    Some(Hello {
        revision: Some(initialized.protocol_version.clone()),
        server: Some(format!("{} {}", info.name, info.version)),
        instructions: initialized.instructions,
        capabilities: initialized.capabilities,
    })
}

fn discovered(result: &Json) -> Option<Hello> {
    let found = Discovered::read(result).ok()?;
    let newest = Revision::V2026_07_28.as_str();
    let meta = result.object().and_then(|result| result.get("_meta")?.object());
    let info = meta.and_then(|meta| Some(meta.get(SERVER_INFO)?.value()));
    let word = |info: &Value, name: &str| info.get(name)?.as_str().map(str::to_owned);
    let server =
        info.and_then(|info| Some(format!("{} {}", word(&info, "name")?, word(&info, "version")?)));
    found.supported_versions.iter().any(|version| version == newest).then(|| Hello {
        revision: Some(newest.to_owned()),
        server,
        instructions: found.instructions,
        capabilities: found.capabilities,
    })
}

fn ourselves() -> Json {
    Json::from_value(&json!({"name": "portcullis-audit", "version": env!("CARGO_PKG_VERSION")}))
}
