//! The ways a server may read the text of a path.
//!
//! One server trims, another strips quotes, a third normalises Unicode, a fourth
//! takes a URI. We cannot know which, so a path passes only if all readings do;
//! what has readings we cannot follow (backslashes, hidden percent signs) does
//! not pass at all.

use super::{Escape, Root};

/// Longest path and longest component, in bytes (Linux `PATH_MAX`, `NAME_MAX`).
const LONGEST: usize = 4096;
const LONGEST_COMPONENT: usize = 255;

/// Where a reading starts, and its components without `.` and with `..` applied
/// as far as they go. A relative place keeps the `..` it could not apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Absolute(Vec<String>),
    Relative(Vec<String>),
    /// After `~/`.
    Home(Vec<String>),
}

impl Place {
    /// The components from `/`, given the directory a place that is not absolute
    /// starts from.
    pub(super) fn resolve(&self, from: Option<&Root>) -> Vec<String> {
        let mut out = from.map(|from| from.components().to_vec()).unwrap_or_default();
        let (Self::Absolute(components) | Self::Relative(components) | Self::Home(components)) =
            self;
        for component in components {
            step(&mut out, component, true);
        }
        out
    }
}

/// More readings than any honest path has.
pub(super) const READINGS: usize = 32;

/// Every reading of the text, the plain one first.
pub(super) fn readings(asked: &str) -> Result<Vec<Place>, Escape> {
    letters(asked)?;
    let mut texts: Vec<String> =
        [Some(asked.to_owned()), decoded(asked)].into_iter().flatten().collect();
    for spelled in &texts {
        foreseeable(spelled)?;
    }
    // Whatever a server may do to a path before it opens it, in any order.
    let tidied: [fn(&str) -> String; 3] =
        [|text| trimmed(text).to_owned(), |text| unquoted(text).to_owned(), compatible];
    let mut next = 0;
    while let Some(text) = texts.get(next).cloned() {
        for tidy in tidied {
            let text = tidy(&text);
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        next += 1;
        if texts.len() > READINGS {
            return Err(Escape::Encoded);
        }
    }
    // The text as it was written is the reading that is handed on.
    texts.sort_by_key(|text| text != asked);
    let mut places = Vec::new();
    for text in texts {
        match file_uri(&text)? {
            // A server that takes no URIs sees `file:` as a directory; nothing
            // below it can be meant, so that reading is not followed.
            Some(path) => places.push(plain(&path)?),
            None => places.extend(both_homes(plain(&text)?)),
        }
    }
    Ok(places)
}

/// Letters for separators beside letters for dots: folding one kind and not the
/// other is a reading that nobody can foresee.
fn foreseeable(spelled: &str) -> Result<(), Escape> {
    let folded = compatible(spelled);
    let more = |letter: char| folded.matches(letter).count() > spelled.matches(letter).count();
    if more('/') && more('.') { Err(Escape::Encoded) } else { Ok(()) }
}

/// Without quotes around it, as shells and models write paths.
fn unquoted(text: &str) -> &str {
    text.trim_matches(['"', '\'', '`'])
}

/// Without the white space around it; that of JavaScript has U+FEFF too.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}')
}

/// `~/x` is in a home for a server that expands it and in the working directory
/// for one that does not.
fn both_homes(place: Place) -> Vec<Place> {
    match place {
        Place::Home(inside) => {
            let mut literal = vec!["~".to_owned()];
            for component in &inside {
                step(&mut literal, component, false);
            }
            vec![Place::Home(inside), Place::Relative(literal)]
        }
        other => vec![other],
    }
}

/// A path, not a URI.
pub(super) fn plain(text: &str) -> Result<Place, Escape> {
    letters(text)?;
    hidden(text)?;
    if text.starts_with("//") {
        // POSIX lets exactly two slashes mean something else; Windows a machine.
        return Err(Escape::Host);
    }
    if has_scheme(text) {
        return Err(Escape::Scheme);
    }
    let absolute = text.starts_with('/');
    let written = text.split('/').next().unwrap_or_default();
    if written == "~" {
        let inside = normal(text.get(1..).unwrap_or_default(), false)?;
        let climbs = inside.first().is_some_and(|first| first == "..");
        return if climbs { Err(Escape::Home) } else { Ok(Place::Home(inside)) };
    }
    if written.starts_with('~') {
        return Err(Escape::Home);
    }
    let components = normal(text, absolute)?;
    if absolute {
        return Ok(Place::Absolute(components));
    }
    // Some libraries normalise before they expand: `./~` and `a/../~` count too.
    match components.first().filter(|first| first.starts_with('~')).map(String::as_str) {
        Some("~") => Ok(Place::Home(components.into_iter().skip(1).collect())),
        Some(_) => Err(Escape::Home),
        None => Ok(Place::Relative(components)),
    }
}

/// The components, with `.` dropped and `..` applied as far as it goes.
fn normal(text: &str, absolute: bool) -> Result<Vec<String>, Escape> {
    let mut components = Vec::new();
    for component in text.split('/') {
        if component.len() > LONGEST_COMPONENT {
            return Err(Escape::TooLong);
        }
        step(&mut components, component, absolute);
    }
    Ok(components)
}

/// Applies one component to the ones before it.
fn step(components: &mut Vec<String>, component: &str, absolute: bool) {
    match component {
        "" | "." => {}
        ".." => match components.last().map(String::as_str) {
            Some("..") => components.push("..".to_owned()),
            Some(_) => {
                components.pop();
            }
            // `/..` is `/`.
            None if absolute => {}
            None => components.push("..".to_owned()),
        },
        name => components.push(name.to_owned()),
    }
}

/// The path in a `file:` URI, decoded once; `None` if it is no `file:` URI.
pub(super) fn file_uri(text: &str) -> Result<Option<String>, Escape> {
    let scheme = text.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("file:"));
    let Some(rest) = scheme.and_then(|_| text.get(5..)) else {
        return Ok(None);
    };
    let path = match rest.strip_prefix("//") {
        Some(rest) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            if !host.is_empty() && !host.eq_ignore_ascii_case("localhost") {
                return Err(Escape::Host);
            }
            path
        }
        None => rest,
    };
    if !path.starts_with('/') {
        return Err(Escape::Relative);
    }
    // A query or a fragment belongs to the path for some readers only.
    if path.contains(['?', '#']) {
        return Err(Escape::Encoded);
    }
    decode(path).map(Some)
}

fn decode(path: &str) -> Result<String, Escape> {
    hidden(path)?;
    let text = percent(path).ok_or(Escape::Encoded)?;
    letters(&text)?;
    Ok(text)
}

/// What a server would read that decodes a plain path, if it is encoded at all.
fn decoded(text: &str) -> Option<String> {
    percent(text).filter(|decoded| decoded != text)
}

/// Decodes `%41` once; `None` when a `%` is followed by anything else, or the
/// bytes are no UTF-8.
fn percent(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    out.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let digits = part.get(..2)?;
        // `from_str_radix` would take a sign.
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        out.push(u8::from_str_radix(digits, 16).ok()?);
        out.extend_from_slice(part.get(2..).unwrap_or_default().as_bytes());
    }
    String::from_utf8(out).ok()
}

/// Refuses what only hides behind a percent sign: control characters, `.`, `/`,
/// `\`, `%`, `~`, the IIS form `%u002e`, and UTF-8 in an overlong form.
fn hidden(text: &str) -> Result<(), Escape> {
    let text = text.to_ascii_lowercase();
    for part in text.split('%').skip(1) {
        let code = part.get(..2).unwrap_or_default();
        let control = code.starts_with(['0', '1'])
            && code.bytes().all(|digit| digit.is_ascii_hexdigit())
            && code.len() == 2;
        if control || ["2e", "2f", "5c", "25", "7e", "7f", "c0", "c1", "u0", "uf"].contains(&code) {
            return Err(Escape::Encoded);
        }
    }
    if ["%e0%8", "%e0%9", "%f0%8"].iter().any(|overlong| text.contains(overlong)) {
        return Err(Escape::Encoded);
    }
    Ok(())
}

fn letters(text: &str) -> Result<(), Escape> {
    if text.len() > LONGEST {
        return Err(Escape::TooLong);
    }
    for letter in text.chars() {
        match letter {
            '\0' => return Err(Escape::Nul),
            '\\' if text.starts_with("\\\\") => return Err(Escape::Host),
            '\\' => return Err(Escape::Backslash),
            letter if letter.is_control() => return Err(Escape::Control),
            _ => {}
        }
    }
    Ok(())
}

/// `https://`, `data:`, `C:`: a scheme (RFC 3986, 3.1) before any slash. A colon
/// later in a name, or after a name with other letters, is just a letter.
fn has_scheme(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let letters = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let named =
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(letters);
    let remote = rest.starts_with('/') || rest.contains(":/");
    named && (scheme.len() == 1 || remote || scheme.eq_ignore_ascii_case("file"))
}

/// The text after Unicode's compatibility normalisation (NFKC), as far as it
/// makes dots, separators and tildes.
fn compatible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\u{ff0e}' | '\u{2024}' | '\u{fe52}' => out.push('.'),
            '\u{2025}' => out.push_str(".."),
            '\u{2026}' => out.push_str("..."),
            '\u{ff0f}' => out.push('/'),
            '\u{ff3c}' | '\u{fe68}' => out.push('\\'),
            '\u{ff5e}' => out.push('~'),
            '\u{ff05}' | '\u{fe6a}' => out.push('%'),
            '\u{ff1a}' | '\u{fe55}' => out.push(':'),
            other => out.push(other),
        }
    }
    out
}
