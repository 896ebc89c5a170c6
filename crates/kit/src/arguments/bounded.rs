//! A text that is no longer than it may be.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};

/// A text of at most `N` characters, without NUL.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bounded<const N: usize>(String);

impl<const N: usize> Bounded<N> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, for keeps.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const N: usize> Deref for Bounded<N> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> fmt::Debug for Bounded<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Bounded<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // Characters, as `maxLength` counts (JSON Schema 2020-12, 6.3.1).
        if text.len() > N && text.chars().nth(N).is_some() {
            return Err(D::Error::custom(format!("a text of more than {N} characters")));
        }
        if text.contains('\0') {
            return Err(D::Error::custom("a text with a zero character"));
        }
        Ok(Self(text))
    }
}

impl<const N: usize> JsonSchema for Bounded<N> {
    fn schema_name() -> Cow<'static, str> {
        format!("Bounded{N}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": N })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_as_long_as_it_may_be_in_characters() {
        let read = |text: &str| serde_json::from_value::<Bounded<3>>(text.into()).is_ok();
        for (text, fits) in [
            ("", true),
            ("abc", true),
            ("äöü", true),
            ("abcd", false),
            ("äöüß", false),
            ("a\0", false),
        ] {
            assert_eq!(read(text), fits, "{text:?}");
        }
    }
}
