//! What an operator may write about resources: URIs with `*` and `**`.

use std::fmt;

use super::{BadUri, Kind, Uri, split};

/// A URI in which `*` stands for any run of characters between two slashes and
/// `**` for any number of components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UriPattern {
    text: String,
    shape: Shape,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    /// `*` or `**` alone.
    Any,
    Of(Uri),
}

/// Which resources of a server the host may have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UriLists {
    /// When present, nothing else passes.
    pub allow: Option<Vec<UriPattern>>,
    /// Allow lists of others, who only tighten: a URI is on each of them too.
    pub ceilings: Vec<Vec<UriPattern>>,
    /// These do not exist for the host.
    pub deny: Vec<UriPattern>,
}

/// What the lists know of one reading of a URI; what follows from it is policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meant {
    /// The reading.
    pub uri: String,
    /// Entries of allow lists that mean it, as written.
    pub allowed_by: Vec<String>,
    /// Entries of deny lists that mean it, as written.
    pub denied_by: Vec<String>,
}

/// Why a URI does not pass the lists.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Withheld {
    /// An entry of the deny list means it.
    #[error("on the deny list (`{0}`)")]
    Denied(String),
    /// No entry of the allow list means it, in at least one reading.
    #[error("not on the allow list")]
    NotAllowed,
    /// It cannot be judged.
    #[error("{0}")]
    Bad(#[from] BadUri),
}

impl UriPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`BadUri`] when no URI could be meant.
    pub fn new(text: &str) -> Result<Self, BadUri> {
        let shape = if text == "*" || text == "**" { Shape::Any } else { Shape::Of(read(text)?) };
        Ok(Self { text: text.to_owned(), shape })
    }

    /// A pattern of ours for everything at or below a `file:` URI.
    ///
    /// # Errors
    /// [`BadUri`] when it is none.
    pub fn below(uri: &str) -> Result<Self, BadUri> {
        Self::new(&format!("{}/**", uri.trim_end_matches('/')))
    }

    /// Whether one reading of a URI is meant, suffix and all.
    pub(super) fn allows(&self, uri: &Uri) -> bool {
        self.means(uri) && self.same_suffix(uri)
    }

    /// Whether one reading is meant: servers are free to ignore a query, so a
    /// pattern that has none means every query.
    pub(super) fn denies(&self, uri: &Uri) -> bool {
        let Shape::Of(pattern) = &self.shape else { return true };
        self.means(uri) && (pattern.suffix.is_empty() || self.same_suffix(uri))
    }

    fn means(&self, uri: &Uri) -> bool {
        let Shape::Of(pattern) = &self.shape else { return true };
        pattern.scheme == uri.scheme
            && glob(&pattern.authority, &uri.authority)
            && components(&pattern.path, &uri.path, false, &glob)
    }

    fn same_suffix(&self, uri: &Uri) -> bool {
        let Shape::Of(pattern) = &self.shape else { return true };
        let deep = pattern.path.last().is_some_and(|last| last == "**");
        (deep && pattern.suffix.is_empty()) || glob(&pattern.suffix, &uri.suffix)
    }

    /// Whether some URI is meant by both; suffixes are left aside.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        match (&self.shape, &other.shape) {
            (Shape::Any, _) | (_, Shape::Any) => true,
            (Shape::Of(a), Shape::Of(b)) => {
                a.scheme == b.scheme
                    && overlap(&a.authority, &b.authority)
                    && components(&a.path, &b.path, true, &overlap)
            }
        }
    }
}

impl fmt::Display for UriPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl UriLists {
    /// Nothing was written: everything passes, judged by nobody here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.allow.is_none() && self.ceilings.is_empty() && self.deny.is_empty()
    }

    /// Every list that a URI must be on.
    pub fn required(&self) -> impl Iterator<Item = &Vec<UriPattern>> {
        self.allow.iter().chain(&self.ceilings)
    }

    /// What the lists know of a URI, reading by reading.
    ///
    /// # Errors
    /// [`BadUri`] when one of them could not be followed.
    pub fn meant(&self, uri: &str) -> Result<Vec<Meant>, BadUri> {
        let of = |reading: Uri| Meant {
            uri: reading.text(),
            allowed_by: texts(self.required().flatten(), |entry| entry.allows(&reading)),
            denied_by: texts(&self.deny, |entry| entry.denies(&reading)),
        };
        Ok(Uri::readings(uri)?.into_iter().map(of).collect())
    }

    /// Whether a URI passes, in every reading.
    ///
    /// # Errors
    /// [`Withheld`] by the first reading that does not.
    pub fn judge(&self, uri: &str) -> Result<(), Withheld> {
        if self.is_empty() {
            return Ok(());
        }
        self.meant(uri)?.iter().try_for_each(|meant| self.passes(meant))
    }

    /// Whether what is known of one reading, or of a template, lets it pass.
    ///
    /// # Errors
    /// [`Withheld`] when it does not.
    pub fn passes(&self, meant: &Meant) -> Result<(), Withheld> {
        if let Some(entry) = meant.denied_by.first() {
            return Err(Withheld::Denied(entry.clone()));
        }
        let on = |list: &Vec<UriPattern>| {
            list.iter().any(|entry| meant.allowed_by.contains(&entry.text))
        };
        if self.required().all(on) { Ok(()) } else { Err(Withheld::NotAllowed) }
    }

    /// Every pattern, for warnings about dead entries.
    pub fn patterns(&self) -> impl Iterator<Item = &UriPattern> {
        self.required().flatten().chain(&self.deny)
    }
}

/// The entries that mean something, as written.
pub(super) fn texts<'a>(
    entries: impl IntoIterator<Item = &'a UriPattern>,
    means: impl Fn(&UriPattern) -> bool,
) -> Vec<String> {
    let meaning = entries.into_iter().filter(|entry| means(entry));
    meaning.map(|entry| entry.text.clone()).collect()
}

/// A pattern is read once: how it is written is the operator's choice.
fn read(text: &str) -> Result<Uri, BadUri> {
    let pieces = split(text)?;
    if pieces.path.split('/').any(|part| part == "..") {
        return Err(BadUri::Climbs);
    }
    let mut uri = Uri::read(pieces, pieces.path, true)?;
    // `https://**` is whatever that scheme has.
    if Kind::of(&uri.scheme) != Kind::Own && uri.authority == "**" && uri.path.is_empty() {
        uri.path.push("**".to_owned());
    }
    Ok(uri)
}

/// Whether two lists of components can be the same one; `**` is any number of them
/// on the left, and when `deep` on the right too.
fn components(
    left: &[String],
    right: &[String],
    deep: bool,
    same: &dyn Fn(&str, &str) -> bool,
) -> bool {
    let is_deep = |part: &String| part == "**";
    align(left, right, is_deep, |part| deep && is_deep(part), |a, b| same(a, b))
}

/// Whether two rows can be brought to stand beside each other, item by item, where
/// some items stand for any number of the other row's. One line of a table for each
/// item on the left: no recursion, and the product of both lengths at worst.
fn align<T>(
    left: &[T],
    right: &[T],
    any_left: impl Fn(&T) -> bool,
    any_right: impl Fn(&T) -> bool,
    same: impl Fn(&T, &T) -> bool,
) -> bool {
    let at = |line: &[bool], place: usize| line.get(place) == Some(&true);
    let mut line = vec![true];
    for (place, item) in right.iter().enumerate() {
        line.push(at(&line, place) && any_right(item));
    }
    for item in left {
        let mut next = vec![at(&line, 0) && any_left(item)];
        for (place, other) in right.iter().enumerate() {
            next.push(if any_left(item) || any_right(other) {
                at(&line, place + 1) || at(&next, place)
            } else {
                at(&line, place) && same(item, other)
            });
        }
        line = next;
    }
    line.last() == Some(&true)
}

/// A text in which `*` stands for any run of characters.
fn glob(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(first) = pieces.next() else { return false };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        match rest.split_once(piece) {
            _ if piece.is_empty() => {}
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Whether some text is meant by both of two globs.
fn overlap(left: &str, right: &str) -> bool {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let star = |letter: &char| *letter == '*';
    align(&left, &right, star, star, |a, b| a == b)
}
