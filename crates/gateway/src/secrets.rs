//! Secrets that a server was given by reference: read again when they change.
//!
//! Once a second each file is looked at. One that changed, and then stayed the same
//! for a look, is read; when its value is another one, the server's place is taken by
//! a fresh process that has it (`restart.rs`). Before that what the server works on is
//! finished, for a minute at most, and requests of the host wait (`held.rs`), so that no
//! call is lost or done twice; the host sees answers, and nothing else. Then the files
//! are left alone for a while: one that never comes to rest does not become a server
//! that is always starting.
//!
//! We read where the server cannot. So its file lies nowhere that the server may write
//! (`granting.rs`), and a path that leads elsewhere than at the start is not followed.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use portcullis_config::values::expand_home;
use portcullis_config::{self as config, Source, Variable};
use portcullis_confine as confine;
use portcullis_guard::secret::SecretString;
use portcullis_journal::Event;
use rustix::fs::OFlags;

use crate::driver::Driver;
use crate::fault::Fault;
use crate::launch::Plan;
use crate::trusted::lies_in;

/// How often we look: a `stat` for each file.
const LOOK: Duration = Duration::from_secs(1);
/// How long what the server works on may keep a new value waiting. As long as a
/// call may be silent: whoever holds an old value for longer holds it for ever.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a server has the value that it was started anew with, at the least.
const REST: Duration = Duration::from_secs(10);
/// The longest secret, in bytes: the kernel takes no longer variable (`MAX_ARG_STRLEN`).
const LONGEST: u64 = 128 << 10;
/// A secret that was not changed for so long should be (lesson, *Best Practices*).
pub const OLD: Duration = Duration::from_hours(90 * 24);

/// The files that a server's variables come from.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    files: Vec<Watched>,
    /// Where the server may write, or could again.
    writable: Vec<PathBuf>,
    next: Option<Instant>,
    /// The variables whose new values wait for the server to finish, and since when.
    waiting: Option<(Vec<String>, Instant)>,
}

#[derive(Debug)]
struct Watched {
    name: String,
    path: PathBuf,
    /// Where the path led at the start, and the directory that it names.
    real: Option<PathBuf>,
    home: Option<PathBuf>,
    value: SecretString,
    /// The file whose value that is.
    read: Option<Sight>,
    /// The file as it was at the last look.
    seen: Option<Sight>,
    /// What cannot be read is told once.
    told: bool,
}

impl Watched {
    /// The file that the path leads to, as long as that is the one that it was: a link may
    /// be turned, but only within the directory that the operator named, as those who put
    /// secrets into directories do (`..data` of Kubernetes).
    fn led(&self, writable: &[PathBuf]) -> Result<PathBuf, String> {
        let real = self.path.canonicalize().map_err(|error| error.to_string())?;
        let shown = |path: &Path| portcullis_guard::text::visible(&path.display().to_string());
        let same = self.real.as_ref() == Some(&real);
        let inside = self.home.as_ref().is_some_and(|home| real.starts_with(home));
        if !same && !inside {
            return Err(format!(
                "{} leads to {} now, which holds from the next start on",
                shown(&self.path),
                shown(&real)
            ));
        }
        match writable.iter().find(|root| lies_in(&self.path, root)) {
            None => Ok(real),
            Some(root) => Err(format!(
                "{} leads through {}, where the server may write",
                shown(&self.path),
                shown(root)
            )),
        }
    }
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    file: (u64, u64),
    size: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

impl Sight {
    pub(crate) fn of(path: &Path) -> Option<Self> {
        // A pipe says what it says once, and a device never ends. A directory changes with the
        // names in it.
        let lasts = |facts: &Metadata| facts.is_file() || facts.is_dir();
        let facts = std::fs::metadata(path).ok().filter(lasts)?;
        Some(Self {
            file: (facts.dev(), facts.ino()),
            size: facts.size(),
            written: (facts.mtime(), facts.mtime_nsec()),
            changed: (facts.ctime(), facts.ctime_nsec()),
        })
    }
}

/// The value that a file holds: its text without the newline at its end.
///
/// At the start it may be a pipe, which is waited for; later only a file.
pub(crate) fn read(name: &str, path: &Path, pipe: bool) -> Result<String, Fault> {
    let text = bounded(path, pipe, LONGEST).map_err(|error| {
        let path = path.display();
        Fault::operator(format!("the value of `{name}` cannot be read from {path}: {error}"))
    })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// A text of at most so many bytes.
fn bounded(path: &Path, pipe: bool, most: u64) -> std::io::Result<String> {
    let mut text = String::new();
    let flags = if pipe { OFlags::empty() } else { OFlags::NONBLOCK };
    let flags = flags.bits().cast_signed();
    let opened = std::fs::File::options().read(true).custom_flags(flags).open(path)?;
    if !pipe && !opened.metadata()?.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    let read = opened.take(most + 1).read_to_string(&mut text)?;
    match u64::try_from(read) {
        Ok(read) if read <= most => Ok(text),
        _ => Err(std::io::Error::other(format!("it is longer than {most} bytes"))),
    }
}

/// Where a reference to a file leads.
#[must_use]
pub fn located(path: &str, home: Option<&Path>) -> PathBuf {
    expand_home(path, home).unwrap_or_else(|| PathBuf::from(path))
}

/// For how many days a file was not written, if it can be told.
#[must_use]
pub fn days(facts: &Metadata, now: SystemTime) -> Option<u64> {
    let age = now.duration_since(facts.modified().ok()?).ok()?;
    Some(age.as_secs() / (24 * 3600))
}

/// A secret's age, when it is one to speak of.
#[must_use]
pub fn old(facts: &Metadata, now: SystemTime) -> Option<u64> {
    days(facts, now).filter(|days| *days > OLD.as_secs() / (24 * 3600))
}

impl Secrets {
    /// Watches what the variables refer to, whose values were just read. The sights
    /// are older than the values: what changes between is read again.
    pub(crate) fn watch(plan: &Plan, sights: Sights, values: &BTreeMap<String, String>) -> Self {
        let watched = |variable: &Variable| {
            let Source::File(path) = variable.source() else { return None };
            let name = variable.name().to_owned();
            let value = SecretString::new(values.get(&name)?.clone());
            let (read, real) = sights.0.get(&name).cloned()?;
            let path = located(path, plan.home.as_deref());
            let home = path.parent().and_then(|dir| dir.canonicalize().ok());
            Some(Watched { name, path, real, home, value, read, seen: read, told: false })
        };
        let files: Vec<_> = plan.server.env.iter().filter_map(watched).collect();
        let next = (!files.is_empty()).then(|| Instant::now() + LOOK);
        let roots = plan.server.roots.iter();
        let roots = roots.filter(|root| root.access() == config::Access::Write && !root.asks());
        let real = |root: &config::Root| Path::new(root.path()).canonicalize().ok();
        Self { files, writable: roots.filter_map(real).collect(), next, waiting: None }
    }

    pub(crate) fn next_look(&self) -> Option<Instant> {
        self.next
    }

    /// A new value waits for the server to finish: requests of the host wait with it.
    pub(crate) fn waits(&self) -> bool {
        self.waiting.is_some()
    }

    /// What is to be told of files that became old.
    pub(crate) fn aged(&self, now: SystemTime) -> Vec<String> {
        let told = |file: &Watched| {
            let days = old(&std::fs::metadata(&file.path).ok()?, now)?;
            let (name, path) = (&file.name, file.path.display());
            Some(format!(
                "the secret `{name}` in {path} is {days} days old: write a new one, which is read at once"
            ))
        };
        self.files.iter().filter_map(told).collect()
    }

    /// Looks at every file: the values that changed, and what is to be told.
    fn look(&mut self) -> (BTreeMap<String, String>, Vec<String>) {
        // A file may be where only its owner looks.
        let _awake = confine::own::wake();
        let (mut fresh, mut news) = (BTreeMap::new(), Vec::new());
        for file in &mut self.files {
            let sight = Sight::of(&file.path);
            let settled = sight == file.seen;
            file.seen = sight;
            // Whoever writes it may be in the middle of it.
            if !settled || sight == file.read {
                // It is as it was read: whatever comes next is news again.
                file.told &= sight != file.read;
                continue;
            }
            let led = file.led(&self.writable);
            // By the name that was judged, and not by one that may lead elsewhere by now.
            let value = led
                .and_then(|real| read(&file.name, &real, false).map_err(|fault| fault.to_string()));
            match value {
                Ok(value) if !value.is_empty() => {
                    file.read = sight;
                    file.told = false;
                    if value != file.value.expose("to see whether it changed") {
                        fresh.insert(file.name.clone(), value.clone());
                        file.value = SecretString::new(value);
                    }
                }
                _ if file.told => {}
                unread => {
                    file.told = true;
                    let why = unread.err().unwrap_or_else(|| "it is empty".to_owned());
                    news.push(format!("the secret `{}` stays as it was: {why}", file.name));
                }
            }
        }
        (fresh, news)
    }
}

/// How the files of secrets were before they were read, and where their paths led.
#[derive(Debug, Default)]
pub(crate) struct Sights(BTreeMap<String, (Option<Sight>, Option<PathBuf>)>);

impl Sights {
    /// Looks at every file that a variable comes from.
    pub(crate) fn of(env: &[Variable], home: Option<&Path>) -> Self {
        let sight = |variable: &Variable| match variable.source() {
            Source::File(path) => {
                let path = located(path, home);
                let seen = (Sight::of(&path), path.canonicalize().ok());
                Some((variable.name().to_owned(), seen))
            }
            Source::Value(_) | Source::Environment(_) => None,
        };
        Self(env.iter().filter_map(sight).collect())
    }
}

impl Driver {
    /// Looks whether a secret changed, and gives the server the new one.
    pub(crate) fn look_at_secrets(&mut self, now: Instant) {
        if self.secrets.next.is_some_and(|next| now >= next) {
            self.secrets.next = Some(now + LOOK);
            let (fresh, news) = self.secrets.look();
            for told in news {
                self.note_secret(&told);
            }
            if !fresh.is_empty() {
                self.secret_changed(fresh, now);
            }
        }
        self.exchange_secrets(now);
    }

    fn secret_changed(&mut self, fresh: BTreeMap<String, String>, now: Instant) {
        let names: Vec<_> = fresh.keys().map(|name| format!("`{name}`")).collect();
        self.note_secret(&format!("the secret {} changed", names.join(", ")));
        // The old one may still be in what the server says last.
        let known =
            fresh.iter().map(|(name, value)| (name.clone(), SecretString::new(value.clone())));
        self.side.knows_too(known.collect());
        // Whatever starts the server anew from now on starts it with these.
        self.keeper.profile.env.extend(fresh);
        let (waiting, _) = self.secrets.waiting.get_or_insert_with(|| (Vec::new(), now));
        waiting.extend(names);
        waiting.sort();
        waiting.dedup();
    }

    /// Exchanges the process when nothing is at work in it, or when it was for too long.
    fn exchange_secrets(&mut self, now: Instant) {
        let Some((names, since)) = &self.secrets.waiting else { return };
        let due = self.session.server_is_quiet(now) || now >= *since + PATIENCE;
        if !due || !self.session.may_restart() {
            return;
        }
        let why = format!("the secret {} changed", names.join(", "));
        self.secrets.waiting = None;
        self.restart(&why, now);
        // What changes meanwhile is seen then: the last of it, and nothing in between.
        self.secrets.next = Some(Instant::now() + REST);
        self.release(now);
    }

    /// The process stays; whatever starts the server anew has the new values.
    pub(crate) fn keep_old_secrets(&mut self, now: Instant) {
        self.secrets.waiting = None;
        self.release(now);
    }

    fn note_secret(&mut self, told: &str) {
        tell!("portcullis: {told}");
        let mut record = self.session.record(Event::Notice);
        record.note = Some(told.to_owned());
        self.session.note(record);
    }
}
