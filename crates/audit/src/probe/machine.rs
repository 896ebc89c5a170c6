//! What a text tells of the machine on which it was written.

use std::ops::Range;

use portcullis_guard::leak::{Leak, leaks};

/// What a database says itself, or a query of the server's own.
const SQL: &[&str] = &["syntax error", "SQLSTATE", "ORA-", " FROM ", " INTO "];
/// How much of a text is searched, in characters.
const SEARCHED: usize = 64 << 10;

/// The first thing that an answer tells of the machine beyond what the request told it, and beyond the directory that
/// we named to it as our root: what kind of thing, and where.
pub(super) fn tells(text: &str, request: &str, root: Option<&str>) -> Option<(Leak, Range<usize>)> {
    let end = text.char_indices().nth(SEARCHED).map_or(text.len(), |(at, _)| at);
    let text = text.get(..end)?;
    let below = |place: &str, root: &str| {
        let rest = place.strip_prefix(root);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) && !place.contains("/..")
    };
    let known =
        |place: &str| request.contains(place) || root.is_some_and(|root| below(place, root));
    leaks(text, known).into_iter().find(|(kind, range)| {
        let leak = text.get(range.clone()).unwrap_or_default();
        // "Only CREATE TABLE statements are allowed" gives nothing away.
        let tells = *kind != Leak::Sql || SQL.iter().any(|word| leak.contains(word));
        tells && !request.contains(leak.trim())
    })
}
