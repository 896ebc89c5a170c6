//! What a person changed of a question: both, line by line, nothing cut, nothing hidden.

use crate::card::rows;

/// More lines than this, times as many, are not compared one by one.
const MOST: usize = 4_000_000;

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is in both.
    Stays,
    /// It was asked, and does not go on.
    Goes,
    /// It was not asked, and goes on.
    Comes,
}

impl Mark {
    /// The letter in front of the line.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Stays => ' ',
            Self::Goes => '-',
            Self::Comes => '+',
        }
    }
}

/// Two JSON texts as the lines of both.
#[must_use]
pub fn changes(before: &str, after: &str) -> Vec<(Mark, String)> {
    let (before, after) = (rows(before), rows(after));
    let first = before.iter().zip(&after).take_while(|(one, other)| one == other).count();
    let (old, new) = (before.get(first..).unwrap_or(&[]), after.get(first..).unwrap_or(&[]));
    let last = old.iter().rev().zip(new.iter().rev()).take_while(|(one, other)| one == other);
    let last = last.count();
    let middle = |all: &'_ [String]| all.get(..all.len() - last).unwrap_or(&[]).to_vec();
    let mut told: Vec<(Mark, String)> =
        before.iter().take(first).map(|row| (Mark::Stays, row.clone())).collect();
    told.extend(compared(&middle(old), &middle(new)));
    let end = before.iter().skip(before.len() - last);
    told.extend(end.map(|row| (Mark::Stays, row.clone())));
    told
}

/// The longest common lines stay.
fn compared(old: &[String], new: &[String]) -> Vec<(Mark, String)> {
    let goes = |row: &String| (Mark::Goes, row.clone());
    let comes = |row: &String| (Mark::Comes, row.clone());
    if old.len().saturating_mul(new.len()) > MOST {
        return old.iter().map(goes).chain(new.iter().map(comes)).collect();
    }
    // `best[i][j]`: how many lines `old[i..]` and `new[j..]` have in common.
    let mut best = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    let at = |best: &[Vec<u32>], i: usize, j: usize| {
        best.get(i).and_then(|row| row.get(j)).copied().unwrap_or(0)
    };
    for (i, one) in old.iter().enumerate().rev() {
        for (j, other) in new.iter().enumerate().rev() {
            let common = if one == other {
                at(&best, i + 1, j + 1) + 1
            } else {
                at(&best, i + 1, j).max(at(&best, i, j + 1))
            };
            if let Some(slot) = best.get_mut(i).and_then(|row| row.get_mut(j)) {
                *slot = common;
            }
        }
    }
    let (mut i, mut j, mut told) = (0, 0, Vec::new());
    loop {
        match (old.get(i), new.get(j)) {
            (Some(one), Some(other)) if one == other => {
                told.push((Mark::Stays, one.clone()));
                (i, j) = (i + 1, j + 1);
            }
            (Some(one), Some(_)) if at(&best, i + 1, j) >= at(&best, i, j + 1) => {
                told.push(goes(one));
                i += 1;
            }
            (_, Some(other)) => {
                told.push(comes(other));
                j += 1;
            }
            (Some(one), None) => {
                told.push(goes(one));
                i += 1;
            }
            (None, None) => return told,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(before: &str, after: &str) -> String {
        let line = |(mark, row): (Mark, String)| format!("{}{row}\n", mark.letter());
        changes(before, after).into_iter().map(line).collect()
    }

    #[test]
    fn both_stand_there_whole() {
        let before = r#"{"maxTokens":100,"messages":["a","b","c"],"systemPrompt":"x"}"#;
        let after = r#"{"maxTokens":5,"messages":["a","c"],"systemPrompt":"x"}"#;
        let expect = concat!(
            " {\n-  \"maxTokens\": 100,\n+  \"maxTokens\": 5,\n   \"messages\": [\n     \"a\",\n",
            "-    \"b\",\n     \"c\"\n   ],\n   \"systemPrompt\": \"x\"\n }\n",
        );
        assert_eq!(told(before, after), expect);
        for (before, after) in [("[]", "[1]"), ("[1,2]", "[]"), ("[1]", "[1]"), ("[1]", "[1,1]")] {
            let text = told(before, after);
            let of = |drop: char| {
                let lines = text.lines().filter(|line| !line.starts_with(drop));
                lines.map(|line| line[1..].to_owned()).collect::<Vec<_>>()
            };
            assert_eq!((of('+'), of('-')), (rows(before), rows(after)), "{before} {after}");
        }
    }

    #[test]
    fn nothing_hides_in_an_edit() {
        let text = told(r#"["a"]"#, "[\"a\u{202e}b\u{1b}[2J\"]");
        assert!(text.contains("+  \"a\\u{202e}b\\u{1b}[2J\""), "{text}");
    }
}
