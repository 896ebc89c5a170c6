//! Where the files of a report lie: code scanning knows them by their names in the checkout, and so does whoever opens the
//! report where the audit was made.

use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};

use crate::evidence::Evidence;

/// What a checkout's root is called by those who write SARIF for code scanning.
const ROOT: &str = "%SRCROOT%";

/// The directory that names of files begin at (SARIF 2.1.0, 3.4.4 and 3.14.14).
#[derive(Debug, Default)]
pub(super) struct Base {
    /// Before each name.
    prefix: String,
    /// Its own address, when it is known and ends in `/`.
    address: Option<String>,
    /// Whether there is such a directory: what was unpacked or installed lies nowhere.
    lies: bool,
}

impl Base {
    /// Of one target, as a person at this directory named it.
    pub(super) fn of(evidence: &Evidence, here: Option<&Path>) -> Self {
        if evidence.package.is_some() || evidence.bundle.is_some() {
            return Self::default();
        }
        let named = Path::new(&evidence.target);
        let folder = match (&evidence.source, &evidence.config) {
            (Some(source), _) => {
                // A file is its own only one, by its own name; the one of its name in a tree has that tree's before it.
                let name = named.file_name().map(|it| it.to_string_lossy());
                let is_file =
                    matches!(source.files.as_slice(), [one] if Some(&*one.file) == name.as_deref());
                if is_file { named.parent().unwrap_or(named) } else { named }
            }
            (None, Some(_)) => named.parent().unwrap_or(named),
            _ => return Self::default(),
        };
        let Some(here) = here else {
            return match plain(folder) {
                Some(below) if folder.is_relative() => {
                    Self { prefix: prefix(&below), address: None, lies: true }
                }
                _ => Self { lies: true, ..Self::default() },
            };
        };
        let Some(place) = plain(&here.join(folder)) else {
            return Self { lies: true, ..Self::default() };
        };
        match place.strip_prefix(here) {
            Ok(below) => Self { prefix: prefix(below), address: Some(address(here)), lies: true },
            Err(_) => Self { prefix: String::new(), address: Some(address(&place)), lies: true },
        }
    }

    /// Where a file is.
    pub(super) fn artifact(&self, file: &str) -> Value {
        let file = file.strip_prefix("./").unwrap_or(file);
        let mut location = json!({ "uri": super::uri(&format!("{}{file}", self.prefix)) });
        if let (true, Some(fields)) =
            (self.lies && !file.starts_with('/'), location.as_object_mut())
        {
            fields.insert("uriBaseId".to_owned(), ROOT.into());
        }
        location
    }

    /// What its name stands for.
    pub(super) fn declared(&self) -> Option<Value> {
        let text = "the directory in which the audit was made, or that of the target where it lies elsewhere";
        let mut root = json!({ "description": { "text": text } });
        if let (Some(address), Some(fields)) = (&self.address, root.as_object_mut()) {
            fields.insert("uri".to_owned(), address.as_str().into());
        }
        self.lies.then(|| json!({ ROOT: root }))
    }
}

/// A path without `.` and `..`, as its words say it; `None` when it leads out of what it begins at.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() {
                    return None;
                }
            }
            part => out.push(part),
        }
    }
    Some(out)
}

fn prefix(below: &Path) -> String {
    match below.to_string_lossy() {
        text if text.is_empty() => String::new(),
        text => format!("{text}/"),
    }
}

fn address(folder: &Path) -> String {
    let text = folder.to_string_lossy();
    format!("file://{}/", super::uri(text.trim_end_matches('/')))
}
