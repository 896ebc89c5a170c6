//! Promises about elicitation.

use super::{Level, Promise};

pub(super) const PROMISES: &[Promise] = &[
    Promise {
        id: "MCP-ELIC-01",
        level: Level::Must,
        revisions: &["2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Credentials, tokens and payment data are never collected through form elicitation (2025-06-18 forbids any sensitive data); URL mode is required for them since 2025-11-25.",
        source: "spec client/elicitation §User Interaction Model, §Form Mode Security",
    },
    Promise {
        id: "MCP-ELIC-02",
        level: Level::Must,
        revisions: &["2025-11-25", "2026-07-28"],
        statement: "The user sees which server asks, can decline or cancel at any time and can review and edit before sending (should in 2025-06-18).",
        source: "spec client/elicitation §User Interaction Model, §Security Considerations",
    },
    Promise {
        id: "MCP-ELIC-03",
        level: Level::Must,
        revisions: &["2025-11-25", "2026-07-28"],
        statement: "URL elicitation: show the full URL with the host emphasised, get consent, never prefetch, open in a browser context the client and model cannot inspect.",
        source: "spec client/elicitation §Safe URL Handling",
    },
    Promise {
        id: "MCP-ELIC-04",
        level: Level::Must,
        revisions: &["2025-11-25", "2026-07-28"],
        statement: "Elicitation URLs carry no secrets or personal data, are not pre-authenticated, and use HTTPS outside development; clickable links appear nowhere but the url field.",
        source: "spec client/elicitation §Safe URL Handling",
    },
    Promise {
        id: "MCP-ELIC-05",
        level: Level::Should,
        revisions: &["2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Answers are validated against requestedSchema by both sides, and the schema stays within the flat primitive subset.",
        source: "spec client/elicitation §Requested Schema, §Form Mode Security",
    },
    Promise {
        id: "MCP-ELIC-06",
        level: Level::Must,
        revisions: &["2025-11-25", "2026-07-28"],
        statement: "Stored elicitation state is bound to the verified user (not to a session id alone), and the person finishing a URL flow must be the one who started it.",
        source: "spec client/elicitation §Statefulness, §Phishing",
    },
    Promise {
        id: "MCP-ELIC-07",
        level: Level::Must,
        revisions: &["2025-11-25", "2026-07-28"],
        statement: "User identity comes from authorization, not from what the client or user typed; URL mode is not used to authorise access to the MCP server itself.",
        source: "spec client/elicitation §Identifying the User, §URL Mode for OAuth",
    },
    Promise {
        id: "MCP-ELIC-08",
        level: Level::Must,
        revisions: &["2025-11-25", "2026-07-28"],
        statement: "Third-party credentials obtained by a server stay there: they never pass through or back to the MCP client.",
        source: "spec client/elicitation §URL Mode for OAuth",
    },
    Promise {
        id: "MCP-ELIC-09",
        level: Level::Must,
        revisions: &["2025-11-25", "2026-07-28"],
        statement: "Modes the client did not declare are not requested (client answers -32602 in legacy); the 2025-11-25 -32042 error lists URL elicitations only and completion notices go only to the initiator.",
        source: "spec 2025-11-25 client/elicitation §Error Handling",
    },
    Promise {
        id: "MCP-ELIC-10",
        level: Level::Should,
        revisions: &["2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Elicitation prompts are rate-limited against nagging (listed through 2025-11-25; repeated MRTR rounds need the same cap).",
        source: "spec 2025-11-25 client/elicitation §Security Considerations; 2026-07-28 basic/patterns/mrtr (may re-ask)",
    },
    Promise {
        id: "MCP-ELIC-11",
        level: Level::Must,
        revisions: &["2025-06-18", "2025-11-25", "2026-07-28"],
        statement: "Servers handle accept, decline and cancel distinctly and never take acceptance of a URL prompt as proof that the flow finished.",
        source: "spec client/elicitation §Response Actions, §Error Handling",
    },
];
