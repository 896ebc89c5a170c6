//! YAML, as a tree like the others: the first document, with what its aliases stand for.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::tree::{Broken, DEEPEST, MOST, Member, Node, Spot, Value};

/// What takes in the members of another table.
const MERGE: &str = "<<";

pub(super) fn read(text: &str) -> Result<Node, Broken> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| Broken::at(spot(error.marker()), error.info()))?;
        if let Some(node) = builder.take(event, spot(&span.start))? {
            return Ok(node);
        }
    }
    Err(Broken::at(Spot { line: 1, column: 1 }, "the file is empty"))
}

fn spot(mark: &Marker) -> Spot {
    let number = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
    Spot { line: number(mark.line()), column: number(mark.col().saturating_add(1)) }
}

/// A list or a table that is not finished.
struct Open {
    spot: Spot,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    /// Its members, and a name that waits for its value.
    Table(Vec<Member>, Option<(String, Spot)>),
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    values: usize,
}

impl Builder {
    /// The whole document, when this was its end.
    fn take(&mut self, event: Event<'_>, spot: Spot) -> Result<Option<Node>, Broken> {
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let value = if plain { plain_value(&text) } else { Value::Text(text.to_string()) };
                (Node { spot, value }, anchor)
            }
            Event::SequenceStart(anchor, _) => {
                self.begin(spot, anchor, Content::List(Vec::new()))?;
                return Ok(None);
            }
            Event::MappingStart(anchor, _) => {
                self.begin(spot, anchor, Content::Table(Vec::new(), None))?;
                return Ok(None);
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => {
                    let anchor = open.anchor;
                    (open.node(), anchor)
                }
                None => return Ok(None),
            },
            Event::Alias(anchor) => {
                let known = self.anchors.get(&anchor).cloned();
                let node = known.ok_or_else(|| Broken::at(spot, "an alias of nothing"))?;
                self.count(node.size(), spot)?;
                (node, 0)
            }
            _ => return Ok(None),
        };
        self.count(1, spot)?;
        if anchor > 0 {
            self.count(node.size(), spot)?;
            self.anchors.insert(anchor, node.clone());
        }
        self.add(node)
    }

    fn begin(&mut self, spot: Spot, anchor: usize, content: Content) -> Result<(), Broken> {
        if self.open.len() > DEEPEST {
            return Err(Broken::at(spot, "nested too deeply"));
        }
        self.open.push(Open { spot, anchor, content });
        Ok(())
    }

    /// Copies count too: a few aliases of aliases are more than any machine holds.
    fn count(&mut self, more: usize, spot: Spot) -> Result<(), Broken> {
        self.values = self.values.saturating_add(more);
        if self.values > MOST { Err(Broken::at(spot, "too many values")) } else { Ok(()) }
    }

    fn add(&mut self, node: Node) -> Result<Option<Node>, Broken> {
        let Some(open) = self.open.last_mut() else { return Ok(Some(node)) };
        match &mut open.content {
            Content::List(items) => items.push(node),
            Content::Table(members, waiting) => match waiting.take() {
                None => {
                    let name = node.word().ok_or_else(|| {
                        Broken::at(node.spot, "a name that is no text belongs to no host's config")
                    })?;
                    *waiting = Some((name, node.spot));
                }
                Some((name, _)) if name == MERGE && node.is_table() => {
                    members.extend(node.into_members());
                }
                Some((name, spot)) => members.push(Member { name, spot, node }),
            },
        }
        Ok(None)
    }
}

impl Open {
    fn node(self) -> Node {
        let value = match self.content {
            Content::List(items) => Value::List(items),
            Content::Table(members, _) => Value::Table(members),
        };
        Node { spot: self.spot, value }
    }
}

/// A word without quotes, by the core schema of YAML 1.2.
fn plain_value(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Nothing,
        "true" | "True" | "TRUE" => Value::Flag(true),
        "false" | "False" | "FALSE" => Value::Flag(false),
        number if number.parse::<f64>().is_ok_and(f64::is_finite) => Value::Number(text.to_owned()),
        _ => Value::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_lists_and_aliases_are_read() {
        let text = "base: &base\n  type: stdio\nextensions:\n  one:\n    <<: *base\n    cmd: npx\n    args: ['-y', x]\n    enabled: true\n";
        let node = read(text).unwrap();
        let one = node.get("extensions").unwrap().get("one").unwrap();
        assert_eq!(one.get("type").unwrap().text(), Some("stdio"));
        assert_eq!(one.get("cmd").unwrap().text(), Some("npx"));
        assert_eq!(one.get("enabled").unwrap().flag(), Some(true));
        assert_eq!(one.get("args").unwrap().items()[1].spot, Spot { line: 7, column: 18 });
    }

    #[test]
    fn what_is_broken_is_said() {
        let told = |text: &str| read(text).map(|_| String::new()).unwrap_or_else(|it| it.why);
        assert!(!told("a: [1, 2\nb: 3\n").is_empty());
        assert_eq!(told(""), "the file is empty");
        let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (this, that) in "bcdefghij".chars().zip("abcdefghi".chars()) {
            let ten = vec![format!("*{that}"); 10].join(", ");
            bomb.push_str(&format!("{this}: &{this} [{ten}]\n"));
        }
        assert_eq!(told(&bomb), "too many values");
        assert_eq!(told(&"[".repeat(2000)), "recursion limit exceeded");
        assert_eq!(told(&"- ".repeat(100)), "nested too deeply");
    }
}
