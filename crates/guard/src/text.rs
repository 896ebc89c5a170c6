//! Text from a server, made fit for a person's eyes.
//!
//! A prompt that a person answers must show what is there: no character may
//! hide, reorder its neighbours, or speak to the terminal. What servers say to a
//! model is looked at in [`mod@hidden`] and [`mod@instructions`].

pub(crate) mod fold;
pub mod hidden;
pub mod instructions;
mod places;

use std::fmt::Write as _;

pub use hidden::{Hidden, hidden, reveal, strip};
pub use instructions::{Instruction, instructions};
pub use places::names_secret_place;

/// A text as a model or a hasty eye reads it: its letters, small and of the Latin alphabet,
/// and the marks of tags and turns (`[`, `]`, `<`, `>`, `|`, `/`, `#`, `:`); nothing else, so
/// that spaces, quotes, accents, look-alike letters and what nobody sees make no difference.
pub fn folded(text: &str) -> String {
    text.chars().filter_map(fold::fold).map(char::from).collect()
}

/// The text with everything invisible written out: control characters (a newline
/// as `\n`, the ESC of an ANSI sequence as `\u{1b}`), bidirectional controls,
/// zero-width and tag characters, and a backslash as `\\` so that what is written
/// out cannot be faked.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            hidden if is_hidden(hidden) => {
                // Writing to a String cannot fail.
                let _written = write!(out, "\\u{{{:x}}}", u32::from(hidden));
            }
            plain => out.push(plain),
        }
    }
    out
}

/// Whether a character shows nothing of its own: category Cc, the Default
/// Ignorable Code Points of Unicode, odd spaces, line separators, private use.
pub fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{a0}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
            | '\u{1680}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}'
            | '\u{2800}' | '\u{3000}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            // Joiners, fillers, layout controls and blanks of single scripts: they are not
            // default ignorable, and show nothing of their own all the same.
            | '\u{2d7f}' | '\u{1107f}' | '\u{13430}'..='\u{13442}' | '\u{16fe4}'
            | '\u{e0000}'..='\u{10ffff}')
}

/// At most `max` characters of the text; what is cut is counted, not dropped in
/// silence: `abc… (12 more)`.
pub fn bounded(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some((end, _)) => {
            let (kept, cut) = text.split_at(end);
            format!("{kept}… ({} more)", cut.chars().count())
        }
    }
}
