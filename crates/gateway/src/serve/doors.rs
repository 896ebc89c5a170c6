//! Who is let in, and how connections are kept from others: from what the operator wrote.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use portcullis_config::serve::{Introspection, Issuer, Reference, Serve, Token};
use portcullis_guard::secret::SecretString;
use portcullis_transport::http::fetch::{Fetcher, Reach, Roots, Url};
use portcullis_transport::http::oauth::{
    self, Proofs, Resource, Signing, Tokens, Trust, Trusted, Web,
};
use portcullis_transport::http::{Address, Bearer, Gatekeeper, Tls, TlsFiles};

use crate::fault::Fault;
use crate::launch::Plan;
use crate::secrets;

/// What connections are begun with, where they are encrypted.
pub(super) fn tls(serve: &Serve, home: Option<&Path>) -> Result<Option<Tls>, Fault> {
    let Some(tls) = &serve.tls else { return Ok(None) };
    let located = |path: &str| secrets::located(path, home);
    let files = TlsFiles {
        certificate: located(&tls.certificate),
        key: located(&tls.key),
        client_ca: tls.client_ca.as_deref().map(located),
        // Where it is all that anybody can show.
        required: serve.tokens.is_empty() && serve.issuers.is_empty(),
    };
    let read = Tls::read(files);
    read.map(Some).map_err(|why| Fault::operator(format!("[serve.tls] cannot be used: {why}")))
}

/// What we are called by whoever gives out tokens for us.
pub(super) fn resource(serve: &Serve, address: &Address) -> Resource {
    match &serve.resource {
        Some(resource) => Resource::new(resource),
        None => Resource::of(address, serve.tls.is_some()),
    }
}

/// Who may come in.
pub(super) fn gatekeeper(
    serve: &Serve,
    resource: Resource,
    plan: &Plan,
    proofs: Proofs,
) -> Result<Gatekeeper, Fault> {
    let mut keeper = Gatekeeper::new(serve.tokens.iter().map(bearer).collect());
    if serve.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some()) {
        keeper = keeper.and_certificates();
    }
    if serve.issuers.is_empty() {
        return Ok(keeper);
    }
    let trusted = serve.issuers.iter().map(|issuer| trusted(issuer, plan));
    let trusted = trusted.collect::<Result<Vec<_>, Fault>>()?;
    let scopes: BTreeSet<String> = serve.scopes.clone();
    Ok(keeper.and_tokens(Tokens::new(resource, trusted, scopes).remembering(proofs)))
}

fn bearer(token: &Token) -> Bearer {
    let Token { name, sha256, servers, scopes } = token.clone();
    Bearer { name, sha256, servers, scopes }
}

fn trusted(issuer: &Issuer, plan: &Plan) -> Result<Trusted, Fault> {
    let trust = Trust {
        name: issuer.name.clone(),
        issuer: issuer.issuer.clone(),
        audience: issuer.audience.clone(),
        algorithms: issuer.algorithms.iter().filter_map(|name| Signing::named(name)).collect(),
        longest: issuer.lifetime.as_secs(),
        hierarchy: issuer.hierarchy.clone(),
    };
    let introspection = issuer.introspection.as_ref();
    // What its metadata names is a stranger's word; what is written here is the operator's.
    let mut reach = Reach::public();
    let written = [Some(&issuer.issuer), issuer.jwks_uri.as_ref(), introspection.map(|it| &it.url)];
    for text in written.into_iter().flatten() {
        let url = Url::new(text).map_err(|why| {
            Fault::operator(format!("[serve.issuers.{}] `{text}`: {why}", issuer.name))
        })?;
        reach = reach.and_own(url.origin());
    }
    let mut web = Web::new(Fetcher::new(reach, Roots::system()));
    if let Some(Introspection { client, secret, .. }) = introspection {
        web = web.known_as(client, &read(&issuer.name, secret, plan)?);
    }
    let introspection = introspection.map(|it| oauth::Introspection::new(it.url.clone()));
    let keys = issuer.jwks_uri.clone();
    let asked = oauth::Issuer::new(trust, keys, introspection, Arc::new(web));
    Ok(Trusted { issuer: asked, servers: issuer.servers.clone() })
}

/// A secret of ours, read at the start.
fn read(issuer: &str, secret: &Reference, plan: &Plan) -> Result<SecretString, Fault> {
    let name = format!("[serve.issuers.{issuer}.introspection] `secret`");
    match secret {
        Reference::Environment(ours) => {
            let value = plan.environment.get(ours).and_then(|value| value.to_str());
            let value = value.map(|value| SecretString::new(value.to_owned()));
            value.ok_or_else(|| Fault::operator(format!("{name}: variable `{ours}` is not set")))
        }
        Reference::File(path) => {
            let path = secrets::located(path, plan.home.as_deref());
            Ok(SecretString::new(secrets::read(&name, &path, true)?))
        }
    }
}
