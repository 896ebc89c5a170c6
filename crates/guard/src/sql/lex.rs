//! The letters of a text: where literals begin and end, what is a comment, and
//! where parameters stand.
//!
//! Whatever two readers could take apart differently is refused here rather than
//! understood: a backslash before a quote, a comment in a comment, dollar quotes.
//! So there is little to agree on, and `tree` checks that the parser agrees.

use super::{Dialect, Unfit, Why};

/// How deep brackets may be nested.
pub(super) const DEEPEST: usize = 24;
/// How many words and operators there may be: a chain of them is as deep as a tree
/// can get, and a tree is dropped by recursion.
pub(super) const HEAVIEST: usize = 1_000;

/// How many joins: the parser calls itself for each, and nothing stops it.
pub(super) const JOINS: usize = 24;

/// A text without comments, its parameters replaced.
#[derive(Debug, Default)]
pub(super) struct Lexed {
    pub(super) text: String,
    /// Quoted things, in order: the mark and what stands between, as written.
    pub(super) quoted: Vec<(char, String)>,
    /// Which declared parameter each use is, in order.
    pub(super) uses: Vec<usize>,
    /// Each parameter once, in the order of its first use.
    pub(super) order: Vec<usize>,
    /// Unquoted words, in lower case.
    pub(super) words: Vec<String>,
}

/// Reads a text to its end.
pub(super) fn read(dialect: Dialect, text: &str, declared: &[&str]) -> Result<Lexed, Unfit> {
    if text.len() > Dialect::LONGEST {
        return Err(Why::TooLong.into());
    }
    let is_bad = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    if let Some((at, _)) = text.char_indices().find(|(_, c)| is_bad(*c)) {
        return Err(Why::Control.at(at));
    }
    let mut lexer = Lexer { dialect, declared, rest: text, whole: text.len(), ..Lexer::default() };
    while let Some(c) = lexer.peek() {
        let at = lexer.at();
        lexer.next(c).map_err(|why| why.at(at))?;
    }
    if lexer.out.text.trim().is_empty() {
        return Err(Why::Empty.into());
    }
    Ok(lexer.out)
}

struct Lexer<'t> {
    dialect: Dialect,
    declared: &'t [&'t str],
    rest: &'t str,
    whole: usize,
    out: Lexed,
    depth: usize,
    weight: usize,
    joins: usize,
    over: bool,
}

impl Default for Lexer<'_> {
    fn default() -> Self {
        Self {
            dialect: Dialect::Sqlite,
            declared: &[],
            rest: "",
            whole: 0,
            out: Lexed::default(),
            depth: 0,
            weight: 0,
            joins: 0,
            over: false,
        }
    }
}

impl<'t> Lexer<'t> {
    fn at(&self) -> usize {
        self.whole - self.rest.len()
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Takes what fits from the front.
    fn take(&mut self, fits: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|c| !fits(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn skip(&mut self, prefix: &str) -> bool {
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn next(&mut self, c: char) -> Result<(), Why> {
        if matches!(c, ' ' | '\t' | '\n' | '\r') {
            let space = self.take(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
            self.out.text.push_str(space);
            return Ok(());
        }
        if self.comment(c)? {
            // Two words that only a comment held apart stay two words.
            self.out.text.push(' ');
            return Ok(());
        }
        if c == ';' {
            self.skip(";");
            self.over = true;
            return Ok(());
        }
        if self.over {
            return Err(Why::Several);
        }
        match (c, self.dialect) {
            ('\'', _) => self.quote(c, '\'', "a string"),
            ('"', _) => self.quote(c, '"', "a quoted name"),
            ('`', Dialect::Sqlite | Dialect::MySql) => self.quote(c, '`', "a quoted name"),
            ('[', Dialect::Sqlite) => self.quote(c, ']', "a quoted name"),
            (':', _) => self.colon(),
            _ if c == '_' || c.is_alphanumeric() => self.word(),
            _ => self.symbol(c),
        }
    }

    /// Whether a comment stood there; it is gone now.
    fn comment(&mut self, c: char) -> Result<bool, Why> {
        if c == '-' && self.rest.starts_with("--") {
            let spaced = self.rest.strip_prefix("--").and_then(|rest| rest.chars().next());
            if self.dialect == Dialect::MySql && spaced.is_some_and(|c| !c.is_ascii_whitespace()) {
                return Err(Why::Dashes);
            }
            self.take(|c| c != '\n');
            return Ok(true);
        }
        if c == '#' && self.dialect == Dialect::MySql {
            self.take(|c| c != '\n');
            return Ok(true);
        }
        if !self.skip("/*") {
            return Ok(false);
        }
        if self.rest.starts_with('!') || self.rest.starts_with("M!") {
            return Err(Why::RunComment);
        }
        let (inside, rest) = self.rest.split_once("*/").ok_or(Why::Open("a comment"))?;
        if inside.contains("/*") {
            return Err(Why::CommentInComment);
        }
        self.rest = rest;
        Ok(true)
    }

    /// A string or a quoted name, to its end. The closing mark doubled is one of it,
    /// but for `]`, which SQLite cannot double.
    fn quote(&mut self, open: char, close: char, what: &'static str) -> Result<(), Why> {
        let mut chars = self.rest.char_indices().skip(1).peekable();
        let (mut slashes, mut end) = (0_usize, None);
        while let Some((at, c)) = chars.next() {
            if c == close {
                if slashes % 2 == 1 && self.dialect != Dialect::Sqlite {
                    return Err(Why::Backslash);
                }
                match chars.peek() {
                    Some((_, next)) if *next == close && close != ']' => drop(chars.next()),
                    _ => {
                        end = Some(at);
                        break;
                    }
                }
            }
            slashes = if c == '\\' { slashes + 1 } else { 0 };
        }
        let end = end.ok_or(Why::Open(what))?;
        let inside = self.rest.get(1..end).unwrap_or_default().to_owned();
        let (written, rest) = self.rest.split_at_checked(end + 1).unwrap_or((self.rest, ""));
        self.out.text.push_str(written);
        self.rest = rest;
        self.out.quoted.push((open, inside));
        if open != '\'' { self.weigh() } else { Ok(()) }
    }

    fn word(&mut self) -> Result<(), Why> {
        let word = self.take(|c| c == '_' || c.is_alphanumeric());
        // `ſelect` is a keyword to whoever folds letters, and a name to a database.
        let folds = |c: char| {
            !c.is_ascii() && c.to_uppercase().chain(c.to_lowercase()).any(|other| other.is_ascii())
        };
        if let Some(c) = word.chars().find(|c| folds(*c)) {
            return Err(Why::Character(c));
        }
        let lower = word.to_ascii_lowercase();
        if self.rest.starts_with('\'') || self.rest.starts_with('"') {
            match lower.as_str() {
                "e" => return Err(Why::Literal("E")),
                "r" | "q" | "nq" => return Err(Why::Literal("a letter before it")),
                intro if intro.starts_with('_') => return Err(Why::Literal("a character set")),
                _ => {}
            }
        }
        if lower == "u" && (self.rest.starts_with("&'") || self.rest.starts_with("&\"")) {
            return Err(Why::Literal("U&"));
        }
        self.out.text.push_str(word);
        // A long list of numbers is no deep tree.
        if lower.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(());
        }
        self.joins += usize::from(lower == "join" || lower == "straight_join");
        self.out.words.push(lower);
        if self.joins > JOINS { Err(Why::Joins) } else { self.weigh() }
    }

    /// `:name`, `::`, or the colon of a slice.
    fn colon(&mut self) -> Result<(), Why> {
        let postgres = self.dialect == Dialect::Postgres;
        if postgres && self.skip("::") {
            self.out.text.push_str("::");
            return if self.peek() == Some(':') { Err(Why::Character(':')) } else { self.weigh() };
        }
        self.skip(":");
        let named = self.peek().is_some_and(|c| c == '_' || c.is_ascii_alphabetic());
        let name = self.take(|c| named && (c == '_' || c.is_ascii_alphanumeric()));
        if name.is_empty() && postgres && !self.rest.starts_with(['=', ':']) {
            self.out.text.push(':');
            return self.weigh();
        }
        if name.is_empty() || self.peek().is_some_and(char::is_alphanumeric) {
            return Err(Why::Character(':'));
        }
        let place = self.declared.iter().position(|declared| *declared == name);
        self.parameter(place.ok_or_else(|| Why::Undeclared(shortened(name)))?);
        self.weigh()
    }

    fn parameter(&mut self, place: usize) {
        self.out.uses.push(place);
        if !self.out.order.contains(&place) {
            self.out.order.push(place);
        }
        let number = self.out.order.iter().position(|known| *known == place).unwrap_or_default();
        // A space on both sides: `:a:b` and `1:a` do not grow together.
        let written = match self.dialect {
            Dialect::Sqlite => format!(" ?{} ", number + 1),
            Dialect::Postgres => format!(" ${} ", number + 1),
            Dialect::MySql => " ? ".to_owned(),
        };
        self.out.text.push_str(&written);
    }

    fn symbol(&mut self, c: char) -> Result<(), Why> {
        let postgres = self.dialect == Dialect::Postgres;
        match c {
            '$' if postgres => return Err(Why::Literal("dollar signs")),
            '?' | '@' | '#' | '[' | ']' if !postgres => return Err(Why::Character(c)),
            '`' | '\\' | '{' | '}' | '$' => return Err(Why::Character(c)),
            _ if !c.is_ascii() => return Err(Why::Character(c)),
            '(' | '[' => self.depth += 1,
            ')' | ']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.out.text.push(c);
        self.rest = self.rest.strip_prefix(c).unwrap_or_default();
        if self.depth > DEEPEST {
            return Err(Why::TooDeep);
        }
        if matches!(c, ',' | ')') { Ok(()) } else { self.weigh() }
    }

    fn weigh(&mut self) -> Result<(), Why> {
        self.weight += 1;
        if self.weight > HEAVIEST { Err(Why::TooMany) } else { Ok(()) }
    }
}

/// At most as much of a word as anybody needs to find it.
pub(super) fn shortened(word: &str) -> String {
    word.chars().take(64).collect()
}
