//! The ways to sign that we know: each takes one kind of key, and none a secret that both sides have.

use jsonwebtoken::Algorithm;

/// A kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// A way to sign.
#[derive(Debug, PartialEq, Eq)]
pub struct Signing {
    /// Its name (RFC 7518).
    pub name: &'static str,
    pub(super) algorithm: Algorithm,
    pub(super) kind: KeyKind,
}

const fn signing(name: &'static str, algorithm: Algorithm, kind: KeyKind) -> Signing {
    Signing { name, algorithm, kind }
}

/// All of them.
pub(super) static ALL: &[Signing] = &[
    signing("ES256", Algorithm::ES256, KeyKind::P256),
    signing("ES384", Algorithm::ES384, KeyKind::P384),
    signing("EdDSA", Algorithm::EdDSA, KeyKind::Ed25519),
    signing("PS256", Algorithm::PS256, KeyKind::Rsa),
    signing("PS384", Algorithm::PS384, KeyKind::Rsa),
    signing("PS512", Algorithm::PS512, KeyKind::Rsa),
    signing("RS256", Algorithm::RS256, KeyKind::Rsa),
    signing("RS384", Algorithm::RS384, KeyKind::Rsa),
    signing("RS512", Algorithm::RS512, KeyKind::Rsa),
];

impl Signing {
    /// The one of this name, letter by letter.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|signing| signing.name == name)
    }
}
