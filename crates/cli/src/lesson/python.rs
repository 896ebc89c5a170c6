//! Finds a Python that has the official SDK, 1.x.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::process;
use crate::state::variable;

/// Asks an interpreter whether it can serve the lesson.
const QUESTION: &str = "import sys, importlib.metadata as m, mcp.server.fastmcp; \
    sys.exit(m.version('mcp').split('.')[0] != '1')";
/// `uv` may have to fetch the packages first.
const PATIENCE: Duration = Duration::from_secs(120);

/// How to get one, for people who have none.
pub(crate) const ADVICE: &str = "no Python with the MCP SDK 1.x was found: \
    `python3 -m venv lesson && lesson/bin/pip install 'mcp<2'`, then `portcullis lesson --python lesson/bin/python`";

/// The words that start a Python with `mcp` 1.x: the one that was named, the virtual environment's,
/// the system's, or the one that `uv` makes. The folder is where they are tried.
pub(crate) fn find(named: Option<&Path>, folder: &Path) -> Result<Option<Vec<OsString>>, String> {
    if let Some(named) = named {
        // Where it is tried is not where the person stands.
        let named = match named.components().count() {
            1 => named.to_owned(),
            _ => std::path::absolute(named).map_err(|error| error.to_string())?,
        };
        let words = vec![named.clone().into_os_string()];
        let why = || format!("`{}` is no Python with the package `mcp` 1.x", named.display());
        return if serves(&words, folder) { Ok(Some(words)) } else { Err(why()) };
    }
    let environment = variable("VIRTUAL_ENV").map(|it| Path::new(&it).join("bin/python").into());
    let uv = ["uv", "run", "--quiet", "--no-project", "--with", "mcp<2", "python"];
    let candidates = environment.into_iter().map(|python: OsString| vec![python]);
    let candidates = candidates.chain([vec!["python3".into()], uv.map(OsString::from).to_vec()]);
    Ok(candidates.into_iter().find(|words| serves(words, folder)))
}

fn serves(words: &[OsString], folder: &Path) -> bool {
    let mut words = words.to_vec();
    words.extend(["-c".into(), QUESTION.into()]);
    let Ok(mut command) = process::command(&words, folder) else { return false };
    let Ok(mut child) = command.stdout(std::process::Stdio::null()).spawn() else { return false };
    let status = process::wait(&mut child, PATIENCE);
    if status.is_none() {
        process::end(&mut child);
    }
    status.is_some_and(|status| status.success())
}
