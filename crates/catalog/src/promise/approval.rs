//! Promises about approval.

use super::{Level, Promise};

pub(super) const PROMISES: &[Promise] = &[
    Promise {
        id: "MCP-APPR-01",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "A person can see which tools the model has and when one runs, and can refuse; calls that change state need consent before they execute.",
        source: "spec server/tools §User Interaction Model; index §Tool Safety; lesson: Tool Approval, Client-Side Checklist",
    },
    Promise {
        id: "MCP-APPR-02",
        level: Level::Checklist,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "A tool declared destructive always triggers a prompt and is never auto-approved.",
        source: "lesson: Tool Annotations table, Summary",
    },
    Promise {
        id: "MCP-APPR-03",
        level: Level::Checklist,
        revisions: &["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Absent or contradictory hints count as the worst case (not read-only, destructive, not idempotent, open-world), matching the schema defaults.",
        source: "lesson: Tool Approval flow (unknown); schema ToolAnnotations defaults",
    },
    Promise {
        id: "MCP-APPR-04",
        level: Level::Checklist,
        revisions: &["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "readOnlyHint may relax prompting only for trusted servers and after the client's own assessment.",
        source: "lesson: Tool Annotations table (readOnlyHint) and note",
    },
    Promise {
        id: "MCP-APPR-05",
        level: Level::Checklist,
        revisions: &["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "openWorldHint raises the risk class of a call and marks its output as untrusted content.",
        source: "lesson: Tool Annotations table (openWorldHint); blog 2026-03-16 tool-annotations",
    },
    Promise {
        id: "MCP-APPR-06",
        level: Level::Checklist,
        revisions: &["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "idempotentHint only informs retry behaviour; it neither skips approval nor is trusted for automatic re-execution after ambiguous failures on untrusted servers.",
        source: "lesson: Tool Annotations table (idempotentHint)",
    },
    Promise {
        id: "MCP-APPR-07",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Before the call the reviewer sees server, tool and the complete arguments, rendered so that control, bidi or markup tricks cannot hide anything.",
        source: "spec server/tools §Security Considerations; SEP-1024 (untruncated) ; rendering rule: hardening",
    },
    Promise {
        id: "MCP-APPR-08",
        level: Level::Checklist,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "A refusal reaches the model as a normal tool failure it can reason about, without leaking policy internals.",
        source: "lesson: Tool Approval flow (deny ⇒ error to LLM); SEP-1303",
    },
    Promise {
        id: "MCP-APPR-09",
        level: Level::Hardening,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "An approval covers exactly one (principal, server, tool definition hash, canonical arguments), is single-use and expires; changing arguments, e.g. on an MRTR retry, voids it.",
        source: "derived from spec 2026-07-28 basic/patterns/mrtr §Server Requirements (request binding)",
    },
    Promise {
        id: "MCP-APPR-10",
        level: Level::Hardening,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Standing grants are narrow (tool, argument pattern, server hash, time, count), listed and revocable; approving a script or task never grants blanket approval for the calls inside it.",
        source: "docs develop/clients/client-best-practices §Security Considerations; lesson: Summary (never auto-approve high risk)",
    },
    Promise {
        id: "MCP-APPR-11",
        level: Level::Hardening,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "No side door: batches, MRTR retries, tasks, UI-initiated calls, renamed tools and direct HTTP to the upstream all meet the same approval rule; if the approval channel is down the answer is no.",
        source: "SEP-2663 §Security Implications; SEP-1865 §Security Implications",
    },
    Promise {
        id: "MCP-APPR-12",
        level: Level::Hardening,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Approvers are authenticated, authorised for that server/risk class, recorded, and cannot be the requesting agent itself; approval by in-protocol elicitation is accepted only from clients known to put a human there.",
        source: "derived; spec client/elicitation §Identifying the User",
    },
];
