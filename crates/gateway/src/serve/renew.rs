//! The config while the gateway serves: read again when its files change or SIGHUP asks for it.
//!
//! What is broken changes nothing, and is told on stderr and in the journal. What was taken away is
//! gone at once: sessions of whoever may not come in any more, and of servers that are not there or
//! not as they were; all others go on. Where it listens stays until the next start.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use portcullis_config::{Network, Serve, Source};
use portcullis_mediation::aggregate::Seat;
use portcullis_mediation::aggregate::names::{NoPrefix, Prefix};
use portcullis_policy::{Principal, Rules, ServerName};
use portcullis_transport::http::oauth::Proofs;
use portcullis_transport::http::{Address, Wall};

use super::crew::Crew;
use super::front::Front;
use super::lull::Lull;
use super::sessions::{Limits, Session, Sessions};
use super::turnstile::Turnstile;
use super::witness::Witness;
use super::{Serving, alone, apart, doors, known, number, say};
use crate::fault::Fault;
use crate::launch::{Plan, compile, firm};
use crate::reload::Written;
use crate::secrets::Sight;
use crate::shared::Shared;
use crate::telemetry::{self, Metrics};
use crate::traces::Traces;

/// Reads everything that was written anew, or says why it cannot be followed.
#[derive(Clone)]
pub struct Renewal(Arc<dyn Fn() -> Result<Serving, String> + Send + Sync>);

impl Renewal {
    /// Somebody who knows how to read it.
    #[must_use]
    pub fn new(read: impl Fn() -> Result<Serving, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }
}

impl std::fmt::Debug for Renewal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Renewal")
    }
}

/// What outlasts a change of the config.
#[derive(Clone, Debug)]
pub(super) struct Common {
    pub(super) sessions: Arc<Mutex<Sessions>>,
    pub(super) witness: Arc<Witness>,
    pub(super) turnstile: Turnstile,
    pub(super) lull: Lull,
    pub(super) metrics: Metrics,
    /// Where spans go, if anywhere.
    pub(super) traces: Option<Traces>,
    /// Proofs that were used, whoever lets people in by now.
    proofs: Proofs,
    pub(super) crew: Crew,
    shared: Shared,
}

/// What requests go by now, and how it changes.
#[derive(Debug)]
pub(super) struct House {
    front: RwLock<Arc<Front>>,
    address: Address,
    renewal: Renewal,
}

impl Common {
    pub(super) fn new(serve: &Serve, witness: Witness) -> Self {
        let shared = Shared::between_sessions(number(serve.limits.questions));
        Self {
            metrics: shared.metrics(),
            traces: None,
            sessions: Arc::new(Mutex::new(Sessions::new(limits(serve)))),
            witness: Arc::new(witness),
            turnstile: Turnstile::new(&serve.limits),
            lull: Lull::default(),
            proofs: Proofs::default(),
            crew: Crew::default(),
            shared,
        }
    }

    pub(super) fn questions_waiting(&self) -> u64 {
        u64::try_from(self.shared.questions_waiting()).unwrap_or(u64::MAX)
    }

    fn change(&self, serve: &Serve) {
        self.turnstile.change(&serve.limits);
        self.shared.change(number(serve.limits.questions));
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).change(limits(serve));
    }
}

fn limits(serve: &Serve) -> Limits {
    Limits { most: number(serve.sessions), idle: serve.idle, lifetime: serve.lifetime }
}

impl Front {
    /// What requests go by while this is the config; `before` is what they went by until now.
    pub(super) fn of(
        serve: Serve,
        servers: Vec<Plan>,
        address: &Address,
        common: Common,
        before: Option<&Self>,
    ) -> Result<Self, Fault> {
        known(&serve, &servers)?;
        apart(&serve, &servers, address)?;
        let Some(first) = servers.first() else {
            return Err(Fault::operator("there is no server to serve"));
        };
        let seats = seats(&serve, &servers)?;
        let resource = doors::resource(&serve, address);
        let mut hosts = serve.hosts.clone();
        if serve.resource.is_some() {
            hosts.push(resource.authority().to_owned());
        }
        let wall = Wall::new(address, &hosts, &serve.origins);
        // It remembers keys: where nobody else is to be let in, it stays.
        let gatekeeper = match before.filter(|before| lets_in_the_same(&before.serve, &serve)) {
            Some(before) => Arc::clone(&before.gatekeeper),
            None => Arc::new(doors::gatekeeper(&serve, resource, first, common.proofs.clone())?),
        };
        let servers = servers.into_iter().map(|plan| alone(plan, &common.shared));
        let servers = servers.collect::<BTreeMap<_, _>>();
        let config = before.map_or(0, |before| before.config + 1);
        Ok(Self { wall, gatekeeper, servers, seats, serve, config, common })
    }

    /// A session of the time before goes on.
    fn keeps(&self, old: &Self, session: &Session) -> bool {
        let is_spoken = self.serve.legacy_sse || !session.is_old;
        let is_there = |name| !session.is_aggregate || self.serve.aggregate.contains(name);
        let as_it_was = |name| match (old.servers.get(name), self.servers.get(name)) {
            (Some(old), Some(new)) => is_same(old, new),
            _ => false,
        };
        let who = &session.principal;
        is_spoken
            && session.servers.iter().all(|name| {
                is_there(name) && as_it_was(name) && may_come(&old.serve, &self.serve, who, name)
            })
    }
}

/// Who sits at the aggregate's table.
fn seats(serve: &Serve, servers: &[Plan]) -> Result<Vec<Seat>, Fault> {
    let seat = |name: &ServerName| {
        let plan = servers.iter().find(|plan| plan.server.name == *name).ok_or_else(|| {
            let said = format!("[serve] `aggregate`: the config names no server `{name}`");
            Fault::operator(said)
        })?;
        let wrong =
            |why: NoPrefix| Fault::operator(format!("[serve] `aggregate`: `{name}`: {why}"));
        let prefix = Prefix::of(name).map_err(wrong)?;
        let bytes = plan.server.limits.message_bytes;
        let message_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        Ok(Seat { server: name.clone(), prefix, message_bytes })
    };
    serve.aggregate.iter().map(seat).collect()
}

/// The same people, known by the same things.
fn lets_in_the_same(old: &Serve, new: &Serve) -> bool {
    (&old.tokens, &old.issuers, &old.tls) == (&new.tokens, &new.issuers, &new.tls)
        && (&old.resource, &old.scopes) == (&new.resource, &new.scopes)
}

fn served(fresh: Serving) -> Result<Serving, String> {
    if fresh.servers.is_empty() {
        return Err("there would be no server to serve".to_owned());
    }
    for plan in &fresh.servers {
        // Else every session would find out by itself.
        compile(plan).map_err(|fault| fault.to_string())?;
    }
    Ok(fresh)
}

/// Whoever came in before still may, and by the same secret. Everybody else is known by something
/// of which only the whole can be compared: where that changed, they begin anew.
fn may_come(old: &Serve, new: &Serve, who: &Principal, server: &ServerName) -> bool {
    let token = |serve: &'_ Serve| {
        serve.tokens.iter().find(|token| Principal::token(&token.name) == *who).cloned()
    };
    match (token(old), token(new)) {
        (Some(old), Some(new)) => {
            let reaches = new.servers.is_none_or(|servers| servers.contains(server));
            old.sha256 == new.sha256 && reaches
        }
        (None, None) => {
            // Our own account is known without a token only while there are none.
            old.tokens.is_empty() == new.tokens.is_empty()
                && (&old.issuers, &old.tls) == (&new.issuers, &new.tls)
                && old.resource == new.resource
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// The same server, under the same rules. Where a rule stands in its file is no part of it, and
/// hosts that it may reach are followed by its sessions.
fn is_same(old: &Plan, new: &Plan) -> bool {
    let rules = |plan: &Plan| {
        let firm = firm(plan).ok()?.map(|rules| rules.canonical());
        Some((compile(plan).ok()?.canonical(), firm))
    };
    let named = |plan: &Plan| matches!(plan.server.network, Network::Named(_));
    let follows = named(old) && named(new);
    let rest = |plan: &Plan| {
        let mut server = plan.server.clone();
        (server.rules, server.firm) = (Rules::default(), None);
        server.examples.clear();
        if follows {
            server.network = Network::None;
        }
        format!("{server:?}")
    };
    let values = |plan: &Plan| {
        let headers =
            plan.server.remote.iter().flat_map(|remote| remote.sources().map(|(_, source)| source));
        let sources = plan.server.env.iter().map(|variable| variable.source()).chain(headers);
        let written = sources.filter_map(|source| match source {
            Source::Value(value) => Some(value.expose("to see whether it changed").to_owned()),
            Source::Environment(_) | Source::File(_) => None,
        });
        written.collect::<Vec<_>>()
    };
    let (old_rules, new_rules) = (rules(old), rules(new));
    old_rules.is_some()
        && old_rules == new_rules
        && rest(old) == rest(new)
        && values(old) == values(new)
        && (&old.policies, &old.projects) == (&new.policies, &new.projects)
}

/// The files that decide, and how they were.
#[derive(Debug)]
pub(super) struct Files {
    files: Vec<(PathBuf, Option<Sight>)>,
    read: Vec<Option<Sight>>,
}

impl Files {
    pub(super) fn of(written: &Written) -> Self {
        let files = written.files().to_vec();
        let read = files.iter().map(|(_, sight)| *sight).collect();
        Self { files, read }
    }

    /// They changed since they were read, and have come to rest.
    pub(super) fn changed(&mut self) -> bool {
        // A file may be where only its owner looks.
        let _awake = portcullis_confine::own::wake();
        let mut settled = true;
        for (file, seen) in &mut self.files {
            let sight = Sight::of(Path::new(file));
            settled &= sight == *seen;
            *seen = sight;
        }
        let now: Vec<_> = self.files.iter().map(|(_, sight)| *sight).collect();
        let changed = settled && now != self.read;
        if changed {
            self.read = now;
        }
        changed
    }
}

impl House {
    pub(super) fn new(front: Front, address: Address, renewal: Renewal) -> Self {
        Self { front: RwLock::new(Arc::new(front)), address, renewal }
    }

    /// What holds now. A request goes by one of them to its end.
    pub(super) fn front(&self) -> Arc<Front> {
        Arc::clone(&self.front.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads everything again, and goes by it if it can be understood: then these files decide.
    pub(super) fn renew(&self) -> Option<Files> {
        let old = self.front();
        let awake = portcullis_confine::own::wake();
        let Renewal(read) = &self.renewal;
        let follow = |fresh: Serving| {
            let files = Files::of(&fresh.written);
            let told = self.follow(&old, fresh).map_err(|fault| fault.to_string())?;
            Ok((told, files))
        };
        let followed = read().and_then(served).and_then(follow);
        let word = if followed.is_ok() { "yes" } else { "no" };
        old.common.metrics.count(&telemetry::RELOADS, &[word]);
        let (told, files) = match followed {
            Ok((told, files)) => (told, Some(files)),
            Err(why) => (format!("the config stays as it was: {why}"), None),
        };
        drop(awake);
        say(&told);
        old.common.witness.notice(&told);
        files
    }

    fn follow(&self, old: &Front, fresh: Serving) -> Result<String, Fault> {
        let Serving { mut serve, servers, .. } = fresh;
        let elsewhere = (&serve.listen, &serve.tls) != (&old.serve.listen, &old.serve.tls);
        let wider = serve.connections != old.serve.connections;
        serve.connections = old.serve.connections;
        serve.listen.clone_from(&old.serve.listen);
        serve.tls.clone_from(&old.serve.tls);
        let limits = serve.clone();
        let common = old.common.clone();
        let front = Arc::new(Front::of(serve, servers, &self.address, common, Some(old))?);
        old.common.change(&limits);
        *self.front.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&front);
        // From here on none of them begins under what held before, whoever asked before.
        let mut sessions = front.common.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.config = front.config;
        let ended = sessions.end_where(|session| !front.keeps(old, session));
        let moves = if elsewhere { "; where it listens stays until the next start" } else { "" };
        let room = if wider { "; `connections` stays until the next start" } else { "" };
        let servers = front.servers.len();
        let told = format!("{servers} servers, {ended} sessions ended{moves}{room}");
        Ok(format!("the config was read again: {told}"))
    }
}

#[cfg(test)]
mod tests {
    use portcullis_config::Token;

    use super::*;

    fn serve(tokens: &[(&str, Option<&[&str]>)]) -> Serve {
        let server = |name: &&str| ServerName::new(name).unwrap();
        let token = |(name, servers): &(&str, Option<&[&str]>)| Token {
            name: (*name).to_owned(),
            sha256: [0; 32],
            servers: servers.map(|all| all.iter().map(server).collect()),
            scopes: std::collections::BTreeSet::new(),
        };
        let mut serve = Serve::default();
        serve.tokens = tokens.iter().map(token).collect();
        serve
    }

    #[test]
    fn who_was_taken_away_is_out_and_nobody_else() {
        let none = serve(&[]);
        let before = serve(&[("ada", None), ("bob", Some(&["files"]))]);
        let after = serve(&[("ada", Some(&["files"]))]);
        let (mut rotated, mut elsewhere) = (before.clone(), before.clone());
        rotated.tokens[0].sha256 = [1; 32];
        elsewhere.resource = Some("https://other.example.com".to_owned());
        let (ada, bob) = (Principal::token("ada"), Principal::token("bob"));
        let (us, other) = (Principal::user(1), Principal::unknown());
        for (old, new, who, server, may) in [
            (&before, &after, &ada, "files", true),
            (&before, &after, &ada, "mail", false),
            (&before, &after, &bob, "files", false),
            (&after, &before, &ada, "mail", true),
            (&before, &rotated, &ada, "files", false),
            (&before, &elsewhere, &other, "files", false),
            (&before, &elsewhere, &ada, "files", true),
            (&none, &before, &us, "files", false),
            (&none, &none, &us, "files", true),
            (&before, &after, &other, "files", true),
        ] {
            let server = ServerName::new(server).unwrap();
            assert_eq!(may_come(old, new, who, &server), may, "{who} {server}");
        }
    }
}
