//! What a server may write must not decide what it is granted next time.
//!
//! The directories that a program needs are found by following links and looking
//! for package files. Inside a writable root the server itself could plant
//! those, and widen its own box at the next start.

use std::path::{Path, PathBuf};

use portcullis_confine::command::Resolved;
use portcullis_confine::{Access, RootGrant};

use crate::fault::Fault;

/// Takes back what was derived from files inside a writable root.
///
/// # Errors
/// When the program itself lies there, or a script there leads out of it.
pub(crate) fn hold_back(mut resolved: Resolved, grants: &[RootGrant]) -> Result<Resolved, Fault> {
    for grant in grants.iter().filter(|grant| grant.access == Access::ReadWrite) {
        let root = &grant.path;
        if lies_in(&resolved.program, root) {
            let (program, root) = (resolved.program.display(), root.display());
            let why = format!(
                "program {program} lies in the writable root {root}, where the server could \
                 replace it: move it out, or grant the root with :ro"
            );
            return Err(Fault::operator(why));
        }
        let scripts: Vec<PathBuf> = resolved.args.iter().map(PathBuf::from).collect();
        for script in scripts.iter().filter(|path| path.is_absolute() && lies_in(path, root)) {
            stays_inside(script, root)?;
            // The root shows the script already; what its neighbours say about
            // packages further up is the server's word.
            resolved.code.retain(|dir| !dir.starts_with(root) && !root.starts_with(dir));
        }
    }
    Ok(resolved)
}

/// Whoever may write in `root` decides what the absolute `path` leads to: the
/// path, where it leads, or a directory on its way lies there. A path that does
/// not exist yet is judged by those of its directories that do. Of a link that
/// leads to another link, only the end is looked at.
pub(crate) fn lies_in(path: &Path, root: &Path) -> bool {
    let mut steps = path.ancestors();
    steps.any(|step| step.canonicalize().is_ok_and(|real| real.starts_with(root)))
}

fn stays_inside(script: &Path, root: &Path) -> Result<(), Fault> {
    match script.canonicalize() {
        Ok(real) if !real.starts_with(root) => {
            let (script, root) = (script.display(), root.display());
            let why = format!(
                "{script} is a link that leads out of the writable root {root}: name its target instead"
            );
            Err(Fault::operator(why))
        }
        // A name that is no file names no program either.
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use portcullis_confine::{admit_root, command};

    use super::*;

    fn resolved(words: &[&Path]) -> Resolved {
        let words: Vec<_> = words.iter().map(|word| word.as_os_str().to_owned()).collect();
        command::resolve(&words, "/usr/bin:/bin".as_ref(), None).unwrap()
    }

    #[test]
    fn a_script_in_a_writable_root_widens_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let (root, vault) = (folder.join("root"), folder.join("vault"));
        for dir in [&root, &vault] {
            std::fs::create_dir(dir).unwrap();
        }
        std::fs::write(folder.join("package.json"), "{}").unwrap();
        std::fs::write(root.join("server.sh"), "true").unwrap();
        std::fs::write(vault.join("key.sh"), "true").unwrap();
        let grant = admit_root(&root, Access::ReadWrite, None).unwrap();

        let command = resolved(&[Path::new("/bin/sh"), &root.join("server.sh")]);
        assert!(command.code.iter().any(|dir| folder.starts_with(dir)), "what is to be held back");
        let held = hold_back(command, std::slice::from_ref(&grant)).unwrap();
        assert!(held.code.iter().all(|dir| !dir.starts_with(&folder) && !folder.starts_with(dir)));

        symlink(vault.join("key.sh"), root.join("planted.sh")).unwrap();
        let planted = resolved(&[Path::new("/bin/sh"), &root.join("planted.sh")]);
        assert!(hold_back(planted, std::slice::from_ref(&grant)).is_err());
    }

    #[test]
    fn a_path_lies_wherever_somebody_could_turn_it() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let (root, home) = (folder.join("root"), folder.join("home"));
        for dir in [&root, &home] {
            std::fs::create_dir(dir).unwrap();
        }
        std::fs::write(home.join("real.toml"), "").unwrap();
        symlink(home.join("real.toml"), root.join("link.toml")).unwrap();
        symlink(&home, root.join("way")).unwrap();
        symlink(&root, home.join("in")).unwrap();
        for (path, expect) in [
            (root.join("not/there/yet.toml"), true),
            (root.join("link.toml"), true),
            (root.join("way/real.toml"), true),
            (home.join("in/not-yet.toml"), true),
            (home.join("real.toml"), false),
            (home.join("not-yet.toml"), false),
            (folder.join("root-evil/x.toml"), false),
        ] {
            assert_eq!(lies_in(&path, &root), expect, "{}", path.display());
        }
    }

    #[test]
    fn a_program_in_a_writable_root_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::copy("/bin/true", root.join("server")).unwrap();
        let writable = admit_root(&root, Access::ReadWrite, None).unwrap();
        let readable = admit_root(&root, Access::ReadOnly, None).unwrap();
        let command = || resolved(&[&root.join("server")]);
        assert!(hold_back(command(), &[writable]).is_err());
        assert!(hold_back(command(), &[readable]).is_ok());
    }
}
