//! What a message must look like, per revision and method, as data.
//!
//! Source: `schema/<revision>/schema.json` of the specification. A [`Shape`] is a
//! small combinator; a [`Member`] and a [`Variant`] say in which revisions they
//! hold, so that one table serves them all. Members that no table knows pass,
//! because revisions add some; one that is a known member in other letters does
//! not, because a reader that ignores case would act on it.
//!
//! Reading order: this file, then `walk.rs`, which holds a text to a shape in one
//! pass, then one file for each family: `base.rs` (what many share), `content.rs`,
//! `lifecycle.rs`, `tool.rs`, `task.rs`, `resource.rs`, `prompt.rs`, `ask.rs` (what a
//! server asks) and `notify.rs`. Which method carries what stands in
//! [`method`](crate::method).

pub(crate) mod ask;
pub(crate) mod base;
pub(crate) mod content;
pub(crate) mod lifecycle;
pub(crate) mod notify;
pub(crate) mod prompt;
pub(crate) mod resource;
pub(crate) mod task;
pub(crate) mod tool;
mod walk;

use std::fmt;

use crate::json::Json;
use crate::revision::Revision::{self, V2024_11_05};
use crate::view::Misfit;

/// What a value must be.
pub enum Shape {
    /// Any value.
    Any,
    /// A string.
    Text,
    /// One of these strings.
    Word(&'static [&'static str]),
    /// A number without a fraction, however it is written.
    Integer,
    /// The same, from zero up.
    Natural,
    /// A number.
    Number,
    /// A number from zero to one.
    Share,
    /// `true` or `false`.
    Flag,
    /// `null`.
    Null,
    /// A request id or a progress token: a string or an integer of 64 bits.
    Id,
    /// An array of such values.
    List(&'static Shape),
    /// An object with such values under any names.
    Map(&'static Shape),
    /// An object with the members of all these groups, and any others.
    Object(&'static [&'static [Member]]),
    /// At least one of these. Tried in order, so put them only near the leaves.
    Either(&'static [&'static Shape]),
    /// An object whose member of that name says which of these it is.
    Tagged(&'static str, &'static [Variant]),
}

/// One member of an object.
#[derive(Debug)]
pub struct Member {
    /// As the specification writes it.
    pub name: &'static str,
    /// It may not be absent.
    pub required: bool,
    /// What it must be.
    pub shape: &'static Shape,
    /// The revisions that have it so.
    pub span: Span,
}

/// One of the objects that a tag chooses from.
#[derive(Debug)]
pub struct Variant {
    /// The tag's value; an absent tag is read as the variant whose tag is empty.
    pub tag: &'static str,
    /// What the object must then be.
    pub shape: &'static Shape,
    /// The revisions that know it.
    pub span: Span,
}

/// From one revision to another, both included.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    first: Revision,
    last: Option<Revision>,
}

impl Span {
    const ALWAYS: Self = Self { first: V2024_11_05, last: None };

    /// Whether a revision lies inside.
    pub fn holds(self, revision: Revision) -> bool {
        self.first <= revision && self.last.is_none_or(|last| revision <= last)
    }
}

impl Member {
    const fn since(self, first: Revision) -> Self {
        Self { span: Span { first, ..self.span }, ..self }
    }

    const fn until(self, last: Revision) -> Self {
        Self { span: Span { last: Some(last), ..self.span }, ..self }
    }
}

impl Variant {
    const fn until(self, last: Revision) -> Self {
        Self { span: Span { last: Some(last), ..self.span }, ..self }
    }

    const fn since(self, first: Revision) -> Self {
        Self { span: Span { first, ..self.span }, ..self }
    }
}

/// A member that may be absent.
const fn may(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, required: false, shape, span: Span::ALWAYS }
}

/// A member that may not.
const fn must(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, required: true, shape, span: Span::ALWAYS }
}

/// A variant of a tagged object.
const fn when(tag: &'static str, shape: &'static Shape) -> Variant {
    Variant { tag, shape, span: Span::ALWAYS }
}

impl fmt::Debug for Shape {
    /// Shapes may hold themselves, so none of what is in one is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shape")
    }
}

impl Shape {
    /// The member that holds the entries of a listing, and what each must be.
    /// One entry that does not fit need not spoil the others.
    pub fn entries(&'static self, revision: Revision) -> Option<(&'static str, &'static Shape)> {
        let Self::Object(groups) = self else { return None };
        let mut members = groups.iter().flat_map(|group| group.iter());
        members.find_map(|member| match member.shape {
            Self::List(each) if matches!(each, Self::Object(_)) && member.required => {
                member.span.holds(revision).then_some((member.name, *each))
            }
            _ => None,
        })
    }

    /// Holds a value to the shape as the revision has it. `name` is what the
    /// value is called in the [`Misfit`].
    ///
    /// # Errors
    /// [`Misfit`] naming the innermost member that does not fit.
    pub fn holds(
        &'static self,
        value: &Json,
        name: &'static str,
        revision: Revision,
    ) -> Result<(), Misfit> {
        walk::walk(value.text(), self, name, revision)
    }

    /// The same for `params`: absent ones are an object without members.
    ///
    /// # Errors
    /// [`Misfit`] naming the innermost member that does not fit.
    pub fn holds_params(
        &'static self,
        params: Option<&Json>,
        revision: Revision,
    ) -> Result<(), Misfit> {
        walk::walk(params.map_or("{}", Json::text), self, "params", revision)
    }
}
