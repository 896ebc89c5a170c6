//! Rust text with its comments and literals blanked out, so that a rule sees code only.

/// The same text, line for line: what stood in a comment, a string or a character is spaces.
pub(crate) fn only(text: &str) -> String {
    let source: Vec<char> = text.chars().collect();
    let mut reader = Reader { source: &source, at: 0, out: String::with_capacity(text.len()) };
    while reader.at < source.len() {
        reader.next();
    }
    reader.out
}

struct Reader<'a> {
    source: &'a [char],
    at: usize,
    out: String,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> char {
        self.source.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn keep(&mut self) {
        self.out.push(self.peek(0));
        self.at += 1;
    }

    fn blank(&mut self, count: usize) {
        for _ in 0..count.min(self.source.len() - self.at) {
            self.out.push(if self.peek(0) == '\n' { '\n' } else { ' ' });
            self.at += 1;
        }
    }

    fn next(&mut self) {
        match (self.peek(0), self.peek(1)) {
            ('/', '/') => self.until(|reader| reader.peek(0) == '\n'),
            ('/', '*') => self.block(),
            ('"', _) => self.string(),
            ('r', '"' | '#') if !self.inside_word() && self.raw_marks().is_some() => self.raw(),
            ('\'', '\\') => {
                self.blank(3);
                self.until(|reader| reader.peek(0) == '\'');
                self.blank(1);
            }
            ('\'', _) if self.peek(2) == '\'' => self.blank(3),
            _ => self.keep(),
        }
    }

    fn until(&mut self, end: impl Fn(&Self) -> bool) {
        while self.at < self.source.len() && !end(self) {
            self.blank(1);
        }
    }

    fn block(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.source.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    self.blank(1);
                    continue;
                }
            }
            self.blank(2);
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.blank(1);
        while self.at < self.source.len() && self.peek(0) != '"' {
            self.blank(if self.peek(0) == '\\' { 2 } else { 1 });
        }
        self.blank(1);
    }

    /// After a letter (except the `b` of a byte string), an `r` is part of a name.
    fn inside_word(&self) -> bool {
        let before = |back: usize| {
            let c = self.at.checked_sub(back).and_then(|at| self.source.get(at)).copied();
            c.is_some_and(|c| c.is_alphanumeric() || c == '_')
        };
        let byte = self.at.checked_sub(1).and_then(|at| self.source.get(at)) == Some(&'b');
        before(1) && (before(2) || !byte)
    }

    /// How many `#` open the raw string here, if one does.
    fn raw_marks(&self) -> Option<usize> {
        let marks = (1..).take_while(|ahead| self.peek(*ahead) == '#').count();
        (self.peek(marks + 1) == '"').then_some(marks)
    }

    fn raw(&mut self) {
        let marks = self.raw_marks().unwrap_or_default();
        self.blank(marks + 2);
        let ends = |reader: &Self| {
            reader.peek(0) == '"' && (1..=marks).all(|ahead| reader.peek(ahead) == '#')
        };
        self.until(ends);
        self.blank(marks + 1);
    }
}

/// Where a word stands alone: the line of each place, from 1.
pub(crate) fn lines_with_word(code: &str, word: &str) -> Vec<usize> {
    let is_word = |line: &str| {
        line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|found| found == word)
    };
    code.lines().enumerate().filter(|(_, line)| is_word(line)).map(|(at, _)| at + 1).collect()
}

/// A function: its name, its first line from 1, and how many lines of its body hold code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) lines: usize,
}

/// Every function with a body; `code` is what [`only`] returned.
pub(crate) fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + 3..];
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if let (false, Some(lines)) = (name.is_empty(), body_lines(rest)) {
            let line = code[..at].matches('\n').count() + 1;
            found.push(Function { name, line, lines });
        }
    }
    found
}

/// How many lines between the braces hold code; nothing when a `;` comes first.
fn body_lines(rest: &str) -> Option<usize> {
    let (mut round, mut depth, mut body) = (0_i32, 0_i32, None);
    for (at, c) in rest.char_indices() {
        match c {
            '(' | '[' => round += 1,
            ')' | ']' => round -= 1,
            ';' if body.is_none() && round == 0 => return None,
            '{' => {
                depth += 1;
                if round == 0 {
                    body.get_or_insert(at + 1);
                }
            }
            '}' => {
                depth -= 1;
                if let (0, Some(from)) = (depth, body) {
                    let text = &rest[from..at];
                    return Some(text.lines().filter(|line| !line.trim().is_empty()).count());
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_comments_are_blank() {
        let table = [
            ("a // unsafe\nb", "a          \nb"),
            ("a /* x /* y */ z */ b", "a                   b"),
            (r#"f("a \" b")"#, "f(        )"),
            ("f('x', '\\'', 'a)", "f(   ,     , 'a)"),
            ("r#\"un\"safe\"#;", "            ;"),
            ("for x in br\"a\" {}", "for x in b     {}"),
        ];
        for (text, expected) in table {
            assert_eq!(only(text), expected, "{text}");
        }
    }

    #[test]
    fn a_function_is_measured() {
        let code = "fn a();\nfn b(x: [u8; 2]) -> u8 {\n    1;\n\n    { 2 }\n}\nfn c() {}\n";
        let function = |name: &str, line, lines| Function { name: name.into(), line, lines };
        assert_eq!(functions(code), [function("b", 2, 2), function("c", 7, 0)]);
    }
}
