//! What the kernel refused, in words that a model can act on.

use portcullis_confine::beneath::BeneathError;
use portcullis_kit::Refusal;

/// A refusal about a path that the asker may see.
pub(super) fn refused(shown: &str, why: BeneathError) -> Refusal {
    let advice = match why {
        BeneathError::Outside => ": a link in it leads there; name a path without it",
        BeneathError::NotFound => "; list_directory shows what does",
        BeneathError::IsADirectory => "; list_directory reads it",
        BeneathError::Exists => "; pass `overwrite: true` to replace it",
        BeneathError::NotEmpty => "; delete what is in it first",
        _ => "",
    };
    let verb = match why {
        BeneathError::NotAFile(_)
        | BeneathError::NotADirectory
        | BeneathError::BadName
        | BeneathError::Busy => "is ",
        BeneathError::NotFound
        | BeneathError::IsADirectory
        | BeneathError::Outside
        | BeneathError::Exists
        | BeneathError::Changed
        | BeneathError::Pseudo => "",
        _ => "cannot be used: ",
    };
    Refusal::new(format!("`{shown}` {verb}{why}{advice}")).because(format!("{why:?}"))
}

/// The same for what reading and writing say.
pub(super) fn failed(shown: &str, error: std::io::Error) -> Refusal {
    refused(shown, BeneathError::from(error))
}
