//! One attempt at a token: what the flow says is done, until it has one or ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_config as config;
use portcullis_guard::egress::Url;
use portcullis_journal::{Event, Record};
use portcullis_oauth::{
    Answer, Ask, Challenge, Elevations, Flow, Grant, Identity, Means, Need, Place, Purpose, Scopes,
    Setup, Why,
};
use portcullis_policy::Decision;
use portcullis_store::{Approvals, Journal};
use portcullis_transport::http::fetch::{Reach, Roots};
use tokio::task::JoinSet;

use super::journey::{Door, Journey};
use super::kept::Keeper;
use super::statement::Signer;
use super::{Held, lock, now};
use crate::driver::wall_clock;
use crate::fault::Fault;
use crate::launch::{Plan, open_journal};
use crate::{dice, remote};

/// The session of records about it: it is nobody's conversation.
pub(super) const SESSION: &str = "sign-in";
/// A token that was not refused for so long was one that worked.
const WORKED: Duration = Duration::from_secs(60);

/// What attempts have in common.
pub(super) struct Attempts {
    pub(super) plan: Plan,
    pub(super) how: config::OAuth,
    pub(super) server: Place,
    pub(super) identity: Identity,
    pub(super) signer: Option<Signer>,
    pub(super) roots: Roots,
    pub(super) journal: Journal,
    pub(super) approvals: Approvals,
    pub(super) kept: Keeper,
    elevations: Elevations,
    /// When the last token was got, and whether nobody was asked for it.
    last: Option<(Instant, bool)>,
    held: Held,
    /// Pages that a browser may still be reading.
    pub(super) pages: JoinSet<std::io::Result<()>>,
}

impl Attempts {
    pub(super) fn open(
        plan: &Plan,
        how: &config::OAuth,
        roots: Roots,
        held: Held,
    ) -> Result<Self, Fault> {
        let url = plan.server.remote.as_ref().map(|remote| remote.url.text()).unwrap_or_default();
        let server = Place::read(&url).map_err(|why| Fault::operator(why.to_string()))?;
        let kept = Keeper::open(plan, &server)?;
        let before = kept.grant().map_err(|why| Fault::ours("credentials cannot be read", why))?;
        *lock(&held) = before.map(|grant| grant.tokens);
        let secret = |name, source: &Option<config::Source>| {
            source.as_ref().map(|source| remote::read(plan, name, source)).transpose()
        };
        let signer = secret("private_key", &how.private_key)?;
        let signer = signer.map(|key| Signer::read(&key)).transpose()?;
        let identity = Identity {
            client_id: how.client_id.clone(),
            secret: secret("client_secret", &how.client_secret)?.map(Arc::new),
            signs: signer.is_some(),
            issuer: how.issuer.clone(),
            document: how.client_metadata.clone(),
        };
        let approvals = Approvals::open(&plan.state)
            .map_err(|error| Fault::ours("approvals cannot be opened", error))?;
        Ok(Self {
            server,
            identity,
            signer,
            roots,
            journal: open_journal(plan)?,
            approvals,
            kept,
            elevations: Elevations::default(),
            last: None,
            held,
            pages: JoinSet::new(),
            plan: plan.clone(),
            how: how.clone(),
        })
    }

    /// Tries to get a token; true when there is one.
    pub(super) async fn make(&mut self, challenge: Option<Challenge>) -> Result<bool, String> {
        match self.tried(challenge).await {
            Ok(()) => Ok(true),
            Err(why) => {
                let told = format!("no credential for {}: {why}", self.server);
                eprintln!("portcullis: {}: {told}", self.plan.server.name);
                let decision = Decision::deny(why.control(), told.clone());
                self.record(Event::Denied, decision, None);
                Err(told)
            }
        }
    }

    async fn tried(&mut self, challenge: Option<Challenge>) -> Result<(), Why> {
        let mut held = self.kept.grant().map_err(lost)?;
        let wanted = challenge.as_ref().and_then(|it| it.scope.clone()).unwrap_or_default();
        let more = challenge.as_ref().is_some_and(Challenge::wants_more);
        if challenge.is_some() {
            self.counted(&wanted, more, &mut held)?;
        }
        // The port of the last one is wanted again.
        self.pages.shutdown().await;
        let by_code = !self.how.client_credentials;
        let known = self.kept.clients().map_err(lost)?;
        let door = by_code.then(|| Door::bind(&self.how, &known)).transpose()?;
        let mut flow = Flow::begin(Setup {
            server: self.server.clone(),
            challenge,
            identity: self.identity.clone(),
            means: if by_code { Means::Code } else { Means::Credentials },
            redirect: door.as_ref().map(Door::callback),
            scopes: (!self.how.scopes.is_empty())
                .then(|| self.how.scopes.clone())
                .and_then(Scopes::of),
            held,
            known,
        });
        let went = self.followed(&mut flow, door).await;
        if more && matches!(went, Err(Why::Refused | Why::Denied(_))) {
            self.elevations.refuse(&wanted);
        }
        went
    }

    /// What is refused at once is got again a few times, and not in the same way (MCP-AUTH-19).
    fn counted(
        &mut self,
        wanted: &Scopes,
        more: bool,
        held: &mut Option<Grant>,
    ) -> Result<(), Why> {
        let worked = self.last.is_some_and(|(at, _)| at.elapsed() > WORKED);
        if worked {
            self.elevations = Elevations::default();
        }
        self.elevations.ask(wanted)?;
        let refreshed = self.last.is_some_and(|(_, refreshed)| refreshed) && !worked;
        if let Some(held) = held.as_mut().filter(|_| refreshed && !more) {
            held.tokens.refresh = None;
        }
        Ok(())
    }

    async fn followed(&mut self, flow: &mut Flow, door: Option<Door>) -> Result<(), Why> {
        let mut need = self.settled(flow).await?;
        let mut refreshed = true;
        if let Need::Consent(consent) = need {
            let door = door.ok_or(Why::Order)?;
            refreshed = false;
            need = Journey { attempts: self, consent }.travelled(flow, door).await?;
        }
        match need {
            Need::Done(grant) => self.got(grant, refreshed),
            Need::Failed(why) => Err(why),
            Need::Fetch(_) | Need::Consent(_) | Need::Visit(_) => Err(Why::Order),
        }
    }

    /// Makes the requests of a flow until it needs something else.
    pub(super) async fn settled(&mut self, flow: &mut Flow) -> Result<Need, Why> {
        loop {
            let ask = match flow.poll().ok_or(Why::Order)? {
                Need::Fetch(ask) => ask,
                other => return Ok(other),
            };
            match self.answered(&ask).await {
                Ok(answer) => flow.answered(&answer, now()),
                Err(why) => flow.unreached(why),
            }
            if let Some(client) = flow.registered().filter(|_| ask.purpose == Purpose::Registration)
            {
                self.kept.keep_client(client).map_err(lost)?;
            }
        }
    }

    fn got(&mut self, grant: Grant, refreshed: bool) -> Result<(), Why> {
        self.kept.keep_grant(&grant).map_err(lost)?;
        let Grant { issuer, resource, tokens, .. } = grant;
        let told =
            format!("a credential of {issuer} for {resource} was got, for: {}", tokens.scopes);
        if !self.record(Event::Notice, Decision::default(), Some(told)) {
            return Err(Why::Kept("it cannot be recorded".to_owned()));
        }
        self.last = Some((Instant::now(), refreshed));
        *lock(&self.held) = Some(tokens);
        Ok(())
    }

    async fn answered(&self, ask: &Ask) -> Result<Answer, String> {
        let statement = match &ask.signs {
            Some(asked) => {
                let signer = self.signer.as_ref().ok_or("there is no key to sign with")?;
                Some(signer.sign(asked, now())?)
            }
            None => None,
        };
        let url = Url::new(ask.place.as_str()).map_err(|why| why.to_string())?;
        // A stranger's document leads outside; to this machine only when the server is on it.
        let here = self.server.is_here() && ask.place.is_here();
        let own = here || ask.place.is_beside(&self.server);
        let reach = if own { Reach::public().and_own(url.origin()) } else { Reach::public() };
        let reach = match &self.plan.server.network {
            config::Network::Named(listed) => reach.and_listed(listed.clone()),
            config::Network::None | config::Network::Host => reach,
        };
        super::fetch::answered(reach, self.roots.clone(), url, ask, statement.as_deref()).await
    }

    /// Writes down what happened. What cannot be recorded does not happen: the flow ends there.
    pub(super) fn record(
        &mut self,
        event: Event,
        decision: Decision,
        note: Option<String>,
    ) -> bool {
        let mut record = Record::new(event, SESSION, &self.plan.server.name, &self.plan.principal);
        record.decision = decision;
        record.note = note.map(|note| portcullis_guard::redact(&note).into_owned());
        self.journal.append(&record, wall_clock()).is_ok()
    }

    /// Entropy for a browser's return.
    pub(super) fn dice() -> Result<[u8; 64], Why> {
        let mut all = [0; 64];
        let (first, last) = all.split_at_mut(32);
        first.copy_from_slice(&dice::key().map_err(|fault| Why::Kept(fault.to_string()))?);
        last.copy_from_slice(&dice::key().map_err(|fault| Why::Kept(fault.to_string()))?);
        Ok(all)
    }
}

fn lost(error: portcullis_store::StoreError) -> Why {
    Why::Kept(error.to_string())
}
