//! A command, understood once: what it starts, and which of its words are places of the user's that the
//! stage has a copy of.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use portcullis_confine::Level;
use portcullis_confine::command::{Plan, Preparation, Resolved, resolve};

use super::Order;
use super::stage::Copy;
use crate::evidence::live::Given;

/// Options whose value is where the program itself is, not what it works on.
const OWN: &[&str] =
    &["--directory", "-C", "--cwd", "--prefix", "--project", "-r", "--require", "--import"];

/// Variables whose value is where programs are.
const PLACES: &[&str] =
    &["HOME", "PATH", "PYTHONPATH", "NODE_PATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "TMPDIR"];

/// How a server is started.
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    pub(super) resolved: Resolved,
    /// The words after the program, with names for the stage's places.
    pub(super) words: Vec<OsString>,
    /// Its variables, with the same names.
    pub(super) environment: BTreeMap<String, String>,
    pub(super) copies: Vec<Copy>,
    /// The user's own database.
    pub(super) database: Option<PathBuf>,
    /// What was changed, in sentences.
    pub(super) staging: Vec<String>,
}

impl Recipe {
    /// Understands a command. A package that has to be installed first is.
    ///
    /// # Errors
    /// Why it cannot be started, in our words.
    pub(super) fn read(order: &Order) -> Result<Self, String> {
        let home = order.home.as_deref();
        let resolved =
            resolve(&order.command, &order.path, home).map_err(|error| error.to_string())?;
        let prepared = matches!(resolved.plan, Plan::Prepare(_));
        let mut resolved = match &resolved.plan {
            Plan::Direct => resolved,
            Plan::Prepare(package) => {
                let store = order.packages.as_deref();
                let with = Preparation {
                    store: store.ok_or(
                        "its package has to be installed first, and there is no place for it",
                    )?,
                    path: &order.path,
                    home,
                    user: None,
                    least: Level::Full,
                    launcher: order.launcher.clone(),
                    builds: false,
                };
                package.prepare(&with).map_err(|error| error.to_string())?.resolved
            }
        };
        resolved.code.extend(order.own.clone());
        let together = prepared || order.own.is_some();
        let mut recipe = Self {
            words: Vec::new(),
            environment: BTreeMap::new(),
            copies: Vec::new(),
            database: None,
            staging: Vec::new(),
            resolved,
        };
        let args = recipe.resolved.args.clone();
        let script = recipe.resolved.script.clone();
        let mut before: Option<&OsStr> = None;
        for word in &args {
            let own = before.and_then(OsStr::to_str).is_some_and(|before| OWN.contains(&before));
            // A package that was installed for this, and a bundle that was unpacked, is nobody's own, and its files belong together.
            let installed = together
                && Path::new(word).is_absolute()
                && recipe.resolved.code.iter().any(|dir| Path::new(word).starts_with(dir));
            let program = installed || script.as_deref() == Some(Path::new(word));
            // Words that a stranger wrote name nothing of the person's.
            let kept = own || program || order.own.is_some();
            let staged = if kept { None } else { recipe.staged(word) };
            recipe.words.push(staged.unwrap_or_else(|| word.clone()));
            before = Some(word);
        }
        for (name, value) in &order.environment {
            let place =
                value.starts_with('/') && order.own.is_none() && !PLACES.contains(&name.as_str());
            let staged = if place { recipe.staged(OsStr::new(value)) } else { None };
            let staged = staged.and_then(|staged| staged.into_string().ok());
            recipe.environment.insert(name.clone(), staged.unwrap_or_else(|| value.clone()));
        }
        Ok(recipe)
    }

    /// A word that names something of the user's, as a word that names the copy of it.
    fn staged(&mut self, word: &OsStr) -> Option<OsString> {
        let text = word.to_str()?;
        let (option, value) = match text.split_once('=') {
            Some((option, value)) if option.starts_with('-') => (format!("{option}="), value),
            _ if text.starts_with('-') || text.is_empty() => return None,
            _ => (String::new(), text),
        };
        let path = std::path::absolute(value).ok().filter(|path| path.exists())?;
        let place = if path.is_dir() { self.folder(path) } else { self.file(path)? };
        self.staging
            .push(format!("`{value}` was copied, and the server was given the copy `{place}`"));
        Some(format!("{option}{place}").into())
    }

    fn folder(&mut self, from: PathBuf) -> String {
        let to = match self.copies.iter().filter(|copy| copy.from.is_dir()).count() {
            0 => return self.copied(from, "project".to_owned(), "{project}".to_owned()),
            more => format!("project-{more}"),
        };
        let place = format!("{{stage}}/{to}");
        self.copied(from, to, place)
    }

    fn file(&mut self, from: PathBuf) -> Option<String> {
        let name = from.file_name()?.to_str()?.to_owned();
        if !from.is_file() {
            return None;
        }
        if is_database(&from) && self.database.is_none() {
            self.database = Some(from);
            return Some("{database}".to_owned());
        }
        let to = format!("files/{}-{name}", self.copies.len());
        let place = format!("{{stage}}/{to}");
        Some(self.copied(from, to, place))
    }

    fn copied(&mut self, from: PathBuf, to: String, place: String) -> String {
        self.copies.push(Copy { from, to });
        place
    }

    /// The same with more words, when it does not start without.
    pub(super) fn with(&self, more: &[&str]) -> Self {
        let mut recipe = self.clone();
        recipe.words.extend(more.iter().map(OsString::from));
        let more = more.join(" ");
        recipe
            .staging
            .push(format!("the server ended when it got no more words, so `{more}` was appended"));
        recipe
    }

    /// What of the person's own the places are copies of.
    pub(super) fn given(&self) -> Vec<Given> {
        let place = |to: &str| match to {
            "project" => "{project}".to_owned(),
            other => format!("{{stage}}/{other}"),
        };
        let copies = self.copies.iter().map(|copy| (place(&copy.to), &copy.from));
        let database = self.database.iter().map(|from| ("{database}".to_owned(), from));
        let all = copies.chain(database);
        all.filter_map(|(place, from)| Some(Given { place, from: from.to_str()?.to_owned() }))
            .collect()
    }

    /// Whether it names a place of the stage.
    pub(super) fn is_staged(&self) -> bool {
        let named = |word: &str| {
            ["{project}", "{database}", "{stage}"].iter().any(|name| word.contains(name))
        };
        let mut variables = self.environment.values();
        self.words.iter().any(|word| named(&word.to_string_lossy()))
            || variables.any(|value| named(value))
    }
}

/// By what its first bytes say (sqlite.org/fileformat2, 1.3).
fn is_database(file: &Path) -> bool {
    let mut head = [0; 16];
    let read = std::fs::File::open(file).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && &head == b"SQLite format 3\0"
}
