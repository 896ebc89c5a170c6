//! What is about to be started: held against what was approved, before anything
//! of it is installed or run (MCP-SUP-01, -02 and -04).

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use portcullis_config as config;
use portcullis_confine::command::Resolved;
use portcullis_guard::launch::{decides, marks};
use portcullis_guard::secret::{redact, secret_name};
use portcullis_guard::text::visible;
use portcullis_mediation::Fingerprint;
use portcullis_mediation::pin::Definition;
use serde_json::{Value, json};

use crate::fault::Fault;

/// The machine's own programs change with its updates, and whoever can change them
/// otherwise needs no server to do harm: of these the path is pinned.
const SYSTEM: &[&str] = &["/usr", "/bin", "/sbin", "/lib", "/lib64"];

/// Of a larger file, its size and the moment of its last change stand for its
/// bytes: an interpreter has 100 MB, and reading it would take longer than all else.
const READ: u64 = 16 << 20;

/// Below an installed package: what says which versions it is made of.
const LOCKS: &[&str] = &["node_modules/.package-lock.json", "tools"];

/// How deep an installer of Python puts what it writes down.
const DEEPEST: usize = 6;

/// The field of what the variables are. Pins of an older release have only their names.
pub(crate) const VALUES: &str = "values";

/// What a person wrote: the command, the names of its variables, and what each is.
/// `given` is what references led to.
pub(crate) fn command(server: &config::Server, given: &BTreeMap<String, String>) -> Definition {
    let mut names: Vec<&str> = server.env.iter().map(config::Variable::name).collect();
    names.sort_unstable();
    let value = |variable: &config::Variable| (variable.name().to_owned(), value(variable, given));
    let values: BTreeMap<String, Value> = server.env.iter().map(value).collect();
    let mut launch = Definition::default();
    launch.set("command", &json!(server.command));
    launch.set("environment", &json!(names));
    launch.set(VALUES, &json!(values));
    launch
}

/// A value that was written out is shown and pinned. A secret is pinned and not shown. Of a
/// reference it is shown where it leads and no more: what is there may change, unless it
/// decides what runs.
fn value(variable: &config::Variable, given: &BTreeMap<String, String>) -> Value {
    let name = variable.name();
    let digest = |value: &str| json!(Fingerprint::of(format!("{name}={value}").as_bytes()));
    let (from, place) = match variable.source() {
        config::Source::Value(text) => {
            let text = text.expose("to the person who is asked about it, unless it is a secret");
            let line = format!("{name}={text}");
            let secret = secret_name(name) || redact(text) != text || redact(&line) != line;
            return if secret { json!({"not shown": digest(text)}) } else { json!(text) };
        }
        config::Source::Environment(ours) => ("our own", ours),
        config::Source::File(path) => ("file", path),
    };
    let mut told = serde_json::Map::from_iter([(from.to_owned(), json!(place))]);
    if let Some(value) = given.get(name).filter(|_| decides(name)) {
        told.insert("is".to_owned(), digest(value));
    }
    told.into()
}

/// What decides about a variable, and its value where that may be shown.
pub(crate) fn variables(launch: &Definition) -> Vec<(String, Option<String>)> {
    let Some(Value::Object(values)) = launch.value(VALUES) else { return Vec::new() };
    let text = |value: Value| value.as_str().map(str::to_owned);
    values.into_iter().map(|(name, value)| (name, text(value))).collect()
}

/// Which file the program is, for a question about it: also one of the machine's own, of
/// which the path is pinned and no more.
pub(crate) fn told(resolved: &Resolved) -> Result<Value, Fault> {
    let program = &resolved.program;
    let real = program.canonicalize().unwrap_or_else(|_| program.clone());
    let own = SYSTEM.iter().any(|system| real.starts_with(system));
    let covers = if own { "its path: it is the machine's own" } else { "its path and content" };
    Ok(json!({
        "file": real.display().to_string(), "content": fingerprint(&real)?, "a yes covers": covers,
    }))
}

/// What that comes to on this machine: the program, and the files that decide
/// what runs.
pub(crate) fn program(resolved: &Resolved, packages: &Path) -> Result<Definition, Fault> {
    let mut launch = Definition::default();
    launch.set("program", &json!(resolved.program.display().to_string()));
    let mut files = BTreeMap::new();
    for file in files_of(resolved, packages) {
        files.insert(file.display().to_string(), fingerprint(&file)?);
    }
    launch.set("files", &json!(files));
    Ok(launch)
}

/// The whole command as a person reads it, and what to look at in it.
pub(crate) fn shown(command: &[String]) -> String {
    let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
    let marks = marks(command);
    let look: Vec<String> =
        marks.iter().map(|mark| format!("{} {}", quoted(&mark.word), mark.why)).collect();
    match look.as_slice() {
        [] => words.join(" "),
        look => format!("{}; look at: {}", words.join(" "), look.join("; ")),
    }
}

/// What is started, as a person reads it: a command, or an address.
pub(crate) fn started(server: &config::Server) -> String {
    match &server.remote {
        Some(remote) => remote.to_string(),
        None => shown(&server.command),
    }
}

/// A word with its ends visible, when a space could hide them.
fn quoted(word: &str) -> String {
    let word = visible(word);
    let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_graphic() && c != '"');
    if plain { word } else { format!("{word:?}") }
}

/// The program, the interpreters on the way to it, the script that it runs wherever
/// that lies, the files among its arguments that are code of ours to read, and the
/// lock of an installed package. Other files in a writable root are data: they change.
fn files_of(resolved: &Resolved, packages: &Path) -> Vec<PathBuf> {
    let packages = packages.canonicalize().unwrap_or_else(|_| packages.to_owned());
    let steps = resolved.steps.iter().chain([&resolved.program]).cloned();
    let named = resolved.args.iter().map(PathBuf::from).filter(|path| path.is_absolute());
    let code = |path: &PathBuf| resolved.code.iter().any(|dir| path.starts_with(dir));
    let installed = resolved.code.iter().filter(|dir| dir.starts_with(&packages));
    let locks = installed.flat_map(|dir| LOCKS.iter().map(|lock| dir.join(lock)));
    let locks = locks.flat_map(|lock| if lock.is_dir() { written_down(lock) } else { vec![lock] });
    let all = steps.chain(resolved.script.clone()).chain(named.filter(code)).chain(locks);
    let mut files: Vec<PathBuf> = all.filter_map(|file| file.canonicalize().ok()).collect();
    files.retain(|file| file.is_file() && !SYSTEM.iter().any(|system| file.starts_with(system)));
    files.sort();
    files.dedup();
    files
}

/// What Python's installer wrote down of each package: its files and their hashes.
fn written_down(tools: PathBuf) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![(tools, 0)];
    while let Some((dir, depth)) = dirs.pop() {
        let entries = std::fs::read_dir(&dir).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            if path.extension().is_some_and(|extension| extension == "dist-info") {
                found.push(path.join("RECORD"));
            } else if depth < DEEPEST && path.is_dir() && !path.is_symlink() {
                dirs.push((path, depth + 1));
            }
        }
    }
    found
}

fn fingerprint(file: &Path) -> Result<Value, Fault> {
    let failed = |error| {
        Fault::Ours(format!("{} cannot be read, so it cannot be pinned: {error}", file.display()))
    };
    let facts = std::fs::metadata(file).map_err(failed)?;
    if facts.len() > READ {
        let moment = format!("{}.{:09}", facts.ctime(), facts.ctime_nsec());
        return Ok(json!({"size": facts.len(), "changed": moment}));
    }
    let bytes = std::fs::read(file).map_err(failed)?;
    Ok(json!(Fingerprint::of(&bytes).as_str()))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use portcullis_confine::command::Plan;

    use super::*;

    #[test]
    fn a_script_that_changed_has_another_fingerprint() {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("server.py");
        let resolved = Resolved {
            program: "/usr/bin/python3".into(),
            args: vec![OsString::from(&script), "--flag".into()],
            script: None,
            code: vec![dir.path().to_owned()],
            path: String::new(),
            steps: Vec::new(),
            plan: Plan::Direct,
        };
        let of = |text: &str| {
            std::fs::write(&script, text).unwrap();
            program(&resolved, Path::new("/nowhere")).unwrap()
        };
        let first = of("print(1)");
        assert_eq!(first.value("files").unwrap().as_object().unwrap().len(), 1);
        assert_ne!(first, of("print(2)"));
        assert_eq!(first, of("print(1)"));
    }

    #[test]
    fn a_command_is_shown_whole() {
        let words = |line: &str| line.split('|').map(str::to_owned).collect::<Vec<_>>();
        for (line, expect) in [
            ("node|/srv/x.js", "node /srv/x.js"),
            ("server|a b", "server \"a b\""),
            ("sudo|server", "sudo server; look at: sudo asks for more rights"),
        ] {
            assert_eq!(shown(&words(line)), expect);
        }
    }
}
