//! What a stranger is told: where to get a token, for what, and what was wrong with the last one
//! (RFC 6750, RFC 9449, RFC 9728; MCP-AUTH-06, MCP-AUTH-07).

use std::collections::BTreeSet;

use hyper::StatusCode;
use hyper::body::Bytes;
use portcullis_wire::{Json, Object, array};

use super::super::reply::{Refusal, Reply, json};
use super::resource::{Resource, WELL_KNOWN, server};
use super::signing;

/// What is said of us to everybody.
#[derive(Clone, Debug)]
pub(super) struct Sign {
    pub(super) resource: Resource,
    /// The issuers whose tokens count, as they call themselves.
    pub(super) issuers: Vec<String>,
    /// What everybody has to have.
    pub(super) scopes: BTreeSet<String>,
}

/// A scope that asks for a token that never ends is nothing that we want.
const ENDLESS: &str = "offline_access";

impl Sign {
    /// The document about this path, if it is the path of one. It says the same of a server that is
    /// there and of one that is not.
    pub(super) fn document(&self, path: &str) -> Option<Reply> {
        let place = path.strip_prefix(WELL_KNOWN)?;
        let resource = match place {
            "" => self.resource.as_str().to_owned(),
            _ => server(place).map(|_| self.resource.at(place))?,
        };
        let texts =
            |all: &[&str]| array(&all.iter().map(|it| Json::string(it)).collect::<Vec<_>>());
        let issuers: Vec<&str> = self.issuers.iter().map(String::as_str).collect();
        let algorithms: Vec<&str> = signing::ALL.iter().map(|signing| signing.name).collect();
        let mut document = Object::new();
        document.set("resource", Json::string(&resource));
        document.set("authorization_servers", texts(&issuers));
        document.set("bearer_methods_supported", texts(&["header"]));
        document.set("dpop_signing_alg_values_supported", texts(&algorithms));
        let scopes: Vec<&str> = self.wanted(&self.scopes).collect();
        if !scopes.is_empty() {
            document.set("scopes_supported", texts(&scopes));
        }
        Some(json(StatusCode::OK, Bytes::from(document.to_json().text().to_owned())))
    }

    fn wanted<'a>(&self, scopes: &'a BTreeSet<String>) -> impl Iterator<Item = &'a str> + use<'a> {
        scopes.iter().map(String::as_str).filter(|scope| *scope != ENDLESS)
    }

    /// Nobody said who they are, or what they showed does not count.
    pub(super) fn refuses(&self, path: &str, why: &'static str, wrong: Shown) -> Refusal {
        let (mut bearer, mut dpop) = (self.bearer(path, &self.scopes), dpop());
        match wrong {
            Shown::Nothing => {}
            Shown::Token => bearer.push_str(", error=\"invalid_token\""),
            Shown::Proof => dpop.push_str(", error=\"invalid_dpop_proof\""),
        }
        let challenge = Some(bearer);
        Refusal { challenge, dpop: Some(dpop), ..Refusal::new(StatusCode::UNAUTHORIZED, why) }
    }

    /// What somebody known wants takes these scopes, and they have not all of them.
    pub(super) fn lacks(&self, path: &str, needed: &BTreeSet<String>) -> Refusal {
        let challenge = format!("{}, error=\"insufficient_scope\"", self.bearer(path, needed));
        let why = "this takes a scope that the token has not";
        Refusal { challenge: Some(challenge), ..Refusal::new(StatusCode::FORBIDDEN, why) }
    }

    fn bearer(&self, path: &str, scopes: &BTreeSet<String>) -> String {
        let mut said = format!("Bearer resource_metadata=\"{}\"", self.resource.metadata(path));
        let scopes: Vec<&str> = self.wanted(scopes).collect();
        if !scopes.is_empty() {
            said.push_str(&format!(", scope=\"{}\"", scopes.join(" ")));
        }
        said
    }
}

fn dpop() -> String {
    let algorithms: Vec<&str> = signing::ALL.iter().map(|signing| signing.name).collect();
    format!("DPoP algs=\"{}\"", algorithms.join(" "))
}

/// What was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// There was nothing to look at.
    Nothing,
    /// The token.
    Token,
    /// The proof beside it.
    Proof,
}
