//! Nothing below a held directory leads out of it, and nothing but files is opened.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by failing")]

#[path = "beneath/changes.rs"]
mod changes;
#[path = "beneath/looks.rs"]
mod looks;
#[path = "beneath/property.rs"]
mod property;
#[path = "beneath/race.rs"]
mod race;

use std::path::{Path, PathBuf};
use std::process::Command;

use portcullis_confine::beneath::{Protected, RootDir};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

/// A root with a neighbour, and bait in the neighbour.
pub(crate) struct Stage {
    dir: tempfile::TempDir,
}

pub(crate) const BAIT: &str = "not for this peer";

impl Stage {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let stage = Self { dir };
        for place in ["project/src", "project/.git/hooks", "project-evil"] {
            std::fs::create_dir_all(stage.dir.path().join(place)).unwrap();
        }
        stage.put("a.txt", "alpha\n");
        stage.put("src/main.rs", "fn main() {}\n");
        stage.put(".git/config", "[core]\n");
        std::fs::write(stage.outside("secret"), BAIT).unwrap();
        stage
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("project")
    }

    /// In the directory whose name begins like the root's.
    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.dir.path().join("project-evil").join(name)
    }

    pub(crate) fn root(&self) -> RootDir {
        RootDir::open(&self.path()).unwrap()
    }

    pub(crate) fn writable(&self) -> RootDir {
        self.root().writable(Protected::usual())
    }

    pub(crate) fn put(&self, below: &str, text: &str) {
        std::fs::write(self.path().join(below), text).unwrap();
    }

    pub(crate) fn text(&self, below: &str) -> String {
        std::fs::read_to_string(self.path().join(below)).unwrap()
    }

    pub(crate) fn link(&self, below: &str, to: impl AsRef<Path>) {
        std::os::unix::fs::symlink(to, self.path().join(below)).unwrap();
    }

    /// The names in a directory, sorted.
    pub(crate) fn names(&self, below: &str) -> Vec<String> {
        let listed = std::fs::read_dir(self.path().join(below)).unwrap();
        let mut names: Vec<String> =
            listed.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

const CHILD: &str = "PORTCULLIS_WITHOUT_OPENAT2";

/// In a box of ours, and on old kernels: every test of this file again.
#[test]
#[expect(clippy::disallowed_methods, reason = "the child is this test, with a system call less")]
fn all_of_it_holds_where_there_is_no_openat2() {
    if std::env::var_os(CHILD).is_some() {
        let opened = openat2(CWD, ".", OFlags::PATH, Mode::empty(), ResolveFlags::BENEATH);
        assert_eq!(opened.err(), Some(Errno::NOSYS));
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let without = dir.path().join("without-openat2");
    std::fs::copy(env!("CARGO_BIN_EXE_confine-box"), &without).unwrap();
    let mut command = Command::new(&without);
    command.arg("exec").arg(std::env::current_exe().unwrap()).env(CHILD, "1");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("a_swapper_of_links_gains_nothing ... ok"), "{said}");
}
