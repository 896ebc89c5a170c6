//! The proof that whoever brings a token has the key that it was given to (DPoP, RFC 9449): made
//! for this request alone, a moment ago, and never seen before.

use std::collections::{BTreeMap, BTreeSet};

use super::Wrong;
use super::jws::{Jws, moment, text};
use super::keys::{Key, digest};

/// How old a proof may be, and how far ahead of us its maker's clock, in seconds.
const OLD: u64 = 60;
const AHEAD: u64 = 10;
/// Longest name of a proof, in bytes.
const NAME: usize = 256;
/// Proofs that are remembered; of one key, half of them.
const REMEMBERED: usize = 64 << 10;

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

/// The proofs that were seen, for as long as each of them could be used again.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// By when they can be forgotten: the moment, the proof, its key.
    ending: BTreeSet<(u64, String, String)>,
    proofs: BTreeSet<String>,
    of: BTreeMap<String, usize>,
}

impl Seen {
    /// Remembers a proof that is new. Where there is no room it is refused: what is not remembered
    /// could be used twice.
    pub(super) fn first_time(&mut self, proof: &Proof, now: u64) -> Result<(), Wrong> {
        self.forget(now);
        // A thumbprint has one length, so the two cannot run into each other.
        let id = digest(format!("{}{}", proof.thumbprint, proof.name).as_bytes());
        if self.proofs.contains(&id) {
            return Err(Wrong("the proof was used before"));
        }
        let theirs = self.of.get(&proof.thumbprint).copied().unwrap_or(0);
        if self.proofs.len() >= REMEMBERED || theirs >= REMEMBERED / 2 {
            return Err(Wrong("there are too many proofs to remember"));
        }
        self.of.insert(proof.thumbprint.clone(), theirs + 1);
        self.ending.insert((proof.until, id.clone(), proof.thumbprint.clone()));
        self.proofs.insert(id);
        Ok(())
    }

    fn forget(&mut self, now: u64) {
        while self.ending.first().is_some_and(|(until, ..)| *until < now) {
            let Some((_, id, thumbprint)) = self.ending.pop_first() else { return };
            self.proofs.remove(&id);
            let left = self.of.get(&thumbprint).map_or(0, |count| count.saturating_sub(1));
            if left == 0 {
                self.of.remove(&thumbprint);
            } else {
                self.of.insert(thumbprint, left);
            }
        }
    }
}
