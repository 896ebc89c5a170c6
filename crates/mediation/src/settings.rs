//! What one session is told before it starts: the operator's ceiling.

use std::collections::BTreeSet;
use std::time::Duration;

use portcullis_guard::UriLists;
use portcullis_guard::egress::Reach;
use portcullis_guard::path::Roots;
use portcullis_journal::Redactor;
use portcullis_policy::{
    Decision, Elicitation, Extensions, Flow, Inspect, Policies, Principal, Sampling, ServerName,
};

use crate::approval::Fingerprint;
use crate::control::calls_per_minute::Tally;
use crate::pin::Pinning;
use crate::sealed::SealKey;
use crate::without::{Layer, Without};

/// Everything a session knows beside the messages themselves.
#[derive(Debug)]
pub struct Settings {
    /// Our name for the server.
    pub server: ServerName,
    /// Who speaks on the client's side.
    pub principal: Principal,
    /// The session's name in records.
    pub session: String,
    /// Where the server was started and with which config, for grants that end there.
    pub project: String,
    /// The operator's lists, modes and policies, compiled.
    pub rules: Policies,
    /// What the lists of resources mean.
    pub resources: UriLists,
    /// What host and server may agree on beyond the core.
    pub extensions: Extensions,
    /// Fingerprint of the policy in force; part of every approval.
    pub policy: Fingerprint,
    /// The roots in force. A session begins with the operator's ceiling.
    pub roots: Roots,
    /// Where a person is asked first about what the host offers, before it is a root.
    pub askable: Roots,
    /// Where relative paths start inside the box.
    pub cwd: Option<String>,
    /// The server may reach the network.
    pub open_world: bool,
    /// What becomes of a call that would carry private data out of a session in which
    /// somebody outside has spoken.
    pub flow: Flow,
    /// What becomes of suspicious text in what the server says.
    pub inspect: Inspect,
    /// What the server may ask of the model and of the person.
    pub may_ask: MayAsk,
    /// Hosts that put a person there when they are asked something, by the name that they
    /// give themselves.
    pub trusted_hosts: BTreeSet<String>,
    /// How much, until when.
    pub limits: Limits,
    /// What the sessions of this principal with this server count together, where there may be
    /// several.
    pub tally: Option<Box<dyn Tally>>,
    /// How long a question waits before it is answered no.
    pub patience: Duration,
    /// How long a call is held before the host gets a *pending* result.
    ///
    /// Hosts give up after 60 s (the TypeScript SDK's default), so this stays below.
    pub hold: Duration,
    /// What was approved of this server before.
    pub pinning: Pinning,
    /// Policy denials become records.
    pub observe: bool,
    /// What holds although policy denials become records: an administrator's word.
    pub firm: Option<Policies>,
    /// The layer that a test leaves out.
    pub without: Without,
    /// Entropy for names that must not be guessed (invariant 2).
    pub dice: u64,
    /// Seals what the client keeps for us (invariant 2).
    pub seal: SealKey,
    /// Takes secrets out of what is recorded.
    pub redactor: Redactor,
}

impl Settings {
    /// What policies say: `--observe` records instead of acting, except on what is firm.
    pub(crate) fn observed(&self, judge: impl Fn(&Policies) -> Decision) -> Decision {
        let decision = judge(&self.rules);
        let decision = if self.observe {
            let firm = self.firm.as_ref().map(judge).unwrap_or_default();
            decision.observed().and(firm)
        } else {
            decision
        };
        self.opinion(Layer::Policy, decision)
    }
}

/// What a server may ask of the host's model and of the person; nothing, unless the
/// operator said so.
#[derive(Clone, Debug, Default)]
pub struct MayAsk {
    /// Of the model.
    pub sampling: Sampling,
    /// Of the person.
    pub elicitation: Elicitation,
    /// Where it may send the person.
    pub links: Reach,
}

/// Quotas and deadlines of one session.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Tool calls per minute.
    pub calls_per_minute: u32,
    /// A request without answer or progress ends after this.
    pub call_timeout: Duration,
    /// A request ends after this, whatever progress it reports.
    pub call_ceiling: Duration,
    /// Requests that one peer may have open at once.
    pub in_flight: usize,
    /// Questions that may wait for the person at once.
    pub questions: usize,
    /// Questions about this server in an hour that call a person; more wait quietly.
    pub questions_per_hour: u32,
    /// Malformed lines in ten seconds before the peer is cut off.
    pub strikes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls_per_minute: 120,
            call_timeout: Duration::from_secs(60),
            call_ceiling: Duration::from_secs(600),
            in_flight: 256,
            questions: 16,
            questions_per_hour: 30,
            strikes: 1000,
        }
    }
}
