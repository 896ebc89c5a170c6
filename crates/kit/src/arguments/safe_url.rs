//! An address on the web that the operator listed, and where it leads.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::net::{SocketAddr, ToSocketAddrs as _};

use portcullis_guard::egress::{Host, Reach, Route, Target};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::refusal::Refusal;

/// Which hosts a tool may reach.
pub trait Listed: Send + Sync + 'static {
    /// The list. Read it once: it is asked for at each call.
    fn reach() -> &'static Reach;
}

/// An `https:` address of a host that [`Listed`] names (`http:` where it is this
/// machine and listed). It has no login in it, and what its name resolves to is looked
/// at before it is dialled: a name must not lead back inside (SSRF, DNS rebinding).
pub struct SafeUrl<L: Listed> {
    text: String,
    route: Route,
    reason: PhantomData<L>,
}

impl<L: Listed> SafeUrl<L> {
    /// Judges an address.
    ///
    /// # Errors
    /// The text says what is wrong, and what would be right.
    pub fn judge(asked: &str) -> Result<Self, Refusal> {
        let readings = portcullis_guard::url::Uri::readings(asked)
            .map_err(|why| Refusal::new(format!("this address is {why}")))?;
        let [uri] = readings.as_slice() else {
            return Err(Refusal::new("this address can be read in two ways"));
        };
        let usual = match uri.scheme() {
            "https" => 443,
            "http" => 80,
            _ => return Err(Refusal::new("only https: addresses are followed")),
        };
        let authority = uri.authority();
        if authority.contains('@') {
            return Err(Refusal::new("an address with a login in it is not followed"));
        }
        let target = Target::new(authority, Some(usual))
            .map_err(|why| Refusal::new(format!("this host is {why}")))?;
        let here = matches!(target.host, Host::Address(address) if address.is_loopback());
        if usual == 80 && !here {
            return Err(Refusal::new("only https: addresses are followed"));
        }
        let route = L::reach().judge(&target).map_err(|_| Refusal::new(refused::<L>()))?;
        Ok(Self { text: asked.to_owned(), route, reason: PhantomData })
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The socket addresses to dial, and no other: hand them to the client of your
    /// choice as the resolution of the host, and let it follow no redirect. Blocks
    /// while the name is resolved.
    ///
    /// # Errors
    /// Where the name does not resolve, or leads inside.
    pub fn addresses(&self) -> Result<Vec<SocketAddr>, Refusal> {
        let (name, port) = match &self.route {
            Route::Address(address) => return Ok(vec![*address]),
            Route::Resolve { name, port, .. } => (name, *port),
        };
        let found = (name.as_str(), port)
            .to_socket_addrs()
            .map_err(|cause| Refusal::new("this host cannot be found").because(cause))?;
        let outside: Vec<SocketAddr> =
            found.filter(|address| self.route.accepts(address.ip()).is_ok()).collect();
        if outside.is_empty() {
            return Err(Refusal::new("this host leads to a place that is not reached from here"));
        }
        Ok(outside)
    }
}

fn refused<L: Listed>() -> String {
    let listed: Vec<&str> = L::reach().texts().collect();
    let listed = if listed.is_empty() { "none".to_owned() } else { listed.join(", ") };
    format!("this host is not listed; listed: {listed}")
}

impl<L: Listed> fmt::Debug for SafeUrl<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SafeUrl").field(&self.text).finish()
    }
}

impl<'de, L: Listed> Deserialize<'de> for SafeUrl<L> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let asked = String::deserialize(deserializer)?;
        Self::judge(&asked).map_err(D::Error::custom)
    }
}

impl<L: Listed> JsonSchema for SafeUrl<L> {
    fn schema_name() -> Cow<'static, str> {
        "SafeUrl".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 8,
            "maxLength": 2048,
            "pattern": "^https?://[^\\s\\x00-\\x1f\\x7f]+$",
            "description": "An https: address of a listed host.",
        })
    }
}
