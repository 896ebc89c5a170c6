//! The files that decide, found and read: the administrator's, the person's, and
//! those of the project in which we are started.
//!
//! The administrator's has one place, which no variable and no option moves: else
//! whoever starts us could leave it behind. It counts only when nobody but root
//! could have written it, and one that is there and does not count starts nothing.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use portcullis_config::values::expand_home;
use portcullis_config::{Config, Document, Documents, Overrides, Server};
use portcullis_policy::{May, PolicyText, Rank, ServerName};
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use crate::args::Places;
use crate::exit::{Exit, Trouble};
use crate::{policies, state};

/// The administrator's file.
const ADMINISTRATOR: &str = "/etc/portcullis/portcullis.toml";
/// A project's file.
const PROJECT: &str = ".portcullis.toml";
/// Longest config, in bytes.
pub(crate) const LONGEST: u64 = 1 << 20;

/// Everything that was written, and by whom.
#[derive(Debug)]
pub(crate) struct InForce {
    /// What the files say.
    pub(crate) documents: Documents,
    /// The policies that they name.
    pub(crate) texts: Vec<PolicyText>,
    /// The projects' files.
    pub(crate) projects: Vec<PathBuf>,
}

/// Every file that decides here, whether it exists or not.
pub(crate) fn deciding(places: &Places) -> Vec<PathBuf> {
    let mut files = vec![PathBuf::from(ADMINISTRATOR)];
    files.extend(state::config_file(places));
    // A directory that is gone has none.
    let here = std::env::current_dir();
    files.extend(here.map(|here| levels(&here, state::home().as_deref())).unwrap_or_default());
    files.into_iter().filter_map(|file| std::path::absolute(file).ok()).collect()
}

impl InForce {
    /// Reads everything.
    pub(crate) fn read(places: &Places) -> Result<Self, Trouble> {
        Self::read_beside(places, &[])
    }

    /// Reads everything, and these projects' files whether they would be found or not:
    /// who was started under a file stays under it.
    pub(crate) fn read_beside(places: &Places, known: &[PathBuf]) -> Result<Self, Trouble> {
        let administrator = administrator(Path::new(ADMINISTRATOR))?;
        let user = state::config(places)?.map(|(file, config)| document(&file, config));
        let mut files = projects_here();
        files.extend(known.iter().cloned());
        files.sort_by_key(|file| file.components().count());
        files.dedup();
        let read = files.iter().map(|file| Ok(document(file, read_config(file)?)));
        let projects = read.collect::<Result<Vec<_>, Trouble>>()?;
        let documents = Documents { administrator, user, projects };
        let texts = texts(&documents)?;
        Ok(Self { documents, texts, projects: files })
    }

    /// The files of policies that were read, and the directories in which more may appear.
    pub(crate) fn policies(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> =
            self.texts.iter().map(|text| PathBuf::from(&text.file)).collect();
        for document in self.documents.all() {
            let patterns = document.config.policy.files.iter().filter(|it| it.contains('*'));
            let dir = Path::new(&document.file).parent().unwrap_or(Path::new("."));
            let dirs = patterns.filter_map(|it| Some(dir.join(it).parent()?.to_owned()));
            files.extend(dirs.filter_map(|dir| std::path::absolute(dir).ok()));
        }
        files.sort();
        files.dedup();
        files
    }

    /// The servers that have a table, and one that has none.
    pub(crate) fn servers(&self) -> Result<Vec<Server>, Trouble> {
        let files = || self.documents.all().map(|document| &document.config);
        let mut names: Vec<ServerName> =
            files().flat_map(Config::servers).map(|(name, _)| name.clone()).collect();
        let examples = files().flat_map(|config| &config.policy.examples);
        names.extend(examples.filter_map(|example| example.server.clone()));
        names.sort();
        names.dedup();
        if names.is_empty() {
            names.extend(ServerName::new("server").ok());
        }
        names.into_iter().map(|name| self.server(name)).collect()
    }

    /// One server. Its command need not be written yet.
    pub(crate) fn server(&self, name: ServerName) -> Result<Server, Trouble> {
        let tables = self.documents.all().flat_map(|document| document.config.servers());
        let mut written = tables.filter(|(other, _)| **other == name);
        let has_command =
            written.any(|(_, settings)| settings.command.is_some() || settings.remote.is_some());
        let command = (!has_command).then(|| vec!["server".to_owned()]);
        let home = state::home();
        let line = Overrides { command, ..Overrides::default() };
        Ok(self.documents.settle(name, line, &|path| written_out(path, home.as_deref()))?)
    }

    /// Whose a file is; a policy's may be any of those that are named.
    pub(crate) fn rank_of(&self, file: &str) -> Option<Rank> {
        let is = |document: &Document| document.file == file;
        let text = self.texts.iter().find(|text| text.file == file);
        if let Some(text) = text {
            Some(text.rank)
        } else if self.documents.administrator.as_ref().is_some_and(is) {
            Some(Rank::Administrator)
        } else if self.documents.user.as_ref().is_some_and(is) {
            Some(Rank::Person)
        } else {
            self.documents.projects.iter().any(is).then_some(Rank::Project)
        }
    }
}

fn document(file: &Path, config: Config) -> Document {
    Document { file: file.display().to_string(), config }
}

/// A project's file: whoever works in the project could have put anything there.
fn read_config(file: &Path) -> Result<Config, Trouble> {
    let text = text_of(file, OFlags::NOFOLLOW, LONGEST).map_err(|error| unread(file, &error))?;
    state::read_config(&text, file)
}

/// The text of a file, never of a pipe or a device, which might not end.
pub(crate) fn text_of(file: &Path, flags: OFlags, most: u64) -> std::io::Result<String> {
    let flags = (flags | OFlags::NONBLOCK).bits().cast_signed();
    let opened = match File::options().read(true).custom_flags(flags).open(file) {
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            return Err(std::io::Error::other("it is a link, which is not followed here"));
        }
        opened => opened?,
    };
    whole(opened, most)
}

/// The same of a file below a directory. No link and no `..` on the way is followed:
/// whoever wrote the path could have aimed it at a file that is none of its business.
pub(crate) fn text_below(dir: &Path, path: &Path, most: u64) -> std::io::Result<String> {
    let flags = OFlags::NONBLOCK | OFlags::CLOEXEC;
    let held = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let dir = File::open(dir)?;
    match openat2(&dir, path, flags, Mode::empty(), held) {
        Err(Errno::LOOP | Errno::XDEV) => Err(std::io::Error::other(
            "a project's files lie below its directory, and no link leads to them",
        )),
        opened => whole(opened?.into(), most),
    }
}

fn whole(opened: File, most: u64) -> std::io::Result<String> {
    if !opened.metadata()?.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    let mut text = String::new();
    let read = opened.take(most + 1).read_to_string(&mut text)?;
    match u64::try_from(read) {
        Ok(read) if read <= most => Ok(text),
        _ => Err(std::io::Error::other(format!("it is longer than {most} bytes"))),
    }
}

/// The policies of every file, each with what its writer may say.
fn texts(documents: &Documents) -> Result<Vec<PolicyText>, Trouble> {
    let person = if documents.person_may_permit() { May::All } else { May::Tighten };
    let ranked = [
        (documents.administrator.as_slice(), May::All, Rank::Administrator),
        (documents.user.as_slice(), person, Rank::Person),
        (documents.projects.as_slice(), May::Tighten, Rank::Project),
    ];
    let mut all = Vec::new();
    for (files, may, rank) in ranked {
        for Document { file, config } in files {
            let file = std::path::absolute(file).map_err(|error| Trouble::failed(&error))?;
            let read = policies::read(&config.policy.files, &file, may, rank)?;
            for text in read {
                if rank == Rank::Administrator {
                    roots_own(Path::new(&text.file))?;
                }
                all.push(PolicyText { rank, ..text });
            }
        }
    }
    Ok(all)
}

/// The administrator's file, if there is one.
fn administrator(file: &Path) -> Result<Option<Document>, Trouble> {
    match std::fs::symlink_metadata(file) {
        Err(error) if state::is_missing(&error) => return Ok(None),
        Err(error) => return Err(unread(file, &error)),
        Ok(_) => {}
    }
    let text = roots_own(file)?;
    Ok(Some(document(file, state::read_config(&text, file)?)))
}

/// The text of a file that nobody but root could have written.
fn roots_own(file: &Path) -> Result<String, Trouble> {
    for dir in file.ancestors().skip(1) {
        let found = std::fs::symlink_metadata(dir).map_err(|error| unread(dir, &error))?;
        if !found.is_dir() {
            return Err(untrusted(dir, "it is no directory"));
        }
        nobody_elses(&found).map_err(|why| untrusted(dir, why))?;
    }
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let opened = File::options().read(true).custom_flags(flags).open(file);
    let mut opened = opened.map_err(|error| unread(file, &error))?;
    let found = opened.metadata().map_err(|error| unread(file, &error))?;
    if !found.is_file() {
        return Err(untrusted(file, "it is no file"));
    }
    nobody_elses(&found).map_err(|why| untrusted(file, why))?;
    let mut text = String::new();
    opened.read_to_string(&mut text).map_err(|error| unread(file, &error))?;
    Ok(text)
}

fn nobody_elses(found: &Metadata) -> Result<(), &'static str> {
    written_by_root(found.uid(), found.mode())
}

fn written_by_root(owner: u32, mode: u32) -> Result<(), &'static str> {
    match (owner, mode & 0o022) {
        (0, 0) => Ok(()),
        (0, _) => Err("others may write it: `chmod go-w` it"),
        _ => Err("it does not belong to root"),
    }
}

fn untrusted(path: &Path, why: &str) -> Trouble {
    let said = format!(
        "the administrator's file {ADMINISTRATOR} does not count, and nothing starts beside it: \
         {}: {why}",
        path.display()
    );
    Trouble::new(Exit::Usage, said)
}

fn unread(file: &Path, error: &std::io::Error) -> Trouble {
    Trouble::new(Exit::Usage, format!("config `{}` cannot be read: {error}", file.display()))
}

/// The projects' files where we are started; a directory that is gone has none.
fn projects_here() -> Vec<PathBuf> {
    let here = std::env::current_dir();
    here.map(|here| projects(&here, state::home().as_deref())).unwrap_or_default()
}

/// The projects' files that are there and count.
fn projects(here: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let mut owners = BTreeSet::from([0, rustix::process::geteuid().as_raw()]);
    let mut files = Vec::new();
    for file in levels(here, home).into_iter().rev() {
        let dir = file.parent().and_then(|dir| dir.symlink_metadata().ok());
        owners.extend(dir.as_ref().map(Metadata::uid));
        let Ok(found) = file.symlink_metadata() else { continue };
        if !dir.is_some_and(|dir| is_shared(dir.mode())) || owners.contains(&found.uid()) {
            files.push(file);
        }
    }
    files.reverse();
    files
}

/// Where everybody puts files, such as `/tmp`: another account's says nothing about us.
fn is_shared(mode: u32) -> bool {
    mode & 0o1002 == 0o1002
}

/// Where projects' files may be: from a directory up to the person's home, or else to the
/// top of the file system, the outermost first. Nothing that a server could make on the
/// way, such as a `.git`, ends the search: what lies above it tightens, too.
fn levels(here: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let above = here.ancestors().position(|dir| Some(dir) == home).unwrap_or(usize::MAX);
    let dirs = here.ancestors().take(above.saturating_add(1));
    let mut files: Vec<_> = dirs.map(|dir| dir.join(PROJECT)).collect();
    files.reverse();
    files
}

/// A path as files and options write it, from `/` and with its links followed.
pub(crate) fn written_out(path: &str, home: Option<&Path>) -> String {
    // Where there is no such place, that is told where the root is used.
    let Some(expanded) = expand_home(path, home) else { return path.to_owned() };
    let Ok(absolute) = std::path::absolute(expanded) else { return path.to_owned() };
    let real = absolute.canonicalize().unwrap_or(absolute);
    real.into_os_string().into_string().unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_could_have_written_does_not_count() {
        for (owner, mode, expect) in [
            (0, 0o100_644, true),
            (0, 0o100_600, true),
            (0, 0o040_755, true),
            (0, 0o100_664, false),
            (0, 0o100_646, false),
            (0, 0o041_777, false),
            (1000, 0o100_644, false),
            (65534, 0o100_444, false),
        ] {
            assert_eq!(written_by_root(owner, mode).is_ok(), expect, "{owner} {mode:o}");
        }
    }

    #[test]
    fn an_administrators_file_that_others_may_write_starts_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("portcullis.toml");
        assert!(administrator(&file).unwrap().is_none());
        std::fs::write(&file, "").unwrap();
        // The directory for temporary files is everybody's.
        let said = administrator(&file).unwrap_err();
        assert!(said.said[0].contains("does not count"), "{said:?}");
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &file).unwrap();
        assert!(administrator(&file).is_err());
    }

    #[test]
    fn a_projects_file_is_a_file_and_has_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(PROJECT);
        let read = |expect: &str| {
            let said = read_config(&file).map(|_| ()).unwrap_err().said;
            assert!(said[0].contains(expect), "{said:?}");
            std::fs::remove_file(&file).unwrap();
        };
        std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
        read("it is a link");
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &file, fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        read("it is no file");
        std::fs::write(&file, " ".repeat((1 << 20) + 1)).unwrap();
        read("it is longer than 1048576 bytes");
        std::fs::write(&file, "").unwrap();
        assert!(read_config(&file).is_ok());
    }

    #[test]
    fn a_projects_files_are_found_up_to_its_top() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        let (repository, inner) = (home.join("work/repository"), home.join("work/repository/a/b"));
        std::fs::create_dir_all(&inner).unwrap();
        for place in [dir.path(), &home, &home.join("work"), &repository, &inner] {
            std::fs::write(place.join(PROJECT), "").unwrap();
        }
        let file = |dir: &Path| dir.join(PROJECT);
        let all = vec![file(&home), file(&home.join("work")), file(&repository), file(&inner)];
        assert_eq!(projects(&inner, Some(&home)), all);
        // What a server may make ends nothing.
        for place in [&inner, &repository] {
            std::fs::create_dir(place.join(".git")).unwrap();
        }
        assert_eq!(projects(&inner, Some(&home)), all);
        assert_eq!(projects(dir.path(), Some(&home)), [file(dir.path())]);
        let outside = [file(dir.path()), file(&home), file(&home.join("work"))];
        assert_eq!(projects(&home.join("work"), None), outside);
    }

    #[test]
    fn where_everybody_writes_only_ours_counts() {
        for (mode, expect) in [(0o041_777, true), (0o040_777, false), (0o041_755, false)] {
            assert_eq!(is_shared(mode), expect, "{mode:o}");
        }
        // Another account's file in a shared directory takes root to make.
        if !rustix::process::geteuid().is_root() {
            return;
        }
        use std::os::unix::fs::{PermissionsExt as _, chown};
        let dir = tempfile::tempdir().unwrap();
        let (shared, ours) = (dir.path().join("shared"), dir.path().join("shared/ours"));
        std::fs::create_dir_all(&ours).unwrap();
        std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o1777)).unwrap();
        let file = shared.join(PROJECT);
        std::fs::write(&file, "").unwrap();
        assert_eq!(projects(&ours, None), [file.as_path()]);
        chown(&file, Some(65534), None).unwrap();
        assert!(projects(&ours, None).is_empty());
        // Whoever owns the directory in which we are started may tighten what starts there.
        chown(&ours, Some(65534), None).unwrap();
        assert_eq!(projects(&ours, None), [file.as_path()]);
    }
}
