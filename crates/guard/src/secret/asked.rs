//! Whether a text asks a person for a credential.

use crate::text::fold::fold;
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
    // The same in languages whose words stand apart, without their accents.
    "contrasena",
    "contrasenas",
    "kennwort",
    "motdepasse",
    "wachtwoord",
    "senha",
    "haslo",
    "heslo",
    "losenord",
    "adgangskode",
    "passord",
    "salasana",
    "jelszo",
    "sifre",
    "пароль",
    "пароля",
    "пароли",
];
/// The same in languages that write words without spaces, or endings onto them.
const WITHIN: &[&str] = &[
    "密码",
    "密碼",
    "口令",
    "パスワード",
    "暗証番号",
    "비밀번호",
    "รหัสผ่าน",
    "पासवर्ड",
    "كلمة المرور",
    "كلمة السر",
    "סיסמה",
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
    ["de", "passe"],
    ["palavra", "passe"],
    ["mat", "khau"],
    ["kata", "sandi"],
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
    let folded: String = plain.chars().filter_map(dressed).collect();
    WITHIN.iter().any(|word| plain.contains(word))
        || [plain, folded.clone(), folded.chars().map(drawn).collect()]
            .iter()
            .any(|reading| says_secret(reading))
}

/// A letter without its accent and of the alphabet that it looks like; a mark that is
/// only put on the letter before it is none.
fn dressed(letter: char) -> Option<char> {
    match letter {
        '\u{300}'..='\u{36f}' => None,
        _ if letter.is_ascii() => Some(letter),
        _ => Some(fold(letter).map_or(letter, char::from)),
    }
}

/// What a digit or a sign is drawn for, within a word.
fn drawn(letter: char) -> char {
    match letter {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        _ => letter,
    }
}

fn says_secret(plain: &str) -> bool {
    let words = words(plain);
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
            ("Ｐａｓｓｗｏｒｄ", true),
            ("Ваш p\u{430}ssw\u{43e}rd", true),
            ("pa\u{301}ssword", true),
            ("passw0rd", true),
            ("p@$$word", true),
            ("Contraseña de la cuenta", true),
            ("CONTRASEN\u{303}A", true),
            ("Votre mot de passe", true),
            ("Введите пароль", true),
            ("请输入密码", true),
            ("パスワードを入力", true),
            ("비밀번호를 입력하세요", true),
            ("Wachtwoord?", true),
            ("le mot de la fin", false),
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
