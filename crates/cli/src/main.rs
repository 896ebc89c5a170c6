//! The binary: everything is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all: we may be a process of a box that is being built.
    portcullis_confine::personality().unwrap_or_else(portcullis_cli::main)
}
