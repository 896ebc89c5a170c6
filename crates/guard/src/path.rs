//! Paths: whether what was asked for lies in a root, by its words alone.
//!
//! The judgement is lexical. Links are the kernel's to resolve: what passes here
//! is still opened beneath its root (`confine`), and what the two disagree on is
//! refused there. What this module owes is that no *spelling* gets out: every
//! reading that some server might give to the text must stay inside.

mod argument;
mod reading;
mod root;

pub use argument::{path_arguments, path_like};
pub use root::{BadRoot, Root, intersect, narrow};

use reading::{Place, READINGS, readings};

/// What may be done below a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Look.
    Read,
    /// Look and change.
    Write,
}

/// The roots of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roots {
    roots: Vec<(Root, Access)>,
    home: Option<Root>,
}

/// A path that lies in a root, whoever reads it. Made by [`Roots::judge`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contained {
    path: String,
    root: Root,
    access: Access,
}

/// Why a path is not contained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Escape {
    /// It lies elsewhere, in at least one reading.
    #[error("outside every root")]
    Outside,
    /// It has a U+0000.
    #[error("contains a zero character")]
    Nul,
    /// It has a control character.
    #[error("contains a control character")]
    Control,
    /// Over 4096 bytes, or a component over 255 (Linux `PATH_MAX`, `NAME_MAX`).
    #[error("too long")]
    TooLong,
    /// It hides dots, separators, zeros or percent signs behind `%`, or a URI is
    /// encoded wrongly.
    #[error("encoded in a way that can be read twice")]
    Encoded,
    /// It starts in somebody's home.
    #[error("starts in a home directory")]
    Home,
    /// It names another machine: `file://host/`, `//host/share`, `\\host\share`.
    #[error("names another machine")]
    Host,
    /// It is a URI, but no `file:` URI; or starts with a drive letter.
    #[error("not a local path")]
    Scheme,
    /// It has a backslash, a separator to some and a letter to others.
    #[error("contains a backslash")]
    Backslash,
    /// It is relative and there is no directory it is relative to.
    #[error("relative to an unknown directory")]
    Relative,
}

impl Roots {
    /// No roots: nothing is contained.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a root.
    pub fn add(&mut self, root: Root, access: Access) {
        self.roots.push((root, access));
    }

    /// Says where `~` leads for the server, so that `~/project/x` can be judged.
    /// Without it every `~` is [`Escape::Home`].
    pub fn set_home(&mut self, home: Root) {
        self.home = Some(home);
    }

    /// The roots and what may be done there, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&Root, Access)> {
        self.roots.iter().map(|(root, access)| (root, *access))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// Judges a path or `file:` URI as it was asked for. A relative one is judged
    /// from `cwd`, the directory the server runs in.
    ///
    /// # Errors
    /// The first [`Escape`] found in any reading.
    pub fn judge(&self, asked: &str, cwd: Option<&str>) -> Result<Contained, Escape> {
        let mut places = self.every_reading(asked, cwd)?;
        // A server may tidy a path up after it has put it together, in any of the ways in
        // which it may have read it: what is left then lies inside too.
        let mut next = 0;
        while let Some(path) = places.get(next).map(|place| place.path.clone()) {
            for place in self.every_reading(&path, None)? {
                if !places.iter().any(|known| known.path == place.path) {
                    places.push(place);
                }
            }
            next += 1;
            if places.len() > READINGS {
                return Err(Escape::Encoded);
            }
        }
        places.into_iter().next().ok_or(Escape::Outside)
    }

    /// Where the path leads in each of its readings, the plain one first.
    fn every_reading(&self, asked: &str, cwd: Option<&str>) -> Result<Vec<Contained>, Escape> {
        let cwd = cwd.and_then(|cwd| Root::new(cwd).ok());
        let mut places: Vec<Contained> = Vec::new();
        for reading in readings(asked)? {
            let place = self.contain(&reading, cwd.as_ref())?;
            if !places.iter().any(|known| known.path == place.path) {
                places.push(place);
            }
        }
        Ok(places)
    }

    fn contain(&self, place: &Place, cwd: Option<&Root>) -> Result<Contained, Escape> {
        let from = match place {
            Place::Absolute(_) => None,
            Place::Home(_) => Some(self.home.as_ref().ok_or(Escape::Home)?),
            Place::Relative(_) => Some(cwd.ok_or(Escape::Relative)?),
        };
        let components = place.resolve(from);
        // The narrowest root speaks: it may allow less than the one around it.
        self.roots
            .iter()
            .filter(|(root, _)| root.holds(&components))
            .max_by_key(|(root, _)| root.depth())
            .map(|(root, access)| Contained {
                path: format!("/{}", components.join("/")),
                root: root.clone(),
                access: *access,
            })
            .ok_or(if matches!(place, Place::Home(_)) { Escape::Home } else { Escape::Outside })
    }
}

impl Contained {
    /// The path, absolute and without `.` and `..`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The part below the root, without a slash at either end; the root itself is `""`.
    pub fn below(&self) -> &str {
        let root = self.root.path();
        let below = self.path.strip_prefix(root.as_str()).unwrap_or_default();
        below.strip_prefix('/').unwrap_or(below)
    }

    /// The narrowest root that holds it.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// What may be done there.
    pub fn access(&self) -> Access {
        self.access
    }
}
