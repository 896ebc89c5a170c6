//! `--write-policy`: what contains a server, as a file of its own that nothing else is overwritten by.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use portcullis_audit::Evidence;
use portcullis_audit::armour::Policy;
use portcullis_audit::probe::bundle::HERE;
use portcullis_config::{Documents, Overrides};
use portcullis_guard::text::visible;
use portcullis_policy::ServerName;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::exit::{Exit, Trouble};
use crate::{name, state};

/// Whether a file can be written: looked at before an audit that takes minutes, and again when it is made.
pub(super) fn is_free(file: &Path) -> Result<(), Trouble> {
    match file.symlink_metadata() {
        Err(error) if state::is_missing(&error) => Ok(()),
        Err(error) => Err(unwritten(file, &error)),
        Ok(_) => Err(taken(file)),
    }
}

/// The policy of the one server that was looked at.
pub(super) fn of(seen: &[Evidence]) -> Result<Policy, Trouble> {
    let [evidence] = seen else {
        return Err(Trouble::new(Exit::Usage, "--write-policy takes one target at a time"));
    };
    let live = evidence.live.iter().flat_map(|live| &live.command);
    if evidence.bundle.is_some() && live.into_iter().any(|word| word.contains(HERE)) {
        let said = "--write-policy starts a server where it lies, and a bundle lies nowhere: unpack it, and name its command after `--`";
        return Err(Trouble::new(Exit::Usage, said));
    }
    let name = called(evidence);
    let policy = Policy::of(evidence, name.as_ref().map_or("server", ServerName::as_str));
    policy.map_err(|none| Trouble::new(Exit::Nothing, none.to_string()))
}

/// The name that `run` gives it by itself.
fn called(evidence: &Evidence) -> Option<ServerName> {
    let live = evidence.live.as_ref()?;
    match &evidence.http {
        Some(http) => name::from_url(&http.url),
        None => name::from_command(&live.command),
    }
}

/// Writes it, once our own loader takes it.
pub(super) fn write(file: &Path, policy: &Policy) -> Result<(), Trouble> {
    let text = policy.text();
    let config = state::read_config(&text, file)?;
    let name = ServerName::new(policy.name()).map_err(|error| Trouble::failed(&error))?;
    let shown = file.display().to_string();
    Documents::only(config, &shown).settle(name, Overrides::default(), &str::to_owned)?;
    place(file, text.as_bytes()).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => taken(file),
        _ => unwritten(file, &error),
    })?;
    let shown = visible(&shown);
    eprintln!(
        "portcullis: the policy is in `{shown}`: `portcullis run --config {shown} --name {}` starts it under that",
        policy.name()
    );
    for place in policy.missing() {
        eprintln!(
            "portcullis: `{place}` in it stands for what the audit made up: write your own place there, it does not start before"
        );
    }
    Ok(())
}

/// The whole file or none: the first half of a policy holds less than all of it.
fn place(file: &Path, text: &[u8]) -> std::io::Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let draft = file.with_file_name(format!(".{name}.draft-{}", std::process::id()));
    let made = || {
        let mut made = OpenOptions::new().write(true).create_new(true).open(&draft)?;
        made.write_all(text)?;
        made.sync_all()?;
        Ok(renameat_with(CWD, &draft, CWD, file, RenameFlags::NOREPLACE)?)
    };
    let placed = made();
    if placed.is_err() {
        // It may not be there; nobody takes it for the policy.
        let _ = std::fs::remove_file(&draft);
    }
    placed
}

fn taken(file: &Path) -> Trouble {
    let said = format!(
        "`{}` exists, and --write-policy overwrites nothing: name another file, or remove it",
        file.display()
    );
    Trouble::new(Exit::Usage, said)
}

fn unwritten(file: &Path, error: &std::io::Error) -> Trouble {
    Trouble::new(Exit::Failed, format!("cannot write `{}`: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        place(&file, b"whole").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"whole");
        let again = place(&file, b"another").unwrap_err();
        assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&file).unwrap(), b"whole");
        let nowhere = place(&folder.path().join("gone/a.toml"), b"x").unwrap_err();
        assert_eq!(nowhere.kind(), std::io::ErrorKind::NotFound);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }
}
