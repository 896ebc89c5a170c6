//! The system calls the box needs, each wrapped once.

pub(crate) mod mount;
pub(crate) mod notice;
pub(crate) mod process;
pub(crate) mod socket;
