//! What an edit changes, as a unified diff: the shortest way from one text to the
//! other, line by line (Myers 1986), as long as it is short.

use std::fmt::Write as _;

/// Lines around a change.
const AROUND: usize = 3;
/// Longer ways than this are shown as one block that goes and one that comes.
const FARTHEST: usize = 400;
/// Longest diff, in bytes.
const LONGEST: usize = 256 << 10;

/// A line and what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step<'a> {
    Stays(&'a str),
    Goes(&'a str),
    Comes(&'a str),
}

/// The diff between two states of a file; empty when there is none.
pub(super) fn unified(name: &str, old: &str, new: &str) -> String {
    if old == new {
        return String::new();
    }
    let (old, new): (Vec<_>, Vec<_>) =
        (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let steps = steps(&old, &new);
    let mut out = format!("--- {name}\n+++ {name}\n");
    let (mut at, mut old_line, mut new_line) = (0, 1, 1);
    while let Some(hunk) = next_hunk(&steps, at) {
        let skipped = steps.get(at..hunk.start).unwrap_or_default().len();
        (old_line, new_line) = (old_line + skipped, new_line + skipped);
        let lines = steps.get(hunk.clone()).unwrap_or_default();
        let had = lines.iter().filter(|it| !matches!(it, Step::Comes(_))).count();
        let has = lines.iter().filter(|it| !matches!(it, Step::Goes(_))).count();
        // An empty side is written as the line before it.
        let (from, to) = (old_line - usize::from(had == 0), new_line - usize::from(has == 0));
        // Writing to a String cannot fail.
        let _written = writeln!(out, "@@ -{from},{had} +{to},{has} @@");
        lines.iter().for_each(|step| line(&mut out, step));
        (old_line, new_line, at) = (old_line + had, new_line + has, hunk.end);
        if out.len() > LONGEST {
            out.truncate(out.floor_char_boundary(LONGEST));
            out.push_str("\n... and more\n");
            break;
        }
    }
    out
}

fn line(out: &mut String, step: &Step<'_>) {
    let (sign, text) = match step {
        Step::Stays(text) => (' ', text),
        Step::Goes(text) => ('-', text),
        Step::Comes(text) => ('+', text),
    };
    out.push(sign);
    out.push_str(text);
    if !text.ends_with('\n') {
        out.push_str("\n\\ No newline at end of file\n");
    }
}

/// The next lines that are shown, from a step on.
fn next_hunk(steps: &[Step<'_>], from: usize) -> Option<std::ops::Range<usize>> {
    let changes = |step: &Step<'_>| !matches!(step, Step::Stays(_));
    let rest = steps.get(from..)?;
    let first = from + rest.iter().position(changes)?;
    let mut last = first;
    for (at, step) in steps.iter().enumerate().skip(first) {
        if changes(step) {
            last = at;
        } else if at - last > 2 * AROUND {
            break;
        }
    }
    Some(first.saturating_sub(AROUND).max(from)..(last + 1 + AROUND).min(steps.len()))
}

fn steps<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Step<'a>> {
    let before = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let (old_rest, new_rest) = (slice(old, before, 0), slice(new, before, 0));
    let same_end = old_rest.iter().rev().zip(new_rest.iter().rev());
    let after = same_end.take_while(|(one, other)| one == other).count();
    let (gone, come) = (slice(old, before, after), slice(new, before, after));
    let mut out: Vec<Step<'a>> = old.iter().take(before).map(|line| Step::Stays(line)).collect();
    match shortest(gone, come) {
        Some(steps) => out.extend(steps),
        None => {
            out.extend(gone.iter().map(|line| Step::Goes(line)));
            out.extend(come.iter().map(|line| Step::Comes(line)));
        }
    }
    out.extend(old.iter().skip(old.len() - after).map(|line| Step::Stays(line)));
    out
}

fn slice<'s, 'a>(lines: &'s [&'a str], before: usize, after: usize) -> &'s [&'a str] {
    lines.get(before..lines.len().saturating_sub(after)).unwrap_or_default()
}

/// The shortest way, unless it is far. `reached[d]` holds for each diagonal how many old
/// lines the farthest way with `d` changes has passed.
fn shortest<'a>(old: &[&'a str], new: &[&'a str]) -> Option<Vec<Step<'a>>> {
    let mut reached: Vec<Vec<usize>> = Vec::new();
    for changes in 0..=FARTHEST.min(old.len() + new.len()) {
        let mut row = Vec::with_capacity(changes + 1);
        // Diagonal `at` is `2 * at - changes`: comes minus goes decide which one.
        for at in 0..=changes {
            let goes = changes - at;
            let mut passed = reached.last().map_or(0, |above| start(above, at, changes));
            let Some(mut seen) = (passed + at).checked_sub(goes) else {
                row.push(passed);
                continue;
            };
            while passed < old.len() && seen < new.len() && old.get(passed) == new.get(seen) {
                (passed, seen) = (passed + 1, seen + 1);
            }
            row.push(passed);
            if passed >= old.len() && seen >= new.len() {
                reached.push(row);
                return Some(back(old, new, &reached));
            }
        }
        reached.push(row);
    }
    None
}

/// Where a way with one change more begins on a diagonal: below one that has passed
/// a line more of the old, or beside one that has passed a line more of the new.
fn start(above: &[usize], at: usize, changes: usize) -> usize {
    let by_coming = at.checked_sub(1).and_then(|at| above.get(at)).copied();
    let by_going = above.get(at).filter(|_| at < changes).map(|passed| passed + 1);
    by_coming.max(by_going).unwrap_or(0)
}

/// The steps of the way that arrived, found from its end.
fn back<'a>(old: &[&'a str], new: &[&'a str], reached: &[Vec<usize>]) -> Vec<Step<'a>> {
    let (mut passed, mut seen) = (old.len(), new.len());
    let mut out = Vec::new();
    for changes in (1..reached.len()).rev() {
        // comes - goes = seen - passed, and comes + goes = changes.
        let at = (changes + seen).saturating_sub(passed) / 2;
        let above = reached.get(changes - 1).map_or(&[][..], Vec::as_slice);
        let begun = start(above, at, changes);
        while passed > begun {
            (passed, seen) = (passed - 1, seen - 1);
            out.extend(old.get(passed).map(|line| Step::Stays(line)));
        }
        // Of two ways that are as short, the one that goes before it comes.
        let coming = at.checked_sub(1).and_then(|at| above.get(at));
        if coming == Some(&begun) {
            seen -= 1;
            out.extend(new.get(seen).map(|line| Step::Comes(line)));
        } else {
            passed -= 1;
            out.extend(old.get(passed).map(|line| Step::Goes(line)));
        }
    }
    while passed > 0 {
        passed -= 1;
        out.extend(old.get(passed).map(|line| Step::Stays(line)));
    }
    out.reverse();
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hunks_are_what_everybody_reads() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl";
        let new = old.replace("b\n", "B\n").replace("k\nl", "k\nl\n");
        assert_eq!(
            unified("x", old, &new),
            "--- x\n+++ x\n@@ -1,5 +1,5 @@\n a\n-b\n+B\n c\n d\n e\n@@ -9,4 +9,4 @@\n i\n j\n k\n\
             -l\n\\ No newline at end of file\n+l\n"
        );
        assert_eq!(unified("x", "", "a\n"), "--- x\n+++ x\n@@ -0,0 +1,1 @@\n+a\n");
        assert_eq!(unified("x", "a\n", ""), "--- x\n+++ x\n@@ -1,1 +0,0 @@\n-a\n");
        assert_eq!(unified("x", "a", "a"), "");
    }

    fn text() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::vec("[abc]{0,1}\n", 0..12)
    }

    proptest! {
        /// What stays and goes is the old text, what stays and comes is the new one.
        #[test]
        fn the_steps_lead_from_one_to_the_other(old in text(), new in text()) {
            let lines = |text: &[String]| text.to_vec();
            let (old, new) = (lines(&old), lines(&new));
            let (old, new): (Vec<&str>, Vec<&str>) = (
                old.iter().map(String::as_str).collect(),
                new.iter().map(String::as_str).collect(),
            );
            let (mut was, mut is) = (Vec::new(), Vec::new());
            for step in steps(&old, &new) {
                match step {
                    Step::Stays(line) => { was.push(line); is.push(line); }
                    Step::Goes(line) => was.push(line),
                    Step::Comes(line) => is.push(line),
                }
            }
            prop_assert_eq!(was, old);
            prop_assert_eq!(is, new);
        }
    }
}
