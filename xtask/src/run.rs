//! Other programs: the one place that starts them.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// The search path with what we unpacked ourselves in front.
static PATH: OnceLock<OsString> = OnceLock::new();

/// Every program that is started from here on is looked for there.
pub(crate) fn set_path(path: OsString) {
    PATH.get_or_init(|| path);
}

fn path() -> OsString {
    PATH.get().cloned().or_else(|| std::env::var_os("PATH")).unwrap_or_default()
}

/// A command that does not inherit what `cargo run` told us about ourselves.
#[expect(
    clippy::disallowed_methods,
    reason = "xtask runs the developer's own tools, not servers: nothing to box"
)]
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", path());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name.as_ref());
        }
    }
    command
}

/// Cargo, as this very xtask was started by it.
pub(crate) fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs it with our own output, and says what failed.
pub(crate) fn pass(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{}: {error}", shown(command)))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` failed: {status}", shown(command))) }
}

/// Runs it and returns what it wrote to stdout; what it wrote to stderr when it fails.
pub(crate) fn read(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{}: {error}", shown(command)))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{}` failed: {}\n{}", shown(command), output.status, stderr.trim_end()))
}

/// Whether it runs and ends well, silently.
pub(crate) fn works(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Whether a program of that name is on the path.
pub(crate) fn on_path(program: &str) -> bool {
    std::env::split_paths(&path()).any(|folder| folder.join(program).is_file())
}

/// Whether we are root.
pub(crate) fn root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|ours| ours.uid() == 0)
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut text = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}
