//! The smallest program that can host the broker of a box, for this crate's own tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    portcullis_confine::personality().unwrap_or(ExitCode::from(2))
}
