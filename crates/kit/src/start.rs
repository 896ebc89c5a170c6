//! A server that confines itself, in one call.

use std::path::{Path, PathBuf};

use portcullis_confine::own_box::{self, OwnBox, Reach};
use portcullis_confine::{Access, Achieved, Level, RootGrant, admit_root};

use crate::evidence::Evidence;
use crate::roots::Ceiling;
use crate::serve::StartError;
use crate::toolbox::Toolbox;

/// What a server will be able to touch, before it is confined to it.
///
/// ```no_run
/// # use portcullis_kit::Start;
/// # fn main() -> Result<(), portcullis_kit::StartError> {
/// // From here on this process opens nothing but these notes.
/// let toolbox = Start::new("notes", "1.0.0").reads("/home/ada/notes")?.enter()?;
/// # toolbox.serve_stdio()
/// # }
/// ```
#[derive(Debug)]
pub struct Start {
    name: String,
    version: String,
    roots: Vec<RootGrant>,
    state: Option<PathBuf>,
    beside: OwnBox<'static>,
    told: Vec<(String, Achieved)>,
}

impl Start {
    /// A server that may touch nothing.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        let (name, version) = (name.to_owned(), version.to_owned());
        let (roots, told, beside) = (Vec::new(), Vec::new(), OwnBox::default());
        Self { name, version, roots, state: None, beside, told }
    }

    /// It may look into this directory.
    ///
    /// # Errors
    /// When it is no directory, or one that nobody means to grant: the file system's
    /// top, the system's own.
    pub fn reads(self, directory: impl AsRef<Path>) -> Result<Self, StartError> {
        let grant = admit_root(directory.as_ref(), Access::ReadOnly, None)?;
        Ok(self.grant(grant))
    }

    /// It may change this directory, but not what editors, shells and git in it obey.
    ///
    /// # Errors
    /// As [`Start::reads`].
    pub fn writes(self, directory: impl AsRef<Path>) -> Result<Self, StartError> {
        let grant = admit_root(directory.as_ref(), Access::ReadWrite, None)?;
        Ok(self.grant(grant))
    }

    /// It may act in a directory that was judged before.
    #[must_use]
    pub fn grant(mut self, root: RootGrant) -> Self {
        self.roots.push(root);
        self
    }

    /// Its calls are recorded in `<state>/journal`.
    #[must_use]
    pub fn records(mut self, state: impl Into<PathBuf>) -> Self {
        self.state = Some(state.into());
        self
    }

    /// It reads this file or directory beside its roots: a database of its own. No
    /// client reaches it as a path.
    #[must_use]
    pub fn own_file(mut self, path: impl Into<PathBuf>, access: Access) -> Self {
        match access {
            Access::ReadOnly => self.beside.read.push(path.into()),
            Access::ReadWrite => self.beside.write.push(path.into()),
        }
        self
    }

    /// What it may reach over a network; nothing without this.
    #[must_use]
    pub fn reaches(mut self, reach: Reach) -> Self {
        self.beside.reach = reach;
        self
    }

    /// The least confinement, else it does not start: [`Level::Landlock`] without this.
    #[must_use]
    pub fn at_least(mut self, level: Level) -> Self {
        self.beside.least = level;
        self
    }

    /// The record of the start says this too: what else runs for it, and how confined.
    #[must_use]
    pub fn tells(mut self, name: &str, what: &Achieved) -> Self {
        self.told.push((name.to_owned(), what.clone()));
        self
    }

    /// Confines this process for good, proves it, and records it. Call it early in
    /// `main`, while there is one thread; open what the tools need afterwards.
    ///
    /// # Errors
    /// [`StartError`]; the process may be half confined then: end it.
    pub fn enter(self) -> Result<Toolbox, StartError> {
        if let Some(state) = &self.state {
            // What is not there cannot be granted: the first start makes the journal.
            drop(Evidence::open(state, &self.name)?);
        }
        let journal = self.state.as_ref().map(|state| state.join("journal"));
        let achieved = own_box::enter(&OwnBox {
            roots: self.roots.clone(),
            state: journal.into_iter().collect(),
            ..self.beside
        })?;
        let evidence = match &self.state {
            Some(state) => Evidence::open(state, &self.name)?,
            None => Evidence::nowhere(&self.name)?,
        };
        let mut told = serde_json::to_value(&achieved).map_err(std::io::Error::other)?;
        for (name, what) in &self.told {
            told[name.as_str()] = serde_json::to_value(what).map_err(std::io::Error::other)?;
        }
        evidence.started(told).map_err(crate::evidence::NoEvidence::from)?;
        // What is read-only comes first, so that it stays so inside of what is not.
        let mut roots = self.roots;
        roots.sort_by_key(|root| root.access == Access::ReadWrite);
        let ceiling = roots.iter().try_fold(Ceiling::new(), Ceiling::admit)?;
        Ok(Toolbox::new(&self.name, &self.version).roots(ceiling).evidence(evidence))
    }
}
