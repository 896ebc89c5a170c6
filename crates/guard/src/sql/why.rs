//! Why a text is not run: the reasons, in words that a model can act on.
//!
//! A reason repeats names and at most a word of the text, never a literal of it.

/// A text that is not run, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unfit {
    why: Why,
    at: Option<usize>,
}

impl Unfit {
    /// The reason.
    pub fn why(&self) -> &Why {
        &self.why
    }

    /// Where in the text, in bytes, when that is known.
    pub fn at(&self) -> Option<usize> {
        self.at
    }
}

impl From<Why> for Unfit {
    fn from(why: Why) -> Self {
        Self { why, at: None }
    }
}

impl Why {
    pub(super) fn at(self, at: usize) -> Unfit {
        Unfit { why: self, at: Some(at) }
    }
}

/// The reasons.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// There is nothing to run.
    #[error("the text is empty")]
    Empty,
    /// Over [`super::Dialect::LONGEST`].
    #[error("the text is longer than {} bytes", super::Dialect::LONGEST)]
    TooLong,
    /// Brackets in brackets.
    #[error("brackets are nested more than {} deep", super::lex::DEEPEST)]
    TooDeep,
    /// Too many words and operators.
    #[error("more than {} words and operators", super::lex::HEAVIEST)]
    TooMany,
    /// Too many tables.
    #[error("more than {} joins", super::lex::JOINS)]
    Joins,
    /// Something follows the end of the first statement.
    #[error("more than one statement: run one at a time")]
    Several,
    /// A string, a quoted name or a comment does not end.
    #[error("{0} does not end")]
    Open(&'static str),
    /// A character that databases read differently, or that speaks to a driver.
    #[error("`{}` may not stand outside of quotes here", .0.escape_default())]
    Character(char),
    /// U+0000 and other control characters, anywhere.
    #[error("the text has a control character")]
    Control,
    /// `/*! … */`: MySQL runs what stands in it.
    #[error("a comment that is run: write the statement without `/*!`")]
    RunComment,
    /// Read as one comment or as two, depending on who reads.
    #[error("a comment in a comment")]
    CommentInComment,
    /// `--` without a space, which MySQL does not read as a comment.
    #[error("write a space behind `--`, or between two minus signs")]
    Dashes,
    /// A quote behind a backslash ends a string for some and not for others.
    #[error("a quote behind a backslash can be read twice: double the quote instead")]
    Backslash,
    /// `E'…'`, `U&'…'`, `_utf8'…'`, `$tag$…$tag$`.
    #[error("write the text as '…', without {0}")]
    Literal(&'static str),
    /// `:name` without a declaration.
    #[error("`:{0}` is no declared parameter")]
    Undeclared(String),
    /// A declaration without `:name`.
    #[error("`:{0}` is declared and not used")]
    Unused(String),
    /// A parameter in a place where only names and keywords stand.
    #[error("a parameter stands where no value can be")]
    NoValue,
    /// The parser does not follow.
    #[error("not understood as {dialect}: {what}")]
    Syntax {
        /// As whom it was read.
        dialect: &'static str,
        /// What the parser says, shortened.
        what: String,
    },
    /// Our reading and the parser's differ.
    #[error("the text can be read in two ways")]
    TwoReadings,
    /// A statement that no query may be.
    #[error(
        "only a query can be run: SELECT, or what a declared query changes by INSERT, UPDATE, DELETE or MERGE"
    )]
    Statement,
    /// It writes, and may only read.
    #[error("this changes or locks something, and only reading is allowed")]
    Writes,
    /// `select … into`.
    #[error("INTO makes a table or a file: select without it")]
    Into,
    /// A function that reads files, loads code, waits, or speaks to others.
    #[error("`{0}` reaches beyond the data and is not run")]
    Reaches(String),
    /// A function that is not known to only compute.
    #[error("`{0}` is not among the functions that can be called here")]
    Function(String),
    /// A relation of the system.
    #[error("`{0}` belongs to the system and is not read here")]
    System(String),
    /// A relation elsewhere.
    #[error("`{0}` lies in another database")]
    Elsewhere(String),
    /// Anything else that the walk does not know.
    #[error("{0} is not supported here")]
    Construct(&'static str),
}
