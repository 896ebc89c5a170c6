//! What a person sees is what is there.

use portcullis_guard::text::{bounded, is_hidden, visible};
use proptest::prelude::*;

#[test]
fn hidden_characters_are_written_out() {
    let table = [
        ("plain, naïve, 漢字, 😀", "plain, naïve, 漢字, 😀"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\u{1b}[31mred\u{1b}[0m", "\\u{1b}[31mred\\u{1b}[0m"),
        ("\u{9b}31m", "\\u{9b}31m"),
        ("\u{7}\0\u{7f}", "\\u{7}\\u{0}\\u{7f}"),
        ("abc\u{202e}fdp.exe", "abc\\u{202e}fdp.exe"),
        ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
        ("zero\u{200b}width\u{200d}\u{feff}", "zero\\u{200b}width\\u{200d}\\u{feff}"),
        ("\u{e0041}\u{e007f}", "\\u{e0041}\\u{e007f}"),
        ("soft\u{ad}hyphen\u{a0}space", "soft\\u{ad}hyphen\\u{a0}space"),
        ("\u{3164}\u{2800}\u{fe0f}\u{e0100}", "\\u{3164}\\u{2800}\\u{fe0f}\\u{e0100}"),
        ("fake \\u{202e}", "fake \\\\u{202e}"),
        ("\u{2028}\u{2029}", "\\u{2028}\\u{2029}"),
    ];
    for (text, shown) in table {
        assert_eq!(visible(text), shown);
    }
}

#[test]
fn what_is_cut_is_counted() {
    assert_eq!(bounded("abc", 3), "abc");
    assert_eq!(bounded("äbcde", 3), "äbc… (2 more)");
    assert_eq!(bounded("abc", 0), "… (3 more)");
    assert_eq!(bounded("", 0), "");
}

proptest! {
    #[test]
    fn nothing_hides(text in any::<String>()) {
        let shown = visible(&text);
        prop_assert!(!shown.chars().any(is_hidden));
    }

    #[test]
    fn two_texts_never_look_the_same(one in any::<String>(), two in any::<String>()) {
        prop_assert_eq!(visible(&one) == visible(&two), one == two);
    }
}
