//! A server in a real box whose every byte comes from the test, through two
//! named pipes in a directory that the box may see.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use rustix::fs::{CWD, FileType, Mode, OFlags, mkfifoat, open};

use super::Stage;
use super::pipes::{Inlet, Outlet};

/// What a server is told. It ends when the test closes [`Puppet::to_host`].
const SCRIPT: &str = r#"exec 3<&0; cat <&3 >"$1/from_host" & exec cat <"$1/to_host" 3<&-"#;

/// The strings of the server.
#[derive(Debug)]
pub struct Puppet {
    folder: PathBuf,
    /// What the server says.
    pub to_host: Outlet,
    /// What the server hears.
    pub from_host: Inlet,
}

impl Puppet {
    /// Makes the pipes in `pipes/` of the stage.
    #[must_use]
    pub fn new(stage: &Stage) -> Self {
        let folder = stage.folder("pipes", 0o755);
        for name in ["to_host", "from_host"] {
            let path = folder.join(name);
            mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
            // The server may be nobody, and our own umask shall not matter.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        }
        assert!(FileType::Fifo == kind(&folder.join("to_host")));
        let common = OFlags::CLOEXEC | OFlags::NONBLOCK;
        // Opened for both, so that neither we nor the server wait for the other.
        let to_host = open(folder.join("to_host"), OFlags::RDWR | common, Mode::empty()).unwrap();
        let from_host =
            open(folder.join("from_host"), OFlags::RDONLY | common, Mode::empty()).unwrap();
        Self { folder, to_host: Outlet::new(to_host), from_host: Inlet::new(from_host) }
    }

    /// The directory that the server must be granted, writable.
    #[must_use]
    pub fn root(&self) -> String {
        format!("{}:rw", self.folder.display())
    }

    /// The server's command.
    #[must_use]
    pub fn command(&self) -> Vec<String> {
        let mut command = Stage::shell(SCRIPT);
        command.extend(["server".to_owned(), self.folder.display().to_string()]);
        command
    }
}

fn kind(path: &std::path::Path) -> FileType {
    FileType::from_raw_mode(rustix::fs::stat(path).unwrap().st_mode)
}
