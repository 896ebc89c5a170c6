//! The directories a program needs: its own, its interpreter's, its packages'.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::{Person, contains_home, find_program, shim};
use crate::env::DEFAULT_PATH;
use crate::error::SpawnError;
use crate::root::shown;
use crate::view::SYSTEM_CODE;

/// Interpreters of interpreters of scripts: nobody nests deeper in earnest.
const DEEPEST: usize = 6;

/// What makes a directory the home of one program.
const PACKAGE: &[&str] = &[
    "package.json",
    "pyproject.toml",
    "setup.py",
    "deno.json",
    "deno.jsonc",
    "Gemfile",
    "composer.json",
];

/// What has been found so far.
pub(super) struct Needs<'a> {
    person: Person<'a>,
    code: BTreeSet<PathBuf>,
    path: Vec<PathBuf>,
    steps: BTreeSet<PathBuf>,
}

impl<'a> Needs<'a> {
    pub(super) fn new(person: Person<'a>) -> Self {
        Self { person, code: BTreeSet::new(), path: Vec::new(), steps: BTreeSet::new() }
    }

    /// Adds what a program needs; returns the path to start it by.
    pub(super) fn program(&mut self, found: &Path) -> Result<PathBuf, SpawnError> {
        self.program_at(found, 0)
    }

    fn program_at(&mut self, found: &Path, depth: usize) -> Result<PathBuf, SpawnError> {
        let program = shim::follow(found)?;
        let closed =
            |why: String| SpawnError::CommandNotExecutable { command: shown(&program), why };
        if depth > DEEPEST {
            return Err(closed("its `#!` lines lead in circles".to_owned()));
        }
        let real = std::fs::canonicalize(&program).map_err(|error| closed(error.to_string()))?;
        let links = links(&program);
        self.steps.extend([found.to_owned(), real.clone()].into_iter().chain(links.clone()));
        let environment = links.iter().find_map(|link| environment(link));
        self.code.extend(environment.iter().cloned());
        self.runtime(&real);
        if let Some(dir) = program.parent() {
            self.search(dir);
        }
        if let Some(interpreter) = self.interpreter(&real)? {
            self.program_at(&interpreter, depth + 1)?;
            self.script(&real);
        }
        // Python finds its environment by the path it was started with.
        Ok(if environment.is_some() { program } else { real })
    }

    /// The prefix that a runtime is installed under, else the program's directory.
    fn runtime(&mut self, real: &Path) {
        if system(real) {
            return;
        }
        let dir = real.parent().unwrap_or(real);
        let prefix = dir.parent().filter(|_| dir.ends_with("bin") || dir.ends_with("Scripts"));
        match prefix.filter(|prefix| self.is_runtime(prefix)) {
            Some(prefix) => self.grant(prefix, real),
            None => self.grant(dir, real),
        }
    }

    /// `~/.local` looks like a prefix too, and holds everything a person does.
    fn is_runtime(&self, prefix: &Path) -> bool {
        let shared = prefix.ends_with(".local") || contains_home(prefix, self.person.home);
        let marks = ["include/node", "lib/node_modules", "conda-meta", "pyvenv.cfg", "lib/jvm"];
        let python = || {
            let lib = std::fs::read_dir(prefix.join("lib")).into_iter().flatten().flatten();
            lib.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with("python"))
        };
        !shared && (marks.iter().any(|mark| prefix.join(mark).exists()) || python())
    }

    /// A directory, or only the file if the directory is the person's home.
    fn grant(&mut self, dir: &Path, file: &Path) {
        let whole = !contains_home(dir, self.person.home);
        self.code.insert(if whole { dir } else { file }.to_owned());
    }

    /// Adds what a script needs beside its interpreter.
    pub(super) fn script(&mut self, file: &Path) {
        let Ok(real) = std::fs::canonicalize(file) else { return };
        for path in [file, &real] {
            if !system(path) {
                self.package(path);
            }
        }
    }

    fn package(&mut self, file: &Path) {
        if let Some(modules) = outermost_modules(file) {
            return self.grant(&modules, file);
        }
        let home = self.person.home;
        let own = || file.ancestors().skip(1).take_while(|dir| !contains_home(dir, home));
        let marked = |dir: &&Path| PACKAGE.iter().any(|mark| dir.join(mark).is_file());
        let dir = own().find(marked).or_else(|| file.parent()).unwrap_or(file);
        self.grant(dir, file);
        // A workspace keeps what its members share further up.
        let shared: Vec<PathBuf> =
            own().map(|dir| dir.join("node_modules")).filter(|dir| dir.is_dir()).collect();
        self.code.extend(shared);
    }

    /// What a `#!` line names.
    fn interpreter(&self, file: &Path) -> Result<Option<PathBuf>, SpawnError> {
        let Some(line) = shebang(file) else { return Ok(None) };
        let mut words = line.split_whitespace();
        let Some(first) = words.next().map(Path::new) else { return Ok(None) };
        if !first.ends_with("env") {
            return Ok(Some(first.to_owned()));
        }
        let name = words.find(|word| !word.starts_with('-') && !word.contains('='));
        let Some(name) = name else { return Ok(None) };
        find_program(Some(&name.into()), self.person.path).map(Some)
    }

    fn search(&mut self, dir: &Path) {
        if !system(dir) && !self.path.iter().any(|known| known == dir) {
            self.path.push(dir.to_owned());
        }
    }

    /// Each program and interpreter on the way, with the links to it.
    pub(super) fn steps(&self) -> Vec<PathBuf> {
        self.steps.iter().cloned().collect()
    }

    /// The fewest directories, and the `PATH`.
    pub(super) fn finish(self) -> (Vec<PathBuf>, String) {
        let outside: Vec<PathBuf> = self.code.into_iter().filter(|path| !system(path)).collect();
        let inner = |path: &PathBuf| outside.iter().any(|o| o != path && path.starts_with(o));
        let code = outside.iter().filter(|path| !inner(path)).cloned().collect();
        let own = self.path.iter().filter_map(|dir| dir.to_str()).filter(|dir| !dir.contains(':'));
        let path: Vec<&str> = own.chain([DEFAULT_PATH]).collect();
        (code, path.join(":"))
    }
}

/// Visible in every box anyway.
fn system(path: &Path) -> bool {
    SYSTEM_CODE.iter().any(|dir| path.starts_with(dir))
}

/// The path, and each link on the way to the real file.
fn links(path: &Path) -> Vec<PathBuf> {
    let mut out = vec![path.to_owned()];
    let mut here = path.to_owned();
    while let (Ok(target), true) = (std::fs::read_link(&here), out.len() < 16) {
        here = here.parent().map_or_else(|| target.clone(), |dir| dir.join(&target));
        out.push(here.clone());
    }
    out
}

/// The virtual environment that a program is part of.
fn environment(program: &Path) -> Option<PathBuf> {
    let prefix = program.parent()?.parent()?;
    prefix.join("pyvenv.cfg").is_file().then(|| prefix.to_owned())
}

/// Packages are hoisted: what one needs lies beside it, in the outermost directory.
fn outermost_modules(file: &Path) -> Option<PathBuf> {
    let inside = file.ancestors().filter(|dir| dir.ends_with("node_modules"));
    inside.last().map(Path::to_owned)
}

/// The words after `#!`.
pub(super) fn shebang(file: &Path) -> Option<String> {
    let mut head = Vec::new();
    std::fs::File::open(file).ok()?.take(512).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    String::from_utf8(line.to_vec()).ok()
}
