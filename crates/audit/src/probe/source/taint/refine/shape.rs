//! What a regular expression lets through, as far as that can be said without running it.

/// What an expression lets through.
pub(super) struct Shape {
    pub(super) sql: bool,
    /// Anchored at both ends, and nothing in it lets a path go up.
    pub(super) narrow: bool,
    /// Narrow, and letters, digits and `_$.` are all that it lets through.
    pub(super) word: bool,
    /// Its first character cannot be a dash.
    pub(super) no_dash: bool,
}

impl Shape {
    pub(super) fn of(pattern: &str, how: &str) -> Self {
        let begins = pattern.starts_with(['^']) || pattern.starts_with("\\A") || how != "search";
        let ends = pattern.ends_with('$')
            || pattern.ends_with("\\Z")
            || pattern.ends_with("\\z")
            || how == "fullmatch";
        let body = pattern.trim_start_matches(['^', '(', '?', ':', '\\', 's', '*']);
        let sql = begins && is_sql_word(body);
        let wild = is_wild(pattern);
        let first = pattern.trim_start_matches('^').trim_start_matches("(?:");
        let no_dash = begins
            && match first.strip_prefix('[') {
                Some(class) => {
                    let class = class.split(']').next().unwrap_or_default();
                    let negated = class.starts_with('^');
                    let has =
                        class.starts_with('-') || class.ends_with('-') || class.contains("\\-");
                    if negated { has } else { !has }
                }
                None => {
                    first.starts_with("\\w")
                        || first.starts_with("\\d")
                        || first.starts_with(|c: char| c.is_ascii_alphanumeric())
                }
            };
        let narrow = begins && ends && !wild;
        Self { sql, narrow, word: narrow && is_plain(pattern), no_dash: no_dash && begins }
    }
}

/// Whether nothing but letters, digits and `_$.` fits: no space, no quote, no sign, and no two dashes, which begin a comment.
fn is_plain(pattern: &str) -> bool {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        let plain = match c {
            '\\' => chars.next().is_some_and(is_plain_escape),
            '[' => {
                let class: Vec<char> = chars.by_ref().take_while(|it| *it != ']').collect();
                is_plain_class(&class)
            }
            '{' => chars
                .by_ref()
                .take_while(|it| *it != '}')
                .all(|it| it.is_ascii_digit() || it == ','),
            '^' | '(' | ')' | '?' | ':' | '*' | '+' | '|' => true,
            _ => is_plain_sign(c),
        };
        if !plain {
            return false;
        }
    }
    true
}

/// Ranges only between two of a kind: among `A-z` are signs.
fn is_plain_class(class: &[char]) -> bool {
    match class {
        [] => true,
        ['\\', c, rest @ ..] => is_plain_escape(*c) && is_plain_class(rest),
        [from, '-', to, rest @ ..] => {
            let same = [char::is_ascii_lowercase, char::is_ascii_uppercase, char::is_ascii_digit];
            same.iter().any(|kind| kind(from) && kind(to)) && is_plain_class(rest)
        }
        [c, rest @ ..] => is_plain_sign(*c) && is_plain_class(rest),
    }
}

fn is_plain_escape(c: char) -> bool {
    matches!(c, 'w' | 'd' | 'A' | 'Z' | 'z' | '.')
}

fn is_plain_sign(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.')
}

/// Whether an expression lets anything through: a dot of its own, a negated class, or both a
/// point and a slash in a class.
fn is_wild(pattern: &str) -> bool {
    let mut chars = pattern.chars().peekable();
    let mut class: Option<String> = None;
    while let Some(c) = chars.next() {
        match (&mut class, c) {
            (None, '\\') => {
                if matches!(chars.next(), Some('S' | 'W' | 'D')) {
                    return true;
                }
            }
            (Some(class), '\\') => class.extend(['\\'].into_iter().chain(chars.next())),
            (None, '.') => return true,
            (None, '[') => {
                if chars.peek() == Some(&'^') {
                    return true;
                }
                class = Some(String::new());
            }
            (Some(inside), ']') => {
                let point = inside.contains('.');
                if point && inside.contains('/') || inside.contains("\\S") || inside.contains("\\W")
                {
                    return true;
                }
                class = None;
            }
            (Some(class), c) => class.push(c),
            (None, _) => {}
        }
    }
    false
}

/// Whether replacing what fits leaves no separator: `[^A-Za-z0-9_-]`, or every slash.
pub(in super::super::super) fn cleans(pattern: &str) -> bool {
    if let Some(class) = pattern.strip_prefix("[^") {
        let class = class.split(']').next().unwrap_or_default();
        return !class.contains('/');
    }
    matches!(pattern, "/" | "\\W" | "\\W+" | "[/\\\\]" | "[\\\\/]" | "[/]")
}

/// Whether a schema's pattern, which is searched for, leaves no path and no wild part.
pub(in super::super::super) fn is_narrow(pattern: &str) -> bool {
    Shape::of(pattern, "search").narrow
}

/// Whether a text begins with a word that begins a statement.
pub(super) fn is_sql_word(text: &str) -> bool {
    let word: String = text.trim().chars().take_while(char::is_ascii_alphabetic).collect();
    matches!(
        word.to_ascii_lowercase().as_str(),
        "select"
            | "with"
            | "pragma"
            | "explain"
            | "show"
            | "describe"
            | "insert"
            | "update"
            | "delete"
    )
}
