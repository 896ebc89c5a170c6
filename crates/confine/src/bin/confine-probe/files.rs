//! Ways out through the file system.
#![allow(unsafe_code, reason = "an attacker makes bare system calls")]

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::{Attempt, Outcome, call, given, said};

pub(crate) const ATTEMPTS: &[Attempt] = &[
    Attempt { name: "read-shadow", run: || read("/etc/shadow") },
    Attempt { name: "read-host-users", run: host_users },
    Attempt { name: "read-secret", run: || read(given("SECRET")) },
    Attempt { name: "read-secret-dotdot", run: dotdot },
    Attempt { name: "read-secret-linked", run: || read(ro("to-secret")) },
    Attempt { name: "read-shadow-linked", run: || read(ro("to-shadow")) },
    Attempt { name: "read-secret-own-link", run: own_link },
    Attempt {
        name: "link-secret-into-root",
        run: || said(fs::hard_link(given("SECRET"), rw("stolen"))),
    },
    Attempt { name: "link-across-roots", run: || said(fs::hard_link(ro("note"), rw("linked"))) },
    Attempt { name: "rename-out-of-root", run: rename_out },
    Attempt { name: "write-read-only-root", run: || write(ro("new")) },
    Attempt { name: "chmod-in-read-only-root", run: || chmod(ro("note"), 0o600) },
    Attempt { name: "reopen-for-writing", run: reopen },
    Attempt { name: "write-home", run: || write(Path::new(&given("PERSON")).join(".probe")) },
    Attempt { name: "list-home", run: || said(fs::read_dir(given("PERSON"))) },
    Attempt { name: "write-host-tmp", run: write_beside_secret },
    Attempt { name: "list-all-homes", run: || said(fs::read_dir("/home")) },
    Attempt { name: "list-logs", run: || said(fs::read_dir("/var/log")) },
    Attempt { name: "root-of-process-1", run: || said(fs::read_dir("/proc/1/root/")) },
    Attempt { name: "cwd-of-others", run: cwd_of_others },
    Attempt { name: "name-to-handle", run: name_to_handle },
    Attempt { name: "open-by-handle", run: open_by_handle },
    Attempt { name: "make-block-device", run: make_device },
    Attempt { name: "open-machine", run: open_machine },
    Attempt { name: "execute-from-root", run: || execute(rw("program")) },
    Attempt { name: "execute-from-tmp", run: || execute(temporary("program")) },
    Attempt { name: "remount-writable", run: remount },
    Attempt { name: "mount-setattr", run: mount_setattr },
    Attempt { name: "unmount", run: unmount },
    Attempt { name: "chroot", run: chroot },
    Attempt { name: "pivot-root", run: pivot_root },
    Attempt { name: "fsopen", run: fsopen },
    Attempt { name: "open-tree", run: open_tree },
    Attempt { name: "write-top", run: || write("/probe") },
    Attempt { name: "write-etc", run: || write("/etc/ld.so.preload") },
    Attempt { name: "write-usr", run: || write("/usr/probe") },
    Attempt { name: "fill-tmp", run: fill_tmp },
    Attempt { name: "huge-file", run: huge_file },
    Attempt { name: "set-id-bit", run: set_id },
    Attempt { name: "create-set-id", run: create_set_id },
    Attempt {
        name: "write-sysctl",
        run: || said(OpenOptions::new().write(true).open("/proc/sys/kernel/hostname")),
    },
    Attempt {
        name: "trigger-sysrq",
        run: || said(OpenOptions::new().write(true).open("/proc/sysrq-trigger")),
    },
    Attempt { name: "read-kernel-memory", run: || read("/proc/kcore") },
    Attempt { name: "stat-secret", run: || said(fs::metadata(given("SECRET"))) },
    Attempt { name: "chmod-secret", run: || chmod(given("SECRET"), 0o640) },
];

fn ro(name: &str) -> PathBuf {
    Path::new(&given("RO")).join(name)
}

fn rw(name: &str) -> PathBuf {
    Path::new(&given("RW")).join(name)
}

fn temporary(name: &str) -> PathBuf {
    Path::new(&given("TMPDIR")).join(name)
}

fn read(path: impl AsRef<Path>) -> Outcome {
    said(fs::read(path))
}

fn write(path: impl AsRef<Path>) -> Outcome {
    said(OpenOptions::new().write(true).create(true).truncate(false).open(path))
}

/// In the box this directory may exist as a mount point in a `/tmp` of its own:
/// the test looks from outside whether the file arrived.
fn write_beside_secret() -> Outcome {
    let beside = write(Path::new(&given("SECRET")).with_file_name("arrived"));
    Err(beside.unwrap_or_else(|error| error))
}

fn chmod(path: impl AsRef<Path>, mode: u32) -> Outcome {
    said(fs::set_permissions(path, fs::Permissions::from_mode(mode)))
}

fn host_users() -> Outcome {
    let text = fs::read_to_string("/etc/passwd").map_err(|error| error.to_string())?;
    if text.lines().any(|line| line.starts_with("root:")) { Ok(text) } else { Err(text) }
}

fn dotdot() -> Outcome {
    let secret = given("SECRET");
    let up = "/..".repeat(16);
    read(format!("{}{up}{secret}", given("RO")))
}

fn own_link() -> Outcome {
    let link = rw("own-link");
    let _ = fs::remove_file(&link);
    symlink(given("SECRET"), &link).map_err(|error| error.to_string())?;
    read(link)
}

fn rename_out() -> Outcome {
    let from = rw("mine");
    write(&from)?;
    said(fs::rename(from, Path::new(&given("SECRET")).with_file_name("moved")))
}

fn reopen() -> Outcome {
    use std::os::fd::AsRawFd;
    let file = File::open(ro("note")).map_err(|error| error.to_string())?;
    said(OpenOptions::new().write(true).open(format!("/proc/self/fd/{}", file.as_raw_fd())))
}

fn cwd_of_others() -> Outcome {
    let me = std::process::id().to_string();
    let all = fs::read_dir("/proc").map_err(|error| error.to_string())?;
    let others = all
        .flatten()
        .filter(|e| e.file_name().to_str().is_some_and(|n| n.parse::<u32>().is_ok() && n != me));
    for other in others {
        for link in ["cwd", "root"] {
            let path = other.path().join(link).join(given("SECRET").trim_start_matches('/'));
            if File::open(&path).is_ok() {
                return Ok(path.display().to_string());
            }
        }
    }
    Err("none".to_owned())
}

fn name_to_handle() -> Outcome {
    let (mut handle, mut mount) = ([0u32; 40], 0);
    handle[0] = 128;
    // SAFETY: the buffer is as long as its first field says.
    call(unsafe {
        libc::syscall(
            libc::SYS_name_to_handle_at,
            libc::AT_FDCWD,
            c"/usr".as_ptr(),
            handle.as_mut_ptr(),
            &raw mut mount,
            0,
        )
    })
}

fn open_by_handle() -> Outcome {
    let root = File::open("/").map_err(|error| error.to_string())?;
    // Inode 2 is the root of most file systems: the "shocker" attack.
    let handle = [8u32, 1, 2, 0];
    use std::os::fd::AsRawFd;
    // SAFETY: a well-formed `file_handle`.
    call(unsafe {
        libc::syscall(libc::SYS_open_by_handle_at, root.as_raw_fd(), handle.as_ptr(), 0)
    })
}

fn make_device() -> Outcome {
    let path = c"/tmp/disk";
    // SAFETY: a literal path.
    call(i64::from(unsafe {
        libc::mknod(path.as_ptr(), libc::S_IFBLK | 0o600, libc::makedev(254, 0))
    }))
}

fn open_machine() -> Outcome {
    let all = [
        "/dev/mem",
        "/dev/kmsg",
        "/dev/sda",
        "/dev/vda",
        "/dev/kvm",
        "/dev/fuse",
        "/dev/net/tun",
        "/dev/ptmx",
    ];
    let opened = all.iter().find(|path| File::open(path).is_ok());
    opened.map(|path| (*path).to_owned()).ok_or_else(|| "none opens".to_owned())
}

fn execute(copy: PathBuf) -> Outcome {
    fs::copy("/bin/true", &copy).map_err(|error| error.to_string())?;
    chmod(&copy, 0o755)?;
    #[expect(clippy::disallowed_methods, reason = "the attacker tries to start a program")]
    said(std::process::Command::new(copy).status())
}

fn remount() -> Outcome {
    let flags = libc::MS_REMOUNT | libc::MS_BIND;
    let at = std::ffi::CString::new(given("RO")).unwrap_or_default();
    // SAFETY: strings that outlive the call.
    call(i64::from(unsafe {
        libc::mount(c"".as_ptr(), at.as_ptr(), c"".as_ptr(), flags, std::ptr::null())
    }))
}

fn mount_setattr() -> Outcome {
    let at = std::ffi::CString::new(given("RO")).unwrap_or_default();
    let clear_read_only = [0u64, 1, 0, 0];
    // SAFETY: four words are a `mount_attr`.
    call(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            at.as_ptr(),
            0,
            clear_read_only.as_ptr(),
            32,
        )
    })
}

fn unmount() -> Outcome {
    let at = std::ffi::CString::new(given("RO")).unwrap_or_default();
    // SAFETY: a string that outlives the call.
    call(i64::from(unsafe { libc::umount2(at.as_ptr(), libc::MNT_DETACH) }))
}

fn chroot() -> Outcome {
    // SAFETY: a literal path.
    call(i64::from(unsafe { libc::chroot(c"/tmp".as_ptr()) }))
}

fn pivot_root() -> Outcome {
    // SAFETY: literal paths.
    call(unsafe { libc::syscall(libc::SYS_pivot_root, c"/tmp".as_ptr(), c"/tmp".as_ptr()) })
}

fn fsopen() -> Outcome {
    // SAFETY: a literal.
    call(unsafe { libc::syscall(libc::SYS_fsopen, c"tmpfs".as_ptr(), 0) })
}

fn open_tree() -> Outcome {
    // SAFETY: a literal path; 1 is OPEN_TREE_CLONE.
    call(unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, c"/".as_ptr(), 1) })
}

/// More than the box's `/tmp` may hold (the tests allow 8 MiB).
fn fill_tmp() -> Outcome {
    let block = vec![7u8; 1 << 20];
    for i in 0..12 {
        let path = temporary(&format!("fill-{i}"));
        let written = fs::write(&path, &block);
        if let Err(error) = written {
            (0..=i).for_each(|i| drop(fs::remove_file(temporary(&format!("fill-{i}")))));
            return Err(error.to_string());
        }
    }
    (0..12).for_each(|i| drop(fs::remove_file(temporary(&format!("fill-{i}")))));
    Ok("12 MiB".to_owned())
}

/// Longer than the limit (the tests allow 16 MiB), and sparse, so it costs nothing.
fn huge_file() -> Outcome {
    // SAFETY: ignoring a signal.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let path = rw("huge");
    let file = File::create(&path).map_err(|error| error.to_string())?;
    let grown = said(file.set_len(32 << 20));
    let _ = fs::remove_file(path);
    grown
}

fn set_id() -> Outcome {
    write(rw("set-id"))?;
    chmod(rw("set-id"), 0o4755)
}

fn create_set_id() -> Outcome {
    let path = std::ffi::CString::new(rw("born-set-id").display().to_string()).unwrap_or_default();
    // SAFETY: a string that outlives the call.
    call(i64::from(unsafe { libc::open(path.as_ptr(), libc::O_CREAT | libc::O_WRONLY, 0o4755) }))
}
