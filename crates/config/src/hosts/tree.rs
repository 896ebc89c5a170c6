//! A file as it was written: tables, lists and texts with their places, whatever its form was.

use std::fmt;

/// Lists and tables in one another, at most.
pub(super) const DEEPEST: usize = 64;

/// Values in one file, at most: a person wrote it.
pub(super) const MOST: usize = 200_000;

/// A line and a column, from one; columns count characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// Why a file could not be read to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {}, column {}: {why}", spot.line, spot.column)]
pub struct Broken {
    /// Where.
    pub spot: Spot,
    /// What was wrong there.
    pub why: String,
}

impl Broken {
    pub(super) fn at(spot: Spot, why: impl Into<String>) -> Self {
        Self { spot, why: why.into() }
    }
}

/// One value. It may be a secret, so it is not printed.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) spot: Spot,
    pub(super) value: Value,
}

#[derive(Clone)]
pub(super) enum Value {
    Nothing,
    Flag(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    Table(Vec<Member>),
}

/// One member of a table, in the order of the file; a name may stand twice.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) spot: Spot,
    pub(super) node: Node,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({}:{})", self.spot.line, self.spot.column)
    }
}

impl Node {
    pub(super) fn members(&self) -> &[Member] {
        match &self.value {
            Value::Table(members) => members,
            _ => &[],
        }
    }

    #[cfg(test)]
    pub(super) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    pub(super) fn is_table(&self) -> bool {
        matches!(self.value, Value::Table(_))
    }

    pub(super) fn into_members(self) -> Vec<Member> {
        match self.value {
            Value::Table(members) => members,
            _ => Vec::new(),
        }
    }

    /// How many values it has, itself among them.
    pub(super) fn size(&self) -> usize {
        let below: usize = match &self.value {
            Value::List(items) => items.iter().map(Self::size).sum(),
            Value::Table(members) => members.iter().map(|it| it.node.size()).sum(),
            _ => 0,
        };
        below.saturating_add(1)
    }

    /// The member of a name. Of two the last counts, as in most hosts; that there are two is told apart.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        self.members().iter().rev().find(|member| member.name == name).map(|member| &member.node)
    }

    /// The first of these members that is there.
    pub(super) fn any(&self, names: &[&str]) -> Option<&Self> {
        names.iter().find_map(|name| self.get(name))
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn flag(&self) -> Option<bool> {
        match self.value {
            Value::Flag(flag) => Some(flag),
            _ => None,
        }
    }

    /// As a host makes a word of it.
    pub(super) fn word(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) | Value::Number(text) => Some(text.clone()),
            Value::Flag(flag) => Some(flag.to_string()),
            _ => None,
        }
    }
}

/// From bytes to lines and columns, without walking the whole text each time.
pub(super) struct Spots<'t> {
    text: &'t str,
    /// Where each block begins, as a byte and as a spot.
    blocks: Vec<(usize, Spot)>,
}

const BLOCK: usize = 512;

impl<'t> Spots<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut blocks = vec![(0, Spot { line: 1, column: 1 })];
        let mut spot = Spot { line: 1, column: 1 };
        let mut next = BLOCK;
        for (at, letter) in text.char_indices() {
            if at >= next {
                blocks.push((at, spot));
                next = at.saturating_add(BLOCK);
            }
            spot = after(spot, letter);
        }
        Self { text, blocks }
    }

    pub(super) fn of(&self, byte: usize) -> Spot {
        let block = self.blocks.partition_point(|(at, _)| *at <= byte).saturating_sub(1);
        let (from, mut spot) = self.blocks.get(block).copied().unwrap_or_default();
        let rest = self.text.get(from..byte).unwrap_or_default();
        for letter in rest.chars() {
            spot = after(spot, letter);
        }
        spot
    }
}

fn after(spot: Spot, letter: char) -> Spot {
    match letter {
        '\n' => Spot { line: spot.line.saturating_add(1), column: 1 },
        _ => Spot { line: spot.line, column: spot.column.saturating_add(1) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_has_a_line_and_a_column() {
        let text = format!("a\u{e4}b\n{}\nend", "x".repeat(2000));
        let spots = Spots::new(&text);
        for (word, line, column) in [("b", 1, 3), ("x", 2, 1), ("end", 3, 1), ("nd", 3, 2)] {
            let byte = text.find(word).unwrap();
            assert_eq!(spots.of(byte), Spot { line, column }, "{word}");
        }
        assert_eq!(spots.of(5 + 1500), Spot { line: 2, column: 1501 });
    }
}
