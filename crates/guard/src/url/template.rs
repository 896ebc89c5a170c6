//! URI templates (RFC 6570) as a server lists them: what they can expand into.
//!
//! The answer errs towards yes, because every expansion is judged again when it is
//! read; a template that no allowed URI comes from is found all the same.

use super::pattern::{Meant, texts};
use super::{BadUri, UriLists, UriPattern, Withheld};

/// A value that no operator writes into a list by name.
const SAMPLE: &str = "portcullis-0-sample";

/// What the lists know of a template: entries that allow something that it expands
/// into, and those that deny all of it.
///
/// # Errors
/// [`Withheld`] when it leads to no place of those given, or cannot be judged.
pub fn expanded(
    template: &str,
    lists: &UriLists,
    places: &[UriPattern],
) -> Result<Meant, Withheld> {
    let pattern = pattern(template)?;
    let is_file = template.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"));
    if is_file && !places.iter().any(|place| place.overlaps(&pattern)) {
        return Err(Withheld::NotAllowed);
    }
    let allowed_by = texts(lists.required().flatten(), |entry| entry.overlaps(&pattern));
    let mut denied_by = Vec::new();
    if let Some(sample) = sample(template)?.filter(|_| !lists.deny.is_empty()) {
        denied_by.extend(lists.meant(&sample)?.into_iter().flat_map(|meant| meant.denied_by));
    }
    Ok(Meant { uri: template.to_owned(), allowed_by, denied_by })
}

/// The template with one of its variables filled in, the others left open.
///
/// # Errors
/// [`BadUri`] when its braces do not match.
pub fn fill(template: &str, variable: &str, value: &str) -> Result<String, BadUri> {
    let mut out = String::new();
    for piece in pieces(template)? {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Hole(hole) if name(hole) == variable => out.push_str(value),
            Piece::Hole(hole) => out.push_str(&format!("{{{hole}}}")),
        }
    }
    Ok(out)
}

enum Piece<'a> {
    Text(&'a str),
    Hole(&'a str),
}

fn pieces(template: &str) -> Result<Vec<Piece<'_>>, BadUri> {
    let mut out = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (hole, next) = after.split_once('}').ok_or(BadUri::Letters)?;
        if before.contains('}') || hole.contains('{') {
            return Err(BadUri::Letters);
        }
        out.extend([Piece::Text(before), Piece::Hole(hole)]);
        rest = next;
    }
    if rest.contains('}') {
        return Err(BadUri::Letters);
    }
    out.push(Piece::Text(rest));
    Ok(out)
}

/// The variable of an expression that has one.
fn name(hole: &str) -> &str {
    let hole = hole.strip_prefix(['+', '#', '.', '/', ';', '?', '&']).unwrap_or(hole);
    let hole = hole.split(':').next().unwrap_or_default();
    hole.trim_end_matches('*')
}

/// The URIs that can come out, as a pattern.
fn pattern(template: &str) -> Result<UriPattern, BadUri> {
    let mut text = String::new();
    for piece in pieces(template)? {
        match piece {
            Piece::Text(part) => text.push_str(part),
            // Before the scheme is complete anything can come out.
            Piece::Hole(_) if !text.contains(':') => return UriPattern::new("*"),
            // A simple variable has its slashes encoded; servers that decode first
            // see them all the same, so whatever follows is open.
            Piece::Hole(_) => return open(&text),
        }
    }
    UriPattern::new(&text)
}

/// Everything that starts with this text.
fn open(text: &str) -> Result<UriPattern, BadUri> {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let (whole, part) = match text.rsplit_once('/') {
        Some((whole, part)) => (format!("{whole}/"), part),
        None => (String::new(), text),
    };
    // `notes:{id}` has no slash to stop at.
    if whole.is_empty() {
        let scheme = part.split(':').next().unwrap_or_default();
        return UriPattern::new(&format!("{scheme}:**"));
    }
    let host = part.is_empty() && whole.ends_with("://");
    UriPattern::new(&if host { format!("{whole}**") } else { format!("{whole}{part}*/**") })
}

/// One expansion; `None` when even the scheme is open.
fn sample(template: &str) -> Result<Option<String>, BadUri> {
    let mut text = String::new();
    for piece in pieces(template)? {
        match piece {
            Piece::Text(part) => text.push_str(part),
            Piece::Hole(_) if !text.contains(':') => return Ok(None),
            Piece::Hole(hole) => match hole.chars().next() {
                Some(operator) if "#./;?&".contains(operator) => {
                    text.push(operator);
                    text.push_str(SAMPLE);
                }
                _ => text.push_str(SAMPLE),
            },
        }
    }
    Ok(Some(text))
}
