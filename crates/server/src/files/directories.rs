//! `create_directory`, and `list_allowed_directories`.

use std::path::{Path, PathBuf};

use portcullis_confine::beneath::{BeneathError, Kind, RootDir};
use portcullis_guard::Access;
use portcullis_kit::arguments::Writing;
use portcullis_kit::{Call, Hints, Refusal, TypedTool, UnderRoot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::refused::refused;

/// Makes a directory.
#[derive(Debug)]
pub struct CreateDirectory;

/// Which.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    path: UnderRoot<Writing>,
}

/// What became of it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Created {
    path: String,
    /// How many directories were made; none when it was there.
    created: usize,
}

impl TypedTool for CreateDirectory {
    type Arguments = Asked;
    type Output = Created;
    const NAME: &'static str = "create_directory";
    const TITLE: &'static str = "Create a directory";
    const DESCRIPTION: &'static str = "Makes a directory and those above it, as far as they are \
        not there. One that is there is left as it is.";
    const HINTS: Hints = Hints::adds().idempotent();

    async fn run(&self, asked: Asked, call: &Call) -> Result<Created, Refusal> {
        call.blocking(move |call| {
            let path = &asked.path;
            let created = make_all(path, Path::new(path.below()), call)?;
            Ok(Created { path: path.shown().to_owned(), created })
        })
        .await
    }
}

/// Makes a directory of a path and those above it, and says how many were not there.
pub(super) fn make_all(
    path: &UnderRoot<Writing>,
    below: &Path,
    call: &Call,
) -> Result<usize, Refusal> {
    let mut at = PathBuf::new();
    let mut made = 0;
    for name in below {
        call.goes_on()?;
        at.push(name);
        let new = make(path.dir(), &at).map_err(|why| refused(path.shown(), why))?;
        made += usize::from(new);
    }
    Ok(made)
}

/// Makes one directory, unless it is there.
fn make(root: &RootDir, path: &Path) -> Result<bool, BeneathError> {
    match root.make_directory(path) {
        Ok(()) => Ok(true),
        // Whatever is there already must do as a directory.
        Err(BeneathError::Exists) => match root.facts(path)?.kind {
            Kind::Directory => Ok(false),
            _ => Err(BeneathError::NotADirectory),
        },
        Err(why) => {
            // Above a directory that is there, we may have no right to make any.
            let there = root.facts(path).is_ok_and(|it| it.kind == Kind::Directory);
            if there && why != BeneathError::Protected { Ok(false) } else { Err(why) }
        }
    }
}

/// Tells where the tools may act.
#[derive(Debug)]
pub struct AllowedDirectories;

/// Nothing is asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Where.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Allowed {
    /// Relative paths start in the first of them.
    directories: Vec<One>,
}

/// One directory.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct One {
    path: String,
    /// Whether its files may be changed.
    writable: bool,
}

impl TypedTool for AllowedDirectories {
    type Arguments = Nothing;
    type Output = Allowed;
    const NAME: &'static str = "list_allowed_directories";
    const TITLE: &'static str = "List the allowed directories";
    const DESCRIPTION: &'static str = "Tells in which directories the other tools may act, and in \
        which of them they may change anything.";
    const HINTS: Hints = Hints::reads();

    async fn run(&self, _: Nothing, call: &Call) -> Result<Allowed, Refusal> {
        let one = |(root, access): (String, Access)| One {
            path: root,
            writable: access == Access::Write,
        };
        let roots = call.roots().iter().map(|(root, _, access)| (root.path(), access));
        Ok(Allowed { directories: roots.map(one).collect() })
    }
}
