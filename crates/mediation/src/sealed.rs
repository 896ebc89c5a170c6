//! What we hand to the client to keep for us: pagination cursors and the state of
//! calls that a server left open. It comes back from a peer, so it is sealed.
//!
//! An envelope is `base64url(serial ‖ ciphertext ‖ tag)`: AES-256-GCM-SIV (RFC 8452) over
//! [`Kept`], bound to everything it is for: principal, server, method and the canonical
//! parameters (MCP-SESS-07, -08). Whoever keeps it reads neither the server's own state nor our
//! counts. The key is a session's own, so an envelope of another session is as forged as any
//! other. The nonce is the serial, which no two envelopes of a session share; should two ever, this
//! algorithm tells only whether they were equal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::control::answers_match_questions::Asked;

/// Length of a serial in an envelope, in bytes.
const SERIAL: usize = size_of::<u64>();
/// States that may be open at once; the oldest is forgotten, and so refused.
const OPEN: usize = 256;

/// The key of a session's envelopes and names: 256 bits of the caller's entropy.
pub struct SealKey {
    /// Encrypts envelopes. Without it nothing is sealed and nothing opens.
    envelopes: Option<LessSafeKey>,
    /// Makes names (HMAC-SHA256, RFC 2104), and the key above.
    block: [u8; 64],
}

impl SealKey {
    /// A key from entropy.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        let mut block = [0; 64];
        for (place, byte) in block.iter_mut().zip(key) {
            *place = byte;
        }
        let own = tag(&block, b"envelopes", "key").finalize().into_bytes();
        let envelopes = UnboundKey::new(&AES_256_GCM_SIV, &own).ok().map(LessSafeKey::new);
        Self { envelopes, block }
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(…)")
    }
}

/// What stands in an envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Names the envelope; each is a different one.
    pub(crate) serial: u64,
    /// Milliseconds of the session at which its story began.
    pub(crate) since: u64,
    /// How many answers came before: pages of a list, rounds of a call.
    pub(crate) round: u32,
    /// How many of the last rounds asked for nothing.
    pub(crate) idle: u32,
    /// How many questions for the person came with the call.
    pub(crate) people: u32,
    /// An earlier page was nobody else's.
    pub(crate) private: bool,
    /// The questions that may be answered.
    pub(crate) asked: BTreeMap<String, Asked>,
    /// What the server gave; a server may have left a call open without a state.
    pub(crate) inner: Option<String>,
}

/// The envelopes of one session.
#[derive(Debug, Default)]
pub(crate) struct Seals {
    /// When the session was first told the time.
    epoch: Option<Instant>,
    last: u64,
    /// States that were given out and not used yet.
    open: BTreeSet<u64>,
}

impl Seals {
    /// Milliseconds since the session was first told the time.
    pub(crate) fn clock(&mut self, now: Instant) -> u64 {
        let epoch = *self.epoch.get_or_insert(now);
        millis(now.saturating_duration_since(epoch))
    }

    /// A number that no other envelope has.
    pub(crate) fn serial(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Remembers a state that was given out.
    pub(crate) fn give(&mut self, serial: u64) {
        self.open.insert(serial);
        if self.open.len() > OPEN {
            self.open.pop_first();
        }
    }

    /// Whether a state was given out and not used yet.
    pub(crate) fn is_open(&self, serial: u64) -> bool {
        self.open.contains(&serial)
    }

    /// Uses a state up.
    pub(crate) fn spend(&mut self, serial: u64) {
        self.open.remove(&serial);
    }
}

pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Seals what is kept, bound to a text. What cannot be sealed is an envelope that never opens.
pub(crate) fn seal(key: &SealKey, kept: &Kept, bound: &str) -> String {
    // A struct of texts and numbers has a JSON form.
    let mut sealed = serde_json::to_vec(kept).unwrap_or_default();
    let encrypted = key
        .envelopes
        .as_ref()
        .map(|key| key.seal_in_place_append_tag(nonce(kept.serial), Aad::from(bound), &mut sealed));
    if !matches!(encrypted, Some(Ok(()))) {
        return String::new();
    }
    let mut envelope = kept.serial.to_be_bytes().to_vec();
    envelope.append(&mut sealed);
    URL_SAFE_NO_PAD.encode(envelope)
}

/// Opens an envelope that was sealed with this key and bound to this text.
pub(crate) fn open(key: &SealKey, envelope: &str, bound: &str) -> Option<Kept> {
    let mut bytes = URL_SAFE_NO_PAD.decode(envelope).ok()?;
    let (serial, sealed) = bytes.split_first_chunk_mut::<SERIAL>()?;
    let serial = u64::from_be_bytes(*serial);
    let payload =
        key.envelopes.as_ref()?.open_in_place(nonce(serial), Aad::from(bound), sealed).ok()?;
    serde_json::from_slice(payload).ok().filter(|kept: &Kept| kept.serial == serial)
}

/// A name that nobody else can make: 128 bits of the key's, base64url.
pub(crate) fn name(key: &SealKey, kind: &str, serial: u64) -> String {
    let whole = tag(&key.block, &serial.to_be_bytes(), kind).finalize().into_bytes();
    URL_SAFE_NO_PAD.encode(whole.get(..16).unwrap_or_default())
}

fn nonce(serial: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    for (place, byte) in bytes.iter_mut().zip(serial.to_be_bytes()) {
        *place = byte;
    }
    Nonce::assume_unique_for_key(bytes)
}

fn tag(block: &[u8; 64], payload: &[u8], bound: &str) -> Hmac<Sha256> {
    let length = payload.len().to_be_bytes();
    Hmac::<Sha256>::new(block.into()).chain_update(length).chain_update(payload).chain_update(bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_opens_only_as_it_was_sealed() {
        let (key, other) = (SealKey::new([7; 32]), SealKey::new([8; 32]));
        let kept = Kept { serial: 3, round: 2, inner: Some("s1".to_owned()), ..Kept::default() };
        let envelope = seal(&key, &kept, "a");
        assert_eq!(open(&key, &envelope, "a"), Some(kept.clone()));
        assert_eq!(open(&key, &envelope, "b"), None, "bound to something else");
        assert_eq!(open(&other, &envelope, "a"), None, "of another session");
        for place in 0..envelope.len() {
            let mut bytes = envelope.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(bytes).expect("ascii");
            assert_ne!(open(&key, &forged, "a"), Some(kept.clone()), "letter {place}");
        }
        // Whoever keeps it reads nothing of it but its number.
        let bytes = URL_SAFE_NO_PAD.decode(&envelope).expect("base64url");
        for legible in ["s1", "round", "inner", "serial"] {
            let found = bytes.windows(legible.len()).any(|part| part == legible.as_bytes());
            assert!(!found, "{legible}");
        }
        let cut: String = envelope.chars().take(envelope.len() - 4).collect();
        for forged in ["", "s1", "AAAA", cut.as_str()] {
            assert_eq!(open(&key, forged, "a"), None, "{forged}");
        }
        assert!(!format!("{key:?}").contains('7'));
    }

    #[test]
    fn a_name_is_the_keys_own() {
        let (key, other) = (SealKey::new([7; 32]), SealKey::new([8; 32]));
        let first = name(&key, "task", 1);
        assert_eq!((first.len(), &first), (22, &name(&key, "task", 1)));
        for different in [name(&key, "task", 2), name(&key, "state", 1), name(&other, "task", 1)] {
            assert_ne!(first, different);
        }
    }

    #[test]
    fn a_state_is_used_once_and_the_oldest_is_forgotten() {
        let mut seals = Seals::default();
        for _ in 0..=OPEN {
            let serial = seals.serial();
            seals.give(serial);
        }
        assert!(!seals.is_open(1) && seals.is_open(2));
        seals.spend(2);
        assert!(!seals.is_open(2));
    }
}
