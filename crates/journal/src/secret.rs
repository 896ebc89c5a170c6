//! Stands in for `portcullis_guard::secret` until that module exists.

use std::borrow::Cow;

/// Whether a member of this name holds a secret.
pub(crate) fn secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "passwd", "secret", "token", "api_key", "apikey", "authorization", "credential"]
        .iter()
        .any(|word| name.contains(word))
}

/// The text without the secrets that it is known to contain.
pub(crate) fn redact(text: &str) -> Cow<'_, str> {
    if text.contains("-----BEGIN ") || text.contains("ghp_") {
        return Cow::Borrowed("<redacted:secret>");
    }
    Cow::Borrowed(text)
}
