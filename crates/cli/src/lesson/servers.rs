//! The servers of the lesson, and how a line of theirs is marked.
//!
//! `xtask` takes this file in as well, so that what is played and what the page tells
//! are one thing.

/// Each server: the name that `lesson.toml` uses, its file, what it is.
pub(crate) const SERVERS: [(&str, &str, &str); 4] = [
    ("careless", "careless.py", "three tools as many servers have them"),
    ("almost", "almost.py", "the same, repaired as people usually repair them"),
    ("hardened", "hardened.py", "the same, with what Python and the SDK offer"),
    ("hardened-kit", "hardened.rs", "the same, with our kit for Rust"),
];

/// The first line that a comment marks for this lesson: its number from 1, and its
/// code without the comment.
pub(crate) fn marked<'a>(source: &'a str, lesson: &str) -> Option<(usize, &'a str)> {
    source.lines().enumerate().find_map(|(at, line)| Some((at + 1, code(line, lesson)?)))
}

fn code<'a>(line: &'a str, lesson: &str) -> Option<&'a str> {
    let (code, marks) = line.split_once(" lesson: ")?;
    let here = marks.split(',').any(|mark| mark.trim() == lesson);
    here.then(|| code.trim_end_matches(['#', '/', ' ']).trim_start())
}

#[cfg(test)]
mod tests {
    use super::marked;

    #[test]
    fn a_mark_names_whole_lessons() {
        let python = "import x\n    open(x)  # lesson: any-path, race\n";
        assert_eq!(marked(python, "race"), Some((2, "open(x)")));
        assert_eq!(marked(python, "path"), None);
        assert_eq!(marked("    open(x)  // lesson: race", "race"), Some((1, "open(x)")));
        assert_eq!(marked("open(x)", "race"), None);
    }
}
