//! The rules that no compiler checks, one file each.
//!
//! A rule is a function from the repository's files to complaints, and its test
//! shows it going red. Exceptions stand in `xtask/tidy-exceptions.toml`, each
//! with a reason; one that excuses nothing is itself a complaint.

mod attacks;
mod casebook;
mod checklist;
mod checks;
pub(crate) mod code;
mod dependencies;
mod exceptions;
mod format;
mod house;
mod invariants;
mod links;
mod locks;
mod mind;
mod opening;
mod promises;
mod size;
pub(crate) mod switch;
mod unsafe_address;
mod words;

use std::fmt;

use crate::repo::{Repo, Tree};
use crate::{complain, say};

pub(crate) use casebook::{Pages, pages};
pub(crate) use promises::proofs;

/// Something that is not as it should be.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Complaint {
    /// The rule's name; what an exception names.
    pub(crate) rule: &'static str,
    /// The file.
    pub(crate) file: String,
    /// The line, from 1; 0 for the whole file.
    pub(crate) line: usize,
    /// What is wrong, and what to do.
    pub(crate) what: String,
}

impl Complaint {
    fn new(rule: &'static str, file: &str, line: usize, what: impl Into<String>) -> Self {
        Self { rule, file: file.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {} [{}]", self.file, self.what, self.rule),
            line => write!(f, "{}:{line}: {} [{}]", self.file, self.what, self.rule),
        }
    }
}

/// Looks, complains, and fails when there was a complaint.
pub(crate) fn command(repo: &Repo) -> Result<(), String> {
    let tree = repo.tree()?;
    let metadata = repo.metadata()?;
    let mut complaints = house::check(&metadata);
    complaints.extend(house::drawn(&tree));
    complaints.extend(mind::check(&metadata, &tree));
    complaints.extend(of_files(&tree));
    let exceptions = exceptions::read(&tree)?;
    complaints.extend(casebook::complete(&tree, exceptions.casebook_complete));
    let mut complaints = exceptions.excuse(complaints);
    complaints.sort();
    for complaint in &complaints {
        complain(&complaint.to_string());
    }
    let missing = casebook::missing(&tree);
    if !missing.is_empty() {
        say(&format!("casebook pages missing ({}): {}", missing.len(), missing.join(" ")));
    }
    match complaints.len() {
        0 => Ok(()),
        1 => Err("1 complaint".to_owned()),
        count => Err(format!("{count} complaints")),
    }
}

/// The rules that need nothing but the files.
fn of_files(tree: &Tree) -> Vec<Complaint> {
    let rules = [
        attacks::check,
        casebook::check,
        checklist::check,
        checks::check,
        dependencies::check,
        format::check,
        invariants::check,
        links::check,
        locks::check,
        opening::check,
        promises::check,
        size::check,
        switch::check,
        unsafe_address::check,
        words::check,
    ];
    rules.iter().flat_map(|rule| rule(tree)).collect()
}
