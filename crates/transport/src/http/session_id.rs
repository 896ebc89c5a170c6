//! What a conversation over HTTP is called: 256 random bits, which open it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;

use subtle::ConstantTimeEq as _;

/// How many letters one has.
const LETTERS: usize = 64;

/// The name of a conversation, given to its client alone. It is compared in constant time and
/// printed by nobody.
#[derive(Clone)]
pub struct SessionId([u8; 32]);

impl SessionId {
    /// A new one, from the kernel.
    ///
    /// # Errors
    /// When there is no entropy.
    pub fn roll() -> io::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(Self(bytes))
    }

    /// Reads the letters that a client sends back: these and no others of the same number.
    #[must_use]
    pub fn read(letters: &str) -> Option<Self> {
        let letters: &[u8; LETTERS] = letters.as_bytes().try_into().ok()?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(letters.chunks(2)) {
            for letter in pair {
                let digit = match letter {
                    b'0'..=b'9' => letter - b'0',
                    b'a'..=b'f' => letter - b'a' + 10,
                    _ => return None,
                };
                *byte = *byte << 4 | digit;
            }
        }
        Some(Self(bytes))
    }

    /// The letters that its client is given.
    #[must_use]
    pub fn letters(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl PartialEq for SessionId {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SessionId {}

impl Hash for SessionId {
    /// For maps whose hash is keyed at random, as std's are: how long a look takes says nothing of
    /// the names in it.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_letters_are_its_letters() {
        let id = SessionId::roll().unwrap();
        let letters = id.letters();
        assert_eq!(letters.len(), LETTERS);
        assert_eq!(SessionId::read(&letters), Some(id.clone()));
        let other = |at: usize| {
            let mut bytes = letters.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            String::from_utf8(bytes).unwrap()
        };
        for at in 0..LETTERS {
            let read = SessionId::read(&other(at)).unwrap();
            assert_ne!(read, id, "letter {at}");
        }
        let spelt = ["", &letters[1..], &format!("{letters}0"), &format!(" {}", &letters[1..])];
        let upper = "A".repeat(LETTERS);
        let wide = "é".repeat(LETTERS / 2);
        for wrong in spelt.into_iter().chain([upper.as_str(), wide.as_str(), "g"]) {
            assert_eq!(SessionId::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn no_two_are_alike_and_none_is_printed() {
        let (one, two) = (SessionId::roll().unwrap(), SessionId::roll().unwrap());
        assert_ne!(one, two);
        assert_eq!(format!("{one:?}"), "SessionId(…)");
        let set = std::collections::HashSet::from([one.clone()]);
        assert!(set.contains(&SessionId::read(&one.letters()).unwrap()) && !set.contains(&two));
    }
}
