//! Credentials: kept from being printed, and found where they should not be.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Regex, RegexSet};
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

/// The formats, as their issuers document them. A group named `s` is the secret
/// where the match is longer. Order is precedence when two overlap.
const PATTERNS: &[(SecretKind, &str)] = &[
    (
        SecretKind::PrivateKey,
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\z)",
    ),
    (
        SecretKind::GithubToken,
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{40,255})",
    ),
    (SecretKind::GitlabToken, r"\bglpat-[A-Za-z0-9_-]{20,}"),
    (SecretKind::AwsAccessKey, r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    (
        SecretKind::AwsSecretKey,
        r#"(?i)aws.{0,20}?secret.{0,20}?[=:"'\s](?-i:(?P<s>[A-Za-z0-9/+]{40}))(?:[^A-Za-z0-9/+=]|$)"#,
    ),
    (SecretKind::GoogleApiKey, r"\bAIza[A-Za-z0-9_-]{35}"),
    (SecretKind::GoogleServiceKey, r#""private_key_id"\s*:\s*"(?P<s>[0-9a-f]{40})""#),
    (SecretKind::SlackToken, r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    (
        SecretKind::SlackWebhook,
        r"hooks\.slack\.com/services/(?P<s>T[A-Za-z0-9_]+/B[A-Za-z0-9_]+/[A-Za-z0-9_]+)",
    ),
    (SecretKind::AnthropicKey, r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
    (
        SecretKind::StripeKey,
        r"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}|\bwhsec_[A-Za-z0-9+/=]{24,}",
    ),
    (
        SecretKind::OpenaiKey,
        r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]*[A-Za-z0-9]{20,}[A-Za-z0-9_-]*",
    ),
    (SecretKind::NpmToken, r"\bnpm_[A-Za-z0-9]{36}"),
    (SecretKind::PypiToken, r"\bpypi-[A-Za-z0-9_-]{16,}"),
    (SecretKind::Jwt, r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
    (
        SecretKind::UrlPassword,
        r"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@'\x22<>]*:(?P<s>[^\s/@'\x22<>]+)@",
    ),
    (SecretKind::Bearer, r"(?i)\b(?:bearer|basic)\s+(?P<s>[A-Za-z0-9._~+/=-]{16,})"),
    (
        SecretKind::Assignment,
        r#"(?i)(?:password|passwd|pwd|secret|api[_-]?key|(?:access|auth)[_-]?token|private[_-]?key)["']?\s*[:=]\s*["']?(?P<s>[^\s"',;<>{}()$]{8,})"#,
    ),
    (SecretKind::HighEntropy, r"[A-Za-z0-9+_=-]{32,200}"),
];

struct Patterns {
    /// Tells in one pass which patterns to run; without it all are run.
    any: Option<RegexSet>,
    each: Vec<(SecretKind, Regex)>,
}

/// A pattern that does not compile would find nothing: a test finds each kind.
static COMPILED: LazyLock<Patterns> = LazyLock::new(|| {
    let compile = |(kind, pattern): &(SecretKind, &str)| Some((*kind, Regex::new(pattern).ok()?));
    let each: Vec<_> = PATTERNS.iter().filter_map(compile).collect();
    let any = RegexSet::new(each.iter().map(|(_, pattern)| pattern.as_str())).ok();
    Patterns { any, each }
});

/// Every credential in a text, in order, none inside another.
pub fn find(text: &str) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    let matches = COMPILED.any.as_ref().map(|any| any.matches(text));
    for (at, (kind, pattern)) in COMPILED.each.iter().enumerate() {
        if matches.as_ref().is_some_and(|matches| !matches.matched(at)) {
            continue;
        }
        for captures in pattern.captures_iter(text) {
            let Some(found) = captures.name("s").or_else(|| captures.get(0)) else { continue };
            let range = found.range();
            let known = |hit: &Hit| hit.range.start < range.end && range.start < hit.range.end;
            if believable(*kind, found.as_str()) && !hits.iter().any(known) {
                hits.push(Hit { kind: *kind, range });
            }
        }
    }
    hits.sort_by_key(|hit| hit.range.start);
    hits
}

/// The text with every credential replaced by `<redacted:kind>`.
pub fn redact(text: &str) -> Cow<'_, str> {
    let hits = find(text);
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
    let mut counts = std::collections::BTreeMap::new();
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
