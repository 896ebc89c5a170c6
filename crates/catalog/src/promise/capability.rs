//! Promises about capability.

use super::{Level, Promise};

pub(super) const PROMISES: &[Promise] = &[
    Promise {
        id: "MCP-CAP-01",
        level: Level::Must,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"],
        statement: "Neither peer may use a feature the other did not declare in the initialize exchange; what was agreed there is all that is available for that session.",
        source: "spec 2025-11-25 basic/lifecycle §Operation",
    },
    Promise {
        id: "MCP-CAP-02",
        level: Level::Must,
        revisions: &["2026-07-28"],
        statement: "Capabilities are judged per request from the request's own _meta clientCapabilities, never remembered from an earlier one; when a needed one is missing the reply is -32021 with data.requiredCapabilities and HTTP 400.",
        source: "spec 2026-07-28 basic/index §_meta; SEP-2575",
    },
    Promise {
        id: "MCP-CAP-03",
        level: Level::Checklist,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "The agreed capability set is a fixed boundary: growing it needs a new handshake (legacy) or, where no session exists, a ceiling pinned per principal and server that no single request can exceed.",
        source: "lesson: Capability-Based Permissions (key concept); spec 2026-07-28 basic/index §Statelessness",
    },
    Promise {
        id: "MCP-CAP-04",
        level: Level::Checklist,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "The client records, shows and reviews what each server asks for and offers, and notices when that changes.",
        source: "lesson: Client-Side Checklist (capability review); lesson: Trust Model (server declarations medium trust)",
    },
    Promise {
        id: "MCP-CAP-05",
        level: Level::Checklist,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Tools a server exposes are filtered before the model sees them, by an allowlist per server and principal, so destructive operations can be withheld.",
        source: "lesson: Security Implications table (tools)",
    },
    Promise {
        id: "MCP-CAP-06",
        level: Level::Checklist,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "The set of resources and resource templates reachable from a server is restricted to those the user intends to share.",
        source: "lesson: Security Implications table (resources)",
    },
    Promise {
        id: "MCP-CAP-07",
        level: Level::Must,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "A server advertises every feature family it serves (tools, resources, prompts, completions, logging) and refuses methods of families it did not advertise with -32601.",
        source: "spec server/* §Capabilities; architecture",
    },
    Promise {
        id: "MCP-CAP-08",
        level: Level::Must,
        revisions: &["2025-11-25", "2026-07-28"],
        statement: "Sub-capabilities count: tool-enabled sampling needs sampling.tools, URL elicitation needs elicitation.url, an empty elicitation object means form only.",
        source: "spec 2025-11-25+ client/sampling, client/elicitation §Capabilities",
    },
    Promise {
        id: "MCP-CAP-09",
        level: Level::Must,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"],
        statement: "Initialisation comes first: apart from ping nothing is processed before the handshake completes, and initialize itself cannot be cancelled.",
        source: "spec 2025-11-25 basic/lifecycle; basic/utilities/cancellation",
    },
    Promise {
        id: "MCP-CAP-10",
        level: Level::Must,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Version disagreement is settled explicitly: legacy servers answer initialize with a version they speak; modern servers reject an unimplemented version with -32022 (data.supported, data.requested) and HTTP 400.",
        source: "spec 2025-11-25 basic/lifecycle §Version Negotiation; 2026-07-28 basic/versioning",
    },
    Promise {
        id: "MCP-CAP-11",
        level: Level::Hardening,
        revisions: &["2026-07-28"],
        statement: "Era detection must not be usable to downgrade: cache whether a server is modern or legacy and treat a later slide back to initialize, or an older version, as a security event.",
        source: "spec 2026-07-28 basic/versioning §Backward Compatibility; basic/transports/streamable-http (intermediary note)",
    },
    Promise {
        id: "MCP-CAP-12",
        level: Level::Must,
        revisions: &["2026-07-28"],
        statement: "Extensions are usable only when both sides list them under capabilities.extensions; a result whose resultType is not core or from a mutually declared extension is invalid.",
        source: "spec 2026-07-28 basic/index §ResultType; basic/versioning §Extension Negotiation",
    },
    Promise {
        id: "MCP-CAP-13",
        level: Level::Hardening,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Unknown methods, notifications and methods removed in the negotiated revision (initialize, ping, logging/setLevel, resources/subscribe, tasks/result, tasks/list … on 2026-07-28) are denied by default rather than passed along.",
        source: "spec 2026-07-28 changelog; SEP-2663 compatibility table",
    },
    Promise {
        id: "MCP-CAP-14",
        level: Level::Should,
        revisions: &["2026-07-28"],
        statement: "Names and versions that peers report about themselves (clientInfo, serverInfo) are for display only and never decide behaviour or trust.",
        source: "spec 2026-07-28 basic/index note; server/discover note",
    },
];
