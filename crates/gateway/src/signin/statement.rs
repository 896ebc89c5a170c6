//! A signed statement of who we are (RFC 7523): ES256, good for a minute, used once.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use portcullis_guard::secret::SecretString;
use portcullis_oauth::Asked;
use serde_json::json;

use crate::dice;
use crate::fault::Fault;

/// How long a statement is good for, in seconds.
const GOOD: u64 = 60;

/// Signs statements.
pub(super) struct Signer(EcdsaKeyPair);

impl Signer {
    /// Reads a P-256 key as PKCS #8 in PEM.
    pub(super) fn read(pem: &SecretString) -> Result<Self, Fault> {
        let unfit =
            || Fault::operator("`private_key` is no P-256 key in PKCS #8: `BEGIN PRIVATE KEY`");
        let text = pem.expose("to sign with");
        let body: String =
            text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
        let der = STANDARD.decode(body).map_err(|_| unfit())?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der);
        pair.map(Self).map_err(|_| unfit())
    }

    /// A statement for one authorization server.
    pub(super) fn sign(&self, asked: &Asked, now: u64) -> Result<String, String> {
        let [first, last] = dice::two().map_err(|fault| fault.to_string())?;
        let head = json!({"alg": "ES256", "typ": "JWT"}).to_string();
        let claims = json!({
            "iss": asked.client_id,
            "sub": asked.client_id,
            "aud": asked.audience,
            "iat": now,
            "exp": now.saturating_add(GOOD),
            "jti": format!("{first:016x}{last:016x}"),
        });
        let text = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(head),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = self.0.sign(&SystemRandom::new(), text.as_bytes());
        let signature = signature.map_err(|_| "the statement cannot be signed".to_owned())?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
