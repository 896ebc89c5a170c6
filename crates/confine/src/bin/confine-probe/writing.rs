//! Changing what is not ours: fs08-fs15, fs34-fs37, fs39, fs43, fs45, fs48, fs50.

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::Outcome::{self, Held, Leak, Look};
use crate::looking::{ro, rw};
use crate::{Attempt, alone, any, at, attempt, call, given, path, said};

pub(crate) const ATTEMPTS: &[Attempt] = &[
    attempt("fs08", "hard-link a secret into a writable root", || {
        said(fs::hard_link(given("SECRET"), rw("stolen")))
    }),
    attempt("fs09", "hard-link from a read-only root into a writable one", || {
        said(fs::hard_link(ro("note"), rw("linked")))
    }),
    attempt("fs10", "rename a file out of a root into the home", rename_out),
    attempt("fs11", "write in a read-only root", || write(ro("new"))),
    attempt("fs12", "change mode and times in a read-only root", || {
        any([chmod(ro("note"), 0o646), touch(&ro("note"))])
    }),
    attempt("fs13", "reopen a read-only file for writing", reopen),
    attempt("fs14", "write the person's .bashrc", || {
        arriving(Path::new(&given("PERSON")).join(".bashrc"))
    }),
    attempt("fs15", "write the /tmp that everybody shares", || arriving(given("ARRIVAL"))),
    attempt("fs34", "write the top of the view", || write("/probe")),
    attempt("fs35", "replace /etc/hosts or /etc/ld.so.preload", || {
        any([write("/etc/ld.so.preload"), write("/etc/hosts")])
    }),
    attempt("fs36", "write to a protected path of a writable root", || {
        write(rw(".git/hooks/pre-commit"))
    }),
    attempt("fs37", "rename a protected path's parent and make it anew", rename_protected),
    alone("fs39", "write one huge file in a writable root", huge_file),
    attempt("fs43", "set the set-id bit on a file in a root", set_id),
    attempt("fs45", "write to /proc/sys, /proc/sysrq-trigger or /sys", write_kernel),
    attempt("fs48", "change the mode of a file outside the roots", || {
        chmod(given("SECRET"), 0o666)
    }),
    attempt("fs50", "change times or attributes outside the roots", || {
        any([touch(Path::new(&given("SECRET"))), attribute(&given("SECRET"))])
    }),
    attempt("ex03", "write to /usr", || write("/usr/probe")),
    attempt("ex04", "create a file with the set-id bit", create_set_id),
];

fn write(path: impl AsRef<Path>) -> Outcome {
    said(OpenOptions::new().write(true).create(true).truncate(false).open(path))
}

pub(crate) fn chmod(path: impl AsRef<Path>, mode: u32) -> Outcome {
    said(fs::set_permissions(path, fs::Permissions::from_mode(mode)))
}

fn touch(file: &Path) -> Outcome {
    let name = path(file.display().to_string());
    let times = [1_i64, 0, 1, 0];
    let arguments = [libc::AT_FDCWD.into(), at(name.to_bytes_with_nul()), at(&times), 0];
    call(libc::SYS_utimensat, &arguments)
}

fn attribute(file: &str) -> Outcome {
    let (name, key) = (path(file), c"user.probe");
    let arguments = [at(name.to_bytes_with_nul()), at(key.to_bytes_with_nul()), at(b"x"), 1, 0];
    call(libc::SYS_setxattr, &arguments)
}

fn rename_out() -> Outcome {
    let from = rw("mine");
    let _ = File::create(&from);
    said(fs::rename(from, Path::new(&given("PERSON")).join("moved")))
}

fn reopen() -> Outcome {
    let file = match File::open(ro("note")) {
        Ok(file) => file,
        Err(error) => return Held(error.to_string()),
    };
    write(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// In a `/tmp` of our own, and at a mount point in it, this works and does not arrive.
fn arriving(path: impl AsRef<Path>) -> Outcome {
    match write(path) {
        Leak(detail) => Look(detail),
        other => other,
    }
}

fn rename_protected() -> Outcome {
    match fs::rename(rw(".git"), rw("was-git")) {
        Ok(()) => said(fs::create_dir_all(rw(".git/hooks"))),
        Err(error) => Held(error.to_string()),
    }
}

/// Longer than the limit (the tests allow 16 MiB), and sparse, so it costs nothing.
fn huge_file() -> Outcome {
    // SAFETY: ignoring a signal.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let name = rw("huge");
    let file = match File::create(&name) {
        Ok(file) => file,
        Err(error) => return Held(error.to_string()),
    };
    let grown = said(file.set_len(32 << 20));
    let _ = fs::remove_file(name);
    grown
}

fn set_id() -> Outcome {
    let mine: PathBuf = rw("set-id");
    let _ = File::create(&mine);
    chmod(mine, 0o4755)
}

fn create_set_id() -> Outcome {
    let name = path(rw("born-set-id").display().to_string());
    let flags = libc::O_CREAT | libc::O_WRONLY;
    let arguments = [libc::AT_FDCWD.into(), at(name.to_bytes_with_nul()), flags.into(), 0o4755];
    call(libc::SYS_openat, &arguments)
}

fn write_kernel() -> Outcome {
    let all = [
        "/proc/sys/kernel/hostname",
        "/proc/sys/vm/drop_caches",
        "/proc/sysrq-trigger",
        "/sys/power/state",
        "/sys/kernel/uevent_helper",
    ];
    any(all.map(|name| said(OpenOptions::new().write(true).open(name))))
}
