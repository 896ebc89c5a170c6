//! The walk: directories on a shared stack, deepest and first by name on top, taken
//! by as many threads as there are cores.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ignore::overrides::Override;
use portcullis_confine::beneath::{Directory, Entry, Kind, RootDir};
use portcullis_kit::{Call, Refusal, Stopped};
use regex::bytes::Regex;

use super::content::{Content, Looker, look};
use super::hits::{Hit, Hits};
use super::ignored::{self, Ignored};

/// More threads than this only wait for the disk and for each other.
const THREADS: usize = 8;
/// How often somebody hears how far it is.
const PROGRESS: Duration = Duration::from_millis(400);

/// What is looked at.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) names: Override,
    pub(super) hidden: bool,
    pub(super) gitignore: bool,
    pub(super) ignored: Option<Arc<Ignored>>,
    /// The one file that is meant.
    pub(super) only: Option<OsString>,
    pub(super) after: Option<PathBuf>,
    pub(super) limit: usize,
}

/// A directory that waits for a thread.
struct Job {
    path: PathBuf,
    ignored: Option<Arc<Ignored>>,
}

struct Queue {
    jobs: Vec<Job>,
    busy: usize,
}

struct Walk<'a> {
    root: &'a RootDir,
    rules: Rules,
    call: &'a Call,
    queue: Mutex<Queue>,
    wake: Condvar,
    hits: Mutex<Hits>,
    /// Whether there is a bound: asked before the lock is taken.
    bounded: AtomicBool,
    stopped: AtomicBool,
    searched: AtomicU64,
    told: Mutex<Option<Instant>>,
}

/// What one thread uses again and again.
struct Tools {
    regex: Option<Regex>,
    buffer: Vec<u8>,
}

/// A thread at work on a directory. Whatever becomes of it, nobody waits for it for
/// ever.
struct Busy<'w, 'a> {
    walk: &'w Walk<'a>,
    below: Vec<Job>,
}

impl Drop for Busy<'_, '_> {
    fn drop(&mut self) {
        self.walk.done(std::mem::take(&mut self.below));
    }
}

/// Walks below a root.
pub(super) fn walk(
    root: &RootDir,
    rules: Rules,
    looker: &Looker,
    call: &Call,
) -> Result<Hits, Refusal> {
    let walk = Walk::new(root, rules, call);
    walk.run(looker);
    call.goes_on()?;
    let mut hits = walk.hits.into_inner().unwrap_or_else(PoisonError::into_inner);
    hits.searched = walk.searched.into_inner();
    Ok(hits)
}

impl<'a> Walk<'a> {
    fn new(root: &'a RootDir, rules: Rules, call: &'a Call) -> Self {
        let first = Job { path: PathBuf::new(), ignored: rules.ignored.clone() };
        Self {
            root,
            call,
            queue: Mutex::new(Queue { jobs: vec![first], busy: 0 }),
            wake: Condvar::new(),
            hits: Mutex::new(Hits::new(rules.limit)),
            rules,
            bounded: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            searched: AtomicU64::new(0),
            told: Mutex::new(None),
        }
    }

    /// Works until there is nothing left to look at, or the call is over.
    fn run(&self, looker: &Looker) {
        let threads = std::thread::available_parallelism().map_or(1, |it| it.get().min(THREADS));
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(|| self.work(looker));
            }
            self.work(looker);
        });
    }
}

impl Walk<'_> {
    /// One thread: takes directories until there are none and nobody makes more.
    fn work(&self, looker: &Looker) {
        let mut tools = Tools { regex: looker.regex(), buffer: Vec::new() };
        while let Some(job) = self.take() {
            let mut busy = Busy { walk: self, below: Vec::new() };
            if self.directory(&job, &mut tools, &mut busy.below).is_err() {
                self.stopped.store(true, Ordering::Relaxed);
            }
        }
    }

    fn take(&self) -> Option<Job> {
        let mut queue = lock(&self.queue);
        loop {
            if self.stopped.load(Ordering::Relaxed) {
                return None;
            }
            if let Some(job) = queue.jobs.pop() {
                queue.busy += 1;
                return Some(job);
            }
            if queue.busy == 0 {
                return None;
            }
            queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, below: Vec<Job>) {
        let mut queue = lock(&self.queue);
        queue.jobs.extend(below.into_iter().rev());
        queue.busy -= 1;
        self.wake.notify_all();
    }

    fn directory(&self, job: &Job, tools: &mut Tools, below: &mut Vec<Job>) -> Result<(), Stopped> {
        let Ok(mut directory) = self.root.directory(&job.path) else {
            lock(&self.hits).unreadable += 1;
            return Ok(());
        };
        let mut entries = Vec::new();
        for entry in directory.by_ref() {
            if entries.len() % 1024 == 0 {
                self.call.goes_on()?;
            }
            // What cannot be read to its end is searched as far as it goes.
            let Ok(entry) = entry else {
                lock(&self.hits).unreadable += 1;
                break;
            };
            entries.push(entry);
        }
        entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        let above = job.ignored.as_ref();
        let ignored = match self.rules.gitignore {
            true => ignored::of(&directory, &entries, &job.path, above),
            false => None,
        };
        let mut path = job.path.clone();
        for entry in &entries {
            path.push(&entry.name);
            if self.means(entry, &path, ignored.as_deref()) {
                self.entry(&directory, entry, &path, tools)?;
                if entry.kind == Kind::Directory && self.rules.only.is_none() {
                    below.push(Job { path: path.clone(), ignored: ignored.clone() });
                }
            }
            path.pop();
        }
        Ok(())
    }

    /// Whether an entry is looked at, or into.
    fn means(&self, entry: &Entry, path: &Path, ignored: Option<&Ignored>) -> bool {
        let rules = &self.rules;
        if let Some(only) = &rules.only {
            return *only == entry.name;
        }
        let is_directory = entry.kind == Kind::Directory;
        let name = entry.name.as_encoded_bytes();
        if name.starts_with(b".") && (!rules.hidden || (name == b".git" && is_directory)) {
            return false;
        }
        if rules.after.as_ref().is_some_and(|after| {
            path <= after.as_path() && !(is_directory && after.starts_with(path))
        }) {
            return false;
        }
        if self.bounded.load(Ordering::Relaxed) {
            let mut hits = lock(&self.hits);
            if hits.bound().is_some_and(|bound| path > bound) {
                hits.cut = true;
                return false;
            }
        }
        // Of a directory that no pattern names, what is below it may still be meant.
        !rules.names.matched(path, is_directory).is_ignore()
            && !ignored.is_some_and(|it| it.holds(path, is_directory))
    }

    fn entry(
        &self,
        directory: &Directory,
        entry: &Entry,
        path: &Path,
        tools: &mut Tools,
    ) -> Result<(), Stopped> {
        self.call.goes_on()?;
        let (mut lines, mut more) = (Vec::new(), false);
        match &tools.regex {
            None => {
                // A directory is a match by its own name, and not because all are meant.
                let names = &self.rules.names;
                let named = names.matched(path, entry.kind == Kind::Directory).is_whitelist();
                let anything = names.num_whitelists() == 0;
                let skipped = self.rules.after.as_ref().is_some_and(|it| path <= it.as_path());
                self.count();
                if skipped || !(named || (anything && entry.kind != Kind::Directory)) {
                    return Ok(());
                }
            }
            Some(_) if entry.kind != Kind::File => return Ok(()),
            Some(regex) => {
                self.count();
                let Ok(mut file) = directory.file(entry) else {
                    lock(&self.hits).unreadable += 1;
                    return Ok(());
                };
                match look(&mut file, regex, &mut tools.buffer, self.rules.limit, self.call) {
                    Ok(Content::Lines(found, _)) if found.is_empty() => return Ok(()),
                    Ok(Content::Lines(found, rest)) => (lines, more) = (found, rest),
                    Ok(Content::Binary) => {
                        lock(&self.hits).binary += 1;
                        return Ok(());
                    }
                    Ok(Content::Stopped) => return Err(Stopped),
                    Err(_) => {
                        lock(&self.hits).unreadable += 1;
                        return Ok(());
                    }
                }
            }
        }
        let mut hits = lock(&self.hits);
        hits.add(path, Hit { kind: entry.kind, lines, more });
        self.bounded.store(hits.bound().is_some(), Ordering::Relaxed);
        Ok(())
    }

    fn count(&self) {
        let searched = self.searched.fetch_add(1, Ordering::Relaxed) + 1;
        if searched.is_multiple_of(256) {
            let mut told = lock(&self.told);
            if told.is_none_or(|told| told.elapsed() >= PROGRESS) {
                *told = Some(Instant::now());
                #[expect(clippy::cast_precision_loss, reason = "a number of files, for a person")]
                self.call.progress(searched as f64, None, format!("{searched} files searched"));
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use portcullis_kit::arguments::Looking;
    use portcullis_kit::{Roots, UnderRoot};

    use super::*;
    use crate::files::stopped::stopped_in;

    fn rules() -> Rules {
        Rules {
            names: Override::empty(),
            hidden: false,
            gitignore: true,
            ignored: None,
            only: None,
            after: None,
            limit: 2000,
        }
    }

    #[test]
    fn a_call_that_is_over_is_searched_for_no_more() {
        let dir = tempfile::tempdir().unwrap();
        for at in 0..50 {
            let above = dir.path().join(format!("d{}", at % 5));
            std::fs::create_dir_all(&above).unwrap();
            std::fs::write(above.join(format!("{at}")), "needle\n").unwrap();
        }
        let over = stopped_in(dir.path());
        let root = UnderRoot::<Looking>::judge(".", over.roots()).unwrap();
        let looker = Looker::new(Some("needle"), None, false).unwrap();
        let found = walk(root.dir(), rules(), &looker, &Call::detached(Roots::none())).unwrap();
        assert_eq!(found.searched, 50);
        assert!(walk(root.dir(), rules(), &looker, &over).is_err());
        let stopped = Walk::new(root.dir(), rules(), &over);
        stopped.run(&looker);
        assert_eq!(stopped.searched.into_inner(), 0);
    }
}
