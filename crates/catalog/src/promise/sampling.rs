//! Promises about sampling.

use super::{Level, Promise};

pub(super) const PROMISES: &[Promise] = &[
    Promise {
        id: "MCP-SAMP-01",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "The user is shown what a server wants the model to do and can stop it; the lesson makes this mandatory, the spec says should.",
        source: "spec client/sampling §User Interaction Model; lesson: Sampling Approval 1, Client-Side Checklist",
    },
    Promise {
        id: "MCP-SAMP-02",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "The user may edit or reject the request; rejection yields error -1 in legacy and simply no answer for that key under MRTR.",
        source: "spec client/sampling §Error Handling; lesson: Sampling Approval 2",
    },
    Promise {
        id: "MCP-SAMP-03",
        level: Level::Checklist,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "The client alone picks the model; server preferences are hints and may be dropped, as may systemPrompt and temperature.",
        source: "lesson: Sampling Approval 3; spec client/sampling §Model Preferences",
    },
    Promise {
        id: "MCP-SAMP-04",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "The model's answer is reviewed before it goes back to the server.",
        source: "spec client/sampling §User Interaction Model; lesson: Sampling Approval 4",
    },
    Promise {
        id: "MCP-SAMP-05",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Sampling is rate-limited and its cost bounded; maxTokens is honoured (a requirement from 2026-07-28).",
        source: "spec client/sampling §Security Considerations; 2026-07-28 §Sampling Parameters; lesson: Security Implications (client's cost)",
    },
    Promise {
        id: "MCP-SAMP-06",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Context from the host or other servers is not handed out through includeContext; only none is granted by default.",
        source: "spec 2025-11-25+ client/sampling §Capabilities, §Context Inclusion",
    },
    Promise {
        id: "MCP-SAMP-07",
        level: Level::Must,
        revisions: &["2025-11-25", "2026-07-28"],
        statement: "Tool-use conversations inside sampling stay well-formed: tool_result messages hold only results and each tool_use is answered by id; loops are bounded.",
        source: "spec 2025-11-25+ client/sampling §Message Content Constraints, §Security Considerations",
    },
    Promise {
        id: "MCP-SAMP-08",
        level: Level::Must,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Sensitive data in sampling messages and answers is protected, and content is validated by both sides; servers treat completions as untrusted input.",
        source: "spec client/sampling §Security Considerations; lesson: What the Server Can Trust",
    },
    Promise {
        id: "MCP-SAMP-09",
        level: Level::Should,
        revisions: &["2026-07-28"],
        statement: "Sampling is deprecated: new servers avoid it and gateways may disable it entirely.",
        source: "spec 2026-07-28 deprecated; SEP-2577",
    },
];
