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

static WAYS: &[Key] = &[key("bearer", Kind::Reference(REFERENCE), "where the bearer token is")
    .such_as(r#"{ env = "TICKETS_TOKEN" }"#)];
