//! What we hand to the client to keep for us: pagination cursors and the state of
//! calls that a server left open. It comes back from a peer, so it is sealed.
//!
//! An envelope is `base64url(tag ‖ payload)`, the tag an HMAC-SHA256 over the
//! payload and everything it is bound to: principal, server, method and the
//! canonical parameters (MCP-SESS-07, -08). The key is a session's own, so an
//! envelope of another session is as forged as any other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::control::answers_match_questions::Asked;

/// Length of a tag, in bytes (HMAC-SHA256, RFC 2104).
const TAG: usize = 32;
/// States that may be open at once; the oldest is forgotten, and so refused.
const OPEN: usize = 256;

/// The key of a session's envelopes: 256 bits of the caller's entropy.
pub struct SealKey([u8; 64]);

impl SealKey {
    /// A key from entropy.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        let mut block = [0; 64];
        for (place, byte) in block.iter_mut().zip(key) {
            *place = byte;
        }
        Self(block)
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

/// Seals what is kept, bound to a text.
pub(crate) fn seal(key: &SealKey, kept: &Kept, bound: &str) -> String {
    // A struct of texts and numbers has a JSON form.
    let payload = serde_json::to_vec(kept).unwrap_or_default();
    let mut envelope = tag(key, &payload, bound).finalize().into_bytes().to_vec();
    envelope.extend_from_slice(&payload);
    URL_SAFE_NO_PAD.encode(envelope)
}

/// Opens an envelope that was sealed with this key and bound to this text.
pub(crate) fn open(key: &SealKey, envelope: &str, bound: &str) -> Option<Kept> {
    let bytes = URL_SAFE_NO_PAD.decode(envelope).ok()?;
    let (tagged, payload) = bytes.split_at_checked(TAG)?;
    // Compared in constant time.
    tag(key, payload, bound).verify_slice(tagged).ok()?;
    serde_json::from_slice(payload).ok()
}

/// A name that nobody else can make: 128 bits of the key's, base64url.
pub(crate) fn name(key: &SealKey, kind: &str, serial: u64) -> String {
    let whole = tag(key, &serial.to_be_bytes(), kind).finalize().into_bytes();
    URL_SAFE_NO_PAD.encode(whole.get(..16).unwrap_or_default())
}

fn tag(key: &SealKey, payload: &[u8], bound: &str) -> Hmac<Sha256> {
    let length = payload.len().to_be_bytes();
    Hmac::<Sha256>::new((&key.0).into())
        .chain_update(length)
        .chain_update(payload)
        .chain_update(bound)
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
