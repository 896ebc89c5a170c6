//! A link inside the repository leads somewhere.

use portcullis_casebook::anchor;

use super::Complaint;
use crate::repo::{File, Tree};

/// Every relative link of every Markdown file, with its anchor.
pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in tree.ending(".md") {
        for (at, line) in outside_blocks(&file.text) {
            for target in targets(line).into_iter().filter(|target| inside(target)) {
                if let Some(why) = broken(tree, file, &target) {
                    complaints.push(Complaint::new("links", &file.path, at, why));
                }
            }
        }
    }
    complaints
}

/// The targets of `[text](target)` in a line; what stands in backticks is not a link.
pub(super) fn targets(line: &str) -> Vec<String> {
    let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
    let ends = plain.split("](").skip(1);
    let whole = ends.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    whole.map(|target| target.split_whitespace().next().unwrap_or_default().to_owned()).collect()
}

fn inside(target: &str) -> bool {
    !target.contains("://") && !target.starts_with("mailto:")
}

fn outside_blocks(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    let numbered = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    numbered.filter(move |(_, line)| {
        let mark = line.trim_start().starts_with("```");
        fenced ^= mark;
        !fenced && !mark
    })
}

fn broken(tree: &Tree, file: &File, target: &str) -> Option<String> {
    let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
    let Some(place) = resolve(&file.path, path) else {
        return Some(format!("`{target}` leads out of the repository"));
    };
    if !place.is_empty() && !tree.has(&place) {
        return Some(format!("`{target}` leads to nothing"));
    }
    let text = tree.text(&place)?;
    let heading = |line: &str| {
        line.starts_with('#') && anchor(line.trim_start_matches('#').trim()) == fragment
    };
    let found = fragment.is_empty() || outside_blocks(text).any(|(_, line)| heading(line));
    (!found).then(|| format!("`{place}` has no heading `#{fragment}`"))
}

/// The path below the root; the file itself when there is none.
fn resolve(from: &str, path: &str) -> Option<String> {
    if path.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_nothing_is_found() {
        let text = "# Here I am\n[a](b.md) [b](../README.md#top) [c](#here-i-am) `[x](y)`\n\
            [d](gone.md) [e](#nowhere) [f](../../out.md) [g](https://example.com/z)\n\
            ```\n[h](also-gone.md)\n```\n[i](../docs/)\n";
        let files = [("docs/a.md", text), ("docs/b.md", "b"), ("README.md", "# Top\n")];
        let found: Vec<_> = check(&Tree::of(&files)).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "docs/a.md:3: `gone.md` leads to nothing [links]",
                "docs/a.md:3: `docs/a.md` has no heading `#nowhere` [links]",
                "docs/a.md:3: `../../out.md` leads out of the repository [links]",
            ]
        );
    }
}
