//! `move_file`: another name, another directory, another root.

use std::io::{Read as _, Write as _};

use portcullis_confine::beneath::{BeneathError, Facts, Kind};
use portcullis_kit::arguments::Writing;
use portcullis_kit::{Call, Hints, Refusal, TypedTool, UnderRoot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Settings;
use super::refused::{failed, refused};

/// Moves or renames.
#[derive(Debug)]
pub struct MoveFile(pub Settings);

/// What to where.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// What is moved: a file, a directory, or a link itself.
    source: UnderRoot<Writing>,
    /// Its new path, name included.
    destination: UnderRoot<Writing>,
    /// Whether a file of that name is replaced; a directory never is.
    #[serde(default)]
    overwrite: bool,
}

/// What became of it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Moved {
    source: String,
    destination: String,
    /// Whether it was copied and then deleted, as the two are on different file systems:
    /// its times are those of the copy.
    copied: bool,
}

impl TypedTool for MoveFile {
    type Arguments = Asked;
    type Output = Moved;
    const NAME: &'static str = "move_file";
    const TITLE: &'static str = "Move a file";
    const DESCRIPTION: &'static str = "Moves or renames a file or directory inside the writable \
        directories. Nothing is overwritten unless `overwrite` says so.";
    const HINTS: Hints = Hints::destroys();

    async fn run(&self, asked: Asked, call: &Call) -> Result<Moved, Refusal> {
        let most = self.0.write_bytes;
        call.blocking(move |call| move_file(&asked, most, call)).await
    }
}

fn move_file(asked: &Asked, most: usize, call: &Call) -> Result<Moved, Refusal> {
    call.goes_on()?;
    let (from, to) = (&asked.source, &asked.destination);
    let renamed = from.dir().rename(from.below(), to.dir(), to.below(), asked.overwrite);
    let copied = match renamed {
        Ok(()) => false,
        Err(BeneathError::OtherFilesystem) => {
            let original = copy(asked, most, call)?;
            remove(&asked.source, &original)?;
            true
        }
        Err(why) => return Err(refused(&blamed(asked, why), why)),
    };
    Ok(Moved { source: from.shown().to_owned(), destination: to.shown().to_owned(), copied })
}

/// Which of the two paths a refusal is about, as far as that can be told.
fn blamed(asked: &Asked, why: BeneathError) -> String {
    let (from, to) = (&asked.source, &asked.destination);
    let there = from.dir().facts_of_link(from.below()).is_ok();
    match why {
        BeneathError::IntoItself => from.shown().to_owned(),
        _ if !there => from.shown().to_owned(),
        BeneathError::Protected | BeneathError::Denied => {
            format!("{}` or `{}", from.shown(), to.shown())
        }
        _ => to.shown().to_owned(),
    }
}

/// Only files are copied: a tree that is half here and half there would be worse. Says
/// what was copied.
fn copy(asked: &Asked, most: usize, call: &Call) -> Result<Facts, Refusal> {
    let (from, to) = (&asked.source, &asked.destination);
    let here = |why| refused(from.shown(), why);
    let there = |why| refused(to.shown(), why);
    let facts = from.dir().facts_of_link(from.below()).map_err(here)?;
    if facts.kind != Kind::File {
        return Err(there(BeneathError::OtherFilesystem));
    }
    let mut file = from.dir().file(from.below()).map_err(here)?;
    let mut draft = to.dir().draft(to.below(), asked.overwrite).map_err(there)?;
    draft.copies(&facts).map_err(there)?;
    let mut chunk = vec![0; 256 << 10];
    let mut copied = 0;
    loop {
        call.goes_on()?;
        let read = file.read(&mut chunk).map_err(|error| failed(from.shown(), error))?;
        if read == 0 {
            break;
        }
        copied += read;
        fits(facts.size.max(copied as u64), most)?;
        let bytes = chunk.get(..read).unwrap_or_default();
        draft.write_all(bytes).map_err(|error| failed(to.shown(), error))?;
    }
    // What was opened is what was looked at, and nobody wrote to it meanwhile.
    unchanged(from, &facts).map_err(here)?;
    draft.commit().map_err(there)?;
    Ok(facts)
}

fn fits(has: u64, most: usize) -> Result<(), Refusal> {
    if has <= most as u64 {
        return Ok(());
    }
    let wrong = format!("too large to be copied to another file system: {has} bytes of {most}");
    Err(Refusal::new(wrong))
}

/// Removes the file that was copied, and no other that has its name by now.
fn remove(from: &UnderRoot<Writing>, original: &Facts) -> Result<(), Refusal> {
    let removed = unchanged(from, original).and_then(|()| from.dir().remove_file(from.below()));
    removed.map_err(|why| {
        let both = "it was copied, and the original could not be removed";
        Refusal::new(format!("`{}`: {both}: {why}", from.shown())).because(format!("{why:?}"))
    })
}

fn unchanged(from: &UnderRoot<Writing>, facts: &Facts) -> Result<(), BeneathError> {
    let now = from.dir().facts_of_link(from.below())?;
    if now.is_unchanged(facts) { Ok(()) } else { Err(BeneathError::Changed) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use portcullis_kit::Roots;

    use super::*;
    use crate::files::stopped::stopped_in;

    /// A stage with the file `a`, and a move of it to `b`; the call goes on, or is over.
    fn stage(goes_on: bool) -> (tempfile::TempDir, Asked, Call) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "one").unwrap();
        let stopped = stopped_in(dir.path());
        let path = |asked| UnderRoot::judge(asked, stopped.roots()).unwrap();
        let asked = Asked { source: path("a"), destination: path("b"), overwrite: true };
        let call = if goes_on { Call::detached(Roots::none()) } else { stopped };
        (dir, asked, call)
    }

    fn read(dir: &tempfile::TempDir, name: &str) -> Option<String> {
        std::fs::read_to_string(dir.path().join(name)).ok()
    }

    #[test]
    fn another_file_of_the_same_name_is_not_removed() {
        let (dir, asked, call) = stage(true);
        let original = copy(&asked, 100, &call).unwrap();
        std::fs::write(dir.path().join("new"), "two").unwrap();
        std::fs::rename(dir.path().join("new"), dir.path().join("a")).unwrap();
        let refusal = remove(&asked.source, &original).unwrap_err();
        assert!(refusal.public().contains("changed while"), "{}", refusal.public());
        assert_eq!(read(&dir, "a").as_deref(), Some("two"));
        let original = copy(&asked, 100, &call).unwrap();
        remove(&asked.source, &original).unwrap();
        assert_eq!((read(&dir, "a"), read(&dir, "b").as_deref()), (None, Some("two")));
    }

    /// As a name that moves: whoever could not read it before cannot afterwards.
    #[test]
    fn a_copy_has_the_permissions_of_the_original() {
        for (mode, taken) in [(0o600, None), (0o640, Some(0o666)), (0o755, Some(0o600))] {
            let (dir, asked, call) = stage(true);
            let set = |name, mode| {
                let permissions = std::fs::Permissions::from_mode(mode);
                std::fs::set_permissions(dir.path().join(name), permissions).unwrap();
            };
            set("a", mode);
            if let Some(taken) = taken {
                std::fs::write(dir.path().join("b"), "old").unwrap();
                set("b", taken);
            }
            copy(&asked, 100, &call).unwrap();
            let copied = std::fs::metadata(dir.path().join("b")).unwrap().permissions();
            assert_eq!(copied.mode() & 0o777, mode);
        }
    }

    #[test]
    fn what_is_too_large_or_over_is_not_moved() {
        let (dir, asked, call) = stage(true);
        assert!(copy(&asked, 2, &call).unwrap_err().public().contains("too large"));
        assert_eq!((read(&dir, "a").as_deref(), read(&dir, "b")), (Some("one"), None));
        let (dir, asked, call) = stage(false);
        assert!(copy(&asked, 100, &call).is_err());
        assert!(move_file(&asked, 100, &call).is_err());
        assert_eq!((read(&dir, "a").as_deref(), read(&dir, "b")), (Some("one"), None));
    }
}
