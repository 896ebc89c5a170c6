//! The smallest program that can host a broker, for this crate's own tests.
//!
//! `confine-box gateway LEVEL COMMAND [ARG]...` is a gateway to be killed: it
//! starts a server, writes the two process ids that matter, and waits.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use portcullis_confine::{Level, Profile, personality, spawn};

fn main() -> ExitCode {
    if let Some(code) = personality() {
        return code;
    }
    let mut words = std::env::args_os().skip(1);
    match (words.next().as_deref().and_then(|w| w.to_str()), words.next()) {
        (Some("gateway"), Some(level)) => gateway(&level, words.collect()),
        _ => ExitCode::from(2),
    }
}

fn gateway(level: &OsString, command: Vec<OsString>) -> ExitCode {
    let level = match level.to_str() {
        Some("none") => Level::None,
        Some("landlock") => Level::Landlock,
        _ => Level::Full,
    };
    let mut profile = Profile::new(command);
    (profile.least, profile.most) = (level, level);
    let Ok(mut confined) = spawn(&profile) else { return ExitCode::FAILURE };
    let custody = &mut confined.custody;
    let _ = writeln!(std::io::stdout(), "{} {}", custody.broker_pid(), custody.pid());
    let _ = custody.wait();
    ExitCode::SUCCESS
}
