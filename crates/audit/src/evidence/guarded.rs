//! What came of the same probes behind the gateway, under the policy that was made of the first ones.

use serde::{Deserialize, Serialize};

use super::Live;

/// One server, started by `portcullis run` and attacked again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guarded {
    /// What was seen from the host's side.
    pub live: Live,
    /// What the gateway's journal says that it did about it.
    pub refusals: Vec<Refusal>,
}

/// One reason for which something did not pass as it came: from the journal, never from an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// During which trial (index into the trials); `None` between them.
    pub during: Option<usize>,
    /// What was done.
    pub what: What,
    /// The control that spoke.
    pub control: String,
}

/// What was done about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// It never reached the server.
    Refused,
    /// It came from the server, and did not reach the host.
    Withheld,
    /// It was changed on its way.
    Changed,
}
