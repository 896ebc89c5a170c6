//! `portcullis lesson`: what goes wrong in MCP servers, by attacking some.
//!
//! Each lesson is one flaw. The same calls are made for real to a careless server, to
//! one that was repaired as people usually repair it, and to hardened ones; then
//! three sentences say why, and the line is shown. Everything happens in a temporary
//! directory, with servers of ours that nobody else can reach.

use std::io::BufRead as _;

use crate::args;
use crate::exit::{Exit, Trouble};
use crate::lesson::book::{Book, Lesson, Sources, Subject};
use crate::lesson::python;
use crate::lesson::scene::Scene;
use crate::lesson::stand::Stand;
use crate::lesson::verdict::{Outcome, Played};
use crate::style::{self, Table};

const WIDTH: usize = 96;

/// Walks through it.
pub(super) fn run(args: &args::Lesson) -> Result<Exit, Trouble> {
    let book = Book::read().map_err(failed)?;
    let class = Class::assemble(book, sources(args), args)?;
    class.welcome()?;
    let played = class.teach(args)?;
    class.close(&played)
}

#[cfg(debug_assertions)]
fn sources(args: &args::Lesson) -> Sources {
    args.sources.as_deref().map_or_else(Sources::default, Sources::of)
}

/// Whether a test wants another lesson.
#[cfg(debug_assertions)]
fn skips(args: &args::Lesson, lesson: Option<&Lesson>) -> bool {
    let wanted = |lesson: &Lesson| args.only.as_ref().is_none_or(|only| *only == lesson.id);
    lesson.is_some_and(|lesson| !wanted(lesson))
}

/// Whether a test wants another server.
#[cfg(debug_assertions)]
fn is_wanted(args: &args::Lesson, subject: Subject) -> bool {
    args.on.as_ref().is_none_or(|on| on == subject.file())
}

#[cfg(not(debug_assertions))]
fn is_wanted(_args: &args::Lesson, _subject: Subject) -> bool {
    true
}

#[cfg(not(debug_assertions))]
fn skips(_args: &args::Lesson, _lesson: Option<&Lesson>) -> bool {
    false
}

#[cfg(not(debug_assertions))]
fn sources(_args: &args::Lesson) -> Sources {
    Sources::default()
}

fn failed(why: String) -> Trouble {
    Trouble::new(Exit::Failed, why)
}

/// Everything that a lesson needs.
struct Class {
    book: Book,
    sources: Sources,
    scene: Scene,
    /// What starts a Python, if there is one.
    python: Option<Vec<std::ffi::OsString>>,
    subjects: Vec<Subject>,
}

impl Class {
    fn assemble(book: Book, sources: Sources, args: &args::Lesson) -> Result<Self, Trouble> {
        let scene = Scene::build(&sources).map_err(failed)?;
        let found = python::find(args.python.as_deref(), &scene.folder);
        let python = found.map_err(|why| Trouble::new(Exit::Usage, why))?;
        let can_run = |subject: &Subject| !subject.is_python() || python.is_some();
        let subjects = Subject::ALL.iter().copied().filter(can_run);
        let subjects = subjects.filter(|subject| is_wanted(args, *subject)).collect();
        Ok(Self { book, sources, scene, python, subjects })
    }

    fn stands(&self) -> Vec<Stand> {
        let python = self.python.as_deref().unwrap_or_default();
        let stand = |subject| Stand::new(subject, self.scene.command(subject, python));
        self.subjects.iter().copied().map(stand).collect()
    }

    fn welcome(&self) -> Result<(), Trouble> {
        let flaws = self.book.lessons.len();
        say(&wrapped(&format!(
            "{flaws} flaws of MCP servers. A host was tricked into calls that nobody wanted; they are made \
             for real, and an attack counts when its effect is there: a planted secret that came back, a file, \
             a changed database."
        )))?;
        say("")?;
        for subject in Subject::ALL {
            let missing =
                if self.subjects.contains(subject) { "" } else { " (not run: no Python)" };
            say(&format!("  {:<13}{}{missing}", subject.file(), subject.about()))?;
        }
        Ok(())
    }

    fn teach(&self, args: &args::Lesson) -> Result<Played, Trouble> {
        let (mut stands, mut played) = (self.stands(), Played::default());
        let mut next = 0;
        while next < self.book.lessons.len() {
            if skips(args, self.book.lessons.get(next)) {
                next += 1;
                continue;
            }
            let chosen = if args.yes { Some(next) } else { self.choose(next, args.all)? };
            let Some(at) = chosen else { break };
            let Some(lesson) = self.book.lessons.get(at) else { break };
            self.one(at, lesson, &mut stands, &mut played)?;
            next = at + 1;
        }
        Ok(played)
    }

    /// Which lesson the person wants: the next one, one by its number unless all are wanted, or none.
    fn choose(&self, next: usize, all: bool) -> Result<Option<usize>, Trouble> {
        let title = self.book.lessons.get(next).map_or("", |lesson| lesson.title.as_str());
        let other = if all { "" } else { ", a number for another lesson" };
        loop {
            let number = next + 1;
            style::print(&format!("\nEnter for lesson {number}, {title}{other}, q to stop: "))?;
            let mut line = String::new();
            let read = std::io::stdin().lock().read_line(&mut line);
            if read.map_err(|error| Trouble::failed(&error))? == 0 {
                return Ok(None);
            }
            match (line.trim(), line.trim().parse::<usize>()) {
                ("q" | "quit", _) => return Ok(None),
                ("", _) => return Ok(Some(next)),
                (_, Ok(number)) if !all && (1..=self.book.lessons.len()).contains(&number) => {
                    return Ok(Some(number - 1));
                }
                _ => {}
            }
        }
    }

    fn one(
        &self,
        at: usize,
        lesson: &Lesson,
        stands: &mut [Stand],
        played: &mut Played,
    ) -> Result<(), Trouble> {
        let head = format!("\n{}. {} ({})", at + 1, lesson.title, lesson.rank.as_str());
        say(&style::bold(&head))?;
        say(&format!("{}\n", wrapped(&format!("The host {}.", lesson.attack))))?;
        for call in &lesson.calls {
            let arguments = serde_json::Value::Object(call.arguments.clone());
            say(&format!("  {} {arguments}", call.tool))?;
        }
        if lesson.calls.is_empty() {
            say("  tools/list")?;
        }
        say("")?;
        for stand in stands {
            let outcome = stand.attacked(lesson, &self.book, &self.scene);
            say(&self.result(lesson, stand.subject, &outcome))?;
            played.add(lesson, stand.subject, outcome);
        }
        say(&format!("\n{}", wrapped(&lesson.why)))?;
        say("")?;
        for &subject in Subject::ALL {
            if let Some((line, code)) = self.sources.line(subject, &lesson.id) {
                say(&format!("  {:<16} {code}", format!("{}:{line}", subject.file())))?;
            }
        }
        Ok(())
    }

    fn result(&self, lesson: &Lesson, subject: Subject, outcome: &Outcome) -> String {
        let what = match outcome {
            Outcome::Fell(evidence) => evidence.as_str(),
            Outcome::Held => "no effect; an honest call still works",
            Outcome::Dead(why) => why.as_str(),
        };
        let expected = lesson.falls.contains(&subject) == matches!(outcome, Outcome::Fell(_));
        let mark = if expected { "" } else { " (not as expected)" };
        format!("  {:<13}{}  {what}{mark}", subject.file(), outcome.word())
    }

    /// The table, the sum, and how it ends.
    fn close(&self, played: &Played) -> Result<Exit, Trouble> {
        say("")?;
        self.table(played).print()?;
        say("")?;
        for &subject in &self.subjects {
            if let Some((fell, all)) = played.score(&self.book, subject) {
                say(&format!("{fell} of {all} attacks succeeded on {}", subject.file()))?;
            }
        }
        let complaints = played.complaints(&self.book);
        if !complaints.is_empty() {
            return Err(Trouble { exit: Exit::Failed, said: complaints });
        }
        match self.python {
            Some(_) => Ok(Exit::Clean),
            None => Err(Trouble::new(Exit::Nothing, python::ADVICE)),
        }
    }

    fn table(&self, played: &Played) -> Table {
        let files: Vec<_> = self.subjects.iter().map(|subject| subject.file()).collect();
        let mut table = Table::new(&[&["lesson", "rank"], files.as_slice()].concat());
        for lesson in &self.book.lessons {
            let words = self.subjects.iter().map(|&subject| {
                played.outcome(lesson, subject).map_or("-", Outcome::word).to_owned()
            });
            let head = [lesson.title.clone(), lesson.rank.as_str().to_owned()];
            table.row(head.into_iter().chain(words).collect());
        }
        table
    }
}

fn say(line: &str) -> Result<(), Trouble> {
    style::print(&format!("{line}\n"))
}

/// Lines of words, as wide as a terminal likes them.
fn wrapped(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}
