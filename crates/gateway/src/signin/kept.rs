//! What outlives an attempt: the token, and who we are at which authorization server.

use std::sync::Arc;

use portcullis_guard::secret::SecretString;
use portcullis_oauth::{Grant, Method, Place, Registration, Scopes, Tokens};
use portcullis_store::{CredentialRow, Kind, Owner, StoreError, Vault};
use serde_json::{Value, json};

use crate::driver::wall_clock;
use crate::fault::Fault;
use crate::launch::Plan;

/// The credentials of one principal for one server.
#[derive(Debug)]
pub(super) struct Keeper {
    vault: Vault,
    principal: String,
    server: String,
}

impl Keeper {
    pub(super) fn open(plan: &Plan, server: &Place) -> Result<Self, Fault> {
        let database = plan.shared.database(&plan.state);
        let vault = database
            .and_then(|database| Vault::within(&database, &plan.state))
            .map_err(|error| Fault::ours("credentials cannot be opened", error))?;
        let (principal, server) = (plan.principal.to_string(), server.as_str().to_owned());
        Ok(Self { vault, principal, server })
    }

    /// The newest token.
    pub(super) fn grant(&self) -> Result<Option<Grant>, StoreError> {
        let all = self.vault.of(&self.principal, &self.server)?;
        let mut tokens = all.iter().filter(|(owner, _)| owner.kind == Kind::Token);
        Ok(tokens.find_map(|(owner, text)| grant(&owner.issuer, text)))
    }

    /// Who we are, everywhere.
    pub(super) fn clients(&self) -> Result<Vec<Registration>, StoreError> {
        let all = self.vault.of(&self.principal, &self.server)?;
        let clients = all.iter().filter(|(owner, _)| owner.kind == Kind::Client);
        Ok(clients.filter_map(|(owner, text)| client(&owner.issuer, text)).collect())
    }

    pub(super) fn keep_grant(&mut self, grant: &Grant) -> Result<(), StoreError> {
        let tokens = &grant.tokens;
        let refresh = tokens.refresh.as_ref().map(|it| it.expose("to be sealed"));
        let text = json!({
            "resource": grant.resource,
            "client_id": grant.client_id,
            "access": tokens.access.expose("to be sealed"),
            "refresh": refresh,
            "expires": tokens.expires,
            "scopes": tokens.scopes.to_string(),
        });
        let row = self.row(&grant.issuer, Kind::Token, tokens.scopes.to_string(), tokens.expires);
        self.vault.put(&row, &text.to_string())
    }

    pub(super) fn keep_client(&mut self, client: &Registration) -> Result<(), StoreError> {
        let text = json!({
            "client_id": client.client_id,
            "secret": client.secret.as_ref().map(|it| it.expose("to be sealed")),
            "method": client.method.as_str(),
            "redirect": client.redirect,
            "expires": client.expires,
        });
        let row = self.row(&client.issuer, Kind::Client, String::new(), client.expires);
        self.vault.put(&row, &text.to_string())
    }

    fn row(&self, issuer: &str, kind: Kind, scopes: String, expires: Option<u64>) -> CredentialRow {
        let (principal, server) = (self.principal.clone(), self.server.clone());
        let owner = Owner { principal, server, issuer: issuer.to_owned(), kind };
        CredentialRow { owner, scopes, expires, changed: wall_clock() }
    }
}

fn secret(value: &Value, name: &str) -> Option<Arc<SecretString>> {
    let text = value.get(name)?.as_str()?;
    Some(Arc::new(SecretString::new(text.to_owned())))
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}

fn grant(issuer: &str, sealed: &str) -> Option<Grant> {
    let value: Value = serde_json::from_str(sealed).ok()?;
    Some(Grant {
        issuer: issuer.to_owned(),
        resource: text(&value, "resource")?,
        client_id: text(&value, "client_id")?,
        tokens: Tokens {
            access: secret(&value, "access")?,
            refresh: secret(&value, "refresh"),
            expires: value.get("expires").and_then(Value::as_u64),
            scopes: Scopes::parse(&text(&value, "scopes")?)?,
        },
    })
}

fn client(issuer: &str, sealed: &str) -> Option<Registration> {
    let value: Value = serde_json::from_str(sealed).ok()?;
    Some(Registration {
        issuer: issuer.to_owned(),
        client_id: text(&value, "client_id")?,
        secret: secret(&value, "secret"),
        method: Method::parse(&text(&value, "method")?)?,
        redirect: text(&value, "redirect"),
        expires: value.get("expires").and_then(Value::as_u64),
    })
}
