//! JSON from a peer, made safe for a terminal and honest for a person.

use std::fmt::Write as _;

use portcullis_guard::text::is_hidden;

/// Runs of spaces longer than this are counted instead of shown: they push
/// text out of sight.
const LONGEST_GAP: usize = 8;

/// The text on one line, with everything that does not show itself written out.
///
/// A backslash stays as it is: in JSON it is always the start of an escape, and
/// no escape of JSON reads `\u{`, so what is written out cannot be faked there.
pub(crate) fn visible_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut gap = 0;
    for c in text.chars().chain(['\0']) {
        if c == ' ' {
            gap += 1;
            continue;
        }
        close_gap(&mut shown, &mut gap);
        if is_hidden(c) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown.truncate(shown.len() - "\\u{0}".len());
    shown
}

fn close_gap(shown: &mut String, gap: &mut usize) {
    if *gap > LONGEST_GAP {
        let _ = write!(shown, " ⟨{gap} spaces⟩ ");
    } else {
        shown.extend(std::iter::repeat_n(' ', *gap));
    }
    *gap = 0;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_is_written_out() {
        for (text, expect) in [
            ("plain ünïcode 漢字", "plain ünïcode 漢字"),
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("a\nb\tc\rd", "a\\u{a}b\\u{9}c\\u{d}d"),
            ("rm\u{202e}txt", "rm\\u{202e}txt"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
            ("x\u{e0041}y", "x\\u{e0041}y"),
            ("a\u{a0}b\u{3000}c", "a\\u{a0}b\\u{3000}c"),
            ("a\0", "a\\u{0}"),
            ("a  b", "a  b"),
            ("ls          ; rm", "ls ⟨10 spaces⟩ ; rm"),
            ("", ""),
        ] {
            assert_eq!(visible_json(text), expect, "{text:?}");
        }
    }
}
