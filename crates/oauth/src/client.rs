//! Who we are at an authorization server (MCP-AUTH-14, -21): as the operator registered us, by
//! the address of a document, or as we registered ourselves; and never anywhere else.

use std::sync::Arc;

use portcullis_guard::secret::SecretString;
use serde_json::json;

use crate::json;
use crate::metadata::Server;
use crate::why::Why;

const REGISTRATION: &str = "the answer to our registration";

/// What the operator said of who we are.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// The client id that was registered by hand.
    pub client_id: Option<String>,
    /// Its secret.
    pub secret: Option<Arc<SecretString>>,
    /// We show who we are with a signature, and not with a secret.
    pub signs: bool,
    /// Where it was registered, if that was said.
    pub issuer: Option<String>,
    /// The address of a document that says who we are (CIMD).
    pub document: Option<String>,
}

/// How a client shows who it is at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// It does not: a public client.
    None,
    /// Id and secret in the `Authorization` header.
    Basic,
    /// Id and secret in the form.
    Post,
    /// With a signed statement (RFC 7523).
    Signed,
}

impl Method {
    /// As it is registered.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
            Self::Signed => "private_key_jwt",
        }
    }

    /// Reads its registered name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::None, Self::Basic, Self::Post, Self::Signed]
            .into_iter()
            .find(|it| it.as_str() == text)
    }
}

/// Who we are at one authorization server.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Where; it counts nowhere else.
    pub issuer: String,
    /// Our id there.
    pub client_id: String,
    /// Our secret there.
    pub secret: Option<Arc<SecretString>>,
    /// How we show that it is us.
    pub method: Method,
    /// Where a browser may be sent back to, exactly; anything when nothing was said.
    pub redirect: Option<String>,
    /// When the secret ends, in seconds of Unix time.
    pub expires: Option<u64>,
}

/// How a registration is come by.
#[derive(Debug)]
pub(crate) enum Way {
    /// It is there.
    Known(Registration),
    /// We register ourselves, with this body.
    Register { body: String, method: Method },
}

/// Who we are there, in the order that the revisions prescribe.
pub(crate) fn way(
    identity: &Identity,
    server: &Server,
    known: &[Registration],
    redirect: Option<&str>,
    now: u64,
) -> Result<Way, Why> {
    if let Some(client_id) = &identity.client_id {
        return by_hand(identity, client_id, server).map(Way::Known);
    }
    let none = || server.methods.iter().any(|method| method == "none");
    if let Some(document) = identity.document.as_ref().filter(|_| server.takes_documents) {
        // RFC 8414's default says nothing about a client that is named by a document.
        return Ok(Way::Known(Registration {
            issuer: server.issuer.clone(),
            client_id: document.clone(),
            secret: None,
            method: Method::None,
            redirect: None,
            expires: None,
        }));
    }
    let fits = |it: &&Registration| {
        it.issuer == server.issuer
            && it.redirect.as_deref() == redirect
            && it.expires.is_none_or(|end| now < end)
    };
    if let Some(known) = known.iter().find(fits) {
        return Ok(Way::Known(known.clone()));
    }
    let (Some(_), Some(redirect)) = (&server.registration, redirect) else {
        return Err(Why::Unregistered);
    };
    let method = if none() { Method::None } else { with_secret(server)? };
    Ok(Way::Register { body: request(redirect, method, server.refreshes), method })
}

/// As whom a grant was given, if that still counts there: where a browser comes back to is no
/// matter for what is refreshed.
pub(crate) fn of_grant(
    identity: &Identity,
    server: &Server,
    known: &[Registration],
    client_id: &str,
    now: u64,
) -> Result<Option<Registration>, Why> {
    let registered = known.iter().find(|it| {
        it.issuer == server.issuer
            && it.client_id == client_id
            && it.expires.is_none_or(|end| now < end)
    });
    // What the operator said comes first, as in `way`; without it we are who we were.
    let redirect = registered.and_then(|it| it.redirect.as_deref());
    let named = identity.client_id.is_some() || identity.document.is_some();
    let is = match registered {
        Some(registered) if !named => Some(registered.clone()),
        _ if !named => None,
        _ => match way(identity, server, known, redirect, now)? {
            Way::Known(is) => Some(is),
            Way::Register { .. } => None,
        },
    };
    Ok(is.filter(|is| is.client_id == client_id))
}

/// As the operator registered us.
fn by_hand(identity: &Identity, client_id: &str, server: &Server) -> Result<Registration, Why> {
    if let Some(registered) = identity.issuer.as_ref().filter(|it| **it != server.issuer) {
        return Err(Why::Moved { registered: registered.clone(), named: server.issuer.clone() });
    }
    let method = match (&identity.secret, identity.signs) {
        (_, true) => Method::Signed,
        (Some(_), false) => with_secret(server)?,
        (None, false) => Method::None,
    };
    Ok(Registration {
        issuer: server.issuer.clone(),
        client_id: client_id.to_owned(),
        secret: identity.secret.clone(),
        method,
        redirect: None,
        expires: None,
    })
}

/// The way to show a secret that both have; the header before the form (RFC 6749, 2.3.1).
fn with_secret(server: &Server) -> Result<Method, Why> {
    let has = |method: &Method| server.methods.iter().any(|it| it == method.as_str());
    let both = [Method::Basic, Method::Post];
    both.into_iter().find(has).ok_or(Why::Lacks("a way to show who we are that we have too"))
}

/// What we say of ourselves (RFC 7591, 2). A program of this machine is `native`, so that the
/// authorization server takes a redirect to loopback; a grant that it does not have it may refuse.
fn request(redirect: &str, method: Method, refreshes: bool) -> String {
    let grants = ["authorization_code", "refresh_token"];
    let grants = grants.get(..if refreshes { 2 } else { 1 });
    json!({
        "client_name": "Portcullis",
        "application_type": "native",
        "redirect_uris": [redirect],
        "grant_types": grants,
        "response_types": ["code"],
        "token_endpoint_auth_method": method.as_str(),
    })
    .to_string()
}

/// What became of our registration (RFC 7591, 3.2.1).
pub(crate) fn registered(
    body: &[u8],
    server: &Server,
    redirect: &str,
    asked: Method,
) -> Result<Registration, Why> {
    let value = json::object(body, REGISTRATION)?;
    let id = json::text(&value, "client_id", REGISTRATION)?.filter(|id| is_plain(id));
    let client_id = id.ok_or(Why::Unreadable(REGISTRATION))?.to_owned();
    let secret = json::text(&value, "client_secret", REGISTRATION)?.filter(|it| !it.is_empty());
    let method = match json::text(&value, "token_endpoint_auth_method", REGISTRATION)? {
        None => asked,
        Some(text) => Method::parse(text).ok_or(Why::Unreadable(REGISTRATION))?,
    };
    // It may have registered something else than we said, which then is not used.
    let redirects = json::texts(&value, "redirect_uris", REGISTRATION)?;
    let ours = redirects.is_none_or(|all| all.is_empty() || all.iter().any(|it| it == redirect));
    let shown = matches!(method, Method::Basic | Method::Post);
    if method == Method::Signed || !ours || (shown && secret.is_none()) {
        return Err(Why::Unreadable(REGISTRATION));
    }
    let expires = value.get("client_secret_expires_at").and_then(serde_json::Value::as_u64);
    Ok(Registration {
        issuer: server.issuer.clone(),
        client_id,
        secret: secret.filter(|_| shown).map(|it| Arc::new(SecretString::new(it.to_owned()))),
        method,
        redirect: Some(redirect.to_owned()),
        expires: expires.filter(|end| *end > 0),
    })
}

/// Printable, and short enough for a header (RFC 6749, A.1).
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= 2048 && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Place;

    const REDIRECT: &str = "http://127.0.0.1:4000/callback";

    fn server(issuer: &str, methods: &[&str]) -> Server {
        let at = Place::read("https://login.example.com/x").unwrap();
        Server {
            issuer: issuer.to_owned(),
            authorization: Some(at.clone()),
            token: at.clone(),
            registration: Some(at),
            checks_pkce: true,
            says_iss: false,
            takes_documents: true,
            refreshes: true,
            methods: methods.iter().map(|&it| it.to_owned()).collect(),
            scopes: crate::Scopes::default(),
        }
    }

    fn known(issuer: &str) -> Registration {
        Registration {
            issuer: issuer.to_owned(),
            client_id: "ours".to_owned(),
            secret: None,
            method: Method::None,
            redirect: Some(REDIRECT.to_owned()),
            expires: Some(100),
        }
    }

    #[test]
    fn by_hand_before_a_document_before_what_we_registered_before_registering() {
        let (here, server) = ("https://a.example.com", server("https://a.example.com", &["none"]));
        let by_hand = Identity { client_id: Some("hand".to_owned()), ..Identity::default() };
        let document = Identity {
            document: Some("https://c.example.com/c.json".to_owned()),
            ..Identity::default()
        };
        let all = Identity { document: document.document.clone(), ..by_hand };
        let way = |identity: &Identity, server: &Server, known: &[Registration]| match way(
            identity,
            server,
            known,
            Some(REDIRECT),
            10,
        ) {
            Ok(Way::Known(it)) => it.client_id,
            Ok(Way::Register { .. }) => "register".to_owned(),
            Err(why) => why.to_string(),
        };
        let ours = [known(here)];
        assert_eq!(way(&all, &server, &ours), "hand");
        assert_eq!(way(&document, &server, &ours), "https://c.example.com/c.json");
        let without = Server { takes_documents: false, ..server.clone() };
        assert_eq!(way(&document, &without, &ours), "ours");
        assert_eq!(way(&Identity::default(), &server, &[]), "register");
        // What was registered elsewhere, for another address, or has ended, is not used.
        let elsewhere = known("https://a.example.com/");
        let otherwise = Registration {
            redirect: Some("http://127.0.0.1:4001/callback".to_owned()),
            ..known(here)
        };
        let ended = Registration { expires: Some(10), ..known(here) };
        for other in [elsewhere, otherwise, ended] {
            assert_eq!(way(&Identity::default(), &server, &[other]), "register");
        }
        let closed = Server { registration: None, ..without };
        assert!(way(&Identity::default(), &closed, &[]).contains("nobody is registered"));
    }

    #[test]
    fn what_was_registered_by_hand_counts_where_it_was_registered() {
        let identity = Identity {
            client_id: Some("hand".to_owned()),
            issuer: Some("https://a.example.com".to_owned()),
            ..Identity::default()
        };
        let way = |issuer: &str| way(&identity, &server(issuer, &["none"]), &[], None, 0);
        assert!(matches!(way("https://a.example.com"), Ok(Way::Known(_))));
        for other in ["https://b.example.com", "https://a.example.com/"] {
            assert!(matches!(way(other), Err(Why::Moved { .. })), "{other}");
        }
    }

    #[test]
    fn the_method_is_one_that_both_have() {
        let secret = Some(Arc::new(SecretString::new("s".to_owned())));
        let identity =
            Identity { client_id: Some("hand".to_owned()), secret, ..Identity::default() };
        for (methods, expect) in [
            (&["client_secret_post", "client_secret_basic"][..], Some(Method::Basic)),
            (&["client_secret_post"], Some(Method::Post)),
            (&["private_key_jwt"], None),
            (&["none"], None),
        ] {
            let found =
                match way(&identity, &server("https://a.example.com", methods), &[], None, 0) {
                    Ok(Way::Known(it)) => Some(it.method),
                    _ => None,
                };
            assert_eq!(found, expect, "{methods:?}");
        }
    }

    #[test]
    fn a_grant_that_is_not_there_is_not_asked_for() {
        for (refreshes, expect) in [
            (true, json!(["authorization_code", "refresh_token"])),
            (false, json!(["authorization_code"])),
        ] {
            let server = Server { refreshes, ..server("https://a.example.com", &["none"]) };
            let way = way(&Identity::default(), &server, &[], Some(REDIRECT), 0);
            let Ok(Way::Register { body, .. }) = way else { panic!("{way:?}") };
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body["grant_types"], expect);
        }
    }

    #[test]
    fn a_registration_is_what_we_asked_for() {
        let server = server("https://a.example.com", &["none"]);
        let read = |body: &str| registered(body.as_bytes(), &server, REDIRECT, Method::None);
        let good =
            read(r#"{"client_id": "x", "client_secret": "s", "client_secret_expires_at": 0}"#)
                .unwrap();
        assert_eq!((good.client_id.as_str(), good.method, good.expires), ("x", Method::None, None));
        assert!(good.secret.is_none(), "a public client has no use for it");
        let basic = r#"{"client_id": "x", "client_secret": "s", "token_endpoint_auth_method": "client_secret_basic"}"#;
        assert!(read(basic).unwrap().secret.is_some());
        for body in [
            "{}",
            r#"{"client_id": ""}"#,
            r#"{"client_id": "x\n"}"#,
            r#"{"client_id": "x", "token_endpoint_auth_method": "client_secret_post"}"#,
            r#"{"client_id": "x", "token_endpoint_auth_method": "private_key_jwt"}"#,
            r#"{"client_id": "x", "redirect_uris": ["http://evil.test/"]}"#,
            r#"{"client_id": "x", "client_id": "y"}"#,
            "<html>",
        ] {
            assert!(read(body).is_err(), "{body}");
        }
        let body = request(REDIRECT, Method::None, true);
        assert!(body.contains("\"application_type\":\"native\"") && body.contains(REDIRECT));
    }
}
