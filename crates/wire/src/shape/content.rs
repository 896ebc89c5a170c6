//! Blocks of content: what results, prompts and messages for a model are made of.

use super::base::{ANNOTATED, DESCRIBED, ICONS, NAMED, NOTED, OBJECT, ROLE};
use super::{Member, Shape, may, must, when};
use crate::revision::Revision::{V2025_03_26, V2025_06_18, V2025_11_25, V2026_07_28};

static KIND: &[Member] = &[must("type", &Shape::Text)];
static TEXT: Shape = Shape::Object(&[KIND, NOTED, ANNOTATED, &[must("text", &Shape::Text)]]);
/// An image or a sound, in base64.
static MEDIA: Shape = Shape::Object(&[
    KIND,
    NOTED,
    ANNOTATED,
    &[must("data", &Shape::Text), must("mimeType", &Shape::Text)],
]);
static EMBEDDED: Shape = Shape::Object(&[KIND, NOTED, ANNOTATED, &[must("resource", &CONTENTS)]]);
static LINK: Shape = Shape::Object(&[KIND, NOTED, NAMED, ICONS, DESCRIBED, ANNOTATED, LINKED]);

/// Where a resource is, and what.
pub(crate) static LINKED: &[Member] =
    &[must("uri", &Shape::Text), may("mimeType", &Shape::Text), may("size", &Shape::Integer)];

static PLACED: &[Member] = &[must("uri", &Shape::Text), may("mimeType", &Shape::Text)];
/// What stands in a resource: text, or bytes in base64.
pub(crate) static CONTENTS: Shape = Shape::Either(&[
    &Shape::Object(&[NOTED, PLACED, &[must("text", &Shape::Text)]]),
    &Shape::Object(&[NOTED, PLACED, &[must("blob", &Shape::Text)]]),
]);

/// One block of a result or a prompt.
pub(crate) static BLOCK: Shape = Shape::Tagged(
    "type",
    &[
        when("text", &TEXT),
        when("image", &MEDIA),
        when("audio", &MEDIA).since(V2025_03_26),
        when("resource", &EMBEDDED),
        when("resource_link", &LINK).since(V2025_06_18),
    ],
);
/// Blocks.
pub(crate) static BLOCKS: Shape = Shape::List(&BLOCK);

/// `structuredContent`: an object, and since 2026-07-28 any value.
pub(crate) static STRUCTURED: &[Member] = &[
    may("structuredContent", &OBJECT).since(V2025_06_18).until(V2025_11_25),
    may("structuredContent", &Shape::Any).since(V2026_07_28),
];

static TOOL_USE: Shape = Shape::Object(&[
    KIND,
    NOTED,
    &[must("id", &Shape::Text), must("name", &Shape::Text), must("input", &OBJECT)],
]);
static TOOL_RESULT: Shape = Shape::Object(&[
    KIND,
    NOTED,
    STRUCTURED,
    &[must("toolUseId", &Shape::Text), must("content", &BLOCKS), may("isError", &Shape::Flag)],
]);

/// One block of what a model reads or says.
static SPOKEN: Shape = Shape::Tagged(
    "type",
    &[
        when("text", &TEXT),
        when("image", &MEDIA),
        when("audio", &MEDIA).since(V2025_03_26),
        when("tool_use", &TOOL_USE).since(V2025_11_25),
        when("tool_result", &TOOL_RESULT).since(V2025_11_25),
    ],
);
static SPOKEN_OR_MORE: Shape = Shape::Either(&[&SPOKEN, &Shape::List(&SPOKEN)]);

/// What a model read or said: a role, and one block; since 2025-11-25 also several.
pub(crate) static MESSAGE: &[Member] = &[
    must("role", &ROLE),
    must("content", &SPOKEN).until(V2025_06_18),
    must("content", &SPOKEN_OR_MORE).since(V2025_11_25),
];
