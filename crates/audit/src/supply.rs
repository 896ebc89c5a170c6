//! What is known of other people's packages without asking anybody: flaws of versions, and names.

pub mod advisory;
pub(crate) mod known;
