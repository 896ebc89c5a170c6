//! Every Rust file opens by saying what it is.

use super::Complaint;
use crate::repo::Tree;

/// The first line is `//! …`.
pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let silent = |text: &str| {
        let words = text.lines().next().and_then(|line| line.strip_prefix("//!"));
        words.is_none_or(|words| words.trim().is_empty())
    };
    let files = tree.rust().filter(|file| silent(&file.text));
    let what = "the file opens with a `//!` line that says what it is";
    files.map(|file| Complaint::new("opening", &file.path, 1, what)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_file_is_found() {
        let tree = Tree::of(&[
            ("good.rs", "//! Does this.\nfn a() {}"),
            ("late.rs", "use a;\n//! Does this.\n"),
            ("mute.rs", "//!\nfn a() {}"),
            ("empty.rs", ""),
            ("other.md", "text"),
        ]);
        let files: Vec<_> = check(&tree).into_iter().map(|complaint| complaint.file).collect();
        assert_eq!(files, ["late.rs", "mute.rs", "empty.rs"]);
    }
}
