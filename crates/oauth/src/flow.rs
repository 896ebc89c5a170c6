//! The order of it: what is fetched, asked and redeemed, and when it ends.
//!
//! ```text
//! resource ─▶ server ─┬─▶ callback ─┬─▶ registering ─▶ consent ─▶ away ─▶ redeeming ─▶ over
//!                     │      ▲      └──────────────────▲                     ▲
//!                     ├─▶ refreshing (no good any more)                      │
//!                     └──── client credentials ──────────────────────────────┘
//! ```
//!
//! A browser goes nowhere before a person said yes to exactly where, and the `state` that its
//! return is known by is made after that yes (MCP-AUTH-22, -24).

mod began;

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_guard::secret::SecretString;
use sha2::{Digest as _, Sha256};

pub use began::{Answer, Ask, Asked, Consent, Grant, Means, Need, Purpose, Setup, Visit};

use crate::client::{self, Method, Registration, Way};
use crate::form::encode;
use crate::metadata::{Resource, Server, issuer_places, resource_places};
use crate::place::Place;
use crate::returned::{self, Wanted, code_of};
use crate::scope::Scopes;
use crate::token::{self, Tokens};
use crate::why::Why;

/// How long a browser may be away, in seconds.
pub const AWAY: u64 = 10 * 60;
/// What a token endpoint says of a refresh token that is good for nothing any more, or that it
/// takes from nobody like us (RFC 6749, 5.2).
const NO_GOOD: [&str; 3] = ["invalid_grant", "unauthorized_client", "unsupported_grant_type"];

/// One attempt at a credential.
#[derive(Debug)]
pub struct Flow {
    setup: Setup,
    state: State,
    /// What the driver has to do, until it takes it.
    need: Option<Need>,
    /// What became known on the way, for the next attempt.
    registered: Option<Registration>,
}

enum State {
    /// The server's metadata, at these places; the last one first.
    Resource { rest: Vec<String> },
    /// The authorization server's.
    Server { resource: Known, rest: Vec<String> },
    /// Where a browser can come back to: only a consent needs it.
    Callback { at: At },
    /// Who we are there.
    Registering { at: At, method: Method },
    /// A person is asked.
    Consent(Client),
    /// A browser is away.
    Away { client: Client, state: String, verifier: SecretString, until: u64 },
    /// A code, or who we are, is redeemed.
    Redeeming(Client),
    /// A refresh token is.
    Refreshing(Client),
    /// It ended.
    Over,
}

/// What is known of the server.
struct Known {
    /// As it is named at the authorization server.
    name: String,
    issuer: Place,
    scopes: Option<Scopes>,
    /// It has no metadata, and is taken for one of 2025-03-26.
    old: bool,
}

/// What is known of its authorization server too.
struct At {
    resource: String,
    server: Server,
    scopes: Scopes,
}

/// And who we are there.
struct Client {
    at: At,
    is: Registration,
}

impl Flow {
    /// Begins, with what a server said, or with nothing.
    #[must_use]
    pub fn begin(setup: Setup) -> Self {
        let mut flow = Self { setup, state: State::Over, need: None, registered: None };
        let named = flow.setup.challenge.as_ref().and_then(|it| it.resource_metadata.clone());
        let mut rest =
            named.map_or_else(|| resource_places(&flow.setup.server), |place| vec![place]);
        rest.reverse();
        flow.look_for_resource(rest);
        flow
    }

    /// What has to be done next; nothing while it is being done.
    pub fn poll(&mut self) -> Option<Need> {
        self.need.take()
    }

    /// A registration that was made on the way, to be kept for the next time.
    #[must_use]
    pub fn registered(&self) -> Option<&Registration> {
        self.registered.as_ref()
    }

    /// What a request was answered with.
    pub fn answered(&mut self, answer: &Answer, now: u64) {
        let state = std::mem::replace(&mut self.state, State::Over);
        let went = match state {
            State::Resource { rest } => self.resource(answer, rest, now),
            State::Server { resource, rest } => self.server(answer, resource, rest, now),
            State::Registering { at, method } => self.register(answer, at, method),
            State::Redeeming(client) => self.redeemed(answer, &client, now),
            State::Refreshing(client) => self.refreshed(answer, client, now),
            State::Callback { .. } | State::Consent(_) | State::Away { .. } | State::Over => {
                Err(Why::Order)
            }
        };
        self.went(went);
    }

    /// Where a browser comes back to, exactly, now that it is needed.
    pub fn comes_back(&mut self, redirect: String, now: u64) {
        let State::Callback { at } = std::mem::replace(&mut self.state, State::Over) else {
            return self.fail(Why::Order);
        };
        self.setup.redirect = Some(redirect);
        let went = self.becomes_client(at, now);
        self.went(went);
    }

    /// A request got no answer.
    pub fn unreached(&mut self, why: String) {
        let what = match self.state {
            State::Resource { .. } => "the server's metadata",
            State::Server { .. } => "the authorization server",
            State::Registering { .. } => "the registration",
            _ => "the token endpoint",
        };
        self.fail(Why::Unreached { what, why });
    }

    /// A person said yes to what [`Need::Consent`] says. The dice are 64 bytes of nobody's else.
    pub fn allowed(&mut self, dice: &[u8; 64], now: u64) {
        let State::Consent(client) = std::mem::replace(&mut self.state, State::Over) else {
            return self.fail(Why::Order);
        };
        let (first, last) = dice.split_at(32);
        let (state, verifier) = (URL_SAFE_NO_PAD.encode(first), URL_SAFE_NO_PAD.encode(last));
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let Some(place) = &client.at.server.authorization else { return self.fail(Why::Order) };
        let scope = client.at.scopes.to_string();
        let mut fields = vec![
            ("response_type", "code"),
            ("client_id", &client.is.client_id),
            ("redirect_uri", self.setup.redirect.as_deref().unwrap_or_default()),
            ("state", &state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("resource", &client.at.resource),
        ];
        if !scope.is_empty() {
            fields.push(("scope", &scope));
        }
        let until = now.saturating_add(AWAY);
        let url = place.with(&encode(fields));
        let verifier = SecretString::new(verifier);
        self.need = Some(Need::Visit(Visit { url, until }));
        self.state = State::Away { client, state, verifier, until };
    }

    /// A person said no, or nothing.
    pub fn refused(&mut self) {
        self.fail(Why::Refused);
    }

    /// Whether this query is of the browser that is away: it brings the `state` that it was sent
    /// with. Any page can lead a browser here; what brings another one ends nothing.
    #[must_use]
    pub fn awaits(&self, query: &str) -> bool {
        match &self.state {
            State::Away { state, .. } => returned::is_of(query, state),
            _ => false,
        }
    }

    /// A browser came back, with this query. The `state` that it must bring is used up by it.
    pub fn returned(&mut self, query: &str, now: u64) {
        let state = std::mem::replace(&mut self.state, State::Over);
        let State::Away { client, state, verifier, until } = state else {
            return self.fail(Why::Order);
        };
        if now >= until {
            return self.fail(Why::Late);
        }
        let wanted = Wanted { state: &state, server: &client.at.server };
        match code_of(query, &wanted) {
            Ok(code) => self.redeem_code(client, &code, &verifier),
            Err(why) => self.fail(why),
        }
    }

    fn went(&mut self, went: Result<(), Why>) {
        if let Err(why) = went {
            self.fail(why);
        }
    }

    fn fail(&mut self, why: Why) {
        self.state = State::Over;
        self.need = Some(Need::Failed(why));
    }

    fn look_for_resource(&mut self, mut rest: Vec<String>) {
        let Some(text) = rest.pop() else { return self.fail(Why::NoIssuer) };
        match Place::learned(&text, &self.setup.server) {
            Ok(place) => {
                self.need = Some(Need::Fetch(Ask::get(Purpose::Resource, place)));
                self.state = State::Resource { rest };
            }
            Err(why) => self.fail(why),
        }
    }

    fn resource(&mut self, answer: &Answer, rest: Vec<String>, now: u64) -> Result<(), Why> {
        let named = self.setup.challenge.as_ref().is_some_and(|it| it.resource_metadata.is_some());
        let known = match answer.status {
            200 => {
                let Resource { name, issuer, scopes } =
                    Resource::read(&answer.body, &self.setup.server)?;
                Known { name, issuer, scopes, old: false }
            }
            400..=499 if !rest.is_empty() => {
                self.look_for_resource(rest);
                return Ok(());
            }
            // 2025-03-26: the server is its own authorization server.
            400..=499 if !named => Known {
                name: self.setup.server.as_str().to_owned(),
                issuer: Place::read(self.setup.server.origin())?,
                scopes: None,
                old: true,
            },
            status => return Err(Why::Status { what: "the server's metadata", status }),
        };
        let mut rest = issuer_places(&known.issuer);
        rest.reverse();
        self.look_for_server(known, rest, now)
    }

    fn look_for_server(
        &mut self,
        resource: Known,
        mut rest: Vec<String>,
        now: u64,
    ) -> Result<(), Why> {
        let Some(text) = rest.pop() else {
            if !resource.old {
                return Err(Why::NoMetadata(resource.issuer.as_str().to_owned()));
            }
            let server = Server::usual(&self.setup.server)?;
            return self.knows(resource, server, now);
        };
        let place = Place::learned(&text, &self.setup.server)?;
        self.need = Some(Need::Fetch(Ask::get(Purpose::Server, place)));
        self.state = State::Server { resource, rest };
        Ok(())
    }

    fn server(
        &mut self,
        answer: &Answer,
        resource: Known,
        rest: Vec<String>,
        now: u64,
    ) -> Result<(), Why> {
        match answer.status {
            200 => {
                let server =
                    Server::read(&answer.body, resource.issuer.as_str(), &self.setup.server)?;
                self.knows(resource, server, now)
            }
            400..=499 => self.look_for_server(resource, rest, now),
            status => Err(Why::Status { what: "the authorization server's metadata", status }),
        }
    }

    /// Both are known: what was had is refreshed, or something new is asked for.
    fn knows(&mut self, resource: Known, server: Server, now: u64) -> Result<(), Why> {
        let by_code = self.setup.means == Means::Code;
        let scopes = self.scopes(&resource, &server, by_code);
        // Only a code can be caught; who redeems nothing but its own secret needs no PKCE.
        if by_code && !server.checks_pkce {
            return Err(Why::NoPkce);
        }
        if by_code && server.authorization.is_none() {
            return Err(Why::Lacks("an authorization endpoint"));
        }
        let at = At { resource: resource.name, server, scopes };
        match self.refreshable(&at, now)? {
            Some((is, refresh)) => self.refresh(Client { at, is }, &refresh),
            None => self.goes_on(at, now)?,
        }
        Ok(())
    }

    /// Without anything to refresh.
    fn goes_on(&mut self, at: At, now: u64) -> Result<(), Why> {
        if self.setup.means == Means::Code && self.setup.redirect.is_none() {
            self.need = Some(Need::Callback);
            self.state = State::Callback { at };
            return Ok(());
        }
        self.becomes_client(at, now)
    }

    /// Finds out who we are there, or registers us.
    fn becomes_client(&mut self, at: At, now: u64) -> Result<(), Why> {
        let by_code = self.setup.means == Means::Code;
        let redirect = self.setup.redirect.as_deref().filter(|_| by_code);
        let Setup { identity, known, .. } = &self.setup;
        match client::way(identity, &at.server, known, redirect, now)? {
            Way::Known(is) => self.is_client(Client { at, is }),
            Way::Register { body, method } => {
                let place = at.server.registration.clone().ok_or(Why::Unregistered)?;
                self.need = Some(Need::Fetch(Ask::json(place, body)));
                self.state = State::Registering { at, method };
                Ok(())
            }
        }
    }

    fn register(&mut self, answer: &Answer, at: At, method: Method) -> Result<(), Why> {
        if !matches!(answer.status, 200 | 201) {
            return Err(Why::Status { what: "our registration", status: answer.status });
        }
        let redirect = self.setup.redirect.as_deref().ok_or(Why::Order)?;
        let is = client::registered(&answer.body, &at.server, redirect, method)?;
        self.registered = Some(is.clone());
        self.is_client(Client { at, is })
    }

    fn is_client(&mut self, client: Client) -> Result<(), Why> {
        if self.setup.means == Means::Credentials {
            return self.redeem_ourselves(client);
        }
        self.asks(client);
        Ok(())
    }

    fn refresh(&mut self, client: Client, refresh: &SecretString) {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose("it goes back to who gave it")),
            ("resource", client.at.resource.as_str()),
        ];
        self.post(&client, &fields);
        self.state = State::Refreshing(client);
    }

    /// What was had from the same authorization server and for the same resource, when that is
    /// enough, and as which client it was had.
    fn refreshable(
        &self,
        at: &At,
        now: u64,
    ) -> Result<Option<(Registration, Arc<SecretString>)>, Why> {
        let Some(held) = self.setup.held.as_ref().filter(|_| self.setup.means == Means::Code)
        else {
            return Ok(None);
        };
        let same = held.issuer == at.server.issuer && held.resource == at.resource;
        let challenge = self.setup.challenge.as_ref();
        let more = challenge.and_then(|it| it.scope.as_ref());
        let enough = more.is_none_or(|more| held.tokens.scopes.holds(more));
        let wants_more = challenge.is_some_and(crate::Challenge::wants_more);
        let Some(refresh) = held.tokens.refresh.clone().filter(|_| same && enough && !wants_more)
        else {
            return Ok(None);
        };
        let Setup { identity, known, .. } = &self.setup;
        let is = client::of_grant(identity, &at.server, known, &held.client_id, now)?;
        Ok(is.map(|is| (is, refresh)))
    }

    /// What is asked for: what the challenge names, else what the operator wrote, else what the
    /// server lists; together with what was given before.
    fn scopes(&self, resource: &Known, server: &Server, by_code: bool) -> Scopes {
        let challenged = self.setup.challenge.as_ref().and_then(|it| it.scope.clone());
        let wanted =
            challenged.or_else(|| self.setup.scopes.clone()).or_else(|| resource.scopes.clone());
        let held = self.setup.held.as_ref().filter(|held| held.issuer == server.issuer);
        let before = held.map(|held| held.tokens.scopes.clone()).unwrap_or_default();
        let all = wanted.unwrap_or_default().and(&before);
        // A refresh token is asked for with a scope, where the authorization server has it so.
        let lasting = by_code && server.scopes.has("offline_access");
        if lasting { all.with("offline_access") } else { all }
    }

    fn asks(&mut self, client: Client) {
        let Some(place) = client.at.server.authorization.clone() else {
            return self.fail(Why::Order);
        };
        self.need = Some(Need::Consent(Consent {
            issuer: client.at.server.issuer.clone(),
            place,
            resource: client.at.resource.clone(),
            scopes: client.at.scopes.clone(),
            client_id: client.is.client_id.clone(),
            redirect: self.setup.redirect.clone().unwrap_or_default(),
        }));
        self.state = State::Consent(client);
    }

    fn redeem_code(&mut self, client: Client, code: &str, verifier: &SecretString) {
        let redirect = self.setup.redirect.clone().unwrap_or_default();
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect.as_str()),
            ("code_verifier", verifier.expose("it goes to who was given its digest")),
            ("resource", client.at.resource.as_str()),
        ];
        self.post(&client, &fields);
        self.state = State::Redeeming(client);
    }

    fn redeem_ourselves(&mut self, client: Client) -> Result<(), Why> {
        if client.is.method == Method::None {
            return Err(Why::Lacks("a client that can show who it is: set `client_secret`"));
        }
        let scope = client.at.scopes.to_string();
        let mut fields =
            vec![("grant_type", "client_credentials"), ("resource", client.at.resource.as_str())];
        if !scope.is_empty() {
            fields.push(("scope", &scope));
        }
        self.post(&client, &fields);
        self.state = State::Redeeming(client);
        Ok(())
    }

    fn post(&mut self, client: &Client, fields: &[(&str, &str)]) {
        let redeem = token::redeem(&client.is, fields);
        let signs = redeem.signs.then(|| Asked {
            client_id: client.is.client_id.clone(),
            audience: client.at.server.issuer.clone(),
        });
        self.need = Some(Need::Fetch(Ask {
            purpose: Purpose::Token,
            place: client.at.server.token.clone(),
            body: Some(redeem.body),
            authorization: redeem.authorization,
            signs,
        }));
    }

    fn redeemed(&mut self, answer: &Answer, client: &Client, now: u64) -> Result<(), Why> {
        match answer.status {
            200 => self.got(answer, client, now, None),
            400..=499 => Err(token::refused(&answer.body)),
            status => Err(Why::Status { what: "the token endpoint", status }),
        }
    }

    fn refreshed(&mut self, answer: &Answer, client: Client, now: u64) -> Result<(), Why> {
        match answer.status {
            200 => {
                let before = self.setup.held.as_ref().map(|held| held.tokens.clone());
                self.got(answer, &client, now, before.as_ref())
            }
            status @ 400..=499 => match token::refused(&answer.body) {
                // It is used up, or taken back: a person is asked again.
                Why::Denied(word) if NO_GOOD.contains(&word.as_str()) => {
                    self.goes_on(client.at, now)
                }
                // A moment's trouble takes nobody's time (RFC 6585, 4), and throws nothing away.
                Why::Unreadable(_) => Err(Why::Status { what: "the token endpoint", status }),
                why => Err(why),
            },
            status => Err(Why::Status { what: "the token endpoint", status }),
        }
    }

    fn got(
        &mut self,
        answer: &Answer,
        client: &Client,
        now: u64,
        before: Option<&Tokens>,
    ) -> Result<(), Why> {
        let asked = before.map_or(&client.at.scopes, |before| &before.scopes);
        let tokens = Tokens::read(&answer.body, now, asked, before)?;
        self.need = Some(Need::Done(Grant {
            issuer: client.at.server.issuer.clone(),
            resource: client.at.resource.clone(),
            client_id: client.is.client_id.clone(),
            tokens,
        }));
        Ok(())
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resource { .. } => "Resource",
            Self::Server { .. } => "Server",
            Self::Callback { .. } => "Callback",
            Self::Registering { .. } => "Registering",
            Self::Consent(_) => "Consent",
            Self::Away { .. } => "Away",
            Self::Redeeming(_) => "Redeeming",
            Self::Refreshing(_) => "Refreshing",
            Self::Over => "Over",
        })
    }
}
