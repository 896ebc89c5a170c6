//! Promises about trust.

use super::{Level, Promise};

pub(super) const PROMISES: &[Promise] = &[
    Promise {
        id: "MCP-TRUST-01",
        level: Level::Checklist,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Trust runs user → host → client → server; a server starts untrusted and gains privileges only by explicit, evidence-based grants. (The spec repository's SECURITY.md assumes the opposite default, so the host must supply this.)",
        source: "lesson: Principal Hierarchy; SECURITY.md §Trust Model",
    },
    Promise {
        id: "MCP-TRUST-02",
        level: Level::Checklist,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Several independent layers apply to each call, so one failure is not enough.",
        source: "lesson: Best Practices (defence in depth), security-layer table",
    },
    Promise {
        id: "MCP-TRUST-03",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Each client talks to one server and servers are isolated: none sees another's traffic or the whole conversation.",
        source: "spec architecture §Design Principles, §Clients",
    },
    Promise {
        id: "MCP-TRUST-04",
        level: Level::Checklist,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Servers treat client-supplied facts as claims: initialization data can be forged, roots are unenforceable from their side, arguments and sampled text may be hostile.",
        source: "lesson: What the Server Can Trust",
    },
    Promise {
        id: "MCP-TRUST-05",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "A proxy that can spawn servers is itself high-value: its API is authenticated, isolated from browser contexts, confined, and asks again for dangerous commands.",
        source: "docs tutorials/security/security_best_practices §stdio Transport Security in Proxy Scenarios",
    },
    Promise {
        id: "MCP-TRUST-06",
        level: Level::Checklist,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Only the protocol's format is highly trusted, and only after strict parsing; everything carried inside it is data.",
        source: "lesson: What the Client Can Trust (table)",
    },
];
