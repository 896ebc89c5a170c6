//! A person's yes to calls that are still to come: whose, of which tool as it was
//! shown, under which policy, for which reasons, and until when.
//!
//! ```text
//!  question ── yes, for a while, to one of its covers ──▶ grant
//!  grant ── its session, its time, its definition, its policy ends; revoked ──▶ no grant
//! ```
//!
//! The store keeps grants and hands out candidates; whether one counts is judged here,
//! at every call (`control/grants_narrow.rs`).

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use portcullis_policy::{Principal, ServerName};
use serde::{Deserialize, Serialize};

use crate::approval::{ApprovalId, ApprovalKey, Fingerprint};
use crate::cover::Cover;

/// How long a yes stands at most: whoever forgets it is asked again.
pub const LONGEST: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// And how long one for a session does, should its end never be told.
pub const LONGEST_SESSION: Duration = Duration::from_secs(24 * 60 * 60);

/// The most minutes that may be typed.
const MINUTES: u64 = 24 * 60;

/// The name of a grant: `grt_` and the letters of the approval that gave it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GrantId(String);

impl GrantId {
    /// The grant that this approval gives; it gives one at most.
    #[must_use]
    pub fn of(approval: &ApprovalId) -> Self {
        Self(format!("grt_{}", approval.as_str().trim_start_matches("apr_")))
    }

    /// Reads a name as a person typed it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let letters = text.strip_prefix("grt_")?;
        ApprovalId::parse(&format!("apr_{letters}")).map(|_| Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// For how long a yes stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// Until the session ends in which it was asked.
    Session,
    /// So many minutes.
    Minutes(u64),
    /// Where this server is started from the same directory with the same config, for
    /// [`LONGEST`] at most.
    Project,
    /// Wherever the server is started, for [`LONGEST`] at most.
    Always,
}

impl Lasts {
    /// Reads `session`, `10m`, `project` or `always`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "session" => Some(Self::Session),
            "project" => Some(Self::Project),
            "always" => Some(Self::Always),
            _ => {
                let minutes = text.strip_suffix('m')?;
                let digits = minutes.bytes().all(|byte| byte.is_ascii_digit());
                let minutes = minutes.parse().ok().filter(|_| digits)?;
                (1..=MINUTES).contains(&minutes).then_some(Self::Minutes(minutes))
            }
        }
    }

    /// How long it stands at most.
    #[must_use]
    pub fn longest(self) -> Duration {
        match self {
            Self::Session => LONGEST_SESSION,
            Self::Minutes(minutes) => Duration::from_secs(minutes.saturating_mul(60)).min(LONGEST),
            Self::Project | Self::Always => LONGEST,
        }
    }
}

impl fmt::Display for Lasts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session => f.write_str("session"),
            Self::Minutes(minutes) => write!(f, "{minutes}m"),
            Self::Project => f.write_str("project"),
            Self::Always => f.write_str("always"),
        }
    }
}

/// What a yes may cover beyond the call that is asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The covers that a person may choose from, the narrowest first; none when the
    /// tool is asked about one by one.
    pub covers: Vec<Cover>,
    /// Which rules ask. A grant answers these and no others.
    pub answers: BTreeSet<String>,
    /// The session in which it is asked.
    pub session: String,
    /// Where the server was started, and with which config.
    pub project: String,
    /// Nobody is called for it: it waits until a person looks.
    pub quiet: bool,
}

/// Everything but the arguments that must be the same for a grant to count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantKey {
    /// Who calls.
    pub principal: Principal,
    /// Which server.
    pub server: ServerName,
    /// Which tool.
    pub tool: String,
    /// The definition that the person was shown.
    pub definition_pin: Fingerprint,
    /// The policy under which it was asked.
    pub policy: Fingerprint,
}

impl From<&ApprovalKey> for GrantKey {
    fn from(key: &ApprovalKey) -> Self {
        Self {
            principal: key.principal.clone(),
            server: key.server.clone(),
            tool: key.tool.clone(),
            definition_pin: key.definition_pin.clone(),
            policy: key.policy.clone(),
        }
    }
}

/// One that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its name.
    pub id: GrantId,
    /// For what.
    pub key: GrantKey,
    /// For which calls of it.
    pub cover: Cover,
    /// Which rules it answers.
    pub answers: BTreeSet<String>,
}

/// What the store knows beside earlier answers to exactly this call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Grants for this tool of this server that may count.
    pub grants: Vec<Grant>,
    /// How many questions about this server called a person in the last hour, without those
    /// about drift.
    pub asked: u32,
    /// How many questions about its drift there were in the last hour.
    pub drifts: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_one_of_few_words() {
        for text in ["session", "1m", "10m", "1440m", "project", "always"] {
            assert_eq!(Lasts::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", "once", "m", "0m", "1441m", "+1m", "-1m", "10", "10h", "10m ", "Always"] {
            assert_eq!(Lasts::parse(bad), None, "{bad}");
        }
        assert!(Lasts::Always.longest() <= LONGEST && Lasts::Project.longest() <= LONGEST);
    }

    #[test]
    fn an_approval_gives_one_grant_of_its_name() {
        let approval = ApprovalId::from_entropy(99);
        let id = GrantId::of(&approval);
        assert_eq!(GrantId::parse(id.as_str()), Some(id));
        for bad in ["", "grt_", "apr_000000000000", "grt_00000000000!", "grt_0000000000000"] {
            assert_eq!(GrantId::parse(bad), None, "{bad}");
        }
    }
}
