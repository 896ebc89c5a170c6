//! Promises about roots.

use super::{Level, Promise};

pub(super) const PROMISES: &[Promise] = &[
    Promise {
        id: "MCP-ROOT-01",
        level: Level::Must,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Roots are file:// URIs; each is canonicalised and checked for traversal before being offered to a server.",
        source: "spec client/roots §Data Types, §Security Considerations",
    },
    Promise {
        id: "MCP-ROOT-02",
        level: Level::Must,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Only directories the user may share are offered, and as few and as narrow as the task needs.",
        source: "spec client/roots §Security Considerations; lesson: Client-Side Checklist (root restrictions)",
    },
    Promise {
        id: "MCP-ROOT-03",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "The user is asked before a root is exposed for the first time or added later.",
        source: "spec client/roots §Implementation Guidelines; lesson: Security Rules for Roots (consent)",
    },
    Promise {
        id: "MCP-ROOT-04",
        level: Level::Must,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Root directories are watched: a root that vanishes or turns unreadable is withdrawn.",
        source: "spec client/roots §Security Considerations; lesson: Security Rules for Roots (monitor)",
    },
    Promise {
        id: "MCP-ROOT-05",
        level: Level::Checklist,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Roots are guidance the server may ignore, so the host enforces them with an operating-system boundary instead of relying on server good behaviour.",
        source: "lesson: Security Rules for Roots (advisory) and warning; spec 2026-07-28 client/roots intro; SECURITY.md §STDIO Transport Trust Boundary",
    },
    Promise {
        id: "MCP-ROOT-06",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Servers ask for roots only from clients that offer them, check every path they touch against the current set, stay within it, and fail closed when roots are refused or unavailable.",
        source: "spec client/roots §Security Considerations; lesson: Security Rules for Roots (validate)",
    },
    Promise {
        id: "MCP-ROOT-07",
        level: Level::Must,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"],
        statement: "A client that advertised roots.listChanged announces changes and the server re-reads the list and adapts; 2026-07-28 has no such notification, so roots are re-read on each request that needs them.",
        source: "spec 2025-11-25 client/roots §Root List Changes; 2026-07-28 changelog (major 5)",
    },
    Promise {
        id: "MCP-ROOT-08",
        level: Level::Must,
        revisions: &["2026-07-28"],
        statement: "Under MRTR roots travel in inputResponses to a roots/list input request, which a server may only issue to a client that declared roots on that request.",
        source: "spec 2026-07-28 client/roots; basic/patterns/mrtr §Server Requirements",
    },
    Promise {
        id: "MCP-ROOT-09",
        level: Level::Hardening,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Root membership is decided on path components after resolution, because plain string-prefix checks admit sibling directories sharing the prefix (the lesson's own fixed server has this defect, reproduced).",
        source: "lesson: Path Traversal Prevention and exercise solution (defect); own test: /project-evil accepted for root /project",
    },
    Promise {
        id: "MCP-ROOT-10",
        level: Level::Hardening,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Telling a server the roots discloses local structure; remote servers receive none or opaque aliases unless policy says otherwise.",
        source: "SEP-2577 §Security Implications",
    },
    Promise {
        id: "MCP-ROOT-11",
        level: Level::Hardening,
        revisions: &["2026-07-28"],
        statement: "Because roots are deprecated, directories passed as tool parameters, resource URIs or server configuration get the same boundary checks roots had.",
        source: "spec 2026-07-28 deprecated; client/roots §Deprecated",
    },
];
