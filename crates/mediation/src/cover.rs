//! Which calls a standing yes covers, from narrow to wide.
//!
//! A cover says of every argument what it may be. What it does not speak of must be
//! absent, so nothing rides along, and there is no cover that says "whatever this tool
//! is called with". It is judged anew at every call, on the canonical arguments, and
//! knows nothing of who gave it, until when, or for which tool: that is a [`Grant`]'s.
//!
//! Read `cover/offers.rs` for what a person is offered, and `cover/bounded.rs` for what
//! a schema leaves open.
//!
//! [`Grant`]: crate::grant::Grant

mod bounded;
mod offers;

use std::collections::BTreeMap;

use portcullis_guard::path::{Access, Root, Roots, path_arguments};
use portcullis_guard::text::visible;
use portcullis_guard::url::Uri;
use portcullis_wire::{Json, Object, canonical};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::approval::Fingerprint;

pub(crate) use offers::may_stand;
pub use offers::{Offered, offers};

/// More arguments than a person can keep in mind when they say yes to many calls.
const MEMBERS: usize = 64;

/// What each argument may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cover(BTreeMap<String, Holds>);

/// What one argument may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Holds {
    /// This value, in canonical form.
    Same(Fingerprint),
    /// This directory, by its name.
    Place(String),
    /// A path in this directory.
    Below(String),
    /// Paths in this directory, none of them elsewhere.
    AllBelow(String),
    /// An address of this scheme, host and port.
    At(String),
    /// What the schema lets it be, which is bounded; or nothing.
    Bounded,
    /// A number, or nothing.
    Number,
    /// Text, or nothing.
    Text,
}

/// How wide a cover is, narrowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Width {
    /// Exactly these arguments.
    Exact,
    /// Paths in one directory.
    Directory,
    /// Addresses of one host.
    Host,
    /// The arguments that count are equal.
    Values,
}

/// A call as a cover sees it.
#[derive(Clone, Copy, Debug)]
pub struct Called<'a> {
    /// The arguments as canonical JSON.
    pub canonical: &'a [u8],
    /// The tool's input schema.
    pub schema: &'a Value,
    /// The roots in force.
    pub roots: &'a Roots,
    /// Where relative paths start.
    pub cwd: Option<&'a str>,
}

impl Called<'_> {
    /// Its arguments, one by one. Nothing when they are no object.
    fn members(&self) -> Option<Object> {
        let text = std::str::from_utf8(self.canonical).ok()?;
        Json::parse(text, 64).ok()?.object()
    }

    /// What the schema says of one argument.
    fn property(&self, name: &str) -> Option<&Value> {
        self.schema.get("properties")?.get(name)
    }
}

impl Cover {
    /// Whether this call is one of those that were meant.
    #[must_use]
    pub fn covers(&self, call: &Called<'_>) -> bool {
        let Some(members) = call.members() else { return false };
        let spoken_of = members.iter().all(|(name, _)| self.0.contains_key(name));
        let held = self.0.iter().all(|(name, holds)| match members.get(name) {
            Some(value) => holds.admits(name, value, call),
            None => holds.may_be_absent(),
        });
        spoken_of && held && self.no_path_is_free(&members, call)
    }

    /// What looks like a path to us stands where paths are judged, or is the same as it was.
    fn no_path_is_free(&self, members: &Object, call: &Called<'_>) -> bool {
        let arguments = members.to_json().value();
        path_arguments(&arguments, call.schema).iter().all(|(pointer, _)| {
            let held = top(pointer).and_then(|name| self.0.get(&name));
            matches!(
                held,
                Some(Holds::Same(_) | Holds::Place(_) | Holds::Below(_) | Holds::AllBelow(_))
            )
        })
    }

    /// How wide it is.
    #[must_use]
    pub fn width(&self) -> Width {
        let any = |test: fn(&Holds) -> bool| self.0.values().any(test);
        if any(|holds| matches!(holds, Holds::Below(_) | Holds::AllBelow(_))) {
            Width::Directory
        } else if any(|holds| matches!(holds, Holds::At(_))) {
            Width::Host
        } else if any(|holds| !matches!(holds, Holds::Same(_) | Holds::Place(_))) {
            Width::Values
        } else {
            Width::Exact
        }
    }

    /// Which calls it means, for a person: everything that varies is named.
    #[must_use]
    pub fn told(&self) -> String {
        if self.width() == Width::Exact {
            let place = self.0.values().find_map(|holds| match holds {
                Holds::Place(place) => Some(format!("{} as it was shown", visible(place))),
                _ => None,
            });
            return place.unwrap_or_else(|| "exactly these arguments".to_owned());
        }
        let named = |test: fn(&Holds) -> bool| {
            let of = self.0.iter().filter(|(_, holds)| test(holds));
            of.map(|(name, _)| format!("`{}`", visible(name))).collect::<Vec<_>>().join(", ")
        };
        let placed = self.0.iter().filter_map(|(name, holds)| match holds {
            Holds::Below(place) | Holds::AllBelow(place) => {
                Some(format!("`{}` in {}", visible(name), visible(place)))
            }
            Holds::At(origin) => Some(format!("`{}` at {}", visible(name), visible(origin))),
            _ => None,
        });
        let mut parts: Vec<String> = placed.collect();
        let bounded = named(|holds| *holds == Holds::Bounded);
        if !bounded.is_empty() {
            parts.push(format!("any {bounded} that the schema allows"));
        }
        let free = named(|holds| matches!(holds, Holds::Number | Holds::Text));
        if !free.is_empty() {
            parts.push(format!("any {free}"));
        }
        let same = named(|holds| matches!(holds, Holds::Same(_)));
        let rest = if same.is_empty() { "nothing else" } else { "everything else as here" };
        format!("{}; {rest}", parts.join(", "))
    }
}

impl Holds {
    fn may_be_absent(&self) -> bool {
        matches!(self, Self::Bounded | Self::Number | Self::Text)
    }

    fn admits(&self, name: &str, value: &Json, call: &Called<'_>) -> bool {
        match self {
            Self::Same(fingerprint) => same(value) == *fingerprint,
            Self::Place(place) => value.as_text().as_ref() == Some(place),
            Self::Below(place) => {
                value.as_text().is_some_and(|asked| is_below(&asked, place, call))
            }
            Self::AllBelow(place) => match value.value() {
                // To many tools no file means all of them.
                Value::Array(items) if !items.is_empty() => items
                    .iter()
                    .all(|item| item.as_str().is_some_and(|asked| is_below(asked, place, call))),
                _ => false,
            },
            Self::At(origin) => {
                value.as_text().and_then(|asked| origin_of(&asked)).as_ref() == Some(origin)
            }
            Self::Bounded => {
                call.property(name).is_some_and(|schema| bounded::admits(schema, &value.value()))
            }
            Self::Number => call.property(name).is_some() && value.value().is_number(),
            Self::Text => call.property(name).is_some() && value.as_text().is_some(),
        }
    }
}

fn same(value: &Json) -> Fingerprint {
    Fingerprint::of(&canonical(value))
}

/// Whether a path lies in a directory and in a root, whoever reads it. A name of nothing
/// is where the server stands to us, and everything to some tools.
fn is_below(asked: &str, place: &str, call: &Called<'_>) -> bool {
    if asked.trim().is_empty() {
        return false;
    }
    let Ok(directory) = Root::new(place) else { return false };
    let mut only = Roots::new();
    only.add(directory, Access::Read);
    only.judge(asked, call.cwd).is_ok() && call.roots.judge(asked, call.cwd).is_ok()
}

/// Scheme, host and port of a web address that all readers find the same.
fn origin_of(address: &str) -> Option<String> {
    let readings = Uri::readings(address).ok()?;
    let mut origins = readings.iter().map(|uri| (uri.scheme(), uri.authority()));
    let (scheme, authority) = origins.next()?;
    let web = matches!(scheme, "http" | "https");
    // A login before the host is somebody's secret, or somebody's trick.
    let plain = web && !authority.is_empty() && !authority.contains('@');
    let one = origins.all(|other| other == (scheme, authority));
    (plain && one).then(|| format!("{scheme}://{authority}"))
}

/// The argument that a JSON Pointer leads into.
fn top(pointer: &str) -> Option<String> {
    let first = pointer.strip_prefix('/')?.split('/').next()?;
    Some(first.replace("~1", "/").replace("~0", "~"))
}
