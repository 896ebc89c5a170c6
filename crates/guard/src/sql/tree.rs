//! What a text does: a walk over its tree.
//!
//! The parser must find the literals that [`super::lex`] found. Then each node is
//! looked at: a statement inside a statement, a lock, a target, a function, a
//! relation. For a text that arrived with a call, what the walk does not know is
//! refused; for one that an operator wrote, what is known to be wrong.

use std::ops::ControlFlow;

use sqlparser::ast::{
    AccessExpr, Expr, FunctionArguments, Ident, Insert, ObjectName, ObjectNamePart, OnConflict,
    OnConflictAction, OnInsert, Query, Select, SetExpr, SqliteOnConflict, Statement, TableFactor,
    Value, ValueWithSpan, Visit, Visitor,
};
use sqlparser::dialect::{Dialect as Grammar, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::{Parser, ParserOptions};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::lex::{Lexed, shortened};
use super::{Dialect, Effect, Unfit, Why, functions};

/// How deep the parser may call itself.
const RECURSION: usize = 48;

/// How a query begins.
const FIRST: &[&str] =
    &["select", "with", "values", "insert", "update", "delete", "merge", "replace"];

/// Who wrote a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    /// The operator, in the configuration.
    Operator,
    /// Whoever makes the call.
    Stranger,
}

/// What the one statement of a text does.
pub(super) fn judge(dialect: Dialect, lexed: &Lexed, author: Author) -> Result<Effect, Unfit> {
    // The parser reads EXPLAIN of EXPLAIN, and a hundred statements that no query is.
    if !lexed.words.first().is_some_and(|word| FIRST.contains(&word.as_str())) {
        return Err(Why::Statement.into());
    }
    let statement = parse(dialect, lexed)?;
    let mut walk = Walk { dialect, author, effect: Effect::Reads, placeholders: 0 };
    if let ControlFlow::Break(why) = statement.visit(&mut walk) {
        return Err((*why).into());
    }
    if walk.placeholders != lexed.uses.len() {
        return Err(Why::NoValue.into());
    }
    // The same promise by the words alone: INTO is part of no reading.
    let into = |word: &String| matches!(word.as_str(), "into" | "outfile" | "dumpfile");
    if walk.effect == Effect::Reads && lexed.words.iter().any(into) {
        return Err(Why::Into.into());
    }
    Ok(walk.effect)
}

/// An insertion adds, unless it may take the place of a row that was there.
fn inserts(insert: &Insert) -> Effect {
    let replaces = insert.replace_into
        || insert.overwrite
        || matches!(insert.or, Some(SqliteOnConflict::Replace));
    let keeps = match &insert.on {
        None => true,
        Some(OnInsert::OnConflict(OnConflict { action, .. })) => {
            matches!(action, OnConflictAction::DoNothing)
        }
        Some(_) => false,
    };
    if keeps && !replaces { Effect::Adds } else { Effect::Writes }
}

fn parse(dialect: Dialect, lexed: &Lexed) -> Result<Statement, Unfit> {
    let grammar: &dyn Grammar = match dialect {
        Dialect::Sqlite => &SQLiteDialect {},
        Dialect::Postgres => &PostgreSqlDialect {},
        Dialect::MySql => &MySqlDialect {},
    };
    let wrong = |what: String| Why::Syntax { dialect: dialect.name(), what: tidy(&what) };
    let tokens = Tokenizer::new(grammar, &lexed.text).with_unescape(false).tokenize_with_location();
    let tokens = tokens.map_err(|error| wrong(error.to_string()))?;
    if !same_literals(&tokens, &lexed.quoted) {
        return Err(Why::TwoReadings.into());
    }
    let options = ParserOptions::new().with_unescape(false);
    let mut parser = Parser::new(grammar)
        .with_options(options)
        .with_recursion_limit(RECURSION)
        .with_tokens_with_locations(tokens);
    let mut statements = parser.parse_statements().map_err(|error| wrong(error.to_string()))?;
    let last = statements.pop().ok_or(Why::Empty)?;
    if statements.is_empty() { Ok(last) } else { Err(Why::Several.into()) }
}

/// A parser's complaint, without its prefix and without the literals that it quotes.
fn tidy(what: &str) -> String {
    let what = what.strip_prefix("sql parser error: ").unwrap_or(what);
    let what = what.split(['\'', '"']).next().unwrap_or_default();
    // Its lines and columns are of the text without comments.
    let what = what.split(" at Line:").next().unwrap_or_default();
    shortened(what.trim_end_matches([' ', ':', ','])).to_lowercase()
}

fn same_literals(tokens: &[TokenWithSpan], quoted: &[(char, String)]) -> bool {
    let mut ours = quoted.iter().map(|(mark, inside)| (*mark, inside.as_str()));
    for token in tokens {
        let theirs = match &token.token {
            Token::SingleQuotedString(inside)
            | Token::NationalStringLiteral(inside)
            | Token::HexStringLiteral(inside)
            | Token::SingleQuotedByteStringLiteral(inside) => ('\'', inside.as_str()),
            Token::DoubleQuotedString(inside) => ('"', inside.as_str()),
            Token::Word(word) => match word.quote_style {
                Some(mark) => (mark, word.value.as_str()),
                None => continue,
            },
            Token::Whitespace(space) if comment(space) => return false,
            Token::SemiColon | Token::Backslash => return false,
            other if other_literal(other) => return false,
            _ => continue,
        };
        if ours.next() != Some(theirs) {
            return false;
        }
    }
    ours.next().is_none()
}

fn comment(space: &sqlparser::tokenizer::Whitespace) -> bool {
    use sqlparser::tokenizer::Whitespace::{MultiLineComment, SingleLineComment};
    matches!(space, SingleLineComment { .. } | MultiLineComment(_))
}

fn other_literal(token: &Token) -> bool {
    matches!(
        token,
        Token::TripleSingleQuotedString(_)
            | Token::TripleDoubleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::DoubleQuotedByteStringLiteral(_)
            | Token::TripleSingleQuotedByteStringLiteral(_)
            | Token::TripleDoubleQuotedByteStringLiteral(_)
            | Token::SingleQuotedRawStringLiteral(_)
            | Token::DoubleQuotedRawStringLiteral(_)
            | Token::TripleSingleQuotedRawStringLiteral(_)
            | Token::TripleDoubleQuotedRawStringLiteral(_)
            | Token::QuoteDelimitedStringLiteral(_)
            | Token::NationalQuoteDelimitedStringLiteral(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::Char(_)
    )
}

struct Walk {
    dialect: Dialect,
    author: Author,
    effect: Effect,
    placeholders: usize,
}

type Step = ControlFlow<Box<Why>>;

fn stop(why: Why) -> Step {
    ControlFlow::Break(Box::new(why))
}

impl Visitor for Walk {
    type Break = Box<Why>;

    fn pre_visit_statement(&mut self, statement: &Statement) -> Step {
        match statement {
            Statement::Query(_) => {}
            Statement::Insert(insert) => self.does(inserts(insert)),
            Statement::Update(_) | Statement::Delete(_) | Statement::Merge(_) => {
                self.does(Effect::Writes);
            }
            _ => return stop(Why::Statement),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> Step {
        if !query.locks.is_empty() {
            self.does(Effect::Writes);
        }
        let foreign = query.for_clause.is_some()
            || query.settings.is_some()
            || query.format_clause.is_some()
            || !query.pipe_operators.is_empty();
        if foreign {
            return stop(Why::Construct("what follows the query"));
        }
        let mut bodies = vec![query.body.as_ref()];
        while let Some(body) = bodies.pop() {
            match body {
                SetExpr::Select(_) | SetExpr::Values(_) | SetExpr::Query(_) => {}
                SetExpr::SetOperation { left, right, .. } => bodies.extend([&**left, &**right]),
                // The statement in it is visited by itself.
                SetExpr::Insert(_) => self.does(Effect::Adds),
                SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                    self.does(Effect::Writes);
                }
                SetExpr::Table(_) => return stop(Why::Construct("TABLE")),
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> Step {
        if select.into.is_some() {
            return stop(Why::Into);
        }
        let foreign = select.top.is_some()
            || select.prewhere.is_some()
            || select.value_table_mode.is_some()
            || !select.lateral_views.is_empty()
            || !select.optimizer_hints.is_empty()
            || !select.connect_by.is_empty();
        if foreign {
            stop(Why::Construct("this form of SELECT"))
        } else {
            ControlFlow::Continue(())
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Step {
        match factor {
            TableFactor::Table { name, args, with_hints, version, json_path, .. } => {
                if !with_hints.is_empty() || version.is_some() || json_path.is_some() {
                    return stop(Why::Construct("what follows a table"));
                }
                if args.is_some() { self.function(name) } else { ControlFlow::Continue(()) }
            }
            TableFactor::Function { name, .. } => self.function(name),
            TableFactor::Derived { .. }
            | TableFactor::NestedJoin { .. }
            | TableFactor::UNNEST { .. }
            | TableFactor::JsonTable { .. } => ControlFlow::Continue(()),
            _ => stop(Why::Construct("this form of a table")),
        }
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> Step {
        if self.author == Author::Operator {
            return ControlFlow::Continue(());
        }
        let mut parts = Vec::new();
        for part in &relation.0 {
            match part {
                ObjectNamePart::Identifier(name) => parts.push(name.value.to_ascii_lowercase()),
                ObjectNamePart::Function(_) => return stop(Why::Construct("this form of a table")),
            }
        }
        let shown = || shortened(&parts.join("."));
        let system = |part: &String| match self.dialect {
            Dialect::Sqlite => part.starts_with("sqlite_") || part.starts_with("pragma_"),
            Dialect::Postgres => part.starts_with("pg_"),
            Dialect::MySql => matches!(part.as_str(), "mysql" | "performance_schema" | "sys"),
        };
        if parts.iter().any(system) {
            return stop(Why::System(shown()));
        }
        let qualified = parts.len() > 1 && parts.first().is_some_and(|p| p != "information_schema");
        let elsewhere = match self.dialect {
            Dialect::Sqlite => qualified && parts.first().is_some_and(|part| part != "main"),
            Dialect::Postgres => parts.len() > 2,
            Dialect::MySql => qualified,
        };
        if elsewhere { stop(Why::Elsewhere(shown())) } else { ControlFlow::Continue(()) }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Step {
        match expr {
            Expr::Function(function) => {
                if function.uses_odbc_syntax || function.parameters != FunctionArguments::None {
                    return stop(Why::Construct("this form of a call"));
                }
                self.function(&function.name)
            }
            Expr::CompoundFieldAccess { access_chain, .. } => {
                let strange = |step: &AccessExpr| match step {
                    AccessExpr::Subscript(_) => false,
                    AccessExpr::Dot(step) => !matches!(step, Expr::Identifier(_)),
                };
                if self.author == Author::Stranger && access_chain.iter().any(strange) {
                    return stop(Why::Construct("this form of a field"));
                }
                ControlFlow::Continue(())
            }
            _ if self.author == Author::Operator || known(expr) => ControlFlow::Continue(()),
            _ => stop(Why::Construct("this form of an expression")),
        }
    }

    fn pre_visit_ident(&mut self, name: &Ident) -> Step {
        let lower = name.value.to_ascii_lowercase();
        let called = self.author == Author::Stranger
            && self.dialect == Dialect::Postgres
            && functions::called_as_column(&lower);
        if called { stop(Why::Reaches(shortened(&lower))) } else { ControlFlow::Continue(()) }
    }

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> Step {
        self.placeholders += usize::from(matches!(value.value, Value::Placeholder(_)));
        ControlFlow::Continue(())
    }
}

impl Walk {
    /// The text does this as well.
    fn does(&mut self, effect: Effect) {
        self.effect = self.effect.max(effect);
    }

    fn function(&mut self, name: &ObjectName) -> Step {
        let mut parts = Vec::new();
        for part in &name.0 {
            match part {
                ObjectNamePart::Identifier(part) => parts.push(part.value.to_ascii_lowercase()),
                ObjectNamePart::Function(_) => return stop(Why::Construct("this form of a call")),
            }
        }
        let Some((last, before)) = parts.split_last() else {
            return stop(Why::Construct("a call"));
        };
        let shown = || shortened(last);
        if functions::reaches(self.dialect, last) {
            return stop(Why::Reaches(shown()));
        }
        // To take a sequence's next number is to add.
        if last == "nextval" {
            self.does(Effect::Adds);
        } else if functions::writes(self.dialect, last) {
            self.does(Effect::Writes);
        }
        if self.author == Author::Operator {
            return ControlFlow::Continue(());
        }
        if before.is_empty() && functions::computes(self.dialect, last) {
            ControlFlow::Continue(())
        } else {
            stop(Why::Function(shown()))
        }
    }
}

/// The expressions that a stranger may use.
fn known(expr: &Expr) -> bool {
    use sqlparser::ast::BinaryOperator::Assignment;
    match expr {
        Expr::BinaryOp { op, .. } => *op != Assignment,
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotUnknown(_)
        | Expr::IsDistinctFrom(..)
        | Expr::IsNotDistinctFrom(..)
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::ILike { .. }
        | Expr::SimilarTo { .. }
        | Expr::RLike { .. }
        | Expr::AnyOp { .. }
        | Expr::AllOp { .. }
        | Expr::UnaryOp { .. }
        | Expr::Convert { .. }
        | Expr::Cast { .. }
        | Expr::AtTimeZone { .. }
        | Expr::Extract { .. }
        | Expr::Ceil { .. }
        | Expr::Floor { .. }
        | Expr::Position { .. }
        | Expr::Substring { .. }
        | Expr::Trim { .. }
        | Expr::Overlay { .. }
        | Expr::Collate { .. }
        | Expr::Nested(_)
        | Expr::Value(_)
        | Expr::TypedString(_)
        | Expr::Case { .. }
        | Expr::Exists { .. }
        | Expr::Subquery(_)
        | Expr::GroupingSets(_)
        | Expr::Cube(_)
        | Expr::Rollup(_)
        | Expr::Tuple(_)
        | Expr::Array(_)
        | Expr::Interval(_)
        | Expr::MatchAgainst { .. }
        | Expr::Wildcard(_)
        | Expr::QualifiedWildcard(..) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No text is known that our reader and the parser's take apart; here they are told
    /// different ones.
    #[test]
    fn literals_that_only_one_reader_finds_are_refused() {
        let told = |text: &str, quoted: &[(char, &str)]| {
            let quoted =
                quoted.iter().map(|(mark, inside)| (*mark, (*inside).to_owned())).collect();
            let lexed = Lexed { text: text.to_owned(), quoted, ..Lexed::default() };
            parse(Dialect::Sqlite, &lexed).map_err(|unfit| unfit.why().clone())
        };
        assert!(told("select 'a', \"b\"", &[('\'', "a"), ('"', "b")]).is_ok());
        for (text, quoted) in [
            ("select 'a'", &[][..]),
            ("select 'a'", &[('\'', "b")]),
            ("select 'a'", &[('"', "a")]),
            ("select 1", &[('\'', "a")]),
            ("select 'a', 'b'", &[('\'', "a")]),
            ("select 1 -- a", &[]),
            ("select 1 /* a */", &[]),
            ("select 1; select 2", &[]),
        ] {
            assert_eq!(told(text, quoted), Err(Why::TwoReadings), "{text}");
        }
    }
}
