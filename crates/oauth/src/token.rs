//! What is redeemed at a token endpoint, and what it answers (RFC 6749, 4.1.3, 4.4, 5 and 6).

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_guard::secret::SecretString;

use crate::client::{Method, Registration};
use crate::form::{encode, escape};
use crate::json;
use crate::scope::Scopes;
use crate::why::{Why, code};

const TOKEN: &str = "the answer of the token endpoint";
/// How long before its end a token is not used any more, in seconds: a request takes a while.
const AHEAD: u64 = 10;
/// Longest credential that fits into a header.
const LONGEST: usize = 16 * 1024;

/// What an authorization server gave.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// What goes to the server, and nowhere else.
    pub access: Arc<SecretString>,
    /// What goes back to the authorization server.
    pub refresh: Option<Arc<SecretString>>,
    /// When the first ends, in seconds of Unix time.
    pub expires: Option<u64>,
    /// What it covers.
    pub scopes: Scopes,
}

impl Tokens {
    /// Whether it can still be used.
    #[must_use]
    pub fn lives(&self, now: u64) -> bool {
        self.expires.is_none_or(|end| now.saturating_add(AHEAD) < end)
    }

    /// Reads the answer with status 200; `asked` is what it covers when it does not say
    /// (RFC 6749, 5.1), `before` what a refresh token is when no other comes with it.
    pub(crate) fn read(
        body: &[u8],
        now: u64,
        asked: &Scopes,
        before: Option<&Self>,
    ) -> Result<Self, Why> {
        let value = json::object(body, TOKEN)?;
        let kind = json::text(&value, "token_type", TOKEN)?.ok_or(Why::Unreadable(TOKEN))?;
        if !kind.eq_ignore_ascii_case("bearer") {
            return Err(Why::TokenType);
        }
        let access = json::text(&value, "access_token", TOKEN)?.filter(|it| is_token(it));
        let access = access.ok_or(Why::Unreadable(TOKEN))?;
        let refresh = json::text(&value, "refresh_token", TOKEN)?.filter(|it| is_plain(it));
        let scopes = match json::text(&value, "scope", TOKEN)? {
            Some(text) => Scopes::parse(text).ok_or(Why::Unreadable(TOKEN))?,
            None => asked.clone(),
        };
        let seconds = value.get("expires_in").filter(|it| !it.is_null());
        let seconds = seconds.map(|it| it.as_u64().ok_or(Why::Unreadable(TOKEN))).transpose()?;
        let keep = |text: &str| Arc::new(SecretString::new(text.to_owned()));
        Ok(Self {
            access: keep(access),
            refresh: refresh.map(keep).or_else(|| before.and_then(|it| it.refresh.clone())),
            expires: seconds.map(|seconds| now.saturating_add(seconds)),
            scopes,
        })
    }
}

/// What a token endpoint answered when it gave nothing: its own word for why.
pub(crate) fn refused(body: &[u8]) -> Why {
    let value = json::object(body, TOKEN);
    let word = value.as_ref().ok().and_then(|value| value.get("error")?.as_str());
    word.map_or(Why::Unreadable(TOKEN), |word| Why::Denied(code(word)))
}

/// RFC 6750, 2.1: what may stand behind `Bearer`.
fn is_token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty()
        && text.len() <= LONGEST
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= LONGEST
        && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// A form for a token endpoint, and what shows there who we are.
pub struct Redeem {
    /// The form; what is signed is not yet in it.
    pub(crate) body: SecretString,
    /// The `Authorization` header.
    pub(crate) authorization: Option<SecretString>,
    /// A statement about ourselves is to be signed, for this authorization server.
    pub(crate) signs: bool,
}

impl fmt::Debug for Redeem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redeem(…)")
    }
}

/// Puts together a request of a client: its own fields, and who it is.
pub(crate) fn redeem(client: &Registration, fields: &[(&str, &str)]) -> Redeem {
    let secret = client.secret.as_ref().map(|it| it.expose("to show who we are, over TLS"));
    let mut fields = fields.to_vec();
    let mut authorization = None;
    match (client.method, secret) {
        (Method::Basic, Some(secret)) => {
            // Each is form-encoded before they are joined (RFC 6749, 2.3.1).
            let both = format!("{}:{}", escape(&client.client_id), escape(secret));
            authorization = Some(SecretString::new(format!("Basic {}", STANDARD.encode(both))));
        }
        (Method::Post, Some(secret)) => {
            fields.extend([("client_id", client.client_id.as_str()), ("client_secret", secret)]);
        }
        (Method::Signed, _) => fields.extend([
            ("client_id", client.client_id.as_str()),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ]),
        _ => fields.push(("client_id", &client.client_id)),
    }
    Redeem {
        body: SecretString::new(encode(fields)),
        authorization,
        signs: client.method == Method::Signed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Tokens, Why> {
        Tokens::read(body.as_bytes(), 100, &Scopes::parse("a b").unwrap(), None)
    }

    #[test]
    fn a_token_is_a_bearer_token_and_nothing_else() {
        let good = read(r#"{"access_token":"abc","token_type":"bearer","expires_in":60}"#).unwrap();
        assert_eq!(good.access.expose("a test"), "abc");
        assert_eq!((good.expires, good.scopes.to_string()), (Some(160), "a b".to_owned()));
        assert!(good.lives(149) && !good.lives(150));
        let less = read(r#"{"access_token":"abc","token_type":"Bearer","scope":"a"}"#).unwrap();
        assert_eq!((less.scopes.to_string(), less.lives(u64::MAX)), ("a".to_owned(), true));
        for body in [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"access_token":"abc"}"#,
            r#"{"access_token":"abc","token_type":"DPoP"}"#,
            r#"{"access_token":"abc","token_type":"mac"}"#,
            r#"{"access_token":"","token_type":"Bearer"}"#,
            r#"{"access_token":"a b","token_type":"Bearer"}"#,
            r#"{"access_token":"a\r\nX: y","token_type":"Bearer"}"#,
            r#"{"access_token":["abc"],"token_type":"Bearer"}"#,
            r#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#,
            r#"{"access_token":"abc","token_type":"Bearer","expires_in":-1}"#,
            r#"{"access_token":"abc","token_type":"Bearer","expires_in":"60"}"#,
        ] {
            assert!(read(body).is_err(), "{body}");
        }
    }

    #[test]
    fn a_refresh_token_is_replaced_when_another_comes() {
        let first =
            read(r#"{"access_token":"a","token_type":"Bearer","refresh_token":"r1"}"#).unwrap();
        let again =
            |body: &str| Tokens::read(body.as_bytes(), 0, &first.scopes, Some(&first)).unwrap();
        let of = |tokens: &Tokens| tokens.refresh.as_ref().map(|it| it.expose("a test").to_owned());
        assert_eq!(
            of(&again(r#"{"access_token":"b","token_type":"Bearer","refresh_token":"r2"}"#))
                .as_deref(),
            Some("r2")
        );
        assert_eq!(
            of(&again(r#"{"access_token":"b","token_type":"Bearer"}"#)).as_deref(),
            Some("r1")
        );
    }

    #[test]
    fn who_we_are_is_shown_in_one_way() {
        let client = |method, secret: Option<&str>| Registration {
            issuer: "https://a.example.com".to_owned(),
            client_id: "i:d".to_owned(),
            secret: secret.map(|it| Arc::new(SecretString::new(it.to_owned()))),
            method,
            redirect: None,
            expires: None,
        };
        let shown = |method, secret| {
            let redeem = redeem(&client(method, secret), &[("grant_type", "x")]);
            let header = redeem.authorization.map(|it| it.expose("a test").to_owned());
            (redeem.body.expose("a test").to_owned(), header, redeem.signs)
        };
        let basic = format!("Basic {}", STANDARD.encode("i%3Ad:s%20s"));
        assert_eq!(
            shown(Method::Basic, Some("s s")),
            ("grant_type=x".to_owned(), Some(basic), false)
        );
        assert_eq!(
            shown(Method::Post, Some("s s")),
            ("grant_type=x&client_id=i%3Ad&client_secret=s%20s".to_owned(), None, false)
        );
        assert_eq!(
            shown(Method::None, None),
            ("grant_type=x&client_id=i%3Ad".to_owned(), None, false)
        );
        let (body, header, signs) = shown(Method::Signed, None);
        assert!(body.contains("client_assertion_type=urn%3Aietf") && header.is_none() && signs);
        assert_eq!(format!("{:?}", redeem(&client(Method::Post, Some("s")), &[])), "Redeem(…)");
    }

    #[test]
    fn an_error_of_theirs_is_a_word() {
        assert_eq!(
            refused(br#"{"error":"invalid_grant"}"#),
            Why::Denied("invalid_grant".to_owned())
        );
        assert_eq!(refused(b"<script>"), Why::Unreadable(TOKEN));
        let told = refused(br#"{"error":"<script>alert(1)</script>"}"#).to_string();
        assert!(!told.contains("script"), "{told}");
    }
}
