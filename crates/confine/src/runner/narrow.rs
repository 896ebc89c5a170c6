//! Less than all roots: those that a call names, with what is protected in them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use super::Orders;
use crate::profile::Access;
use crate::protect::DEFAULT_PROTECT;
use crate::root::{RootGrant, shown};
use crate::skeleton::identity;
use crate::sys::mount::open_exact;

/// A root, or a directory below one, as it is now: without a link on the way. What is
/// protected stays so, whichever directory above it was named.
pub(super) fn narrowed(path: &Path, orders: &Orders) -> Result<RootGrant, String> {
    let root = within(path, &orders.roots);
    let root = root.ok_or_else(|| format!("`{}` lies in no root", shown(path)))?;
    let below = path.strip_prefix(&root.path).unwrap_or(Path::new(""));
    if below.as_os_str().is_empty() {
        return Ok(root.clone());
    }
    let held = open_exact(path).and_then(|handle| identity(&handle));
    let (device, inode) = held.map_err(|errno| format!("open `{}`: {errno}", shown(path)))?;
    let (access, protect) = match still_protected(&root.protect, below) {
        Some(places) => (root.access, places),
        None => (Access::ReadOnly, Vec::new()),
    };
    Ok(RootGrant { path: path.to_owned(), alias: None, access, protect, device, inode })
}

/// The narrowest root that holds a path.
pub(super) fn within<'a>(path: &Path, roots: &'a [RootGrant]) -> Option<&'a RootGrant> {
    let plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
    let holding = roots.iter().filter(|root| path.starts_with(&root.path));
    let narrowest = holding.max_by_key(|root| root.path.as_os_str().len());
    narrowest.filter(|_| path.components().all(plain))
}

/// The protected places as they are called from a directory below; nothing when that lies
/// in one itself. Of the usual ones each is protected in every directory, as git and
/// editors obey it there, too. Without regard to ASCII case, as file systems exist that
/// do not tell `.git` from `.GIT`.
fn still_protected(places: &[PathBuf], below: &Path) -> Option<Vec<PathBuf>> {
    let names: Vec<&OsStr> = below.iter().collect();
    let mut kept = Vec::new();
    for place in places {
        let parts: Vec<&OsStr> = place.iter().collect();
        let usual = DEFAULT_PROTECT.iter().any(|usual| alike(place.as_os_str(), usual.as_ref()));
        if usual && names.iter().any(|name| alike(name, place.as_os_str())) {
            return None;
        }
        let along = parts.iter().zip(&names).all(|(one, other)| alike(one, other));
        if along && parts.len() <= names.len() {
            return None;
        }
        if usual {
            kept.push(place.clone());
        } else if along {
            kept.push(parts.into_iter().skip(names.len()).collect());
        }
    }
    Some(kept)
}

fn alike(one: &OsStr, other: &OsStr) -> bool {
    one.as_bytes().eq_ignore_ascii_case(other.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_called_by_their_names_from_below() {
        let places: Vec<PathBuf> = [".git", "sub/secret", "build"].map(PathBuf::from).into();
        for (below, expect) in [
            ("sub", Some(vec![".git", "secret"])),
            ("SUB", Some(vec![".git", "secret"])),
            ("other", Some(vec![".git"])),
            ("sub/other", Some(vec![".git"])),
            ("subway", Some(vec![".git"])),
            ("other/build", Some(vec![".git"])),
            ("sub/secret", None),
            ("sub/Secret/deep", None),
            ("build", None),
            (".git", None),
            (".GIT/hooks", None),
            ("sub/.git/hooks", None),
        ] {
            let expect = expect.map(|list| list.into_iter().map(PathBuf::from).collect());
            assert_eq!(still_protected(&places, Path::new(below)), expect, "{below}");
        }
    }
}
