//! Keys that others sign with, as they publish them (JWK, RFC 7517). Each is bound to its kind:
//! a public key is never taken for a secret that both sides know.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, crypto};
use portcullis_wire::{Json, Object, elements};
use sha2::{Digest as _, Sha256};

use super::Wrong;
use super::jws::text;
use super::signing::{KeyKind, Signing};

/// Keys of one issuer; what is published beyond that is not looked at.
const MOST: usize = 64;
/// Deepest nesting in a document of keys: certificates stand in a list.
const DEEPEST: usize = 8;
/// A modulus, in bytes: from 2048 bits to 8192.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=1024;
/// What only whoever signs has.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A public key.
#[derive(Clone)]
pub(super) struct Key {
    kid: Option<String>,
    kind: KeyKind,
    /// What it signs, when it says so.
    only: Option<String>,
    key: DecodingKey,
    thumbprint: String,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?} {})", self.kind, self.thumbprint)
    }
}

/// The keys of one issuer.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<Key>);

impl Keys {
    /// Reads a document of keys. One of a kind that we do not know is left out, and so is one that is
    /// not for signatures.
    ///
    /// # Errors
    /// When it is no such document.
    pub fn read(document: &str) -> Result<Self, Wrong> {
        let wrong = Wrong("the issuer's keys cannot be read");
        let document = Json::parse(document, DEEPEST).map_err(|_| wrong)?.object().ok_or(wrong)?;
        let keys = document.get("keys").and_then(elements).ok_or(wrong)?;
        let keys = keys.iter().filter_map(Json::object).filter_map(|jwk| Key::read(&jwk).ok());
        Ok(Self(keys.take(MOST).collect()))
    }

    /// Those that a token with this header may be signed with: of that name, or the only one that
    /// fits when none is named.
    pub(super) fn chosen(&self, kid: Option<&str>, signing: &Signing) -> Vec<&Key> {
        let fits = self.0.iter().filter(|key| key.fits(signing));
        match kid {
            Some(kid) => fits.filter(|key| key.kid.as_deref() == Some(kid)).collect(),
            None => {
                let all: Vec<_> = fits.collect();
                if all.len() == 1 { all } else { Vec::new() }
            }
        }
    }
}

impl Key {
    /// Reads a key that is public.
    pub(super) fn read(jwk: &Object) -> Result<Self, Wrong> {
        if PRIVATE.iter().any(|member| jwk.get(member).is_some()) {
            return Err(Wrong("a key is not public"));
        }
        let signs = text(jwk, "use")?.is_none_or(|it| it == "sig");
        let operations = jwk.get("key_ops").map(|it| elements(it).unwrap_or_default());
        let verify = Json::string("verify");
        if !signs || operations.is_some_and(|all| !all.contains(&verify)) {
            return Err(Wrong("a key is not for signatures"));
        }
        let unknown = Wrong("a key is of no kind that we know");
        let member = |name: &str| text(jwk, name)?.ok_or(unknown);
        let curve = text(jwk, "crv")?;
        let (kind, key, shape) = match (member("kty")?.as_str(), curve.as_deref()) {
            ("RSA", None) => {
                let (n, e) = (member("n")?, member("e")?);
                sized(&n, MODULUS)?;
                sized(&e, 1..=8)?;
                let key = DecodingKey::from_rsa_components(&n, &e);
                (KeyKind::Rsa, key, vec![("e", e), ("kty", "RSA".to_owned()), ("n", n)])
            }
            ("EC", Some(name @ ("P-256" | "P-384"))) => {
                let (kind, size) =
                    if name == "P-256" { (KeyKind::P256, 32) } else { (KeyKind::P384, 48) };
                let (x, y) = (member("x")?, member("y")?);
                sized(&x, size..=size)?;
                sized(&y, size..=size)?;
                let key = DecodingKey::from_ec_components(&x, &y);
                let named = [("crv", name.to_owned()), ("kty", "EC".to_owned())];
                (kind, key, named.into_iter().chain([("x", x), ("y", y)]).collect())
            }
            ("OKP", Some(name @ "Ed25519")) => {
                let x = member("x")?;
                sized(&x, 32..=32)?;
                let key = DecodingKey::from_ed_components(&x);
                let shape = vec![("crv", name.to_owned()), ("kty", "OKP".to_owned()), ("x", x)];
                (KeyKind::Ed25519, key, shape)
            }
            _ => return Err(unknown),
        };
        let (kid, only) = (text(jwk, "kid")?, text(jwk, "alg")?);
        let key = key.map_err(|_| unknown)?;
        Ok(Self { kid, kind, only, key, thumbprint: thumbprint(&shape) })
    }

    /// What names it for everybody (RFC 7638).
    pub(super) fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    pub(super) fn fits(&self, signing: &Signing) -> bool {
        self.kind == signing.kind && self.only.as_ref().is_none_or(|only| only == signing.name)
    }

    pub(super) fn verifies(&self, signature: &str, signed: &[u8], signing: &Signing) -> bool {
        crypto::verify(signature, signed, &self.key, signing.algorithm).unwrap_or(false)
    }
}

fn sized(text: &str, bytes: std::ops::RangeInclusive<usize>) -> Result<(), Wrong> {
    let wrong = Wrong("a key has not the size of its kind");
    let decoded = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong)?;
    let whole = decoded.first().is_some_and(|first| *first != 0) || decoded.len() < 64;
    if bytes.contains(&decoded.len()) && whole { Ok(()) } else { Err(wrong) }
}

/// The members that make a key, in the order of their names.
fn thumbprint(shape: &[(&str, String)]) -> String {
    let members: Vec<_> = shape
        .iter()
        .map(|(name, value)| format!("\"{name}\":{}", Json::string(value).text()))
        .collect();
    digest(format!("{{{}}}", members.join(",")).as_bytes())
}

/// SHA-256 as it stands in tokens.
pub(in crate::http) fn digest(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}
