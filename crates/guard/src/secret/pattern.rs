//! What credentials look like, and which looks a text may have.
//!
//! One pass finds the beginnings of all forms; an expression runs only when one
//! of its beginnings is there. Each expression is linear, so a text costs at
//! most one pass for each form that it hints at.

use std::collections::BTreeSet;
use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::Regex;

use super::SecretKind;

/// The formats, as their issuers document them, each with its beginnings in small
/// letters (none: always tried). A group named `s` is the secret
/// where the match is longer. Order is precedence when two overlap. A beginning that is in no word of any language needs
/// no boundary before it: whoever writes a letter there would hide the token.
const PATTERNS: &[(SecretKind, &[&str], &str)] = &[
    (
        SecretKind::PrivateKey,
        &["-----begin"],
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\z)",
    ),
    (
        SecretKind::GithubToken,
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
        r"(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{40,255})",
    ),
    (SecretKind::GitlabToken, &["glpat-"], r"glpat-[A-Za-z0-9_-]{20,}"),
    (SecretKind::AwsAccessKey, &["akia", "asia"], r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    (
        SecretKind::AwsSecretKey,
        &["aws"],
        r#"(?i)aws.{0,20}?secret.{0,20}?[=:"'\s](?-i:(?P<s>[A-Za-z0-9/+]{40}))(?:[^A-Za-z0-9/+=]|$)"#,
    ),
    (SecretKind::GoogleApiKey, &["aiza"], r"\bAIza[A-Za-z0-9_-]{35}"),
    (
        SecretKind::GoogleServiceKey,
        &["private_key_id"],
        r#""private_key_id"\s*:\s*"(?P<s>[0-9a-f]{40})""#,
    ),
    (SecretKind::SlackToken, &["xox"], r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    (
        SecretKind::SlackWebhook,
        &["hooks.slack.com"],
        r"hooks\.slack\.com/services/(?P<s>T[A-Za-z0-9_]+/B[A-Za-z0-9_]+/[A-Za-z0-9_]+)",
    ),
    (SecretKind::AnthropicKey, &["sk-ant-"], r"sk-ant-[A-Za-z0-9_-]{20,}"),
    (
        SecretKind::StripeKey,
        &["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"],
        r"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}|\bwhsec_[A-Za-z0-9+/=]{24,}",
    ),
    (
        SecretKind::OpenaiKey,
        &["sk-"],
        r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]*[A-Za-z0-9]{20,}[A-Za-z0-9_-]*",
    ),
    (SecretKind::NpmToken, &["npm_"], r"\bnpm_[A-Za-z0-9]{36}"),
    (SecretKind::PypiToken, &["pypi-"], r"\bpypi-[A-Za-z0-9_-]{16,}"),
    (SecretKind::HuggingfaceToken, &["hf_"], r"\bhf_[A-Za-z0-9]{30,64}\b"),
    (SecretKind::SendgridKey, &["sg."], r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    (
        SecretKind::ShopifyToken,
        &["shpat_", "shpca_", "shppa_", "shpss_"],
        r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b",
    ),
    (
        SecretKind::DigitaloceanToken,
        &["dop_v1_", "doo_v1_", "dor_v1_"],
        r"do[opr]_v1_[0-9a-f]{64}\b",
    ),
    (SecretKind::DatabricksToken, &["dapi"], r"\bdapi[0-9a-f]{32}\b"),
    (SecretKind::VaultToken, &["hvs.", "hvb."], r"\bhv[sb]\.[A-Za-z0-9_-]{24,}"),
    (SecretKind::DockerToken, &["dckr_pat_"], r"dckr_pat_[A-Za-z0-9_-]{20,}"),
    (SecretKind::LinearKey, &["lin_api_"], r"lin_api_[A-Za-z0-9]{32,}"),
    (SecretKind::GoogleOauthToken, &["ya29."], r"\bya29\.[A-Za-z0-9_-]{20,}"),
    (SecretKind::AzureStorageKey, &["accountkey="], r"(?i)AccountKey=(?P<s>[A-Za-z0-9+/]{86}==)"),
    (SecretKind::TelegramToken, &[":aa"], r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}\b"),
    (
        SecretKind::AgeKey,
        &["age-secret-key-1"],
        r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}",
    ),
    (SecretKind::Jwt, &["eyj"], r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
    (
        SecretKind::UrlPassword,
        &["://"],
        r"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@'\x22<>]*:(?P<s>[^\s/@'\x22<>]+)@",
    ),
    (
        SecretKind::Bearer,
        &["bearer", "basic"],
        r"(?i)\b(?:bearer|basic)\s+(?P<s>[A-Za-z0-9._~+/=-]{16,})",
    ),
    (
        SecretKind::Assignment,
        &[
            "passw",
            "pwd",
            "secret",
            "api_key",
            "api-key",
            "apikey",
            "token",
            "private_key",
            "private-key",
            "privatekey",
        ],
        r#"(?i)(?:password|passwd|pwd|secret|api[_-]?key|(?:access|auth)[_-]?token|private[_-]?key)["']?\s*[:=]\s*["']?(?P<s>[^\s"',;<>{}()$]{8,})"#,
    ),
    (SecretKind::HighEntropy, &[], r"[A-Za-z0-9+_=-]{32,200}"),
];

struct Patterns {
    /// Every beginning, and for each which pattern it belongs to.
    beginnings: Option<AhoCorasick>,
    belongs: Vec<usize>,
    /// Compiled when one of its beginnings is first seen: all of them together are
    /// half of what a start takes.
    each: Vec<OnceLock<Option<Regex>>>,
}

static COMPILED: LazyLock<Patterns> = LazyLock::new(|| {
    let each = PATTERNS.iter().map(|_| OnceLock::new()).collect();
    let numbered = PATTERNS.iter().enumerate();
    let beginnings: Vec<(&str, usize)> = numbered
        .flat_map(|(at, (_, words, _))| words.iter().map(move |word| (*word, at)))
        .collect();
    let belongs = beginnings.iter().map(|(_, at)| *at).collect();
    let words = beginnings.iter().map(|(word, _)| word);
    let beginnings = AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::DFA))
        .ascii_case_insensitive(true)
        .build(words)
        .ok();
    Patterns { beginnings, belongs, each }
});

/// The patterns that may match, in the order of their precedence.
pub(super) fn candidates(text: &str) -> impl Iterator<Item = (SecretKind, &'static Regex)> {
    let always = PATTERNS.iter().enumerate().filter(|(_, (_, words, _))| words.is_empty());
    let mut tried: BTreeSet<usize> = always.map(|(at, _)| at).collect();
    match &COMPILED.beginnings {
        Some(beginnings) => tried.extend(
            beginnings
                .find_overlapping_iter(text)
                .filter_map(|hit| COMPILED.belongs.get(hit.pattern().as_usize()).copied()),
        ),
        None => tried.extend(0..PATTERNS.len()),
    }
    tried.into_iter().filter_map(|at| {
        let (kind, _, pattern) = PATTERNS.get(at)?;
        // A pattern that does not compile would find nothing: a test finds each kind.
        let compiled = COMPILED.each.get(at)?.get_or_init(|| Regex::new(pattern).ok());
        Some((*kind, compiled.as_ref()?))
    })
}
