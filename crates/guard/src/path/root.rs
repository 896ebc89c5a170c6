//! A directory a server may act in.

use std::fmt::Write as _;

use super::Roots;
use super::reading::{self, Place};

/// An absolute directory, kept by its components.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Root {
    components: Vec<String>,
}

/// A text that is no root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRoot {
    /// It does not start with `/`, or not with `file:///`.
    #[error("not an absolute path")]
    NotAbsolute,
    /// It has `..`, which only the kernel can resolve for a root.
    #[error("contains `..`")]
    NotCanonical,
    /// It is not a path at all.
    #[error("{0}")]
    Escape(#[from] super::Escape),
}

impl Root {
    /// A root from an absolute path. Doubled and trailing slashes and `.` are
    /// dropped; resolve links before.
    ///
    /// # Errors
    /// [`BadRoot`].
    pub fn new(path: &str) -> Result<Self, BadRoot> {
        if !path.starts_with('/') {
            return Err(BadRoot::NotAbsolute);
        }
        if path.split('/').any(|component| component == "..") {
            return Err(BadRoot::NotCanonical);
        }
        match reading::plain(path)? {
            Place::Absolute(components) => Ok(Self { components }),
            _ => Err(BadRoot::NotAbsolute),
        }
    }

    /// A root from a `file:` URI (RFC 8089), as in `roots/list`.
    ///
    /// # Errors
    /// [`BadRoot`].
    pub fn from_uri(uri: &str) -> Result<Self, BadRoot> {
        let path = reading::file_uri(uri)?.ok_or(BadRoot::NotAbsolute)?;
        Self::new(&path)
    }

    /// The path, without a trailing slash unless it is `/`.
    pub fn path(&self) -> String {
        format!("/{}", self.components.join("/"))
    }

    /// The `file:` URI, everything but unreserved letters encoded (RFC 3986, 2.3).
    pub fn uri(&self) -> String {
        let mut uri = String::from("file://");
        for byte in self.path().bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
                uri.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _written = write!(uri, "%{byte:02X}");
            }
        }
        uri
    }

    /// Whether the components lie in this root, or are it.
    pub(super) fn holds(&self, components: &[String]) -> bool {
        components.starts_with(&self.components)
    }

    /// Whether `other` lies in this root, or is it.
    pub fn contains(&self, other: &Self) -> bool {
        self.holds(&other.components)
    }

    pub(super) fn depth(&self) -> usize {
        self.components.len()
    }

    pub(super) fn components(&self) -> &[String] {
        &self.components
    }
}

/// What a server may hear of a root the host offers: the part of it that lies
/// under the ceiling, as `file:` URIs. A host root inside a ceiling root stays
/// what it is, a ceiling root inside the host root takes its place, anything
/// else (also what is not a `file:` URI) is nothing.
pub fn intersect(host_root_uri: &str, ceiling: &Roots) -> Vec<String> {
    let Ok(host) = Root::from_uri(host_root_uri) else {
        return Vec::new();
    };
    if ceiling.iter().any(|(root, _)| root.contains(&host)) {
        return vec![host.uri()];
    }
    let mut inside: Vec<_> =
        ceiling.iter().map(|(root, _)| root).filter(|root| host.contains(root)).collect();
    inside.sort();
    inside.dedup();
    inside.into_iter().map(Root::uri).collect()
}

/// The roots in force when a host offers some of its own: the parts of the ceiling
/// that one of them covers, each with the access that the ceiling gives it.
pub fn narrow(ceiling: &Roots, offered: &[String]) -> Roots {
    let mut narrowed = Roots { roots: Vec::new(), home: ceiling.home.clone() };
    for host in offered.iter().filter_map(|uri| Root::from_uri(uri).ok()) {
        let around = ceiling.iter().filter(|(root, _)| root.contains(&host));
        let own = around.max_by_key(|(root, _)| root.depth()).map(|(_, access)| (&host, access));
        let inside = ceiling.iter().filter(|(root, _)| host.contains(root));
        for (root, access) in own.into_iter().chain(inside) {
            let entry = (root.clone(), access);
            if !narrowed.roots.contains(&entry) {
                narrowed.roots.push(entry);
            }
        }
    }
    // The same roots in another order are the same roots.
    let whole = ceiling.roots.iter().all(|root| narrowed.roots.contains(root));
    if whole && narrowed.roots.len() == ceiling.roots.len() { ceiling.clone() } else { narrowed }
}
