//! What a server asks: for roots, for the model, for the person. Until
//! 2025-11-25 in requests of its own, since then inside of results.

use super::base::{NOTED, OBJECT, REQUEST, RESULT, SETTINGS, TEXTS};
use super::content::MESSAGE;
use super::tool::TOOL;
use super::{Member, Shape, may, must, when};
use crate::revision::Revision::{V2025_06_18, V2025_11_25, V2026_07_28};

static ROOT: Shape =
    Shape::Object(&[NOTED, &[must("uri", &Shape::Text), may("name", &Shape::Text)]]);
/// The client's roots.
pub(crate) static ROOTS_ANSWER: Shape =
    Shape::Object(&[NOTED, &[must("roots", &Shape::List(&ROOT))]]);

/// A request of the server may ask for a task (2025-11-25).
static AUGMENTED: &[Member] = &[may("task", &Shape::Object(&[&[may("ttl", &Shape::Integer)]]))
    .since(V2025_11_25)
    .until(V2025_11_25)];

static PREFERENCES: Shape = Shape::Object(&[&[
    may("hints", &Shape::List(&Shape::Object(&[&[may("name", &Shape::Text)]]))),
    may("costPriority", &Shape::Share),
    may("speedPriority", &Shape::Share),
    may("intelligencePriority", &Shape::Share),
]]);
static TOOL_CHOICE: Shape =
    Shape::Object(&[&[may("mode", &Shape::Word(&["auto", "none", "required"]))]]);
static SAMPLE: &[Member] = &[
    must("messages", &Shape::List(&Shape::Object(&[NOTED, MESSAGE]))),
    must("maxTokens", &Shape::Integer),
    may("modelPreferences", &PREFERENCES),
    may("systemPrompt", &Shape::Text),
    may("includeContext", &Shape::Word(&["none", "thisServer", "allServers"])),
    may("temperature", &Shape::Number),
    may("stopSequences", &TEXTS),
    may("metadata", &OBJECT).until(V2025_11_25),
    may("metadata", &SETTINGS).since(V2026_07_28),
    may("tools", &Shape::List(&TOOL)).since(V2025_11_25),
    may("toolChoice", &TOOL_CHOICE).since(V2025_11_25),
];
/// `sampling/createMessage`.
pub(crate) static SAMPLING: Shape = Shape::Object(&[REQUEST, AUGMENTED, SAMPLE]);
/// What the model said.
pub(crate) static SAMPLING_ANSWER: Shape = Shape::Object(&[
    NOTED,
    MESSAGE,
    &[must("model", &Shape::Text), may("stopReason", &Shape::Text)],
]);

static TITLES: &[Member] = &[may("title", &Shape::Text), may("description", &Shape::Text)];
static TYPE: &[Member] = &[must("type", &Shape::Text)];
static STRING: Shape = Shape::Object(&[
    TITLES,
    TYPE,
    &[
        may("format", &Shape::Word(&["email", "uri", "date", "date-time"])),
        may("minLength", &Shape::Integer),
        may("maxLength", &Shape::Integer),
        may("default", &Shape::Text).since(V2025_11_25),
    ],
]);
/// The schemas before 2026-07-28 have integers here, and those of answers have them still;
/// the prose, the SDKs and the official test server have numbers, so numbers it is.
static NUMBER: Shape = Shape::Object(&[
    TITLES,
    TYPE,
    &[
        may("minimum", &Shape::Number),
        may("maximum", &Shape::Number),
        may("default", &Shape::Number).since(V2025_11_25),
    ],
]);
static BOOLEAN: Shape = Shape::Object(&[TITLES, TYPE, &[may("default", &Shape::Flag)]]);
static DEFAULT_WORD: &[Member] = &[may("default", &Shape::Text).since(V2025_11_25)];
static NAMED_WORDS: Shape =
    Shape::Object(&[TITLES, TYPE, DEFAULT_WORD, &[must("enum", &TEXTS), may("enumNames", &TEXTS)]]);
static UNTITLED: Shape = Shape::Object(&[TITLES, TYPE, DEFAULT_WORD, &[must("enum", &TEXTS)]]);
static CHOICES: Shape =
    Shape::List(&Shape::Object(&[&[must("const", &Shape::Text), must("title", &Shape::Text)]]));
static TITLED: Shape = Shape::Object(&[TITLES, TYPE, DEFAULT_WORD, &[must("oneOf", &CHOICES)]]);
static MANY: &[Member] =
    &[may("default", &TEXTS), may("minItems", &Shape::Integer), may("maxItems", &Shape::Integer)];
static UNTITLED_ITEMS: Shape =
    Shape::Object(&[&[must("type", &Shape::Word(&["string"])), must("enum", &TEXTS)]]);
static TITLED_ITEMS: Shape = Shape::Object(&[&[must("anyOf", &CHOICES)]]);
static SEVERAL: Shape = Shape::Either(&[
    &Shape::Object(&[TITLES, TYPE, MANY, &[must("items", &UNTITLED_ITEMS)]]),
    &Shape::Object(&[TITLES, TYPE, MANY, &[must("items", &TITLED_ITEMS)]]),
]);
/// One field of a form.
static FIELD: Shape = Shape::Tagged(
    "type",
    &[
        when("string", &Shape::Either(&[&STRING, &NAMED_WORDS])).until(V2025_06_18),
        when("string", &Shape::Either(&[&STRING, &UNTITLED, &TITLED])).since(V2025_11_25),
        when("number", &NUMBER),
        when("integer", &NUMBER),
        when("boolean", &BOOLEAN),
        when("array", &SEVERAL).since(V2025_11_25),
    ],
);
static FORM_SCHEMA: Shape = Shape::Object(&[&[
    must("type", &Shape::Word(&["object"])),
    must("properties", &Shape::Map(&FIELD)),
    may("required", &TEXTS),
    may("$schema", &Shape::Text).since(V2025_11_25),
]]);
static ELICIT: &[Member] = &[must("message", &Shape::Text)];
static FORM: Shape =
    Shape::Object(&[REQUEST, AUGMENTED, ELICIT, &[must("requestedSchema", &FORM_SCHEMA)]]);
static LINKED: Shape = Shape::Object(&[REQUEST, AUGMENTED, ELICIT, URL]);
static URL: &[Member] = &[
    must("url", &Shape::Text),
    must("elicitationId", &Shape::Text).since(V2025_11_25).until(V2025_11_25),
];
/// `elicitation/create`: a form, or since 2025-11-25 a place to go.
pub(crate) static ELICITATION: Shape = Shape::Tagged(
    "mode",
    &[when("", &FORM), when("form", &FORM), when("url", &LINKED).since(V2025_11_25)],
);
static FIELD_VALUE: Shape = Shape::Either(&[&Shape::Text, &Shape::Number, &Shape::Flag]);
static FIELD_VALUES: Shape = Shape::Either(&[&Shape::Text, &Shape::Number, &Shape::Flag, &TEXTS]);
/// What the person said.
pub(crate) static ELICITATION_ANSWER: Shape = Shape::Object(&[
    NOTED,
    &[
        must("action", &Shape::Word(&["accept", "decline", "cancel"])),
        may("content", &Shape::Map(&FIELD_VALUE)).until(V2025_06_18),
        may("content", &Shape::Map(&FIELD_VALUES)).since(V2025_11_25),
    ],
]);

/// An answer among `inputResponses`; which of the three it must be follows from
/// the question, which the sealed state remembers.
pub(crate) static INPUT_RESPONSE: Shape =
    Shape::Either(&[&ROOTS_ANSWER, &ELICITATION_ANSWER, &SAMPLING_ANSWER]);
/// What a retried request brings (2026-07-28).
pub(crate) static ANSWERS: &[Member] = &[
    may("inputResponses", &Shape::Map(&INPUT_RESPONSE)).since(V2026_07_28),
    may("requestState", &Shape::Text).since(V2026_07_28),
];

/// A question inside of a result carries no `_meta` that declares it.
pub(crate) static ROOTS_INSIDE: Shape = Shape::Object(&[NOTED]);
/// `sampling/createMessage` inside of a result.
pub(crate) static SAMPLING_INSIDE: Shape = Shape::Object(&[NOTED, SAMPLE]);
static FORM_INSIDE: Shape =
    Shape::Object(&[NOTED, ELICIT, &[must("requestedSchema", &FORM_SCHEMA)]]);
static LINKED_INSIDE: Shape = Shape::Object(&[NOTED, ELICIT, URL]);
/// `elicitation/create` inside of a result.
pub(crate) static ELICITATION_INSIDE: Shape = Shape::Tagged(
    "mode",
    &[when("", &FORM_INSIDE), when("form", &FORM_INSIDE), when("url", &LINKED_INSIDE)],
);
static ASKED: Shape = Shape::Tagged(
    "method",
    &[
        when("roots/list", &Shape::Object(&[&[may("params", &ROOTS_INSIDE)]])),
        when("sampling/createMessage", &Shape::Object(&[&[must("params", &SAMPLING_INSIDE)]])),
        when("elicitation/create", &Shape::Object(&[&[must("params", &ELICITATION_INSIDE)]])),
    ],
);
/// Questions by the names that they must be answered under.
pub(crate) static INPUT_REQUESTS: Shape = Shape::Map(&ASKED);
/// A result that asks first: one of the two members at least.
pub(crate) static INPUT_REQUIRED: Shape = Shape::Either(&[
    &Shape::Object(&[
        RESULT,
        &[must("inputRequests", &INPUT_REQUESTS), may("requestState", &Shape::Text)],
    ]),
    &Shape::Object(&[
        RESULT,
        &[may("inputRequests", &INPUT_REQUESTS), must("requestState", &Shape::Text)],
    ]),
]);
