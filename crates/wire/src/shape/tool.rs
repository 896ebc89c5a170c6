//! Tools: their definitions, and calls of them.

use super::ask::{ANSWERS, INPUT_REQUIRED};
use super::base::{CACHED, DESCRIBED, ICONS, NAMED, NOTED, OBJECT, PAGE, REQUEST, RESULT, TEXTS};
use super::content::{BLOCKS, STRUCTURED};
use super::{Member, Shape, may, must, when};
use crate::revision::Revision::{V2025_03_26, V2025_06_18, V2025_11_25, V2026_07_28};

/// A schema for an object; its other keywords are judged when it is compiled.
macro_rules! schema {
    ($($kind:expr)?) => {
        Shape::Object(&[&[
            $($kind,)?
            may("$schema", &Shape::Text).since(V2025_11_25),
            may("properties", &Shape::Map(&OBJECT)).until(V2025_11_25),
            may("required", &TEXTS).until(V2025_11_25),
        ]])
    };
}

static FOR_OBJECTS: Shape = schema!(must("type", &Shape::Word(&["object"])));
/// Since 2026-07-28 a result may be any value.
static FOR_ANYTHING: Shape = schema!();

/// What a server says about a tool; never more than a claim.
static HINTS: Shape = Shape::Object(&[&[
    may("title", &Shape::Text),
    may("readOnlyHint", &Shape::Flag),
    may("destructiveHint", &Shape::Flag),
    may("idempotentHint", &Shape::Flag),
    may("openWorldHint", &Shape::Flag),
]]);
static EXECUTION: Shape =
    Shape::Object(&[&[may("taskSupport", &Shape::Word(&["forbidden", "optional", "required"]))]]);

/// One definition.
pub(crate) static TOOL: Shape = Shape::Object(&[
    NOTED,
    NAMED,
    ICONS,
    DESCRIBED,
    &[
        must("inputSchema", &FOR_OBJECTS),
        may("outputSchema", &FOR_OBJECTS).since(V2025_06_18).until(V2025_11_25),
        may("outputSchema", &FOR_ANYTHING).since(V2026_07_28),
        may("annotations", &HINTS).since(V2025_03_26),
        may("execution", &EXECUTION).since(V2025_11_25).until(V2025_11_25),
    ],
]);

/// The answer to `tools/list`.
pub(crate) static LIST: Shape =
    Shape::Object(&[RESULT, CACHED, PAGE, &[must("tools", &Shape::List(&TOOL))]]);

/// `tools/call`.
pub(crate) static CALL: Shape = Shape::Object(&[
    REQUEST,
    ANSWERS,
    &[
        must("name", &Shape::Text),
        may("arguments", &OBJECT),
        may("task", &Shape::Object(&[&[may("ttl", &Shape::Integer)]]))
            .since(V2025_11_25)
            .until(V2025_11_25),
    ],
]);

static ENDED: &[Member] = &[must("content", &BLOCKS), may("isError", &Shape::Flag)];
/// What a call ends with.
static OUTCOME: Shape = Shape::Object(&[RESULT, STRUCTURED, ENDED]);
/// The same inside of a task, where nobody has to say that it is complete.
pub(crate) static LATE: Shape = Shape::Object(&[
    NOTED,
    STRUCTURED,
    ENDED,
    &[may("resultType", &Shape::Word(&["complete"])).since(V2026_07_28)],
]);

/// The answer to `tools/call`.
pub(crate) static ANSWER: Shape = Shape::Tagged(
    "resultType",
    &[
        when("", &OUTCOME),
        when("complete", &OUTCOME),
        when("input_required", &INPUT_REQUIRED).since(V2026_07_28),
    ],
);
