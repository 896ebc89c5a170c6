//! The keys of `[serve]`.

use super::{GIB, HOUR, Key, Kind, MIB, REFERENCE, key, quoted};
use crate::serve::{ALGORITHMS, LONGEST, Most, Serve, USUAL};
use crate::values::{show_duration, show_size};

pub(super) static SERVE: &[Key] = &[
    key("listen", Kind::Text, "where it listens: a port of this machine, or a socket")
        .usually(r#""127.0.0.1:8808""#)
        .such_as(r#""unix:/run/user/1000/portcullis.sock""#),
    key("resource", Kind::Text, "the address under which it is known to those who give out tokens")
        .such_as(r#""https://gate.example.com""#),
    key("tls", Kind::Table(TLS), "how connections are encrypted"),
    key("hosts", Kind::Texts, "further names under which it is reached, through a proxy")
        .usually("[]")
        .such_as(r#"["gate.example.com"]"#),
    key("origins", Kind::Texts, "whose pages may call it from a browser")
        .usually("[]")
        .such_as(r#"["https://app.example.com", "vscode-webview://*"]"#),
    key(
        "tokens",
        Kind::Named(TOKEN),
        "who may come in, by name; without any, our own account alone",
    ),
    key("issuers", Kind::Named(ISSUER), "an authorization server whose tokens count, by name"),
    key("scopes", Kind::Texts, "scopes that everything takes").usually("[]").such_as(r#"["mcp"]"#),
    key("scopes_of", Kind::Named(NEEDED), "scopes that a server takes beside them, by its name"),
    key(
        "connections",
        Kind::Count(1..=65_536),
        "connections at once; one address never has more than three of four",
    )
    .computed(|| Serve::default().connections.to_string())
    .such_as("1024"),
    key(
        "sessions",
        Kind::Count(1..=10_000),
        "sessions at once; nobody has more than three of four",
    )
    .computed(|| Serve::default().sessions.to_string())
    .such_as("64"),
    key("idle", Kind::Duration(1000..=24 * HOUR), "how long a session may be unused")
        .computed(|| quoted(&show_duration(Serve::default().idle)))
        .such_as(r#""10m""#),
    key("lifetime", Kind::Duration(1000..=30 * 24 * HOUR), "how long a session may last")
        .computed(|| quoted(&show_duration(Serve::default().lifetime)))
        .such_as(r#""8h""#),
    key(
        "legacy_sse",
        Kind::Flag,
        "whether clients of 2024-11-05, which know nothing else, are served at /s/NAME/sse",
    )
    .usually("false")
    .such_as("true"),
    key(
        "aggregate",
        Kind::Texts,
        "servers that are at /mcp together as well, the name of each before its tools: NAME__TOOL",
    )
    .usually("[]")
    .such_as(r#"["files", "tickets"]"#),
    key(
        "write_timeout",
        Kind::Duration(1000..=HOUR),
        "how long a client may read nothing of an answer",
    )
    .computed(|| quoted(&show_duration(Serve::default().write_timeout)))
    .such_as(r#""1m""#),
    key("drain", Kind::Duration(0..=HOUR), "how long what is under way may take at the end")
        .computed(|| quoted(&show_duration(Serve::default().drain)))
        .such_as(r#""30s""#),
    key("limits", Kind::Table(LIMITS), "what one principal may take, over all of its sessions"),
    key("metrics", Kind::Table(METRICS), "health and numbers, for whoever looks after it"),
    key("traces", Kind::Table(TRACES), "spans of what is asked, for a collector (OpenTelemetry)"),
];

static TRACES: &[Key] = &[
    key(
        "endpoint",
        Kind::Text,
        "where spans are posted to (OTLP over HTTP), the whole address: https, or this machine",
    )
    .such_as(r#""http://127.0.0.1:4318/v1/traces""#),
    key(
        "ratio",
        Kind::Number,
        "of how many requests there are spans, from 0 to 1, where whoever asks says nothing of it",
    )
    .usually("1")
    .such_as("0.1"),
];

static METRICS: &[Key] = &[key(
    "listen",
    Kind::Text,
    "where they are: a port of this machine, or a socket; nowhere when nothing is said",
)
.such_as(r#""127.0.0.1:9464""#)];

static LIMITS: &[Key] = &[
    key("requests_per_minute", Kind::Count(1..=10_000_000), "requests in a minute")
        .computed(|| Most::default().requests_per_minute.to_string())
        .such_as("600"),
    key("requests", Kind::Count(1..=10_000), "requests at once")
        .computed(|| Most::default().requests.to_string())
        .such_as("16"),
    key("streams", Kind::Count(1..=10_000), "streams at once that answer nothing")
        .computed(|| Most::default().streams.to_string())
        .such_as("8"),
    key("bytes_per_minute", Kind::Size(MIB..=1024 * GIB), "bytes in a minute, in both directions")
        .computed(|| quoted(&show_size(Most::default().bytes_per_minute)))
        .such_as(r#""64MiB""#),
    key("questions", Kind::Count(1..=1000), "questions that wait for a person")
        .computed(|| Most::default().questions.to_string())
        .such_as("8"),
];

static TOKEN: &[Key] = &[
    key("sha256", Kind::Text, "the digest of the bearer token, never the token")
        .such_as(r#""9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08""#),
    key("servers", Kind::Texts, "the servers that they may reach; all when nothing is said")
        .such_as(r#"["files"]"#),
    key("scopes", Kind::Texts, "what they may do where that takes a scope")
        .usually("[]")
        .such_as(r#"["files:read"]"#),
];

static ISSUER: &[Key] = &[
    key("issuer", Kind::Text, "what it calls itself, letter by letter: the `iss` of its tokens")
        .such_as(r#""https://login.example.com""#),
    key("audience", Kind::Text, "what its tokens name as us, when that is not `resource`")
        .such_as(r#""api://gate""#),
    key("algorithms", Kind::Words(ALGORITHMS), "what it may sign with")
        .computed(|| format!("{USUAL:?}"))
        .such_as(r#"["ES256"]"#),
    key("jwks_uri", Kind::Text, "where its keys are; found out when nothing is said")
        .such_as(r#""https://login.example.com/jwks""#),
    key("servers", Kind::Texts, "the servers that its people may reach; all when nothing is said")
        .such_as(r#"["files"]"#),
    key("lifetime", Kind::Duration(60_000..=30 * 24 * HOUR), "how long a token of its may live")
        .computed(|| quoted(&show_duration(LONGEST)))
        .such_as(r#""1h""#),
    key("hierarchy", Kind::Lists, "scopes that stand for others as well")
        .usually("{}")
        .such_as(r#"{ "files:write" = ["files:read"] }"#),
    key(
        "introspection",
        Kind::Table(INTROSPECTION),
        "where it is asked about tokens that say nothing by themselves",
    ),
];

static INTROSPECTION: &[Key] = &[
    key("url", Kind::Text, "the address").such_as(r#""https://login.example.com/introspect""#),
    key("client", Kind::Text, "what we are called there").such_as(r#""portcullis""#),
    key("secret", Kind::Reference(REFERENCE), "where our secret is")
        .such_as(r#"{ file = "~/.secrets/introspection" }"#),
];

static NEEDED: &[Key] = &[
    key("all", Kind::Texts, "for anything there").usually("[]").such_as(r#"["files:read"]"#),
    key("tools", Kind::Lists, "for these of its tools beside that, `*` standing for anything")
        .usually("{}")
        .such_as(r#"{ "write_*" = ["files:write"] }"#),
];

static TLS: &[Key] = &[
    key("certificate", Kind::Text, "our certificate and those that vouch for it, as PEM")
        .such_as(r#""/etc/portcullis/chain.pem""#),
    key("key", Kind::Text, "its key, as PEM; both are read again when they change")
        .such_as(r#""/etc/portcullis/key.pem""#),
    key("client_ca", Kind::Text, "who vouches for certificates of callers, as PEM")
        .such_as(r#""/etc/portcullis/clients.pem""#),
];
