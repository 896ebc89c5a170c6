//! `[files]`: what the file tools of `portcullis server` may do.

use crate::config::Root;
use crate::precedence::Documents;
use crate::reader::{Reader, Section};
use crate::values::Unfit;

/// What the file tools may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The directories that they may act in, as written.
    pub roots: Vec<Root>,
    /// The most bytes of files in one answer.
    pub read_bytes: u64,
    /// The most bytes of a file that is written.
    pub write_bytes: u64,
    /// Whether a search leaves out what git ignores.
    pub gitignore: bool,
    /// Whether a search looks into hidden files.
    pub hidden: bool,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            roots: Vec::new(),
            // It travels twice, as text and as data: together what a model should get at once.
            read_bytes: 96 << 10,
            write_bytes: 8 << 20,
            gitignore: true,
            hidden: false,
        }
    }
}

impl Documents {
    /// What the file tools may do. An administrator's table stands; a project has none,
    /// for whoever writes a repository would choose what is read.
    ///
    /// # Errors
    /// One [`Unfit`] for each table that is not its file's to write.
    pub fn files(&self) -> Result<Files, Vec<Unfit>> {
        let fixed = self.administrator.as_ref().and_then(|it| it.config.files.as_ref());
        let own = self.user.iter().filter(|it| it.config.files.is_some());
        let beyond = own.filter(|_| fixed.is_some()).map(|it| {
            Unfit::new(format!("your file {} has [files], which the administrator fixed", it.file))
        });
        let projects = self.projects.iter().filter(|it| it.config.files.is_some()).map(|it| {
            Unfit::new(format!(
                "the project's file {} has [files]: a project may not choose what is read; put \
                 it into your own file",
                it.file
            ))
        });
        let wrong: Vec<Unfit> = beyond.chain(projects).collect();
        let own = self.user.as_ref().and_then(|it| it.config.files.as_ref());
        if wrong.is_empty() { Ok(fixed.or(own).cloned().unwrap_or_default()) } else { Err(wrong) }
    }

    /// Whether it is the administrator who said where the file tools may act.
    #[must_use]
    pub fn files_are_fixed(&self) -> bool {
        self.administrator.as_ref().is_some_and(|it| it.config.files.is_some())
    }
}

impl Reader<'_, '_> {
    pub(crate) fn files(&mut self, file: &Section<'_>) -> Option<Files> {
        let usual = Files::default();
        let table = self.table(file, "files")?;
        Some(Files {
            roots: self.roots(&table).unwrap_or_default(),
            read_bytes: self.size(&table, "read_bytes").unwrap_or(usual.read_bytes),
            write_bytes: self.size(&table, "write_bytes").unwrap_or(usual.write_bytes),
            gitignore: self.flag(&table, "gitignore").unwrap_or(usual.gitignore),
            hidden: self.flag(&table, "hidden").unwrap_or(usual.hidden),
        })
    }
}
