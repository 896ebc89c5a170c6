//! Where a test happens: a directory of its own, the peers, and our binary.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A directory that is gone when the test is over.
#[derive(Debug)]
pub(crate) struct Yard {
    folder: TempDir,
}

impl Yard {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A place in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    /// The same, as text.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A file in it that every account may write: as root, the server is another one.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        self.dir(Path::new(name).parent().and_then(Path::to_str).unwrap_or_default());
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        path
    }

    /// A directory in it that every account may write.
    pub(crate) fn dir(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o777));
        let ours = path.ancestors().take_while(|above| *above != self.path(""));
        ours.for_each(|path| open(path).unwrap());
        path
    }

    /// The words of `portcullis run` with this yard's state, before the server's command.
    pub(crate) fn run(&self, options: &[&str], server: &[String]) -> Vec<String> {
        let mut words = vec!["run".to_owned(), "--state".to_owned(), self.text("state")];
        words.extend(options.iter().map(|&word| word.to_owned()));
        words.push("--".to_owned());
        words.extend_from_slice(server);
        words
    }

    /// Runs another command of ours to its end.
    pub(crate) fn portcullis(&self, words: &[&str]) -> Output {
        let mut command = command(PORTCULLIS);
        command.args(words).arg("--state").arg(self.path("state")).output().unwrap()
    }

    /// The journal proves that it is whole; its records.
    pub(crate) fn journal(&self) -> Vec<Value> {
        let verified = self.portcullis(&["journal", "verify"]);
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
        let shown = self.portcullis(&["journal", "show", "--json"]);
        let text = String::from_utf8(shown.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Our binary.
pub(crate) const PORTCULLIS: &str = env!("CARGO_BIN_EXE_portcullis");

/// A command with the environment that hosts give, and nothing else.
#[expect(
    clippy::disallowed_methods,
    reason = "the test is the host, and compares with bare servers"
)]
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    for name in ["PATH", "HOME", "TMPDIR"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command.env("TZ", "Etc/UTC").env("PORTCULLIS_PEERS", peers());
    command
}

/// The folder of everything that `peers/` pins.
fn peers() -> PathBuf {
    let default = || source("target/peers");
    std::env::var_os("PORTCULLIS_PEERS").map_or_else(default, PathBuf::from)
}

/// A file of this repository.
pub(crate) fn source(name: &str) -> PathBuf {
    // At run time: the tests may run from a copy of the sources.
    let here = std::env::var_os("CARGO_MANIFEST_DIR");
    let here = here.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.join("../..").canonicalize().unwrap().join(name)
}

/// A program that somebody else wrote.
pub(crate) fn peer(name: &str) -> String {
    let path = peers().join(name);
    let missing = path.display();
    assert!(path.exists(), "no {missing}: run `cargo xtask test`, which brings the peers");
    path.display().to_string()
}
