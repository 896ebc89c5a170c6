//! One attempt at a token: what the flow says is done, until it has one or ends.

use std::sync::Arc;
use std::time::Duration;

use portcullis_config as config;
use portcullis_guard::egress::Url;
use portcullis_journal::{Event, Record};
use portcullis_oauth::{
    Answer, Ask, Challenge, Elevations, Flow, Grant, Identity, Means, Need, Place, Purpose, Scopes,
    Setup, Tokens, Why,
};
use portcullis_policy::Decision;
use portcullis_store::{Approvals, Journal, Turn};
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
/// How often it is looked whether it is our turn.
const LOOK: Duration = Duration::from_millis(50);
/// How long another session may take for its turn: some documents and a token.
const TURN: Duration = Duration::from_secs(120);

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
        let database = plan.shared.database(&plan.state);
        let approvals = database
            .map(|database| Approvals::of(&database))
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
                match self.record(Event::Denied, decision, None) {
                    Ok(()) => Err(told),
                    Err(why) => Err(format!("{told}; {why}")),
                }
            }
        }
    }

    async fn tried(&mut self, challenge: Option<Challenge>) -> Result<(), Why> {
        let turn = self.turn().await?;
        let mut held = self.kept.grant().map_err(lost)?;
        let wanted = challenge.as_ref().and_then(|it| it.scope.clone()).unwrap_or_default();
        let more = challenge.as_ref().is_some_and(Challenge::wants_more);
        if let Some(grant) = held.as_ref().filter(|it| self.is_news(it, more.then_some(&wanted))) {
            self.elevations.got(now(), false);
            *lock(&self.held) = Some(grant.tokens.clone());
            return Ok(());
        }
        let counts = challenge.is_some();
        if counts {
            self.counted(&wanted, more, &mut held)?;
        }
        let by_code = !self.how.client_credentials;
        let mut flow = Flow::begin(Setup {
            server: self.server.clone(),
            challenge,
            identity: self.identity.clone(),
            means: if by_code { Means::Code } else { Means::Credentials },
            redirect: None,
            scopes: (!self.how.scopes.is_empty())
                .then(|| self.how.scopes.clone())
                .and_then(Scopes::of),
            held,
            known: self.kept.clients().map_err(lost)?,
        });
        let went = self.followed(&mut flow, turn, counts.then_some(&wanted)).await;
        if more && matches!(went, Err(Why::Refused | Why::Denied(_))) {
            self.elevations.refuse(&wanted);
        }
        went
    }

    /// Waits until nobody else redeems what is kept for this server.
    async fn turn(&self) -> Result<Turn, Why> {
        let Plan { state, principal, .. } = &self.plan;
        let (principal, server) = (principal.to_string(), self.server.as_str());
        let taken = async {
            loop {
                if let Some(turn) = Turn::take(state, &principal, server).map_err(lost)? {
                    return Ok(turn);
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        let late = || Why::Kept("another session gets a credential, and does not end".to_owned());
        tokio::time::timeout(TURN, taken).await.map_err(|_| late())?
    }

    /// Another session got a token meanwhile, which can be used; `more` is what it must cover.
    fn is_news(&self, kept: &Grant, more: Option<&Scopes>) -> bool {
        let access = |tokens: &Tokens| Arc::clone(&tokens.access);
        let had = lock(&self.held).as_ref().map(access);
        let why = "to be compared with another of the same server";
        let same = had.is_some_and(|had| had.expose(why) == kept.tokens.access.expose(why));
        let enough = more.is_none_or(|more| !more.is_empty() && kept.tokens.scopes.holds(more));
        !same && enough && kept.tokens.lives(now())
    }

    /// What is refused at once is got again a few times, and not in the same way (MCP-AUTH-19).
    fn counted(
        &mut self,
        wanted: &Scopes,
        more: bool,
        held: &mut Option<Grant>,
    ) -> Result<(), Why> {
        let in_vain = self.elevations.refreshed_in_vain(now());
        self.elevations.ask(wanted, now())?;
        if let Some(held) = held.as_mut().filter(|_| in_vain && !more) {
            held.tokens.refresh = None;
        }
        Ok(())
    }

    /// Has the turn until what is refreshed is kept, or until a person is asked, who takes their
    /// time.
    async fn followed(
        &mut self,
        flow: &mut Flow,
        turn: Turn,
        counted: Option<&Scopes>,
    ) -> Result<(), Why> {
        let mut need = self.settled(flow).await?;
        let by_itself = !matches!(need, Need::Callback);
        if !by_itself {
            drop(turn);
            need = self.asked(flow).await?;
        }
        match need {
            Need::Done(grant) => self.got(grant, by_itself),
            Need::Failed(why) => {
                if let Some(wanted) = counted.filter(|_| by_itself) {
                    self.elevations.uncount(wanted);
                }
                Err(why)
            }
            Need::Fetch(_) | Need::Callback | Need::Consent(_) | Need::Visit(_) => Err(Why::Order),
        }
    }

    /// A person is asked; only now a port is needed.
    async fn asked(&mut self, flow: &mut Flow) -> Result<Need, Why> {
        // The port of the last one is wanted again.
        self.pages.shutdown().await;
        let known = self.kept.clients().map_err(lost)?;
        let door = Door::bind(&self.how, &known)?;
        flow.comes_back(door.callback(), now());
        match self.settled(flow).await? {
            Need::Consent(consent) => {
                Journey { attempts: self, consent }.travelled(flow, door).await
            }
            other => Ok(other),
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
        self.record(Event::Notice, Decision::default(), Some(told))?;
        self.elevations.got(now(), refreshed);
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
    ) -> Result<(), Why> {
        let mut record = Record::new(event, SESSION, &self.plan.server.name, &self.plan.principal);
        record.decision = decision;
        record.note = note.map(|note| portcullis_guard::redact(&note).into_owned());
        let recorded = self.journal.append(&record, wall_clock());
        recorded.map(drop).map_err(|error| Why::Kept(format!("it cannot be recorded: {error}")))
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
