//! The proof that whoever brings a token has the key that it was given to (DPoP, RFC 9449): made
//! for this request alone, a moment ago, and never seen before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use portcullis_policy::Principal;

use super::Wrong;
use super::jws::{Jws, moment, text};
use super::keys::{Key, digest};

/// How old a proof may be, and how far ahead of us its maker's clock, in seconds.
const OLD: u64 = 60;
const AHEAD: u64 = 10;
/// Longest name of a proof, in bytes.
const NAME: usize = 256;
/// Proofs that are remembered; of one principal, an eighth of them, whatever keys it has: some more
/// than the requests that it usually has until they end.
const REMEMBERED: usize = 64 << 10;
const SHARE: usize = REMEMBERED / 8;

/// What is asked, with which token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    /// What is asked for, as we are called.
    pub(super) uri: &'a str,
    pub(super) token: &'a str,
}

/// A proof that holds, unless it was seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proof {
    /// Whose it is.
    pub(super) thumbprint: String,
    name: String,
    /// When it is of no use to anybody any more, in seconds since 1970.
    until: u64,
}

/// Judges a proof.
pub(super) fn judge(proof: &str, asked: Asked<'_>, now: u64) -> Result<Proof, Wrong> {
    let jws = Jws::read(proof)?;
    jws.brings_none_of(&["jku", "x5u", "x5c"])?;
    if jws.typ()?.as_deref() != Some("dpop+jwt") {
        return Err(Wrong("the proof is something else"));
    }
    let signing = jws.signing()?;
    let jwk = jws.header.get("jwk").and_then(portcullis_wire::Json::object);
    let key = Key::read(&jwk.ok_or(Wrong("the proof says nothing of its key"))?)?;
    if !jws.is_signed_by(&key, signing) {
        return Err(Wrong("the proof's signature is not its key's"));
    }
    let said = |name: &str| text(&jws.claims, name)?.ok_or(Wrong("the proof says too little"));
    if said("htm")? != asked.method {
        return Err(Wrong("the proof is for another method"));
    }
    let uri = said("htu")?;
    if uri.split(['?', '#']).next() != Some(asked.uri) {
        return Err(Wrong("the proof is for another address"));
    }
    if said("ath")? != digest(asked.token.as_bytes()) {
        return Err(Wrong("the proof is for another token"));
    }
    let made = moment(&jws.claims, "iat")?.ok_or(Wrong("the proof says too little"))?;
    if made > now.saturating_add(AHEAD) || made.saturating_add(OLD) < now {
        return Err(Wrong("the proof was not made just now"));
    }
    let name = said("jti")?;
    if !(1..=NAME).contains(&name.len()) {
        return Err(Wrong("the proof has no name"));
    }
    let until = made.saturating_add(OLD);
    Ok(Proof { thumbprint: key.thumbprint().to_owned(), name, until })
}

/// The proofs that were seen, for as long as each of them could be used again. It outlasts whoever
/// lets people in: what was used before a change of the config is used after it.
#[derive(Clone, Debug, Default)]
pub struct Proofs(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    /// By when they can be forgotten: the moment, the proof, whose it is.
    ending: BTreeSet<(u64, String, Principal)>,
    proofs: BTreeSet<String>,
    of: BTreeMap<Principal, usize>,
}

impl Proofs {
    /// Remembers a proof of this principal that is new.
    pub(super) fn first_time(&self, proof: &Proof, who: &Principal, now: u64) -> Result<(), Wrong> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).first_time(proof, who, now)
    }
}

impl Seen {
    /// Remembers a proof that is new. Where there is no room it is refused: what is not remembered
    /// could be used twice.
    fn first_time(&mut self, proof: &Proof, who: &Principal, now: u64) -> Result<(), Wrong> {
        self.forget(now);
        // A thumbprint has one length, so the two cannot run into each other.
        let id = digest(format!("{}{}", proof.thumbprint, proof.name).as_bytes());
        if self.proofs.contains(&id) {
            return Err(Wrong("the proof was used before"));
        }
        let theirs = self.of.get(who).copied().unwrap_or(0);
        if self.proofs.len() >= REMEMBERED || theirs >= SHARE {
            return Err(Wrong("there are too many proofs to remember"));
        }
        self.of.insert(who.clone(), theirs + 1);
        self.ending.insert((proof.until, id.clone(), who.clone()));
        self.proofs.insert(id);
        Ok(())
    }

    fn forget(&mut self, now: u64) {
        while self.ending.first().is_some_and(|(until, ..)| *until < now) {
            let Some((_, id, who)) = self.ending.pop_first() else { return };
            self.proofs.remove(&id);
            let left = self.of.get(&who).map_or(0, |count| count.saturating_sub(1));
            if left == 0 {
                self.of.remove(&who);
            } else {
                self.of.insert(who, left);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(key: &str, name: usize, until: u64) -> Proof {
        Proof { thumbprint: key.to_owned(), name: name.to_string(), until }
    }

    #[test]
    fn a_principal_has_a_share_whatever_keys_it_has() {
        let (ada, bob) = (Principal::token("ada"), Principal::token("bob"));
        let proofs = Proofs::default();
        for name in 0..SHARE {
            let key = ["one", "two", "three"][name % 3];
            proofs.first_time(&proof(key, name, 100), &ada, 50).unwrap();
        }
        let more = proof("four", 0, 100);
        let refused = proofs.first_time(&more, &ada, 50);
        assert_eq!(refused, Err(Wrong("there are too many proofs to remember")));
        proofs.first_time(&more, &bob, 50).unwrap();
        // What can be used by nobody any more makes room.
        proofs.first_time(&proof("four", 1, 200), &ada, 101).unwrap();
        assert_eq!(proofs.0.lock().unwrap().proofs.len(), 1);
    }
}
