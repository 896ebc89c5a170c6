//! What a value of a command is, as an operator writes it and as it is judged.

use regex::{Regex, RegexBuilder};

use super::LONGEST_WORD;
use super::grammar::BadGrammar;
use super::refused::Why;

/// A pattern may not grow into more than this, in bytes of its program.
const LARGEST_PATTERN: usize = 64 << 10;

/// What a value is.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A path in a root, passed in its absolute form: `path`.
    Path,
    /// A path in a writable root: `output`.
    Output,
    /// A whole number: `number 1..100`, both ends included.
    Number {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// One of these words: `one of a, b, c`.
    OneOf(Vec<String>),
    /// So many characters at most, and all of them match: `text 80`, `text 80 [a-z ]+`.
    Text {
        /// Characters.
        most: usize,
        /// What the whole text must match. Matching takes linear time.
        pattern: Option<Regex>,
    },
}

/// Patterns are equal when they are written alike.
impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Path, Self::Path) | (Self::Output, Self::Output) => true,
            (Self::Number { min, max }, Self::Number { min: a, max: b }) => (min, max) == (a, b),
            (Self::OneOf(words), Self::OneOf(others)) => words == others,
            (Self::Text { most, pattern }, Self::Text { most: m, pattern: p }) => {
                most == m && pattern.as_ref().map(Regex::as_str) == p.as_ref().map(Regex::as_str)
            }
            _ => false,
        }
    }
}

impl Eq for Kind {}

impl Kind {
    /// Reads a kind as an operator writes it.
    ///
    /// # Errors
    /// [`BadGrammar`] with what is wrong and what there is.
    pub fn read(text: &str) -> Result<Self, BadGrammar> {
        let (word, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        match word {
            "path" if rest.is_empty() => Ok(Self::Path),
            "output" if rest.is_empty() => Ok(Self::Output),
            "number" => number(rest),
            "one" => words(rest),
            "text" => pattern(rest),
            _ => Err(BadGrammar::Kind(crate::bounded(text, 80))),
        }
    }

    /// The value as it is passed. Paths are judged where the roots are known.
    pub(super) fn judge(&self, value: &str) -> Result<String, Why> {
        match self {
            Self::Number { min, max } => {
                let plain = value.strip_prefix('-').unwrap_or(value);
                let digits = !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit());
                let number: Option<i64> = value.parse().ok().filter(|_| digits);
                let number = number.filter(|number| (min..=max).contains(&number));
                number.map(|n| n.to_string()).ok_or(Why::Number { min: *min, max: *max })
            }
            Self::OneOf(words) => {
                let listed = words.iter().any(|word| word == value);
                if listed { Ok(value.to_owned()) } else { Err(Why::OneOf(words.clone())) }
            }
            Self::Text { most, pattern } => {
                if value.chars().nth(*most).is_some() {
                    return Err(Why::TooLong);
                }
                let fits = pattern.as_ref().is_none_or(|pattern| pattern.is_match(value));
                if fits { Ok(value.to_owned()) } else { Err(Why::Form) }
            }
            Self::Path | Self::Output => Err(Why::Form),
        }
    }
}

/// As an operator would write it.
impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path => f.write_str("path"),
            Self::Output => f.write_str("output"),
            Self::Number { min, max } => write!(f, "number {min}..{max}"),
            Self::OneOf(words) => write!(f, "one of {}", words.join(", ")),
            Self::Text { most, .. } => write!(f, "text {most}"),
        }
    }
}

fn number(range: &str) -> Result<Kind, BadGrammar> {
    let bad = || BadGrammar::Range(crate::bounded(range, 80));
    let (min, max) = range.split_once("..").ok_or_else(bad)?;
    let read = |text: &str| text.trim().parse::<i64>().ok();
    match (read(min), read(max)) {
        (Some(min), Some(max)) if min <= max => Ok(Kind::Number { min, max }),
        _ => Err(bad()),
    }
}

fn words(rest: &str) -> Result<Kind, BadGrammar> {
    let bad = || BadGrammar::Words(crate::bounded(rest, 80));
    let list = rest.strip_prefix("of ").ok_or_else(bad)?;
    let words: Vec<String> = list.split(',').map(|word| word.trim().to_owned()).collect();
    let odd = |word: &String| {
        word.is_empty() || word.starts_with('-') || word.chars().any(char::is_control)
    };
    if words.iter().any(odd) { Err(bad()) } else { Ok(Kind::OneOf(words)) }
}

fn pattern(rest: &str) -> Result<Kind, BadGrammar> {
    let (most, pattern) = rest.split_once(' ').unwrap_or((rest, ""));
    let most = most.parse().ok().filter(|most| (1..=LONGEST_WORD).contains(most));
    let most = most.ok_or_else(|| BadGrammar::Length(crate::bounded(rest, 80)))?;
    if pattern.is_empty() {
        return Ok(Kind::Text { most, pattern: None });
    }
    let whole = format!(r"\A(?:{pattern})\z");
    // By itself first: a bracket may not close the one that we open.
    let alone = RegexBuilder::new(pattern).size_limit(LARGEST_PATTERN).build();
    let whole = RegexBuilder::new(&whole).size_limit(LARGEST_PATTERN).build();
    match (alone, whole) {
        (Ok(_), Ok(whole)) => Ok(Kind::Text { most, pattern: Some(whole) }),
        _ => Err(BadGrammar::Pattern(crate::bounded(pattern, 80))),
    }
}
