//! Promises about resources.

use super::{Level, Promise};

pub(super) const PROMISES: &[Promise] = &[
    Promise {
        id: "MCP-RES-01",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Sensitive resources are access-controlled and permission is checked before each operation, not only at listing.",
        source: "spec server/resources §Security Considerations",
    },
    Promise {
        id: "MCP-RES-02",
        level: Level::Must,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "User data is shown to servers, and resource data sent elsewhere, only with explicit consent.",
        source: "spec index §Security and Trust & Safety (Data Privacy; written as lower-case must)",
    },
    Promise {
        id: "MCP-RES-03",
        level: Level::Must,
        revisions: &["2026-07-28"],
        statement: "Missing resources are reported as -32602 (formerly -32002), never as empty contents, and identically for forbidden ones so existence is not revealed.",
        source: "spec 2026-07-28 server/resources §Error Handling; SEP-2164 (non-disclosure: hardening)",
    },
    Promise {
        id: "MCP-RES-04",
        level: Level::Must,
        revisions: &["2026-07-28"],
        statement: "A listen stream delivers only types and URIs the client asked for and the server acknowledged, starts with the acknowledgement and tags everything with the subscriptionId.",
        source: "spec 2026-07-28 basic/patterns/subscriptions",
    },
    Promise {
        id: "MCP-RES-05",
        level: Level::Hardening,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Subscriptions are authorised per URI, re-checked when policy or token changes, and capped in number.",
        source: "derived from spec basic/patterns/subscriptions; server/resources",
    },
    Promise {
        id: "MCP-RES-06",
        level: Level::Must,
        revisions: &["2026-07-28"],
        statement: "Results marked private are cached only within one authorization context; public ones may be shared and are never the sole access control.",
        source: "spec 2026-07-28 server/utilities/caching §Cache Scope, §Security Considerations",
    },
    Promise {
        id: "MCP-RES-07",
        level: Level::Must,
        revisions: &["2026-07-28"],
        statement: "Cache entries match method and parameters exactly; MRTR retries and input_required results are never cached; all pages of a list carry one scope.",
        source: "spec 2026-07-28 server/utilities/caching §Cache Key, §Interaction with Pagination",
    },
    Promise {
        id: "MCP-RES-08",
        level: Level::Hardening,
        revisions: &["2026-07-28"],
        statement: "A policy-filtered list is re-labelled private with a short ttl, and server-supplied ttlMs is clamped so that stale or poisoned definitions cannot linger.",
        source: "derived from SEP-2549 §Security Implications",
    },
    Promise {
        id: "MCP-RES-09",
        level: Level::Must,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Cursors are opaque, invalid ones give -32602, and endless pagination is cut off.",
        source: "spec server/utilities/pagination (page cap: hardening)",
    },
];
