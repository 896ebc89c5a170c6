//! JSON as hosts read it: with comments, with commas before a closing bracket, with a byte order mark.

use super::tree::{Broken, DEEPEST, MOST, Member, Node, Spots, Value};

pub(super) fn read(text: &str) -> Result<Node, Broken> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { text, at: 0, spots: Spots::new(text), values: 0 };
    reader.gap()?;
    let node = reader.value(0)?;
    reader.gap()?;
    match reader.peek() {
        None => Ok(node),
        Some(_) => Err(reader.wrong("something stands behind the end")),
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    spots: Spots<'t>,
    values: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn step(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at = self.at.saturating_add(letter.len_utf8());
        Some(letter)
    }

    fn wrong(&self, why: &str) -> Broken {
        Broken::at(self.spots.of(self.at), why)
    }

    /// Spaces and comments.
    fn gap(&mut self) -> Result<(), Broken> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
            self.at = self.at.saturating_add(blank);
            let rest = self.rest();
            let comment = if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                match rest.find("*/") {
                    Some(end) => end.saturating_add(2),
                    None => return Err(self.wrong("a comment has no end")),
                }
            } else {
                return Ok(());
            };
            self.at = self.at.saturating_add(comment);
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, Broken> {
        self.values = self.values.saturating_add(1);
        if depth > DEEPEST {
            return Err(self.wrong("nested too deeply"));
        }
        if self.values > MOST {
            return Err(self.wrong("too many values"));
        }
        let spot = self.spots.of(self.at);
        let value = match self.peek() {
            Some('{') => self.table(depth)?,
            Some('[') => self.list(depth)?,
            Some('"') => Value::Text(self.text()?),
            Some(_) => self.plain()?,
            None => return Err(self.wrong("the file ends where a value belongs")),
        };
        Ok(Node { spot, value })
    }

    fn table(&mut self, depth: usize) -> Result<Value, Broken> {
        self.step();
        let mut members = Vec::new();
        loop {
            self.gap()?;
            if self.ends('}')? {
                return Ok(Value::Table(members));
            }
            let spot = self.spots.of(self.at);
            if self.peek() != Some('"') {
                return Err(self.wrong("a name in quotes belongs here"));
            }
            let name = self.text()?;
            self.gap()?;
            if self.peek() != Some(':') {
                return Err(self.wrong("`:` belongs here"));
            }
            self.step();
            self.gap()?;
            let node = self.value(depth.saturating_add(1))?;
            members.push(Member { name, spot, node });
            self.comma('}')?;
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, Broken> {
        self.step();
        let mut items = Vec::new();
        loop {
            self.gap()?;
            if self.ends(']')? {
                return Ok(Value::List(items));
            }
            items.push(self.value(depth.saturating_add(1))?);
            self.comma(']')?;
        }
    }

    fn ends(&mut self, with: char) -> Result<bool, Broken> {
        match self.peek() {
            Some(letter) if letter == with => {
                self.step();
                Ok(true)
            }
            Some(_) => Ok(false),
            None => Err(self.wrong(&format!("the file ends before `{with}`"))),
        }
    }

    /// A comma, or the end, which the caller takes.
    fn comma(&mut self, end: char) -> Result<(), Broken> {
        self.gap()?;
        match self.peek() {
            Some(',') => {
                self.step();
                Ok(())
            }
            Some(letter) if letter == end => Ok(()),
            None => Err(self.wrong(&format!("the file ends before `{end}`"))),
            Some(_) => Err(self.wrong(&format!("`,` or `{end}` belongs here"))),
        }
    }

    fn text(&mut self) -> Result<String, Broken> {
        let begin = self.at;
        self.step();
        let mut out = String::new();
        loop {
            match self.step() {
                Some('"') => return Ok(out),
                Some('\\') => out.push(self.escape()?),
                Some('\n') | None => {
                    self.at = begin;
                    return Err(self.wrong("a text has no end on its line"));
                }
                Some(letter) => out.push(letter),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Broken> {
        Ok(match self.step() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some(letter @ ('"' | '\\' | '/')) => letter,
            Some('u') => self.unicode()?,
            _ => return Err(self.wrong("no such escape")),
        })
    }

    fn unicode(&mut self) -> Result<char, Broken> {
        let first = self.four()?;
        let code = match first {
            0xD800..0xDC00 if self.rest().starts_with("\\u") => {
                self.at = self.at.saturating_add(2);
                match self.four()? {
                    second @ 0xDC00..0xE000 => {
                        0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)
                    }
                    _ => return Err(self.wrong("half of a letter")),
                }
            }
            other => other,
        };
        char::from_u32(code).ok_or_else(|| self.wrong("half of a letter"))
    }

    fn four(&mut self) -> Result<u32, Broken> {
        let digits = self.text.get(self.at..self.at.saturating_add(4)).unwrap_or_default();
        let plain = digits.len() == 4 && digits.bytes().all(|it| it.is_ascii_hexdigit());
        let code = u32::from_str_radix(digits, 16).ok().filter(|_| plain);
        let code = code.ok_or_else(|| self.wrong("four hexadecimal digits belong here"))?;
        self.at = self.at.saturating_add(4);
        Ok(code)
    }

    /// A number, `true`, `false` or `null`.
    fn plain(&mut self) -> Result<Value, Broken> {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
        let word = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        let value = match word {
            "true" => Value::Flag(true),
            "false" => Value::Flag(false),
            "null" => Value::Nothing,
            number if number.parse::<f64>().is_ok_and(f64::is_finite) => {
                Value::Number(number.to_owned())
            }
            _ => return Err(self.wrong("no value begins like this")),
        };
        self.at = self.at.saturating_add(word.len());
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str) -> String {
        read(text).map(|_| "read".to_owned()).unwrap_or_else(|broken| broken.to_string())
    }

    #[test]
    fn comments_and_late_commas_are_read() {
        let text =
            "\u{feff}// one\n{ /* two */ \"a\": [1, true, null, \"x\\u00e4\\ud83d\\ude00\",], }";
        let node = read(text).unwrap();
        let items = node.get("a").unwrap().items();
        assert_eq!(items.len(), 4);
        assert_eq!(items[3].text(), Some("x\u{e4}\u{1f600}"));
        assert_eq!((items[3].spot.line, items[3].spot.column), (2, 34));
    }

    #[test]
    fn what_is_broken_is_said_with_its_place() {
        for (text, said) in [
            ("", "line 1, column 1: the file ends where a value belongs"),
            ("{\n  \"a\": }", "line 2, column 8: no value begins like this"),
            ("{\"a\": 1", "line 1, column 8: the file ends before `}`"),
            ("{\"a\" 1}", "line 1, column 6: `:` belongs here"),
            ("{a: 1}", "line 1, column 2: a name in quotes belongs here"),
            ("{\"a\": \"x\n\"}", "line 1, column 7: a text has no end on its line"),
            ("[1 2]", "line 1, column 4: `,` or `]` belongs here"),
            ("{} {}", "line 1, column 4: something stands behind the end"),
            ("/* x", "line 1, column 1: a comment has no end"),
            ("\"\\ud800x\"", "line 1, column 8: half of a letter"),
            ("\"\\q\"", "line 1, column 4: no such escape"),
            ("nul", "line 1, column 1: no value begins like this"),
        ] {
            assert_eq!(broken(text), said, "{text}");
        }
        assert!(broken(&"[".repeat(100_000)).ends_with("nested too deeply"));
        assert!(broken(&format!("[{}]", "1,".repeat(MOST))).ends_with("too many values"));
    }
}
