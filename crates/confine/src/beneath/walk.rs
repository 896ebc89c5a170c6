//! The same promise where `openat2` is not to be had: before Linux 5.6, and behind a
//! filter of system calls that cannot see what is in its structure, such as that of
//! our own box.
//!
//! One name at a time is opened from the directory before it, never a link, so that
//! what is swapped in between is met as what it is. `..` goes back to a directory that
//! we hold already and never asks the kernel for a parent; a link's text is walked
//! like the rest of the path, and an absolute one leads outside. Links with magic have
//! texts that are walked as texts.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat, readlinkat};
use rustix::io::Errno;

/// As many links as the kernel itself follows (`MAXSYMLINKS`).
const LINKS: usize = 40;
/// As many names as a path of the kernel's longest can have.
const NAMES: usize = 2048;

const LOOK: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// What `openat2` with `RESOLVE_BENEATH` does, with its errors.
pub(super) fn open(
    root: impl AsFd,
    below: &Path,
    flags: OFlags,
    resolve: ResolveFlags,
) -> Result<OwnedFd, Errno> {
    let mut walk =
        Walk { root: openat(root, ".", LOOK, Mode::empty())?, held: Vec::new(), links: 0 };
    let mut ahead = VecDeque::new();
    push(&mut ahead, below.as_os_str())?;
    while let Some(name) = ahead.pop_front() {
        match name.as_bytes() {
            b"." => continue,
            b".." => {
                walk.held.pop().ok_or(Errno::XDEV)?;
                continue;
            }
            _ => {}
        }
        let is_last = ahead.is_empty();
        let next = openat(walk.here(), &name, LOOK, Mode::empty())?;
        let kind = FileType::from_raw_mode(fstat(&next)?.st_mode);
        let follows = !(is_last && flags.contains(OFlags::NOFOLLOW));
        if kind == FileType::Symlink && follows {
            walk.link(&next, resolve, &mut ahead)?;
        } else if is_last {
            return walk.last(&name, next, kind, flags);
        } else if kind == FileType::Directory {
            walk.held.push(next);
        } else {
            return Err(Errno::NOTDIR);
        }
    }
    // The path ended with the directory we are in.
    openat(walk.here(), ".", flags | OFlags::CLOEXEC, Mode::empty())
}

struct Walk {
    root: OwnedFd,
    /// Every directory from the root to here.
    held: Vec<OwnedFd>,
    links: usize,
}

impl Walk {
    fn here(&self) -> &OwnedFd {
        self.held.last().unwrap_or(&self.root)
    }

    fn link(
        &mut self,
        link: &OwnedFd,
        resolve: ResolveFlags,
        ahead: &mut VecDeque<OsString>,
    ) -> Result<(), Errno> {
        self.links += 1;
        if resolve.contains(ResolveFlags::NO_SYMLINKS) || self.links > LINKS {
            return Err(Errno::LOOP);
        }
        let target = OsString::from_vec(readlinkat(link, "", Vec::new())?.into_bytes());
        if target.as_bytes().starts_with(b"/") {
            return Err(Errno::XDEV);
        }
        push(ahead, &target)
    }

    /// The thing itself, as it was asked for.
    fn last(
        &self,
        name: &OsStr,
        seen: OwnedFd,
        kind: FileType,
        flags: OFlags,
    ) -> Result<OwnedFd, Errno> {
        if flags.contains(OFlags::DIRECTORY) && kind != FileType::Directory {
            return Err(Errno::NOTDIR);
        }
        if flags.contains(OFlags::PATH) {
            return Ok(seen);
        }
        // A link that took its place since then is an error, not a way out.
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(self.here(), name, flags, Mode::empty())
    }
}

/// The names of a path, before what is ahead already.
fn push(ahead: &mut VecDeque<OsString>, path: &OsStr) -> Result<(), Errno> {
    let bytes = path.as_bytes();
    if bytes.is_empty() {
        return Err(Errno::NOENT);
    }
    if bytes.starts_with(b"/") {
        return Err(Errno::XDEV);
    }
    // A slash at the end asks for a directory, as does a dot.
    if bytes.ends_with(b"/") {
        ahead.push_front(OsString::from("."));
    }
    for name in bytes.rsplit(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
        ahead.push_front(OsStr::from_bytes(name).to_owned());
    }
    if ahead.len() > NAMES { Err(Errno::NAMETOOLONG) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use rustix::fs::{Mode, OFlags, ResolveFlags, fstat, openat, openat2};
    use rustix::io::Errno;

    use super::{LOOK, open};

    const LINKS: [(&str, &str); 11] = [
        ("within", "a/b/file"),
        ("to_dir", "a"),
        ("round", "a/../a/b"),
        ("up", "../outside"),
        ("far", "a/../../outside"),
        ("absolute", "/etc/passwd"),
        ("loop", "loop"),
        ("chain", "within"),
        ("dangling", "nothing"),
        ("a/back", "../a/b"),
        ("magic", "/proc/self/cwd"),
    ];

    const NAMES: &[&str] = &[
        ".",
        "..",
        "a",
        "a/",
        "a/b/file",
        "a/b/file/",
        "a/b/file/x",
        "a//b",
        "./a/./b",
        "a/..",
        "a/../..",
        "a/../a/b/file",
        "a/b/../../..",
        "nothing",
        "nothing/..",
        "a/nothing/../b",
        "within",
        "within/",
        "to_dir",
        "to_dir/b/file",
        "to_dir/..",
        "to_dir/../a",
        "round/file",
        "up",
        "far",
        "absolute",
        "home",
        "home/b",
        "loop",
        "chain",
        "dangling",
        "a/back/file",
        "magic",
        "magic/x",
        "/",
        "/a",
        "a/back/..",
    ];

    /// The kernel's own judgement is the oracle.
    #[test]
    fn it_says_what_the_kernel_says() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/file"), "x").unwrap();
        fs::write(dir.path().join("outside"), "secret").unwrap();
        for (link, target) in LINKS {
            symlink(target, root.join(link)).unwrap();
        }
        symlink(root.join("a"), root.join("home")).unwrap();
        let handle =
            openat(rustix::fs::CWD, &root, LOOK | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let mut agreed = 0;
        for &name in NAMES {
            for flags in [
                OFlags::PATH,
                OFlags::PATH | OFlags::NOFOLLOW,
                OFlags::PATH | OFlags::DIRECTORY,
                OFlags::RDONLY | OFlags::NONBLOCK,
                OFlags::RDONLY | OFlags::DIRECTORY,
            ] {
                for resolve in [beneath, beneath | ResolveFlags::NO_SYMLINKS] {
                    let flags = flags | OFlags::CLOEXEC;
                    let kernel = judged(&handle, name, flags, resolve).map(identity);
                    let ours = open(&handle, Path::new(name), flags, resolve).map(identity);
                    assert_eq!(ours, kernel, "{name} {flags:?} {resolve:?}");
                    agreed += 1;
                }
            }
        }
        assert_eq!(agreed, NAMES.len() * 10);
    }

    /// Where somebody renames anything anywhere while a `..` is followed, the kernel asks for another
    /// try (openat2(2), `EAGAIN`).
    fn judged(
        at: &OwnedFd,
        name: &str,
        flags: OFlags,
        resolve: ResolveFlags,
    ) -> Result<OwnedFd, Errno> {
        let mut told = Err(Errno::AGAIN);
        for _ in 0..1000 {
            told = openat2(at, name, flags, Mode::empty(), resolve);
            if !matches!(told, Err(Errno::AGAIN)) {
                break;
            }
        }
        told
    }

    fn identity(file: OwnedFd) -> (u64, u64) {
        let stat = fstat(file).unwrap();
        (stat.st_dev, stat.st_ino)
    }
}
