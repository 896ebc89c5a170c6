//! `list_directory`: what is in a directory, page by page, or the tree below it.

use std::cmp::Reverse;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ignore::overrides::Override;
use portcullis_confine::beneath::{BeneathError, Directory, Facts, Kind, RootDir};
use portcullis_kit::{Bounded, Call, Hints, Refusal, TypedTool, UnderRoot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::refused::refused;
use super::search::globs;
use super::time;

/// More entries than anybody pages through; what is beyond is said not to be shown.
const MOST: usize = 500_000;

/// Lists a directory.
#[derive(Debug)]
pub struct ListDirectory;

/// Which directory, and how.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    path: UnderRoot,
    /// How many levels: 1 is the directory itself, more is the tree below it.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 32))]
    depth: u32,
    /// What comes first; sizes and times the largest and newest. A tree is by name.
    #[serde(default)]
    sort: Sort,
    /// How many entries to pass over: `next_offset` of the page before.
    #[serde(default)]
    #[schemars(range(max = 10_000_000))]
    offset: usize,
    /// Most entries in the answer.
    #[serde(default = "page")]
    #[schemars(range(min = 1, max = 10_000))]
    limit: usize,
    /// Patterns of names and paths to leave out, such as `node_modules` or `*.o`.
    #[serde(default)]
    #[schemars(length(max = 50))]
    exclude: Vec<Bounded<256>>,
}

fn one() -> u32 {
    1
}

fn page() -> usize {
    1000
}

/// What comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Sort {
    /// By name.
    #[default]
    Name,
    /// The largest.
    Size,
    /// What changed last.
    Modified,
}

/// A page of a directory.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Listing {
    path: String,
    entries: Vec<Listed>,
    /// How many entries there are on all pages.
    total: usize,
    /// Pass it as `offset` to see more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_offset: Option<usize>,
    /// How many of all are files, and how many directories.
    files: usize,
    directories: usize,
    /// What could not be looked into, or was too much.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<String>,
}

/// One entry.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Listed {
    /// Relative to the directory that was listed.
    name: String,
    /// `file`, `directory`, `link`, `pipe`, `socket`, `device` or `special file`.
    kind: &'static str,
    /// In bytes, of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// When it changed last, as in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
}

impl TypedTool for ListDirectory {
    type Arguments = Asked;
    type Output = Listing;
    const NAME: &'static str = "list_directory";
    const TITLE: &'static str = "List a directory";
    const DESCRIPTION: &'static str = "Lists a directory with kinds, sizes and times, sorted and \
        in pages, however large it is; with `depth` the tree below it. Links are shown as links \
        and not followed.";
    const HINTS: Hints = Hints::reads();

    async fn run(&self, asked: Asked, call: &Call) -> Result<Listing, Refusal> {
        call.blocking(move |call| list(&asked, call)).await
    }
}

/// An entry before it is known whether anybody sees it.
struct Found {
    path: PathBuf,
    kind: Kind,
}

fn list(asked: &Asked, call: &Call) -> Result<Listing, Refusal> {
    let (shown, below) = (asked.path.shown(), asked.path.below());
    let root = asked.path.dir().view(below).map_err(|why| refused(shown, why))?;
    let without = globs(&[], &asked.exclude)?;
    let mut tree = Tree { root: &root, without, left_out: Vec::new(), found: Vec::new(), call };
    let top = root.directory("").map_err(|why| refused(shown, why))?;
    tree.read(top, Path::new(""), asked.depth)?;
    let Tree { mut found, left_out, .. } = tree;
    let facts = sorted(&root, &mut found, asked, call)?;
    let (total, count) = (found.len(), |kind| found.iter().filter(|it| it.kind == kind).count());
    let (files, directories) = (count(Kind::File), count(Kind::Directory));
    let end = asked.offset.saturating_add(asked.limit).min(total);
    let page = found.get(asked.offset.min(total)..end).unwrap_or_default();
    let mut entries = Vec::with_capacity(page.len());
    for (at, one) in page.iter().enumerate() {
        if at % 256 == 0 {
            call.goes_on()?;
        }
        let known = facts.get(asked.offset + at).copied();
        let facts = known.unwrap_or_else(|| root.facts_of_link(&one.path).ok());
        entries.push(Listed {
            name: one.path.to_string_lossy().into_owned(),
            kind: one.kind.as_str(),
            size: facts.filter(|_| one.kind == Kind::File).map(|it| it.size),
            modified: facts.and_then(|it| it.modified).and_then(time::written),
        });
    }
    let next_offset = (end < total).then_some(end);
    let path = shown.to_owned();
    Ok(Listing { path, entries, total, next_offset, files, directories, left_out })
}

/// Sorts; where sizes or times are what is sorted by, they are known afterwards.
fn sorted(
    root: &RootDir,
    found: &mut Vec<Found>,
    asked: &Asked,
    call: &Call,
) -> Result<Vec<Option<Facts>>, Refusal> {
    // A tree is in its order already.
    if asked.depth > 1 {
        return Ok(Vec::new());
    }
    if asked.sort == Sort::Name {
        by_name(found, asked.offset, asked.limit);
        return Ok(Vec::new());
    }
    let mut both = Vec::with_capacity(found.len());
    for (at, one) in std::mem::take(found).into_iter().enumerate() {
        if at % 256 == 0 {
            call.goes_on()?;
        }
        let facts = root.facts_of_link(&one.path).ok();
        both.push((one, facts));
    }
    match asked.sort {
        Sort::Size => both.sort_by_key(|(_, facts)| Reverse(facts.map(|it| it.size))),
        _ => both.sort_by_key(|(_, facts)| Reverse(facts.and_then(|it| it.modified))),
    }
    let (sorted, facts) = both.into_iter().unzip();
    *found = sorted;
    Ok(facts)
}

/// Puts one page in its place and in order: nobody looks at the others.
fn by_name(found: &mut [Found], offset: usize, limit: usize) {
    let order = |one: &Found, other: &Found| one.path.as_os_str().cmp(other.path.as_os_str());
    let mut page = found;
    if offset > 0 && offset < page.len() {
        page.select_nth_unstable_by(offset, order);
        page = &mut page[offset..];
    }
    if limit < page.len() {
        page.select_nth_unstable_by(limit, order);
        page = &mut page[..limit];
    }
    page.sort_unstable_by(order);
}

struct Tree<'a> {
    root: &'a RootDir,
    without: Override,
    found: Vec<Found>,
    left_out: Vec<String>,
    call: &'a Call,
}

impl Tree<'_> {
    fn read(&mut self, directory: Directory, at: &Path, depth: u32) -> Result<(), Refusal> {
        let mut names: Vec<(OsString, Kind)> = Vec::new();
        for entry in directory {
            if names.len().is_multiple_of(1024) {
                self.call.goes_on()?;
            }
            match entry {
                Ok(entry) => names.push((entry.name, entry.kind)),
                Err(why) => {
                    self.leave_out(at, why);
                    break;
                }
            }
            if self.found.len() + names.len() >= MOST {
                self.left_out.push(format!("everything after {MOST} entries"));
                break;
            }
        }
        if depth > 1 {
            names.sort_unstable();
        }
        for (name, kind) in names {
            let path = at.join(name);
            let directory = kind == Kind::Directory;
            if !self.without.is_empty() && self.without.matched(&path, directory).is_ignore() {
                continue;
            }
            let deeper = directory && depth > 1 && self.found.len() + 1 < MOST;
            let below = deeper.then(|| path.clone());
            self.found.push(Found { path, kind });
            if let Some(path) = below {
                match self.root.directory(&path) {
                    Ok(below) => self.read(below, &path, depth - 1)?,
                    Err(why) => self.leave_out(&path, why),
                }
            }
        }
        Ok(())
    }

    fn leave_out(&mut self, path: &Path, why: BeneathError) {
        // One line for each of a few; a list of thousands helps nobody.
        if self.left_out.len() < 20 {
            self.left_out.push(format!("`{}`: {why}", path.display()));
        }
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn pages_are_parts_of_one_order() {
        let names: Vec<String> = (0..57).map(|n| format!("{}", n * 31 % 57)).collect();
        let found = || -> Vec<Found> {
            let all = names.iter().map(|name| Found { path: name.into(), kind: Kind::File });
            all.collect()
        };
        let mut sorted = names.clone();
        sorted.sort_unstable();
        for limit in [1, 2, 10, 56, 57, 58] {
            let mut read = Vec::new();
            for offset in (0..names.len()).step_by(limit) {
                let mut found = found();
                by_name(&mut found, offset, limit);
                let end = (offset + limit).min(found.len());
                read.extend(found[offset..end].iter().map(|it| it.path.display().to_string()));
            }
            assert_eq!(read, sorted, "{limit}");
        }
        by_name(&mut [], 0, 10);
        by_name(&mut found(), 100, 10);
    }
}
