//! Programs of the lesson: a scrubbed environment, a process group each, nothing left behind.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::state::variable;

/// What an interpreter needs to find itself and its packages; `uv` its cache.
const KEPT: &[&str] =
    &["PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME", "UV_CACHE_DIR", "UV_OFFLINE"];
const GRACE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(10);

/// A command with little of our environment, in a process group of its own, with pipes for its
/// input and output.
#[expect(
    clippy::disallowed_methods,
    reason = "the lesson shows what servers do without a box; they are ours, and so is what they are sent"
)]
pub(super) fn command(words: &[OsString], folder: &Path) -> Result<Command, String> {
    let (program, arguments) = words.split_first().ok_or("there is no command")?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env_clear();
    command.envs(KEPT.iter().filter_map(|name| Some((*name, variable(name)?))));
    command.env("LANG", "C.UTF-8").env("PYTHONUTF8", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.process_group(0);
    Ok(command)
}

/// Waits until it ends, for a while.
pub(super) fn wait(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let start = Instant::now();
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if start.elapsed() > patience {
            return None;
        }
        std::thread::sleep(LOOK);
    }
}

/// Ends it and whatever it started and left in its group.
pub(super) fn end(child: &mut Child) {
    drop(child.stdin.take());
    // The leader is not collected before its group is gone, so that the number stays its own.
    let start = Instant::now();
    while start.elapsed() < GRACE && !is_over(child) {
        std::thread::sleep(LOOK);
    }
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Whether it ended, without collecting it.
fn is_over(child: &Child) -> bool {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return true };
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    !matches!(waitid(WaitId::Pid(pid), look), Ok(None))
}
