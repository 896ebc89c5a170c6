//! What a regular expression lets through, as far as that can be said without running it. One that our grammar does not
//! read, with a look ahead or a reference back, is taken to let anything through.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

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
        let read = read(pattern);
        let looks = read.as_ref().map(Hir::properties);
        // On every way: an alternative binds weaker than an anchor.
        let begins =
            how != "search" || looks.is_some_and(|it| it.look_set_prefix().contains(Look::Start));
        let ends =
            how == "fullmatch" || looks.is_some_and(|it| it.look_set_suffix().contains(Look::End));
        let body = pattern.trim_start_matches(['^', '(', '?', ':', '\\', 's', '*']);
        let sql = begins && is_sql_word(body);
        let wild = read.as_ref().is_none_or(is_wild);
        let no_dash = begins && read.as_ref().is_some_and(|it| !first(it, 64).0);
        let narrow = begins && ends && !wild;
        Self { sql, narrow, word: narrow && is_plain(pattern), no_dash }
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

/// Whether what fits may begin with a dash, and whether it may be nothing at all.
fn first(hir: &Hir, left: u32) -> (bool, bool) {
    let Some(left) = left.checked_sub(1) else { return (true, true) };
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => (false, true),
        HirKind::Literal(text) => (text.0.first() == Some(&b'-'), false),
        HirKind::Class(class) => (fits(class, '-'), false),
        HirKind::Repetition(of) => {
            let (dash, nothing) = first(&of.sub, left);
            (dash, nothing || of.min == 0)
        }
        HirKind::Capture(of) => first(&of.sub, left),
        HirKind::Alternation(all) => all.iter().fold((false, false), |so_far, it| {
            let (dash, nothing) = first(it, left);
            (so_far.0 || dash, so_far.1 || nothing)
        }),
        HirKind::Concat(all) => {
            let mut dash = false;
            for one in all {
                let (begins, nothing) = first(one, left);
                dash |= begins;
                if !nothing {
                    return (dash, false);
                }
            }
            (dash, true)
        }
    }
}

fn fits(class: &Class, c: char) -> bool {
    match class {
        Class::Unicode(all) => all.ranges().iter().any(|it| (it.start()..=it.end()).contains(&c)),
        Class::Bytes(all) => {
            let within = |c: u8| all.ranges().iter().any(|it| (it.start()..=it.end()).contains(&c));
            u8::try_from(c).is_ok_and(within)
        }
    }
}

fn read(pattern: &str) -> Option<Hir> {
    // What Python writes.
    let pattern = pattern.replace("\\Z", "\\z");
    let mut parser = regex_syntax::ParserBuilder::new().nest_limit(64).build();
    parser.parse(&pattern).ok()
}

/// More signs than this in one class are hardly anything but all of them.
const SIGNS: usize = 10;

/// Whether an expression lets anything through: a class with nearly every sign, or what a path goes up with, points and
/// something that parts them.
fn is_wild(hir: &Hir) -> bool {
    let mut found = Found::default();
    let mut open = vec![(hir, false)];
    while let Some((hir, again)) = open.pop() {
        match hir.kind() {
            HirKind::Class(class) => found.class(class),
            HirKind::Literal(text) => {
                let text = &text.0;
                found.parts |= text.contains(&b'/') || text.contains(&b'\\');
                // `(?:\./)+`
                found.points |= again && text.contains(&b'.');
            }
            HirKind::Repetition(of) => {
                open.push((&of.sub, again || of.max.is_none_or(|it| it > 1)))
            }
            HirKind::Capture(of) => open.push((&of.sub, again)),
            HirKind::Concat(all) | HirKind::Alternation(all) => {
                open.extend(all.iter().map(|it| (it, again)));
            }
            HirKind::Empty | HirKind::Look(_) => {}
        }
    }
    found.signs || found.points && found.parts
}

#[derive(Default)]
struct Found {
    /// Nearly every sign fits somewhere.
    signs: bool,
    points: bool,
    parts: bool,
}

impl Found {
    fn class(&mut self, class: &Class) {
        let has = |c| fits(class, c);
        let signs = ('!'..='~').filter(|c| c.is_ascii_punctuation() && has(*c)).count();
        self.signs |= signs > SIGNS;
        self.points |= has('.');
        self.parts |= has('/') || has('\\');
    }
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

#[cfg(test)]
mod tests {
    use super::Shape;

    #[test]
    fn an_expression_is_narrow_when_no_path_and_no_command_fits() {
        for narrow in [
            "^[a-z]+$",
            r"^\w+$",
            r"\A[a-z0-9_-]+\Z",
            "^(?:one|two)$",
            "^one$|^two$",
            r"^[\w.-]+$",
            r"^notes/[a-z]+\.txt$",
            "^[a-z]+/[a-z]+$",
            r"^\d{4}-\d{2}$",
        ] {
            assert!(Shape::of(narrow, "search").narrow, "{narrow}");
        }
        for wild in [
            "^[a-z]+|[0-9]+$",
            "^[!-~]+$",
            "^[+-z]+$",
            r"^[\x21-\x7e]+$",
            "^(?:[.]|[/a-z])+$",
            r"^[\d\D]+$",
            "^.*$",
            "^[^;]+$",
            r"^\S+$",
            "^[a-z.]+/[a-z.]+$",
            r"^(?:\./)+$",
            "[a-z]+",
            "^[a-z]+",
            "[a-z]+$",
            "^(?!x)[a-z]+$",
            r"^([a-z])\1$",
            "^[a-z",
        ] {
            assert!(!Shape::of(wild, "search").narrow, "{wild}");
        }
        assert!(Shape::of("[a-z]+", "fullmatch").narrow && Shape::of("[a-z]+$", "match").narrow);
        assert!(!Shape::of("[a-z]+|x$", "match").narrow && Shape::of("a|b", "fullmatch").narrow);
    }

    #[test]
    fn a_dash_is_kept_out_on_every_way() {
        assert!(Shape::of("^[a-z]", "search").no_dash && Shape::of(r"\w+", "match").no_dash);
        assert!(Shape::of("^(?:one|two)$", "search").no_dash);
        for lets in ["^[a-z]|-x", "^x?-", "^(?:one|-)", "^[a-z-]", "[a-z]", "^[a-z]+$|^-.*$", "^-x"]
        {
            assert!(!Shape::of(lets, "search").no_dash, "{lets}");
        }
    }
}
