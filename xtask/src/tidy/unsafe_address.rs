//! `unsafe` has one address.

use super::{Complaint, code};
use crate::repo::Tree;

const ADDRESS: &str = "crates/confine/src/";

/// The word, in code, anywhere else.
pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let elsewhere = tree.rust().filter(|file| !file.path.starts_with(ADDRESS));
    let places = elsewhere.flat_map(|file| {
        let lines = code::lines_with_word(&code::only(&file.text), "unsafe");
        lines.into_iter().map(|line| (file.path.as_str(), line))
    });
    let what = "`unsafe` lives in crates/confine only";
    places.map(|(path, line)| Complaint::new("unsafe", path, line, what)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_in_code_only() {
        let tree = Tree::of(&[
            ("crates/confine/src/a.rs", "unsafe { go() }"),
            ("crates/wire/src/a.rs", "#![forbid(unsafe_code)]\n// unsafe\nlet x = \"unsafe\";"),
            ("crates/wire/src/b.rs", "fn a() {\n    unsafe { go() }\n}"),
        ]);
        let found: Vec<_> = check(&tree).into_iter().map(|it| (it.file, it.line)).collect();
        assert_eq!(found, [("crates/wire/src/b.rs".to_owned(), 2)]);
    }
}
