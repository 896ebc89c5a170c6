//! What a gateway may change in a box while the server runs, and what became of it.
//!
//! Four requests and five answers, each one message on the control socket. Both
//! sides are strict: the broker ends the box when it hears something else, the
//! gateway takes something else for the end of the box.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::order::OrderedRoot;
use crate::profile::Access;

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Applied {
    /// It holds now, for every process of the server.
    Live,
    /// The root is in use, and what is open stays open. Nothing was taken away
    /// (a writable root may have become read-only); another try may succeed.
    Busy(Vec<Holder>),
    /// Only a fresh box can bring it about, because of this.
    Restart(String),
    /// It cannot be granted at all, because of this.
    Refused(String),
}

/// Somebody who keeps a root from being taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// The process, as this machine numbers it.
    pub pid: i32,
    /// By what: `open file`, `open directory`, `working directory`, `mapping`, `program`.
    pub by: String,
    /// Its path in the box.
    pub path: String,
}

/// Gateway to broker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) enum Request {
    /// Show one more root.
    Grant(OrderedRoot),
    /// Take a root away, if nothing in it is in use.
    Revoke { path: OsString },
    /// Take a root away whatever is in use: what is open stays open.
    Detach { path: OsString },
    /// Change what may be done in a root.
    Change { path: OsString, access: Access },
}

/// How many holders are named; more would only repeat the point.
pub(crate) const MOST_HOLDERS: usize = 16;

impl Request {
    pub(crate) fn revoke(path: &Path) -> Self {
        Self::Revoke { path: path.into() }
    }

    pub(crate) fn detach(path: &Path) -> Self {
        Self::Detach { path: path.into() }
    }

    pub(crate) fn change(path: &Path, access: Access) -> Self {
        Self::Change { path: path.into(), access }
    }

    /// The root that it is about.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::Grant(root) => PathBuf::from(&root.path),
            Self::Revoke { path } | Self::Detach { path } | Self::Change { path, .. } => {
                PathBuf::from(path)
            }
        }
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} has the {} `{}`", self.pid, self.by, self.path)
    }
}
