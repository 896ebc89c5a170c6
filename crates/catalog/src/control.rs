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
        ["MCP-CAP-01", "MCP-CAP-02", "MCP-CAP-07", "MCP-CAP-14"];
    SUBCAPABILITIES_DECLARED = "subcapabilities-declared", Capability, Protocol,
        "A server's question uses only the parts of a capability that the host declared.",
        ["MCP-CAP-08"];
    CAPABILITY_FROZEN = "capability-frozen", Capability, Protocol,
        "What was declared first is all there is; growth is refused and recorded.",
        ["MCP-CAP-03"];
    EXTENSIONS_AGREED = "extensions-agreed", Capability, Protocol,
        "An extension is used only when host, server and operator listed it; tasks of 2025-11-25, which no host lists, when server and operator did.",
        ["MCP-CAP-12", "MCP-SESS-15"];
    APPS_CONTAINED = "apps-contained", Capability, Protocol,
        "Pages of a server's own are shown only where all three listed them, and ask for no network and no devices.",
        ["MCP-TOOL-13"];
    REQUESTS_INDEPENDENT = "requests-independent", Capability, Protocol,
        "On 2026-07-28 a request is judged by what it says itself; an earlier one, or another on the same pipe, gives it nothing.",
        ["MCP-SESS-05"];
    LIFECYCLE_FIRST = "lifecycle-first", Capability, Protocol,
        "Nothing is processed before the handshake, and eras are not mixed.",
        ["MCP-CAP-09"];
    METHOD_KNOWN = "method-known", Capability, Protocol,
        "A method that the revision does not know is refused, not passed along.",
        ["MCP-CAP-13"];
    REVISION_AGREED = "revision-agreed", Capability, Protocol,
        "Both peers speak a revision that we judge, or the conversation ends.",
        ["MCP-CAP-10"];
    TOOLS_LISTED = "tools-listed", Capability, Policy,
        "A tool that the operator withheld is neither listed nor called.",
        ["MCP-CAP-05", "MCP-TOOL-01"];
    RESOURCES_LISTED = "resources-listed", Capability, Policy,
        "A resource that the operator withheld is neither listed nor read, and looks like one that is not there.",
        ["MCP-CAP-06", "MCP-RES-01", "MCP-RES-03"];
    PROMPTS_LISTED = "prompts-listed", Capability, Policy,
        "A prompt that the operator withheld is neither listed nor given.",
        ["MCP-VAL-15"];
    SUBSCRIPTIONS_AGREED = "subscriptions-agreed", Capability, Protocol,
        "A listener hears what it asked for, may have, and the server agreed to.",
        ["MCP-RES-04", "MCP-RES-05"];
    LINKS_JUDGED = "links-judged", Roots, Policy,
        "A link in an answer gives no access: where it leads is judged like an argument.",
        ["MCP-TOOL-11", "MCP-ROOT-11"];
    ROOTS_ANSWERED = "roots-answered", Roots, Protocol,
        "A server learns the host's roots only where they lie inside the operator's ceiling.",
        ["MCP-ROOT-01", "MCP-ROOT-02", "MCP-ROOT-08"];
    ROOTS_ASKED = "roots-asked", Roots, Protocol,
        "A directory that the host offers newly becomes a root only below the operator's ceiling, and where the operator says so only after a person saw it and said yes.",
        ["MCP-ROOT-02", "MCP-ROOT-03", "MCP-RES-02"];
    ROOTS_FOLLOWED = "roots-followed", Roots, Protocol,
        "The roots in force are what the operator granted, is there, and the host still offers; a change holds at once.",
        ["MCP-ROOT-04", "MCP-ROOT-06", "MCP-ROOT-07"];
    ROOTS_CONTAINED = "roots-contained", Roots, Policy,
        "A path in an argument or a resource URI lies inside a root, by component.",
        ["MCP-ROOT-09", "MCP-ROOT-11", "MCP-VAL-07", "MCP-VAL-17"];
    STRICT_PARSING = "strict-parsing", Transport, Protocol,
        "Only bytes that every parser reads in one way are understood; noise is dropped and recorded.",
        ["MCP-STDIO-01", "MCP-TRUST-06", "MCP-HTTP-06", "MCP-HTTP-21"];
    BATCH_SPLIT = "batch-split", Transport, Protocol,
        "Several messages in one line are judged one by one, and only in the revision that has batches.",
        ["MCP-HTTP-21"];
    CODES_TRANSLATED = "codes-translated", Transport, Protocol,
        "An error code means what the revision says; one that it gave up or keeps for itself is replaced.",
        ["MCP-HTTP-22"];
    CALLERS_AUTHENTICATED = "callers-authenticated", Transport, Protocol,
        "Whoever makes a request over HTTP shows with it, each time, who they are, and what they show was made for us.",
        ["MCP-AUTH-01", "MCP-AUTH-02", "MCP-AUTH-04", "MCP-AUTH-05", "MCP-AUTH-09", "MCP-HTTP-05"];
    SCOPES_SUFFICIENT = "scopes-sufficient", Transport, Protocol,
        "What takes a scope is done only for whoever has it, and they are told exactly which it takes.",
        ["MCP-AUTH-07", "MCP-AUTH-08"];
    DIRECTION_CHECKED = "direction-checked", Transport, Protocol,
        "A peer sends only what its side may send in the revision.",
        ["MCP-STDIO-02", "MCP-HTTP-19"];
    NETWORK_BY_NAME = "network-by-name", Transport, Protocol,
        "A server reaches the hosts it was given and nothing else; what was denied is recorded.",
        ["MCP-STDIO-04"];
    SERVER_CONFINED = "server-confined", Transport, Protocol,
        "The server runs in a box that contains only what was granted, proven inside before its first byte.",
        ["MCP-STDIO-03", "MCP-STDIO-04", "MCP-ROOT-05", "MCP-SUP-03", "MCP-LIM-08", "MCP-TRUST-01", "MCP-STDIO-10", "MCP-TRUST-03"];
    ISSUER_PROVEN = "issuer-proven", Transport, Protocol,
        "A credential for a remote server is got from the authorization server that its own metadata names, over addresses that lead where they may, step by step, or not at all.",
        ["MCP-AUTH-10", "MCP-AUTH-11", "MCP-AUTH-12", "MCP-AUTH-13", "MCP-AUTH-17", "MCP-AUTH-18", "MCP-AUTH-21"];
    BROWSER_SENT_AFTER_YES = "browser-sent-after-yes", Transport, Protocol,
        "A browser goes to an authorization server only after a person saw where, for which server and with which scopes, and said yes; what it brings back counts once.",
        ["MCP-AUTH-16", "MCP-AUTH-19", "MCP-AUTH-22", "MCP-AUTH-23", "MCP-AUTH-24"];
    CREDENTIALS_APART = "credentials-apart", Transport, Protocol,
        "A credential goes to the server that it was given for, stands encrypted, and what one authorization server gave is shown to no other.",
        ["MCP-AUTH-14", "MCP-AUTH-15"];
    PIPES_UNSHARED = "pipes-unshared", Transport, Protocol,
        "A server has its own pipes and no others; a request that a program of its swallowed is answered and not shown as output.",
        ["MCP-STDIO-09"];
    ENVIRONMENT_WITHHELD = "environment-withheld", Transport, Protocol,
        "A server gets the variables it was granted and no others.",
        ["MCP-STDIO-06", "MCP-AUTH-25"];
    STDERR_CAPTURED = "stderr-captured", Transport, Protocol,
        "What a server writes to stderr is captured, bounded and redacted, and never reaches the host.",
        ["MCP-STDIO-07"];
    APPROVE_BY_RISK = "approve-by-risk", Approval, Policy,
        "A tool that is destructive, runs code, is unknown or changed runs only after a person says yes.",
        ["MCP-APPR-01", "MCP-APPR-02", "MCP-APPR-03", "MCP-APPR-04"];
    POLICY_OBEYED = "policy-obeyed", Approval, Policy,
        "What the operator's policies forbid does not run, and a policy that cannot be judged is a no.",
        ["MCP-APPR-02", "MCP-APPR-11", "MCP-TRUST-01", "MCP-LOG-07"];
    FLOWS_APART = "flows-apart", Approval, Policy,
        "Private data, content from outside and a way out come together in one session only when a person says yes.",
        ["MCP-TOOL-12", "MCP-RES-02"];
    APPROVAL_EXACT = "approval-exact", Approval, Protocol,
        "A yes covers one exact call, once.",
        ["MCP-APPR-09", "MCP-APPR-11"];
    GRANTS_NARROW = "grants-narrow", Approval, Protocol,
        "A yes that lasts covers the calls it was given for, as long as it was given for, and never a tool that is asked about one by one.",
        ["MCP-APPR-10"];
    CALLS_SENT_ONCE = "calls-sent-once", Approval, Protocol,
        "A call is sent once: no hint, no failure and no restart sends it again.",
        ["MCP-APPR-06"];
    APPROVED_IN_HOST = "approved-in-host", Approval, Protocol,
        "What a host says that its person answered counts only where the operator trusts that host to have asked one, for the question that was shown whole, once.",
        ["MCP-APPR-12"];
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
        "A server that asks for the model is refused unless the operator opened that for it.",
        ["MCP-SAMP-09"];
    SAMPLING_BOUNDED = "sampling-bounded", Sampling, Protocol,
        "What a server wants of the model is cut to the operator's tokens and models, gets no context of others, and uses tools in good order.",
        ["MCP-SAMP-03", "MCP-SAMP-05", "MCP-SAMP-06", "MCP-SAMP-07"];
    SAMPLING_REVIEWED = "sampling-reviewed", Sampling, Protocol,
        "A person sees whole what a server wants of the model, and what the model answered, before either goes on.",
        ["MCP-SAMP-01", "MCP-SAMP-02", "MCP-SAMP-04", "MCP-SAMP-08"];
    SAMPLING_EDITED = "sampling-edited", Sampling, Protocol,
        "A person may change what a server asks of the model, and what the model answers; what goes on is what they left, judged as the original was.",
        ["MCP-SAMP-02", "MCP-SAMP-04"];
    INPUT_REQUESTS_CAPPED = "input-requests-capped", Limits, Protocol,
        "A server asks for the model and for the person only so often; beyond that it is answered no, and nobody sees it.",
        ["MCP-SAMP-05", "MCP-ELIC-10"];
    ELICITATION_REFUSED = "elicitation-refused", Elicitation, Protocol,
        "A server that asks the person is refused unless the operator opened that for it.",
        ["MCP-ELIC-09"];
    ELICITATION_JUDGED = "elicitation-judged", Elicitation, Protocol,
        "A form is flat, asks for no secret, carries no link and says which server it is from.",
        ["MCP-ELIC-01", "MCP-ELIC-02", "MCP-ELIC-04", "MCP-ELIC-05"];
    ELICITATION_LINKS_LISTED = "elicitation-links-listed", Elicitation, Protocol,
        "A server sends a person only to a host that the operator listed for it, over https; nothing is fetched.",
        ["MCP-ELIC-03", "MCP-ELIC-04", "MCP-ELIC-09"];
    ELICITATION_ANSWERS_CLEAN = "elicitation-answers-clean", Elicitation, Protocol,
        "What a person answered goes to the server only when it fits the form and carries no credential.",
        ["MCP-ELIC-01", "MCP-ELIC-05"];
    ARGUMENTS_MATCH_SCHEMA = "arguments-match-schema", Input, Policy,
        "Arguments fit the tool's own input schema, or the call does not run.",
        ["MCP-VAL-01", "MCP-VAL-02", "MCP-VAL-03", "MCP-VAL-04"];
    STRUCTURED_RESULTS_MATCH = "structured-results-match", Input, Policy,
        "A structured result fits the tool's own output schema, or is withheld.",
        ["MCP-VAL-06"];
    PROMPT_ARGUMENTS_DECLARED = "prompt-arguments-declared", Input, Policy,
        "A prompt gets the arguments that it declared, and what it says is inspected.",
        ["MCP-VAL-15"];
    RESULTS_INSPECTED = "results-inspected", Input, Policy,
        "What a server says is inspected text by text: hidden characters show, orders are labelled as data, secrets are taken out.",
        ["MCP-TOOL-02"];
    LATE_RESULTS_JUDGED = "late-results-judged", Input, Policy,
        "A result that comes late meets what it would have met at once.",
        ["MCP-SESS-14"];
    TASK_QUESTIONS_JUDGED = "task-questions-judged", Input, Protocol,
        "What a task asks is judged as if the call itself asked.",
        ["MCP-SESS-13"];
    OPEN_WORLD_MARKED = "open-world-marked", Input, Policy,
        "What a tool brings from the world outside is marked as untrusted.",
        ["MCP-APPR-05"];
    SHAPE_CHECKED = "shape-checked", Input, Protocol,
        "A message has the shape that its revision gives to its method, in both directions.",
        ["MCP-VAL-18", "MCP-SESS-10"];
    ANSWERS_MATCH_QUESTIONS = "answers-match-questions", Input, Protocol,
        "What a host brings back to a call that was left open answers what was asked, in its kind and by its schema.",
        ["MCP-VAL-18"];
    ARGUMENTS_BOUNDED = "arguments-bounded", Input, Protocol,
        "Arguments have a bounded size and depth.",
        ["MCP-LIM-05"];
    ICONS_INERT = "icons-inert", Input, Protocol,
        "An icon is a small picture of a known type, or it is left out.",
        ["MCP-TOOL-10"];
    HEADERS_ANNOTATED = "headers-annotated", Input, Protocol,
        "An argument travels in a header only when every reader means the same by it and it is no secret, and a call's headers say what its arguments say.",
        ["MCP-HTTP-09", "MCP-HTTP-11", "MCP-HTTP-13"];
    NAMES_DISTINCT = "names-distinct", Integrity, Protocol,
        "A tool's name has plain letters and looks like no other.",
        ["MCP-TOOL-07"];
    CURSORS_OURS = "cursors-ours", Integrity, Protocol,
        "A cursor goes back to the list that it came from, and no list goes on for ever.",
        ["MCP-RES-09"];
    STATE_SEALED = "state-sealed", Integrity, Protocol,
        "The state of a call that a server left open comes back unchanged, with the same call, in time and once.",
        ["MCP-SESS-07", "MCP-SESS-08", "MCP-SESS-09", "MCP-SESS-11"];
    TASKS_OWNED = "tasks-owned", Integrity, Protocol,
        "A task is reached under an id that nobody can guess, by the session that began it.",
        ["MCP-SESS-12"];
    CACHE_PRIVATE = "cache-private", Integrity, Protocol,
        "What was made for one principal is nobody else's to keep, and nothing is kept for long.",
        ["MCP-RES-06", "MCP-RES-07", "MCP-RES-08"];
    TOOL_KNOWN = "tool-known", Integrity, Protocol,
        "A call names a tool whose definition we have seen from this server.",
        ["MCP-TOOL-05"];
    DEFINITIONS_INSPECTED = "definitions-inspected", Integrity, Policy,
        "A definition that hides characters, gives orders to the model or names places of secrets is withheld.",
        ["MCP-TOOL-06"];
    DEFINITION_PINNED = "definition-pinned", Integrity, Policy,
        "What a server offers stays as it was first approved; what drifted is withheld until a person accepts it.",
        ["MCP-TOOL-05", "MCP-CAP-04"];
    LISTS_STABLE = "lists-stable", Integrity, Protocol,
        "What a server lists is no side effect of a call, and keeps its order; what changes without a word is an alarm.",
        ["MCP-TOOL-09"];
    REVISION_PINNED = "revision-pinned", Integrity, Policy,
        "A server does not fall back behind the newest revision that it is known to speak, until a person accepts it.",
        ["MCP-CAP-11"];
    LAUNCH_PINNED = "launch-pinned", Integrity, Protocol,
        "What was approved is what is started: command, variables, program and files; and after a yes, with no more than was shown.",
        ["MCP-SUP-01", "MCP-SUP-02", "MCP-SUP-04"];
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
    RATES_KEPT = "rates-kept", Limits, Protocol,
        "Progress, log messages, updates and news of changes have a budget each.",
        ["MCP-LIM-04"];
    TASKS_BOUNDED = "tasks-bounded", Limits, Protocol,
        "Tasks are few, end, and are not asked about all the time.",
        ["MCP-SESS-15", "MCP-LIM-06"];
    COMPLETIONS_BOUNDED = "completions-bounded", Limits, Protocol,
        "Completions are bounded, limited in rate, and suggest nothing that may not be read.",
        ["MCP-VAL-16"];
    RECORDED_BEFORE_SENT = "recorded-before-sent", Journal, Protocol,
        "A record is durable before its message leaves; when the journal cannot write, nothing passes.",
        ["MCP-LOG-01", "MCP-LOG-06"];
    ARGUMENTS_REDACTED = "arguments-redacted", Journal, Protocol,
        "Secrets are taken out by type before anything is written.",
        ["MCP-LOG-02", "MCP-LOG-03"];
    ERRORS_SANITISED = "errors-sanitised", Journal, Protocol,
        "An error tells nothing of the machine: traces, queries, places and versions stay in the side log.",
        ["MCP-LOG-05"];
    TRACE_CONTEXT_CHECKED = "trace-context-checked", Journal, Protocol,
        "Trace context has the form that W3C gave it and carries no baggage, or it is left out.",
        ["MCP-LOG-09"];
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
