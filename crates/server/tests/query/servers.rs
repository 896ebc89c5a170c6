//! Databases that are programs of their own: started for the tests, in a folder of
//! theirs, on a socket in it, and ended by their process id.
//!
//! Tests share one of each while somebody uses it. As root they run under an
//! ordinary account, for they refuse to run as root.
#![expect(clippy::disallowed_methods, reason = "the programs are somebody else's")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const NOBODY: u32 = 65_534;

/// A database server at work.
pub(crate) struct Server {
    child: Child,
    /// Where its files and its socket are.
    folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _waited = self.child.wait();
    }
}

impl Server {
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Runs a program to its end.
pub(crate) fn run(program: &str, arguments: &[&str]) {
    let done = Command::new(program).args(arguments).output();
    let done = done.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
}

/// One server for all who want one now; the last to let go ends it.
fn shared(place: &Mutex<Weak<Server>>, start: impl FnOnce() -> Server) -> Arc<Server> {
    let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(server) = place.upgrade() {
        return server;
    }
    let server = Arc::new(start());
    *place = Arc::downgrade(&server);
    server
}

/// PostgreSQL, its socket in its folder, its superuser `owner` without a password.
pub(crate) fn postgres() -> Arc<Server> {
    static PLACE: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    shared(&PLACE, || {
        let server = found("postgres", &debian());
        let initdb = found("initdb", &debian());
        let folder = folder();
        let data = folder.path().join("data");
        let mut make = ordinary(&initdb, folder.path());
        make.args(["--username=owner", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        make.arg("--no-sync").arg("-D").arg(&data);
        succeed(&mut make);
        let mut start = ordinary(&server, folder.path());
        start.arg("-D").arg(&data).arg("-k").arg(folder.path());
        start.args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=50"]);
        serving(start, folder, ".s.PGSQL.5432")
    })
}

/// MariaDB, its socket `m` in its folder, its superuser `root` without a password.
pub(crate) fn mariadb() -> Arc<Server> {
    static PLACE: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    shared(&PLACE, || {
        let server = found("mariadbd", &[PathBuf::from("/usr/sbin")]);
        let install = found("mariadb-install-db", &[]);
        let base = server.ancestors().nth(2).expect("a program in `bin` or `sbin`").to_owned();
        let folder = folder();
        let data = folder.path().join("data");
        let mut make = ordinary(&install, folder.path());
        make.arg("--no-defaults").arg(format!("--datadir={}", data.display()));
        make.arg(format!("--basedir={}", base.display()));
        make.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
        make.arg(format!("--tmpdir={}", folder.path().display()));
        succeed(&mut make);
        let mut start = ordinary(&server, folder.path());
        start.arg("--no-defaults").arg(format!("--datadir={}", data.display()));
        start.arg(format!("--basedir={}", base.display()));
        start.arg(format!("--socket={}", folder.path().join("m").display()));
        start.arg(format!("--tmpdir={}", folder.path().display()));
        start.args(["--skip-networking", "--innodb-flush-method=fsync", "--secure-file-priv="]);
        serving(start, folder, "m")
    })
}

/// Where a program is; without it these tests would say nothing.
fn found(program: &str, places: &[PathBuf]) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    // What was unpacked for an ordinary user has its servers beside `bin`.
    let beside = on_path.iter().filter_map(|place| Some(place.parent()?.join("sbin")));
    let all = places.iter().cloned().chain(on_path.iter().cloned()).chain(beside);
    let found = all.map(|place| place.join(program)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("no `{program}`: run `cargo xtask test`, which brings it"))
}

/// Where Debian keeps PostgreSQL: by version, and not on the path.
fn debian() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions.map(|entry| entry.path().join("bin")).collect()
}

/// A folder with a short name, for a socket's has 107 letters.
fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("pq").tempdir_in("/tmp").expect("a folder");
    if root() {
        chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("a folder of nobody's");
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    folder
}

fn root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn ordinary(program: &Path, home: &Path) -> Command {
    let mut command = if root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(home).env("HOME", home).env("TMPDIR", home).stdin(Stdio::null());
    command
}

fn succeed(command: &mut Command) {
    let done = command.output().expect("a program");
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{command:?}: {out}{err}");
}

/// Waits for the server's socket; who connects waits for the rest.
fn serving(mut command: Command, folder: TempDir, socket: &str) -> Server {
    let log = fs::File::create(folder.path().join("log")).expect("a log");
    command.stdout(log.try_clone().expect("a log")).stderr(log);
    let child = command.spawn().expect("a server");
    let mut server = Server { child, folder };
    let end = Instant::now() + Duration::from_mins(2);
    while !server.folder().join(socket).exists() || !answers(&server, socket) {
        let over = server.child.try_wait().expect("a child").is_some() || Instant::now() > end;
        let log = || fs::read_to_string(server.folder().join("log")).unwrap_or_default();
        assert!(!over, "the server does not start: {}", log());
        std::thread::sleep(Duration::from_millis(50));
    }
    server
}

/// PostgreSQL makes its socket before it takes connections, and says so in its log.
fn answers(server: &Server, socket: &str) -> bool {
    let log = fs::read_to_string(server.folder().join("log")).unwrap_or_default();
    socket == "m" && log.contains("ready for connections")
        || log.contains("ready to accept connections")
}
