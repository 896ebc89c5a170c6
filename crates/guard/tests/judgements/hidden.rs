//! What hides is found; what only looks foreign is not.

use portcullis_guard::text::{hidden, reveal, strip};
use proptest::prelude::*;

#[test]
fn what_hides_is_found() {
    let tags: String =
        "ignore".chars().filter_map(|c| char::from_u32(0xe0000 + c as u32)).collect();
    let table = [
        ("a\u{200b}b".to_owned(), "zero-width-characters"),
        ("a\u{200d}b".to_owned(), "zero-width-characters"),
        ("a\u{200c}b".to_owned(), "zero-width-characters"),
        ("a\u{2060}\u{2063}".to_owned(), "zero-width-characters"),
        ("mid\u{feff}dle".to_owned(), "zero-width-characters"),
        ("a\u{ad}\u{ad}b".to_owned(), "zero-width-characters"),
        ("\u{3164}".to_owned(), "zero-width-characters"),
        ("a\u{202e}fdp.exe".to_owned(), "bidi-controls"),
        ("if (\u{2066}admin\u{2069})".to_owned(), "bidi-controls"),
        ("שלום\u{202e}abc".to_owned(), "bidi-controls"),
        (format!("hello{tags}"), "tag-characters"),
        (format!("\u{1f3f4}{tags}\u{e007f}"), "tag-characters"),
        ("\u{e0001}".to_owned(), "tag-characters"),
        ("a\u{fe01}\u{fe02}".to_owned(), "variation-selectors"),
        ("😀\u{fe00}".to_owned(), "variation-selectors"),
        ("😀\u{e0100}\u{e0131}".to_owned(), "variation-selectors"),
        ("❤\u{fe0f}\u{fe0f}".to_owned(), "variation-selectors"),
        ("\u{1b}[8mhidden\u{1b}[0m".to_owned(), "control-characters"),
        ("over\u{8}\u{8}".to_owned(), "control-characters"),
        ("nul\0".to_owned(), "control-characters"),
        ("c1 \u{9b}31m".to_owned(), "control-characters"),
    ];
    for (text, kind) in table {
        let found = hidden(&text);
        assert!(found.iter().any(|(found, _)| found.as_str() == kind), "{text:?}: {found:?}");
        assert_eq!(hidden(&reveal(&text)), [], "{text:?}");
        assert_eq!(hidden(&strip(&text)), [], "{text:?}");
    }
}

#[test]
fn what_lays_out_one_script_hides_in_any_other() {
    for (letter, at_home) in [
        ('\u{2d7f}', "\u{2d30}\u{2d7f}\u{2d31}"),
        ('\u{1107f}', "\u{11052}\u{1107f}\u{11053}"),
        ('\u{13430}', "\u{13000}\u{13430}\u{13437}\u{13001}\u{13438}"),
        ('\u{1343f}', "\u{13000}\u{1343f}"),
        ('\u{13441}', "\u{13000}\u{13441}"),
        ('\u{16fe4}', "\u{18b00}\u{16fe4}\u{18b01}"),
    ] {
        assert_eq!(hidden(at_home), [], "{at_home:?}");
        let smuggled = format!("hello{letter}{letter}");
        assert_eq!(hidden(&smuggled).len(), 2, "{smuggled:?}");
        assert_eq!(strip(&smuggled), "hello");
        // Where a person is asked, no script needs one.
        assert!(portcullis_guard::text::is_hidden(letter), "{letter:?}");
    }
}

#[test]
fn what_is_only_foreign_is_not() {
    for honest in [
        "plain\ttext\r\n",
        "naïve façade, 日本語、العربية, עברית",
        "👩\u{200d}👩\u{200d}👧\u{200d}👦 and 👩🏽\u{200d}🚀",
        "🏳\u{fe0f}\u{200d}🌈 ❤\u{fe0f}\u{200d}🔥 1\u{fe0f}\u{20e3}",
        "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f} and more",
        "نمی\u{200c}خواهم",
        "क्\u{200d}ष and ශ්\u{200d}රී",
        "ภาษา\u{200b}ไทย",
        "مرحبا\u{200f}!",
        "abc \u{202b}שלום\u{202c}",
        "葛\u{e0100}城",
        "∩\u{fe00}",
        "\u{feff}a file with its mark",
        "Donau\u{ad}dampf\u{ad}schiff",
        "non\u{a0}breaking, thin\u{2009}space, 全角\u{3000}空白",
        "© ™ → ✓ ⚠\u{fe0f}",
    ] {
        assert_eq!(hidden(honest), [], "{honest:?}");
        assert_eq!(reveal(honest), honest);
    }
}

#[test]
fn what_is_revealed_is_written_out() {
    assert_eq!(reveal("a\u{200b}b\u{1b}[0m"), "a\\u{200b}b\\u{1b}[0m");
    assert_eq!(strip("a\u{200b}b\u{1b}[0m"), "ab[0m");
}

proptest! {
    #[test]
    fn ranges_are_characters_in_order(text in any::<String>()) {
        let mut end = 0;
        for (_, range) in hidden(&text) {
            prop_assert!(range.start >= end);
            prop_assert_eq!(text[range.clone()].chars().count(), 1);
            end = range.end;
        }
    }
}
