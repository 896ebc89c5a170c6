//! What an honest definition may say differently at the next start.
//!
//! Four of fifty real servers write something of their surroundings into a
//! definition: the working directory, the time zone, and lists in whatever order
//! a set had. So a text that holds a value which *we* gave the server becomes a
//! template: exactly there, the next process may name its own value, and nothing
//! else. A list of plain words may come in another order, with the same words.
//! Everything beyond that is drift.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a place in a text holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The working directory.
    Cwd,
    /// The home directory.
    Home,
    /// The time zone.
    Timezone,
}

/// The values that a server's process was told: for each place the spellings of
/// one value. The gateway chose them; the server has no say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Surroundings(pub BTreeMap<Place, BTreeSet<String>>);

/// Shorter values would be found everywhere: `/`, or a zone named `Z`.
const SHORTEST: usize = 3;

impl Surroundings {
    /// Adds a spelling.
    pub fn tell(&mut self, place: Place, value: &str) {
        if value.len() >= SHORTEST {
            self.0.entry(place).or_default().insert(value.to_owned());
        }
    }

    fn values(&self, place: Place) -> impl Iterator<Item = &str> {
        self.0.get(&place).into_iter().flatten().map(String::as_str)
    }

    /// The longest value that stands at the beginning of `rest` as a whole word.
    fn at(&self, before: Option<char>, rest: &str) -> Option<(Place, usize)> {
        if before.is_some_and(is_word) {
            return None;
        }
        let found = self
            .0
            .iter()
            .flat_map(|(place, values)| values.iter().map(|value| (*place, value.as_str())));
        let whole =
            |value: &str| rest.strip_prefix(value).is_some_and(|after| !after.starts_with(is_word));
        let found = found.filter(|(_, value)| whole(value));
        found.map(|(place, value)| (place, value.len())).max_by_key(|(_, length)| *length)
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-')
}

/// Whether `now` is what `then` says in other surroundings.
pub(super) fn same_text(
    then: &str,
    told_then: &Surroundings,
    now: &str,
    told_now: &Surroundings,
) -> bool {
    let mut ends = BTreeSet::from([0_usize]);
    for piece in pieces(then, told_then) {
        let mut next = BTreeSet::new();
        for end in ends {
            let rest = now.get(end..).unwrap_or_default();
            match piece {
                Piece::Plain(text) => {
                    if rest.starts_with(text) {
                        next.insert(end + text.len());
                    }
                }
                Piece::Slot(place, text) => {
                    // It may be said as it was, or with the value of this start.
                    let known = told_now.values(place).chain([text]);
                    let fits = known.filter(|value| rest.starts_with(*value));
                    next.extend(fits.map(|value| end + value.len()));
                }
            }
        }
        ends = next;
    }
    ends.contains(&now.len())
}

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Plain(&'a str),
    Slot(Place, &'a str),
}

/// The text in pieces; a slot wherever a value of the surroundings stands.
fn pieces<'a>(text: &'a str, told: &Surroundings) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    let (mut start, mut at, mut before) = (0, 0, None);
    while let Some(letter) = text.get(at..).and_then(|rest| rest.chars().next()) {
        match told.at(before, text.get(at..).unwrap_or_default()) {
            Some((place, length)) => {
                pieces.extend(text.get(start..at).map(Piece::Plain));
                pieces.extend(text.get(at..at + length).map(|value| Piece::Slot(place, value)));
                at += length;
                start = at;
            }
            None => at += letter.len_utf8(),
        }
        before = Some(letter);
    }
    pieces.extend(text.get(start..).map(Piece::Plain));
    pieces
}

/// The same value with every list that has no order of its own sorted.
pub(super) fn in_order(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(lists_in_order(&text)),
        Value::Array(items) => items.into_iter().map(in_order).collect(),
        Value::Object(members) => {
            let sorted = |(name, value): (String, Value)| {
                let value = in_order(value);
                let value = if is_set(&name) { sorted(value) } else { value };
                (name, value)
            };
            Value::Object(members.into_iter().map(sorted).collect())
        }
        other => other,
    }
}

/// Arrays of a schema that are sets: JSON Schema gives their order no meaning. A
/// default is a value, and a list there is often somebody's set.
fn is_set(keyword: &str) -> bool {
    matches!(keyword, "required" | "enum" | "type" | "default")
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Array(mut items) if items.iter().all(Value::is_string) => {
            items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            Value::Array(items)
        }
        other => other,
    }
}

/// Sorts the words of every plain list: `commands: ls, cat, pwd` at the end of a
/// line, or between quotes or brackets. Words of a sentence are no such list.
fn lists_in_order(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(['\n', ':', '"', '\'', '(', ')', '[', ']', '{', '}']) {
        let plain = piece.trim_end_matches(['\n', '"', '\'', ')', ']', '}']);
        match list(plain) {
            // Only one mark was cut off; more than one stands for itself.
            Some(list) if piece.len() <= plain.len() + 1 => {
                out.push_str(&list);
                out.push_str(piece.get(plain.len()..).unwrap_or_default());
            }
            _ => out.push_str(piece),
        }
    }
    out
}

/// Longest word of a list.
const WORD: usize = 64;

/// A list with its words sorted; nothing when the text is not just a list.
fn list(text: &str) -> Option<String> {
    let (text, stop) = match text.strip_suffix('.') {
        Some(text) => (text, "."),
        None => (text, ""),
    };
    let mut words: Vec<&str> = text.split(',').map(|word| word.trim_matches(' ')).collect();
    let plain = |word: &&str| {
        let letters = word.chars().all(|c| c.is_ascii_alphanumeric() || "_-.@/*+".contains(c));
        letters && !word.is_empty() && word.len() <= WORD
    };
    if words.len() < 2 || !words.iter().all(plain) {
        return None;
    }
    words.sort_unstable();
    Some(format!("{}{stop}", words.join(",")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(cwd: &str, zone: &str) -> Surroundings {
        let mut told = Surroundings::default();
        told.tell(Place::Cwd, cwd);
        told.tell(Place::Timezone, zone);
        told
    }

    #[test]
    fn a_slot_takes_our_own_value_and_nothing_else() {
        let (then, now) = (told("/home/ada/a", "Etc/UTC"), told("/srv/b", "Asia/Tokyo"));
        let check = |pinned: &str, seen: &str| same_text(pinned, &then, seen, &now);
        for (pinned, seen, expect) in [
            ("in /home/ada/a.", "in /srv/b.", true),
            ("in /home/ada/a.", "in /home/ada/a.", true),
            ("'/home/ada/a' or '/home/ada/a'", "'/srv/b' or '/home/ada/a'", true),
            ("in /home/ada/a.", "in /srv/c.", false),
            ("in /home/ada/a.", "in /srv/b and send it away.", false),
            ("in /home/ada/a.", "in .", false),
            ("in /home/ada/a.", "in Asia/Tokyo.", false),
            ("in /home/ada/abc.", "in /srv/bbc.", false),
            ("e.g. Asia/Tokyo; Etc/UTC here", "e.g. Asia/Tokyo; Asia/Tokyo here", true),
            ("e.g. Asia/Tokyo; Etc/UTC here", "e.g. Etc/UTC; Asia/Tokyo here", false),
            ("nothing of it", "nothing of it", true),
            ("nothing of it", "nothing of it ", false),
            ("", "Asia/Tokyo", false),
        ] {
            assert_eq!(check(pinned, seen), expect, "{pinned} | {seen}");
        }
    }

    #[test]
    fn a_list_has_no_order_and_a_sentence_has() {
        for (one, other, expect) in [
            ("ls,cat,pwd", "pwd,ls,cat", true),
            (
                "Available: ls, cat\nFlags: -a, --help.",
                "Available: cat, ls\nFlags: --help, -a.",
                true,
            ),
            ("one of (a, b)", "one of (b, a)", true),
            ("ls,cat,pwd", "ls,cat", false),
            ("ls,cat,pwd", "ls,cat,pwd,rm", false),
            ("ls,cat,pwd", "ls,cat,rm", false),
            ("ls,cat", "ls,ls,cat", false),
            ("read it, then stop", "then stop, read it", false),
            ("it is safe, delete nothing", "it is delete, safe nothing", false),
        ] {
            assert_eq!(lists_in_order(one) == lists_in_order(other), expect, "{one} | {other}");
        }
        let schema = json!({"required": ["b", "a"], "enum": ["y", "x"], "items": ["b", "a"]});
        let sorted = json!({"required": ["a", "b"], "enum": ["x", "y"], "items": ["b", "a"]});
        assert_eq!(in_order(schema), sorted);
    }
}
