//! A plan of a remote server becomes a conversation with it: what was approved, where it may
//! lead, and how we identify ourselves.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::header::HeaderValue;
use hyper::http::{HeaderMap, HeaderName};
use portcullis_config::{self as config, Auth, Source};
use portcullis_guard::secret::SecretString;
use portcullis_mediation::pin::{Definition, Pins as Kept};
use portcullis_store::{Approvals, Journal};
use portcullis_transport::http::client::credential::{Challenge, Later};
use portcullis_transport::http::client::{self, Credential, Hearing, Nobody, Speech};
use portcullis_transport::http::fetch::{Fetcher, Reach as Fetchable, Roots};
use serde_json::{Value, json};

use crate::consent::Beside;
use crate::fault::Fault;
use crate::launch::{DEPTH, Plan};
use crate::pins::{Asking, PinKeeper};
use crate::reach::Reach;
use crate::secrets::{self, Sight};
use crate::signin::SignIn;

/// Nothing is sent to an address that is not what was approved.
pub(crate) fn admit(
    plan: &Plan,
    remote: &config::Remote,
    pins: &mut PinKeeper,
    (journal, approvals): (&mut Journal, &mut Approvals),
) -> Result<(), Fault> {
    let reach = Reach::of(plan, None);
    let beside = |kept: &Kept| {
        let mut beside = Beside::default();
        if reach.beyond(kept).is_none_or(|(_, more)| !more.is_empty()) {
            beside.parts.push((Reach::part(), reach.definition()));
        }
        Ok(beside)
    };
    let asking = Asking { approvals, first: true, beside: &beside };
    if !pins.hold(plan, journal, "address", identity(remote), Some(asking))? {
        pins.hold_reach(plan, journal, &reach, approvals)?;
    }
    Ok(())
}

/// Where it is and who we are there, as a person is shown it and as it is pinned.
fn identity(remote: &config::Remote) -> Definition {
    let mut all = Definition::default();
    all.set("url", &json!(remote.url.text()));
    let from: BTreeMap<&str, Value> =
        remote.sources().map(|(name, source)| (name, told(source))).collect();
    if !from.is_empty() {
        all.set("identifies with", &json!(from));
    }
    let by: BTreeMap<&str, String> = remote.told().into_iter().collect();
    if !by.is_empty() {
        all.set("signs in", &json!(by));
    }
    all
}

/// Of a reference it is shown where it leads and no more.
fn told(source: &Source) -> Value {
    match source {
        Source::Value(text) => json!(text.expose("to the person who is asked about it")),
        Source::Environment(name) => json!({"our own": name}),
        Source::File(path) => json!({"file": path}),
    }
}

/// Begins the conversation. Nothing is sent yet.
pub(crate) fn begin(plan: &Plan, remote: &config::Remote) -> Result<(Speech, Hearing), Fault> {
    let server = &plan.server;
    let reach = Fetchable::default().and_own(remote.url.origin());
    let reach = match &server.network {
        config::Network::Named(listed) => reach.and_listed(listed.clone()),
        config::Network::None | config::Network::Host => reach,
    };
    let mut headers = HeaderMap::new();
    for header in &remote.headers {
        let unfit = || Fault::operator(format!("header `{}` cannot be sent", header.name()));
        let name = HeaderName::try_from(header.name()).map_err(|_| unfit())?;
        let value = read(plan, header.name(), header.source())?;
        let mut value =
            HeaderValue::try_from(value.expose("as a header of a request")).map_err(|_| unfit())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let roots = Roots::system();
    let credential: Arc<dyn Credential> = match &remote.auth {
        Auth::Nobody => Arc::new(Nobody),
        Auth::Bearer(source) => Arc::new(Bearer::of(plan, source)?),
        Auth::OAuth(how) => Arc::new(SignIn::begin(plan, how, &roots)?),
    };
    let message_bytes = usize::try_from(server.limits.message_bytes).unwrap_or(usize::MAX);
    Ok(client::begin(client::Remote {
        url: remote.url.clone(),
        fetcher: Fetcher::new(reach, roots),
        headers,
        credential,
        limits: portcullis_wire::Limits {
            message_bytes,
            depth: DEPTH,
            nodes: portcullis_wire::Limits::NODES,
        },
        // The session ends a call before, and answers for it.
        ceiling: server.limits.call_ceiling * 2,
    }))
}

/// What references lead to, for taking it out of what is written down.
pub(crate) fn known(plan: &Plan, remote: &config::Remote) -> Vec<(String, SecretString)> {
    let references = remote.sources().filter(|(_, source)| !matches!(source, Source::Value(_)));
    references
        .filter_map(|(name, it)| Some((name.to_owned(), read(plan, name, it).ok()?)))
        .collect()
}

pub(crate) fn read(plan: &Plan, name: &str, source: &Source) -> Result<SecretString, Fault> {
    let value = match source {
        Source::Value(text) => text.expose("as a header of a request").to_owned(),
        Source::Environment(ours) => {
            let value: Option<&OsString> = plan.environment.get(ours);
            let value = value.and_then(|value| value.to_str()).map(str::to_owned);
            value.ok_or_else(|| {
                Fault::operator(format!("variable `{ours}` is not set, and `{name}` comes from it"))
            })?
        }
        Source::File(path) => {
            secrets::read(name, &secrets::located(path, plan.home.as_deref()), true)?
        }
    };
    Ok(SecretString::new(value))
}

/// A bearer token. One from a file is read again when that changes.
#[derive(Debug)]
struct Bearer {
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    value: HeaderValue,
    file: Option<(PathBuf, Option<Sight>)>,
}

impl Bearer {
    fn of(plan: &Plan, source: &Source) -> Result<Self, Fault> {
        let file = match source {
            Source::File(path) => {
                let path = secrets::located(path, plan.home.as_deref());
                let sight = Sight::of(&path);
                Some((path, sight))
            }
            Source::Value(_) | Source::Environment(_) => None,
        };
        let value = header(&read(plan, "bearer", source)?)
            .ok_or_else(|| Fault::operator("the bearer token cannot stand in a header"))?;
        Ok(Self { held: Mutex::new(Held { value, file }) })
    }

    /// Looks at the file: a `stat`, and more only when it changed.
    fn value(&self) -> HeaderValue {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((path, seen)) = &mut held.file {
            let sight = Sight::of(path);
            if sight.is_some() && sight != *seen {
                let read = secrets::read("bearer", path, false).ok().map(SecretString::new);
                let fresh = read.as_ref().and_then(header);
                *seen = sight;
                if let Some(fresh) = fresh {
                    held.value = fresh;
                }
            }
        }
        held.value.clone()
    }
}

/// As RFC 6750, section 2.1, writes it.
fn header(token: &SecretString) -> Option<HeaderValue> {
    let token = token.expose("as the bearer token of a request");
    let fits = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok().filter(|_| fits)?;
    value.set_sensitive(true);
    Some(value)
}

impl Credential for Bearer {
    fn authorization(&self) -> Later<'_, Result<Option<HeaderValue>, String>> {
        Box::pin(async { Ok(Some(self.value())) })
    }

    fn challenged(&self, challenge: Challenge) -> Later<'_, Result<bool, String>> {
        Box::pin(async move {
            Err(format!(
                "the server does not accept the bearer token ({})",
                challenge.status.as_u16()
            ))
        })
    }
}
