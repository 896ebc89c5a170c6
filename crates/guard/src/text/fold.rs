//! A text as a model reads it, whatever it is dressed as: only its letters, small.
//!
//! Case, spaces, punctuation, accents, letters of other alphabets that look the
//! same, and characters without width are what tricks are made of; without them
//! `I g n o r e`, `Ｉｇｎｏｒｅ`, `іgnоrе` and `ig\u{200b}nore` are one word.

use std::sync::LazyLock;

/// A letter as it counts: `a` to `z`, or one of the marks that tags and turns are
/// written with; nothing for everything else.
pub(crate) fn fold(letter: char) -> Option<u8> {
    match u8::try_from(letter) {
        Ok(byte) if byte < 0x80 => {
            let folded = ASCII.get(usize::from(byte)).copied().unwrap_or_default();
            (folded != 0).then_some(folded)
        }
        _ => other(letter),
    }
}

/// What each ASCII character counts as; zero for nothing.
const ASCII: [u8; 128] = {
    let mut table = [0; 128];
    let mut at = 0;
    while at < 128 {
        #[expect(clippy::cast_possible_truncation, reason = "below 128")]
        let byte = at as u8;
        #[expect(clippy::indexing_slicing, reason = "below 128, and checked when compiled")]
        if byte.is_ascii_alphabetic() {
            table[at] = byte.to_ascii_lowercase();
        } else if is_mark(byte) {
            table[at] = byte;
        }
        at += 1;
    }
    table
};

const fn is_mark(byte: u8) -> bool {
    matches!(byte, b'<' | b'>' | b'[' | b']' | b'|' | b'/' | b'#' | b':')
}

fn other(letter: char) -> Option<u8> {
    let code = u32::from(letter);
    match code {
        // Latin-1 and Latin Extended-A without their accents.
        0xc0..=0x17f => known(LATIN, code - 0xc0),
        // Tags: ASCII that nobody sees.
        0xe0020..=0xe007e => char::from_u32(code - 0xe0000).and_then(fold),
        // Fullwidth forms.
        0xff01..=0xff5e => char::from_u32(code - 0xfee0).and_then(fold),
        // Mathematical letters: thirteen alphabets of 52.
        0x1d400..=0x1d6a3 => nth((code - 0x1d400) % 52 % 26),
        0x249c..=0x24b5 => nth(code - 0x249c),
        0x24b6..=0x24e9 => nth((code - 0x24b6) % 26),
        0x1f130..=0x1f149 => nth(code - 0x1f130),
        0x1f150..=0x1f169 => nth(code - 0x1f150),
        0x1f170..=0x1f189 => nth(code - 0x1f170),
        0x1f1e6..=0x1f1ff => nth(code - 0x1f1e6),
        // Scripts that look like nothing else are most of what is not ASCII.
        0x3040..=0xa6ff | 0xac00..=0xfeff | 0x1f200..=0xdffff => None,
        _ => {
            let at = SORTED.binary_search_by_key(&letter, |(other, _)| *other).ok()?;
            SORTED.get(at).map(|(_, same)| *same)
        }
    }
}

fn nth(at: u32) -> Option<u8> {
    Some(b'a' + u8::try_from(at).ok().filter(|at| *at < 26)?)
}

fn known(table: &str, at: u32) -> Option<u8> {
    let letter = table.as_bytes().get(usize::try_from(at).ok()?).copied()?;
    letter.is_ascii_lowercase().then_some(letter)
}

/// U+00C0 to U+017F, each as its base letter.
const LATIN: &str = "aaaaaaaceeeeiiiidnooooo.ouuuuytsaaaaaaaceeeeiiiidnooooo.ouuuuyty\
    aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllll\
    lllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

/// Letters of other alphabets, small capitals and modifiers that look like Latin
/// ones (Unicode TR 39, confusables): those that whole words can be built of.
const LOOK_ALIKES: &[(&str, u8)] = &[
    ("аАαΑᴀᵃₐɑ𝛂Ꭺ", b'a'),
    ("вВβΒʙᵇЬьᏴ", b'b'),
    ("сСᴄᶜϲϹⅽⅭᏟ", b'c'),
    ("ԁԀᴅᵈⅾⅮᎠ", b'd'),
    ("еЕєЄεΕᴇᵉₑЁёҽᎬ℮", b'e'),
    ("ꜰᶠғҒ", b'f'),
    ("ɡɢᵍԌԍᏀ", b'g'),
    ("һҺНнΗʜʰₕᎻ", b'h'),
    ("іІїЇιΙɪⁱᵢⅰⅠӀıᎥ", b'i'),
    ("јЈᴊʲⱼᎫ", b'j'),
    ("кКκΚᴋᵏₖᏦ", b'k'),
    ("ʟˡₗⅼⅬᏞ", b'l'),
    ("мМΜᴍᵐₘⅿⅯᎷ", b'm'),
    ("ոΝɴⁿₙпП", b'n'),
    ("оОοΟօՕᴏᵒₒσ〇", b'o'),
    ("рРρΡᴘᵖₚᏢ", b'p'),
    ("ԛԚ", b'q'),
    ("гʀʳᵣᏒ", b'r'),
    ("ѕЅꜱˢₛᏚ", b's'),
    ("тТτΤᴛᵗₜᎢ", b't'),
    ("υսᴜᵘᵤՍ", b'u'),
    ("νѵᴠᵛᵥⅴⅤᏙ", b'v'),
    ("ԝԜᴡʷωᎳ", b'w'),
    ("хХχΧˣₓⅹⅩ", b'x'),
    ("уУγΥʏʸҮүᎩ", b'y'),
    ("ΖᴢᶻᏃ", b'z'),
    ("‹〈⟨《", b'<'),
    ("›〉⟩》", b'>'),
    ("｜∣│", b'|'),
];

/// The same by letter, to be searched: a text may be all of such letters.
static SORTED: LazyLock<Vec<(char, u8)>> = LazyLock::new(|| {
    let pair = |(others, same): &(&'static str, u8)| {
        let same = *same;
        others.chars().map(move |other| (other, same))
    };
    let mut all: Vec<_> = LOOK_ALIKES.iter().flat_map(pair).collect();
    all.sort_unstable();
    all
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_letter_looks_like_two() {
        assert!(SORTED.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (other, same) in SORTED.iter() {
            assert_eq!(fold(*other), Some(*same), "{other}");
        }
    }

    #[test]
    fn a_word_is_the_same_in_every_dress() {
        for dressed in [
            "ignore",
            "IGNORE",
            "I.g-n_o r\te!",
            "Ｉｇｎｏｒｅ",
            "𝕚𝕘𝕟𝕠𝕣𝕖",
            "𝓘𝓰𝓷𝓸𝓻𝓮",
            "ⓘⓖⓝⓞⓡⓔ",
            "іgnоrе",
            "ig\u{200b}no\u{200d}re",
            "ìgñôrë",
            "i\u{307}gnore",
            "ɪɢɴᴏʀᴇ",
            "🄸🄶🄽🄾🅁🄴",
            "\u{e0069}\u{e0067}\u{e006e}\u{e006f}\u{e0072}\u{e0065}",
            "ig\u{ad}nore",
            "ⅰgnore",
        ] {
            let folded: Vec<u8> = dressed.chars().filter_map(fold).collect();
            assert_eq!(String::from_utf8_lossy(&folded), "ignore", "{dressed}");
        }
    }

    #[test]
    fn latin_letters_lose_their_accents() {
        assert_eq!(LATIN.len(), 0x180 - 0xc0);
        for (letter, base) in [
            ('À', b'a'),
            ('ß', b's'),
            ('ÿ', b'y'),
            ('Ā', b'a'),
            ('ğ', b'g'),
            ('ł', b'l'),
            ('ō', b'o'),
            ('ř', b'r'),
            ('š', b's'),
            ('ŧ', b't'),
            ('ű', b'u'),
            ('ž', b'z'),
        ] {
            assert_eq!(fold(letter), Some(base), "{letter}");
        }
        assert_eq!(fold('×'), None);
    }
}
