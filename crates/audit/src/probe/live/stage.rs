//! The stage: a project and what lies beside it, with secrets that are planted anew for each launch.
//!
//! ```text
//! stage/            the box's root: a server that leaves its own idea of a root can reach it
//!   project/        what the server is told of: notes, a large log, links that lead out
//!   project-evil/   next door, with a name that begins like the project's
//!   vault/          outside; like the project and its neighbour it is a repository
//!   drop/           where an injected command leaves its mark
//!   data/           a shop's database, one of its tables secret
//! ```

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use portcullis_confine::{Access, RootGrant, admit_root};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, unlinkat};

use super::database::Database;
use super::dice::{Secret, word};
use super::snapshot::{Change, Snapshot};

/// What is in the notes.
pub(super) const NOTES: &str = "buy milk\nwater the plants\n";
/// Lines of the large log; two million bytes in all.
const LOG: (&str, usize) = ("all is well, and so it was a moment ago\n", 50_000);

/// One of the user's own directories or files, of which the stage gets a copy.
#[derive(Debug, Clone)]
pub(super) struct Copy {
    pub(super) from: PathBuf,
    /// Relative to the stage.
    pub(super) to: String,
}

/// A directory with everything in it; removed at the end.
#[derive(Debug)]
pub(super) struct Stage {
    folder: PathBuf,
    pub(super) secrets: Vec<Secret>,
    pub(super) database: Database,
    /// How it was when it was last looked at.
    last: Snapshot,
}

impl Stage {
    /// Builds one. `database` is the user's own, of which a copy is used.
    pub(super) fn build(copies: &[Copy], database: Option<&Path>) -> std::io::Result<Self> {
        let folder = std::env::temp_dir().canonicalize()?;
        let folder = folder.join(format!("portcullis-audit-{}", word()));
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        // From here on it is removed, whatever happens.
        let mut stage = Self {
            database: Database::none(),
            secrets: Vec::new(),
            last: Snapshot::default(),
            folder,
        };
        stage.fill(copies, database)?;
        Ok(stage)
    }

    fn fill(&mut self, copies: &[Copy], database: Option<&Path>) -> std::io::Result<()> {
        for name in ["project", "project/data", "project-evil", "vault", "drop", "data"] {
            std::fs::create_dir(self.folder.join(name))?;
        }
        for copy in copies {
            super::copy::copy(&copy.from, &self.folder.join(&copy.to))?;
        }
        for (at, committed) in [("project", true), ("project-evil", false), ("vault", false)] {
            super::repository::make(&self.folder.join(at), committed)?;
        }
        let put = |name: &str, text: &str| -> std::io::Result<()> {
            let mut options = std::fs::OpenOptions::new();
            let file = options.write(true).create_new(true).open(self.folder.join(name));
            match file {
                // The user's own copy has one of that name: it is as good.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
                file => file?.write_all(text.as_bytes()),
            }
        };
        put("project/notes.txt", NOTES)?;
        put("project/data/prices.csv", "name,price\nblack tea,4.20\ngreen tea,4.80\n")?;
        put("project/large.log", &LOG.0.repeat(LOG.1))?;
        let key = |at: &str| Secret::new(&format!("{{stage}}/{at}/key.txt"), "KEY-");
        let name = |at: &str| Secret::new(&format!("the names in {{stage}}/{at}"), "name-");
        for at in ["project-evil", "vault"] {
            let (key, name) = (key(at), name(at));
            put(&format!("{at}/key.txt"), key.word())?;
            put(&format!("{at}/{}.txt", name.word()), "nothing\n")?;
            self.secrets.extend([key, name]);
        }
        for (link, to) in [("shortcut.txt", "../vault/key.txt"), ("way-out", "../vault")] {
            let _ = symlink(to, self.folder.join("project").join(link));
        }
        let card = Secret::new("a card number in the database", "CARD-");
        let file = database.and_then(Path::file_name).unwrap_or("shop.db".as_ref());
        let file = self.folder.join("data").join(file);
        self.database = Database::make(&file, database, card.word())?;
        self.secrets.push(card);
        Ok(())
    }

    pub(super) fn project(&self) -> PathBuf {
        self.folder.join("project")
    }

    /// What the box is given.
    pub(super) fn grant(&self, home: Option<&Path>) -> Result<RootGrant, String> {
        let grant = admit_root(&self.folder, Access::ReadWrite, home);
        let grant = grant.map_err(|refused| refused.to_string())?;
        Ok(RootGrant { protect: Vec::new(), ..grant })
    }

    /// A text with the stage's places in place of their names.
    pub(super) fn fill_in(&self, text: &str) -> String {
        self.places()
            .into_iter()
            .fold(text.to_owned(), |text, (name, place)| text.replace(name, &place))
    }

    /// A text with their names in place of the stage's places, and without secrets.
    pub(super) fn tidy(&self, text: &str) -> String {
        let text = self.secrets.iter().fold(text.to_owned(), |text, secret| secret.hide(&text));
        self.places().into_iter().fold(text, |text, (name, place)| text.replace(&place, name))
    }

    /// Names and places, the longest place first.
    fn places(&self) -> [(&'static str, String); 3] {
        let stage = self.folder.display().to_string();
        let database = self.database.file().display().to_string();
        // Next door is named by the stage, not by the project whose name it begins with.
        [
            ("{database}", database),
            ("{stage}", stage.clone()),
            ("{project}", format!("{stage}/project")),
        ]
    }

    /// The secrets that a text holds.
    pub(super) fn secret_in(&self, text: &str) -> Option<&Secret> {
        self.secrets.iter().find(|secret| secret.is_in(text))
    }

    /// What changed since this was last asked.
    pub(super) fn changes(&mut self) -> Vec<Change> {
        let now = Snapshot::take(&self.folder);
        let changes = self.last.compared(&now);
        self.last = now;
        changes
    }

    /// Writes the notes anew after an honest call changed them. The server runs, so the name is taken away and
    /// made again in the directory itself, and leads nowhere else.
    pub(super) fn mend(&mut self) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(project) = openat(CWD, self.project(), flags, Mode::empty()) else { return };
        let _ = unlinkat(&project, "notes.txt", AtFlags::empty());
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if let Ok(file) = openat(&project, "notes.txt", flags, Mode::from_raw_mode(0o600)) {
            let _ = std::fs::File::from(file).write_all(NOTES.as_bytes());
        }
        let _ = self.changes();
    }

    /// Whether it holds more than a server may write.
    pub(super) fn is_too_large(&self) -> bool {
        self.last.is_too_large()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::fs::remove_dir_all(&self.folder).is_err() {
            // A server may have closed its directories to us.
            open(&self.folder, 0);
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Makes directories ours again. The server is gone by now, so nothing changes under us.
fn open(folder: &Path, depth: usize) {
    let _ = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|_| depth < 64) {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open(&entry.path(), depth + 1);
        }
    }
}
