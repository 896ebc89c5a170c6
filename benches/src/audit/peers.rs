//! The peers that run without a network, in a box of ours: whatever they start stays in it.
//!
//! Each is given what it can read: `mcp-bandit` source in Python, `mcpfuzz` a command over pipes, Cisco's rules the definitions
//! that our auditor saw. What nobody gave it, it is not blamed for.

use std::ffi::OsString;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use portcullis_confine::command::resolve;
use portcullis_confine::{Access, Profile, admit_root, spawn};
use serde_json::Value;

use super::case::{Case, rank};
use super::ours::Seen;

/// How long a peer may take for one case.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a peer says of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Something is high or worse.
    High,
    /// It ran, and nothing is.
    Less,
    /// It could not run on this, and why.
    Nothing(String),
}

/// One of them: its name, and what it reads.
#[derive(Clone, Copy, Debug)]
struct Peer {
    name: &'static str,
    /// The directory of its venv, and its program.
    venv: &'static str,
    program: &'static str,
    reads: Reads,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    Python,
    Command,
    Definitions,
}

const PEERS: &[Peer] = &[
    Peer { name: "mcp-bandit 0.1.1", venv: "bandit", program: "mcp-bandit", reads: Reads::Python },
    Peer { name: "mcpfuzz 0.1.4", venv: "fuzz", program: "mcpfuzz", reads: Reads::Command },
    Peer {
        name: "Cisco YARA 4.8.7",
        venv: "cisco",
        program: "mcp-scanner",
        reads: Reads::Definitions,
    },
];

#[derive(Debug)]
pub(crate) struct Peers<'a> {
    folder: Option<&'a Path>,
    gateway: &'a Path,
    work: &'a Path,
}

impl<'a> Peers<'a> {
    pub(crate) fn installed(folder: Option<&'a Path>, gateway: &'a Path, work: &'a Path) -> Self {
        Self { folder, gateway, work }
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        PEERS.iter().map(|it| it.name).collect()
    }

    /// What each says of a case.
    pub(crate) fn judge(&self, case: &Case, ours: &Seen) -> Vec<Said> {
        PEERS.iter().map(|peer| self.one(*peer, case, ours).unwrap_or_else(Said::Nothing)).collect()
    }

    /// What each says of definitions alone.
    pub(crate) fn of_listing(&self, evidence: &Path) -> Vec<Said> {
        let each = PEERS.iter().map(|peer| match peer.reads {
            Reads::Definitions => self.definitions(*peer, evidence),
            _ => Err("no source, and nothing to start".to_owned()),
        });
        each.map(|said| said.unwrap_or_else(Said::Nothing)).collect()
    }

    fn one(&self, peer: Peer, case: &Case, ours: &Seen) -> Result<Said, String> {
        match peer.reads {
            Reads::Python => {
                let source = case.source.as_ref().ok_or("no source")?;
                let source = case.folder.join(source);
                if !has_python(&source) {
                    return Err("no Python".to_owned());
                }
                let words = ["static", "-p", &source.display().to_string(), "-f", "json"]
                    .map(OsString::from);
                self.run(peer, &words, &[source], None)
            }
            Reads::Command => {
                let command = case.command.as_ref().ok_or("nothing to start")?;
                if case.url.is_some() {
                    return Err("it is reached over HTTP".to_owned());
                }
                self.fuzz(peer, case, command)
            }
            Reads::Definitions => {
                self.definitions(peer, ours.evidence.as_deref().ok_or("no definitions")?)
            }
        }
    }

    /// A command for `mcpfuzz`, which starts it itself, in the same box.
    fn fuzz(&self, peer: Peer, case: &Case, command: &[String]) -> Result<Said, String> {
        let place = self.place()?;
        let database = place.join("t.db");
        let filled = command.iter().map(|word| {
            let word = word.replace("{project}", &place.display().to_string());
            let word = word.replace("{database}", &database.display().to_string());
            let within = case.folder.join(&word);
            if word.contains('/') && !word.starts_with('/') && within.exists() {
                within.display().to_string()
            } else {
                word
            }
        });
        let filled: Vec<String> = filled.collect();
        let mut needed = vec![case.folder.clone()];
        let words: Vec<OsString> = filled.iter().map(OsString::from).collect();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let resolved = resolve(&words, &path, None).map_err(|error| error.to_string())?;
        needed.extend(resolved.code);
        needed.push(resolved.program);
        let words = ["scan", "-s", &filled.join(" "), "-o", "json", "--timeout", "5", "-q"]
            .map(OsString::from);
        self.run(peer, &words, &needed, Some(place))
    }

    /// The definitions in saved evidence.
    fn definitions(&self, peer: Peer, evidence: &Path) -> Result<Said, String> {
        let bytes = std::fs::read(evidence).map_err(|error| error.to_string())?;
        let seen: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        let tools =
            seen.pointer("/live/tools").and_then(Value::as_array).filter(|it| !it.is_empty());
        let tools = tools.ok_or("no definitions")?;
        let place = self.place()?;
        let file = place.join("tools.json");
        let text = serde_json::json!({ "tools": tools }).to_string();
        std::fs::write(&file, text).map_err(|error| error.to_string())?;
        let words =
            ["--analyzers", "yara", "--raw", "static", "--tools", &file.display().to_string()];
        self.run(peer, &words.map(OsString::from), &[], Some(place))
    }

    /// A directory that the box may write.
    fn place(&self) -> Result<PathBuf, String> {
        let place = tempfile::Builder::new().prefix("peer").tempdir_in(self.work);
        let place = place.map_err(|error| error.to_string())?.keep();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(&place, open).map_err(|error| error.to_string())?;
        Ok(place)
    }

    /// Runs a peer in a box without a network, and reads its report.
    fn run(
        &self,
        peer: Peer,
        words: &[OsString],
        needed: &[PathBuf],
        place: Option<PathBuf>,
    ) -> Result<Said, String> {
        let folder = self.folder.ok_or("not asked for")?;
        let program = folder.join(peer.venv).join("bin").join(peer.program);
        if !program.exists() {
            return Err("not installed".to_owned());
        }
        let command: Vec<OsString> =
            std::iter::once(program.into()).chain(words.iter().cloned()).collect();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let resolved = resolve(&command, &path, None).map_err(|error| error.to_string())?;
        let place = match place {
            Some(place) => place,
            None => self.place()?,
        };
        let mut profile = Profile::new(Vec::new());
        resolved.apply(&mut profile);
        profile.code.extend(needed.iter().cloned());
        profile.roots =
            vec![admit_root(&place, Access::ReadWrite, None).map_err(|error| error.to_string())?];
        profile.cwd = Some(place);
        profile.launcher = Some(self.gateway.to_owned());
        let text = printed(&profile)?;
        said(&text)
    }
}

/// What a program in a box prints until it ends, or until nobody waits any more.
fn printed(profile: &Profile) -> Result<String, String> {
    let mut confined = spawn(profile).map_err(|error| error.to_string())?;
    drop(confined.stdin);
    let (out, err) = (reader(confined.stdout), reader(confined.stderr));
    let since = Instant::now();
    let ended = loop {
        match confined.custody.try_exit() {
            Ok(None) if since.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(20)),
            Ok(None) => break false,
            Ok(Some(_)) => break true,
            Err(error) => return Err(error.to_string()),
        }
    };
    drop(confined.custody);
    let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
    match (ended, out.trim().is_empty()) {
        (false, _) => Err(format!("it did not end within {} s", PATIENCE.as_secs())),
        (true, true) => {
            let last = err.trim().lines().last().unwrap_or("it printed nothing");
            Err(last.chars().take(120).collect())
        }
        (true, false) => Ok(out),
    }
}

fn reader(pipe: OwnedFd) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut file = std::fs::File::from(pipe).take(16 << 20);
        match file.read_to_end(&mut bytes) {
            Ok(_) | Err(_) => String::from_utf8_lossy(&bytes).into_owned(),
        }
    })
}

/// The worst that a report says: every peer has `severity` in its JSON, wherever that begins.
fn said(text: &str) -> Result<Said, String> {
    let starts = text.char_indices().filter(|(_, letter)| matches!(letter, '{' | '['));
    let mut values = starts.filter_map(|(at, _)| {
        let mut stream = serde_json::Deserializer::from_str(text.get(at..)?).into_iter::<Value>();
        stream.next()?.ok().filter(|it| {
            it.is_object() || it.as_array().is_some_and(|all| all.iter().any(Value::is_object))
        })
    });
    let report = values.next().ok_or_else(|| {
        let first = text.trim().lines().next().unwrap_or_default();
        format!("no report: {}", first.chars().take(100).collect::<String>())
    })?;
    let mut worst = 0;
    let mut open = vec![&report];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => {
                if let Some(severity) = fields.get("severity").and_then(Value::as_str) {
                    worst = worst.max(rank(severity));
                }
                open.extend(fields.values());
            }
            _ => {}
        }
    }
    Ok(if worst >= rank("high") { Said::High } else { Said::Less })
}

fn has_python(path: &Path) -> bool {
    if path.is_file() {
        return path.extension().is_some_and(|end| end == "py");
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.into_iter().any(|it| has_python(&it.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_word_of_a_report_counts() {
        let high = r#"starting {1} [{"findings":{"yara":{"severity":"HIGH"}}}]"#;
        assert_eq!(said(high), Ok(Said::High));
        assert_eq!(said(r#"{"findings":[{"severity":"MEDIUM"}]}"#), Ok(Said::Less));
        assert_eq!(said(r#"{"findings":[]}"#), Ok(Said::Less));
        assert!(said("Traceback: it broke").is_err());
    }
}
