//! What may stand in no file: somebody's machine, and work that was put off.

use super::Complaint;
use crate::repo::Tree;

/// Each in two pieces, so that this file does not hold them.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("/wor", "k/", "a path of somebody's machine"),
    ("/roo", "t/", "a path of somebody's machine"),
    ("/far", "m", "a path of somebody's machine"),
    ("://regi", "stry.", "a registry's host: the reader's own client knows where its packages are"),
    ("://ind", "ex.", "a registry's host: the reader's own client knows where its packages are"),
    ("\"resol", "ved\": \"http", "a lock file that names a host"),
    ("TO", "DO", "work that was put off: file it, or do it"),
    ("FIX", "ME", "work that was put off: file it, or do it"),
    ("unimpl", "emented!", "work that was put off: answer with an error"),
    ("tod", "o!(", "work that was put off: answer with an error"),
];

/// Cargo writes where it got things from, the same for everybody.
const NOT_HERE: &[&str] = &["Cargo.lock", "fuzz/Cargo.lock"];

/// Looks in every file that is text.
pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in tree.files.iter().filter(|file| !NOT_HERE.contains(&file.path.as_str())) {
        for (head, tail, why) in FORBIDDEN {
            let word = format!("{head}{tail}");
            for (at, _) in file.text.lines().enumerate().filter(|(_, line)| holds(line, &word)) {
                let what = format!("`{word}` is {why}");
                complaints.push(Complaint::new("words", &file.path, at + 1, what));
            }
        }
    }
    complaints
}

/// A word of letters must stand alone, and a path must begin there.
fn holds(line: &str, word: &str) -> bool {
    if word.chars().all(|c| c.is_ascii_uppercase()) {
        return line.split(|c: char| !c.is_alphanumeric()).any(|found| found == word);
    }
    let begins = |at: usize| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '*' | '}'))
    };
    line.match_indices(word).any(|(at, _)| !word.starts_with('/') || begins(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found() {
        for (head, tail, _) in FORBIDDEN {
            let text = format!("fine\na {head}{tail} b\n");
            let found = check(&Tree::of(&[("a.txt", &text)]));
            assert!(found.iter().any(|it| it.line == 2), "{head}{tail}: {found:?}");
        }
        assert_eq!(check(&Tree::of(&[("a.md", "methods, a workshop, todos\n")])), []);
        let inside = format!("/proc/1{}{}", "/roo", "t/etc");
        assert_eq!(check(&Tree::of(&[("a.md", &inside)])), []);
    }
}
