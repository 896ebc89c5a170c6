//! What a person's yes covers: one exact thing (invariant 12), of one of few kinds.

use std::fmt;
use std::time::Duration;

use portcullis_policy::{Principal, ServerName, Tier};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::edit::Edited;
use crate::grant::Standing;

/// The name of an approval: `apr_` and twelve characters of an unambiguous alphabet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApprovalId(String);

impl ApprovalId {
    /// Thirty-two letters and digits that nobody confuses: no `i`, `l`, `o`, `u`.
    const ALPHABET: &'static [u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

    /// Makes a name from sixty bits of entropy.
    #[must_use]
    pub fn from_entropy(bits: u64) -> Self {
        let letter = |shift: u32| {
            let index = usize::try_from((bits >> shift) & 31).unwrap_or(0);
            char::from(Self::ALPHABET.get(index).copied().unwrap_or(b'0'))
        };
        Self((0..12).map(|place| letter(place * 5)).fold("apr_".to_owned(), |mut id, c| {
            id.push(c);
            id
        }))
    }

    /// Reads a name as a person typed it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("apr_")?;
        let fits = rest.len() == 12 && rest.bytes().all(|byte| Self::ALPHABET.contains(&byte));
        fits.then(|| Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApprovalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `sha256:` and 64 hex digits over canonical JSON.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of canonical bytes.
    #[must_use]
    pub fn of(canonical: &[u8]) -> Self {
        let digest = Sha256::digest(canonical);
        let letter = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
        let mut text = String::with_capacity("sha256:".len() + 2 * digest.len());
        text.push_str("sha256:");
        text.extend(digest.iter().flat_map(|byte| [letter(byte >> 4), letter(byte & 15)]));
        Self(text)
    }

    /// The fingerprint as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What kind of thing a person is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Matter {
    /// The host calls a tool of the server.
    Tool,
    /// The server wants something of the host's model.
    Sampling,
    /// What the model answered, on its way to the server.
    SamplingAnswer,
    /// The server wants something of the person.
    Elicitation,
    /// The host offers the server a directory that it has not had.
    Root,
    /// A server is to be started, for the first time or as something else than before.
    Launch,
    /// A server shows more, or something else, than what was approved of it.
    Capability,
    /// A browser is to go to a remote server's authorization server.
    Authorization,
}

impl Matter {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Tool,
        Self::Sampling,
        Self::SamplingAnswer,
        Self::Elicitation,
        Self::Root,
        Self::Launch,
        Self::Capability,
        Self::Authorization,
    ];

    /// The word in lists.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Sampling => "sampling",
            Self::SamplingAnswer => "sampling-answer",
            Self::Elicitation => "elicitation",
            Self::Root => "root",
            Self::Launch => "launch",
            Self::Capability => "capability",
            Self::Authorization => "authorization",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|matter| matter.as_str() == word)
    }
}

/// Everything that must be the same for a yes to count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ApprovalKey {
    /// What it is about.
    pub matter: Matter,
    /// Who calls.
    pub principal: Principal,
    /// Which server.
    pub server: ServerName,
    /// In which session: what one asks is not answered to another, which says the same.
    pub session: String,
    /// Which tool; of another matter the method with which the server asks.
    pub tool: String,
    /// What the content is understood by: the tool's definition that the person was
    /// shown; of an answer the question; else the method.
    pub definition_pin: Fingerprint,
    /// The canonical content: a call's arguments, a server's request, a model's answer.
    pub arguments_digest: Fingerprint,
    /// The policy under which it was asked.
    pub policy: Fingerprint,
}

/// A question to a person, complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name under which it is answered.
    pub approval: ApprovalId,
    /// What a yes would cover.
    pub key: ApprovalKey,
    /// The whole content, canonical JSON. Shown to the person, never logged.
    pub arguments: String,
    /// Our assessment of the tool; what is no call is unknown.
    pub risk: Tier,
    /// Why it is asked, for the person.
    pub reasons: Vec<String>,
    /// How long until the answer is no.
    pub patience: Duration,
    /// What a yes may cover beyond this once.
    pub standing: Standing,
}

/// What the store knows of a call that would have to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Nothing: ask.
    Unknown,
    /// The store could be neither read nor written: no (invariant 5).
    Unavailable,
    /// The question is over and left no answer for this call: no.
    Lapsed,
    /// A person said yes to exactly this, and that yes is now used up.
    Approved(ApprovalId),
    /// A person said yes to something else in its place, and that yes is now used up.
    Edited(ApprovalId, Edited),
    /// A person said no to exactly this a moment ago.
    Denied(ApprovalId),
    /// A person is being asked exactly this.
    Pending(ApprovalId, Duration),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_nothing_else_does() {
        let id = ApprovalId::from_entropy(0x0123_4567_89ab_cdef);
        assert_eq!(ApprovalId::parse(id.as_str()), Some(id.clone()));
        assert_eq!(id.as_str().len(), 16);
        for bad in
            ["", "apr_", "apr_short", "apr_aaaaaaaaaaa!", "xpr_aaaaaaaaaaaa", "apr_AAAAAAAAAAAA"]
        {
            assert_eq!(ApprovalId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn different_bytes_have_different_fingerprints() {
        assert_ne!(Fingerprint::of(b"a"), Fingerprint::of(b"b"));
        assert_eq!(
            Fingerprint::of(b"").as_str(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
