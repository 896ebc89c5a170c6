//! Bytes in and out: lines from peers, permitted messages to them.
//!
//! [`stdio`] opens the pipes, [`lane`] writes what may leave, [`lines`] reads
//! what arrives, bounded before it is looked at. [`http`] does the same for
//! requests and answers.

pub mod http;
pub mod lane;
pub mod lines;
pub mod stdio;

pub use lane::Lane;
pub use lines::Lines;
