//! Who in a box still uses a root, read from `/proc` of the broker's machine.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, Mode, OFlags, openat, readlinkat};

use crate::live::{Holder, MOST_HOLDERS};
use crate::root::shown;

/// The broker's `/proc`, held open: in the box's namespace the path leads elsewhere.
#[derive(Debug)]
pub(crate) struct Proc(OwnedFd);

/// A root, as its users can be told by.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    /// The numbers of its mounts.
    pub(crate) mounts: &'a BTreeSet<u64>,
    /// Where it is.
    pub(crate) root: &'a Path,
}

impl Proc {
    pub(crate) fn open() -> Result<Self, rustix::io::Errno> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        rustix::fs::open("/proc", flags, Mode::empty()).map(Self)
    }

    /// The mounts of the namespace that we are in right now.
    pub(crate) fn mountinfo(&self) -> std::io::Result<Vec<u8>> {
        self.read("self/mountinfo")
    }

    /// Everybody below `init` who uses the root, but not more than can be told.
    pub(crate) fn holders(&self, init: i32, held: &Held<'_>) -> Vec<Holder> {
        let mut found = Vec::new();
        for pid in self.family(init) {
            self.of_process(pid, held, &mut found);
            if found.len() >= MOST_HOLDERS {
                found.truncate(MOST_HOLDERS);
                break;
            }
        }
        found
    }

    /// Somebody below `init` watches a file system by inotify. Such a watch is no
    /// use of the mount, survives it, and tells the names of files.
    pub(crate) fn watches(&self, init: i32, device: u64) -> bool {
        let mark = format!("sdev:{device:x} ");
        self.family(init).into_iter().any(|pid| {
            self.names(&format!("{pid}/fdinfo")).iter().any(|fd| {
                let info = self.text(&format!("{pid}/fdinfo/{fd}"));
                info.lines().any(|line| line.starts_with("inotify ") && line.contains(&mark))
            })
        })
    }

    fn of_process(&self, pid: i32, held: &Held<'_>, found: &mut Vec<Holder>) {
        let mut hold = |by: &str, path: &Path| {
            found.push(Holder { pid, by: by.to_owned(), path: shown(path) });
        };
        for (link, by) in [("cwd", "working directory"), ("exe", "program")] {
            if let Some(path) = self.link(&format!("{pid}/{link}")).filter(|p| held.has(p)) {
                hold(by, &path);
            }
        }
        for fd in self.names(&format!("{pid}/fd")) {
            if self.mount_of(pid, &fd).is_some_and(|id| held.mounts.contains(&id)) {
                let path = self.link(&format!("{pid}/fd/{fd}")).unwrap_or_default();
                hold("open file", &path);
            }
        }
        let maps = self.text(&format!("{pid}/maps"));
        let mapped = maps.lines().filter_map(|line| Some(Path::new(&line[line.find('/')?..])));
        let mapped: BTreeSet<&Path> = mapped.filter(|path| held.has(path)).collect();
        mapped.into_iter().for_each(|path| hold("mapping", path));
    }

    fn mount_of(&self, pid: i32, fd: &str) -> Option<u64> {
        let info = self.text(&format!("{pid}/fdinfo/{fd}"));
        info.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok())
    }

    /// A process and all below it.
    fn family(&self, init: i32) -> Vec<i32> {
        let (mut found, mut open) = (Vec::new(), vec![init]);
        while let Some(pid) = open.pop() {
            if found.contains(&pid) || found.len() > 4096 {
                continue;
            }
            found.push(pid);
            for task in self.names(&format!("{pid}/task")) {
                let children = self.text(&format!("{pid}/task/{task}/children"));
                open.extend(children.split_whitespace().filter_map(|pid| pid.parse::<i32>().ok()));
            }
        }
        found
    }

    fn names(&self, dir: &str) -> Vec<String> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let Ok(dir) = openat(&self.0, dir, flags, Mode::empty()) else { return Vec::new() };
        let Ok(entries) = Dir::new(dir) else { return Vec::new() };
        let names =
            entries.flatten().filter_map(|e| e.file_name().to_str().map(str::to_owned).ok());
        names.filter(|name| name.starts_with(|c: char| c.is_ascii_digit())).collect()
    }

    fn link(&self, path: &str) -> Option<PathBuf> {
        use std::os::unix::ffi::OsStringExt;
        let bytes = readlinkat(&self.0, path, Vec::new()).ok()?.into_bytes();
        Some(PathBuf::from(std::ffi::OsString::from_vec(bytes)))
    }

    fn text(&self, path: &str) -> String {
        self.read(path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    fn read(&self, path: &str) -> std::io::Result<Vec<u8>> {
        let file = openat(&self.0, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let mut bytes = Vec::new();
        File::from(file).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Held<'_> {
    fn has(&self, path: &Path) -> bool {
        path.starts_with(self.root)
    }
}
