//! Tasks: calls whose result comes later. In the core of 2025-11-25, since then in
//! the extension `io.modelcontextprotocol/tasks` (SEP-2663).

use super::ask::{INPUT_REQUESTS, INPUT_RESPONSE};
use super::base::{NOTIFICATION, PAGE, REQUEST, RESULT};
use super::tool::LATE;
use super::{Member, Shape, may, must, when};
use crate::revision::Revision::{V2025_11_25, V2026_07_28};

static TERM: Shape = Shape::Either(&[&Shape::Integer, &Shape::Null]);
/// How long the server keeps it; nobody counts backwards.
static TERM_MS: Shape = Shape::Either(&[&Shape::Natural, &Shape::Null]);

/// What is known of a task.
static TASK: &[Member] = &[
    must("taskId", &Shape::Text),
    must("status", &STATUS),
    may("statusMessage", &Shape::Text),
    must("createdAt", &Shape::Text),
    must("lastUpdatedAt", &Shape::Text),
    must("ttl", &TERM).until(V2025_11_25),
    may("pollInterval", &Shape::Integer).until(V2025_11_25),
    must("ttlMs", &TERM_MS).since(V2026_07_28),
    may("pollIntervalMs", &Shape::Natural).since(V2026_07_28),
];
static STATUS: Shape =
    Shape::Word(&["working", "input_required", "completed", "failed", "cancelled"]);

/// A question about one task.
pub(crate) static NAMED: Shape = Shape::Object(&[REQUEST, &[must("taskId", &Shape::Text)]]);
/// Where a task stands (2025-11-25).
pub(crate) static STATE: Shape = Shape::Object(&[RESULT, TASK]);
static LISTED: Shape = Shape::Object(&[TASK]);
/// The answer to `tasks/list`.
pub(crate) static LIST: Shape =
    Shape::Object(&[RESULT, PAGE, &[must("tasks", &Shape::List(&LISTED))]]);
/// What a call is answered with that goes on as a task (2025-11-25).
pub(crate) static CREATED: Shape = Shape::Object(&[RESULT, &[must("task", &LISTED)]]);
/// `notifications/tasks/status`.
pub(crate) static TOLD: Shape = Shape::Object(&[NOTIFICATION, TASK]);

/// What a call is answered with that goes on as a task, since 2026-07-28.
pub(crate) static HANDLE: Shape = Shape::Object(&[RESULT, TASK]);
/// `tasks/update`.
pub(crate) static UPDATE: Shape = Shape::Object(&[
    REQUEST,
    &[must("taskId", &Shape::Text), must("inputResponses", &Shape::Map(&INPUT_RESPONSE))],
]);

static ERROR: Shape = Shape::Object(&[&[
    must("code", &Shape::Integer),
    must("message", &Shape::Text),
    may("data", &Shape::Any),
]]);
static ASKS: &[Member] = &[must("inputRequests", &INPUT_REQUESTS)];
static ENDED: &[Member] = &[must("result", &LATE)];
static FAILED: &[Member] = &[must("error", &ERROR)];

/// Where a task stands, with what that brings along (2026-07-28).
macro_rules! detailed {
    ($around:expr) => {
        Shape::Tagged(
            "status",
            &[
                when("working", &Shape::Object(&[$around, TASK])),
                when("input_required", &Shape::Object(&[$around, TASK, ASKS])),
                when("completed", &Shape::Object(&[$around, TASK, ENDED])),
                when("failed", &Shape::Object(&[$around, TASK, FAILED])),
                when("cancelled", &Shape::Object(&[$around, TASK])),
            ],
        )
    };
}

/// The answer to `tasks/get` since 2026-07-28.
pub(crate) static DETAILED: Shape = detailed!(RESULT);
/// `notifications/tasks`.
pub(crate) static DETAILED_TOLD: Shape = detailed!(NOTIFICATION);
