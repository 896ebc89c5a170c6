//! 256 random bits that open something.

use std::fmt;
use std::io;

/// A secret that we made. It is compared in constant time and printed by nobody.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret([u8; 32]);

impl Secret {
    /// A new one, from the kernel.
    pub(crate) fn roll() -> io::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(Self(bytes))
    }

    /// The letters that its holder is given.
    pub(crate) fn letters(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Half of them, where a name may have 63.
    pub(crate) fn short(&self) -> String {
        self.letters().chars().take(32).collect()
    }

    /// Whether these are its letters; how long that takes says nothing of where they differ.
    pub(crate) fn is(&self, letters: &str) -> bool {
        same(self.letters().as_bytes(), letters.as_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Compares without stopping at the first difference.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    let differ = one.iter().zip(other).fold(0, |differ, (a, b)| differ | (a ^ b));
    std::hint::black_box(differ) == 0 && one.len() == other.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_letters_are_its_letters() {
        let secret = Secret::roll().unwrap();
        let letters = secret.letters();
        assert!(secret.is(&letters) && letters.len() == 64);
        for wrong in ["", &letters[1..], &format!("{letters}0"), &letters.to_uppercase()] {
            // Of digits alone there is no other spelling.
            assert!(!secret.is(wrong) || *wrong == letters, "{wrong}");
        }
        assert_ne!(Secret::roll().unwrap(), secret);
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }
}
