//! Which arguments of a call policies read, of which kind, and the arguments as
//! Cedar sees them.
//!
//! A tool's arguments have any shape; Cedar wants types. So the kind of each
//! argument is told from how a policy uses it (`like` reads a text, `<` a
//! number), only what is read is handed over, and an argument that is there in
//! another kind than a policy reads is a denial: that policy could not speak.
//! Values are built, never parsed: in Cedar's JSON a key `__entity` would turn
//! into an entity (`Context::from_json_value`), here it is a key like any other.

use std::collections::BTreeMap;
use std::fmt;

use cedar_policy::RestrictedExpression;
use serde_json::Value;

/// What a policy reads an argument as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Only whether it is there.
    Present,
    /// A text.
    Text,
    /// A whole number of 64 bits.
    Number,
    /// True or false.
    Flag,
    /// A list of texts.
    Texts,
    /// A list of whole numbers.
    Numbers,
    /// An object, read member by member.
    Object,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Present => "anything",
            Self::Text => "a text",
            Self::Number => "a whole number",
            Self::Flag => "true or false",
            Self::Texts => "a list of texts",
            Self::Numbers => "a list of whole numbers",
            Self::Object => "an object",
        })
    }
}

/// The arguments that a policy reads: from name to what it is read as.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mentions(pub(crate) BTreeMap<String, Mention>);

/// One argument.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mention {
    /// Nothing while no use has told.
    pub(crate) kind: Option<Kind>,
    /// Some use needs its value and does not tell what it is.
    pub(crate) vague: bool,
    pub(crate) inner: Mentions,
}

/// An argument that is there, and not as a policy reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    pub(crate) path: String,
    pub(crate) reads: Kind,
}

impl Mentions {
    /// What the arguments of a call lack to be read as this.
    pub(crate) fn mismatch(&self, arguments: &Value) -> Option<Mismatch> {
        self.0.iter().find_map(|(name, mention)| {
            let value = arguments.get(name).filter(|value| !value.is_null())?;
            let kind = mention.kind.unwrap_or(Kind::Present);
            if !fits(kind, value) {
                return Some(Mismatch { path: name.clone(), reads: kind });
            }
            let inner = mention.inner.mismatch(value)?;
            Some(Mismatch { path: format!("{name}.{}", inner.path), ..inner })
        })
    }

    /// Everything that either reads; the kinds may differ, the names are what counts.
    pub(crate) fn join(&mut self, other: &Self) {
        for (name, mention) in &other.0 {
            match self.0.get_mut(name) {
                Some(mine) => mine.inner.join(&mention.inner),
                None => {
                    self.0.insert(name.clone(), mention.clone());
                }
            }
        }
    }

    /// What is read of the arguments, as Cedar's values; a null is nothing.
    pub(crate) fn project(&self, arguments: &Value) -> Vec<(String, RestrictedExpression)> {
        let found = self.0.iter().filter_map(|(name, mention)| {
            let value = arguments.get(name).filter(|value| !value.is_null())?;
            Some((name.clone(), expression(value, &mention.inner)?))
        });
        found.collect()
    }

    /// What is read of the arguments, as text that differs when they do.
    pub(crate) fn key(&self, arguments: &Value, into: &mut String) {
        for (name, mention) in &self.0 {
            let Some(value) = arguments.get(name) else { continue };
            into.push_str(&Value::from(name.as_str()).to_string());
            into.push(':');
            match value {
                Value::Object(_) => {
                    into.push('{');
                    mention.inner.key(value, into);
                    into.push('}');
                }
                other => into.push_str(&other.to_string()),
            }
            into.push(',');
        }
    }
}

fn fits(kind: Kind, value: &Value) -> bool {
    let all = |fits: fn(&Value) -> bool| value.as_array().is_some_and(|list| list.iter().all(fits));
    match kind {
        Kind::Present => true,
        Kind::Text => value.is_string(),
        Kind::Number => value.is_i64(),
        Kind::Flag => value.is_boolean(),
        Kind::Texts => all(Value::is_string),
        Kind::Numbers => all(Value::is_i64),
        Kind::Object => value.is_object(),
    }
}

/// A value as it is. What Cedar has no word for (a fraction, a number beyond 64
/// bits, a mixed list) is there and means nothing more: whoever reads it by kind
/// was refused by [`Mentions::mismatch`] before.
fn expression(value: &Value, inner: &Mentions) -> Option<RestrictedExpression> {
    let number = |value: &Value| value.as_i64().map(RestrictedExpression::new_long);
    Some(match value {
        Value::Null => return None,
        Value::Bool(flag) => RestrictedExpression::new_bool(*flag),
        Value::String(text) => RestrictedExpression::new_string(text.clone()),
        Value::Number(_) => number(value).unwrap_or_else(|| RestrictedExpression::new_bool(true)),
        Value::Array(list) if fits(Kind::Texts, value) => {
            let texts = list.iter().filter_map(Value::as_str);
            let texts = texts.map(|text| RestrictedExpression::new_string(text.to_owned()));
            RestrictedExpression::new_set(texts)
        }
        Value::Array(list) if fits(Kind::Numbers, value) => {
            RestrictedExpression::new_set(list.iter().filter_map(number))
        }
        Value::Array(_) => RestrictedExpression::new_bool(true),
        Value::Object(_) => RestrictedExpression::new_record(inner.project(value)).ok()?,
    })
}
