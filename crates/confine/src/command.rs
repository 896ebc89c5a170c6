//! From the words a person wrote to a program and the directories it needs.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::SpawnError;
use crate::root::shown;

/// The program's absolute path, as the kernel will be asked for it.
pub(crate) fn find_program(name: Option<&OsString>, path: &OsStr) -> Result<PathBuf, SpawnError> {
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Err(SpawnError::CommandNotFound { command: String::new() });
    };
    let missing = || SpawnError::CommandNotFound { command: shown(name) };
    if name.as_bytes().contains(&b'/') {
        let path = std::path::absolute(name).map_err(|_| missing())?;
        return if path.exists() { Ok(path) } else { Err(missing()) };
    }
    let dirs = std::env::split_paths(path).filter(|dir| dir.is_absolute());
    let found: Vec<PathBuf> = dirs.map(|dir| dir.join(name)).filter(|path| path.is_file()).collect();
    let runs = found.iter().find(|path| executable(path));
    runs.or(found.first()).cloned().ok_or_else(missing)
}

fn executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0)
}

/// Directories that no program needs as a whole.
pub(crate) fn too_wide(dir: &Path) -> bool {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let home = home.filter(|home| home.is_absolute() && home.parent().is_some());
    dir.parent().is_none() || home.is_some_and(|home| home.starts_with(dir))
}

/// Why the kernel did not take the program, in words that help.
pub(crate) fn why_not_started(program: &Path, errno: i32) -> String {
    let words = std::io::Error::from_raw_os_error(errno);
    match errno {
        libc::ENOENT if program.exists() => "it, or the interpreter it names, is not visible in the box: \
             grant the directory it is installed in as code"
            .to_owned(),
        libc::EACCES if executable(program) => format!(
            "{words}: a directory above it, or the program itself, is closed to the account that the server runs as"
        ),
        libc::EACCES => "it is not executable: set its permission with `chmod +x`".to_owned(),
        libc::ENOEXEC => "it is neither a program for this machine nor a script with a `#!` line".to_owned(),
        _ => words.to_string(),
    }
}
