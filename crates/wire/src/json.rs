//! Values as the text they were written in.
//!
//! A value is judged, hashed and forwarded as text, never as a tree that was
//! read and written again: a tree loses what it has no place for (the digits of
//! `1.10`, integers past 2^53, the order of members).

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::scan::{self, Shape};

/// Deeper text than serde_json reads (128) must never become a [`Json`].
pub(crate) const DEEPEST: usize = 120;

/// The text of one JSON value that passed the strict pass, or that we wrote.
///
/// It holds no newline outside of strings and none inside (there it would be an
/// escape), so it can stand on a line. Cloning it is cheap. Equality is equality
/// of text; for equality of meaning compare [`canonical`](crate::canonical()).
#[derive(Clone, PartialEq, Eq)]
pub struct Json(Arc<str>);

impl Json {
    /// Keeps text that is already known to be strict JSON.
    pub(crate) fn from_strict(text: &str) -> Self {
        // Strings hold no raw newline, so these stand between tokens.
        if memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_some() {
            Self(text.replace(['\n', '\r'], " ").into())
        } else {
            Self(text.into())
        }
    }

    /// Reads text that must be one strict JSON value, under the same rules as a
    /// message.
    ///
    /// # Errors
    /// The kind of the first fault; [`MalformedKind::NotJson`](crate::MalformedKind)
    /// when it is not JSON at all.
    pub fn parse(text: &str, depth: usize) -> Result<Self, crate::MalformedKind> {
        let scan = scan::scan(text, depth.min(DEEPEST))?;
        match scan.fault {
            Some(fault) => Err(fault.into()),
            None => Ok(Self::from_strict(text)),
        }
    }

    /// Writes a value of ours.
    pub fn from_value(value: &Value) -> Self {
        Self(value.to_string().into())
    }

    /// A JSON string.
    pub fn string(text: &str) -> Self {
        Self::from_value(&Value::from(text))
    }

    /// The text, byte for byte as it will be forwarded.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Length of the text in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never true of a value; here because `len` is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value as a tree. Integers beyond 64 bits become the nearest double.
    pub fn value(&self) -> Value {
        // Only a value of ours nested past 128 levels fails here.
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// Reads the value into a type of ours.
    ///
    /// # Errors
    /// When the value does not fit `T`.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.0)
    }

    /// The value as text, if it is a JSON string.
    pub fn as_text(&self) -> Option<String> {
        let inside = self.0.trim().strip_prefix('"')?.strip_suffix('"')?;
        Some(scan::unescape(inside))
    }

    /// Whether the value is an object.
    pub fn is_object(&self) -> bool {
        self.0.trim_start().starts_with('{')
    }

    /// Whether the value is `null`.
    pub fn is_null(&self) -> bool {
        self.0.trim() == "null"
    }

    /// The members, if the value is an object.
    pub fn object(&self) -> Option<Object> {
        match scan::scan(&self.0, DEEPEST).ok()?.shape {
            Shape::Object(members) => Some(Object {
                members: members
                    .into_iter()
                    .map(|member| Member {
                        written: member.written.to_owned(),
                        name: member.name.into_owned(),
                        value: Self::from_strict(member.value),
                    })
                    .collect(),
            }),
            _ => None,
        }
    }
}

impl fmt::Debug for Json {
    /// Only the length: values carry what people and servers say to each other.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.0.len())
    }
}

/// One level of an object: its members in order, each value as text.
///
/// The tool for an edit that keeps every other byte: what is not touched is
/// written back as it was, only white space between members is lost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object {
    members: Vec<Member>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    written: String,
    name: String,
    value: Json,
}

impl Object {
    /// An object without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a member.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.members.iter().find(|member| member.name == name).map(|member| &member.value)
    }

    /// Replaces a member in its place, or appends it.
    pub fn set(&mut self, name: &str, value: Json) {
        match self.members.iter_mut().find(|member| member.name == name) {
            Some(member) => member.value = value,
            None => self.members.push(Member {
                written: Value::from(name).to_string(),
                name: name.to_owned(),
                value,
            }),
        }
    }

    /// Takes a member out.
    pub fn remove(&mut self, name: &str) -> Option<Json> {
        let at = self.members.iter().position(|member| member.name == name)?;
        Some(self.members.remove(at).value)
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.members.iter().map(|member| (member.name.as_str(), &member.value))
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Writes the object.
    pub fn to_json(&self) -> Json {
        let mut text = String::from("{");
        for (at, member) in self.members.iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            text.push_str(&member.written);
            text.push(':');
            text.push_str(member.value.text());
        }
        text.push('}');
        Json(text.into())
    }
}

/// The elements, if the value is an array.
pub fn elements(json: &Json) -> Option<Vec<Json>> {
    match scan::scan(json.text(), DEEPEST).ok()?.shape {
        Shape::Array(items) => Some(items.into_iter().map(Json::from_strict).collect()),
        _ => None,
    }
}

/// An array of values.
pub fn array(items: &[Json]) -> Json {
    let items: Vec<&str> = items.iter().map(Json::text).collect();
    Json(format!("[{}]", items.join(",")).into())
}
