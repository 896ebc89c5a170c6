//! Reads source without running it: tools, and where what a caller sends flows to.
//!
//! [`walk`] finds the files, [`lower`] turns each language into one small one ([`ir`]),
//! [`taint`] runs that on values that are not known, [`handlers`] says where a client comes in
//! and [`sinks`] where it does harm, [`bounds`] reads schemas, and [`facts`] what one line tells. What needs no client
//! is in [`places`], what is written for a model in [`texts`], and what leaves in passing, as [`aside`] sees it, in
//! [`sharing`].

mod aside;
mod bounds;
mod facts;
mod handlers;
mod ignores;
mod ir;
mod lower;
mod options;
mod packages;
mod places;
mod sharing;
mod sinks;
mod taint;
mod texts;
mod walk;
mod wall;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use tree_sitter::{ParseOptions, Parser};

use super::doing::Doing;
use crate::evidence::Source;
use crate::evidence::source::{Fact, FactKind, Language, LeftOut, SourceFile, Text};
use ir::{Module, Tongue};
use lower::{Lower, rust};
use walk::File;
use wall::Wall;

/// Programs nest, and so does what reads them; the rest of the process has its own stack.
const STACK: usize = 64 * 1024 * 1024;
/// How much of what is written for a model is kept, in bytes.
const TEXTS: usize = 4 << 20;
/// How many statements and expressions are kept: a hundred bytes each, or a little more.
const MADE: u64 = 1_300_000;

/// How often a file is read once more, with fewer macros read as what they are like.
const UNDONE: u32 = 12;

/// What reading may cost.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// All files together, in bytes.
    pub bytes: u64,
    /// How many entries of directories are looked at.
    pub files: u64,
    /// What it may take of the memory, in bytes, over what was taken before.
    pub memory: u64,
    /// When to stop, with what is known then.
    pub deadline: Instant,
}

impl Budget {
    /// 64 MiB in 100,000 entries, until then, within the 512 MiB that one target may take.
    #[must_use]
    pub fn until(deadline: Instant) -> Self {
        Self { bytes: 64 << 20, files: 100_000, memory: 400 << 20, deadline }
    }
}

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The target is not there, or not for us to read.
    #[error("`{path}` cannot be read")]
    Unreadable {
        /// As it was named.
        path: String,
        /// The system's reason.
        #[source]
        why: std::io::Error,
    },
    /// The reader itself failed; a fault of ours.
    #[error("the reader of source failed")]
    Failed,
}

/// Reads a file or a tree.
///
/// Whatever is in it, this comes back: a reader that does not see its end is left behind, and what it found with it.
///
/// # Errors
/// When the target cannot be read at all; whatever else is wrong is in [`Source::left_out`].
pub fn look(target: &Path, budget: &Budget) -> Result<Source, Trouble> {
    look_and_tell(target, budget, &Doing::default())
}

/// The same, for somebody who waits.
///
/// # Errors
/// As of [`look`].
pub fn look_and_tell(target: &Path, budget: &Budget, doing: &Doing) -> Result<Source, Trouble> {
    let doing = doing.clone();
    let wall = Arc::new(Wall::new(budget));
    let (known, target, budget) = (Arc::clone(&wall), target.to_owned(), *budget);
    let reader = std::thread::Builder::new().name("source".to_owned()).stack_size(STACK);
    let (done, came) = mpsc::channel();
    // Nobody takes it when nobody waits any more.
    let reader = reader.spawn(move || drop(done.send(read(&target, &budget, &known, &doing))));
    reader.map_err(|_| Trouble::Failed)?;
    while !wall.is_broken() {
        match came.recv_timeout(Duration::from_millis(10)) {
            Ok(source) => return source,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(Trouble::Failed),
        }
    }
    let left_out = vec![LeftOut::of(".".to_owned(), wall.why().to_owned())];
    Ok(Source { left_out, ..Source::default() })
}

fn read(target: &Path, budget: &Budget, wall: &Wall, doing: &Doing) -> Result<Source, Trouble> {
    doing.now("looking for source");
    let found = walk::walk(target, budget)?;
    let mut source = Source { left_out: found.left_out, ..Source::default() };
    // What is somebody else's is not, where the program takes something from it by that name.
    for out in source.left_out.iter_mut().filter(|out| out.aside) {
        let name = out.file.rsplit('/').next().unwrap_or_default();
        out.aside = !found.files.iter().any(|file| takes_from(file, name));
    }
    let mut modules = Vec::new();
    let mut lines = Vec::new();
    let mut made = 0;
    let mut unread: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (at, file) in found.files.iter().enumerate() {
        doing.now(format!("reading file {} of {}", at + 1, found.files.len()));
        let number = u32::try_from(modules.len()).unwrap_or(u32::MAX);
        let understood = match made >= MADE || wall.is_full() {
            true => Err(wall::MEMORY),
            false => understand(file, number, wall).ok_or(wall::TIME),
        };
        let mut leave = |why| unread.entry(why).or_default().push(file.name.clone());
        let (module, part) = match understood {
            Ok((module, part, more)) => {
                made += more;
                (module, part)
            }
            Err(why) => {
                leave(why);
                continue;
            }
        };
        part.into_iter().for_each(&mut leave);
        source.files.push(SourceFile {
            file: file.name.clone(),
            language: file.language,
            lines: u32::try_from(file.text.lines().count()).unwrap_or(u32::MAX),
            whole: part.is_none(),
        });
        source.facts.extend(facts::secrets(file));
        source.ignores.extend(ignores::ignores(file));
        modules.push(module);
        lines.push(file.text.lines().collect::<Vec<_>>());
    }
    source.left_out.extend(walk::told(unread));
    doing.now(format!("following what a client sends through {} files", modules.len()));
    packages::assemble(&mut modules);
    // A credential that only tests know opens nothing.
    let made_up = |it: &Fact| {
        let module = modules.iter().find(|module| module.name == it.place.file);
        module.is_some_and(|module| module.is_of_tests(it.place.line))
    };
    source.facts.retain(|it| !made_up(it));
    let speaks_sql = found.files.iter().any(|it| speaks_sql(&it.text));
    let mut world = taint::World::new(&modules, &lines, wall, speaks_sql);
    world.run();
    source.handlers = world.handlers();
    texts_of(&modules, &world, &mut source);
    source.facts.extend(world.facts());
    source.facts.sort_by(|a, b| (&a.place, a.kind).cmp(&(&b.place, b.kind)));
    for (file, why) in std::mem::take(&mut world.unfollowed) {
        let file = modules.get(file as usize).map_or_else(|| ".".to_owned(), |it| it.name.clone());
        source.left_out.push(LeftOut::of(file, why));
    }
    let ends = [
        (world.out_of_time, wall::TIME),
        (world.out_of_memory, wall::MEMORY),
        (world.cut, wall::STEPS),
    ];
    for (_, why) in ends.into_iter().filter(|(over, _)| *over) {
        source
            .left_out
            .push(LeftOut::of(".".to_owned(), format!("not followed to the end: {why}")));
    }
    source.flows = world.flows.into_values().collect();
    Ok(source)
}

/// What is written for a model to read, and where that is written again.
fn texts_of(modules: &[Module], world: &taint::World<'_>, source: &mut Source) {
    let (mut room, mut cut) = (TEXTS, false);
    for module in modules {
        let mut texts = texts::of(module);
        cut |= texts.more;
        source.left_out.extend(elsewhere(&module.name, &texts.elsewhere));
        texts.said.retain(|it| {
            room = room.saturating_sub(it.text.len());
            room > 0
        });
        source.texts.extend(texts.said.into_iter().map(|it| Text {
            place: world.place_of(it.at),
            of: it.of.to_string(),
            text: portcullis_guard::secret::redact_certain(&it.text).into_owned(),
        }));
        source.facts.extend(texts.rewritten.into_iter().map(|at| Fact {
            kind: FactKind::Redefined,
            place: world.place_of(at),
            text: world.line(at),
        }));
    }
    if room == 0 || cut {
        let why = "more is written for a model than is kept".to_owned();
        source.left_out.push(LeftOut::of(".".to_owned(), why));
    }
}

/// What is said to a model and stands in no file that is read with it: no flow is missed for it, but a text is.
fn elsewhere(file: &str, places: &[ir::At]) -> Option<LeftOut> {
    let first = places.iter().map(|it| it.line).min()?;
    let more = match places.len() {
        1 => String::new(),
        some => format!(" and at {} more places", some - 1),
    };
    let why =
        format!("what a model is told at line {first}{more} is made elsewhere, and was not judged");
    Some(LeftOut { aside: true, ..LeftOut::of(file.to_owned(), why) })
}

/// Whether a file of Python imports from a directory of this name. In JavaScript a directory's path has to be written, and
/// what is not among the files is said.
fn takes_from(file: &File, name: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|it: char| it == '_' || it.is_alphanumeric());
    let names = |rest: Option<&str>| {
        rest.is_some_and(|it| it.trim_start().strip_prefix(name).is_some_and(ends))
    };
    file.language == Language::Python
        && file.text.lines().map(str::trim_start).any(|line| {
            names(line.strip_prefix("from ").map(|it| it.trim_start().trim_start_matches('.')))
                || line
                    .strip_prefix("import ")
                    .is_some_and(|all| all.split(',').any(|it| names(Some(it))))
                || line.contains("import_module(") && line.contains(name)
        })
}

/// A file's statements, why a part of it was not understood, and how much came of it; none when time ran out.
fn understand(
    file: &File,
    number: u32,
    wall: &Wall,
) -> Option<(Module, Option<&'static str>, u64)> {
    let language = match file.language {
        Language::Python => tree_sitter_python::LANGUAGE,
        Language::TypeScript if file.name.ends_with(".tsx") => tree_sitter_typescript::LANGUAGE_TSX,
        Language::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
        Language::Go => tree_sitter_go::LANGUAGE,
        Language::Rust => tree_sitter_rust::LANGUAGE,
        _ => tree_sitter_javascript::LANGUAGE,
    };
    let mut parser = Parser::new();
    parser.set_language(&language.into()).ok()?;
    let mut late = |_: &tree_sitter::ParseState| match wall.is_late() || wall.is_full() {
        true => std::ops::ControlFlow::Break(()),
        false => std::ops::ControlFlow::Continue(()),
    };
    let mut parse = |text: &str| {
        let bytes = text.as_bytes();
        let mut give = |at: usize, _| bytes.get(at..).unwrap_or_default();
        let options = ParseOptions::new().progress_callback(&mut late);
        parser.parse_with_options(&mut give, None, Some(options))
    };
    // What macros hide is read, but for those where that reads the rest wrongly.
    let read = (file.language == Language::Rust).then(|| rust::macros::as_calls(&file.text));
    let (mut tree, mut undone) = (None, false);
    if let Some(mut read) = read.flatten() {
        for _ in 0..UNDONE {
            let now = parse(&read.text)?;
            if !now.root_node().has_error() {
                tree = Some(now);
                break;
            }
            undone = true;
            if !read.undo(&file.text, &errors(now.root_node())) {
                break;
            }
        }
    }
    let tree = match tree {
        Some(tree) => tree,
        None => parse(&file.text)?,
    };
    let root = tree.root_node();
    let mut lower = Lower::new(&file.text, number);
    let (tongue, body) = match file.language {
        Language::Python => (Tongue::Python, lower.py_block(root)),
        Language::Go => (Tongue::Go, lower.go_block(root)),
        Language::Rust => (Tongue::Rust, lower.rs_file(root)),
        _ => (Tongue::Script, lower.js_block(root)),
    };
    let part = match (root.has_error(), lower.too_deep) {
        (_, true) => Some("what is nested too deeply in it is not followed"),
        (true, false) => Some("its grammar does not fit everywhere"),
        (false, false) => undone.then_some("what some of its macros are given is not read"),
    };
    let made = lower.made.get();
    let part = part.or_else(|| {
        lower
            .takes_elsewhere()
            .then_some("takes a file by a path of its own, which is not followed")
    });
    let (paths, macros, (tests, test_lines)) = (lower.paths(), lower.macros(), lower.tests());
    let (name, tags) = (file.name.clone(), lower.tags);
    let module = Module { name, tongue, body, tags, paths, macros, tests, test_lines };
    Some((module, part, made))
}

/// Where the grammar does not fit: the innermost places, from where to where, the first of many.
fn errors(root: tree_sitter::Node<'_>) -> Vec<(usize, usize)> {
    let (mut found, mut open) = (Vec::new(), vec![root]);
    while let Some(node) = open.pop().filter(|_| found.len() < 64) {
        let mut cursor = node.walk();
        let inside: Vec<_> = node.children(&mut cursor).filter(|it| it.has_error()).collect();
        if inside.is_empty() {
            found.push((node.start_byte(), node.end_byte()));
        }
        open.extend(inside.into_iter().rev());
    }
    found
}

/// Whether a file brings in something that speaks SQL.
fn speaks_sql(text: &str) -> bool {
    const SPEAKERS: &[&str] = &[
        "sqlite3",
        "psycopg",
        "asyncpg",
        "pymysql",
        "mysql",
        "aiosqlite",
        "duckdb",
        "sqlalchemy",
        "pyodbc",
        "'pg'",
        "\"pg\"",
        "better-sqlite3",
        "sqlite",
        "postgres",
        "oracledb",
        "snowflake",
        "knex",
        "prisma",
        "mssql",
        "clickhouse",
    ];
    let imports = text.lines().filter(|line| {
        line.contains("import")
            || line.contains("require(")
            || line.trim_start().starts_with("use ")
    });
    imports.into_iter().any(|line| SPEAKERS.iter().any(|it| line.contains(it)))
}
