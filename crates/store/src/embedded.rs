//! Files of one user on one machine; several processes of that user share them.

pub mod approvals;
mod database;
mod dir;
pub mod journal;
