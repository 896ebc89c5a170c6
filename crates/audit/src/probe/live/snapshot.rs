//! What is in the stage, to see what a call changed.
//!
//! The server runs while we look, so every name is opened from a descriptor of the directory that
//! holds it, and no link is followed. A file is another one when its number, size, or the kernel's own
//! times of its last change differ: those of its status nobody can set back.

use std::collections::BTreeMap;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat};

/// Entries that are looked at.
const MOST: usize = 20_000;
/// Directories in directories.
const DEEPEST: usize = 32;
/// What a server may write, in bytes.
const LARGE: u64 = 256 << 20;

/// What is known of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    directory: bool,
    inode: u64,
    size: u64,
    changed: (i64, u64),
}

/// Everything in the stage but the database, by its name relative to it.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshot {
    all: BTreeMap<String, Seen>,
    bytes: u64,
}

/// Something that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// Relative to the stage.
    pub(super) name: String,
    /// It was there before.
    pub(super) was: bool,
}

impl Snapshot {
    /// Looks at a directory, as it is now.
    pub(super) fn take(folder: &Path) -> Self {
        let mut snapshot = Self::default();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if let Ok(root) = openat(CWD, folder, flags, Mode::empty()) {
            snapshot.walk(&root, "", 0);
        }
        snapshot
    }

    fn walk(&mut self, at: &OwnedFd, prefix: &str, depth: usize) {
        let Ok(entries) = Dir::read_from(at) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let text = name.to_string_lossy();
            if matches!(&*text, "." | "..") || (depth == 0 && text == "data") {
                continue;
            }
            // Whoever asks for a repository's status refreshes its index.
            if prefix.ends_with(".git/") && text.starts_with("index") {
                continue;
            }
            if self.all.len() >= MOST {
                self.bytes = self.bytes.max(LARGE + 1);
                return;
            }
            let Ok(stat) = statat(at.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            let size = u64::try_from(stat.st_size).unwrap_or(0);
            let full = format!("{prefix}{text}");
            self.bytes =
                self.bytes.saturating_add(u64::try_from(stat.st_blocks).unwrap_or(0) * 512);
            #[allow(clippy::useless_conversion, reason = "the types differ between machines")]
            let changed =
                (i64::from(stat.st_ctime), u64::try_from(stat.st_ctime_nsec).unwrap_or(0));
            self.all.insert(full.clone(), Seen { directory, inode: stat.st_ino, size, changed });
            if directory && depth < DEEPEST {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                if let Ok(below) = openat(at.as_fd(), name, flags, Mode::empty()) {
                    self.walk(&below, &format!("{full}/"), depth + 1);
                }
            }
        }
    }

    /// What is not in the later one as it was. A directory only changes by coming and going.
    pub(super) fn compared(&self, later: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        for (name, now) in &later.all {
            let was = self.all.get(name);
            let same = was.is_some_and(|was| was == now || (was.directory && now.directory));
            if !same {
                changes.push(Change { name: name.clone(), was: was.is_some() });
            }
        }
        let gone = self.all.keys().filter(|name| !later.all.contains_key(*name));
        changes.extend(gone.map(|name| Change { name: name.clone(), was: true }));
        changes
    }

    /// Whether there is more than a server may write.
    pub(super) fn is_too_large(&self) -> bool {
        self.bytes > LARGE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_seen_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("a")).unwrap();
        std::fs::write(at("a/one"), "1").unwrap();
        std::os::unix::fs::symlink("/", at("a/root")).unwrap();
        let before = Snapshot::take(folder.path());
        assert_eq!(before.all.keys().collect::<Vec<_>>(), ["a", "a/one", "a/root"]);
        std::fs::write(at("a/two"), "2").unwrap();
        std::fs::write(at("a/one"), "3").unwrap();
        let after = Snapshot::take(folder.path());
        let names: Vec<_> = before.compared(&after).into_iter().map(|change| change.name).collect();
        assert_eq!(names, ["a/one", "a/two"]);
        assert_eq!(after.compared(&before).len(), 2);
        assert!(after.compared(&after).is_empty());
    }
}
