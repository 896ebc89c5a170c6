//! The wire against frames made to be misread.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a broken data file or a missing reader must stop the test"
)]

mod agreement;
mod data;
mod hostile;
