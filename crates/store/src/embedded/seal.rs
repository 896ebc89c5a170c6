//! The key that answers and grants are sealed with: `grants.key`, readable by its owner only.
//!
//! Whoever may write the state directory may also read the key, so a seal does not keep
//! out who has this account. It shows a row that was edited, copied from elsewhere or
//! written by something that only had the database.

use std::path::Path;

use portcullis_journal::Redactor;

use super::keyfile;
use crate::StoreError;

const NAME: &str = "grants.key";
const MARK: &keyfile::Mark = b"portcullis seal1";

/// Seals rows.
#[derive(Debug)]
pub(crate) struct Seal(Redactor);

impl Seal {
    /// Reads the key of a state directory, and makes it when there is none.
    pub(crate) fn open(state: &Path) -> Result<Self, StoreError> {
        Ok(Self(Redactor::new(*keyfile::open(state, NAME, MARK)?)))
    }

    /// The seal of a row: of each of its texts, with its length.
    pub(crate) fn of<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> String {
        let mut all = b"portcullis grant 1\n".to_vec();
        for text in texts {
            all.extend_from_slice(format!("{}:", text.len()).as_bytes());
            all.extend_from_slice(text.as_bytes());
        }
        self.0.digest(&all).as_str().to_owned()
    }
}
