//! Characters that carry something past the reader's eyes.
//!
//! [`is_hidden`](super::is_hidden) is about a prompt, where nothing odd has any
//! business. This is about what servers say: there, an emoji made of several, a
//! Persian word and a right-to-left quotation are honest, and only what hides,
//! reorders or speaks to a terminal is found (Unicode TR 36, TR 39; SAFE-T1402).

use std::fmt::Write as _;
use std::ops::Range;

/// What kind of hiding it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hidden {
    /// Control characters other than line ends and tabs; the ESC of a terminal's
    /// commands among them.
    Control,
    /// Characters that reorder their neighbours without right-to-left text around.
    Bidi,
    /// Characters without width where no script has them.
    ZeroWidth,
    /// ASCII in the invisible block U+E0000, outside of the three flags that use it.
    Tags,
    /// Variation selectors that select nothing: bytes smuggled behind a character.
    Selectors,
}

impl Hidden {
    /// As it stands in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Control => "control-characters",
            Self::Bidi => "bidi-controls",
            Self::ZeroWidth => "zero-width-characters",
            Self::Tags => "tag-characters",
            Self::Selectors => "variation-selectors",
        }
    }
}

/// Where hidden characters are, in bytes, and of which kind each is.
pub fn hidden(text: &str) -> Vec<(Hidden, Range<usize>)> {
    if is_plain(text) {
        return Vec::new();
    }
    let right_to_left = text.chars().any(is_right_to_left);
    let mut found = Vec::new();
    let mut before = Before::default();
    let mut rest = text.char_indices();
    while let Some((at, letter)) = rest.next() {
        if let Some(flag) = subdivision_flag(text.get(at..).unwrap_or_default()) {
            // The flag's letters are part of it.
            let _end = rest.nth(flag.chars().count().saturating_sub(2));
            before.pass(letter);
            continue;
        }
        let next = rest.clone().next().map(|(_, next)| next);
        if let Some(kind) = judge(letter, &before, next, at == 0, right_to_left) {
            found.push((kind, at..at + letter.len_utf8()));
        }
        before.pass(letter);
    }
    found
}

/// The text with every hidden character written out as `\u{200b}`.
pub fn reveal(text: &str) -> String {
    edit(text, |out, letter| {
        // Writing to a String cannot fail.
        let _written = write!(out, "\\u{{{:x}}}", u32::from(letter));
    })
}

/// The text without its hidden characters.
pub fn strip(text: &str) -> String {
    edit(text, |_, _| {})
}

fn edit(text: &str, mut instead: impl FnMut(&mut String, char)) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (_, range) in hidden(text) {
        out.push_str(text.get(from..range.start).unwrap_or_default());
        let letters = text.get(range.clone()).unwrap_or_default().chars();
        letters.for_each(|letter| instead(&mut out, letter));
        from = range.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

/// ASCII without controls hides nothing; a fold, so that it becomes vector code.
fn is_plain(text: &str) -> bool {
    let odd = |byte: u8| (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')) || byte >= 0x7f;
    !text.bytes().fold(false, |any, byte| any | odd(byte))
}

/// What stands before a character.
#[derive(Default)]
struct Before {
    last: Option<char>,
    /// The last character that is no selector, no joiner and no layout of its script.
    base: Option<char>,
}

impl Before {
    fn pass(&mut self, letter: char) {
        self.last = Some(letter);
        let joins = is_selector(letter) || letter == ZWJ || is_layout(letter);
        if !joins && !is_skin_tone(letter) {
            self.base = Some(letter);
        }
    }
}

const ZWNJ: char = '\u{200c}';
const ZWJ: char = '\u{200d}';

fn judge(
    letter: char,
    before: &Before,
    next: Option<char>,
    first: bool,
    right_to_left: bool,
) -> Option<Hidden> {
    match letter {
        '\t' | '\n' | '\r' => None,
        control if control.is_control() => Some(Hidden::Control),
        // Marks are harmless beside right-to-left text, and so is what isolates it.
        '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202c}' | '\u{2066}'..='\u{2069}' => {
            (!right_to_left).then_some(Hidden::Bidi)
        }
        // Overrides show letters in another order than they are read (CVE-2021-42574).
        '\u{202d}' | '\u{202e}' => Some(Hidden::Bidi),
        // A byte order mark at the start of a file is one.
        '\u{feff}' if first => None,
        '\u{200b}' => (!separates_words(before.last, next)).then_some(Hidden::ZeroWidth),
        ZWNJ => (!joins(before.last, next)).then_some(Hidden::ZeroWidth),
        ZWJ => {
            let emoji =
                before.base.is_some_and(is_pictographic) && next.is_some_and(is_pictographic);
            (!emoji && !joins(before.last, next)).then_some(Hidden::ZeroWidth)
        }
        // Soft hyphens stand between letters; two in a row say something else.
        '\u{ad}' => (before.last == Some('\u{ad}')).then_some(Hidden::ZeroWidth),
        '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180e}'
        | '\u{3164}'
        | '\u{ffa0}'
        | '\u{feff}'
        | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' => Some(Hidden::ZeroWidth),
        // Layout of one script, and nothing anywhere else.
        layout if is_layout(layout) => {
            (!lays_out(before.base, letter)).then_some(Hidden::ZeroWidth)
        }
        selector if is_selector(selector) => {
            (!selects(before.last, selector)).then_some(Hidden::Selectors)
        }
        '\u{e0000}'..='\u{e0fff}' => Some(Hidden::Tags),
        _ => None,
    }
}

/// The flags of England, Scotland and Wales, the only emoji that are written with
/// tags (UTS 51, 3.7.2): the text of one at the start, if there is one.
fn subdivision_flag(text: &str) -> Option<&str> {
    const FLAGS: [&str; 3] = [
        "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
        "\u{1f3f4}\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}",
    ];
    FLAGS.into_iter().find(|flag| text.starts_with(flag))
}

fn is_selector(letter: char) -> bool {
    matches!(letter, '\u{fe00}'..='\u{fe0f}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{e0100}'..='\u{e01ef}')
}

fn is_skin_tone(letter: char) -> bool {
    matches!(letter, '\u{1f3fb}'..='\u{1f3ff}')
}

/// Whether a selector has something to select: one each, and only behind the
/// kinds of characters that Unicode registers variants for.
fn selects(last: Option<char>, selector: char) -> bool {
    let Some(last) = last else { return false };
    match selector {
        // Text or emoji: also behind digits, `#` and `*` (keycaps).
        '\u{fe0e}' | '\u{fe0f}' => {
            is_pictographic(last) || is_skin_tone(last) || matches!(last, '0'..='9' | '#' | '*')
        }
        // Standardized variants of mathematics, Myanmar, Phags-pa and Han.
        '\u{fe00}'..='\u{fe02}' => !last.is_ascii() && !is_selector(last) && !is_pictographic(last),
        '\u{180b}'..='\u{180d}' | '\u{180f}' => matches!(last, '\u{1800}'..='\u{18af}'),
        '\u{e0100}'..='\u{e01ef}' => is_han(last),
        _ => false,
    }
}

/// Whether a character may be (part of) an emoji; wider than the property
/// Extended_Pictographic, which is scattered over these blocks.
fn is_pictographic(letter: char) -> bool {
    matches!(letter,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{20e3}' | '\u{2122}' | '\u{2139}'
        | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | '\u{24c2}'
        | '\u{25a0}'..='\u{27bf}' | '\u{2900}'..='\u{297f}' | '\u{2b00}'..='\u{2bff}'
        | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

fn is_han(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// A zero-width space divides words where scripts write no spaces.
fn separates_words(last: Option<char>, next: Option<char>) -> bool {
    let scripts = |letter: char| {
        is_han(letter)
            || matches!(letter, '\u{e00}'..='\u{fff}' | '\u{1000}'..='\u{109f}'
                | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}')
    };
    last.is_some_and(scripts) || next.is_some_and(scripts)
}

/// Joiners shape letters of Arabic, Indic and related scripts.
fn joins(last: Option<char>, next: Option<char>) -> bool {
    let scripts = |letter: char| {
        matches!(letter, '\u{600}'..='\u{8ff}' | '\u{900}'..='\u{dff}' | '\u{e00}'..='\u{fff}'
            | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{18af}' | '\u{a840}'..='\u{a87f}'
            | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10a00}'..='\u{11fff}')
    };
    last.is_some_and(scripts) && next.is_none_or(|next| scripts(next) || !next.is_alphanumeric())
}

/// Joiners, fillers, layout controls and blanks of one script each: of Tifinagh, Brahmi
/// numbers, Egyptian hieroglyphs and Khitan.
fn is_layout(letter: char) -> bool {
    matches!(letter, '\u{2d7f}' | '\u{1107f}' | '\u{13430}'..='\u{13442}' | '\u{16fe4}')
}

/// Whether a joiner, filler, control or blank of one script stands behind a letter of it.
fn lays_out(last: Option<char>, letter: char) -> bool {
    last.is_some_and(|last| match letter {
        '\u{2d7f}' => matches!(last, '\u{2d30}'..='\u{2d67}'),
        '\u{1107f}' => matches!(last, '\u{11052}'..='\u{11065}'),
        '\u{16fe4}' => matches!(last, '\u{18b00}'..='\u{18cff}'),
        _ => matches!(last, '\u{13000}'..='\u{1342f}' | '\u{13443}'..='\u{143ff}'),
    })
}

fn is_right_to_left(letter: char) -> bool {
    matches!(letter, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
        // The Arabic letter mark is none.
        && letter != '\u{61c}'
}
