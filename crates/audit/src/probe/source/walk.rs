//! The files of a tree: in order, without following a link, each read or said to be left out.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::evidence::source::{Language, LeftOut};
use crate::probe::ordinary::{self, ODD};

use super::{Budget, Trouble};

/// A file that is longer is not one that a person wrote.
const FILE: u64 = 1024 * 1024;
/// The same for a line, in characters.
const LINE: usize = 100_000;
/// How many names one reason lists before it counts.
const NAMED: usize = 20;
const DEEP: usize = 64;

/// Directories that hold what somebody else wrote, or nothing to run.
const SKIPPED: &[(&str, &str)] = &[
    (".git", "version control"),
    (".hg", "version control"),
    (".svn", "version control"),
    ("node_modules", "somebody else's packages"),
    ("site-packages", "somebody else's packages"),
    ("venv", "a virtual environment"),
    (".venv", "a virtual environment"),
    ("__pycache__", "compiled files"),
    (".tox", "somebody else's packages"),
    (".mypy_cache", "a cache"),
    (".pytest_cache", "a cache"),
    (".next", "built files"),
    ("bower_components", "somebody else's packages"),
    ("vendor", "somebody else's packages"),
];
/// Endings of programs in languages that are not read.
const UNREAD: &[&str] = &[
    "java", "kt", "kts", "scala", "cs", "fs", "vb", "swift", "rb", "php", "pl", "lua", "ex", "exs",
    "erl", "clj", "dart", "c", "cc", "cpp", "m", "zig", "nim", "hs", "ml", "r", "jl", "vue",
    "svelte",
];
/// Endings of what programs load code from, and which is no text.
const PACKED: &[&str] = &[
    "zip", "egg", "whl", "pyz", "jar", "asar", "pyc", "pyo", "pyd", "so", "dll", "dylib", "node",
    "wasm",
];
/// Those of them in which nothing of the program is: a tree that is otherwise read whole, is.
const ASIDE: &[&str] = &[
    "version control",
    "somebody else's packages",
    "a virtual environment",
    "compiled files",
    "a cache",
];
/// What is built from `src`, when there is one.
const BUILT: &[&str] = &["dist", "build", "out", "lib"];

/// A file's text.
#[derive(Debug)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) language: Language,
    pub(super) text: String,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) files: Vec<File>,
    pub(super) left_out: Vec<LeftOut>,
}

struct Walk<'b> {
    budget: &'b Budget,
    bytes: u64,
    seen: u64,
    found: Found,
    left: BTreeMap<&'static str, Vec<String>>,
}

/// Reads a file or a tree.
///
/// # Errors
/// When the target itself cannot be read.
pub(super) fn walk(target: &Path, budget: &Budget) -> Result<Found, Trouble> {
    let about = fs::symlink_metadata(target)
        .map_err(|why| Trouble::Unreadable { path: target.display().to_string(), why })?;
    let mut walk =
        Walk { budget, bytes: 0, seen: 0, found: Found::default(), left: BTreeMap::new() };
    // The target itself may be a link: a person named it.
    let root = if about.is_symlink() { fs::canonicalize(target) } else { Ok(target.to_owned()) };
    let root =
        root.map_err(|why| Trouble::Unreadable { path: target.display().to_string(), why })?;
    if root.is_dir() {
        walk.tree(&root);
    } else {
        let name = root.file_name().map(|it| it.to_string_lossy().into_owned());
        walk.file(&root, name.unwrap_or_default());
    }
    walk.found.left_out = told(walk.left);
    walk.found.files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(walk.found)
}

/// The language that a file's name tells.
pub(super) fn language(name: &str) -> Option<Language> {
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending {
        "py" | "pyw" => Language::Python,
        "js" | "mjs" | "cjs" | "jsx" => Language::JavaScript,
        "go" => Language::Go,
        "rs" => Language::Rust,
        "ts" | "tsx" | "mts" | "cts" => Language::TypeScript,
        _ => return None,
    })
}

impl Walk<'_> {
    fn leave(&mut self, why: &'static str, name: String) {
        self.left.entry(why).or_default().push(name);
    }

    fn is_over(&self) -> bool {
        self.seen >= self.budget.files || std::time::Instant::now() >= self.budget.deadline
    }

    /// A stack, not recursion: a tree may be as deep as it likes.
    fn tree(&mut self, root: &Path) {
        let mut waiting: Vec<(PathBuf, String, usize)> = vec![(root.to_owned(), String::new(), 0)];
        while let Some((folder, prefix, depth)) = waiting.pop() {
            if self.is_over() {
                self.leave("the budget was used up", or_dot(&prefix));
                continue;
            }
            let Ok(entries) = fs::read_dir(&folder) else {
                self.leave("unreadable", or_dot(&prefix));
                continue;
            };
            let room = usize::try_from(self.budget.files).unwrap_or(usize::MAX);
            let mut entries: Vec<fs::DirEntry> = entries.flatten().take(room).collect();
            entries.sort_by_key(fs::DirEntry::file_name);
            let has_src = entries.iter().any(|it| it.file_name() == "src" && it.path().is_dir());
            let mut below = Vec::new();
            for entry in entries {
                self.seen = self.seen.saturating_add(1);
                if self.is_over() {
                    self.leave("the budget was used up", or_dot(&prefix));
                    break;
                }
                let word = entry.file_name().to_string_lossy().into_owned();
                let name =
                    if prefix.is_empty() { word.clone() } else { format!("{prefix}/{word}") };
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_symlink() {
                    self.link(&word, name);
                } else if kind.is_dir() {
                    match skipped(&word, has_src) {
                        Some(why) => self.leave(why, name),
                        None if depth >= DEEP => self.leave("nested too deeply", name),
                        None => below.push((entry.path(), name, depth.saturating_add(1))),
                    }
                } else if kind.is_file() {
                    self.file(&entry.path(), name);
                } else if language(&name).is_some() {
                    self.leave(ODD, name);
                }
            }
            below.reverse();
            waiting.extend(below);
        }
    }

    fn link(&mut self, word: &str, name: String) {
        if language(word).is_some() || !word.contains('.') {
            self.leave("a link", name);
        }
    }

    fn file(&mut self, path: &Path, name: String) {
        let Some(language) = language(&name) else {
            let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
            if UNREAD.contains(&ending) {
                self.leave("a language that is not read", name);
            } else if PACKED.contains(&ending.to_ascii_lowercase().as_str()) {
                self.leave("packed or compiled", name);
            }
            return;
        };
        if name.ends_with(".d.ts") {
            return;
        }
        // What the compiler leaves out of a program.
        if name.ends_with("_test.go") || is_rust_test(&name) {
            return;
        }
        if name.contains(".min.") || name.contains("-min.") || name.contains(".bundle.") {
            return self.leave("minified", name);
        }
        let bytes = match self.bytes(path) {
            Ok(bytes) => bytes,
            Err(why) => return self.leave(why, name),
        };
        let Ok(text) = String::from_utf8(bytes) else { return self.leave("not UTF-8", name) };
        if text.lines().any(|line| line.len() > LINE) {
            return self.leave("a line of more than 100,000 characters", name);
        }
        self.found.files.push(File { name, language, text });
    }

    /// What is in a file; else why it is left out. Whatever stands there by now, nobody waits for it, no link is followed
    /// and no more is read than there may be.
    fn bytes(&mut self, path: &Path) -> Result<Vec<u8>, &'static str> {
        let why = |error| if ordinary::is_odd(&error) { ODD } else { "unreadable" };
        let file = ordinary::open_itself(path).map_err(why)?;
        let about = file.metadata().map_err(why)?;
        let room = self.budget.bytes.saturating_sub(self.bytes);
        match about.len() {
            size if size > FILE => return Err("larger than 1 MiB"),
            size if size > room => return Err("the budget was used up"),
            _ => {}
        }
        let mut bytes = Vec::new();
        file.take(FILE + 1).read_to_end(&mut bytes).map_err(why)?;
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        match bytes.len() as u64 {
            read if read > FILE => Err("larger than 1 MiB"),
            read if read > room => Err("the budget was used up"),
            _ => Ok(bytes),
        }
    }
}

/// Each by name as long as they are few, then how many.
pub(super) fn told(left: BTreeMap<&str, Vec<String>>) -> Vec<LeftOut> {
    let mut told = Vec::new();
    for (why, names) in left {
        let more = names.len().saturating_sub(NAMED);
        let aside = ASIDE.contains(&why);
        let why_of = |file| LeftOut { file, why: why.to_owned(), aside };
        told.extend(names.into_iter().take(NAMED).map(why_of));
        if more > 0 {
            told.push(why_of(format!("and {more} more")));
        }
    }
    told
}

fn or_dot(prefix: &str) -> String {
    if prefix.is_empty() { ".".to_owned() } else { prefix.to_owned() }
}

/// What Cargo builds for tests and measurements only, or runs while it builds.
fn is_rust_test(name: &str) -> bool {
    name.ends_with(".rs")
        && (name == "build.rs"
            || name.ends_with("/build.rs") && !name.contains("src/")
            || name
                .split('/')
                .take_while(|it| *it != "src")
                .any(|it| matches!(it, "tests" | "benches")))
}

fn skipped(word: &str, has_src: bool) -> Option<&'static str> {
    let known = SKIPPED.iter().find(|(name, _)| *name == word).map(|(_, why)| *why);
    known.or_else(|| (has_src && BUILT.contains(&word)).then_some("built from `src`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn budget() -> Budget {
        Budget {
            bytes: 64 << 20,
            files: 100_000,
            memory: 400 << 20,
            deadline: Instant::now() + Duration::from_secs(60),
        }
    }

    #[test]
    fn what_is_left_out_is_said() {
        let tree = tempfile::tempdir().unwrap();
        let at = |name: &str| tree.path().join(name);
        for folder in ["src", "dist", "node_modules/x", ".git"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        fs::write(at("src/b.py"), "x = 1\n").unwrap();
        fs::write(at("src/a.ts"), "const x = 1;\n").unwrap();
        fs::write(at("dist/a.js"), "1").unwrap();
        fs::write(at("node_modules/x/a.js"), "1").unwrap();
        fs::write(at("big.py"), "#".repeat(1_200_000)).unwrap();
        fs::write(at("long.js"), "x".repeat(200_000)).unwrap();
        fs::write(at("latin.py"), b"x = '\xe9'").unwrap();
        fs::write(at("a.min.js"), "1").unwrap();
        fs::write(at("src/main.java"), "class Main {}\n").unwrap();
        fs::write(at("src/lib.ZIP"), "PK").unwrap();
        fs::write(at("hidden.pyc"), "x").unwrap();
        fs::create_dir_all(at("tests")).unwrap();
        fs::write(at("tests/main.rs"), "fn main() {}\n").unwrap();
        fs::write(at("build.rs"), "fn main() {}\n").unwrap();
        fs::write(at("src/main_test.go"), "package main\n").unwrap();
        std::os::unix::fs::symlink(tree.path(), at("loop")).unwrap();
        let found = walk(tree.path(), &budget()).unwrap();
        let names: Vec<_> = found.files.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["src/a.ts", "src/b.py"]);
        let left: Vec<_> =
            found.left_out.iter().map(|it| (it.file.as_str(), it.why.as_str())).collect();
        for one in [
            ("loop", "a link"),
            ("big.py", "larger than 1 MiB"),
            ("long.js", "a line of more than 100,000 characters"),
            ("latin.py", "not UTF-8"),
            ("a.min.js", "minified"),
            ("src/main.java", "a language that is not read"),
            ("src/lib.ZIP", "packed or compiled"),
            ("hidden.pyc", "packed or compiled"),
            ("dist", "built from `src`"),
            ("node_modules", "somebody else's packages"),
            (".git", "version control"),
        ] {
            assert!(left.contains(&one), "{one:?}: {left:?}");
        }
    }

    #[test]
    fn many_are_counted() {
        let tree = tempfile::tempdir().unwrap();
        for number in 0..50 {
            fs::write(tree.path().join(format!("{number}.min.js")), "1").unwrap();
        }
        let found = walk(tree.path(), &budget()).unwrap();
        assert_eq!(found.left_out.len(), NAMED + 1);
        assert_eq!(found.left_out.last().unwrap().file, "and 30 more");
    }

    #[test]
    fn a_budget_is_kept_and_said() {
        let tree = tempfile::tempdir().unwrap();
        for number in 0..50 {
            fs::write(tree.path().join(format!("{number}.py")), "x = 1\n").unwrap();
        }
        let few = Budget { files: 10, ..budget() };
        let found = walk(tree.path(), &few).unwrap();
        assert!(found.files.len() < 10);
        assert!(found.left_out.iter().any(|it| it.why == "the budget was used up"));
    }
}
