//! Which words a program may be given: written by an operator, understood here.

use std::collections::BTreeMap;

use super::kind::Kind;

/// More options than any program of ours has.
const MOST_OPTIONS: usize = 256;

/// What a program may be given. Made by [`Grammar::new`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grammar {
    /// Each spelling of an option by itself.
    pub(super) choices: BTreeMap<String, Takes>,
    pub(super) arguments: Vec<Group>,
    pub(super) after: Vec<Group>,
    pub(super) dashes: Dashes,
    pub(super) dashed: bool,
    pub(super) at_words: bool,
    /// Letters behind one dash are options each: no option has a longer name there.
    pub(super) clusters: bool,
}

/// Whether an option has a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    Value(Kind),
}

/// Words that are no options, so many of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What each is.
    pub kind: Kind,
    /// As many at least. A program that reads the standard input without any needs 1.
    pub min: usize,
    /// As many at most.
    pub max: usize,
}

/// What `--` means to the program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dashes {
    /// Options end there. It is written before what is none.
    #[default]
    Ends,
    /// It divides what is no option in two, and `--end-of-options` stands before the
    /// first part: git's revisions and paths.
    Divides,
    /// Nothing. What is no option is written first, and never starts with a dash.
    Unknown,
}

/// A grammar as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    /// An option each: its spellings, and what its value is: `-l, --lines`,
    /// `-n, --lines = number 1..1000`.
    pub options: Vec<String>,
    /// What is no option, in its order.
    pub arguments: Vec<Group>,
    /// What stands behind a `--` that divides.
    pub after: Vec<Group>,
    /// What `--` means.
    pub dashes: Dashes,
    /// Arguments may start with a dash, behind `--`. Refused otherwise.
    pub dashed: bool,
    /// Words may start with `@`: the program knows no files of further words.
    pub at_words: bool,
}

/// A grammar that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadGrammar {
    /// No option's spelling.
    #[error("`{0}` is no option: write `-l`, `--lines` or `-l, --lines = KIND`")]
    Option(String),
    /// The same spelling again.
    #[error("option `{0}` stands there twice")]
    Twice(String),
    /// More options than anybody needs.
    #[error("more than 256 options")]
    TooMany,
    /// No kind.
    #[error(
        "`{0}` is no kind: write `path`, `output`, `number 1..100`, `one of a, b, c`, `text 80` or \
         `text 80 PATTERN`"
    )]
    Kind(String),
    /// No range of numbers.
    #[error("`{0}` is no range: write `number 1..100`")]
    Range(String),
    /// No list of words.
    #[error("`{0}` is no list of words: write `one of a, b, c`")]
    Words(String),
    /// No length.
    #[error("`{0}` is no length from 1 to 4096: write `text 80`")]
    Length(String),
    /// No regular expression, or too large a one.
    #[error("`{0}` is no pattern, or too large a one")]
    Pattern(String),
    /// More at least than at most, or none at all.
    #[error("from {min} to {max} arguments is no number of them")]
    Group {
        /// At least.
        min: usize,
        /// At most.
        max: usize,
    },
    /// Two parts, for a program that knows one.
    #[error("arguments behind `--` need a `--` that divides")]
    Undivided,
}

impl Grammar {
    /// Understands a grammar.
    ///
    /// # Errors
    /// [`BadGrammar`].
    pub fn new(form: Form) -> Result<Self, BadGrammar> {
        if form.options.len() > MOST_OPTIONS {
            return Err(BadGrammar::TooMany);
        }
        let mut choices = BTreeMap::new();
        for line in &form.options {
            add(line, &mut choices)?;
        }
        let groups = form.arguments.iter().chain(&form.after);
        for Group { min, max, .. } in groups {
            if min > max || *max == 0 || *max > super::MOST_WORDS {
                return Err(BadGrammar::Group { min: *min, max: *max });
            }
        }
        if !form.after.is_empty() && form.dashes != Dashes::Divides {
            return Err(BadGrammar::Undivided);
        }
        let long = |name: &String| !name.starts_with("--") && name.chars().count() > 2;
        let Form { arguments, after, dashes, dashed, at_words, .. } = form;
        let clusters = !choices.keys().any(long);
        Ok(Self { choices, arguments, after, dashes, dashed, at_words, clusters })
    }

    /// The options, each spelling with the kind of its value, if it has one.
    pub fn options(&self) -> impl Iterator<Item = (&str, Option<&Kind>)> {
        self.choices.iter().map(|(name, takes)| match takes {
            Takes::Nothing => (name.as_str(), None),
            Takes::Value(kind) => (name.as_str(), Some(kind)),
        })
    }

    /// What is no option, before and behind a `--` that divides.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.arguments.iter().chain(&self.after)
    }

    /// Whether some word may name a place that the program writes to.
    #[must_use]
    pub fn writes(&self) -> bool {
        let values = self.options().filter_map(|(_, kind)| kind);
        values.chain(self.groups().map(|group| &group.kind)).any(|kind| *kind == Kind::Output)
    }
}

fn add(line: &str, choices: &mut BTreeMap<String, Takes>) -> Result<(), BadGrammar> {
    let (names, kind) = match line.split_once(" = ") {
        Some((names, kind)) => (names, Some(Kind::read(kind)?)),
        None => (line, None),
    };
    for name in names.split(',').map(str::trim) {
        if !spelling(name) {
            return Err(BadGrammar::Option(crate::bounded(line, 80)));
        }
        let takes = kind.clone().map_or(Takes::Nothing, Takes::Value);
        if choices.insert(name.to_owned(), takes).is_some() {
            return Err(BadGrammar::Twice(name.to_owned()));
        }
    }
    Ok(())
}

/// `-l`, `-name` or `--lines`: letters, digits and dashes behind one or two dashes.
fn spelling(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("--").or_else(|| name.strip_prefix('-')) else {
        return false;
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    rest.len() <= 64
        && rest.starts_with(|c: char| c.is_ascii_alphanumeric())
        && rest.chars().all(plain)
}
