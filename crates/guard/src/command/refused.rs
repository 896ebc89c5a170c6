//! Why a command's words were refused, in words that a model can act on.

use crate::path::Escape;

/// One word that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Which word, from 0; none where it is about all of them.
    pub at: Option<usize>,
    /// What is wrong with it.
    pub why: Why,
}

/// What is wrong. The texts repeat no value, only the names of options.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// An option that is not listed, or an abbreviation of one.
    #[error("option `{name}` is not among those allowed: {}", list(.listed))]
    Unknown {
        /// As it was asked for, at most 40 characters.
        name: String,
        /// What is allowed.
        listed: Vec<String>,
    },
    /// An option that takes a value stands last.
    #[error("this option needs a value")]
    NoValue,
    /// An option that takes none was given one.
    #[error("this option takes no value")]
    NoSuchValue,
    /// A value or argument that starts with a dash.
    #[error("starts with `-`, where an option could be read")]
    Dash,
    /// `--`, to a program that would take it for an argument.
    #[error("`--` means nothing to this program")]
    NoDashes,
    /// `-`, which is the standard input to most programs, and there is none.
    #[error("`-` is the standard input, and there is none: name a file")]
    Stdin,
    /// `@file`.
    #[error("starts with `@`, which some programs read as the name of a file with more words")]
    ResponseFile,
    /// Nothing at all.
    #[error("is empty")]
    Empty,
    /// A character that nobody sees.
    #[error("contains a control character")]
    Control,
    /// More bytes than a word, or all of them, may have.
    #[error("is too long")]
    TooLong,
    /// More bytes than the words may have when their paths are written in full.
    #[error("too long together, as paths are passed in full: name fewer at once")]
    WrittenTooLong,
    /// More words than there may be.
    #[error("one argument too many")]
    TooMany,
    /// Fewer than there must be: without a file, most programs read the standard input.
    #[error("at least {min} of the arguments that are no options must be given")]
    TooFew {
        /// As many are needed.
        min: usize,
    },
    /// A path that is not in a root.
    #[error("not a path that this program may be given: {0}")]
    Escape(Escape),
    /// A path to write, in a root that is only read.
    #[error("lies in a directory that is only read")]
    ReadOnly,
    /// No whole number, or none in the range.
    #[error("must be a whole number from {min} to {max}")]
    Number {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// None of the words that there are.
    #[error("must be one of: {}", list(.0))]
    OneOf(Vec<String>),
    /// Text that has another form.
    #[error("does not have the form that this program may be given")]
    Form,
}

impl Why {
    pub(super) fn at(self, at: usize) -> Refused {
        Refused { at: Some(at), why: self }
    }

    pub(super) fn at_end(self) -> Refused {
        Refused { at: None, why: self }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.at {
            Some(at) => write!(f, "argument {}: {}", at + 1, self.why),
            None => write!(f, "{}", self.why),
        }
    }
}

impl std::error::Error for Refused {}

fn list(words: &[String]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}
