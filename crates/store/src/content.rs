//! What a question is about, as it was stored: letter by letter, never read and written anew.
//!
//! A tree of values rounds long numbers and writes `1.10` as `1.1`; a person would say yes to
//! another text than the one that is sent.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// JSON text of somebody's choice.
#[derive(Clone)]
pub struct Content(Box<RawValue>);

impl Content {
    /// Keeps a text.
    ///
    /// # Errors
    /// When it is no JSON.
    pub fn new(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(Self)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Content {}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_as_they_are_written() {
        let text = r#"{"a":340282366920938463463374607431768211457,"b":1.10,"c":1e2}"#;
        let content = Content::new(text.to_owned()).unwrap();
        assert_eq!(content.to_string(), text);
        assert_eq!(serde_json::to_string(&content).unwrap(), text);
        assert!(Content::new("{".to_owned()).is_err());
    }
}
