//! The keys of a server that is somewhere else.

use super::{Key, Kind, REFERENCE, key};

pub(super) const URL: Key =
    key("url", Kind::Text, "where it is, when it is somewhere else: in place of `command`")
        .such_as(r#""https://tickets.example.com/mcp""#);

pub(super) const AUTH: Key =
    key("auth", Kind::Table(WAYS), "how we identify ourselves to a remote server");

pub(super) const HEADERS: Key = key(
    "headers",
    Kind::Variables(REFERENCE),
    "what every request to a remote server carries beside",
)
.usually("{}")
.such_as(r#"{ X-Team = "tools", X-Api-Key = { env = "TICKETS_KEY" } }"#);

static WAYS: &[Key] = &[
    key("bearer", Kind::Reference(REFERENCE), "where the bearer token is")
        .such_as(r#"{ env = "TICKETS_TOKEN" }"#),
    key(
        "oauth",
        Kind::Table(OAUTH),
        "a token of the server's authorization server; a person allows it in a browser",
    ),
];

static OAUTH: &[Key] = &[
    key("client_id", Kind::Text, "who we are there, as it was registered by hand")
        .such_as(r#""portcullis-at-work""#),
    key("client_secret", Kind::Reference(REFERENCE), "where the secret of `client_id` is")
        .such_as(r#"{ file = "~/.secrets/tickets" }"#),
    key(
        "private_key",
        Kind::Reference(REFERENCE),
        "where the P-256 key is that we sign with instead",
    )
    .such_as(r#"{ file = "~/.secrets/tickets.pem" }"#),
    key("issuer", Kind::Text, "the authorization server where `client_id` was registered")
        .such_as(r#""https://login.example.com""#),
    key("client_metadata", Kind::Text, "the address of a document that says who we are")
        .such_as(r#""https://example.com/portcullis.json""#),
    key("scopes", Kind::Texts, "what is asked for, unless the server says what it wants")
        .usually("[]")
        .such_as(r#"["tickets:read"]"#),
    key("client_credentials", Kind::Flag, "we show who we are, and no person is asked")
        .usually("false")
        .such_as("true"),
    key(
        "redirect_port",
        Kind::Count(1024..=65535),
        "where a browser comes back to; any when nothing is said",
    )
    .such_as("8765"),
];
