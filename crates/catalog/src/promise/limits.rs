//! Promises about limits.

use super::{Level, Promise};

pub(super) const PROMISES: &[Promise] = &[
    Promise {
        id: "MCP-LIM-01",
        level: Level::Must,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Tool invocations are rate-limited, per session or, where none exists, per principal and tool.",
        source: "spec server/tools §Security Considerations; lesson: Server-Side Checklist, Common Pitfalls",
    },
    Promise {
        id: "MCP-LIM-02",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Every request has a timeout with an absolute ceiling that progress notifications cannot extend, and external operations inside servers have their own.",
        source: "spec basic/lifecycle §Timeouts / 2026-07-28 basic/patterns/cancellation §Timeouts; server/tools; lesson: Server-Side Checklist",
    },
    Promise {
        id: "MCP-LIM-03",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Cancelled or abandoned work is stopped and its resources freed; late answers are ignored.",
        source: "spec basic/utilities/cancellation; 2026-07-28 basic/patterns/cancellation",
    },
    Promise {
        id: "MCP-LIM-04",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Progress, log, completion and list-change traffic is throttled; progress must name a live token and increase.",
        source: "spec basic/utilities/progress; server/utilities/completion (must), logging",
    },
    Promise {
        id: "MCP-LIM-05",
        level: Level::Hardening,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Message, line, nesting, argument, result and stream sizes are bounded before parsing.",
        source: "derived; SEP-2243 (oversized headers)",
    },
    Promise {
        id: "MCP-LIM-06",
        level: Level::Hardening,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Concurrency, open streams, sessions, pending approvals and MRTR/task state are capped per principal and server.",
        source: "derived; spec 2025-11-25 tasks §Resource Management",
    },
    Promise {
        id: "MCP-LIM-07",
        level: Level::Must,
        revisions: &["2025-11-25", "2026-07-28"],
        statement: "Waiting for a human does not break limits or keep resources without bound: transports use keep-alives, the wait has its own deadline and then fails closed.",
        source: "SEP-2260 §Timeouts; spec 2026-07-28 streamable-http (keep-alive)",
    },
    Promise {
        id: "MCP-LIM-08",
        level: Level::Should,
        revisions: &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Server processes run under CPU, memory, process-count, file-size and descriptor limits.",
        source: "docs tutorials/security/security_best_practices §Local MCP Server Compromise (restricted resources); lesson: process isolation",
    },
];
