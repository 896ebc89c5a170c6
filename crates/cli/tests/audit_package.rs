//! `portcullis audit` of published packages: one of a registry that the test serves, which would run a script, and real
//! ones of the registries that this machine's settings name.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

#[expect(clippy::disallowed_methods, reason = "the subject of the test is our own binary")]
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

fn audit(words: &[&str], desk: &Path) -> Command {
    let mut audit = command(env!("CARGO_BIN_EXE_portcullis"));
    let json = if words.contains(&"--format") { &[][..] } else { &["--json"] };
    audit.arg("audit").args(json).args(["--persona", "auditor"]).args(words).current_dir(desk);
    audit
}

fn read(done: &Output) -> Value {
    let said = String::from_utf8_lossy(&done.stderr);
    let text = String::from_utf8_lossy(&done.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{said}"))
}

fn told(report: &Value, check: &str) -> Vec<Value> {
    let all = report["findings"].as_array().unwrap().iter();
    all.filter(|it| it["check"] == check).cloned().collect()
}

fn row<'v>(report: &'v Value, control: &str) -> &'v Value {
    let rows = report["checklist"].as_array().unwrap();
    rows.iter().find(|row| row["control"] == control).unwrap()
}

/// There is no npm here, and the reader is told.
fn no_npm() -> bool {
    let missing = !["/usr/bin/npm", "/usr/local/bin/npm"].iter().any(|it| Path::new(it).exists());
    if missing {
        eprintln!("skipped: no npm here to install with");
    }
    missing
}

/// A registry with one package, which has a server and a script that would put something else in its place.
struct Registry {
    desk: TempDir,
    port: u16,
}

impl Registry {
    fn serve() -> Self {
        let desk = tempfile::tempdir().unwrap();
        let folder = desk.path().join("package");
        fs::create_dir(&folder).unwrap();
        let manifest = json!({
            "name": "here-server", "version": "1.0.0", "bin": "server.js",
            "scripts": { "postinstall": "echo 'process.exit(7)' > server.js", "test": "true" }
        });
        fs::write(folder.join("package.json"), manifest.to_string()).unwrap();
        fs::write(folder.join("server.js"), include_str!("package/server.js")).unwrap();
        let mut pack = command("npm");
        pack.args(["pack", "--silent", "--ignore-scripts"]).current_dir(&folder);
        assert!(pack.env("HOME", desk.path()).output().unwrap().status.success());
        let archive = fs::read(folder.join("here-server-1.0.0.tgz")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut version = manifest;
        version["dist"] = json!({ "tarball": format!("http://localhost:{port}/p.tgz") });
        // As a registry says it, so that an installer asks no further.
        version["hasInstallScript"] = true.into();
        let versions = json!({ "1.0.0": version });
        let about = json!({ "name": "here-server", "dist-tags": { "latest": "1.0.0" }, "versions": versions });
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut bytes = [0; 8192];
                let length = stream.read(&mut bytes).unwrap_or_default();
                let said = String::from_utf8_lossy(&bytes[..length]).into_owned();
                let body = match said.lines().next().unwrap_or_default() {
                    line if line.contains(".tgz") => archive.clone(),
                    line if line.contains("here-server") => about.to_string().into_bytes(),
                    _ => b"{}".to_vec(),
                };
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(&[head.into_bytes(), body].concat());
            }
        });
        let settings = format!("registry=http://localhost:{port}/\nfetch-retries=0\n");
        fs::write(desk.path().join(".npmrc"), settings).unwrap();
        Self { desk, port }
    }

    fn audit(&self, words: &[&str]) -> Output {
        let places = self.desk.path().join("scratch");
        fs::create_dir_all(&places).unwrap();
        let mut audit = audit(words, self.desk.path());
        audit.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", self.desk.path());
        let done = audit.env("TMPDIR", &places).output().unwrap();
        let left: Vec<PathBuf> =
            fs::read_dir(&places).unwrap().flatten().map(|it| it.path()).collect();
        assert_eq!(left, Vec::<PathBuf>::new(), "what was brought is thrown away");
        done
    }
}

#[test]
fn a_package_is_brought_read_and_started_and_its_script_is_not_run() {
    if no_npm() {
        return;
    }
    let registry = Registry::serve();
    let done = registry.audit(&["--save-evidence", "seen.evidence", "npm:here-server@1.0.0"]);
    let report = read(&done);
    let scripts = told(&report, "install-script");
    assert_eq!(scripts.len(), 1, "{report:#} at {}", registry.port);
    assert_eq!(scripts[0]["severity"], "medium");
    assert_eq!(row(&report, "installs-quietly")["status"], "fail");
    assert_eq!(row(&report, "version-sound")["status"], "pass");
    // It ran, and so it is still what was published.
    assert_eq!(row(&report, "description-honest")["status"], "pass", "{report:#}");
    assert_eq!(report["package"]["programs"], json!(["here-server"]));
    let evidence = fs::read_to_string(registry.desk.path().join("seen.evidence")).unwrap();
    let evidence: Value = serde_json::from_str(&evidence).unwrap();
    assert_eq!(evidence["live"]["command"], json!(["npx", "-y", "here-server@1.0.0"]));
    assert_eq!(done.status.code(), Some(13), "{report:#}");
    let again = read(&registry.audit(&["seen.evidence"]));
    assert_eq!(again, report);
}

#[test]
fn what_a_registry_does_not_have_is_not_testable() {
    if no_npm() {
        return;
    }
    let registry = Registry::serve();
    let done = registry.audit(&["npm:gone-package@1.0.0"]);
    let report = read(&done);
    assert_eq!(done.status.code(), Some(3), "{report:#}");
    let why = report["package"]["failed"].as_str().unwrap();
    assert!(why.contains("installing `gone-package@1.0.0` failed"), "{why}");
    assert!(!why.contains("scratch"), "no place of ours: {why}");
    assert_eq!(row(&report, "version-sound")["evidence"], "the package could not be brought");
    assert_eq!(report["summary"]["grade"], Value::Null);
    let done = registry.audit(&["--format", "text", "npm:gone-package@1.0.0"]);
    let text = String::from_utf8(done.stdout).unwrap();
    let head = text.strip_prefix("gone-package 1.0.0 could not be brought:\n   installing ");
    assert!(head.is_some_and(|it| it.contains("failed (exit code 1): npm error")), "{text}");
    assert!(!text.contains("0 packages"), "{text}");
}

#[test]
fn a_package_without_one_version_is_not_brought() {
    let desk = tempfile::tempdir().unwrap();
    for target in [
        "npm:mcp-remote",
        "npm:mcp-remote@latest",
        "npm:mcp-remote@^0.1.0",
        "pypi:mcp-server-git",
        "npm:--x@1.0.0",
    ] {
        let done = audit(&[target], desk.path()).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{target}: {said}");
        assert!(said.contains(target) && done.stdout.is_empty(), "{said}");
    }
    // A file of that name is a file.
    fs::write(desk.path().join("npm:x@1.0.0"), "nothing").unwrap();
    let done = audit(&["npm:x@1.0.0"], desk.path()).output().unwrap();
    assert_eq!(done.status.code(), Some(3));
}

/// Whether the registry that this machine's settings name answers: without it there is nothing to bring.
fn answers(package: &str) -> bool {
    let known = !no_npm()
        && command("npm")
            .args(["view", package, "version"])
            .output()
            .is_ok_and(|it| it.status.success());
    if !known {
        eprintln!("skipped: no registry here that has {package}");
    }
    known
}

/// The vulnerable release and the one of today, as whoever installs them gets them (CVE-2025-53109, CVE-2025-53110).
#[test]
fn a_real_pair_is_told_apart_by_its_name() {
    let name = "@modelcontextprotocol/server-filesystem";
    if !answers(&format!("{name}@2025.3.28")) {
        return;
    }
    let desk = tempfile::tempdir().unwrap();
    let mut both = Vec::new();
    for version in ["2025.3.28", "2026.7.10"] {
        let target = format!("npm:{name}@{version}");
        let report = read(&audit(&[&target], desk.path()).output().unwrap());
        let known: Vec<String> = told(&report, "known-vulnerable")
            .iter()
            .map(|it| it["title"].as_str().unwrap_or_default().to_owned())
            .collect();
        let confirmed = report["findings"].as_array().unwrap().iter();
        let confirmed = confirmed
            .filter(|it| {
                it["confidence"] == "confirmed"
                    && it["check"].as_str().unwrap().starts_with("path-")
            })
            .count();
        both.push((known.len(), confirmed > 0, row(&report, "installs-quietly")["status"].clone()));
    }
    let quiet = json!("pass");
    assert_eq!(both, [(2, true, quiet.clone()), (0, false, quiet)]);
}

/// uv is brought by `cargo xtask peers`, or is the person's own.
fn uv() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers");
    let here = here.canonicalize().unwrap_or(here);
    let peers = std::env::var_os("PORTCULLIS_PEERS").map_or(here, PathBuf::from);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let places =
        std::iter::once(peers.join("python/tools/bin")).chain(std::env::split_paths(&paths));
    places.map(|place| place.join("uv")).find(|it| it.is_file())
}

#[test]
fn a_real_package_of_python_is_read_without_a_script() {
    let Some(uv) = uv() else {
        eprintln!("skipped: no uv here to install with");
        return;
    };
    let desk = tempfile::tempdir().unwrap();
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let paths =
        std::iter::once(uv.parent().unwrap().to_owned()).chain(std::env::split_paths(&paths));
    let mut audit = audit(
        &["pypi:mcp-server-git==2025.7.1", "--", "uvx", "mcp-server-git==2025.7.1"],
        desk.path(),
    );
    let report = read(&audit.env("PATH", std::env::join_paths(paths).unwrap()).output().unwrap());
    assert_eq!(report["left_out"], json!([]), "{report:#}");
    assert_eq!(told(&report, "known-vulnerable").len(), 4);
    let options = told(&report, "option-injection");
    assert!(
        options.iter().any(|it| it["location"]["file"] == "mcp_server_git/server.py"),
        "{options:#?}"
    );
    assert_eq!(report["package"]["programs"], json!(["mcp-server-git"]));
}
