//! What the product enforces at run time, and which promises each control keeps.

use std::fmt;

use serde::Serialize;

/// One built-in enforcement. Its casebook page is `casebook/<layer>/<id>.md`.
#[derive(Debug)]
pub struct Control {
    /// Its name in records, docs and the casebook.
    pub id: ControlId,
    /// Which layer it belongs to.
    pub layer: Layer,
    /// Whether an operator may observe instead of enforce it.
    pub kind: Kind,
    /// A sentence a reviewer can hold us to.
    pub statement: &'static str,
    /// The promises it keeps, wholly or in part.
    pub promises: &'static [&'static str],
}

/// A control's name, in kebab case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ControlId(&'static str);

impl ControlId {
    /// The name as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// Finds a control's id by its text.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        CONTROLS.iter().map(|control| control.id).find(|id| id.0 == text)
    }
}

impl fmt::Display for ControlId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The folder of the casebook, and the layer that must hold alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Who yes or no.
    Approval,
    /// What.
    Capability,
    /// The server asks the person.
    Elicitation,
    /// Which data.
    Input,
    /// What was first seen stays so.
    Integrity,
    /// What is remembered.
    Journal,
    /// How much, until when.
    Limits,
    /// Where.
    Roots,
    /// The server asks the model.
    Sampling,
    /// How bytes and processes meet.
    Transport,
}

impl Layer {
    /// The folder's name below `casebook/`.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Capability => "capability",
            Self::Elicitation => "elicitation",
            Self::Input => "input",
            Self::Integrity => "integrity",
            Self::Journal => "journal",
            Self::Limits => "limits",
            Self::Roots => "roots",
            Self::Sampling => "sampling",
            Self::Transport => "transport",
        }
    }
}

/// What `--observe` may switch to recording only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The protocol and the box: always enforced.
    Protocol,
    /// The operator's policy: `--observe` records instead.
    Policy,
}

macro_rules! controls {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $layer:ident, $kind:ident, $statement:literal, [$($promise:literal),*];)*) => {
        $($(#[$doc])* #[doc = $statement] pub const $name: ControlId = ControlId($id);)*
        /// Every control, in the order of the printed checklist.
        pub const CONTROLS: &[Control] = &[$(Control {
            id: $name,
            layer: Layer::$layer,
            kind: Kind::$kind,
            statement: $statement,
            promises: &[$($promise),*],
        }),*];
    };
}

controls! {
    CAPABILITY_DECLARED = "capability-declared", Capability, Protocol,
        "A peer uses only the capabilities that both sides declared.",
        ["MCP-CAP-01", "MCP-CAP-02", "MCP-CAP-07"];
    CAPABILITY_FROZEN = "capability-frozen", Capability, Protocol,
        "What was declared first is all there is; growth is refused and recorded.",
        ["MCP-CAP-03"];
    LIFECYCLE_FIRST = "lifecycle-first", Capability, Protocol,
        "Nothing is processed before the handshake, and eras are not mixed.",
        ["MCP-CAP-09"];
    METHOD_KNOWN = "method-known", Capability, Protocol,
        "A method that the revision does not know is refused, not passed along.",
        ["MCP-CAP-13", "MCP-CAP-12"];
    REVISION_AGREED = "revision-agreed", Capability, Protocol,
        "Both peers speak a revision that we judge, or the conversation ends.",
        ["MCP-CAP-10"];
    TOOLS_LISTED = "tools-listed", Capability, Policy,
        "A tool that the operator withheld is neither listed nor called.",
        ["MCP-CAP-05", "MCP-TOOL-01"];
    ROOTS_ANSWERED = "roots-answered", Roots, Protocol,
        "A server learns the host's roots only where they lie inside the operator's ceiling.",
        ["MCP-ROOT-01", "MCP-ROOT-02", "MCP-ROOT-08"];
    ROOTS_CONTAINED = "roots-contained", Roots, Policy,
        "A path in an argument or a resource URI lies inside a root, by component.",
        ["MCP-ROOT-09", "MCP-ROOT-11", "MCP-VAL-07", "MCP-VAL-17"];
    STRICT_PARSING = "strict-parsing", Transport, Protocol,
        "Only bytes that every parser reads in one way are understood; noise is dropped and recorded.",
        ["MCP-STDIO-01", "MCP-TRUST-06", "MCP-HTTP-06"];
    DIRECTION_CHECKED = "direction-checked", Transport, Protocol,
        "A peer sends only what its side may send in the revision.",
        ["MCP-STDIO-02"];
    SERVER_CONFINED = "server-confined", Transport, Protocol,
        "The server runs in a box that contains only what was granted, proven inside before its first byte.",
        ["MCP-STDIO-03", "MCP-STDIO-04", "MCP-ROOT-05", "MCP-SUP-03", "MCP-LIM-08", "MCP-TRUST-01"];
    ENVIRONMENT_WITHHELD = "environment-withheld", Transport, Protocol,
        "A server gets the variables it was granted and no others.",
        ["MCP-STDIO-06"];
    STDERR_CAPTURED = "stderr-captured", Transport, Protocol,
        "What a server writes to stderr is captured, bounded and redacted, and never reaches the host.",
        ["MCP-STDIO-07"];
    APPROVE_BY_RISK = "approve-by-risk", Approval, Policy,
        "A tool that is destructive, runs code, is unknown or changed runs only after a person says yes.",
        ["MCP-APPR-01", "MCP-APPR-02", "MCP-APPR-03", "MCP-APPR-04"];
    APPROVAL_EXACT = "approval-exact", Approval, Protocol,
        "A yes covers one exact call, once.",
        ["MCP-APPR-09", "MCP-APPR-11"];
    SILENCE_IS_NO = "silence-is-no", Approval, Protocol,
        "No answer, no channel, a crash or a restart: no.",
        ["MCP-LIM-07"];
    ANNOTATIONS_REWRITTEN = "annotations-rewritten", Approval, Protocol,
        "A hint of a server never lowers a tool's risk in the host's eyes.",
        ["MCP-TOOL-03"];
    REFUSAL_NEUTRAL = "refusal-neutral", Approval, Protocol,
        "A refusal reaches the model as one neutral sentence; the person gets the reason.",
        ["MCP-APPR-08", "MCP-VAL-05"];
    SAMPLING_REFUSED = "sampling-refused", Sampling, Protocol,
        "A server that asks for the model is refused until a person can be asked about it.",
        ["MCP-SAMP-09"];
    ELICITATION_REFUSED = "elicitation-refused", Elicitation, Protocol,
        "A server that asks the person is refused until the question can be shown by us.",
        ["MCP-ELIC-09"];
    ARGUMENTS_MATCH_SCHEMA = "arguments-match-schema", Input, Policy,
        "Arguments fit the tool's own input schema, or the call does not run.",
        ["MCP-VAL-01", "MCP-VAL-02", "MCP-VAL-03", "MCP-VAL-04"];
    ARGUMENTS_BOUNDED = "arguments-bounded", Input, Protocol,
        "Arguments have a bounded size and depth.",
        ["MCP-LIM-05"];
    TOOL_KNOWN = "tool-known", Integrity, Protocol,
        "A call names a tool whose definition we have seen from this server.",
        ["MCP-TOOL-05"];
    MESSAGE_BOUNDED = "message-bounded", Limits, Protocol,
        "A message is bounded before it is parsed, and a peer that floods is cut off.",
        ["MCP-LIM-05"];
    CALLS_PER_MINUTE = "calls-per-minute", Limits, Policy,
        "Calls of a server are limited per minute.",
        ["MCP-LIM-01"];
    CONCURRENCY_CAPPED = "concurrency-capped", Limits, Protocol,
        "Requests in flight and questions to the person are capped.",
        ["MCP-LIM-06"];
    DEADLINE_KEPT = "deadline-kept", Limits, Protocol,
        "Every request has a deadline with a ceiling that progress cannot extend.",
        ["MCP-LIM-02"];
    ANSWERED_ONCE = "answered-once", Limits, Protocol,
        "Every request gets exactly one answer; an answer nobody waits for is dropped.",
        ["MCP-LIM-03"];
    PROGRESS_LIVE = "progress-live", Limits, Protocol,
        "Progress names a live request and increases, or it is dropped.",
        ["MCP-LIM-04"];
    RECORDED_BEFORE_SENT = "recorded-before-sent", Journal, Protocol,
        "A record is durable before its message leaves; when the journal cannot write, nothing passes.",
        ["MCP-LOG-01", "MCP-LOG-06"];
    ARGUMENTS_REDACTED = "arguments-redacted", Journal, Protocol,
        "Secrets are taken out by type before anything is written.",
        ["MCP-LOG-02", "MCP-LOG-03"];
    LOGS_REDACTED = "logs-redacted", Journal, Protocol,
        "A server's log messages reach nobody verbatim.",
        ["MCP-LOG-04"];
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::promise;

    #[test]
    fn ids_are_unique_and_kebab_case() {
        let ids: BTreeSet<_> = CONTROLS.iter().map(|control| control.id).collect();
        assert_eq!(ids.len(), CONTROLS.len());
        assert!(ids.iter().all(|id| id.0.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
    }

    #[test]
    fn every_promise_that_a_control_keeps_exists() {
        for control in CONTROLS {
            assert!(!control.promises.is_empty(), "{} keeps nothing", control.id);
            for id in control.promises {
                assert!(promise::find(id).is_some(), "{}: {id}", control.id);
            }
        }
    }
}
