//! `search_files`: names by pattern, contents by text or regular expression.
//!
//! The tree is walked by descriptor and in order (`walk.rs`), without what git would
//! ignore (`ignored.rs`); a file is looked through as bytes (`content.rs`). Several
//! threads look, and the answer is the same each time: the first so many in the order
//! of the paths (`hits.rs`).

mod content;
mod hits;
mod ignored;
mod walk;

use ignore::overrides::{Override, OverrideBuilder};
use portcullis_confine::beneath::Kind;
use portcullis_kit::{Bounded, Call, Hints, Refusal, TypedTool, UnderRoot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Settings;
use super::refused::refused;
use content::Looker;
use walk::Rules;

/// Searches below a directory.
#[derive(Debug)]
pub struct SearchFiles(pub Settings);

/// For what, and where.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    path: UnderRoot,
    /// Only files whose name or path fits one of these, as in a `.gitignore`: `*.rs`
    /// anywhere, `src/*.rs` from the directory on, `**` for any depth.
    #[serde(default)]
    #[schemars(length(max = 50))]
    glob: Vec<Bounded<256>>,
    /// Leave out what fits one of these.
    #[serde(default)]
    #[schemars(length(max = 50))]
    exclude: Vec<Bounded<256>>,
    /// Only files with this text in a line.
    #[serde(default)]
    text: Option<Bounded<1024>>,
    /// Only files with a line that matches this regular expression (Rust's syntax,
    /// without look-around and back-references).
    #[serde(default)]
    regex: Option<Bounded<1024>>,
    /// Whether letters match in either case.
    #[serde(default)]
    ignore_case: bool,
    /// Whether to look into hidden files and directories.
    #[serde(default)]
    hidden: Option<bool>,
    /// Whether to leave out what `.gitignore` and `.ignore` name.
    #[serde(default)]
    gitignore: Option<bool>,
    /// Most matches in the answer: lines where contents are searched, else files.
    #[serde(default = "page")]
    #[schemars(range(min = 1, max = 2000))]
    limit: usize,
    /// Only what comes after this path: `next` of the answer before.
    #[serde(default)]
    after: Option<Bounded<4096>>,
}

fn page() -> usize {
    200
}

/// What was found, by path.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Results {
    /// The directory; the paths of the matches are below it.
    path: String,
    matches: Vec<Match>,
    /// How many files were looked at.
    files_searched: u64,
    /// How many of them were binary, and so not looked through.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    binary: u64,
    /// How many files and directories could not be opened.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    unreadable: u64,
    /// Whether this is all there is.
    complete: bool,
    /// Pass it as `after` to go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A file that matches.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Match {
    /// Below the directory that was searched.
    path: String,
    /// `file`, `directory` or `link`.
    kind: &'static str,
    /// The lines, where contents were searched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lines: Vec<Line>,
    /// Whether the file has more lines that match than are listed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    more_lines: bool,
}

/// A line that matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Line {
    /// Its number, from 1.
    line: u64,
    /// The line, cut where it is long.
    text: String,
}

impl TypedTool for SearchFiles {
    type Arguments = Asked;
    type Output = Results;
    const NAME: &'static str = "search_files";
    const TITLE: &'static str = "Search files";
    const DESCRIPTION: &'static str = "Searches below a directory: by name (`glob`), by content \
        (`text` or `regex`, line by line), or both. Leaves out hidden files, binary files and \
        what git ignores, unless told otherwise, and follows no links. Results come in order of \
        their paths; `next` says where to go on.";
    const HINTS: Hints = Hints::reads();

    async fn run(&self, asked: Asked, call: &Call) -> Result<Results, Refusal> {
        let settings = self.0;
        call.blocking(move |call| search(&asked, settings, call)).await
    }
}

fn search(asked: &Asked, settings: Settings, call: &Call) -> Result<Results, Refusal> {
    let (shown, below) = (asked.path.shown(), asked.path.below());
    let looker = Looker::new(asked.text.as_deref(), asked.regex.as_deref(), asked.ignore_case)?;
    let names = globs(&asked.glob, &asked.exclude)?;
    let no = |why| refused(shown, why);
    let facts = asked.path.dir().facts(below).map_err(no)?;
    // A file is searched as the only one of its directory.
    let (above, only) = match facts.kind {
        Kind::Directory => (below, None),
        _ => below.rsplit_once('/').map_or(("", Some(below)), |(above, name)| (above, Some(name))),
    };
    let gitignore = asked.gitignore.unwrap_or(settings.gitignore) && only.is_none();
    let rules = Rules {
        names,
        hidden: asked.hidden.unwrap_or(settings.hidden),
        ignored: if gitignore { ignored::above(asked.path.dir(), above) } else { None },
        gitignore,
        only: only.map(Into::into),
        after: asked.after.as_deref().map(Into::into),
        limit: asked.limit,
    };
    let root = asked.path.dir().view(above).map_err(no)?;
    let found = walk::walk(&root, rules, &looker, call)?;
    let next = found.cut.then(|| found.last()).flatten();
    Ok(Results {
        path: if only.is_some() { parent(shown).to_owned() } else { shown.to_owned() },
        files_searched: found.searched,
        binary: found.binary,
        unreadable: found.unreadable,
        complete: !found.cut,
        next,
        matches: found.into_matches(),
    })
}

fn parent(shown: &str) -> &str {
    shown.rsplit_once('/').map_or(shown, |(above, _)| if above.is_empty() { "/" } else { above })
}

/// Patterns of what is meant and what is not, relative to where a search starts.
pub(super) fn globs(
    include: &[Bounded<256>],
    exclude: &[Bounded<256>],
) -> Result<Override, Refusal> {
    let mut builder = OverrideBuilder::new("");
    let excluded = exclude.iter().map(|glob| (glob, format!("!{}", glob.as_str())));
    for (glob, written) in include.iter().map(|it| (it, it.to_string())).chain(excluded) {
        let bad = |why| Refusal::new(format!("`{}` is no pattern: {why}", glob.as_str()));
        if glob.is_empty() || glob.starts_with('!') {
            return Err(bad("it is empty or starts with `!`".to_owned()));
        }
        builder.add(&written).map_err(|error| bad(error.to_string()))?;
    }
    builder.build().map_err(|error| Refusal::new(format!("these patterns do not do: {error}")))
}
