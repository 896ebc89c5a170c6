//! The repository: where it is, and the text of its files.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::run;

/// What holds what was built or installed; `.git` is a file in a linked work tree.
const NOT_OURS: &[&str] = &[".git", "target", "node_modules"];

/// The repository's root.
#[derive(Debug)]
pub(crate) struct Repo {
    root: PathBuf,
}

impl Repo {
    /// The repository that this xtask was built from.
    pub(crate) fn here() -> Result<Self, String> {
        let manifest = run::read(run::cargo().args(["locate-project", "--workspace"]))?;
        let found: Value = serde_json::from_str(&manifest).map_err(|error| error.to_string())?;
        let manifest = found["root"].as_str().ok_or("cargo did not say where the workspace is")?;
        let root = Path::new(manifest).parent().ok_or("the workspace has no folder")?;
        Ok(Self { root: root.to_owned() })
    }

    /// Its root folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo, started in the root.
    pub(crate) fn cargo(&self) -> std::process::Command {
        let mut cargo = run::cargo();
        cargo.current_dir(&self.root);
        cargo
    }

    /// What cargo knows about the workspace and everything it depends on.
    pub(crate) fn metadata(&self) -> Result<Value, String> {
        let arguments = ["metadata", "--locked", "--format-version", "1"];
        let text = run::read(self.cargo().args(arguments))?;
        serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))
    }

    /// Where cargo builds.
    pub(crate) fn target(&self) -> Result<PathBuf, String> {
        let arguments = ["metadata", "--locked", "--format-version", "1", "--no-deps"];
        let text = run::read(self.cargo().args(arguments))?;
        let found: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        found["target_directory"].as_str().map(PathBuf::from).ok_or("no target directory".into())
    }

    /// Every file that is text, and every link.
    pub(crate) fn tree(&self) -> Result<Tree, String> {
        let mut tree = Tree::default();
        walk(&self.root, &self.root, &mut tree)?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }
}

/// The files of a repository, or of a test that plays one.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Files that are text, by path.
    pub(crate) files: Vec<File>,
    /// Every other path: folders, and files that are not text.
    pub(crate) others: Vec<String>,
    /// Symbolic links with their targets as written.
    pub(crate) links: Vec<(String, String)>,
}

/// One file.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path below the root, with `/`.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

impl Tree {
    /// A repository for a test.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file =
            |(path, text): &(&str, &str)| File { path: (*path).into(), text: (*text).into() };
        Self { files: files.iter().map(file).collect(), ..Self::default() }
    }

    /// The text of a file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }

    /// Whether a file, a folder or a link is there.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        self.files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
            || self.others.iter().any(|other| other == path)
            || self.links.iter().any(|(link, _)| link == path)
    }

    /// The files whose name ends so.
    pub(crate) fn ending(&self, end: &'static str) -> impl Iterator<Item = &File> {
        self.files.iter().filter(move |file| file.path.ends_with(end))
    }

    /// The Rust files.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.ending(".rs")
    }
}

fn walk(root: &Path, folder: &Path, tree: &mut Tree) -> Result<(), String> {
    let broken = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(broken)? {
        let entry = entry.map_err(broken)?;
        if NOT_OURS.iter().any(|other| entry.file_name() == *other) {
            continue;
        }
        let path = entry.path();
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        let kind = entry.file_type().map_err(broken)?;
        if kind.is_symlink() {
            let target = fs::read_link(&path).map_err(broken)?;
            tree.links.push((name, target.to_string_lossy().into_owned()));
        } else if kind.is_dir() {
            tree.others.push(name);
            walk(root, &path, tree)?;
        } else if let Some(text) = fs::read(&path).ok().and_then(|it| String::from_utf8(it).ok()) {
            tree.files.push(File { path: name, text });
        } else {
            tree.others.push(name);
        }
    }
    Ok(())
}
