//! Credentials are found, and little else is.

use portcullis_guard::secret::{
    SecretString, find, find_certain, redact, redact_certain, secret_name,
};
use proptest::prelude::*;

/// Built from pieces, so that no scanner takes this file for a leak.
fn credentials() -> Vec<(&'static str, String)> {
    let mixed = "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5";
    vec![
        ("github-token", format!("gh{}_{mixed}", "p")),
        ("github-token", format!("gh{}_{mixed}", "s")),
        ("github-token", format!("github_{}_{mixed}_{mixed}", "pat")),
        ("gitlab-token", format!("gl{}-{}", "pat", &mixed[..20])),
        ("aws-access-key", format!("AK{}", "IAIOSFODNN7EXAMPLE")),
        ("aws-secret-key", format!("aws_secret_access_key = {mixed}abC1")),
        ("google-api-key", format!("AI{}{}", "za", &mixed[..35])),
        (
            "google-service-key",
            format!("\"private_key_id\": \"{}\"", "0123456789abcdef0123456789abcdef01234567"),
        ),
        ("slack-token", format!("xo{}-123456789012-{}", "xb", &mixed[..12])),
        (
            "slack-webhook",
            format!("https://hooks.{}/services/T0AB/B0CD/{}", "slack.com", &mixed[..24]),
        ),
        ("anthropic-key", format!("sk-{}-api03-{mixed}", "ant")),
        ("openai-key", format!("sk-{}{mixed}", "proj-")),
        ("openai-key", format!("sk-{mixed}")),
        ("stripe-key", format!("sk_{}_{}", "live", &mixed[..24])),
        ("npm-token", format!("np{}_{mixed}", "m")),
        ("pypi-token", format!("py{}-{mixed}{mixed}", "pi")),
        ("huggingface-token", format!("h{}_{}", "f", &mixed[..34])),
        ("sendgrid-key", format!("S{}.{}.{}aB3dE5f", "G", &mixed[..22], mixed)),
        ("shopify-token", format!("shp{}_{}", "at", "0123456789abcdef0123456789abcdef")),
        ("digitalocean-token", format!("do{}_v1_{}", "p", "0123456789abcdef".repeat(4))),
        ("databricks-token", format!("da{}{}", "pi", "0123456789abcdef".repeat(2))),
        ("vault-token", format!("hv{}.{}", "s", &mixed[..30])),
        ("docker-token", format!("dckr_{}_{}", "pat", &mixed[..27])),
        ("linear-key", format!("lin_{}_{mixed}abcd", "api")),
        ("google-oauth-token", format!("ya{}.{mixed}", "29")),
        ("azure-storage-key", format!("Account{}={}==", "Key", "aB3dE5".repeat(14) + "fG")),
        ("telegram-token", format!("123456789:{}{}", "AA", &mixed[..33])),
        ("age-key", format!("AGE-{}-KEY-1{}", "SECRET", "QPZRY9X8GF".repeat(5) + "QPZRY9X8")),
        ("jwt", format!("ey{}.eyJzdWIiOiIxMjM0In0.{mixed}", "JhbGciOiJIUzI1NiJ9")),
        (
            "private-key",
            format!("-----BEGIN RSA {} KEY-----\nMIIE\n-----END RSA {0} KEY-----", "PRIVATE"),
        ),
        ("url-password", format!("postgres://me:{}@db/x", "hunter2hunter2")),
        ("bearer", format!("Authorization: Bearer {}", &mixed[..20])),
        ("assignment", format!("password={}", "correct-horse-battery")),
        ("assignment", format!("\"api_key\": \"{}\"", "abcdef123456")),
        ("high-entropy", mixed.to_owned()),
    ]
}

#[test]
fn every_format_is_found_and_removed() {
    for (kind, text) in credentials() {
        let wrapped = format!("before ({text}) after");
        let hits = find(&wrapped);
        assert_eq!(hits.len(), 1, "{kind}: {text}: {hits:?}");
        assert_eq!(hits[0].kind.as_str(), kind, "{text}");
        let clean = redact(&wrapped);
        assert!(clean.contains(&format!("<redacted:{kind}>")), "{clean}");
        assert!(clean.starts_with("before (") && clean.ends_with(" after"), "{clean}");
        assert!(!clean.contains(&wrapped[hits[0].range.clone()]));
    }
}

/// Whoever sends a token on may write letters before it.
#[test]
fn letters_before_a_token_hide_nothing() {
    let unlike_words = [
        "github-token",
        "gitlab-token",
        "anthropic-key",
        "shopify-token",
        "digitalocean-token",
        "docker-token",
        "linear-key",
        "age-key",
    ];
    let mut tried = 0;
    for (kind, text) in credentials().into_iter().filter(|(kind, _)| unlike_words.contains(kind)) {
        let glued = format!("bbbbbbbb{text}");
        let found = find_certain(&glued);
        assert!(found.iter().any(|hit| hit.kind.as_str() == kind), "{glued}: {found:?}");
        assert!(!redact_certain(&glued).contains(&text), "{glued}");
        tried += 1;
    }
    assert_eq!(tried, 10);
}

#[test]
fn what_passes_through_loses_only_what_is_certain() {
    for (kind, text) in credentials() {
        let certain = match kind {
            // Random characters alone may be a picture or a checksum.
            "high-entropy" => false,
            // Words alone may be anything.
            "assignment" => text.contains("abcdef123456"),
            _ => true,
        };
        assert_eq!(!find_certain(&text).is_empty(), certain, "{kind}: {text}");
    }
    let mixed = "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5";
    for honest in [
        format!("integrity sha512-{mixed}{mixed}=="),
        format!("data:image/png;base64,{mixed}{mixed}{mixed}"),
        "password = request.form.password2".to_owned(),
        "api_key = settings.API_KEY_1 or config[\"key1\"]".to_owned(),
        "const secret = await readSecret1(name)".to_owned(),
        "password: z.string().min(8)".to_owned(),
        "auth_token=path/to/token1".to_owned(),
        "postgresql://user:password@localhost/db".to_owned(),
        "https://example.com:8080/a@b1".to_owned(),
    ] {
        assert_eq!(find_certain(&honest), [], "{honest}");
    }
    let line = format!("password={} # rotated", "tr0ub4dor9x7");
    assert_eq!(redact_certain(&line), "password=<redacted:assignment> # rotated");
}

#[test]
fn many_credentials_cost_no_more_than_their_bytes() {
    let token = format!("gh{}_{} ", "p", "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5");
    assert_eq!(find(&token.repeat(20_000)).len(), 20_000);
}

#[test]
fn a_key_without_an_end_goes_to_the_end() {
    let text = format!("a -----BEGIN {} KEY-----\nMIIE\nabc", "PRIVATE");
    assert_eq!(redact(&text), "a <redacted:private-key>");
}

#[test]
fn what_only_looks_like_one_stays() {
    let honest = [
        "commit 0fc13d7a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "id 550e8400-e29b-41d4-a716-446655440000",
        "/usr/local/lib/python3.11/site-packages/mcp/server/session.py",
        "com.example.VeryLongClassNameWithoutAnyDigitsInItAtAll",
        "crates/portcullis-mediation/src/control/approve_destructive.rs",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "========================================",
        "the max_tokens of the next request is 4096",
        "nextPageToken and progressToken",
        "https://example.com:8080/a@b",
        "git@github.com:owner/name.git",
        "Bearer authentication is required",
        "password: ${DB_PASSWORD}",
        "api_key=<your-api-key>",
        "password=xxxxxxxxxxxx",
        "skills and tasks, risk-based-approach-to-everything-we-do",
        "THIS_IS_A_VERY_LONG_CONSTANT_NAME_WITH_NUMBER_42",
        "my-Feature-Branch-Name-With-Many-Words-2024-final",
        "2026-07-28T12:00:00.000000000+00:00",
        "",
    ];
    for text in honest {
        assert_eq!(find(text), [], "{text}");
        assert_eq!(redact(text), text);
    }
}

#[test]
fn names_of_secrets() {
    for name in [
        "password",
        "userPassword",
        "PASSWD",
        "api_key",
        "apiKey",
        "X-API-Key",
        "apikey",
        "token",
        "access_token",
        "githubToken",
        "GITHUB_TOKEN",
        "client_secret",
        "Authorization",
        "Set-Cookie",
        "credentials",
        "private_key",
        "requestState",
        "passphrase",
        "sessionId",
        "jwt",
        "ssh_key",
    ] {
        assert!(secret_name(name), "{name}");
    }
    for name in [
        "nextPageToken",
        "page_token",
        "progressToken",
        "max_tokens",
        "maxTokens",
        "token_count",
        "tokens",
        "tokenizer",
        "key",
        "keys",
        "path",
        "secretary",
        "author",
        "stop_token",
        "password_policy",
        "token_type",
        "passing",
        "state",
        "monkey",
        "",
    ] {
        assert!(!secret_name(name), "{name}");
    }
}

#[test]
fn our_secrets_do_not_print() {
    let secret = SecretString::new("hunter2".to_owned());
    assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "Secret(…) Some(Secret(…))");
    assert_eq!((secret.expose("to test it"), secret.is_empty()), ("hunter2", false));
}

proptest! {
    #[test]
    fn redacting_twice_is_redacting_once(text in any::<String>(), at in 0usize..35) {
        let credential = credentials().swap_remove(at).1;
        let once = redact(&format!("{text} {credential} {text}")).into_owned();
        prop_assert_eq!(redact(&once), once.as_str());
    }
}
