//! A stage for the real binary: directories of its own, real pipes, a real box.
//!
//! Read [`Stage`] for the directories and for commands that end by themselves,
//! [`gateway`] for a gateway that runs, [`answering`] for a server that answers
//! by itself, [`puppet`] for one whose words come from the test, [`pipes`] for
//! how bytes move, [`kin`] for who is alive.

#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of the stage")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's furniture")]

pub mod answering;
pub mod gateway;
pub mod kin;
pub mod pipes;
pub mod puppet;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use portcullis_journal::{Event, Record, Timestamp};
use portcullis_policy::{Principal, ServerName};
use portcullis_store::Journal;
use serde_json::Value;
use tempfile::TempDir;

pub use gateway::Gateway;
pub use puppet::Puppet;

/// How long anything may take on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// What one command of ours came to.
#[derive(Debug)]
pub struct Said {
    /// The exit code.
    pub code: i32,
    /// Its stdout.
    pub out: String,
    /// Its stderr.
    pub err: String,
}

/// The directories of one test. They are gone when this is dropped.
#[derive(Debug)]
pub struct Stage {
    dir: TempDir,
    path: PathBuf,
}

impl Stage {
    /// A home with a project, a state directory, and a place for temporary files.
    #[must_use]
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("portcullis-stage-").tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        let stage = Self { dir, path };
        // As root our server is nobody, who must reach its root at every level.
        mode(&stage.path, 0o755);
        stage.folder("home/ada/project", 0o777);
        stage.folder("tmp", 0o700);
        stage
    }

    /// A directory of the stage, made when it is missing.
    pub fn folder(&self, name: &str, bits: u32) -> PathBuf {
        let folder = self.path.join(name);
        fs::create_dir_all(&folder).unwrap();
        mode(&folder, bits);
        folder
    }

    /// Where it all is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The home of the person.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.path.join("home/ada")
    }

    /// The directory that servers work in.
    #[must_use]
    pub fn project(&self) -> PathBuf {
        self.path.join("home/ada/project")
    }

    /// Journal and approvals.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.path.join("state")
    }

    /// Writes the config; its path.
    pub fn config(&self, toml: &str) -> PathBuf {
        let file = self.path.join("portcullis.toml");
        fs::write(&file, toml).unwrap();
        file
    }

    /// A file of policies beside the config.
    pub fn policy(&self, name: &str, text: &str) {
        fs::write(self.path.join(name), text).unwrap();
    }

    /// The grant of the project, writable.
    #[must_use]
    pub fn root(&self) -> String {
        format!("{}:rw", self.project().display())
    }

    /// A shell's command line for a server.
    #[must_use]
    pub fn shell(script: &str) -> Vec<String> {
        ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
    }

    /// Our binary with a scrubbed environment, in a group of its own: no prompt
    /// goes to the terminal of whoever runs the tests.
    #[must_use]
    pub fn portcullis(&self) -> Command {
        let mut command = start(env!("CARGO_BIN_EXE_portcullis"));
        self.scrub(&mut command);
        command.process_group(0);
        command
    }

    /// Nothing of the test's environment reaches the command.
    pub fn scrub(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.home())
            .env("TMPDIR", self.path.join("tmp"))
            .env("PORTCULLIS_STATE", self.state())
            .env("NO_COLOR", "1")
            .current_dir(self.home());
    }

    /// `portcullis run` with these words before the server's command.
    #[must_use]
    pub fn run(&self, options: &[&str], server: &[String]) -> Command {
        let mut command = self.portcullis();
        command.arg("run").args(options).arg("--").args(server);
        command
    }

    /// Runs one of our commands to its end.
    #[must_use]
    pub fn says(&self, words: &[&str]) -> Said {
        let mut command = self.portcullis();
        command.args(words);
        finish(command)
    }

    /// Every record from number `since` on, as scripts see them.
    #[must_use]
    pub fn journal(&self, since: usize) -> Vec<Value> {
        let said = self.says(&["journal", "show", "--json", "--since", &since.to_string()]);
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The records of one event.
    #[must_use]
    pub fn events(&self, event: &str) -> Vec<Value> {
        let all = self.journal(1).into_iter();
        all.filter(|record| record["event"] == event).collect()
    }

    /// The questions that wait for a person, oldest first.
    #[must_use]
    pub fn questions(&self) -> Vec<Value> {
        self.list(&["approvals", "list", "--json"])
    }

    /// Every question that was ever asked, oldest first.
    #[must_use]
    pub fn every_question(&self) -> Vec<Value> {
        self.list(&["approvals", "list", "--all", "--json"])
    }

    fn list(&self, words: &[&str]) -> Vec<Value> {
        let said = self.says(words);
        serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("no list: {said:?}"))
    }

    /// Writes old records, half a kilobyte each.
    pub fn seed_journal(&self, records: usize) {
        if records == 0 {
            return;
        }
        let mut journal = Journal::open(&self.state().join("journal")).unwrap();
        let server = ServerName::new("old").unwrap();
        for _ in 0..records {
            let mut record = Record::new(Event::Notice, "s", &server, &Principal::user(1000));
            record.note = Some("old ".repeat(64));
            let moment = Timestamp::default().after(Duration::from_secs(1_700_000_000));
            portcullis_store::JournalStore::append(&mut journal, &record, moment).unwrap();
        }
    }

    /// How much the newest segment of the journal holds, in bytes.
    #[must_use]
    pub fn journal_size(&self) -> u64 {
        let files = fs::read_dir(self.state().join("journal")).unwrap().map(|file| file.unwrap());
        let lines = files.filter(|file| file.path().extension().is_some_and(|it| it == "jsonl"));
        let newest = lines.max_by_key(fs::DirEntry::file_name).unwrap();
        newest.metadata().unwrap().len()
    }

    /// The journal proves itself.
    pub fn verify(&self) {
        let said = self.says(&["journal", "verify"]);
        assert_eq!(said.code, 0, "{said:?}");
    }

    /// Waits until `look` finds something.
    pub fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(Instant::now() < deadline, "in vain: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

/// The one place where these tests start a process.
#[expect(clippy::disallowed_methods, reason = "the subject of these tests is our own binary")]
pub fn start(program: &str) -> Command {
    Command::new(program)
}

/// Runs a command that reads nothing, to its end or ours.
#[must_use]
pub fn finish(mut command: Command) -> Said {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let gateway = Gateway::of(command.spawn().unwrap(), None);
    gateway.finish()
}

fn mode(path: &Path, bits: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
}
