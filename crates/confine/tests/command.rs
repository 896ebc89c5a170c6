//! Commands as people write them, and the fewest directories that they need.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod common;

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use common::{at, open_directory, profile, run, unsupported};
use portcullis_confine::command::{Plan, Resolved, resolve};
use portcullis_confine::{Level, SpawnError};

/// A home directory with everything that people install into it.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(open_directory())
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(below)
    }

    /// An executable file; the text is a script, or nothing that matters.
    fn program(&self, below: &str, text: &str) -> PathBuf {
        let path = self.file(below, text);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn file(&self, below: &str, text: &str) -> PathBuf {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn link(&self, below: &str, target: &Path) -> PathBuf {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, &path).unwrap();
        path
    }

    fn resolve(&self, command: &[&OsStr], path: &[&str]) -> Result<Resolved, SpawnError> {
        let command: Vec<OsString> = command.iter().map(OsString::from).collect();
        let dirs = path.iter().map(|dir| self.path(dir)).chain(["/usr/bin".into(), "/bin".into()]);
        let path = std::env::join_paths(dirs).unwrap();
        resolve(&command, &path, Some(&self.path("")))
    }

    /// The code directories, as names below the home.
    fn code(&self, resolved: &Resolved) -> Vec<String> {
        let below = |path: &PathBuf| path.strip_prefix(self.path("")).map(Path::to_owned);
        resolved.code.iter().map(|path| below(path).unwrap().display().to_string()).collect()
    }
}

#[test]
fn a_system_program_needs_nothing() {
    let home = Home::new();
    let resolved = home.resolve(&["cat".as_ref(), "x".as_ref()], &[]).unwrap();
    assert!(resolved.code.is_empty() && resolved.plan == Plan::Direct, "{resolved:?}");
    assert_eq!(resolved.args, ["x"]);
}

#[test]
fn a_runtime_in_the_home_needs_its_prefix() {
    let home = Home::new();
    let node = home.program(".nvm/versions/node/v22/bin/node", "");
    home.file(".nvm/versions/node/v22/include/node/node.h", "");
    let script = home.file("project/src/server.js", "");
    home.file("project/package.json", "{}");
    let resolved = home
        .resolve(&["node".as_ref(), script.as_os_str()], &[".nvm/versions/node/v22/bin"])
        .unwrap();
    assert_eq!(resolved.program, node);
    assert_eq!(home.code(&resolved), [".nvm/versions/node/v22", "project"]);
    assert!(resolved.path.starts_with(home.path(".nvm/versions/node/v22/bin").to_str().unwrap()));
}

#[test]
fn a_shim_is_followed_to_the_chosen_version() {
    let home = Home::new();
    home.program(".pyenv/shims/python3", "#!/usr/bin/env bash\nexec pyenv exec python3\n");
    home.file(".pyenv/version", "9.9.1\n");
    home.file(".pyenv/versions/9.9.1/lib/python9.9/os.py", "");
    let real = home.program(".pyenv/versions/9.9.1/bin/python9.9", "");
    home.link(".pyenv/versions/9.9.1/bin/python3", &real);
    let resolved = home.resolve(&["python3".as_ref()], &[".pyenv/shims"]).unwrap();
    assert_eq!(resolved.program, real);
    assert_eq!(home.code(&resolved), [".pyenv/versions/9.9.1"]);
}

#[test]
fn a_shim_without_a_version_says_so() {
    let home = Home::new();
    home.program(".pyenv/shims/ruff", "#!/bin/sh\n");
    home.file(".pyenv/versions/9.9.1/bin/other", "");
    let error = home.resolve(&["ruff".as_ref()], &[".pyenv/shims"]).unwrap_err();
    assert_eq!(error.exit_code(), 126);
    assert!(error.to_string().contains("shim"), "{error}");
}

#[test]
fn an_environment_needs_itself_and_its_interpreter() {
    let home = Home::new();
    let python = home.program("py/3.9/bin/python3.9", "");
    home.file("py/3.9/lib/python3.9/os.py", "");
    home.file("project/.venv/pyvenv.cfg", "");
    let linked = home.link("project/.venv/bin/python", &python);
    let tool = home.program("project/.venv/bin/tool", &format!("#!{}\n", linked.display()));
    let resolved = home.resolve(&[tool.as_os_str()], &[]).unwrap();
    assert_eq!(home.code(&resolved), ["project/.venv", "py/3.9"]);
    let resolved = home.resolve(&[linked.as_os_str()], &[]).unwrap();
    assert_eq!(resolved.program, linked, "python knows its environment by this path");
}

#[test]
fn the_home_is_never_granted() {
    let home = Home::new();
    let script = home.file("server.js", "");
    home.file("package.json", "{}");
    home.program("bin/node", "");
    let resolved = home.resolve(&["node".as_ref(), script.as_os_str()], &["bin"]).unwrap();
    assert_eq!(home.code(&resolved), ["bin", "server.js"]);
    let tool = home.program(".local/bin/tool", "");
    home.file(".local/lib/python3.9/site.py", "");
    let resolved = home.resolve(&[tool.as_os_str()], &[]).unwrap();
    assert_eq!(home.code(&resolved), [".local/bin"]);
}

#[test]
fn hoisted_packages_come_along() {
    let home = Home::new();
    let script = home.file("app/node_modules/a/node_modules/b/index.js", "");
    let linked = home.link("app/node_modules/.bin/b", &script);
    home.program("bin/node", "");
    for path in [&script, &linked] {
        let resolved = home.resolve(&["node".as_ref(), path.as_os_str()], &["bin"]).unwrap();
        assert_eq!(home.code(&resolved), ["app/node_modules", "bin"]);
    }
}

#[test]
fn a_script_names_its_interpreter() {
    let home = Home::new();
    home.program("runtimes/deno", "");
    let script = home.program("tools/server", "#!/usr/bin/env -S deno run\n");
    let resolved = home.resolve(&[script.as_os_str()], &["runtimes"]).unwrap();
    assert_eq!(home.code(&resolved), ["runtimes", "tools"]);
    let circle = home.path("circle");
    home.program("circle", &format!("#!{}\n", circle.display()));
    assert_eq!(home.resolve(&[circle.as_os_str()], &[]).unwrap_err().exit_code(), 126);
}

#[test]
fn packages_are_prepared_first() {
    let home = Home::new();
    let words = ["npx", "-y", "@modelcontextprotocol/server-everything@2.0.0", "stdio"];
    let resolved = home.resolve(&words.map(OsStr::new), &[]).unwrap();
    let Plan::Prepare(package) = resolved.plan else { panic!("{resolved:?}") };
    assert_eq!(package.name(), "@modelcontextprotocol/server-everything");
    assert_eq!(package.args, ["stdio"]);
}

#[test]
fn a_resolved_script_runs() {
    if unsupported(Level::Full) {
        return;
    }
    let home = Home::new();
    let script = home.program("tools/hello.sh", "#!/bin/sh\necho \"hello $1\"\n");
    let resolved = home.resolve(&[script.as_os_str(), "there".as_ref()], &[]).unwrap();
    let mut profile = at(Level::Full, profile(&[]));
    resolved.apply(&mut profile);
    assert_eq!(run(&profile, "").out, "hello there\n");
}

#[test]
fn code_that_was_not_granted_does_not_run() {
    let home = Home::new();
    let script = home.program("tools/hello.sh", "#!/bin/sh\necho hello\n");
    for level in [Level::Full, Level::Landlock] {
        if unsupported(level) {
            continue;
        }
        let profile = at(level, profile(&[script.to_str().unwrap()]));
        let error = portcullis_confine::spawn(&profile).unwrap_err();
        assert_eq!(error.exit_code(), 126, "{error}");
        assert!(
            error.to_string().contains("granted as code") || error.to_string().contains("as code"),
            "{error}"
        );
    }
}
