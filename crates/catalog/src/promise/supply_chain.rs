//! Promises about supply chain.

use super::{Level, Promise};

pub(super) const PROMISES: &[Promise] = &[
    Promise {
        id: "MCP-SUP-01",
        level: Level::Must,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Before a local server is first installed or started the exact, untruncated command with all arguments is shown with a danger warning, and only an explicit yes proceeds; cancel is offered.",
        source: "SEP-1024; docs tutorials/security/security_best_practices §Pre-Configuration Consent",
    },
    Promise {
        id: "MCP-SUP-02",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Dangerous patterns (sudo, rm -rf, curl|sh, network tools) and sensitive locations (home, keys, system directories) in a launch command are highlighted.",
        source: "docs tutorials/security/security_best_practices §Local MCP Server Compromise",
    },
    Promise {
        id: "MCP-SUP-03",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Servers start in a sandbox with minimal rights; extra access is granted explicitly per directory, host or device; sandbox mechanisms are kept current.",
        source: "docs tutorials/security/security_best_practices §Local MCP Server Compromise; SECURITY.md (client developers)",
    },
    Promise {
        id: "MCP-SUP-04",
        level: Level::Hardening,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "What was approved is what runs: command, arguments, environment names, package version and binary/script hashes are pinned, and a change needs new consent.",
        source: "derived (approved-then-modified configuration); SEP-1024 residual risks",
    },
    Promise {
        id: "MCP-SUP-05",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Registry entries are verified: namespace ownership, package markers, and for bundles the published SHA-256 before installation; the registry itself does little moderation.",
        source: "docs registry/about, registry/package-types (MCPB), registry/moderation-policy",
    },
    Promise {
        id: "MCP-SUP-06",
        level: Level::Checklist,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Server code is audited against the checklist: at least the six listed flaws are found, each is fixed and documented, and annotations and validation are added.",
        source: "lesson: Hands-on Exercise (requirements, solution table)",
    },
];
