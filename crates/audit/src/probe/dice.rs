//! Words and numbers that no server can guess, and what a secret looks like in disguise.

const LETTERS: &[u8; 16] = b"abcdefghikmnprst";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A word of sixteen small letters, sixty-four bits of chance.
pub(super) fn word() -> String {
    letters(random())
}

fn letters(mut bits: u64) -> String {
    let mut word = String::with_capacity(16);
    for _ in 0..16 {
        let at = usize::try_from(bits % 16).unwrap_or(0);
        word.push(LETTERS.get(at).copied().map_or('a', char::from));
        bits /= 16;
    }
    word
}

/// Two numbers of five digits and their product, which has nine or ten.
pub(super) fn product() -> (u64, u64, u64) {
    let bits = random();
    let (a, b) = (31_627 + bits % 60_000, 31_627 + (bits >> 32) % 60_000);
    (a, b, a * b)
}

/// An address of this machine that nobody uses: all of 127.0.0.0/8 is (RFC 6890).
pub(super) fn loopback() -> std::net::Ipv4Addr {
    let part = |bits: u64| u8::try_from(2 + bits % 252).unwrap_or(2);
    let bits = random();
    std::net::Ipv4Addr::new(127, part(bits), part(bits >> 16), part(bits >> 32))
}

/// From the kernel. Were it to fail, a canary would only be easier to guess.
fn random() -> u64 {
    let mut bytes = [0; 8];
    let _ = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// A word that was planted, in every form in which it may come back.
#[derive(Debug, Clone)]
pub(super) struct Secret {
    /// Where, as evidence names it.
    pub(super) from: String,
    /// The word itself first.
    forms: Vec<String>,
}

impl Secret {
    /// A new one.
    pub(super) fn new(from: &str, prefix: &str) -> Self {
        let word = format!("{prefix}{}", word());
        let mut forms = vec![word.clone()];
        forms.push(word.chars().rev().collect());
        forms.push(word.bytes().map(|byte| format!("{byte:02x}")).collect());
        forms.extend((0..3).map(|shift| base64(&word, shift)));
        Self { from: from.to_owned(), forms }
    }

    /// The word.
    pub(super) fn word(&self) -> &str {
        self.forms.first().map_or("", String::as_str)
    }

    /// Whether a text holds it, in whatever form.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.forms.iter().any(|form| text.contains(form.as_str()))
    }

    /// The text without it.
    pub(super) fn hide(&self, text: &str) -> String {
        let name = format!("<canary {}>", self.from);
        self.forms.iter().fold(text.to_owned(), |text, form| text.replace(form, &name))
    }
}

/// The middle of what base64 makes of a word that begins `shift` bytes into a group: what
/// stands before and after it does not change these characters.
fn base64(word: &str, shift: usize) -> String {
    let bits: Vec<bool> = std::iter::repeat_n(0_u8, shift)
        .chain(word.bytes())
        .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1 == 1))
        .collect();
    let digit = |six: &[bool]| {
        let value = six.iter().fold(0_usize, |value, bit| value * 2 + usize::from(*bit));
        BASE64.get(value).copied().map_or('A', char::from)
    };
    bits.chunks_exact(6).skip(usize::div_ceil(shift * 8, 6)).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_in_disguise() {
        let secret = Secret { from: "x".to_owned(), forms: vec!["CANARY".to_owned()] };
        assert_eq!(secret.hide("a CANARY"), "a <canary x>");
        // `printf 'xCANARY!' | base64` is eENBTkFSWSE=
        assert!("eENBTkFSWSE=".contains(&base64("CANARY", 1)));
        assert!("Q0FOQVJZ".contains(&base64("CANARY", 0)));
        // `printf 'xxCANARY' | base64` is eHhDQU5BUlk=
        assert!("eHhDQU5BUlk=".contains(&base64("CANARY", 2)));
        let secret = Secret::new("y", "KEY-");
        let reversed: String = secret.word().chars().rev().collect();
        assert!(secret.is_in(secret.word()) && secret.is_in(&reversed) && !secret.is_in("KEY-"));
        assert_ne!(word(), word());
    }
}
