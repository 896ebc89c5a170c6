//! How a person is called to a question.

use portcullis_policy::Channel;

use super::{Key, Kind, key};

/// As [`Channel`] has them.
const WORDS: &[&str] = &["terminal", "elicitation", "console"];

pub(super) const CHANNELS: Key = key(
    "channels",
    Kind::Words(WORDS),
    "how a person is called: tried in this order, until one of them is there",
)
.computed(|| {
    let words: Vec<_> = Channel::USUAL.iter().map(|one| format!("\"{}\"", one.as_str())).collect();
    format!("[{}]", words.join(", "))
})
.such_as(r#"["console", "terminal"]"#);

pub(super) const TRUSTED_HOSTS: Key = key(
    "trusted_hosts",
    Kind::Texts,
    "hosts whose form counts as a person's answer, by the name that they give themselves",
)
.usually("[]")
.such_as(r#"["claude-code"]"#);
