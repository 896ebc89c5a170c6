//! May this be said now? The handshake of either era, and what it freezes.

use std::time::Instant;

use portcullis_catalog::control::{CAPABILITY_FROZEN, LIFECYCLE_FIRST, REVISION_AGREED};
use portcullis_journal::Event;
use portcullis_policy::{Decision, Effect, Obligation, Permitted};
use portcullis_wire::view::lifecycle::{Initialize, Meta};
use portcullis_wire::{
    Json, Message, Method, Need, Notification, Outcome, Peer, Request, Response, Revision, RpcError,
};
use serde_json::{Value, json};

use crate::Session;
use crate::client::misfit;
use crate::control::capability_frozen::{clamp_client, cut, under};
use crate::control::shape_checked;
use crate::correlate::Purpose;
use crate::fetch::Wanted;
use crate::settings::Settings;
use crate::settle::{Answered, Refusal};
use crate::state::{Modern, Phase, Shaking};

/// Where a judged request goes on.
#[derive(Debug)]
pub(crate) enum Gate {
    /// To the server, or to the judging of tool calls.
    Pass(Purpose),
    /// To the server, with what was thought of it.
    Judged(Purpose, Decision),
    /// It waits until we know this of the server.
    Fetch(Wanted),
    /// It comes back to what waits for a person, by the serial of its state.
    Back(u64),
}

impl Gate {
    /// The same way, with one more opinion. Tool calls are judged where they go.
    pub(crate) fn and(self, opinion: Decision) -> Self {
        match self {
            Self::Pass(purpose) if purpose != Purpose::ToolCall => Self::Judged(purpose, opinion),
            Self::Judged(purpose, decision) => Self::Judged(purpose, decision.and(opinion)),
            other => other,
        }
    }
}

impl Session {
    /// Judges a request against the session's state. `Some` when the request is
    /// the handshake itself and needs no further judging.
    pub(crate) fn handshake(
        &mut self,
        request: &Request,
        meta: &Meta,
    ) -> Result<Option<Purpose>, Refusal> {
        let name = request.method.as_str();
        let version = meta.protocol_version.as_deref();
        match &self.phase {
            Phase::Closed => Err(Refusal::error(
                Decision::deny(LIFECYCLE_FIRST, "the session is over"),
                -32603,
                "the session is over",
            )),
            Phase::Greeting if version.is_some() => self.enter_modern(meta).map(|()| None),
            Phase::Modern(modern) if name == "initialize" && !modern.sure && version.is_none() => {
                // The server turned out to be of the other era: start again.
                self.phase = Phase::Greeting;
                self.begin_legacy(request).map(Some)
            }
            Phase::Greeting if name == "initialize" => self.begin_legacy(request).map(Some),
            Phase::Greeting | Phase::Shaking(_) | Phase::Shaken(_) if name == "ping" => Ok(None),
            Phase::Greeting | Phase::Shaking(_) | Phase::Shaken(_) => {
                let decision = Decision::deny(LIFECYCLE_FIRST, "the handshake is not complete");
                Err(Refusal::error(decision, -32600, "the session is not initialized"))
            }
            Phase::Legacy(_) if name == "initialize" => {
                let decision =
                    Decision::deny(CAPABILITY_FROZEN, "a second `initialize` in one session");
                Err(Refusal::error(decision, -32600, "the session is initialized already"))
            }
            Phase::Legacy(_) if version.is_some() => {
                let decision =
                    Decision::deny(LIFECYCLE_FIRST, "a modern request in a legacy session");
                Err(Refusal::error(decision, -32600, "eras cannot be mixed in one session"))
            }
            Phase::Legacy(_) => Ok(None),
            Phase::Modern(_) => self.check_modern(meta).map(|()| None),
        }
    }

    fn begin_legacy(&mut self, request: &Request) -> Result<Purpose, Refusal> {
        shape_checked::opening(request)?;
        let opening = Initialize::read(request.params.as_ref()).map_err(misfit)?;
        self.host_offers(offered(&opening.protocol_version));
        self.in_host.named(Some(&opening.client_info));
        let claimed = opening.capabilities;
        let revision = offered(&opening.protocol_version);
        let Settings { extensions, may_ask, .. } = &self.settings;
        let client = clamp_client(&claimed, extensions, may_ask, revision);
        self.phase = Phase::Shaking(Shaking { client, claimed });
        Ok(Purpose::Initialize)
    }

    /// What the handshake loses on its way to the server, for its record.
    pub(crate) fn opening(&self, request: &Request) -> Decision {
        let Phase::Shaking(shaking) = &self.phase else { return Decision::default() };
        let decision = cut(&shaking.claimed, &shaking.client, "the client");
        let asked =
            Initialize::read(request.params.as_ref()).map(|opening| opening.protocol_version);
        match asked {
            Ok(asked) if offered(&asked).as_str() != asked => {
                let why = format!("the client asks for `{}`", shown_version(&asked));
                let rewritten = Decision::because(Effect::Allow, REVISION_AGREED, why);
                decision.and(rewritten.owing(Obligation::Rewritten))
            }
            _ => decision,
        }
    }

    fn enter_modern(&mut self, meta: &Meta) -> Result<(), Refusal> {
        let declared = modern_declaration(meta)?;
        let ceiling = self.clamp_modern(declared);
        self.host_offers(Revision::V2026_07_28);
        self.in_host.named(meta.client_info.as_ref());
        self.phase = Phase::Modern(Modern { ceiling, server: None, sure: false });
        Ok(())
    }

    /// Every modern request declares itself; growth over the first is cut off.
    fn check_modern(&mut self, meta: &Meta) -> Result<(), Refusal> {
        let declared = self.clamp_modern(modern_declaration(meta)?);
        self.in_host.named(meta.client_info.as_ref());
        let Phase::Modern(modern) = &self.phase else { return Ok(()) };
        let (_, grown) = under(&modern.ceiling, &declared);
        if !grown.is_empty() {
            self.note_growth("client", &grown);
        }
        Ok(())
    }

    /// Records that a peer wanted more than it declared first.
    pub(crate) fn note_growth(&mut self, whose: &str, grown: &[String]) {
        let mut record = self.record(Event::Rewritten);
        let why = format!("the {whose} now also declares {}", grown.join(", "));
        record.decision =
            Decision::because(Effect::Allow, CAPABILITY_FROZEN, why).owing(Obligation::Rewritten);
        self.note(record);
    }

    /// The modern `_meta` as the server may see it: never more than the ceiling.
    pub(crate) fn clamped(&self, meta: &Meta) -> Option<Value> {
        let Phase::Modern(modern) = &self.phase else { return None };
        let declared = self.clamp_modern(meta.client_capabilities.as_ref()?);
        Some(self.with_server(under(&modern.ceiling, &declared).0))
    }

    fn clamp_modern(&self, declared: &Value) -> Value {
        let Settings { extensions, may_ask, .. } = &self.settings;
        clamp_client(declared, extensions, may_ask, Revision::V2026_07_28)
    }

    /// The server's capabilities must be known before a method that needs them.
    pub(crate) fn must_discover(&self, row: &Method) -> bool {
        let of_server = row.needs.map(Need::of) == Some(Peer::Server);
        of_server && matches!(&self.phase, Phase::Modern(modern) if modern.server.is_none())
    }

    /// `notifications/initialized`: the legacy session begins.
    pub(crate) fn client_confirms(&mut self, said: Notification, now: Instant) {
        match std::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Shaken(agreed) => {
                self.phase = Phase::Legacy(agreed);
                self.pass_on(Peer::Client, said);
                self.learn_host_roots(now);
            }
            other => {
                self.phase = other;
                let decision =
                    Decision::deny(LIFECYCLE_FIRST, "no handshake waits to be confirmed");
                self.drop_said(Peer::Client, &said, decision);
            }
        }
    }
}

/// What a request of 2026-07-28 is told when it could begin no conversation: it does not declare
/// itself, or is in a revision that we do not judge. For whoever would have to start a server first.
#[must_use]
pub fn refused_before_session(request: &Request) -> Option<Permitted<Message>> {
    let error = match Meta::read(request.params.as_ref()) {
        Ok(meta) => match modern_declaration(&meta).err()?.answer {
            Answered::Error(error) => error,
            _ => return None,
        },
        Err(_) => {
            let message = "`_meta` is not as it should be".to_owned();
            RpcError { code: -32602, message, data: None }
        }
    };
    let response = Response { id: Some(request.id.clone()), outcome: Outcome::Error(error) };
    crate::settle::told(response)
}

/// The revision that the server is offered: the client's, if we can judge it.
pub(crate) fn offered(asked: &str) -> Revision {
    let legacy = Revision::parse(asked).filter(|revision| *revision <= Revision::latest_legacy());
    legacy.unwrap_or(Revision::latest_legacy())
}

/// A version is text from a peer: bounded before it is written anywhere.
pub(crate) fn shown_version(version: &str) -> String {
    portcullis_guard::text::visible(&version.chars().take(64).collect::<String>())
}

/// The capabilities of a modern request, whose version must be ours.
fn modern_declaration(meta: &Meta) -> Result<&Value, Refusal> {
    let Some(version) = meta.protocol_version.as_deref() else {
        let decision = Decision::deny(LIFECYCLE_FIRST, "a request without modern `_meta`");
        return Err(Refusal::error(decision, -32602, "`_meta` must carry the protocol version"));
    };
    if version != Revision::V2026_07_28.as_str() {
        let requested = shown_version(version);
        let decision =
            Decision::deny(REVISION_AGREED, format!("the client asks for `{requested}`"));
        let data = json!({"supported": [Revision::V2026_07_28.as_str()], "requested": requested});
        let error = RpcError {
            code: -32022,
            message: "unsupported protocol version".to_owned(),
            data: Some(Json::from_value(&data)),
        };
        return Err(Refusal { decision, answer: Answered::Error(error) });
    }
    meta.client_capabilities.as_ref().ok_or_else(|| {
        let decision = Decision::deny(LIFECYCLE_FIRST, "a request without client capabilities");
        Refusal::error(decision, -32602, "`_meta` must carry the client's capabilities")
    })
}
