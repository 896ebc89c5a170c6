//! Where a server may act: an operator's ceiling, and what of it a client offers.
//!
//! A [`Ceiling`] holds directories that are open already. Within it the client's
//! roots are followed, and can only narrow; a client that was asked and offers none
//! leaves nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis_confine as confine;
use portcullis_confine::beneath::{Protected, RootDir};
use portcullis_confine::{DEFAULT_PROTECT, RootGrant};
use portcullis_guard::path::{Contained, narrow};
use portcullis_guard::{Access, Escape, Root, Roots as Words};

use crate::refusal::Refusal;

/// The directories that an operator granted. Nothing that a client says goes beyond.
#[derive(Debug, Clone, Default)]
pub struct Ceiling {
    grants: Vec<Grant>,
}

#[derive(Debug, Clone)]
struct Grant {
    dir: Arc<RootDir>,
    /// As it was named, and what that leads to.
    spellings: Vec<Root>,
    access: Access,
}

/// A directory that is none to grant.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` cannot be a root: {why}")]
pub struct BadGrant {
    path: String,
    why: String,
}

impl Ceiling {
    /// Nothing is granted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Grants a directory, and opens it. A link is followed here, once. What editors,
    /// shells and git run without asking stays read-only.
    ///
    /// # Errors
    /// When it is no directory, or cannot be opened or named.
    pub fn grant(self, path: &Path, access: Access) -> Result<Self, BadGrant> {
        self.grant_except(path, access, Protected::usual())
    }

    /// Grants a directory in which these places stay as they are.
    ///
    /// # Errors
    /// As [`Ceiling::grant`].
    pub fn grant_except(
        mut self,
        path: &Path,
        access: Access,
        protect: Protected,
    ) -> Result<Self, BadGrant> {
        let bad = |why: String| BadGrant { path: path.display().to_string(), why };
        let named = std::path::absolute(path).map_err(|error| bad(error.to_string()))?;
        let real = named.canonicalize().map_err(|error| bad(error.to_string()))?;
        let dir = RootDir::open(&real).map_err(|error| bad(error.to_string()))?;
        let dir = match access {
            Access::Read => dir,
            Access::Write => dir.writable(protect.and(self.read_only_below(&real))),
        };
        let mut spellings = Vec::new();
        for spelling in [dir.path(), named.as_path()] {
            let text = spelling.to_str().ok_or_else(|| bad("it is not UTF-8".to_owned()))?;
            let root = Root::new(text).map_err(|error| bad(error.to_string()))?;
            if !spellings.contains(&root) {
                spellings.push(root);
            }
        }
        self.grants.push(Grant { dir: Arc::new(dir), spellings, access });
        Ok(self)
    }

    /// What was granted for reading only inside a directory that is granted for more:
    /// no link leads a writer there. Grant the inner one first.
    fn read_only_below(&self, outer: &Path) -> Vec<PathBuf> {
        let readable = self.grants.iter().filter(|grant| grant.access == Access::Read);
        let inner = readable.filter_map(|grant| grant.dir.path().strip_prefix(outer).ok());
        inner.filter(|path| *path != Path::new("")).map(Path::to_owned).collect()
    }

    /// Grants a directory that was judged before, if it is still the same one.
    ///
    /// # Errors
    /// As [`Ceiling::grant`], and when another directory has taken its place.
    pub fn admit(self, grant: &RootGrant) -> Result<Self, BadGrant> {
        let access = match grant.access {
            confine::Access::ReadOnly => Access::Read,
            confine::Access::ReadWrite => Access::Write,
        };
        let named = grant.alias.as_ref().unwrap_or(&grant.path);
        let usual =
            DEFAULT_PROTECT.iter().all(|it| grant.protect.iter().any(|p| p == Path::new(it)));
        let protect = if usual { Protected::usual() } else { Protected::these(Vec::new()) };
        let protect = protect.and(grant.protect.clone());
        let mut granted = self.grant_except(named, access, protect)?;
        let same = granted
            .grants
            .last_mut()
            .filter(|it| it.dir.identity().is_ok_and(|is| is == (grant.device, grant.inode)));
        if same.is_some() {
            return Ok(granted);
        }
        let path = named.display().to_string();
        Err(BadGrant { path, why: "another directory has taken its place".to_owned() })
    }

    /// The directories and what they grant, for whoever confines the process.
    pub fn grants(&self) -> impl Iterator<Item = (&Path, Access)> {
        self.grants.iter().map(|grant| (grant.dir.path(), grant.access))
    }

    fn as_words(&self) -> Words {
        let mut words = Words::new();
        for grant in &self.grants {
            for spelling in &grant.spellings {
                words.add(spelling.clone(), grant.access);
            }
        }
        words
    }

    /// The directory behind a root that lies in the ceiling, opened beneath it.
    fn open(&self, root: &Root) -> Option<Arc<RootDir>> {
        let spellings = self
            .grants
            .iter()
            .flat_map(|grant| grant.spellings.iter().map(move |spelling| (spelling, &grant.dir)));
        let around = spellings.filter(|(spelling, _)| spelling.contains(root));
        let (spelling, dir) = around.max_by_key(|(spelling, _)| spelling.path().len())?;
        if spelling == root {
            return Some(Arc::clone(dir));
        }
        dir.within(below(&root.path(), spelling)).ok().map(Arc::new)
    }
}

/// The directories in force for a call.
#[derive(Debug, Clone, Default)]
pub struct Roots {
    words: Words,
    dirs: BTreeMap<Root, Arc<RootDir>>,
    /// Where relative paths start: the first root.
    first: Option<String>,
}

impl Roots {
    /// None: nothing can be reached.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// All of the ceiling: for clients that do not know roots.
    #[must_use]
    pub fn whole(ceiling: &Ceiling) -> Self {
        Self::of(ceiling, &ceiling.as_words())
    }

    /// The part of the ceiling that a client offers, as `file:` URIs (MCP, Roots).
    #[must_use]
    pub fn offered(ceiling: &Ceiling, uris: &[String]) -> Self {
        Self::of(ceiling, &narrow(&ceiling.as_words(), uris))
    }

    fn of(ceiling: &Ceiling, words: &Words) -> Self {
        let mut roots = Self::none();
        for (root, access) in words.iter() {
            // What is not there cannot be acted in.
            let Some(dir) = ceiling.open(root) else { continue };
            let access = if dir.is_writable() { access } else { Access::Read };
            roots.first.get_or_insert_with(|| root.path());
            roots.words.add(root.clone(), access);
            roots.dirs.insert(root.clone(), dir);
        }
        roots
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dirs.is_empty()
    }

    /// Each directory once, open, with its path as it was named and what it grants.
    pub fn iter(&self) -> impl Iterator<Item = (&Root, &Arc<RootDir>, Access)> {
        let of = |root: &Root| self.dirs.get_key_value(root);
        let all: Vec<(&Root, &Arc<RootDir>, Access)> = self
            .words
            .iter()
            .filter_map(|(root, access)| of(root).map(|(root, dir)| (root, dir, access)))
            .collect();
        // The name that it was granted under comes after what that leads to.
        let again = |at: usize, dir: &Arc<RootDir>| {
            all.iter().skip(at + 1).any(|(_, later, _)| Arc::ptr_eq(dir, later))
        };
        let once: Vec<_> = all
            .iter()
            .enumerate()
            .filter(|(at, (_, dir, _))| !again(*at, dir))
            .map(|(_, one)| *one)
            .collect();
        once.into_iter()
    }

    /// The roots as words, to judge paths that stand in other words.
    #[must_use]
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// Where relative paths start: the first root.
    #[must_use]
    pub fn first(&self) -> Option<&str> {
        self.first.as_deref()
    }

    /// Whether a place that a text names is one the asker knows anyway.
    #[must_use]
    pub fn knows(&self, place: &str) -> bool {
        self.words.judge(place, None).is_ok()
    }

    pub(crate) fn resolve(
        &self,
        asked: &str,
        needs: Access,
    ) -> Result<(Arc<RootDir>, String, String), Refusal> {
        let contained = self.words.judge(asked, self.first.as_deref());
        let contained = contained.map_err(|escape| self.refused(escape))?;
        if contained.access() < needs {
            let writable = self.listed(Access::Write);
            return Err(Refusal::new(format!("that directory is read-only; writable: {writable}")));
        }
        let dir = self.dirs.get(contained.root()).ok_or_else(|| self.refused(Escape::Outside))?;
        let below = below(contained.path(), contained.root()).to_owned();
        Ok((Arc::clone(dir), below, shown(&contained)))
    }

    fn refused(&self, escape: Escape) -> Refusal {
        let allowed = self.listed(Access::Read);
        Refusal::new(match escape {
            Escape::Outside | Escape::Relative | Escape::Home => {
                format!("outside the allowed directories; allowed: {allowed}")
            }
            why => format!("this path {why}; allowed directories: {allowed}"),
        })
    }

    /// The directories that grant this, as the asker may know them.
    fn listed(&self, needs: Access) -> String {
        let granting = self.iter().filter(|(_, _, access)| *access >= needs);
        let paths: Vec<String> = granting.map(|(root, _, _)| root.path()).collect();
        if paths.is_empty() { "none".to_owned() } else { paths.join(", ") }
    }
}

fn shown(contained: &Contained) -> String {
    contained.path().to_owned()
}

fn below<'a>(path: &'a str, root: &Root) -> &'a str {
    path.strip_prefix(root.path().as_str()).unwrap_or(path).trim_start_matches('/')
}
