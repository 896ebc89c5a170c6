//! What an error tells of the machine that it happened on.
//!
//! A stack trace, a query, a place outside of what was granted and a version help
//! whoever attacks, and nobody who asked (CWE-209; MCP-LOG-05).

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// What an error gives away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leak {
    /// Lines of a stack trace.
    StackTrace,
    /// A query, or a database's own words.
    Sql,
    /// An absolute place.
    Path,
    /// A product and its version.
    Version,
}

impl Leak {
    /// As it stands in `<withheld:kind>`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StackTrace => "stack-trace",
            Self::Sql => "sql",
            Self::Path => "path",
            Self::Version => "version",
        }
    }
}

/// Lines that only stack traces have: Python, JavaScript and Java and .NET, Rust, Go,
/// PHP, Ruby. In the middle a match takes whole lines, so that a trace is one.
const TRACE: &str = r#"(?mx)
    ^[\ \t]*Traceback\ \(most\ recent\ call\ last\):[^\n]*(?:\n[\ \t]+[^\n]*)*
    | (?:^[\ \t]*(?:
        at\ [^\n]*[(:][^\n]*\d\)?
        | at\ [\w$.<>]+\([^\n]*\)
        | File\ "[^"\n]*",\ line\ \d+[^\n]*
        | stack\ backtrace:
        | \d+:\ +(?:0x[0-9a-f]+|[\w<>]+::)[^\n]*
        | goroutine\ \d+\ \[[^\n]*
        | [^\s:]+\.go:\d+[^\n]*
        | thread\ '[^'\n]*'\ panicked\ at[^\n]*
        | \#\d+\ [^\s(]+\(\d+\)[^\n]*
        | from\ [^\s:]+:\d+:in\ [^\n]*
      )(?:\n|\z))+"#;

const SQL: &str = r#"(?x)
    \b(?:SELECT\s[^\n]{1,400}?\sFROM\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s
        |(?:CREATE|ALTER|DROP)\s+TABLE\s)[^\n]*
    | \bSQLSTATE\b[^\n]* | \bORA-\d{5}\b[^\n]* | near\ "[^"\n]*":\ syntax\ error
    | \bsyntax\ error\ at\ or\ near\b[^\n]*"#;

/// Absolute places below the directories that machines have, and drives.
const PATH: &str = r#"(?x)
    (?:file://)?/(?:home|root|usr|var|etc|opt|tmp|srv|mnt|app|Users|private|Library|proc|sys|nix|snap|run|data)
        (?:/[\w.@+~%-]+)+/?
    | \b[A-Za-z]:\\[^\s"'<>|]+"#;

const VERSION: &str = r"(?ix)
    \b(?:python|node(?:\.js)?|nginx|apache|php|openssl|postgresql|postgres|mysql|mariadb|sqlite|redis
        |django|flask|express|fastmcp|ruby|rails|java|openjdk|tomcat|jetty|werkzeug|uvicorn|gunicorn
        |golang|libpq|linux|ubuntu|debian|alpine)(?:/v?\d+(?:\.\d+)+|\ v?\d+\.\d+\.\d+)[\w.+-]*";

/// A pattern that does not compile would find nothing: a test finds each kind.
static COMPILED: LazyLock<Vec<(Leak, Regex)>> = LazyLock::new(|| {
    [(Leak::StackTrace, TRACE), (Leak::Sql, SQL), (Leak::Path, PATH), (Leak::Version, VERSION)]
        .into_iter()
        .filter_map(|(leak, pattern)| Some((leak, Regex::new(pattern).ok()?)))
        .collect()
});

/// What a text gives away, in order, none inside another. `granted` says which
/// places the asker knows anyway.
pub fn leaks(text: &str, granted: impl Fn(&str) -> bool) -> Vec<(Leak, Range<usize>)> {
    let mut found: Vec<(Leak, Range<usize>)> = Vec::new();
    for (leak, pattern) in COMPILED.iter() {
        for hit in pattern.find_iter(text) {
            let known =
                *leak == Leak::Path && (granted(hit.as_str()) || in_address(text, hit.start()));
            if !known {
                found.push((*leak, hit.range()));
            }
        }
    }
    found.sort_by_key(|(leak, range)| (range.start, *leak));
    let mut end = 0;
    found.retain(|(_, range)| {
        let free = range.start >= end;
        end = end.max(range.end);
        free
    });
    found
}

/// `https://example.net/home/x` is no place on this machine.
fn in_address(text: &str, start: usize) -> bool {
    let before = text.get(..start).unwrap_or_default();
    before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '~'))
}

/// The text with every leak replaced by `<withheld:kind>`.
pub fn withhold(text: &str, found: &[(Leak, Range<usize>)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (leak, range) in found {
        out.push_str(text.get(from..range.start).unwrap_or_default());
        out.push_str("<withheld:");
        out.push_str(leak.as_str());
        out.push('>');
        if text.get(range.clone()).is_some_and(|part| part.ends_with('\n')) {
            out.push('\n');
        }
        from = range.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}
