//! What a server may write must not decide what it is granted next time.
//!
//! The directories that a program needs are found by following links and looking
//! for package files. Inside a writable root the server itself could plant
//! those, and widen its own box at the next start.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use portcullis_confine::command::Resolved;
use portcullis_confine::{Access, RootGrant};

use crate::fault::Fault;

/// As many links as the kernel follows (`path_resolution(7)`).
const LINKS: usize = 40;

/// Takes back what was derived from files inside a writable root.
///
/// # Errors
/// When the program itself lies there, an interpreter or a link on the way to
/// it, or a script there leads out of it.
pub(crate) fn hold_back(mut resolved: Resolved, grants: &[RootGrant]) -> Result<Resolved, Fault> {
    for root in writable(grants) {
        let mut programs = resolved.steps.iter().chain([&resolved.program]);
        if let Some(program) = programs.find(|path| lies_in(path, root)) {
            let (program, root) = (program.display(), root.display());
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

fn writable(grants: &[RootGrant]) -> impl Iterator<Item = &Path> {
    let granted = grants.iter().filter(|grant| grant.access == Access::ReadWrite);
    granted.map(|grant| grant.path.as_path())
}

/// The person's `PATH` without the directories that the server may write: a
/// program it puts there would be taken for the person's, also by the
/// installer, which has the network. The second list names what was left out.
pub(crate) fn search_path(path: &OsStr, grants: &[RootGrant]) -> (OsString, Vec<PathBuf>) {
    let planted = |dir: &PathBuf| writable(grants).any(|root| lies_in(dir, root));
    let (out, kept): (Vec<_>, Vec<_>) = std::env::split_paths(path).partition(planted);
    // What was split at colons has none.
    (std::env::join_paths(kept).unwrap_or_default(), out)
}

/// Whoever may write in `root` decides what the absolute `path` leads to: the path,
/// where it leads, or a directory or link on its way lies there. A path that does not
/// exist yet is judged by what of it does.
pub(crate) fn lies_in(path: &Path, root: &Path) -> bool {
    let doors = doors(root);
    way(path).iter().any(|step| enters(step, root, &doors))
}

/// Every place that is passed on the way to an absolute path, each link by itself: the
/// link, and then what it leads to.
fn way(path: &Path) -> Vec<PathBuf> {
    let parts = |path: &Path| -> Vec<PathBuf> {
        path.components().rev().map(|part| PathBuf::from(part.as_os_str())).collect()
    };
    let (mut rest, mut here, mut passed, mut links) = (parts(path), PathBuf::from("/"), vec![], 0);
    while let Some(part) = rest.pop() {
        if part == Path::new("..") {
            here.pop();
            continue;
        }
        let step = here.join(part);
        passed.push(step.clone());
        match std::fs::read_link(&step) {
            // An absolute one starts with `/`, which leads back to the top.
            Ok(target) if links < LINKS => {
                links += 1;
                rest.extend(parts(&target));
            }
            Ok(_) | Err(_) => here = step,
        }
    }
    passed
}

/// The canonical `path` can be reached by way of `root`, by whatever name: a
/// directory that is mounted in a second place has two.
pub(crate) fn holds(root: &Path, path: &Path) -> bool {
    enters(path, root, &doors(root))
}

fn enters(path: &Path, root: &Path, doors: &BTreeSet<(u64, u64)>) -> bool {
    let mut above = path.ancestors().filter_map(identity);
    path.starts_with(root) || above.any(|dir| doors.contains(&dir))
}

/// The directories by which a root is entered: itself, and what is mounted below.
fn doors(root: &Path) -> BTreeSet<(u64, u64)> {
    let mounts = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    let points = mounts.split(|byte| *byte == b'\n').filter_map(mount_point);
    let inside = points.filter(|point| point.starts_with(root));
    inside.chain([root.to_owned()]).filter_map(|dir| identity(&dir)).collect()
}

/// The fifth word, in which space, tab, newline and backslash are three octal
/// digits behind a backslash (`proc_pid_mountinfo(5)`).
fn mount_point(line: &[u8]) -> Option<PathBuf> {
    let mut rest = line.split(|byte| *byte == b' ').nth(4)?;
    let mut path = Vec::new();
    while let [first, after @ ..] = rest {
        let octal = after.get(..3).filter(|_| *first == b'\\');
        let octal = octal.and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        path.push(escaped.unwrap_or(*first));
        rest = after.get(if escaped.is_some() { 3 } else { 0 }..).unwrap_or_default();
    }
    Some(OsString::from_vec(path).into())
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|facts| (facts.dev(), facts.ino()))
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
        symlink(root.join("link.toml"), home.join("twice.toml")).unwrap();
        symlink("../root/way/real.toml", home.join("thrice.toml")).unwrap();
        symlink("round", home.join("round")).unwrap();
        for (path, expect) in [
            (root.join("not/there/yet.toml"), true),
            (root.join("link.toml"), true),
            (root.join("way/real.toml"), true),
            (home.join("in/not-yet.toml"), true),
            (home.join("twice.toml"), true),
            (home.join("thrice.toml"), true),
            (home.join("not/../../root/x"), true),
            (home.join("round/x"), false),
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

    #[test]
    fn a_planted_program_is_not_found_on_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let (root, vault, app) = (folder.join("root"), folder.join("vault"), folder.join("app"));
        for dir in [&root, &root.join("bin"), &vault, &app] {
            std::fs::create_dir(dir).unwrap();
        }
        std::fs::copy("/bin/true", vault.join("key")).unwrap();
        symlink(vault.join("key"), root.join("bin/node")).unwrap();
        let grants = [admit_root(&root, Access::ReadWrite, None).unwrap()];

        let path = std::env::join_paths([&root.join("bin"), &vault]).unwrap();
        let (kept, out) = search_path(&path, &grants);
        assert_eq!((PathBuf::from(kept), out), (vault.clone(), vec![root.join("bin")]));

        let script = app.join("server");
        for interpreter in
            ["/usr/bin/env node".to_owned(), root.join("bin/node").display().to_string()]
        {
            std::fs::write(&script, format!("#!{interpreter}\n")).unwrap();
            let found = command::resolve(&[script.clone().into()], &path, None).unwrap();
            assert!(found.code.contains(&vault), "what the plant would open: {interpreter}");
            assert!(hold_back(found, &grants).is_err(), "{interpreter}");
        }
    }

    #[test]
    fn a_place_is_entered_by_all_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let state = folder.join("home/state");
        std::fs::create_dir_all(&state).unwrap();
        // As if `/elsewhere` were the same directory, mounted a second time.
        let elsewhere = Path::new("/elsewhere");
        for door in ["", "home", "home/state"] {
            let doors = identity(&folder.join(door)).into_iter().collect();
            assert!(enters(&state, elsewhere, &doors), "{door}");
        }
        assert!(!enters(&state, elsewhere, &doors(&std::env::temp_dir().join("none"))));
        assert!(holds(&folder, &state) && !holds(&state, &folder));
    }

    #[test]
    fn mount_points_are_read_as_the_kernel_writes_them() {
        let line = br"36 35 98:0 /mnt1 /mnt/a\040b\134c rw,noatime master:1 - ext3 /dev/root rw";
        assert_eq!(mount_point(line), Some("/mnt/a b\\c".into()));
        assert_eq!(mount_point(b""), None);
    }
}
