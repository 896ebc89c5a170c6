//! The keys of `[serve]`.

use super::{HOUR, Key, Kind, key, quoted};
use crate::serve::Serve;
use crate::values::show_duration;

pub(super) static SERVE: &[Key] = &[
    key("listen", Kind::Text, "where it listens: a port of this machine, or a socket")
        .usually(r#""127.0.0.1:8808""#)
        .such_as(r#""unix:/run/user/1000/portcullis.sock""#),
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
];

static TOKEN: &[Key] = &[
    key("sha256", Kind::Text, "the digest of the bearer token, never the token")
        .such_as(r#""9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08""#),
    key("servers", Kind::Texts, "the servers that they may reach; all when nothing is said")
        .such_as(r#"["files"]"#),
];
