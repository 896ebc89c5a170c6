//! `callers-authenticated`: whoever makes a request over HTTP is known, each time, by what they show.
//!
//! The showing is looked at where connections end (`transport/src/http/auth.rs`); what is decided of
//! it, and under which name it stands in the journal, is decided here.

use portcullis_catalog::control::CALLERS_AUTHENTICATED;
use portcullis_policy::Decision;

/// Nothing was shown that counts, for this reason.
pub fn unknown(why: &str) -> Decision {
    Decision::deny(CALLERS_AUTHENTICATED, why)
}

/// Somebody known names a session that somebody else began: its name alone is no key to it.
pub fn not_theirs() -> Decision {
    Decision::deny(CALLERS_AUTHENTICATED, "the session is somebody else's")
}
