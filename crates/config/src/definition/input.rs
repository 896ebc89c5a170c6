//! `[server.NAME.sampling]` and `[server.NAME.elicitation]`: what a server may ask.

use portcullis_policy::{Elicitation, Opening, Review, Sampling};

use super::{Key, Kind, key, quoted};

pub(super) const TABLE_OF_SAMPLING: Key = key(
    "sampling",
    Kind::Table(SAMPLING),
    "what it may ask of the host's model; a person says yes",
);
pub(super) const TABLE_OF_ELICITATION: Key =
    key("elicitation", Kind::Table(ELICITATION), "what it may ask of the person");

static SAMPLING: &[Key] = &[
    key(
        "mode",
        Kind::Word(&["ask", "refuse"]),
        "refused, or asked: each request is shown whole to a person before the model sees it",
    )
    .computed(|| quoted(Opening::default().as_str()))
    .such_as(r#""ask""#),
    key(
        "review",
        Kind::Word(&["request", "both"]),
        "what a person is asked about: the request alone, or the model's answer too",
    )
    .computed(|| quoted(Review::default().as_str()))
    .such_as(r#""request""#),
    key("max_tokens", Kind::Count(1..=1_000_000), "the longest answer; what asks for more is cut")
        .computed(|| Sampling::default().max_tokens.to_string())
        .such_as("500"),
    key(
        "models",
        Kind::Patterns,
        "when present, wishes for other models are taken out; the host chooses in any case",
    )
    .such_as(r#"["claude-*"]"#),
    key("per_minute", Kind::Count(1..=1_000), "requests in any minute")
        .computed(|| Sampling::default().per_minute.to_string())
        .such_as("2"),
    key("per_hour", Kind::Count(1..=10_000), "requests in any hour")
        .computed(|| Sampling::default().per_hour.to_string())
        .such_as("10"),
];

static ELICITATION: &[Key] = &[
    key(
        "mode",
        Kind::Word(&["show", "ask", "refuse"]),
        "refused; asked before the host shows it; or judged and shown by the host",
    )
    .computed(|| quoted(Opening::default().as_str()))
    .such_as(r#""show""#),
    key(
        "urls",
        Kind::Texts,
        "hosts to which it may send the person; without any, it can only show forms",
    )
    .usually("[]")
    .such_as(r#"["login.example.com", "127.0.0.1:8080"]"#),
    key("per_call", Kind::Count(1..=100), "questions while one call runs; more are declined")
        .computed(|| Elicitation::default().per_call.to_string())
        .such_as("1"),
    key("per_hour", Kind::Count(1..=10_000), "questions in any hour; more are declined")
        .computed(|| Elicitation::default().per_hour.to_string())
        .such_as("5"),
];
