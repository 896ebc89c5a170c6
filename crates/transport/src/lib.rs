//! Bytes in and out: lines from peers, permitted messages to them.
//!
//! [`stdio`] opens the pipes, [`lane`] writes what may leave, [`lines`] reads
//! what arrives, bounded before it is looked at. [`http`] does the same for
//! requests and answers.

/// One line on stderr. Whoever closed it does not want to know, and that ends nothing.
macro_rules! tell {
    ($($said:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($said)*);
    }};
}

pub mod http;
pub mod lane;
pub mod lines;
pub mod stdio;

pub use lane::Lane;
pub use lines::Lines;
