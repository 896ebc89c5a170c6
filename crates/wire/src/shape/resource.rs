//! Resources: listed, read, watched.

use super::ask::{ANSWERS, INPUT_REQUIRED};
use super::base::{ANNOTATED, CACHED, DESCRIBED, ICONS, NAMED, NOTED, PAGE, REQUEST, RESULT};
use super::content::{CONTENTS, LINKED};
use super::{Member, Shape, may, must, when};
use crate::revision::Revision::V2026_07_28;

/// One entry of `resources/list`.
pub(crate) static RESOURCE: Shape =
    Shape::Object(&[NOTED, NAMED, ICONS, DESCRIBED, ANNOTATED, LINKED]);

/// One entry of `resources/templates/list`.
pub(crate) static TEMPLATE: Shape = Shape::Object(&[
    NOTED,
    NAMED,
    ICONS,
    DESCRIBED,
    ANNOTATED,
    &[must("uriTemplate", &Shape::Text), may("mimeType", &Shape::Text)],
]);

/// The answer to `resources/list`.
pub(crate) static LIST: Shape =
    Shape::Object(&[RESULT, CACHED, PAGE, &[must("resources", &Shape::List(&RESOURCE))]]);
/// The answer to `resources/templates/list`.
pub(crate) static TEMPLATES: Shape =
    Shape::Object(&[RESULT, CACHED, PAGE, &[must("resourceTemplates", &Shape::List(&TEMPLATE))]]);

static ADDRESSED: &[Member] = &[must("uri", &Shape::Text)];
/// `resources/subscribe` and `resources/unsubscribe`.
pub(crate) static ADDRESS: Shape = Shape::Object(&[REQUEST, ADDRESSED]);
/// `resources/read`.
pub(crate) static READ: Shape = Shape::Object(&[REQUEST, ANSWERS, ADDRESSED]);

static CONTENT: Shape =
    Shape::Object(&[RESULT, CACHED, &[must("contents", &Shape::List(&CONTENTS))]]);
/// Its answer.
pub(crate) static ANSWER: Shape = Shape::Tagged(
    "resultType",
    &[
        when("", &CONTENT),
        when("complete", &CONTENT),
        when("input_required", &INPUT_REQUIRED).since(V2026_07_28),
    ],
);
