//! Reading what lies outside: fs01-fs07, fs16-fs21, fs25, fs42, fs44-fs46, fs49.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use crate::Outcome::{self, Held, Leak};
use crate::{Attempt, any, attempt, given, parent, said, victim};

pub(crate) const ATTEMPTS: &[Attempt] = &[
    attempt("fs01", "read /etc/shadow", || read("/etc/shadow")),
    attempt("fs02", "read the host's list of users", host_users),
    attempt("fs03", "read a secret outside the roots", || read(given("SECRET"))),
    attempt("fs04", "climb out of a root with ..", dotdot),
    attempt("fs05", "follow a link in a root to the secret", || read(ro("to-secret"))),
    attempt("fs06", "follow a link in a root to /etc/shadow", || read(ro("to-shadow"))),
    attempt("fs07", "make a link in a root and follow it", own_link),
    attempt("fs16", "read a file of somebody else in /tmp", || read(given("FOREIGN"))),
    attempt("fs17", "list other homes", other_homes),
    attempt("fs18", "list the person's home", list_home),
    attempt("fs19", "enter the root of process 1", || list("/proc/1/root/")),
    attempt("fs20", "enter the root of our parent and its like", || {
        any([parent(), victim()].map(|pid| list(format!("/proc/{pid}/root/"))))
    }),
    attempt("fs21", "see the secret through any process", through_processes),
    attempt("fs25", "open a device of the machine", open_machine),
    attempt("fs42", "inherit a descriptor of a secret", inherited),
    attempt("fs44", "learn the host's mounts", host_mounts),
    attempt("fs46", "read what the kernel holds", kernel_files),
    attempt("fs49", "learn that a file exists and its size", || {
        said(fs::metadata(given("SECRET")))
    }),
    attempt("ex01", "list the host's logs", || list("/var/log")),
    attempt("ex02", "read the machine's id", || read("/etc/machine-id")),
];

pub(crate) fn ro(name: &str) -> PathBuf {
    Path::new(&given("RO")).join(name)
}

pub(crate) fn rw(name: &str) -> PathBuf {
    Path::new(&given("RW")).join(name)
}

pub(crate) fn read(path: impl AsRef<Path>) -> Outcome {
    said(fs::read(path))
}

fn list(path: impl AsRef<Path>) -> Outcome {
    said(fs::read_dir(path))
}

fn host_users() -> Outcome {
    match fs::read_to_string("/etc/passwd") {
        Ok(text) if text.lines().any(|line| line.starts_with("root:")) => Leak(text),
        Ok(text) => Held(text),
        Err(error) => Held(error.to_string()),
    }
}

fn dotdot() -> Outcome {
    read(format!("{}{}{}", given("RO"), "/..".repeat(16), given("SECRET")))
}

fn own_link() -> Outcome {
    let link = rw("own-link");
    let _ = fs::remove_file(&link);
    match symlink(given("SECRET"), &link) {
        Ok(()) => read(link),
        Err(error) => Held(error.to_string()),
    }
}

/// The way to the roots may exist as bare mount points; anybody else may not.
fn other_homes() -> Outcome {
    let ours = given("RO");
    let known = |name: &Path| Path::new(&ours).starts_with(Path::new("/home").join(name));
    match fs::read_dir("/home") {
        Ok(found) => {
            let other = found.flatten().find(|entry| !known(Path::new(&entry.file_name())));
            other.map_or_else(|| Held("none".to_owned()), |entry| Leak(format!("{entry:?}")))
        }
        Err(error) => Held(error.to_string()),
    }
}

/// The stage keeps a diary there, beside the roots.
fn list_home() -> Outcome {
    let found = match fs::read_dir(given("PERSON")) {
        Ok(found) => found.flatten().map(|e| e.file_name().to_string_lossy().into_owned()),
        Err(error) => return Held(error.to_string()),
    };
    let names: Vec<_> = found.collect();
    let seen = names.iter().any(|name| name == "diary");
    if seen { Leak(names.join(" ")) } else { Held(names.join(" ")) }
}

fn through_processes() -> Outcome {
    let Ok(all) = fs::read_dir("/proc") else { return Held("no /proc".to_owned()) };
    let secret = given("SECRET");
    let me = std::process::id().to_string();
    let numbers = all.flatten().filter(|entry| {
        entry.file_name().to_str().is_some_and(|n| n.parse::<u32>().is_ok() && n != me)
    });
    let ways = numbers.flat_map(|e| ["cwd", "root"].map(|link| e.path().join(link)));
    any(ways.map(|way| read(way.join(secret.trim_start_matches('/')))))
}

fn open_machine() -> Outcome {
    let fixed = ["mem", "kmsg", "port", "kvm", "fuse", "net/tun", "ptmx", "vhost-vsock"];
    let disks =
        |name: &str| ["sd", "vd", "nvme", "xvd", "mmcblk", "loop"].map(|p| name.starts_with(p));
    let listed = fs::read_dir("/dev").into_iter().flatten().flatten();
    let names = listed.filter_map(|entry| entry.file_name().into_string().ok());
    let all = names.filter(|name| disks(name).contains(&true)).chain(fixed.map(str::to_owned));
    match all.into_iter().find(|name| File::open(Path::new("/dev").join(name)).is_ok()) {
        Some(name) => Leak(name),
        None => Held("none opens".to_owned()),
    }
}

/// Descriptors of ours are the three streams; any other file that opens the
/// secret's inode, or leads to one, came from outside.
fn inherited() -> Outcome {
    let open =
        (3..1024).find_map(|fd| fs::metadata(format!("/proc/self/fd/{fd}")).ok().map(|m| (fd, m)));
    match open {
        Some((fd, meta)) => Leak(format!("descriptor {fd}, inode {}", meta.ino())),
        None => Held("none".to_owned()),
    }
}

/// A view of our own names no file system of the machine's.
fn host_mounts() -> Outcome {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let secret = Path::new(&given("SECRET")).parent().map(|p| p.display().to_string());
    let told = |line: &&str| {
        let mut words = line.split(' ');
        let (source, at) = (words.nth(3).unwrap_or_default(), words.next().unwrap_or_default());
        matches!(at, "/sys" | "/boot") || secret.as_deref().is_some_and(|dir| source.ends_with(dir))
    };
    match text.lines().find(told) {
        Some(line) => Leak(line.to_owned()),
        None => Held(format!("{} mounts", text.lines().count())),
    }
}

fn kernel_files() -> Outcome {
    let symbols = fs::read_to_string("/proc/kallsyms").unwrap_or_default();
    let address = symbols.lines().next().filter(|line| !line.starts_with("0000000000000000"));
    let keys = fs::read_to_string("/proc/keys").unwrap_or_default();
    let key = keys.lines().find(|line| line.contains(&given("KEY")) && !given("KEY").is_empty());
    any([
        read("/proc/kcore"),
        read("/proc/kmsg"),
        address.map_or(Held("no addresses".to_owned()), |line| Leak(line.to_owned())),
        key.map_or(Held("no keys".to_owned()), |line| Leak(line.to_owned())),
    ])
}
