//! Promises about logging.

use super::{Level, Promise};

pub(super) const PROMISES: &[Promise] = &[
    Promise {
        id: "MCP-LOG-01",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Every tool call is recorded for audit: who, when, server, tool, arguments, decision, outcome.",
        source: "spec server/tools §Security Considerations; lesson: Server-Side Checklist (logging), Best Practices (audit)",
    },
    Promise {
        id: "MCP-LOG-02",
        level: Level::Checklist,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Sensitive values are redacted before anything is written; the lesson's two demands (log arguments, hide secrets) are met by typed redaction plus keyed digests.",
        source: "lesson: Common Pitfalls (logging secrets), stdio Security",
    },
    Promise {
        id: "MCP-LOG-03",
        level: Level::Must,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Authorization headers, tokens, codes, requestState, inputResponses content and cookies are never logged.",
        source: "docs tutorials/security/authorization §Common Pitfalls; spec basic/authorization §Token Theft; server/utilities/logging §Security",
    },
    Promise {
        id: "MCP-LOG-04",
        level: Level::Must,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Log notifications sent over MCP hold no credentials, personal data or internals, and on 2026-07-28 appear only for requests that set logLevel, on that request's own stream.",
        source: "spec server/utilities/logging §Security; 2026-07-28 §Per-request log level",
    },
    Promise {
        id: "MCP-LOG-05",
        level: Level::Checklist,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Errors reveal no stack traces, paths, SQL or versions; details stay in internal logs under a correlation id.",
        source: "lesson: Server-Side Checklist (error sanitization), exercise vulnerability 6; docs tutorials/security/authorization (error detail leakage)",
    },
    Promise {
        id: "MCP-LOG-06",
        level: Level::Hardening,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "The audit trail is append-only and tamper-evident, and high-risk calls stop when it cannot be written.",
        source: "derived; lesson: audit trails",
    },
    Promise {
        id: "MCP-LOG-07",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Security decisions are logged too: capability reviews, approvals and denials, root changes, scope elevations, consent, process launches, suspicious URLs, rejected tools.",
        source: "docs tutorials/security/security_best_practices §Scope Minimization, §stdio Transport Security, §URL Validation; spec 2026-07-28 server/tools (log rejected tools)",
    },
    Promise {
        id: "MCP-LOG-08",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Access to logs is controlled and they are monitored for sensitive content and abuse patterns.",
        source: "spec server/utilities/logging §Security; 2025-11-25 tasks §Audit and Logging",
    },
    Promise {
        id: "MCP-LOG-09",
        level: Level::Must,
        revisions: &["2026-07-28"],
        statement: "Trace context (traceparent, tracestate, baggage) follows W3C formats and carries no secrets nor any trust.",
        source: "spec 2026-07-28 basic/index §OpenTelemetry; SEP-414",
    },
];
