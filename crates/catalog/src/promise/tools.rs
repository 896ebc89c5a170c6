//! Promises about tools.

use super::{Level, Promise};

pub(super) const PROMISES: &[Promise] = &[
    Promise {
        id: "MCP-TOOL-01",
        level: Level::Must,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Tools are access-controlled per caller.",
        source: "spec server/tools §Security Considerations",
    },
    Promise {
        id: "MCP-TOOL-02",
        level: Level::Must,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Tool output is untrusted: servers sanitise it, clients validate it before it reaches a model.",
        source: "spec server/tools §Security Considerations; lesson: What the Client Can Trust (tool results low)",
    },
    Promise {
        id: "MCP-TOOL-03",
        level: Level::Must,
        revisions: &["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Annotations are hints; they are ignored for control decisions unless the server is trusted.",
        source: "spec 2025-03-26+ server/tools §Tool; lesson: notes on annotations, Best Practices, Common Pitfalls",
    },
    Promise {
        id: "MCP-TOOL-04",
        level: Level::Checklist,
        revisions: &["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Servers annotate each tool honestly so that clients can assess risk.",
        source: "lesson: exercise vulnerability 4 and requirement 3",
    },
    Promise {
        id: "MCP-TOOL-05",
        level: Level::Hardening,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Definitions are pinned: name, title, description, schemas, annotations, icons and _meta are hashed on approval, and any change blocks the tool until reviewed.",
        source: "derived from docs tutorials/security/security_best_practices (tools unexpectedly enabled); spec server/tools §List Changed; index (users understand each tool)",
    },
    Promise {
        id: "MCP-TOOL-06",
        level: Level::Hardening,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Definitions and server instructions are scanned for poisoning: hidden instructions, invisible characters, references to other tools or secrets, suspicious defaults/enums.",
        source: "derived from spec index (descriptions untrusted); server/discover instructions",
    },
    Promise {
        id: "MCP-TOOL-07",
        level: Level::Should,
        revisions: &["2025-11-25", "2026-07-28"],
        statement: "Tool names are limited to a safe character set and length, case-sensitive and unique; look-alikes are refused.",
        source: "spec 2025-11-25+ server/tools §Tool Names",
    },
    Promise {
        id: "MCP-TOOL-08",
        level: Level::Should,
        revisions: &["2026-07-28"],
        statement: "When several servers are combined, names are disambiguated by a gateway-assigned identifier, never by serverInfo.name; one server's text cannot re-describe another's tools.",
        source: "spec 2026-07-28 server/tools note on collisions (shadowing rule: hardening)",
    },
    Promise {
        id: "MCP-TOOL-09",
        level: Level::Must,
        revisions: &["2026-07-28"],
        statement: "Lists do not vary by connection or as a side effect of earlier calls, only over time or by the authorization presented; order is stable.",
        source: "spec 2026-07-28 server/tools, resources, prompts §Capabilities",
    },
    Promise {
        id: "MCP-TOOL-10",
        level: Level::Must,
        revisions: &["2025-11-25", "2026-07-28"],
        statement: "Icon metadata and bytes are untrusted: https or data only, same origin as the server, no credentials, no cross-scheme/origin redirects, size and type limits, SVG handled as active content.",
        source: "spec 2025-11-25+ basic/index §icons",
    },
    Promise {
        id: "MCP-TOOL-11",
        level: Level::Hardening,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Links and embedded resources inside results, and audience/priority annotations, give no access by themselves: following one passes the resource policy again.",
        source: "spec server/tools §Resource Links (may be outside resources/list); derived",
    },
    Promise {
        id: "MCP-TOOL-12",
        level: Level::Hardening,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Data flow between servers is controlled: output of one is untrusted input to another, and combining private data, untrusted content and an outward channel in one session needs approval.",
        source: "docs develop/clients/client-best-practices §Security Considerations; blog 2026-03-16 (lethal trifecta)",
    },
    Promise {
        id: "MCP-TOOL-13",
        level: Level::Hardening,
        revisions: &["2025-11-25", "2026-07-28"],
        statement: "Interactive UI resources (Apps extension) run sandboxed with a restrictive CSP, and tool calls they start need the same consent and logging as any other.",
        source: "SEP-1865 §Security Implications; docs extensions/apps/overview §Security model",
    },
];
