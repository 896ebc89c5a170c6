//! Where something was written.

use std::fmt;

use serde::{Serialize, Serializer};

/// A line of a file of the operator's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, as its reader named it.
    pub file: String,
    /// The line, from one.
    pub line: usize,
}

impl Place {
    /// The place of a byte of a text.
    #[must_use]
    pub fn of_byte(file: &str, text: &str, byte: usize) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        Self { file: file.to_owned(), line: before.matches('\n').count() + 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_count_from_one() {
        for (byte, expect) in
            [(0, "a.cedar:1"), (2, "a.cedar:2"), (3, "a.cedar:3"), (9, "a.cedar:3")]
        {
            assert_eq!(Place::of_byte("a.cedar", "x\n\ny", byte).to_string(), expect);
        }
    }
}
