//! The smallest program that can host a broker, for this crate's own tests.
//!
//! `confine-box gateway LEVEL COMMAND [ARG]...` is a gateway to be killed: it
//! starts a server, writes the two process ids that matter, and waits.
//!
//! `confine-box own DIR` confines itself to one root.
//!
//! `confine-box exec PROGRAM [ARG]...` becomes that program.
//!
//! A copy of it named `without-CALL` first takes that system call away from
//! itself, so that a test can see what happens on a machine that has it not. One named
//! `slow-SECONDS` takes so long to start.
#![allow(unsafe_code, reason = "a fault is injected with a bare seccomp(2)")]

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::ExitCode;

use portcullis_confine::own_box::{OwnBox, enter};
use portcullis_confine::{Access, Level, Profile, admit_root, personality, spawn};

fn main() -> ExitCode {
    let own = std::env::current_exe().unwrap_or_default();
    let name = own.file_name().and_then(OsStr::to_str).unwrap_or_default();
    if let Some(call) = name.strip_prefix("without-") {
        take_away(call);
    }
    if let Some(seconds) = name.strip_prefix("slow-").and_then(|text| text.parse().ok()) {
        std::thread::sleep(std::time::Duration::from_secs(seconds));
    }
    if let Some(code) = personality() {
        return code;
    }
    let mut words = std::env::args_os().skip(1);
    match (words.next().as_deref().and_then(OsStr::to_str), words.next()) {
        (Some("gateway"), Some(level)) => gateway(&level, words.collect()),
        (Some("own"), Some(root)) => confine_itself(&root),
        (Some("exec"), Some(program)) => become_another(&program, words.collect()),
        _ => ExitCode::from(2),
    }
}

fn gateway(level: &OsStr, command: Vec<OsString>) -> ExitCode {
    let level = match level.to_str() {
        Some("none") => Level::None,
        Some("landlock") => Level::Landlock,
        _ => Level::Full,
    };
    let mut profile = Profile::new(command);
    (profile.least, profile.most) = (level, level);
    let mut confined = match spawn(&profile) {
        Ok(confined) => confined,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(error.exit_code());
        }
    };
    let custody = &mut confined.custody;
    let _ = writeln!(std::io::stdout(), "{} {}", custody.broker_pid(), custody.pid());
    let _ = custody.wait();
    ExitCode::SUCCESS
}

/// What was taken away stays so.
#[expect(clippy::disallowed_methods, reason = "a test runs itself with a system call less")]
fn become_another(program: &OsStr, arguments: Vec<OsString>) -> ExitCode {
    let failed = std::process::Command::new(program).args(arguments).exec();
    eprintln!("{failed}");
    ExitCode::FAILURE
}

/// Confines itself to one root.
fn confine_itself(root: &OsStr) -> ExitCode {
    let root = match admit_root(root.as_ref(), Access::ReadOnly, None) {
        Ok(root) => root,
        Err(_) => return ExitCode::from(2),
    };
    match enter(&OwnBox { roots: vec![root], keep: Some(Vec::new()), ..OwnBox::default() }) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn take_away(call: &str) {
    let number = match call {
        "unshare" => libc::SYS_unshare,
        "clone" => libc::SYS_clone,
        "mount_setattr" => libc::SYS_mount_setattr,
        "open_tree" => libc::SYS_open_tree,
        "move_mount" => libc::SYS_move_mount,
        "fsopen" => libc::SYS_fsopen,
        "openat2" => libc::SYS_openat2,
        "pivot_root" => libc::SYS_pivot_root,
        "capset" => libc::SYS_capset,
        "landlock" => libc::SYS_landlock_create_ruleset,
        "landlock_restrict_self" => libc::SYS_landlock_restrict_self,
        "seccomp" => libc::SYS_seccomp,
        "pidfd_open" => libc::SYS_pidfd_open,
        "close_range" => libc::SYS_close_range,
        _ => return,
    };
    let step = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut program = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, number as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog { len: 4, filter: program.as_mut_ptr() };
    // SAFETY: the filter describes `program`, which outlives the calls.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const filter);
    }
}
