//! Places that stay as they are in a root in which things may change.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::protect::DEFAULT_PROTECT;

/// What stays read-only, by true names: links are resolved before these are asked.
///
/// Names are compared without regard to ASCII case, as file systems exist (and
/// programs, git among them) that do not tell `.git` from `.GIT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protected {
    /// [`DEFAULT_PROTECT`], in the root and in every directory below: a project
    /// within the project has hooks, too.
    usual: bool,
    /// Places of the operator's, each from the root on.
    places: Vec<PathBuf>,
}

impl Protected {
    /// [`DEFAULT_PROTECT`], in whichever directory it stands.
    #[must_use]
    pub fn usual() -> Self {
        Self { usual: true, places: Vec::new() }
    }

    /// These places with all that is below them, relative to the root.
    #[must_use]
    pub fn these(places: Vec<PathBuf>) -> Self {
        Self { usual: false, places }
    }

    /// These places too.
    #[must_use]
    pub fn and(mut self, places: impl IntoIterator<Item = PathBuf>) -> Self {
        self.places.extend(places);
        self
    }

    /// Whether something lies in a protected place, or is one.
    pub(super) fn holds(&self, names: &[OsString]) -> bool {
        let listed = self.places.iter().any(|place| {
            let place: Vec<&OsStr> = place.iter().collect();
            place.len() <= names.len() && starts_alike(&place, names)
        });
        listed || (self.usual && names.iter().any(|name| usual(name)))
    }

    /// What stays read-only seen from a directory below; nothing when all of it does.
    pub(super) fn below(&self, directory: &Path) -> Option<Self> {
        let names: Vec<OsString> = directory.iter().map(OsStr::to_owned).collect();
        if self.holds(&names) {
            return None;
        }
        let kept = self.places.iter().filter_map(|place| {
            let place: Vec<&OsStr> = place.iter().collect();
            let under = place.len() > names.len() && starts_alike(&place, &names);
            under.then(|| place.iter().skip(names.len()).collect())
        });
        Some(Self { usual: self.usual, places: kept.collect() })
    }

    /// Whether a listed place would move with what has this name. Of the usual ones
    /// each is protected wherever it stands, so it may move with what is above it.
    pub(super) fn is_above(&self, names: &[OsString]) -> bool {
        self.places.iter().any(|place| {
            let place: Vec<&OsStr> = place.iter().collect();
            place.len() > names.len() && starts_alike(&place, names)
        })
    }
}

fn usual(name: &OsStr) -> bool {
    DEFAULT_PROTECT.iter().any(|place| alike(name, OsStr::new(place)))
}

fn starts_alike(place: &[&OsStr], names: &[OsString]) -> bool {
    place.iter().zip(names).all(|(one, other)| alike(one, other))
}

fn alike(one: &OsStr, other: &OsStr) -> bool {
    one.as_bytes().eq_ignore_ascii_case(other.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str) -> Vec<OsString> {
        path.split('/').map(OsString::from).collect()
    }

    #[test]
    fn what_is_held() {
        let list = Protected::these(vec![".git/hooks".into(), "build".into()]);
        for (path, usual, these, above) in [
            (".git", true, false, true),
            (".git/hooks", true, true, false),
            (".GIT/HOOKS/x", true, true, false),
            (".git/config", true, false, false),
            ("build", false, true, false),
            ("build/x", false, true, false),
            ("a/build", false, false, false),
            ("a/.git/x", true, false, false),
            ("a/.envrc", true, false, false),
            (".gitignore", false, false, false),
            ("buildings", false, false, false),
        ] {
            assert_eq!(Protected::usual().holds(&names(path)), usual, "usual {path}");
            assert_eq!(list.holds(&names(path)), these, "these {path}");
            assert_eq!(list.is_above(&names(path)), above, "above {path}");
            let both = Protected::usual().and(["build".into()]);
            assert_eq!(
                both.holds(&names(path)),
                usual || path.starts_with("build/") || path == "build"
            );
        }
    }
}
