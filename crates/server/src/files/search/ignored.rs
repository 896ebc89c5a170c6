//! What git leaves out: `.gitignore` and `.ignore`, each for its directory and below.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use portcullis_confine::beneath::{Directory, Entry, Kind, RootDir};

/// Larger lists are not read: nobody writes them by hand.
const LONGEST: u64 = 1 << 20;

/// The lists in the order in which they count: the later and the deeper first.
pub(super) const NAMES: &[&str] = &[".ignore", ".gitignore"];

/// What one directory leaves out, and the directories above it.
#[derive(Debug)]
pub(super) struct Ignored {
    lists: Vec<Gitignore>,
    above: Option<Arc<Ignored>>,
    /// From the directory of the lists to the directory that is searched, when they
    /// lie above it.
    inside: Option<PathBuf>,
}

impl Ignored {
    /// Whether a path below the searched directory is left out.
    pub(super) fn holds(&self, path: &Path, is_directory: bool) -> bool {
        let mut level = Some(self);
        while let Some(ignored) = level {
            let joined = ignored.inside.as_ref().map(|inside| inside.join(path));
            let path = joined.as_deref().unwrap_or(path);
            for list in &ignored.lists {
                match list.matched(path, is_directory) {
                    Match::Ignore(_) => return true,
                    Match::Whitelist(_) => return false,
                    Match::None => {}
                }
            }
            level = ignored.above.as_deref();
        }
        false
    }
}

/// What a directory adds to the lists above it.
pub(super) fn of(
    directory: &Directory,
    entries: &[Entry],
    path: &Path,
    above: Option<&Arc<Ignored>>,
) -> Option<Arc<Ignored>> {
    let named = |name: &&str| entries.iter().find(|it| it.name == **name && it.kind == Kind::File);
    let lists: Vec<Gitignore> = NAMES
        .iter()
        .filter_map(named)
        .filter_map(|entry| list(directory.file(entry).ok()?, path))
        .collect();
    if lists.is_empty() {
        return above.cloned();
    }
    Some(Arc::new(Ignored { lists, above: above.cloned(), inside: None }))
}

/// The lists of the directories between a root and the directory that is searched.
pub(super) fn above(root: &RootDir, below: &str) -> Option<Arc<Ignored>> {
    let mut found = None;
    let mut at = PathBuf::new();
    for name in Path::new(below) {
        let read = |name: &&str| list(root.file(at.join(name)).ok()?, Path::new(""));
        let lists: Vec<Gitignore> = NAMES.iter().filter_map(read).collect();
        if !lists.is_empty() {
            let inside = Path::new(below).strip_prefix(&at).ok().map(Path::to_owned);
            found = Some(Arc::new(Ignored { lists, above: found, inside }));
        }
        at.push(name);
    }
    found
}

fn list(file: std::fs::File, directory: &Path) -> Option<Gitignore> {
    if file.metadata().ok()?.len() > LONGEST {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes).ok()?;
    let mut builder = GitignoreBuilder::new(directory);
    for line in String::from_utf8_lossy(&bytes).lines() {
        // A line that means nothing to git leaves nothing out.
        let _line = builder.add_line(None, line);
    }
    builder.build().ok().filter(|list| !list.is_empty())
}
