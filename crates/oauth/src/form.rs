//! `application/x-www-form-urlencoded`, written and read strictly.

/// Writes pairs.
pub(crate) fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let pair = |(name, value): (&str, &str)| format!("{}={}", escape(name), escape(value));
    pairs.into_iter().map(pair).collect::<Vec<_>>().join("&")
}

/// Everything but letters, digits and `-._~` as `%XX` (RFC 3986, 2.3): every reader decodes that.
pub(crate) fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            all.push(char::from(byte));
        } else {
            all.push_str(&format!("%{byte:02X}"));
        }
        all
    })
}

/// Reads pairs; nothing when a name or a value cannot be decoded.
pub(crate) fn decode(text: &str) -> Option<Vec<(String, String)>> {
    let pieces = text.split('&').filter(|piece| !piece.is_empty());
    pieces
        .map(|piece| {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            Some((unescape(name)?, unescape(value)?))
        })
        .collect()
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte if byte.is_ascii_graphic() => byte,
            _ => return None,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let pairs = [("a b", "c&d=e"), ("\u{e4}", "%+~"), ("empty", "")];
        let text = encode(pairs);
        assert_eq!(text, "a%20b=c%26d%3De&%C3%A4=%25%2B~&empty=");
        let read = decode(&text).unwrap();
        assert!(read.iter().map(|(n, v)| (n.as_str(), v.as_str())).eq(pairs));
        for odd in ["a=%", "a=%4", "a=%zz", "a=%ff", "a=\u{e4}", "a=b c"] {
            assert_eq!(decode(odd), None, "{odd}");
        }
        assert_eq!(decode("a+b=+"), Some(vec![("a b".to_owned(), " ".to_owned())]));
    }
}
