//! Who makes a request: whoever bears a secret that they were given, or a process of our own
//! account. Every request says it anew (MCP-AUTH-04, MCP-AUTH-05).

use hyper::StatusCode;
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;
use portcullis_policy::{Principal, ServerName};
use rustix::process::geteuid;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::caller::Caller;
use super::reply::Refusal;

/// Longest token, in bytes.
const LONGEST: usize = 4 << 10;

/// Somebody who may come in.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// What we call them.
    pub name: String,
    /// SHA-256 of their secret.
    pub sha256: [u8; 32],
    /// The servers that they may reach; all when nothing is said.
    pub servers: Option<Vec<ServerName>>,
}

/// Knows who may come in.
#[derive(Debug)]
pub struct Gatekeeper(Vec<Bearer>);

const STRANGER: Refusal =
    Refusal::new(StatusCode::FORBIDDEN, "only processes of the account that serves are served");

impl Gatekeeper {
    /// Lets these in; without any, processes of our own account on this machine.
    #[must_use]
    pub const fn new(bearers: Vec<Bearer>) -> Self {
        Self(bearers)
    }

    /// Who makes this request.
    ///
    /// # Errors
    /// 401 without a token that we know, 403 for a process that is not ours.
    pub fn admits(&self, parts: &Parts, caller: &Caller) -> Result<Principal, Refusal> {
        if parts.uri.query().is_some_and(carries_token) {
            return Err(unknown("a token has no place in an address"));
        }
        if self.0.is_empty() {
            let ours = geteuid().as_raw();
            let is_ours = caller.uid == Some(ours);
            return if is_ours { Ok(Principal::user(ours)) } else { Err(STRANGER) };
        }
        let token = token(parts).ok_or_else(|| unknown("who are you? a bearer token is wanted"))?;
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        // All are looked at, so that how long it takes does not depend on whose it is.
        let mut found = None;
        for bearer in &self.0 {
            if bool::from(bearer.sha256.ct_eq(&digest)) {
                found = Some(bearer);
            }
        }
        let bearer = found.ok_or_else(|| unknown("this token is nobody's"))?;
        Ok(Principal::token(&bearer.name))
    }

    /// Whether somebody who came in may reach this server.
    #[must_use]
    pub fn may_reach(&self, principal: &Principal, server: &ServerName) -> bool {
        let bearer = self.0.iter().find(|it| Principal::token(&it.name) == *principal);
        let servers = bearer.and_then(|bearer| bearer.servers.as_ref());
        servers.is_none_or(|servers| servers.contains(server))
    }
}

fn unknown(why: &'static str) -> Refusal {
    Refusal { challenge: Some("Bearer".to_owned()), ..Refusal::new(StatusCode::UNAUTHORIZED, why) }
}

/// The one token in the one header for it (RFC 6750, section 2.1).
fn token(parts: &Parts) -> Option<&str> {
    let mut all = parts.headers.get_all(AUTHORIZATION).iter();
    let value = all.next().filter(|_| all.next().is_none())?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    let fits = (1..=LONGEST).contains(&token.len()) && token.bytes().all(letter);
    (scheme.eq_ignore_ascii_case("bearer") && fits).then_some(token)
}

/// A query that carries a token (RFC 6750, section 2.3). A name that has to be decoded before it can
/// be read may be one.
fn carries_token(query: &str) -> bool {
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
    let is_it =
        |name: &str| matches!(name, "access_token" | "token" | "bearer") || name.contains('%');
    query.split(['&', ';']).any(|pair| is_it(&name(pair)))
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn head(uri: &str, values: &[&str]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for value in values {
            request = request.header(AUTHORIZATION, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn bearer(name: &str, secret: &str, servers: Option<&[&str]>) -> Bearer {
        let name_of = |name: &&str| ServerName::new(name).unwrap();
        let servers = servers.map(|all| all.iter().map(name_of).collect());
        Bearer { name: name.to_owned(), sha256: Sha256::digest(secret).into(), servers }
    }

    const NOBODY: Caller = Caller { uid: None, address: None };

    #[test]
    fn without_tokens_our_own_account_is_known_and_nobody_else() {
        let gate = Gatekeeper::new(Vec::new());
        let ours = geteuid().as_raw();
        let as_uid = |uid| gate.admits(&head("/", &[]), &Caller { uid, address: None });
        assert_eq!(as_uid(Some(ours)).unwrap(), Principal::user(ours));
        for other in [None, Some(ours + 1)] {
            assert_eq!(as_uid(other).unwrap_err().status, 403, "{other:?}");
        }
        assert!(gate.may_reach(&Principal::user(ours), &ServerName::new("any").unwrap()));
    }

    #[test]
    fn with_tokens_a_token_is_what_counts_and_it_stands_in_one_place() {
        let gate = Gatekeeper::new(vec![
            bearer("ada", "s3cret-ada", None),
            bearer("bob", "s3cret-bob", Some(&["files"])),
        ]);
        let ours = Caller { uid: Some(geteuid().as_raw()), address: None };
        let says = |values: &[&str]| gate.admits(&head("/", values), &ours);
        assert_eq!(says(&["Bearer s3cret-ada"]).unwrap(), Principal::token("ada"));
        assert_eq!(says(&["bearer  s3cret-bob"]).unwrap(), Principal::token("bob"));
        for wrong in [
            &[][..],
            &["Bearer s3cret-ada", "Bearer s3cret-ada"],
            &["Basic s3cret-ada"],
            &["s3cret-ada"],
            &["Bearer"],
            &["Bearer "],
            &["Bearer s3cret-ad"],
            &["Bearer s3cret-ada x"],
            &["Bearer s3cret-ada,s3cret-bob"],
            &["Bearer S3CRET-ADA"],
        ] {
            let refused = says(wrong).unwrap_err();
            assert_eq!((refused.status.as_u16(), refused.challenge), (401, Some("Bearer".into())));
        }
        for uri in [
            "/?access_token=s3cret-ada",
            "/?x=1&Access_Token=s3cret-ada",
            "/?x=1;token=s3cret-ada",
            "/?access%5Ftoken=s3cret-ada",
        ] {
            let refused = gate.admits(&head(uri, &["Bearer s3cret-ada"]), &NOBODY).unwrap_err();
            assert_eq!(refused.status, 401, "{uri}");
        }
        let server = |name: &str| ServerName::new(name).unwrap();
        assert!(gate.may_reach(&Principal::token("ada"), &server("mail")));
        assert!(gate.may_reach(&Principal::token("bob"), &server("files")));
        assert!(!gate.may_reach(&Principal::token("bob"), &server("mail")));
    }
}
