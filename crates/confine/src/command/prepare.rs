//! Installing a package, in a box of its own: its registry and no roots.
//!
//! Running it later is the opposite: the roots and no network, and what was
//! installed read-only. A package that tries something during installation
//! finds nothing to take; one that tries later finds nowhere to send it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use portcullis_guard::egress::{Reach, Told};
use rustix::fs::{FlockOperation, flock};

use super::package::{Ecosystem, Package};
use super::registry::{self, Registry};
use super::runtime::shebang;
use super::{Person, Plan, Resolved, direct, variables};
use crate::egress::{Denials, Doors, Egress, Resolver, Via};
use crate::error::SpawnError;
use crate::order::Exit;
use crate::profile::{HomeFile, Level, Limits, Network, Profile};

/// What a preparation needs to know beside the package.
#[derive(Debug, Clone)]
pub struct Preparation<'a> {
    /// Our state directory for packages; one directory per package goes below.
    pub store: &'a Path,
    /// The person's `PATH`, to find `npm`, `node`, `uv` and `python3`.
    pub path: &'a OsStr,
    /// The person's home: its `.npmrc` reaches this phase only.
    pub home: Option<&'a Path>,
    /// As in [`Profile::user`].
    pub user: Option<&'a str>,
    /// As in [`Profile::least`].
    pub least: Level,
    /// As in [`Profile::launcher`].
    pub launcher: Option<PathBuf>,
    /// Whether a Python package that is published as source alone may be built, which runs a script of its own. npm runs
    /// none in any case.
    pub builds: bool,
}

/// Why a package could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The installer's box did not start.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// The installer failed.
    #[error("installing `{package}` failed ({exit}): {said}")]
    Failed {
        /// What was to be installed.
        package: String,
        /// How the installer ended.
        exit: Exit,
        /// Its last words.
        said: String,
    },
    /// The package has no program that we could tell.
    #[error("`{package}` has no program `{program}`: name one with `--package` or `--from`")]
    NoProgram {
        /// The package.
        package: String,
        /// What was looked for.
        program: String,
    },
    /// The person's proxy is of no use.
    #[error("{0}")]
    Proxy(String),
    /// The store could not be used.
    #[error("cannot {what}: {reason}")]
    Store {
        /// The step.
        what: String,
        /// The system's reason.
        reason: std::io::Error,
    },
}

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// How to run it.
    pub resolved: Resolved,
    /// What its installer wanted beyond the registry, if it ran just now.
    pub denied: Vec<Told>,
    /// Why its installer, if it ran just now, was not held to its registry.
    pub unheld: Option<String>,
}

/// Whatever the person's mask is, nobody else writes what we will start.
fn directories() -> std::fs::DirBuilder {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut builder = std::fs::DirBuilder::new();
    builder.mode(0o755);
    builder
}

impl Package {
    /// Installs the package if it is not yet, and says how to run it.
    ///
    /// What is installed stays as it is: a version is chosen once. To choose
    /// again, remove its directory below the store.
    ///
    /// # Errors
    ///
    /// [`PrepareError`]; nothing half-installed is left behind.
    pub fn prepare(&self, with: &Preparation<'_>) -> Result<Prepared, PrepareError> {
        let dir = with.store.join(self.key());
        let done = with.store.join(format!("{}.done", self.key()));
        step("make the package store", directories().recursive(true).create(with.store))?;
        let store = step("open the package store", std::fs::canonicalize(with.store))?;
        let (dir, lock) = (
            store.join(dir.file_name().unwrap_or_default()),
            File::create(store.join(format!("{}.lock", self.key()))),
        );
        let lock = step("lock the package store", lock)?;
        // Two gateways may start at once. The lock goes with the file.
        let locked = flock(&lock, FlockOperation::LockExclusive).map_err(Into::into);
        step("lock the package store", locked)?;
        let (mut denied, mut unheld) = (Vec::new(), None);
        if !done.exists() {
            let installed = self.install(&dir, with);
            if installed.is_err() {
                let _ = std::fs::remove_dir_all(&dir);
            }
            (denied, unheld) = installed?;
            step("mark the package as installed", std::fs::write(&done, b""))?;
        }
        Ok(Prepared { resolved: self.runnable(&dir, with)?, denied, unheld })
    }

    /// The hosts that its installer reaches: a registry, as the person's settings name it.
    #[must_use]
    pub fn registry(&self, home: Option<&Path>) -> String {
        self.source(home).0.reach().to_string()
    }

    /// Its registry, and the settings that name one.
    fn source(&self, home: Option<&Path>) -> (Registry, String) {
        let settings = registry::settings(std::env::vars_os());
        match self.ecosystem {
            Ecosystem::Npm => {
                let files = npm_settings(home);
                (Registry::npm(&files, &settings), files)
            }
            Ecosystem::Python => (Registry::python(&settings), String::new()),
        }
    }

    /// What the installer was denied, and why it was not held to its registry if so.
    fn install(
        &self,
        dir: &Path,
        with: &Preparation<'_>,
    ) -> Result<(Vec<Told>, Option<String>), PrepareError> {
        let _ = std::fs::remove_dir_all(dir);
        step("make the package's directory", directories().create(dir))?;
        let _awake = crate::own::wake();
        let account = crate::user::account(with.user).map_err(SpawnError::User)?;
        if account.switch {
            let given = std::os::unix::fs::chown(dir, Some(account.uid), Some(account.gid));
            step("hand the package's directory over", given)?;
        }
        let mut profile = self.installer(dir, with)?;
        profile.store = Some(dir.to_owned());
        profile.cwd = Some(dir.to_owned());
        profile.least = with.least;
        profile.user = with.user.map(str::to_owned);
        profile.launcher.clone_from(&with.launcher);
        profile.limits = Limits {
            processes: 512,
            file_bytes: 2 << 30,
            data_bytes_per_process: 4 << 30,
            memory_bytes: 8 << 30,
            tmp_bytes: 1 << 30,
            ..Limits::default()
        };
        match self.run_by_name(profile.clone(), with) {
            // Who accepts a box without names for the server accepts it here.
            Err(PrepareError::Spawn(why @ SpawnError::Weaker { .. }))
                if with.least < Level::Full =>
            {
                profile.network = Network::Host;
                Ok((self.run(&profile, None)?, Some(why.to_string())))
            }
            result => Ok((result?, None)),
        }
    }

    /// With its registry, and nothing else to reach.
    fn run_by_name(
        &self,
        mut profile: Profile,
        with: &Preparation<'_>,
    ) -> Result<Vec<Told>, PrepareError> {
        let settings = registry::settings(std::env::vars_os());
        let (registry, files) = self.source(with.home);
        let via = registry::via(&files, &settings).map_err(PrepareError::Proxy)?;
        let reach = registry.reach();
        profile.network = Network::Named(Doors::of(&reach));
        // Theirs is ours to use; the installer is told of our own.
        profile.env.retain(|name, _| !is_proxy(name));
        self.run(&profile, Some((reach, via)))
    }

    fn run(
        &self,
        profile: &Profile,
        by_name: Option<(Reach, Option<Via>)>,
    ) -> Result<Vec<Told>, PrepareError> {
        let mut confined = crate::spawn(profile)?;
        let wire = match (confined.sockets.take(), by_name) {
            (Some(sockets), Some((reach, via))) => {
                let served = Egress::serve(sockets, reach, Resolver::system(), via);
                Some(step("serve the registry", served)?)
            }
            _ => None,
        };
        let wire = wire.map(|(egress, denials)| (egress, std::thread::spawn(|| all(denials))));
        drop(confined.stdin);
        let errors = std::thread::spawn(|| last_words(File::from(confined.stderr)));
        let output = last_words(File::from(confined.stdout));
        let errors = errors.join().unwrap_or_default();
        let mut custody = confined.custody;
        let exit = step("wait for the installer", custody.wait())?;
        let denied = wire.map_or_else(Vec::new, |(egress, denials)| {
            drop(egress);
            denials.join().unwrap_or_default()
        });
        if exit == Exit::Code(0) {
            return Ok(denied);
        }
        let mut said = if errors.trim().is_empty() { output } else { errors };
        for told in &denied {
            said.push_str(&format!("\nits registry is all that it reaches: {told}"));
        }
        Err(PrepareError::Failed { package: self.spec.clone(), exit, said })
    }

    fn installer(&self, dir: &Path, with: &Preparation<'_>) -> Result<Profile, PrepareError> {
        let person = Person { path: with.path, home: with.home };
        let mut profile = Profile::new(Vec::new());
        match self.ecosystem {
            Ecosystem::Npm => self.npm(dir, person, &mut profile)?,
            Ecosystem::Python => self.uv(dir, person, with.builds, &mut profile)?,
        }
        profile.env.extend(variables(is_proxy));
        Ok(profile)
    }

    fn npm(&self, dir: &Path, person: Person<'_>, profile: &mut Profile) -> Result<(), SpawnError> {
        let words = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"];
        let mut command: Vec<OsString> = words.map(OsString::from).to_vec();
        command.extend([dir.into(), OsString::from("--"), OsString::from(&self.spec)]);
        direct(&command, person)?.apply(profile);
        profile.env.extend(variables(npm_setting));
        set(profile, "npm_config_cache", &dir.join(".cache"));
        set(profile, "npm_config_update_notifier", Path::new("false"));
        let settings = npm_settings(person.home);
        profile.code.extend(certificate_file(&settings));
        profile
            .home_files
            .push(HomeFile { name: ".npmrc".to_owned(), bytes: settings.into_bytes() });
        Ok(())
    }

    fn uv(
        &self,
        dir: &Path,
        person: Person<'_>,
        builds: bool,
        profile: &mut Profile,
    ) -> Result<(), SpawnError> {
        // uvx says `tool@1.0`, the installer `tool==1.0`.
        let spec = match self.spec.split_once('@') {
            Some((name, "latest")) => name.to_owned(),
            Some((name, version)) => format!("{name}=={version}"),
            None => self.spec.clone(),
        };
        let words = ["uv", "tool", "install", "--no-config"];
        let mut command: Vec<OsString> = words.map(OsString::from).to_vec();
        command.extend((!builds).then(|| OsString::from("--no-build")));
        command.extend(["--".into(), spec.into()]);
        direct(&command, person)?.apply(profile);
        if let Ok(python) = direct(&["python3".into()], person) {
            profile.code.extend(python.code);
            let path = profile.env.remove("PATH").unwrap_or_default();
            profile.env.insert("PATH".to_owned(), format!("{}:{path}", python.path));
        }
        profile.env.extend(variables(|name| name.starts_with("UV_") || name.starts_with("PIP_")));
        for (name, below) in
            [("UV_TOOL_DIR", "tools"), ("UV_TOOL_BIN_DIR", "bin"), ("UV_CACHE_DIR", ".cache")]
        {
            set(profile, name, &dir.join(below));
        }
        set(profile, "UV_PYTHON_DOWNLOADS", Path::new("never"));
        set(profile, "UV_LINK_MODE", Path::new("copy"));
        Ok(())
    }

    /// How to run what was installed.
    ///
    /// Nothing in the store is asked what it needs: links and `#!` lines in
    /// there are the package's own words, and could name the person's secrets.
    /// It gets its store and the person's runtime.
    fn runnable(&self, dir: &Path, with: &Preparation<'_>) -> Result<Resolved, PrepareError> {
        let person = Person { path: with.path, home: with.home };
        let program = match self.ecosystem {
            Ecosystem::Npm => self.npm_program(dir),
            Ecosystem::Python => Some(dir.join("bin").join(self.program_name())),
        };
        let inside = program.and_then(|path| regular_inside(dir, &path));
        let program = inside.ok_or_else(|| PrepareError::NoProgram {
            package: self.name().to_owned(),
            program: self.program_name().to_owned(),
        })?;
        let runtime = match self.ecosystem {
            Ecosystem::Npm => direct(&["node".into()], person)?,
            // Without one of the person's, uv has used the system's.
            Ecosystem::Python => direct(&["python3".into()], person).unwrap_or(NO_RUNTIME),
        };
        let node = shebang(&program).is_none_or(|line| line.contains("node"));
        let mut resolved = Resolved { args: self.args.clone(), ..runtime };
        if self.ecosystem == Ecosystem::Npm && node {
            resolved.args.insert(0, program.into());
        } else {
            resolved.program = program;
        }
        resolved.code.push(dir.to_owned());
        Ok(resolved)
    }

    fn program_name(&self) -> &str {
        let name = self.name().rsplit('/').next().unwrap_or_default();
        self.program.as_deref().unwrap_or(name)
    }

    /// The `bin` of a `package.json`: one path, or a table of them.
    fn npm_program(&self, dir: &Path) -> Option<PathBuf> {
        let home = dir.join("node_modules").join(self.name());
        let text = std::fs::read(regular_inside(dir, &home.join("package.json"))?).ok()?;
        let manifest: serde_json::Value = serde_json::from_slice(&text).ok()?;
        let bin = manifest.get("bin")?;
        let table = bin.as_object();
        let only = || table.filter(|t| t.len() == 1 && self.program.is_none())?.values().next();
        let named = table.and_then(|table| table.get(self.program_name())).or_else(only);
        Some(home.join(named.unwrap_or(bin).as_str()?))
    }
}

const NO_RUNTIME: Resolved = Resolved {
    program: PathBuf::new(),
    args: Vec::new(),
    script: None,
    code: Vec::new(),
    path: String::new(),
    steps: Vec::new(),
    plan: Plan::Direct,
};

/// The real path of an ordinary file, if it is one and lies in the store.
fn regular_inside(dir: &Path, path: &Path) -> Option<PathBuf> {
    let real = std::fs::canonicalize(path).ok()?;
    (real.starts_with(dir) && real.is_file()).then_some(real)
}

fn set(profile: &mut Profile, name: &str, value: &Path) {
    profile.env.insert(name.to_owned(), value.to_string_lossy().into_owned());
}

/// Variables that name a proxy, or what needs none.
fn is_proxy(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with("_proxy") || name == "npm_config_noproxy"
}

/// Everything that was denied, as far as anybody would read it.
fn all(mut denials: Denials) -> Vec<Told> {
    const READ: usize = 20;
    let mut kept = Vec::new();
    while let Some(told) = denials.blocking_recv() {
        if kept.len() < READ {
            kept.push(told);
        }
    }
    kept
}

/// The person's npm settings, except those that say where things are put.
fn npm_setting(name: &str) -> bool {
    let places = ["prefix", "cache", "userconfig", "globalconfig", "local_prefix", "global_prefix"];
    let name = name.to_ascii_lowercase();
    name.strip_prefix("npm_config_").is_some_and(|key| !places.contains(&key))
}

/// `--prefix` hides the machine-wide settings from npm, so both go into one file.
fn npm_settings(home: Option<&Path>) -> String {
    let own = std::env::var_os("npm_config_userconfig").map(PathBuf::from);
    let own = own.or_else(|| home.map(|home| home.join(".npmrc")));
    let files = [Some("/usr/etc/npmrc".into()), Some("/etc/npmrc".into()), own];
    let texts =
        files.into_iter().flatten().filter_map(|file: PathBuf| std::fs::read_to_string(file).ok());
    texts.collect::<Vec<_>>().join("\n")
}

/// A company's own certificates, where the settings say they are.
fn certificate_file(settings: &str) -> Option<PathBuf> {
    let value = settings.lines().rev().find_map(|line| line.trim().strip_prefix("cafile"))?;
    let path = PathBuf::from(value.trim_start().strip_prefix('=')?.trim().trim_matches('"'));
    (path.is_absolute() && path.is_file()).then_some(path)
}

/// The end of what an installer says: enough for a person to see why.
fn last_words(mut from: File) -> String {
    const KEPT: usize = 2000;
    let mut kept: Vec<u8> = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        kept.extend(chunk.iter().take(length));
        kept.drain(..kept.len().saturating_sub(KEPT));
    }
    let text = String::from_utf8_lossy(&kept).into_owned();
    text.chars().filter(|c| !c.is_control() || *c == '\n').collect::<String>().trim().to_owned()
}

fn step<T>(what: &str, result: std::io::Result<T>) -> Result<T, PrepareError> {
    result.map_err(|reason| PrepareError::Store { what: what.to_owned(), reason })
}
