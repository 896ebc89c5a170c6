//! Prompts, and the completion of what a person types.

use super::ask::{ANSWERS, INPUT_REQUIRED};
use super::base::{CACHED, DESCRIBED, ICONS, NAMED, NOTED, PAGE, REQUEST, RESULT, ROLE, TEXTS};
use super::content::BLOCK;
use super::{Shape, may, must, when};
use crate::revision::Revision::{V2025_06_18, V2026_07_28};

static ARGUMENT: Shape = Shape::Object(&[NAMED, DESCRIBED, &[may("required", &Shape::Flag)]]);
/// One entry of `prompts/list`.
pub(crate) static PROMPT: Shape =
    Shape::Object(&[NOTED, NAMED, ICONS, DESCRIBED, &[may("arguments", &Shape::List(&ARGUMENT))]]);
/// The answer to `prompts/list`.
pub(crate) static LIST: Shape =
    Shape::Object(&[RESULT, CACHED, PAGE, &[must("prompts", &Shape::List(&PROMPT))]]);

static NAMED_TEXTS: Shape = Shape::Map(&Shape::Text);
/// `prompts/get`.
pub(crate) static GET: Shape = Shape::Object(&[
    REQUEST,
    ANSWERS,
    &[must("name", &Shape::Text), may("arguments", &NAMED_TEXTS)],
]);

static MESSAGE: Shape = Shape::Object(&[&[must("role", &ROLE), must("content", &BLOCK)]]);
static GOT: Shape =
    Shape::Object(&[RESULT, DESCRIBED, &[must("messages", &Shape::List(&MESSAGE))]]);
/// Its answer.
pub(crate) static ANSWER: Shape = Shape::Tagged(
    "resultType",
    &[
        when("", &GOT),
        when("complete", &GOT),
        when("input_required", &INPUT_REQUIRED).since(V2026_07_28),
    ],
);

static REFERENCE: Shape = Shape::Tagged(
    "type",
    &[
        when("ref/prompt", &Shape::Object(&[NAMED])),
        when("ref/resource", &Shape::Object(&[&[must("uri", &Shape::Text)]])),
    ],
);
static TYPED: Shape = Shape::Object(&[&[must("name", &Shape::Text), must("value", &Shape::Text)]]);
static CONTEXT: Shape = Shape::Object(&[&[may("arguments", &NAMED_TEXTS)]]);
/// `completion/complete`.
pub(crate) static COMPLETE: Shape = Shape::Object(&[
    REQUEST,
    &[
        must("ref", &REFERENCE),
        must("argument", &TYPED),
        may("context", &CONTEXT).since(V2025_06_18),
    ],
]);

static VALUES: Shape = Shape::Object(&[&[
    must("values", &TEXTS),
    may("total", &Shape::Integer),
    may("hasMore", &Shape::Flag),
]]);
/// Its answer.
pub(crate) static COMPLETED: Shape = Shape::Object(&[RESULT, &[must("completion", &VALUES)]]);
