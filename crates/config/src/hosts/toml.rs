//! TOML, as a tree like the others.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::tree::{Broken, DEEPEST, MOST, Member, Node, Spot, Spots, Value};

pub(super) fn read(text: &str) -> Result<Node, Broken> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let spots = Spots::new(text);
    let table = DeTable::parse(text).map_err(|error| {
        let spot = error.span().map_or_else(Spot::default, |span| spots.of(span.start));
        // The first line alone: the rest draws the file's own text.
        let why = error.message().lines().next().unwrap_or_default().to_owned();
        Broken::at(spot, why)
    })?;
    let mut reader = Reader { spots, values: 0 };
    let spot = Spot { line: 1, column: 1 };
    Ok(Node { spot, value: reader.table(table.get_ref(), spot, 0)? })
}

struct Reader<'t> {
    spots: Spots<'t>,
    values: usize,
}

impl Reader<'_> {
    fn node(&mut self, value: &Spanned<DeValue<'_>>, depth: usize) -> Result<Node, Broken> {
        let spot = self.spots.of(value.span().start);
        self.values = self.values.saturating_add(1);
        if depth > DEEPEST {
            return Err(Broken::at(spot, "nested too deeply"));
        }
        if self.values > MOST {
            return Err(Broken::at(spot, "too many values"));
        }
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Integer(number) => Value::Number(number.to_string()),
            DeValue::Float(number) => Value::Number(number.to_string()),
            DeValue::Datetime(moment) => Value::Text(moment.to_string()),
            DeValue::Array(items) => {
                let next = depth.saturating_add(1);
                let items = items.iter().map(|item| self.node(item, next));
                Value::List(items.collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => self.table(table, spot, depth)?,
        };
        Ok(Node { spot, value })
    }

    fn table(&mut self, table: &DeTable<'_>, _: Spot, depth: usize) -> Result<Value, Broken> {
        let mut members = Vec::new();
        for (name, value) in table {
            let spot = self.spots.of(name.span().start);
            let node = self.node(value, depth.saturating_add(1))?;
            members.push(Member { name: name.get_ref().to_string(), spot, node });
        }
        members.sort_by_key(|member| member.spot);
        Ok(Value::Table(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_keep_their_places() {
        let node = read("[mcp_servers.x]\ncommand = \"npx\"\nargs = [\"a\", 1]\n").unwrap();
        let server = node.get("mcp_servers").unwrap().get("x").unwrap();
        assert_eq!(server.get("command").unwrap().text(), Some("npx"));
        assert_eq!(server.members()[1].spot, Spot { line: 3, column: 1 });
        assert_eq!(server.get("args").unwrap().items()[1].word().as_deref(), Some("1"));
    }

    #[test]
    fn what_is_broken_is_said_with_its_place() {
        let told = |text: &str| read(text).map(|_| Spot::default()).unwrap_err().spot;
        assert_eq!(told("a = 1\nb = \n").line, 2);
        assert_eq!(told("a = 1\na = 2\n").line, 2);
        assert!(read(&format!("a = {}", "[".repeat(5000))).is_err());
    }
}
