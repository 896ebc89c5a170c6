//! How a conversation opens: what each side declares, and the two handshakes.

use super::base::{CACHED, IMPLEMENTATION, OBJECT, REQUEST, RESULT, SETTINGS, TEXTS};
use super::{Member, Shape, may, must};
use crate::revision::Revision::{V2025_03_26, V2025_06_18, V2025_11_25, V2026_07_28};

static OBJECTS: Shape = Shape::Map(&OBJECT);
static LIST_CHANGED: Shape = Shape::Object(&[&[may("listChanged", &Shape::Flag)]]);

/// What anybody may declare beside what the revision knows.
static BEYOND: &[Member] = &[
    may("experimental", &OBJECTS).until(V2025_11_25),
    may("experimental", &Shape::Map(&SETTINGS)).since(V2026_07_28),
    may("extensions", &Shape::Map(&SETTINGS)).since(V2026_07_28),
];

/// A capability with two parts, which are objects.
macro_rules! parts {
    ($one:literal, $two:literal) => {
        Shape::Object(&[&[
            may($one, &OBJECT).since(V2025_11_25).until(V2025_11_25),
            may($two, &OBJECT).since(V2025_11_25).until(V2025_11_25),
            may($one, &SETTINGS).since(V2026_07_28),
            may($two, &SETTINGS).since(V2026_07_28),
        ]])
    };
}

static SAMPLING: Shape = parts!("context", "tools");
static ELICITATION: Shape = parts!("form", "url");

/// What a client declares.
pub(crate) static CLIENT_CAPABILITIES: Shape = Shape::Object(&[
    BEYOND,
    &[
        may("roots", &LIST_CHANGED).until(V2025_11_25),
        may("roots", &OBJECT).since(V2026_07_28),
        may("sampling", &SAMPLING),
        may("elicitation", &ELICITATION).since(V2025_06_18),
        may("tasks", &CLIENT_TASKS).since(V2025_11_25).until(V2025_11_25),
    ],
]);

static CALLED: Shape = Shape::Object(&[&[may("call", &OBJECT)]]);
static CREATED: Shape = Shape::Object(&[&[may("create", &OBJECT)]]);
static SAMPLED: Shape = Shape::Object(&[&[may("createMessage", &OBJECT)]]);
static TASK_METHODS: &[Member] = &[may("list", &OBJECT), may("cancel", &OBJECT)];
static CLIENT_TASK_REQUESTS: Shape =
    Shape::Object(&[&[may("elicitation", &CREATED), may("sampling", &SAMPLED)]]);
static CLIENT_TASKS: Shape =
    Shape::Object(&[TASK_METHODS, &[may("requests", &CLIENT_TASK_REQUESTS)]]);
static SERVER_TASKS: Shape =
    Shape::Object(&[TASK_METHODS, &[may("requests", &Shape::Object(&[&[may("tools", &CALLED)]]))]]);

static RESOURCES: Shape =
    Shape::Object(&[&[may("listChanged", &Shape::Flag), may("subscribe", &Shape::Flag)]]);

/// What a server declares.
static SERVER_CAPABILITIES: Shape = Shape::Object(&[
    BEYOND,
    &[
        may("tools", &LIST_CHANGED),
        may("prompts", &LIST_CHANGED),
        may("resources", &RESOURCES),
        may("completions", &OBJECT).since(V2025_03_26).until(V2025_11_25),
        may("completions", &SETTINGS).since(V2026_07_28),
        may("logging", &OBJECT).until(V2025_11_25),
        may("logging", &SETTINGS).since(V2026_07_28),
        may("tasks", &SERVER_TASKS).since(V2025_11_25).until(V2025_11_25),
    ],
]);

/// `initialize`.
pub(crate) static INITIALIZE: Shape = Shape::Object(&[
    REQUEST,
    &[
        must("protocolVersion", &Shape::Text),
        must("capabilities", &CLIENT_CAPABILITIES),
        must("clientInfo", &IMPLEMENTATION),
    ],
]);

/// Its answer.
pub(crate) static INITIALIZED: Shape = Shape::Object(&[
    RESULT,
    &[
        must("protocolVersion", &Shape::Text),
        must("capabilities", &SERVER_CAPABILITIES),
        must("serverInfo", &IMPLEMENTATION),
        may("instructions", &Shape::Text),
    ],
]);

/// The answer to `server/discover`.
pub(crate) static DISCOVERED: Shape = Shape::Object(&[
    RESULT,
    CACHED,
    &[
        must("supportedVersions", &TEXTS),
        must("capabilities", &SERVER_CAPABILITIES),
        may("instructions", &Shape::Text),
    ],
]);
