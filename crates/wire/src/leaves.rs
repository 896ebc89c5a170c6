//! Every text in a value, in one walk: strings, and the names of members.
//!
//! What a server says to a model stands in texts, wherever they are nested. The
//! walk borrows, reads each byte once, and copies only when a text is replaced;
//! all other bytes of the value stay as they were.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use crate::json::{DEEPEST, Json};
use crate::scan::{self, unescape};

/// One text, and where it stands.
#[derive(Debug)]
pub struct Leaf<'w, 'a> {
    /// The text, with its escapes read.
    pub text: Cow<'a, str>,
    /// It is a member's name, not a value.
    pub is_name: bool,
    /// Its place in the value.
    pub place: &'w Place<'a>,
}

/// A place in a value; written as a JSON Pointer (RFC 6901).
#[derive(Debug, Default)]
pub struct Place<'a> {
    steps: Vec<Step<'a>>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    /// The name as written, without its quotes.
    Member(&'a str),
    Item(usize),
}

/// A replaced name that stands twice in its object now: no value any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a replaced text leaves a value that can be read in two ways")]
pub struct Clash;

impl Place<'_> {
    /// How many steps below the top.
    pub fn depth(&self) -> usize {
        self.steps.len()
    }

    /// The name of the member that was entered at a step, counted from the top.
    pub fn member(&self, step: usize) -> Option<Cow<'_, str>> {
        match self.steps.get(step)? {
            Step::Member(written) => Some(read(written)),
            Step::Item(_) => None,
        }
    }

    /// The element that was entered at a step, counted from the top.
    pub fn item(&self, step: usize) -> Option<usize> {
        match self.steps.get(step)? {
            Step::Member(_) => None,
            Step::Item(at) => Some(*at),
        }
    }

    /// The innermost member's name.
    pub fn name(&self) -> Option<Cow<'_, str>> {
        self.depth().checked_sub(1).and_then(|last| self.member(last))
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            match step {
                Step::Member(written) => {
                    write!(f, "/{}", read(written).replace('~', "~0").replace('/', "~1"))?;
                }
                Step::Item(at) => write!(f, "/{at}")?,
            }
        }
        Ok(())
    }
}

fn read(written: &str) -> Cow<'_, str> {
    if written.contains('\\') { Cow::Owned(unescape(written)) } else { Cow::Borrowed(written) }
}

/// Shows every text to `visit`, which may give another one for it. The value with
/// the other texts, or nothing when none was replaced.
///
/// # Errors
/// [`Clash`] when a new name was there already.
pub fn replace<'a>(
    json: &'a Json,
    visit: impl FnMut(&Leaf<'_, 'a>) -> Option<String>,
) -> Result<Option<Json>, Clash> {
    let mut walk = Walk {
        text: json.text(),
        at: 0,
        place: Place::default(),
        names_next: false,
        out: None,
        renamed: false,
        visit,
    };
    walk.run();
    let Some(Output { mut text, copied }) = walk.out else { return Ok(None) };
    text.push_str(walk.text.get(copied..).unwrap_or_default());
    if walk.renamed && !scan::scan(&text, DEEPEST).is_ok_and(|scan| scan.fault.is_none()) {
        return Err(Clash);
    }
    Ok(Some(Json::from_strict(&text)))
}

/// Shows every text to `visit`.
pub fn each<'a>(json: &'a Json, mut visit: impl FnMut(&Leaf<'_, 'a>)) {
    let shown = replace(json, |leaf| {
        visit(leaf);
        None
    });
    debug_assert!(matches!(shown, Ok(None)), "nothing was replaced");
}

struct Walk<'a, F> {
    text: &'a str,
    at: usize,
    place: Place<'a>,
    /// The next string is a member's name.
    names_next: bool,
    out: Option<Output>,
    /// Some name was replaced.
    renamed: bool,
    visit: F,
}

/// What was written so far, and up to where the original is in it.
struct Output {
    text: String,
    copied: usize,
}

impl<'a, F: FnMut(&Leaf<'_, 'a>) -> Option<String>> Walk<'a, F> {
    fn run(&mut self) {
        while let Some(byte) = self.text.as_bytes().get(self.at) {
            match byte {
                b'{' => self.enter(Step::Member("")),
                b'[' => self.enter(Step::Item(0)),
                b'}' | b']' => {
                    self.place.steps.pop();
                    self.names_next = false;
                }
                b',' => self.next(),
                b'"' => {
                    self.string();
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    fn enter(&mut self, step: Step<'a>) {
        self.names_next = matches!(step, Step::Member(_));
        self.place.steps.push(step);
    }

    fn next(&mut self) {
        match self.place.steps.last_mut() {
            Some(Step::Item(at)) => *at += 1,
            _ => self.names_next = true,
        }
    }

    /// A string from its opening quote to behind its closing one.
    fn string(&mut self) {
        let start = self.at;
        let (inside, end) = quoted(self.text, start);
        self.at = end;
        let is_name = std::mem::take(&mut self.names_next);
        if is_name && let Some(step) = self.place.steps.last_mut() {
            *step = Step::Member(inside);
        }
        let leaf = Leaf { text: read(inside), is_name, place: &self.place };
        if let Some(other) = (self.visit)(&leaf) {
            self.renamed |= is_name;
            let out = self.out.get_or_insert_with(|| Output { text: String::new(), copied: 0 });
            out.text.push_str(self.text.get(out.copied..start).unwrap_or_default());
            out.text.push_str(&Value::from(other).to_string());
            out.copied = end;
        }
    }
}

/// The inside of the string that opens at `start`, and where it is over.
fn quoted(text: &str, start: usize) -> (&str, usize) {
    let bytes = text.as_bytes();
    let mut at = start + 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += found;
        if bytes.get(at) == Some(&b'"') {
            return (text.get(start + 1..at).unwrap_or_default(), at + 1);
        }
        // A backslash and whatever it escapes; `\u` leaves four plain digits.
        at += 2;
    }
    (text.get(start + 1..).unwrap_or_default(), text.len())
}
