//! A signed text (JWS, RFC 7515), read so that it has one reading: three parts, each in the one
//! encoding that it has, and no member twice.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_wire::{Json, Object};

use super::Wrong;
use super::keys::Key;
use super::signing::Signing;

/// Longest token or proof, in bytes.
pub const LONGEST: usize = 8 << 10;
/// Deepest nesting in it.
const DEEPEST: usize = 8;

/// One that was read. Nothing in it is true yet.
#[derive(Debug)]
pub(super) struct Jws<'t> {
    pub(super) header: Object,
    pub(super) claims: Object,
    signed: &'t str,
    signature: &'t str,
}

/// Whether this looks like one: what is none of these is opaque to us.
pub(super) fn looks_like(token: &str) -> bool {
    token.split('.').count() == 3
}

impl<'t> Jws<'t> {
    pub(super) fn read(token: &'t str) -> Result<Self, Wrong> {
        if token.len() > LONGEST {
            return Err(Wrong("the token is too long"));
        }
        let mut parts = token.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Wrong("the token has not three parts"));
        };
        let signed = token.get(..header.len() + 1 + claims.len());
        let signed = signed.ok_or(Wrong("the token has not three parts"))?;
        // Bits that are left over would make two texts of one signature.
        if signature.is_empty() || URL_SAFE_NO_PAD.decode(signature).is_err() {
            return Err(Wrong("the token's signature cannot be read"));
        }
        Ok(Self { header: object(header)?, claims: object(claims)?, signed, signature })
    }

    /// What its header says it is signed with; never none, and nothing where the key is a secret.
    pub(super) fn signing(&self) -> Result<&'static Signing, Wrong> {
        let name = text(&self.header, "alg")?.ok_or(Wrong("the token names no algorithm"))?;
        Signing::named(&name).ok_or(Wrong("the token's algorithm is none that we take"))
    }

    /// What its header says it is, in lower case and without what may stand before it.
    pub(super) fn typ(&self) -> Result<Option<String>, Wrong> {
        let typ = text(&self.header, "typ")?.map(|typ| typ.to_ascii_lowercase());
        Ok(typ.map(|typ| typ.strip_prefix("application/").unwrap_or(&typ).to_owned()))
    }

    /// Refuses a header that wants something understood that we do not, or brings these.
    pub(super) fn brings_none_of(&self, members: &[&str]) -> Result<(), Wrong> {
        if self.header.get("crit").is_some() || self.header.get("b64").is_some() {
            return Err(Wrong("the token wants more understood than we do"));
        }
        if members.iter().any(|member| self.header.get(member).is_some()) {
            return Err(Wrong("the token brings a key of its own, or says where one is"));
        }
        Ok(())
    }

    /// Whether this key made its signature.
    pub(super) fn is_signed_by(&self, key: &Key, signing: &Signing) -> bool {
        key.fits(signing) && key.verifies(self.signature, self.signed.as_bytes(), signing)
    }
}

fn object(part: &str) -> Result<Object, Wrong> {
    let unread = Wrong("the token cannot be read in one way");
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| unread)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| unread)?;
    Json::parse(text, DEEPEST).map_err(|_| unread)?.object().ok_or(unread)
}

/// A member that is text where it is there.
pub(super) fn text(object: &Object, name: &str) -> Result<Option<String>, Wrong> {
    let Some(value) = object.get(name) else { return Ok(None) };
    value.as_text().map(Some).ok_or(Wrong("a member of the token is not the text it has to be"))
}

/// A member that is a moment where it is there, in seconds since 1970.
pub(super) fn moment(object: &Object, name: &str) -> Result<Option<u64>, Wrong> {
    let wrong = Wrong("a moment in the token is no moment");
    let Some(value) = object.get(name) else { return Ok(None) };
    let seconds: f64 = value.read().map_err(|_| wrong)?;
    let sane = (0.0..1e12).contains(&seconds);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was looked at")]
    if sane { Ok(Some(seconds as u64)) } else { Err(wrong) }
}
