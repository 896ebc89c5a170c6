//! Notifications, and subscriptions to them.

use super::base::{IMPLEMENTATION, LEVEL, NOTIFICATION, REQUEST, TEXTS};
use super::{Member, Shape, may, must};
use crate::revision::Revision::V2025_03_26;
use crate::view::lifecycle::SUBSCRIPTION_ID;

/// `notifications/cancelled`. The schema of 2025-11-25 lets the id be absent, for
/// tasks; its prose has `tasks/cancel` for them, so a cancellation names a request.
pub(crate) static CANCELLED: Shape =
    Shape::Object(&[NOTIFICATION, &[must("requestId", &Shape::Id), may("reason", &Shape::Text)]]);

/// `notifications/progress`.
pub(crate) static PROGRESS: Shape = Shape::Object(&[
    NOTIFICATION,
    &[
        must("progressToken", &Shape::Id),
        must("progress", &Shape::Number),
        may("total", &Shape::Number),
        may("message", &Shape::Text).since(V2025_03_26),
    ],
]);

/// `notifications/message`.
pub(crate) static LOG: Shape = Shape::Object(&[
    NOTIFICATION,
    &[must("level", &LEVEL), may("logger", &Shape::Text), must("data", &Shape::Any)],
]);

/// `logging/setLevel`.
pub(crate) static SET_LEVEL: Shape = Shape::Object(&[REQUEST, &[must("level", &LEVEL)]]);

/// `notifications/resources/updated`.
pub(crate) static UPDATED: Shape = Shape::Object(&[NOTIFICATION, &[must("uri", &Shape::Text)]]);

/// `notifications/elicitation/complete`.
pub(crate) static ELICITED: Shape =
    Shape::Object(&[NOTIFICATION, &[must("elicitationId", &Shape::Text)]]);

static FILTER: Shape = Shape::Object(&[&[
    may("toolsListChanged", &Shape::Flag),
    may("promptsListChanged", &Shape::Flag),
    may("resourcesListChanged", &Shape::Flag),
    may("resourceSubscriptions", &TEXTS),
    may("taskIds", &TEXTS),
]]);
static FILTERED: &[Member] = &[must("notifications", &FILTER)];
/// `subscriptions/listen`.
pub(crate) static LISTEN: Shape = Shape::Object(&[REQUEST, FILTERED]);
/// `notifications/subscriptions/acknowledged`.
pub(crate) static ACKNOWLEDGED: Shape = Shape::Object(&[NOTIFICATION, FILTERED]);

static NAMES_SUBSCRIPTION: Shape = Shape::Object(&[&[
    must(SUBSCRIPTION_ID, &Shape::Id),
    may("io.modelcontextprotocol/serverInfo", &IMPLEMENTATION),
]]);
/// The answer to `subscriptions/listen`, when it ends.
pub(crate) static LISTENED: Shape =
    Shape::Object(&[&[must("_meta", &NAMES_SUBSCRIPTION), must("resultType", &Shape::Text)]]);
