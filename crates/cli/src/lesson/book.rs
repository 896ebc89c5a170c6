//! What is taught: `examples/lesson/lesson.toml` and the sources beside it, all of it in the binary.

#[cfg(debug_assertions)]
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::servers::{SERVERS, marked};

const LESSONS: &str = include_str!("../../../../examples/lesson/lesson.toml");

/// The whole lesson.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Book {
    /// What every server must answer.
    #[serde(rename = "benign")]
    pub(crate) benign: Vec<Benign>,
    /// One for each flaw, in the order in which they are taught.
    #[serde(rename = "lesson")]
    pub(crate) lessons: Vec<Lesson>,
}

/// A flaw, the attack on it, and why it is one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lesson {
    /// Its name, and the comment that marks the line.
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) rank: Rank,
    /// The servers on which the attack succeeds.
    pub(crate) falls: Vec<Subject>,
    /// The end of "the host …".
    pub(crate) attack: String,
    pub(crate) calls: Vec<Call>,
    pub(crate) effects: Vec<Effect>,
    #[serde(default)]
    pub(crate) during: Option<During>,
    /// Three sentences.
    pub(crate) why: String,
}

/// A call of a tool, with places to fill in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    pub(crate) tool: String,
    pub(crate) arguments: Map<String, Value>,
}

/// A call that is no attack.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Benign {
    pub(crate) tool: String,
    pub(crate) arguments: Map<String, Value>,
    /// What its answer holds.
    pub(crate) answer: String,
}

/// How bad a flaw usually is.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Rank {
    Critical,
    High,
    Medium,
}

impl Rank {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
        }
    }
}

/// How we know that an attack succeeded; each is looked at, never believed.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Effect {
    Secret,
    Canary,
    Database,
    Flood,
    Hints,
    HostPath,
    Swallowed,
}

/// What happens while the calls are made.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum During {
    Swap,
}

/// A server that is attacked.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subject {
    Careless,
    Almost,
    Hardened,
    HardenedKit,
}

impl Subject {
    /// In the order of the table.
    pub(crate) const ALL: &[Self] =
        &[Self::Careless, Self::Almost, Self::Hardened, Self::HardenedKit];

    /// Its source.
    pub(crate) fn file(self) -> &'static str {
        self.server().1
    }

    /// What it is, for people.
    pub(crate) fn about(self) -> &'static str {
        self.server().2
    }

    fn server(self) -> (&'static str, &'static str, &'static str) {
        let [careless, almost, hardened, kit] = SERVERS;
        match self {
            Self::Careless => careless,
            Self::Almost => almost,
            Self::Hardened => hardened,
            Self::HardenedKit => kit,
        }
    }

    /// Whether it needs an interpreter.
    pub(crate) fn is_python(self) -> bool {
        self.file().ends_with(".py")
    }

    fn embedded(self) -> &'static str {
        match self {
            Self::Careless => include_str!("../../../../examples/lesson/careless.py"),
            Self::Almost => include_str!("../../../../examples/lesson/almost.py"),
            Self::Hardened => include_str!("../../../../examples/lesson/hardened.py"),
            Self::HardenedKit => include_str!("../../../../examples/lesson/hardened.rs"),
        }
    }
}

/// The sources of the servers.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// Those that were changed.
    changed: Vec<(Subject, String)>,
}

impl Sources {
    /// Those of a directory where it has them: for tests that mend a server, or break one.
    #[cfg(debug_assertions)]
    pub(crate) fn of(folder: &Path) -> Self {
        let read = |subject: &Subject| {
            let text = std::fs::read_to_string(folder.join(subject.file())).ok()?;
            Some((*subject, text))
        };
        Self { changed: Subject::ALL.iter().filter_map(read).collect() }
    }

    pub(crate) fn text(&self, subject: Subject) -> &str {
        let changed = self.changed.iter().find(|(of, _)| *of == subject);
        changed.map_or_else(|| subject.embedded(), |(_, text)| text.as_str())
    }

    /// Where a lesson is in a source: the line from 1 and its code.
    pub(crate) fn line(&self, subject: Subject, lesson: &str) -> Option<(usize, &str)> {
        marked(self.text(subject), lesson)
    }
}

impl Book {
    /// The book in the binary.
    pub(crate) fn read() -> Result<Self, String> {
        toml::from_str(LESSONS).map_err(|error| format!("the lesson cannot be read: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lesson_has_a_line_in_every_source_and_three_sentences() {
        let (book, sources) = (Book::read().expect("a book"), Sources::default());
        for lesson in &book.lessons {
            for &subject in Subject::ALL {
                let line = sources.line(subject, &lesson.id);
                let line = line.unwrap_or_else(|| panic!("{} in {}", lesson.id, subject.file()));
                assert!(!line.1.is_empty() && !line.1.contains("lesson:"), "{line:?}");
            }
            assert_eq!(lesson.why.split(". ").count(), 3, "{}", lesson.id);
            assert!(lesson.falls.contains(&Subject::Careless), "{}", lesson.id);
            let holds = [Subject::Hardened, Subject::HardenedKit];
            assert!(holds.iter().all(|it| !lesson.falls.contains(it)), "{}", lesson.id);
        }
    }

    #[test]
    fn every_mark_is_of_a_lesson() {
        let (book, sources) = (Book::read().expect("a book"), Sources::default());
        for &subject in Subject::ALL {
            let marks =
                sources.text(subject).lines().filter_map(|line| line.split_once("lesson: "));
            for mark in marks.flat_map(|(_, marks)| marks.split(',')) {
                let known = book.lessons.iter().any(|lesson| lesson.id == mark.trim());
                assert!(known, "{mark} in {}", subject.file());
            }
        }
    }

    #[test]
    fn a_server_has_one_name() {
        for &subject in Subject::ALL {
            let name = Value::from(subject.server().0);
            assert_eq!(serde_json::from_value::<Subject>(name).ok(), Some(subject));
        }
    }
}
