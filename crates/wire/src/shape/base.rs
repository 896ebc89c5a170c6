//! Shapes that many messages share: metadata, names, icons, caching.

use super::lifecycle::CLIENT_CAPABILITIES;
use super::{Member, Shape, may, must};
use crate::revision::Revision::{V2025_06_18, V2025_11_25, V2026_07_28};
use crate::view::lifecycle as meta;

/// An object with any members.
pub(crate) static OBJECT: Shape = Shape::Object(&[]);
/// Strings.
pub(crate) static TEXTS: Shape = Shape::List(&Shape::Text);
/// A value as the schema of 2026-07-28 writes it, which has no place for `null`
/// and fractions inside of a settings object.
static JSON_VALUE: Shape = Shape::Either(&[
    &Shape::Text,
    &Shape::Integer,
    &Shape::Flag,
    &Shape::List(&JSON_VALUE),
    &SETTINGS,
]);
/// An object of such values.
pub(crate) static SETTINGS: Shape = Shape::Map(&JSON_VALUE);

/// `params._meta` of a request until 2025-11-25.
static REQUEST_META: Shape = Shape::Object(&[&[may(meta::PROGRESS_TOKEN, &Shape::Id)]]);
/// `params._meta` of a request since: the request declares itself.
static MODERN_META: Shape = Shape::Object(&[&[
    must(meta::PROTOCOL_VERSION, &Shape::Text),
    must(meta::CLIENT_CAPABILITIES, &CLIENT_CAPABILITIES),
    may(meta::CLIENT_INFO, &IMPLEMENTATION),
    may(meta::LOG_LEVEL, &LEVEL),
    may(meta::PROGRESS_TOKEN, &Shape::Id),
]]);
static NOTIFICATION_META: Shape =
    Shape::Object(&[&[may(meta::SUBSCRIPTION_ID, &Shape::Id).since(V2026_07_28)]]);
static RESULT_META: Shape =
    Shape::Object(&[&[
        may("io.modelcontextprotocol/serverInfo", &IMPLEMENTATION).since(V2026_07_28)
    ]]);

/// What every request may carry, or must.
pub(crate) static REQUEST: &[Member] = &[
    may("_meta", &REQUEST_META).until(V2025_11_25),
    must("_meta", &MODERN_META).since(V2026_07_28),
];
/// What every notification may carry.
pub(crate) static NOTIFICATION: &[Member] = &[may("_meta", &NOTIFICATION_META)];
/// What every answer may carry, and must since 2026-07-28. Which result types
/// there are is judged before the shape.
pub(crate) static RESULT: &[Member] =
    &[may("_meta", &RESULT_META), must("resultType", &Shape::Text).since(V2026_07_28)];
/// Metadata of anything else.
pub(crate) static NOTED: &[Member] = &[may("_meta", &OBJECT)];
/// How long an answer may be kept, and by whom (2026-07-28).
pub(crate) static CACHED: &[Member] = &[
    must("ttlMs", &Shape::Natural).since(V2026_07_28),
    must("cacheScope", &Shape::Word(&["private", "public"])).since(V2026_07_28),
];
/// A question with pages.
pub(crate) static PAGED: &[Member] = &[may("cursor", &Shape::Text)];
/// An answer with pages.
pub(crate) static PAGE: &[Member] = &[may("nextCursor", &Shape::Text)];

/// A request without members of its own.
pub(crate) static BARE_REQUEST: Shape = Shape::Object(&[REQUEST]);
/// A listing.
pub(crate) static PAGED_REQUEST: Shape = Shape::Object(&[REQUEST, PAGED]);
/// A notification without members of its own.
pub(crate) static BARE_NOTIFICATION: Shape = Shape::Object(&[NOTIFICATION]);
/// An answer without members of its own.
pub(crate) static BARE_RESULT: Shape = Shape::Object(&[RESULT]);

/// Severity of a log message.
pub(crate) static LEVEL: Shape =
    Shape::Word(&["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]);
/// Who speaks in a conversation with a model.
pub(crate) static ROLE: Shape = Shape::Word(&["user", "assistant"]);

static ICON: Shape = Shape::Object(&[&[
    must("src", &Shape::Text),
    may("mimeType", &Shape::Text),
    may("sizes", &TEXTS),
    may("theme", &Shape::Word(&["light", "dark"])),
]]);
/// Pictures of a thing.
pub(crate) static ICONS: &[Member] = &[may("icons", &Shape::List(&ICON)).since(V2025_11_25)];
/// A thing's names, for programs and for people.
pub(crate) static NAMED: &[Member] =
    &[must("name", &Shape::Text), may("title", &Shape::Text).since(V2025_06_18)];
/// A text about a thing.
pub(crate) static DESCRIBED: &[Member] = &[may("description", &Shape::Text)];
/// For whom a content is, and how much it matters.
pub(crate) static ANNOTATED: &[Member] = &[may("annotations", &ANNOTATIONS)];
static ANNOTATIONS: Shape = Shape::Object(&[&[
    may("audience", &Shape::List(&ROLE)),
    may("priority", &Shape::Share),
    may("lastModified", &Shape::Text).since(V2025_06_18),
]]);

/// Who a peer says it is.
pub(crate) static IMPLEMENTATION: Shape = Shape::Object(&[
    NAMED,
    ICONS,
    &[
        must("version", &Shape::Text),
        may("description", &Shape::Text).since(V2025_11_25),
        may("websiteUrl", &Shape::Text).since(V2025_11_25),
    ],
]);
