//! Commands: whether these words may be passed to that program.
//!
//! A program's own parser decides what a word means, and every program has words that
//! do more than its name says: `wc --files0-from`, `sort -o`, `tar --checkpoint-action`,
//! `find -exec`, `git -c core.pager`. So nothing is filtered out here. A [`Grammar`]
//! lists what there is, and [`Grammar::judge`] writes the words anew from what it
//! understood: options in their listed spelling, values that fit their [`Kind`], paths
//! that lie in a root in their absolute form, and `--` before what is no option.
//! There is no shell anywhere, so no character needs an escape.
//!
//! Reading order: [`Grammar`] (what may be said), [`Kind`] (what a value is), this file
//! (the judgement), [`READY`] (grammars for programs that everybody has).
//!
//! What a path leads to is the kernel's to say: [`Argv::paths`] names the words that
//! must be opened beneath their root, and the program runs where nothing else exists.

mod grammar;
mod kind;
mod ready;
mod refused;

pub use grammar::{BadGrammar, Dashes, Form, Grammar, Group};
pub use kind::Kind;
pub use ready::{READY, Ready, ready};
pub use refused::{Refused, Why};

use crate::path::{Contained, Roots};
use grammar::Takes;

/// As many words as one call may have.
pub const MOST_WORDS: usize = 256;
/// Bytes of one word: a path's most (Linux `PATH_MAX`).
pub const LONGEST_WORD: usize = 4096;
/// Bytes of all words together.
pub const MOST_BYTES: usize = 16 << 10;

/// Bytes of all words together as they are passed, with their paths in full.
pub const MOST_WRITTEN: usize = 24 << 10;

/// Where paths are judged.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// What may be named.
    pub roots: &'a Roots,
    /// What a relative path is relative to, absolute.
    pub directory: Option<&'a str>,
}

/// The words that a program gets after its name. Made by [`Grammar::judge`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argv {
    words: Vec<Word>,
}

/// One word, and the path that it is or ends with.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    text: String,
    path: Option<Named>,
}

/// A path among the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    contained: Contained,
    written: bool,
}

impl Named {
    /// The path, in its root.
    #[must_use]
    pub fn contained(&self) -> &Contained {
        &self.contained
    }

    /// Whether the program may write there.
    #[must_use]
    pub fn written(&self) -> bool {
        self.written
    }
}

impl Argv {
    /// The words, as they are passed.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|word| word.text.as_str())
    }

    /// The paths among them, in their order.
    pub fn paths(&self) -> impl Iterator<Item = &Named> {
        self.words.iter().filter_map(|word| word.path.as_ref())
    }
}

impl Word {
    fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), path: None }
    }
}

/// What was read so far: options in their order, and the words before and after `--`.
#[derive(Default)]
struct Read<'a> {
    options: Vec<Word>,
    before: Vec<(usize, &'a str)>,
    after: Vec<(usize, &'a str)>,
    /// `--` was said.
    ended: bool,
}

impl Grammar {
    /// Judges the words of one call, without the program's name.
    ///
    /// # Errors
    /// The first word that does not fit, by its place, and why.
    pub fn judge<S: AsRef<str>>(&self, asked: &[S], place: Place<'_>) -> Result<Argv, Refused> {
        bounds(asked)?;
        let mut words = asked.iter().map(AsRef::as_ref).enumerate();
        let mut read = Read::default();
        while let Some((at, word)) = words.next() {
            if read.ended {
                self.behind_dashes(at, word, &mut read)?;
            } else if word == "--" {
                self.end(at, &mut read)?;
            } else if word.starts_with('-') {
                let option = self.option(Spot { at, place }, word, &mut words)?;
                read.options.extend(option);
            } else {
                read.before.push((at, word));
            }
        }
        self.write(read, place)
    }

    fn end(&self, at: usize, read: &mut Read<'_>) -> Result<(), Refused> {
        if self.dashes == Dashes::Unknown {
            return Err(Why::NoDashes.at(at));
        }
        read.ended = true;
        Ok(())
    }

    fn behind_dashes<'a>(
        &self,
        at: usize,
        word: &'a str,
        read: &mut Read<'a>,
    ) -> Result<(), Refused> {
        if word.starts_with('-') && !self.dashed {
            return Err(Why::Dash.at(at));
        }
        let group = match self.dashes {
            Dashes::Divides => &mut read.after,
            Dashes::Ends | Dashes::Unknown => &mut read.before,
        };
        group.push((at, word));
        Ok(())
    }

    /// One word that starts with a dash, and the value that may follow it.
    fn option<'a>(
        &self,
        spot: Spot<'_>,
        word: &str,
        rest: &mut impl Iterator<Item = (usize, &'a str)>,
    ) -> Result<Vec<Word>, Refused> {
        if let Some(takes) = self.choices.get(word) {
            let Takes::Value(kind) = takes else { return Ok(vec![Word::plain(word)]) };
            let (at, value) = rest.next().ok_or_else(|| Why::NoValue.at(spot.at))?;
            return self.loose(Spot { at, ..spot }, word, kind, value);
        }
        if let Some((name, value)) = word.split_once('=').filter(|_| word.starts_with("--")) {
            let takes = self.choices.get(name).ok_or_else(|| self.unknown(name).at(spot.at))?;
            let Takes::Value(kind) = takes else { return Err(Why::NoSuchValue.at(spot.at)) };
            return self.tight(spot, name, kind, value);
        }
        self.cluster(spot, word)
    }

    /// `-abc`: each an option without a value, or the first one with its value glued on.
    fn cluster(&self, spot: Spot<'_>, word: &str) -> Result<Vec<Word>, Refused> {
        let unknown = || self.unknown(word).at(spot.at);
        let letters = word.strip_prefix('-').filter(|_| self.clusters && word != "-");
        let letters = letters.filter(|rest| !rest.starts_with('-')).ok_or_else(unknown)?;
        let mut out = Vec::new();
        for (from, letter) in letters.char_indices() {
            let name = format!("-{letter}");
            match self.choices.get(&name).ok_or_else(unknown)? {
                Takes::Nothing => out.push(Word::plain(&name)),
                Takes::Value(kind) if from == 0 => {
                    let value = letters.get(letter.len_utf8()..).unwrap_or_default();
                    return self.loose(spot, &name, kind, value);
                }
                Takes::Value(_) => return Err(unknown()),
            }
        }
        Ok(out)
    }

    /// A value that stood by itself, where its own dash could be an option's.
    fn loose(
        &self,
        spot: Spot<'_>,
        name: &str,
        kind: &Kind,
        value: &str,
    ) -> Result<Vec<Word>, Refused> {
        if value.starts_with('-') && value != "-" {
            return Err(Why::Dash.at(spot.at));
        }
        self.tight(spot, name, kind, value)
    }

    /// A name and its value, as one word behind two dashes and as two behind one.
    fn tight(
        &self,
        spot: Spot<'_>,
        name: &str,
        kind: &Kind,
        value: &str,
    ) -> Result<Vec<Word>, Refused> {
        let fit = self.fit(spot, kind, value)?;
        if name.starts_with("--") {
            return Ok(vec![Word { text: format!("{name}={}", fit.text), path: fit.path }]);
        }
        if fit.text.starts_with('-') {
            return Err(Why::Dash.at(spot.at));
        }
        Ok(vec![Word::plain(name), fit])
    }

    /// A value in the form in which it is passed.
    fn fit(&self, spot: Spot<'_>, kind: &Kind, value: &str) -> Result<Word, Refused> {
        if value.is_empty() {
            return Err(Why::Empty.at(spot.at));
        }
        if value.starts_with('@') && !self.at_words {
            return Err(Why::ResponseFile.at(spot.at));
        }
        let fit = match kind {
            Kind::Path => path(value, false, spot.place),
            Kind::Output => path(value, true, spot.place),
            _ => kind.judge(value).map(|text| Word { text, path: None }),
        };
        fit.map_err(|why| why.at(spot.at))
    }

    fn unknown(&self, word: &str) -> Why {
        let name = word.split_once('=').map_or(word, |(name, _)| name);
        let listed = self.choices.keys().cloned().collect();
        if name == "-" {
            Why::Stdin
        } else {
            Why::Unknown { name: crate::bounded(name, 40), listed }
        }
    }

    /// Options, `--`, and what is none, each as its group says.
    fn write(&self, read: Read<'_>, place: Place<'_>) -> Result<Argv, Refused> {
        let arguments = self.deal(&self.arguments, &read.before, place)?;
        let paths = self.deal(&self.after, &read.after, place)?;
        let mut words = read.options;
        match self.dashes {
            Dashes::Unknown => {
                // Such programs read what is no option first (`find DIR -name …`).
                words = arguments.into_iter().chain(words).collect();
            }
            Dashes::Ends if arguments.is_empty() => {}
            Dashes::Ends => words.extend([Word::plain("--")].into_iter().chain(arguments)),
            Dashes::Divides => {
                words.extend([Word::plain("--end-of-options")].into_iter().chain(arguments));
                words.extend([Word::plain("--")].into_iter().chain(paths));
            }
        }
        let written: usize = words.iter().map(|word| word.text.len()).sum();
        if written > MOST_WRITTEN {
            return Err(Why::WrittenTooLong.at_end());
        }
        Ok(Argv { words })
    }

    /// Deals the words out: each group takes what it can and leaves what later ones need.
    fn deal(
        &self,
        groups: &[Group],
        words: &[(usize, &str)],
        place: Place<'_>,
    ) -> Result<Vec<Word>, Refused> {
        let mut out = Vec::with_capacity(words.len());
        let mut rest = words.iter();
        let mut owed: usize = groups.iter().map(|group| group.min).sum();
        if words.len() < owed {
            return Err(Why::TooFew { min: owed }.at_end());
        }
        for group in groups {
            owed -= group.min;
            let count = rest.len().saturating_sub(owed).min(group.max);
            for (at, word) in rest.by_ref().take(count) {
                out.push(self.fit(Spot { at: *at, place }, &group.kind, word)?);
            }
        }
        match rest.next() {
            Some((at, _)) => Err(Why::TooMany.at(*at)),
            None => Ok(out),
        }
    }
}

/// Which word is judged, and where its paths are.
#[derive(Debug, Clone, Copy)]
struct Spot<'a> {
    at: usize,
    place: Place<'a>,
}

/// What no word of any call may be, whatever the grammar.
fn bounds<S: AsRef<str>>(asked: &[S]) -> Result<(), Refused> {
    if asked.len() > MOST_WORDS {
        return Err(Why::TooMany.at(MOST_WORDS));
    }
    let mut bytes = 0usize;
    for (at, word) in asked.iter().map(AsRef::as_ref).enumerate() {
        bytes = bytes.saturating_add(word.len());
        if word.is_empty() {
            return Err(Why::Empty.at(at));
        }
        if word.len() > LONGEST_WORD || bytes > MOST_BYTES {
            return Err(Why::TooLong.at(at));
        }
        if word.chars().any(char::is_control) {
            return Err(Why::Control.at(at));
        }
    }
    Ok(())
}

fn path(value: &str, written: bool, place: Place<'_>) -> Result<Word, Why> {
    if value == "-" {
        return Err(Why::Stdin);
    }
    let contained = place.roots.judge(value, place.directory).map_err(Why::Escape)?;
    if written && contained.access() != crate::path::Access::Write {
        return Err(Why::ReadOnly);
    }
    let text = contained.path().to_owned();
    Ok(Word { text, path: Some(Named { contained, written }) })
}
