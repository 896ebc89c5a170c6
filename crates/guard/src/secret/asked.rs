//! Whether a text asks a person for a credential.

use crate::text::is_hidden;
use crate::words::words;

/// One of these words is enough.
const ALONE: &[&str] = &[
    "password",
    "passwords",
    "passwort",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "passkey",
    "otp",
    "totp",
    "cvv",
    "cvc",
    "cvv2",
    "iban",
    "ssn",
    "apikey",
    "mnemonic",
    "jwt",
    "credential",
    "credentials",
];
/// These two beside each other.
const PAIRS: &[[&str; 2]] = &[
    ["api", "key"],
    ["api", "keys"],
    ["api", "token"],
    ["access", "token"],
    ["access", "key"],
    ["auth", "token"],
    ["bearer", "token"],
    ["refresh", "token"],
    ["session", "token"],
    ["security", "token"],
    ["github", "token"],
    ["personal", "token"],
    ["secret", "key"],
    ["private", "key"],
    ["signing", "key"],
    ["ssh", "key"],
    ["client", "secret"],
    ["security", "code"],
    ["verification", "code"],
    ["authentication", "code"],
    ["pin", "code"],
    ["your", "pin"],
    ["card", "number"],
    ["credit", "card"],
    ["debit", "card"],
    ["account", "number"],
    ["routing", "number"],
    ["social", "security"],
    ["recovery", "phrase"],
    ["recovery", "code"],
    ["seed", "phrase"],
    ["backup", "code"],
];
/// These one after the other, with nothing between.
const SPLIT: &[[&str; 2]] = &[["pass", "word"], ["pass", "phrase"], ["pass", "code"]];

/// Whether a text for a person (a message, a title, a description, the name of a
/// field) asks for a password, a key, a code or the number of a card.
#[must_use]
pub fn asks_for_secret(text: &str) -> bool {
    // What shows nothing would hide a word from this, and not from a person.
    let shows = |letter: &char| *letter == ' ' || letter.is_whitespace() || !is_hidden(*letter);
    let plain: String = text.chars().filter(shows).collect();
    let words = words(&plain);
    let pair = |known: &[[&str; 2]]| {
        words.windows(2).any(|two| known.iter().any(|known| two.iter().eq(known.iter())))
    };
    words.iter().any(|word| ALONE.contains(&word.as_str()))
        || pair(PAIRS)
        || pair(SPLIT)
        // `p a s s w o r d`
        || spelled(&words)
}

fn spelled(words: &[String]) -> bool {
    let letters: String = words
        .iter()
        .map(|word| if word.chars().count() == 1 { word.as_str() } else { " " })
        .collect();
    ALONE.iter().any(|word| word.len() > 4 && letters.contains(word))
}

#[cfg(test)]
mod tests {
    use super::asks_for_secret;

    #[test]
    fn a_text_that_asks_for_a_secret_is_known_by_its_words() {
        for (text, expect) in [
            ("Your session expired. Password?", true),
            ("password", true),
            ("githubToken", true),
            ("api_key", true),
            ("Please enter the API key of your account", true),
            ("apiKey", true),
            ("Card number", true),
            ("CVV", true),
            ("enter the 6-digit verification code", true),
            ("seed phrase", true),
            ("pass\u{200b}word", true),
            ("p a s s w o r d", true),
            ("pass-word", true),
            ("What is your PIN code?", true),
            ("your name", false),
            ("Which line of the file?", false),
            ("project key", false),
            ("postal code", false),
            ("max tokens", false),
            ("a secret santa list", false),
            ("keyboard layout", false),
            ("country code", false),
            ("discard changes?", false),
            ("", false),
        ] {
            assert_eq!(asks_for_secret(text), expect, "{text}");
        }
    }
}
