//! The stage of the demonstration: a project, its neighbour, and a secret.

use std::ffi::OsString;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use portcullis_journal::Timestamp;
use portcullis_store::{ApprovalStore as _, Approvals, Filter, Verdict};
use serde_json::{Value, json};

/// A temporary directory with everything in it; removed at the end.
pub(super) struct Scene {
    pub(super) folder: PathBuf,
    pub(super) project: PathBuf,
    pub(super) secret: String,
}

/// One way to the secret.
pub(super) struct Attack {
    pub(super) title: &'static str,
    pub(super) tool: &'static str,
    path: fn(&Scene) -> Value,
    /// The tool of `portcullis server` that could be asked for the same.
    pub(super) hardened: &'static str,
    same: fn(&Scene) -> Value,
}

impl Attack {
    pub(super) fn arguments(&self, scene: &Scene) -> Value {
        (self.path)(scene)
    }

    /// The same wish, as `portcullis server` is asked.
    pub(super) fn hardened_arguments(&self, scene: &Scene) -> Value {
        (self.same)(scene)
    }
}

/// What held.
pub(super) enum Stopped {
    /// The gateway judged the call; the control is named.
    Judged(String),
    /// The call ran, and the kernel had nothing to give.
    Kernel,
}

/// Five ways, from the plainest to the one that needs no argument at all.
pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        title: "an absolute path",
        tool: "read_file",
        path: |scene| json!({"path": scene.key()}),
        hardened: "read_file",
        same: |scene| json!({"path": scene.key()}),
    },
    Attack {
        title: "a sibling with the same prefix",
        tool: "read_note",
        path: |scene| json!({"path": format!("{}-evil/key.txt", scene.project.display())}),
        hardened: "read_file",
        same: |scene| json!({"path": format!("{}-evil/key.txt", scene.project.display())}),
    },
    Attack {
        title: "a symbolic link in the project",
        tool: "read_note",
        path: |scene| json!({"path": scene.project.join("shortcut.txt")}),
        hardened: "read_file",
        same: |scene| json!({"path": scene.project.join("shortcut.txt")}),
    },
    Attack {
        title: "a shell metacharacter",
        tool: "count_words",
        path: |_| json!({"note": "notes.txt; cat ../*/key.txt"}),
        hardened: "file_info",
        same: |_| json!({"path": "notes.txt; cat ../*/key.txt", "count_lines": true}),
    },
    Attack {
        title: "a child process",
        tool: "get_summary",
        path: |_| json!({}),
        hardened: "search_files",
        same: |scene| json!({"path": scene.folder, "text": "the-planted"}),
    },
];

impl Scene {
    /// Builds the stage in a fresh temporary directory.
    pub(super) fn build() -> Result<Self, String> {
        Self::place().map_err(|error| format!("the demo's directory cannot be made: {error}"))
    }

    fn place() -> std::io::Result<Self> {
        let moment = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let name = format!("portcullis-demo-{}-{moment:x}", std::process::id());
        let folder = std::env::temp_dir().canonicalize()?.join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        let project = folder.join("project");
        let secret = format!("the-planted-secret-{moment:x}");
        let scene = Self { folder, project, secret };
        scene.fill()?;
        Ok(scene)
    }

    fn fill(&self) -> std::io::Result<()> {
        for name in ["project", "project-evil", "vault"] {
            std::fs::create_dir(self.folder.join(name))?;
        }
        std::fs::write(self.project.join("notes.txt"), "buy milk\n")?;
        std::fs::write(self.project.join("old.txt"), "last year\n")?;
        std::fs::write(self.folder.join("project-evil/key.txt"), &self.secret)?;
        std::fs::write(self.key(), &self.secret)?;
        symlink(self.key(), self.project.join("shortcut.txt"))?;
        // So that the server can use the project under any account.
        if rustix::process::geteuid().is_root() {
            open_to_all(&self.folder, 0o711)?;
            open_to_all(&self.project, 0o777)?;
        }
        Ok(())
    }

    fn key(&self) -> PathBuf {
        self.folder.join("vault/key.txt")
    }

    fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// The server as most hosts run it.
    pub(super) fn bare_command(&self) -> Vec<OsString> {
        vec![ourselves(), "__careless".into(), self.project.clone().into()]
    }

    /// The server behind the gateway.
    pub(super) fn guarded_command(&self) -> Vec<OsString> {
        let mut root = self.project.clone().into_os_string();
        root.push(":rw");
        let mut command: Vec<OsString> = vec![ourselves(), "run".into()];
        for word in ["--name", "careless", "--patience", "60s", "--state"] {
            command.push(word.into());
        }
        command.push(self.state().into());
        command.extend(["--root".into(), root, "--".into()]);
        command.extend(self.bare_command());
        command
    }

    /// Our own server, as it is run without a gateway.
    pub(super) fn hardened_command(&self) -> Vec<OsString> {
        let mut root = self.project.clone().into_os_string();
        root.push(":rw");
        let mut command: Vec<OsString> = vec![ourselves(), "server".into(), "--state".into()];
        command.extend([self.folder.join("server").into(), "--root".into(), root]);
        command
    }

    /// How many records there are.
    pub(super) fn records(&self) -> Result<u64, String> {
        let report = portcullis_store::verify(&self.state().join("journal"))
            .map_err(|error| error.to_string())?;
        Ok(report.records)
    }

    /// What stopped the last call, as the journal tells it.
    pub(super) fn stopped_by(&self, before: u64) -> Result<Stopped, String> {
        let entries = portcullis_store::read(&self.state().join("journal"), 0)
            .map_err(|error| error.to_string())?;
        for entry in entries.skip(usize::try_from(before).unwrap_or(usize::MAX)) {
            let entry = entry.map_err(|error| error.to_string())?;
            let record: Value =
                serde_json::from_str(&entry.line).map_err(|error| error.to_string())?;
            if record["event"] == "denied" {
                let control = record["decision"]["because"][0]["control"].as_str().unwrap_or("?");
                return Ok(Stopped::Judged(control.to_owned()));
            }
        }
        Ok(Stopped::Kernel)
    }

    /// The journal holds; how many records.
    pub(super) fn verify(&self) -> Result<u64, String> {
        let report = portcullis_store::verify(&self.state().join("journal"))
            .map_err(|error| error.to_string())?;
        match report.broken {
            None => Ok(report.records),
            Some(broken) => Err(format!("the journal does not verify: {broken:?}")),
        }
    }

    /// Answers the next question with yes, from another thread, for `--yes`.
    pub(super) fn answer_yes(&self) -> JoinHandle<Result<(), String>> {
        let state = self.state();
        std::thread::spawn(move || approve_next(&state))
    }
}

fn approve_next(state: &Path) -> Result<(), String> {
    let mut approvals = Approvals::open(state).map_err(|error| error.to_string())?;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(30) {
        let open = approvals.list(&Filter::pending(), now()).map_err(|error| error.to_string())?;
        if let Some(row) = open.first() {
            let decided = approvals.decide(&row.id, Verdict::Approve, "demo --yes", now());
            return decided
                .map_err(|error| error.to_string())?
                .map(|_| ())
                .map_err(|error| error.to_string());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err("nobody was asked".to_owned())
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

fn ourselves() -> OsString {
    std::env::current_exe().map_or_else(|_| "portcullis".into(), PathBuf::into_os_string)
}

fn open_to_all(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

impl Drop for Scene {
    fn drop(&mut self) {
        // What is left in the temporary directory is small and ours.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
