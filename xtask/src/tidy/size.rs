//! No file and no function gets away.

use super::{Complaint, code};
use crate::repo::Tree;

const FILE: usize = 600;
const FUNCTION: usize = 80;

/// Lines of a file, and lines with code of a function's body.
pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in tree.rust() {
        let mut complain =
            |line, what: String| complaints.push(Complaint::new("size", &file.path, line, what));
        let lines = file.text.lines().count();
        if lines > FILE {
            complain(0, format!("{lines} lines; {FILE} is the most: divide it by what it knows"));
        }
        let code = code::only(&file.text);
        let long = |it: &&code::Function| it.lines > FUNCTION && !excused(&file.text, it.line);
        for function in code::functions(&code).iter().filter(long) {
            let (name, lines) = (&function.name, function.lines);
            complain(function.line, format!("`{name}` has {lines} lines; {FUNCTION} is the most"));
        }
    }
    complaints
}

/// Whether an attribute above the function says why it is long; clippy holds it to that.
fn excused(text: &str, line: usize) -> bool {
    let above: Vec<&str> = text.lines().take(line.saturating_sub(1)).collect();
    let attributes = above.iter().rev().take_while(|line| {
        let line = line.trim();
        !line.is_empty() && !line.ends_with('}') && !line.ends_with(';')
    });
    attributes.into_iter().any(|line| line.contains("clippy::too_many_lines"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_found() {
        let long = format!("//! x\n{}", "// line\n".repeat(FILE));
        let body = |count| format!("//! x\nfn big() {{\n{}}}\n", "    go();\n".repeat(count));
        let reason = "#[expect(clippy::too_many_lines, reason = \"a table\")]";
        let excused = body(81).replace("fn big", &format!("{reason}\nfn big"));
        let tree = Tree::of(&[
            ("a.rs", &long),
            ("b.rs", &body(80)),
            ("c.rs", &body(81)),
            ("d.rs", &excused),
        ]);
        let found: Vec<_> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "a.rs: 601 lines; 600 is the most: divide it by what it knows [size]",
                "c.rs:2: `big` has 81 lines; 80 is the most [size]",
            ]
        );
    }
}
