//! What a server says of itself (RFC 9728), and its authorization server (RFC 8414, OIDC): where
//! each is looked for, in which order, and what must be in it.

use serde_json::Value;

use crate::json;
use crate::place::Place;
use crate::scope::Scopes;
use crate::why::Why;

const RESOURCE: &str = "the server's metadata";
const SERVER: &str = "the authorization server's metadata";

/// Where a server's metadata is, when its challenge does not say (RFC 9728, 3.1).
#[must_use]
pub fn resource_places(server: &Place) -> Vec<String> {
    places(
        server,
        &["{origin}/.well-known/oauth-protected-resource{path}"],
        &["{origin}/.well-known/oauth-protected-resource"],
    )
}

/// Where an authorization server's metadata is, in the order that the revisions prescribe.
#[must_use]
pub fn issuer_places(issuer: &Place) -> Vec<String> {
    places(
        issuer,
        &[
            "{origin}/.well-known/oauth-authorization-server{path}",
            "{origin}/.well-known/openid-configuration{path}",
            "{origin}{path}/.well-known/openid-configuration",
        ],
        &[
            "{origin}/.well-known/oauth-authorization-server",
            "{origin}/.well-known/openid-configuration",
        ],
    )
}

/// The forms with a path, or those without; a server with a path may also speak at its root.
fn places(of: &Place, with_path: &[&str], without: &[&str]) -> Vec<String> {
    let fill = |form: &&str| form.replace("{origin}", of.origin()).replace("{path}", of.path());
    let root = with_path.len() == without.len();
    match of.path() {
        "" => without.iter().map(fill).collect(),
        _ if root => with_path.iter().chain(without).map(fill).collect(),
        _ => with_path.iter().map(fill).collect(),
    }
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its name at the authorization server, exactly as it is written.
    pub name: String,
    /// Who may give tokens for it; the first is asked.
    pub issuer: Place,
    /// What there is to ask for.
    pub scopes: Option<Scopes>,
}

impl Resource {
    /// Reads it, and holds it to the server that was spoken to.
    ///
    /// # Errors
    /// [`Why::Resource`] when it is about something else, and what else may be wrong.
    pub fn read(body: &[u8], server: &Place) -> Result<Self, Why> {
        let value = json::object(body, RESOURCE)?;
        let name = json::text(&value, "resource", RESOURCE)?.ok_or(Why::Unreadable(RESOURCE))?;
        let told = || Why::Resource(portcullis_guard::text::visible(name));
        let resource = Place::read(name).map_err(|_| told())?;
        if !resource.covers(server) {
            return Err(told());
        }
        let issuers = json::texts(&value, "authorization_servers", RESOURCE)?.unwrap_or_default();
        let issuer = issuers.first().ok_or(Why::NoIssuer)?;
        let issuer = Place::learned(issuer, server)?;
        if issuer.has_query() {
            return Err(Why::Unreadable(RESOURCE));
        }
        let scopes = json::texts(&value, "scopes_supported", RESOURCE)?;
        let scopes =
            scopes.map(|list| Scopes::of(list).ok_or(Why::Unreadable(RESOURCE))).transpose()?;
        Ok(Self { name: name.to_owned(), issuer, scopes })
    }
}

/// What an authorization server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name: what `iss` is compared with, byte for byte.
    pub issuer: String,
    /// Where a browser is sent.
    pub authorization: Option<Place>,
    /// Where a code is redeemed.
    pub token: Place,
    /// Where a client registers itself.
    pub registration: Option<Place>,
    /// Whether it checks PKCE with S256.
    pub checks_pkce: bool,
    /// Whether its answers name it (RFC 9207).
    pub says_iss: bool,
    /// Whether a client may be named by the address of its metadata.
    pub takes_documents: bool,
    /// Whether it has refresh tokens, as far as it says.
    pub refreshes: bool,
    /// How a client shows who it is at the token endpoint.
    pub methods: Vec<String>,
    /// What there is to ask for.
    pub scopes: Scopes,
}

impl Server {
    /// Reads it, and holds it to the issuer for which it was fetched.
    ///
    /// # Errors
    /// [`Why::Issuer`] when it is somebody else's (RFC 8414, 3.3), and what else may be wrong.
    pub fn read(body: &[u8], issuer: &str, resource: &Place) -> Result<Self, Why> {
        let value = json::object(body, SERVER)?;
        let said = json::text(&value, "issuer", SERVER)?.unwrap_or_default();
        if said != issuer {
            let said = portcullis_guard::text::visible(said);
            return Err(Why::Issuer { asked: issuer.to_owned(), said });
        }
        let token = endpoint(&value, "token_endpoint", resource)?;
        let token = token.ok_or(Why::Lacks("a token endpoint"))?;
        let pkce = json::texts(&value, "code_challenge_methods_supported", SERVER)?;
        let methods = json::texts(&value, "token_endpoint_auth_methods_supported", SERVER)?;
        let grants = json::texts(&value, "grant_types_supported", SERVER)?;
        let scopes = json::texts(&value, "scopes_supported", SERVER)?.unwrap_or_default();
        Ok(Self {
            issuer: said.to_owned(),
            authorization: endpoint(&value, "authorization_endpoint", resource)?,
            token,
            registration: endpoint(&value, "registration_endpoint", resource)?,
            checks_pkce: pkce.is_some_and(|all| all.iter().any(|it| it == "S256")),
            says_iss: json::flag(&value, "authorization_response_iss_parameter_supported", SERVER)?,
            takes_documents: json::flag(&value, "client_id_metadata_document_supported", SERVER)?,
            // Who says nothing often has them all the same.
            refreshes: grants.is_none_or(|all| all.iter().any(|it| it == "refresh_token")),
            // RFC 8414, 2: what holds when it says nothing.
            methods: methods.unwrap_or_else(|| vec!["client_secret_basic".to_owned()]),
            // Of another's scopes only one is looked for; a list that is too long is as good as none.
            scopes: Scopes::of(scopes).unwrap_or_default(),
        })
    }

    /// The endpoints that 2025-03-26 prescribes for a server that has no metadata at all, beside
    /// the server itself.
    ///
    /// # Errors
    /// When the server's own address does not allow it.
    pub fn usual(server: &Place) -> Result<Self, Why> {
        let at = |path: &str| Place::read(&format!("{}{path}", server.origin()));
        Ok(Self {
            issuer: server.origin().to_owned(),
            authorization: Some(at("/authorize")?),
            token: at("/token")?,
            registration: Some(at("/register")?),
            // It could not say so; the challenge is sent all the same.
            checks_pkce: true,
            says_iss: false,
            takes_documents: false,
            refreshes: true,
            methods: vec!["none".to_owned(), "client_secret_post".to_owned()],
            scopes: Scopes::default(),
        })
    }
}

fn endpoint(value: &Value, name: &str, resource: &Place) -> Result<Option<Place>, Why> {
    let text = json::text(value, name, SERVER)?;
    text.map(|text| Place::learned(text, resource)).transpose()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place(text: &str) -> Place {
        Place::read(text).unwrap()
    }

    #[test]
    fn metadata_is_looked_for_in_the_prescribed_order() {
        let at = "https://a.example.com";
        assert_eq!(
            resource_places(&place("https://a.example.com/mcp")),
            [
                format!("{at}/.well-known/oauth-protected-resource/mcp"),
                format!("{at}/.well-known/oauth-protected-resource")
            ]
        );
        assert_eq!(
            resource_places(&place("https://a.example.com/")),
            [format!("{at}/.well-known/oauth-protected-resource")]
        );
        assert_eq!(
            issuer_places(&place("https://a.example.com/t1")),
            [
                format!("{at}/.well-known/oauth-authorization-server/t1"),
                format!("{at}/.well-known/openid-configuration/t1"),
                format!("{at}/t1/.well-known/openid-configuration")
            ]
        );
        assert_eq!(
            issuer_places(&place(at)),
            [
                format!("{at}/.well-known/oauth-authorization-server"),
                format!("{at}/.well-known/openid-configuration")
            ]
        );
    }

    #[test]
    fn a_servers_metadata_is_about_that_server() {
        let server = place("https://mcp.example.com/mcp");
        let read = |value: Value| Resource::read(value.to_string().as_bytes(), &server);
        let issuers = ["https://login.example.com"];
        let good = read(json!({"resource": "https://mcp.example.com/mcp", "authorization_servers": issuers, "scopes_supported": ["b", "a"]})).unwrap();
        assert_eq!(
            (good.name.as_str(), good.issuer.as_str()),
            ("https://mcp.example.com/mcp", issuers[0])
        );
        assert_eq!(good.scopes, Scopes::parse("a b"));
        for (value, says) in [
            (
                json!({"resource": "https://evil.example.com/mcp", "authorization_servers": issuers}),
                "not this server",
            ),
            (
                json!({"resource": "https://mcp.example.com/other", "authorization_servers": issuers}),
                "not this server",
            ),
            (
                json!({"resource": "javascript:alert(1)", "authorization_servers": issuers}),
                "not this server",
            ),
            (json!({"authorization_servers": issuers}), "cannot be read"),
            (json!({"resource": ["https://mcp.example.com/mcp"]}), "cannot be read"),
            (json!({"resource": "https://mcp.example.com/mcp"}), "names no"),
            (
                json!({"resource": "https://mcp.example.com/mcp", "authorization_servers": []}),
                "names no",
            ),
            (
                json!({"resource": "https://mcp.example.com/mcp", "authorization_servers": ["http://169.254.169.254/"]}),
                "not https",
            ),
            (
                json!({"resource": "https://mcp.example.com/mcp", "authorization_servers": ["https://169.254.169.254/"]}),
                "link-local",
            ),
            (
                json!({"resource": "https://mcp.example.com/mcp", "authorization_servers": ["http://localhost:1"]}),
                "this machine",
            ),
            (
                json!({"resource": "https://mcp.example.com/mcp", "authorization_servers": [1]}),
                "cannot be read",
            ),
            (json!([]), "cannot be read"),
        ] {
            let told = read(value.clone()).unwrap_err().to_string();
            assert!(told.contains(says), "{value}: {told}");
        }
        for body in [
            "",
            "{",
            "null",
            "{\"resource\":\"https://mcp.example.com/mcp\",\"resource\":\"https://evil.test\"}",
        ] {
            assert!(Resource::read(body.as_bytes(), &server).is_err(), "{body}");
        }
    }

    #[test]
    fn an_authorization_servers_metadata_is_its_own() {
        let resource = place("https://mcp.example.com/mcp");
        let issuer = "https://login.example.com";
        let read = |value: Value| Server::read(value.to_string().as_bytes(), issuer, &resource);
        let whole = json!({
            "issuer": issuer,
            "authorization_endpoint": "https://login.example.com/authorize",
            "token_endpoint": "https://login.example.com/token",
            "code_challenge_methods_supported": ["plain", "S256"],
        });
        let good = read(whole.clone()).unwrap();
        assert!(good.checks_pkce && !good.says_iss && !good.takes_documents);
        assert_eq!(good.methods, ["client_secret_basic"]);
        let with = |name: &str, value: Value| {
            let mut changed = whole.clone();
            changed[name] = value;
            changed
        };
        for said in [
            "https://evil.example.com",
            "https://login.example.com/",
            "https://LOGIN.example.com",
            "https://login.example.com:443",
            "",
        ] {
            let why = read(with("issuer", json!(said))).unwrap_err();
            assert!(matches!(why, Why::Issuer { .. }), "{said}: {why}");
        }
        for (name, value) in [
            ("token_endpoint", json!("http://169.254.169.254/token")),
            ("token_endpoint", json!("https://10.0.0.1/token")),
            ("token_endpoint", Value::Null),
            ("authorization_endpoint", json!("javascript:alert(1)")),
            ("authorization_endpoint", json!("file:///etc/passwd")),
            ("authorization_endpoint", json!("https://x&calc.exe")),
            ("authorization_endpoint", json!("http://127.0.0.1:8080/")),
            ("registration_endpoint", json!("https://localhost/register")),
            ("code_challenge_methods_supported", json!("S256")),
            ("authorization_response_iss_parameter_supported", json!("yes")),
        ] {
            assert!(read(with(name, value.clone())).is_err(), "{name}: {value}");
        }
        let plain = read(with("code_challenge_methods_supported", json!(["plain"]))).unwrap();
        let silent = read(with("code_challenge_methods_supported", Value::Null)).unwrap();
        assert!(!plain.checks_pkce && !silent.checks_pkce);
    }
}
