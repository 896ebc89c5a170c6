//! Compares what happened with what was to happen: an attack that fails where it must succeed
//! proves as little as a server that is dead.

use super::book::{Book, Lesson, Subject};

/// What one attack came to on one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It succeeded; what shows it.
    Fell(String),
    /// It had no effect, and the server still serves.
    Held,
    /// The server could not be attacked, or did not serve afterwards; why.
    Dead(String),
}

impl Outcome {
    /// In a table.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Fell(_) => "FELL",
            Self::Held => "held",
            Self::Dead(_) => "dead",
        }
    }
}

/// What was played, in order.
#[derive(Debug, Default)]
pub(crate) struct Played {
    rows: Vec<(String, Subject, Outcome)>,
}

impl Played {
    pub(crate) fn add(&mut self, lesson: &Lesson, subject: Subject, outcome: Outcome) {
        self.rows.push((lesson.id.clone(), subject, outcome));
    }

    pub(crate) fn outcome(&self, lesson: &Lesson, subject: Subject) -> Option<&Outcome> {
        let mut rows = self.rows.iter().rev();
        let row = rows.find(|(id, of, _)| *id == lesson.id && *of == subject);
        row.map(|(_, _, outcome)| outcome)
    }

    /// What is not as the book says, one line each; what was not played is not judged.
    pub(crate) fn complaints(&self, book: &Book) -> Vec<String> {
        let mut complaints = Vec::new();
        for lesson in &book.lessons {
            for &subject in Subject::ALL {
                let outcome = self.outcome(lesson, subject);
                complaints.extend(outcome.and_then(|outcome| complaint(lesson, subject, outcome)));
            }
        }
        complaints
    }

    /// How many attacks succeeded on a server, of how many.
    pub(crate) fn score(&self, book: &Book, subject: Subject) -> Option<(usize, usize)> {
        let outcomes = book.lessons.iter().filter_map(|lesson| self.outcome(lesson, subject));
        let outcomes: Vec<_> = outcomes.collect();
        let fell = outcomes.iter().filter(|it| matches!(it, Outcome::Fell(_))).count();
        (!outcomes.is_empty()).then_some((fell, outcomes.len()))
    }
}

fn complaint(lesson: &Lesson, subject: Subject, outcome: &Outcome) -> Option<String> {
    let (file, title) = (subject.file(), &lesson.title);
    match (outcome, lesson.falls.contains(&subject)) {
        (Outcome::Fell(_), true) | (Outcome::Held, false) => None,
        (Outcome::Fell(evidence), false) => {
            Some(format!("`{title}`: {file} should have held, and fell: {evidence}"))
        }
        (Outcome::Held, true) => {
            Some(format!("`{title}`: the attack should have succeeded on {file}, and did not"))
        }
        (Outcome::Dead(why), _) => Some(format!("`{title}`: {file} does not serve: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the book wants it, with one exception.
    fn played(book: &Book, other: Option<(&str, Subject, Outcome)>) -> Played {
        let mut played = Played::default();
        for lesson in &book.lessons {
            for &subject in Subject::ALL {
                let falls = lesson.falls.contains(&subject);
                let outcome = if falls { Outcome::Fell("x".into()) } else { Outcome::Held };
                played.add(lesson, subject, outcome);
            }
        }
        if let Some((id, subject, outcome)) = other {
            played.rows.push((id.to_owned(), subject, outcome));
        }
        played
    }

    #[test]
    fn every_difference_is_a_complaint() {
        let book = Book::read().expect("a book");
        assert_eq!(played(&book, None).complaints(&book), [""; 0]);
        let fell = || Outcome::Fell("a secret".into());
        for (id, subject, outcome, says) in [
            ("any-path", Subject::Careless, Outcome::Held, "careless.py, and did not"),
            ("prefix", Subject::Almost, Outcome::Held, "almost.py, and did not"),
            ("shell", Subject::Almost, fell(), "almost.py should have held, and fell: a secret"),
            ("race", Subject::Hardened, fell(), "hardened.py should have held"),
            ("race", Subject::Hardened, Outcome::Dead("gone".into()), "does not serve: gone"),
            ("race", Subject::Careless, Outcome::Dead("gone".into()), "does not serve: gone"),
        ] {
            let complaints = played(&book, Some((id, subject, outcome))).complaints(&book);
            assert!(matches!(complaints.as_slice(), [one] if one.contains(says)), "{complaints:?}");
        }
    }

    #[test]
    fn what_was_not_played_is_not_judged() {
        let book = Book::read().expect("a book");
        assert_eq!(Played::default().complaints(&book), [""; 0]);
        assert_eq!(Played::default().score(&book, Subject::Careless), None);
        let all = book.lessons.len();
        assert_eq!(played(&book, None).score(&book, Subject::Careless), Some((all, all)));
    }
}
