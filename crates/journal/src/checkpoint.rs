//! Checkpoints: a signed sentence about the first records of a segment.
//!
//! The format is C2SP `tlog-checkpoint`, a `signed-note` with an Ed25519 key
//! (<https://c2sp.org/tlog-checkpoint>, <https://c2sp.org/signed-note>), so that
//! other people's tools can check it:
//!
//! ```text
//! portcullis/<journal id>/000001        origin
//! 1024                                  records of the segment that it covers
//! <base64>                              RFC 6962 tree head over their hashes
//! 1024 sha256:<hex>                     number and hash of the last of them
//!
//! — portcullis/<journal id> <base64>    key hash (4 bytes) and signature
//! ```

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::chain::Hash;

/// A journal's name: sixteen hex digits of its public key's SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct JournalId(String);

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The segment's number, from 1.
    pub segment: u32,
    /// How many of its records are covered.
    pub size: u64,
    /// The tree head over their hashes.
    pub root: Hash,
    /// The number of the last of them.
    pub seq: u64,
    /// The hash of the last of them.
    pub head: Hash,
}

/// The key that signs checkpoints; zeroed when dropped, and never printed.
pub struct Signer {
    key: SigningKey,
    public: PublicKey,
}

/// The key that checks checkpoints.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    key: VerifyingKey,
    id: JournalId,
}

/// A checkpoint that this journal's key did not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a checkpoint that this journal's key has signed")]
pub struct Forged;

/// The signature type of a signed note: Ed25519.
const ED25519: u8 = 1;

impl JournalId {
    fn of(key: &VerifyingKey) -> Self {
        let digest = Sha256::digest(key.as_bytes());
        Self(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }

    /// Reads sixteen hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        (text.len() == 16 && text.bytes().all(hex)).then(|| Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, …)", self.public.id)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl Signer {
    /// The signer with this Ed25519 seed (RFC 8032, 32 bytes of entropy).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let public = PublicKey::new(key.verifying_key());
        Self { key, public }
    }

    /// The key that others check with.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The checkpoint as a signed note, ending in a newline.
    #[must_use]
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        let text = checkpoint.text(&self.public.id);
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        let mut blob = self.public.key_hash().to_vec();
        blob.extend_from_slice(&signature);
        format!("{text}\n— {} {}\n", self.public.name(), BASE64.encode(blob))
    }
}

impl PublicKey {
    fn new(key: VerifyingKey) -> Self {
        Self { id: JournalId::of(&key), key }
    }

    /// Reads the verifier key that [`PublicKey`] prints as.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // Standard base64 contains `+`, so only the first two separate.
        let encoded = text.trim_end().splitn(3, '+').nth(2)?;
        let blob = BASE64.decode(encoded).ok()?;
        let (kind, bytes) = blob.split_first()?;
        let key = VerifyingKey::from_bytes(bytes.try_into().ok()?).ok()?;
        let public = Self::new(key);
        (*kind == ED25519 && public.to_string() == text.trim_end()).then_some(public)
    }

    /// The name of the journal whose key this is.
    #[must_use]
    pub fn journal(&self) -> &JournalId {
        &self.id
    }

    fn name(&self) -> String {
        format!("portcullis/{}", self.id)
    }

    fn key_hash(&self) -> [u8; 4] {
        let digest = Sha256::new()
            .chain_update(self.name())
            .chain_update([b'\n', ED25519])
            .chain_update(self.key.as_bytes())
            .finalize();
        digest.first_chunk().copied().unwrap_or_default()
    }

    /// Checks one signed note, byte for byte, and reads what it says.
    ///
    /// # Errors
    /// [`Forged`] when the form is not exactly ours, the key is another one, or
    /// the signature does not hold.
    pub fn verify(&self, note: &str) -> Result<Checkpoint, Forged> {
        self.open(note).ok_or(Forged)
    }

    fn open(&self, note: &str) -> Option<Checkpoint> {
        let (text, signature) = note.split_once("\n\n")?;
        let checkpoint = Checkpoint::parse(text, &self.id)?;
        let line = format!("— {} ", self.name());
        let encoded = signature.strip_prefix(&line)?.strip_suffix('\n')?;
        let blob = BASE64.decode(encoded).ok()?;
        let (key_hash, signature) = blob.split_at_checked(4)?;
        let signature = Signature::from_slice(signature).ok()?;
        let text = checkpoint.text(&self.id);
        self.key.verify_strict(text.as_bytes(), &signature).ok()?;
        (key_hash == self.key_hash()).then_some(checkpoint)
    }
}

/// The C2SP verifier key: `portcullis/<journal id>+<key hash>+<base64>`.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = u32::from_be_bytes(self.key_hash());
        let mut blob = vec![ED25519];
        blob.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{hash:08x}+{}", self.name(), BASE64.encode(blob))
    }
}

impl Checkpoint {
    fn text(&self, journal: &JournalId) -> String {
        let Self { segment, size, root, seq, head } = self;
        let root = BASE64.encode(root.as_bytes());
        format!("portcullis/{journal}/{segment:06}\n{size}\n{root}\n{seq} {head}\n")
    }

    /// Reads four lines without the last newline; only the one true spelling.
    fn parse(text: &str, journal: &JournalId) -> Option<Self> {
        let mut lines = text.split('\n');
        let segment = lines.next()?.rsplit('/').next()?.parse().ok()?;
        let size = lines.next()?.parse().ok()?;
        let root = BASE64.decode(lines.next()?).ok()?.try_into().ok()?;
        let (seq, head) = lines.next()?.split_once(' ')?;
        let head = Hash::parse(head.as_bytes())?;
        let root = Hash::from_bytes(root);
        let checkpoint = Self { segment, size, root, seq: seq.parse().ok()?, head };
        (checkpoint.text(journal).strip_suffix('\n') == Some(text)).then_some(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Checkpoint {
        let [root, head] = [3, 4].map(|byte| Hash::from_bytes([byte; 32]));
        Checkpoint { segment: 2, size: 1024, root, seq: 5000, head }
    }

    #[test]
    fn a_signed_checkpoint_reads_back() {
        let signer = Signer::from_seed(&[1; 32]);
        let note = signer.sign(&sample());
        assert_eq!(signer.public().verify(&note), Ok(sample()));
        let mut lines = note.lines();
        let id = signer.public().journal();
        assert_eq!(lines.next(), Some(format!("portcullis/{id}/000002").as_str()));
        assert_eq!(lines.next(), Some("1024"));
        assert_eq!(note.lines().count(), 6);
    }

    #[test]
    fn any_changed_byte_is_a_forgery() {
        let signer = Signer::from_seed(&[1; 32]);
        let note = signer.sign(&sample());
        for place in 0..note.len() {
            for bit in 0..8 {
                let mut bytes = note.clone().into_bytes();
                bytes[place] ^= 1 << bit;
                let Ok(text) = String::from_utf8(bytes) else { continue };
                assert_eq!(signer.public().verify(&text), Err(Forged), "{text}");
            }
        }
    }

    #[test]
    fn another_key_is_a_forger() {
        let note = Signer::from_seed(&[2; 32]).sign(&sample());
        assert_eq!(Signer::from_seed(&[1; 32]).public().verify(&note), Err(Forged));
    }

    #[test]
    fn a_public_key_reads_back_and_nothing_else_does() {
        for seed in 0..64 {
            let public = Signer::from_seed(&[seed; 32]).public().clone();
            assert_eq!(PublicKey::parse(&format!("{public}\n")), Some(public));
        }
        for bad in ["", "portcullis/00", "portcullis/0123456789abcdef+00000000+AQ=="] {
            assert_eq!(PublicKey::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_signer_does_not_print_its_key() {
        let printed = format!("{:?}", Signer::from_seed(&[0x5a; 32]));
        assert!(!printed.contains("5a5a") && !printed.contains("90, 90"), "{printed}");
    }
}
