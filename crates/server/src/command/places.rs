//! Where a call acts: the roots in force, and what the kernel says of the paths in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis_confine::beneath::{BeneathError, Kind, RootDir};
use portcullis_guard::command::Argv;
use portcullis_guard::path::Contained;
use portcullis_guard::{Root, Roots as Words};
use portcullis_kit::{Refusal, Roots};

/// The roots in force under their true names, and the directory that a program starts in.
#[derive(Debug)]
pub(super) struct Places {
    words: Words,
    dirs: Vec<(Root, Arc<RootDir>)>,
    directory: Contained,
}

impl Places {
    /// The roots, and the directory that was asked for in one of them; else the first.
    pub(super) fn of(roots: &Roots, directory: Option<&str>) -> Result<Self, Refusal> {
        let mut words = Words::new();
        let mut dirs: Vec<(Root, Arc<RootDir>)> = Vec::new();
        for (_, dir, access) in roots.iter() {
            let named = dir.path().to_str().and_then(|path| Root::new(path).ok());
            let Some(root) = named.filter(|root| dirs.iter().all(|(known, _)| known != root))
            else {
                continue;
            };
            words.add(root.clone(), access);
            dirs.push((root, Arc::clone(dir)));
        }
        let Some((first, _)) = dirs.first() else {
            return Err(Refusal::new("no directory is allowed, so there is nothing to run in"));
        };
        let first = first.path();
        let directory = words.judge(directory.unwrap_or("."), Some(&first));
        let directory = directory.map_err(|escape| {
            let allowed: Vec<String> = dirs.iter().map(|(root, _)| root.path()).collect();
            Refusal::new(format!("`directory` is {escape}; allowed: {}", allowed.join(", ")))
        })?;
        Ok(Self { words, dirs, directory })
    }

    pub(super) fn words(&self) -> &Words {
        &self.words
    }

    pub(super) fn directory(&self) -> &str {
        self.directory.path()
    }

    pub(super) fn roots(&self) -> Vec<PathBuf> {
        self.dirs.iter().map(|(_, dir)| dir.path().to_owned()).collect()
    }

    /// Lets the kernel resolve every path beneath its root. What leads out is refused
    /// here; what changes between this and the program's own look at it is held by its
    /// box, in which nothing outside of the roots exists.
    pub(super) fn open(&self, argv: &Argv) -> Result<(), Refusal> {
        match self.look(&self.directory)? {
            Some(Kind::Directory) => {}
            _ => return Err(Refusal::new("`directory` is no directory")),
        }
        for named in argv.paths() {
            if named.written() {
                self.may_change(named.contained())?;
            }
            match self.look(named.contained())? {
                // To a program a pipe may be a wait for ever, and a device an act.
                None | Some(Kind::File | Kind::Directory) => {}
                Some(kind) => {
                    let path = named.contained().path();
                    return Err(Refusal::new(format!("`{path}` is a {kind}, not a file")));
                }
            }
        }
        Ok(())
    }

    /// A program is told to write where the file tools would write, and nowhere else.
    fn may_change(&self, contained: &Contained) -> Result<(), Refusal> {
        let (dir, below) = self.place(contained)?;
        dir.may_change(below).map_err(|why| refused(contained, why))
    }

    /// What is there; none when nothing is, which is the program's to say.
    fn look(&self, contained: &Contained) -> Result<Option<Kind>, Refusal> {
        let (dir, below) = self.place(contained)?;
        match dir.facts(below) {
            Ok(facts) => Ok(Some(facts.kind)),
            Err(BeneathError::NotFound) => Ok(None),
            Err(why) => Err(refused(contained, why)),
        }
    }

    /// The root of a path, open, and the rest of the path.
    fn place<'a>(&'a self, contained: &'a Contained) -> Result<(&'a RootDir, PathBuf), Refusal> {
        let holds = |(root, _): &&(Root, Arc<RootDir>)| root == contained.root();
        let Some((root, dir)) = self.dirs.iter().find(holds) else {
            return Err(Refusal::new("outside the allowed directories"));
        };
        let below = Path::new(contained.path()).strip_prefix(root.path());
        Ok((dir, below.unwrap_or(Path::new("")).to_owned()))
    }
}

fn refused(contained: &Contained, why: BeneathError) -> Refusal {
    Refusal::new(format!("`{}` {why}", contained.path()))
}
