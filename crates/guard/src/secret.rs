//! Credentials: kept from being printed, and found where they should not be.

mod asked;
mod pattern;

pub use asked::asks_for_secret;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use zeroize::Zeroize;

use crate::words::words;

/// A credential of ours. It cannot be printed, compared or written by accident,
/// and its bytes are zeroed when it goes.
pub struct SecretString(String);

impl SecretString {
    /// Takes a credential over.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The credential itself. `why` is for the reader of the calling code.
    pub fn expose(&self, why: &'static str) -> &str {
        let _ = why;
        &self.0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Drop for SecretString {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// What a found credential opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the issuers'")]
pub enum SecretKind {
    PrivateKey,
    GithubToken,
    GitlabToken,
    AwsAccessKey,
    AwsSecretKey,
    GoogleApiKey,
    GoogleServiceKey,
    SlackToken,
    SlackWebhook,
    AnthropicKey,
    OpenaiKey,
    StripeKey,
    NpmToken,
    PypiToken,
    HuggingfaceToken,
    SendgridKey,
    ShopifyToken,
    DigitaloceanToken,
    DatabricksToken,
    VaultToken,
    DockerToken,
    LinearKey,
    GoogleOauthToken,
    AzureStorageKey,
    TelegramToken,
    AgeKey,
    Jwt,
    UrlPassword,
    Bearer,
    Assignment,
    HighEntropy,
}

impl SecretKind {
    /// As it stands in `<redacted:kind>`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PrivateKey => "private-key",
            Self::GithubToken => "github-token",
            Self::GitlabToken => "gitlab-token",
            Self::AwsAccessKey => "aws-access-key",
            Self::AwsSecretKey => "aws-secret-key",
            Self::GoogleApiKey => "google-api-key",
            Self::GoogleServiceKey => "google-service-key",
            Self::SlackToken => "slack-token",
            Self::SlackWebhook => "slack-webhook",
            Self::AnthropicKey => "anthropic-key",
            Self::OpenaiKey => "openai-key",
            Self::StripeKey => "stripe-key",
            Self::NpmToken => "npm-token",
            Self::PypiToken => "pypi-token",
            Self::HuggingfaceToken => "huggingface-token",
            Self::SendgridKey => "sendgrid-key",
            Self::ShopifyToken => "shopify-token",
            Self::DigitaloceanToken => "digitalocean-token",
            Self::DatabricksToken => "databricks-token",
            Self::VaultToken => "vault-token",
            Self::DockerToken => "docker-token",
            Self::LinearKey => "linear-key",
            Self::GoogleOauthToken => "google-oauth-token",
            Self::AzureStorageKey => "azure-storage-key",
            Self::TelegramToken => "telegram-token",
            Self::AgeKey => "age-key",
            Self::Jwt => "jwt",
            Self::UrlPassword => "url-password",
            Self::Bearer => "bearer",
            Self::Assignment => "assignment",
            Self::HighEntropy => "high-entropy",
        }
    }
}

/// One credential in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// What it looks like.
    pub kind: SecretKind,
    /// Where it is, in bytes.
    pub range: Range<usize>,
}

/// How sure one must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    /// For what is written down: rather too much is taken out.
    Journal,
    /// For what passes through: a file that is read and written back must not lose
    /// a word, so only what has the form of a credential, or stands beside a word
    /// that says so and cannot be code.
    Passing,
}

/// Every credential in a text, in order, none inside another.
pub fn find(text: &str) -> Vec<Hit> {
    search(text, Care::Journal)
}

/// The credentials in a text about which there is no doubt: by their issuer's
/// form, or random characters behind a word such as `password`.
pub fn find_certain(text: &str) -> Vec<Hit> {
    search(text, Care::Passing)
}

fn search(text: &str, care: Care) -> Vec<Hit> {
    // By where each begins; none overlaps another, so one neighbour tells.
    let mut hits: BTreeMap<usize, Hit> = BTreeMap::new();
    for (kind, pattern) in pattern::candidates(text) {
        if care == Care::Passing && kind == SecretKind::HighEntropy {
            continue;
        }
        for captures in pattern.captures_iter(text) {
            let Some(found) = captures.name("s").or_else(|| captures.get(0)) else { continue };
            let range = found.range();
            let before = hits.range(..range.end).next_back();
            let free = before.is_none_or(|(_, hit)| hit.range.end <= range.start);
            let sure = care == Care::Journal || is_certain(kind, found.as_str());
            if free && sure && believable(kind, found.as_str()) {
                hits.insert(range.start, Hit { kind, range });
            }
        }
    }
    hits.into_values().collect()
}

/// The text with every credential replaced by `<redacted:kind>`.
pub fn redact(text: &str) -> Cow<'_, str> {
    cover(text, find(text))
}

/// The text with every certain credential replaced by `<redacted:kind>`.
pub fn redact_certain(text: &str) -> Cow<'_, str> {
    cover(text, find_certain(text))
}

fn cover(text: &str, hits: Vec<Hit>) -> Cow<'_, str> {
    if hits.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for hit in hits {
        out.push_str(text.get(from..hit.range.start).unwrap_or_default());
        out.push_str("<redacted:");
        out.push_str(hit.kind.as_str());
        out.push('>');
        from = hit.range.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(out)
}

/// Beside a word alone, a value is a credential when it is random: letters and
/// digits, no name, no call, no path.
fn is_certain(kind: SecretKind, found: &str) -> bool {
    let any = |class: fn(&u8) -> bool| found.bytes().any(|byte| class(&byte));
    match kind {
        SecretKind::Assignment | SecretKind::UrlPassword => {
            any(u8::is_ascii_digit)
                && any(u8::is_ascii_alphabetic)
                && bits(found) >= 2.5
                && !wordy(found)
                && !found.contains(['[', '/', '\\'])
                && !is_path_of_names(found)
        }
        _ => true,
    }
}

/// `request.form.key2`: names joined by dots or colons are code.
fn is_path_of_names(text: &str) -> bool {
    let name = |piece: &str| {
        piece.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && piece.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    text.contains(['.', ':']) && text.split(['.', ':']).filter(|piece| !piece.is_empty()).all(name)
}

/// Weeds out what only looks like a credential.
fn believable(kind: SecretKind, found: &str) -> bool {
    match kind {
        SecretKind::HighEntropy => {
            let any = |class: fn(&u8) -> bool| found.bytes().filter(class).count() >= 3;
            // Hashes and UUIDs lack a class, words and paths lack digits.
            any(u8::is_ascii_lowercase)
                && any(u8::is_ascii_uppercase)
                && any(u8::is_ascii_digit)
                && bits(found) >= 4.0
                && !wordy(found)
        }
        SecretKind::Assignment => !placeholder(found),
        SecretKind::Bearer => {
            !placeholder(found) && found.bytes().any(|byte| byte.is_ascii_digit())
        }
        SecretKind::UrlPassword => !placeholder(found),
        _ => true,
    }
}

/// Names joined by dashes or underscores: every piece is a word or a number.
fn wordy(text: &str) -> bool {
    let pieces: Vec<_> =
        text.split(['-', '_', '+', '=']).filter(|piece| !piece.is_empty()).collect();
    let plain = |piece: &&str| {
        let letters = piece.trim_end_matches(|c: char| c.is_ascii_digit());
        letters.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    pieces.len() >= 3 && pieces.iter().all(plain)
}

/// `${TOKEN}`, `<your-key>`, `xxxxxxxx`, `changeme`: documentation, not secrets.
fn placeholder(text: &str) -> bool {
    let small = text.to_ascii_lowercase();
    let mut letters: Vec<_> = small.bytes().collect();
    letters.sort_unstable();
    letters.dedup();
    letters.len() < 4
        || [
            "$",
            "your",
            "example",
            "placeholder",
            "changeme",
            "redacted",
            "process.env",
            "os.environ",
            "****",
        ]
        .iter()
        .any(|sign| small.contains(sign))
}

/// Shannon entropy in bits per byte.
fn bits(text: &str) -> f64 {
    let mut counts = BTreeMap::new();
    for byte in text.bytes() {
        *counts.entry(byte).or_insert(0u32) += 1;
    }
    let total = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX));
    counts
        .values()
        .map(|count| {
            let share = f64::from(*count) / total;
            -share * share.log2()
        })
        .sum()
}

/// Whether a member of this name holds a credential: `password`, `apiKey`,
/// `Authorization`; not `nextPageToken`, `progressToken`, `max_tokens`.
pub fn secret_name(key: &str) -> bool {
    let words = words(key);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // What is said *about* a secret is none.
    const ABOUT: &[&str] = &[
        "url", "uri", "endpoint", "type", "length", "count", "policy", "expiry", "expires",
        "limit", "min", "max", "hint", "required", "enabled",
    ];
    if words.last().is_some_and(|last| ABOUT.contains(last)) {
        return false;
    }
    const SECRET: &[&str] = &[
        "password",
        "passwords",
        "passwd",
        "pwd",
        "passphrase",
        "passcode",
        "secret",
        "secrets",
        "credential",
        "credentials",
        "authorization",
        "cookie",
        "cookies",
        "apikey",
        "privatekey",
        "accesskey",
        "secretkey",
        "authtoken",
        "accesstoken",
        "refreshtoken",
        "bearer",
        "otp",
        "pat",
        "pin",
        "jwt",
    ];
    const PAIRS: &[[&str; 2]] = &[
        ["api", "key"],
        ["private", "key"],
        ["access", "key"],
        ["secret", "key"],
        ["signing", "key"],
        ["encryption", "key"],
        ["ssh", "key"],
        ["request", "state"],
        ["session", "id"],
        ["api", "keys"],
    ];
    // Tokens of another trade: pages, progress, language models.
    const HARMLESS: &[&str] = &[
        "page",
        "next",
        "progress",
        "continuation",
        "sync",
        "cursor",
        "max",
        "min",
        "start",
        "stop",
        "end",
        "eos",
        "bos",
        "pad",
        "unk",
        "previous",
        "prev",
    ];
    let token = match words.as_slice() {
        [.., before, "token"] => !HARMLESS.contains(before),
        ["token"] => true,
        _ => false,
    };
    token
        || words.iter().any(|word| SECRET.contains(word))
        || words.windows(2).any(|pair| PAIRS.iter().any(|known| known == pair))
}
