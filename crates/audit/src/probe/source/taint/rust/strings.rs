//! Methods of texts, paths and collections.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::evidence::source::GuardKind;

use super::super::super::ir::{At, Cmp, Word};
use super::super::World;
use super::super::value::{Alt, Args, Id, Known, Node, Op};

/// Methods that give what they are called on, in another form.
#[rustfmt::skip]
const SAME: &[&str] = &[
    "clone", "to_owned", "into", "as_ref", "as_str", "as_mut", "as_deref", "as_deref_mut", "borrow", "borrow_mut", "deref", "to_vec", "as_slice", "as_bytes", "into_bytes",
    "as_path", "to_path_buf", "into_boxed_path", "as_os_str", "to_os_string", "into_os_string", "into_owned", "cloned", "copied", "collect", "flatten", "transpose", "rev",
    "lock", "write", "get_mut", "as_object", "as_array", "as_object_mut", "into_inner", "into_boxed_str", "peekable", "fuse", "by_ref", "try_into", "await", "boxed", "unwrap_or_clone", "upgrade",
    "trim", "trim_start", "trim_end", "to_lowercase", "to_uppercase", "to_ascii_lowercase", "to_ascii_uppercase", "trim_matches", "trim_start_matches", "trim_end_matches", "skip_while", "take_while",
    "into_iter_sorted", "sorted", "unique", "dedup", "blocking_lock", "blocking_read", "blocking_write", "try_lock", "load", "acquire", "to_value", "skip", "take", "step_by", "escape_debug", "repeat",
];
/// Methods that give the pieces of something, one after the other.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "iter", "into_iter", "iter_mut", "chars", "bytes", "lines", "split", "split_whitespace", "split_ascii_whitespace", "rsplit", "splitn", "rsplitn", "split_terminator", "char_indices", "components",
    "ancestors", "drain", "chunks", "windows", "values", "into_values", "keys", "into_keys", "split_once", "rsplit_once", "split_first", "split_last", "query_pairs", "path_segments",
];
/// What a character or a text is made of.
#[rustfmt::skip]
const LETTERS: &[(&str, &str)] = &[
    ("is_ascii_alphanumeric", "A-Za-z0-9"), ("is_alphanumeric", "A-Za-z0-9"), ("is_ascii_alphabetic", "A-Za-z"), ("is_alphabetic", "A-Za-z"), ("is_ascii_digit", "0-9"), ("is_numeric", "0-9"),
    ("is_ascii_hexdigit", "0-9A-Fa-f"), ("is_ascii_lowercase", "a-z"), ("is_lowercase", "a-z"), ("is_ascii_uppercase", "A-Z"), ("is_uppercase", "A-Z"), ("is_digit", "0-9"),
];

impl World<'_> {
    /// What comes of a method of a text, a path or a collection; None when that is not known.
    pub(super) fn of_value(&mut self, recv: Id, name: &Word, args: &Args, at: At) -> Option<Id> {
        let first = args.first().map(|(_, it)| *it);
        let carries = self.values.tainted(recv) || self.values.caught(recv);
        Some(match (name.as_ref(), args.len()) {
            ("read" | "write", 0) => recv,
            ("write", _) | ("lock" | "load", 1..) => return None,
            (
                "to_str" | "to_string_lossy" | "display" | "into_string" | "to_string"
                | "as_encoded_bytes",
                0,
            ) => self.as_text(recv, at),
            ("take", 0) | ("skip" | "take", 1) if self.is_collection_here(recv) => recv,
            ("trim_start_matches" | "trim_matches", 1) if carries && self.is_slash(first?) => {
                let rest = self.through(Op::Part, recv, at);
                self.knows(&[Known { on: rest, kind: GuardKind::Relative, at }]);
                rest
            }
            (word, _) if SAME.contains(&word) => recv,
            ("split_once" | "rsplit_once" | "split_first" | "split_last", _) => {
                self.through(Op::Same, recv, at)
            }
            (word, _) if PIECES.contains(&word) => match self.values.get(recv) {
                Node::List(_) | Node::Each(_) => recv,
                Node::Map(_) if word.contains("values") => self.values_of(recv, at)?,
                Node::Map(_) if matches!(word, "iter" | "into_iter" | "drain" | "iter_mut") => {
                    self.pairs(recv, at)
                }
                Node::Map(_) => recv,
                Node::Through(Op::Same, _) => recv,
                _ => self.through(Op::Same, recv, at),
            },
            ("enumerate", 0) => self.pairs(recv, at),
            ("next" | "first", 0) => self.first(recv, at),
            ("last" | "next_back" | "min" | "max" | "pop" | "nth" | "pop_front", _)
                if self.is_collection_here(recv) =>
            {
                self.element(recv, at)
            }
            ("len" | "count" | "is_empty" | "capacity", 0) => match (name.as_ref(), carries) {
                ("is_empty", true) => {
                    let empty = self.make(Node::Text("".into()), at);
                    self.make(Node::Compare(Cmp::Equal, recv, empty), at)
                }
                (_, true) => self.through(Op::Number, recv, at),
                _ => return None,
            },
            ("parse", 0) => recv,
            ("as_u64" | "as_i64" | "as_bool" | "as_f64" | "as_secs" | "to_digit", _) if carries => {
                self.through(Op::Number, recv, at)
            }
            ("starts_with", 1) => self.starts_with(recv, first?, at),
            ("ends_with", 1) => self.make(Node::Test("endswith".into(), recv, vec![first?]), at),
            ("contains" | "contains_key", 1) => self.contains(recv, first?, at),
            ("eq" | "eq_ignore_ascii_case", 1) => {
                self.make(Node::Compare(Cmp::Equal, recv, first?), at)
            }
            ("ne", 1) => {
                let equal = self.make(Node::Compare(Cmp::Equal, recv, first?), at);
                self.make(Node::Not(equal), at)
            }
            ("find" | "rfind", 1) if !self.is_function(first?) => {
                self.make(Node::Compare(Cmp::In, first?, recv), at)
            }
            ("is_match", 1) => self.make(Node::Test("search".into(), first?, vec![recv]), at),
            _ => return self.of_path(recv, name, args, at),
        })
    }

    /// Those that take apart, put together, or belong to paths and addresses.
    fn of_path(&mut self, recv: Id, name: &Word, args: &Args, at: At) -> Option<Id> {
        let first = args.first().map(|(_, it)| *it);
        let carries = self.values.tainted(recv) || self.values.caught(recv);
        Some(match (name.as_ref(), args.len()) {
            ("replace" | "replacen", 2 | 3) => self.replaced_here(recv, first?, args.get(1)?.1, at),
            ("replace_all", 2) => {
                let Node::Call(_, _, made) = self.values.get(recv).clone() else { return None };
                self.replaced_here(first?, made.first()?.1, args.get(1)?.1, at)
            }
            ("strip_prefix", 1) => self.without_prefix(recv, first?, at),
            ("strip_suffix", 1) => recv,
            ("join", 1) => self.joined_here(recv, first?, at),
            ("concat", 0) => {
                let nothing = self.make(Node::Text("".into()), at);
                self.joined_here(recv, nothing, at)
            }
            ("with_extension" | "with_file_name", 1) => {
                self.make(Node::Path(vec![recv, first?], false), at)
            }
            ("file_name" | "file_stem", 0) => self.through(Op::Name, recv, at),
            ("extension", 0) => self.through(Op::Sign, recv, at),
            ("parent", 0) => recv,
            ("canonicalize", 0) => {
                let resolved = self.through(Op::Resolved, recv, at);
                self.or_system_error(resolved, at)
            }
            (
                "absolutize" | "normalize" | "lexically_normal" | "clean" | "normalize_lexically",
                0,
            ) => self.through(Op::Absolute, recv, at),
            ("host_str" | "host" | "domain", 0) if carries => self.through(Op::Host, recv, at),
            ("scheme", 0) if carries => self.through(Op::Sign, recv, at),
            ("get", 1) => return self.got(recv, first?, at),
            ("chain" | "zip", 1) => {
                let both = vec![(true, recv), (true, first?)];
                self.make(Node::List(both), at)
            }
            (word, 0) if carries && LETTERS.iter().any(|it| it.0 == word) => {
                let word = if word.contains("digit") || word == "is_numeric" {
                    "isdigit"
                } else {
                    "isalnum"
                };
                self.make(Node::Test(word.into(), recv, Vec::new()), at)
            }
            (
                "is_absolute" | "is_relative" | "has_root" | "exists" | "is_file" | "is_dir"
                | "is_symlink",
                0,
            ) => self.make(Node::Test(Rc::clone(name), recv, Vec::new()), at),
            ("metadata" | "symlink_metadata" | "try_exists", 0) if self.is_path(recv) => {
                self.unknown(at)
            }
            _ => return self.over_each(recv, name, args, at),
        })
    }

    /// Whether it is a separator, or several characters of which one is.
    fn is_slash(&self, id: Id) -> bool {
        match self.values.get(id) {
            Node::Text(text) => text.as_ref() == "/",
            Node::List(items) => items.iter().any(|it| self.is_slash(it.1)),
            _ => false,
        }
    }

    /// Whether something holds several.
    pub(super) fn is_collection_here(&self, id: Id) -> bool {
        match self.values.get(id) {
            Node::List(_) | Node::Each(_) | Node::Through(Op::Same, _) => true,
            Node::Phi(alts) => alts.iter().any(|it| {
                matches!(
                    self.values.get(it.value),
                    Node::List(_) | Node::Each(_) | Node::Through(Op::Same, _)
                )
            }),
            _ => false,
        }
    }

    fn got(&mut self, recv: Id, key: Id, at: At) -> Option<Id> {
        match self.values.get(recv) {
            Node::Map(_) | Node::Sent(_) => Some(self.index(recv, key, at)),
            Node::List(_) | Node::Each(_) | Node::Through(Op::Same, _) => match self.number(key) {
                Some(0) => Some(self.first(recv, at)),
                _ => Some(self.element(recv, at)),
            },
            Node::Phi(alts) => {
                let any = alts
                    .iter()
                    .any(|it| matches!(self.values.get(it.value), Node::Map(_) | Node::Sent(_)));
                any.then(|| self.index(recv, key, at))
            }
            _ if self.values.tainted(recv) => Some(self.index(recv, key, at)),
            _ => None,
        }
    }

    fn replaced_here(&mut self, of: Id, what: Id, by: Id, at: At) -> Id {
        let replaced = self.replaced(of, what, by, at);
        match replaced.map(|it| (it, self.values.get(it).clone())) {
            // The same text, as far as anybody can tell.
            Some((_, Node::Through(Op::Same, inner))) => inner,
            Some((replaced, _)) => replaced,
            None => of,
        }
    }

    /// `path.join(part)`, or the texts of a list with one between them.
    fn joined_here(&mut self, recv: Id, with: Id, at: At) -> Id {
        if !self.is_collection_here(recv) {
            return self.make(Node::Path(vec![recv, with], true), at);
        }
        let items = match self.values.get(recv).clone() {
            Node::List(items) => items,
            _ => vec![(true, recv)],
        };
        let mut parts = Vec::new();
        for (spread, id) in items {
            if !parts.is_empty() || spread {
                parts.push(with);
            }
            parts.push(if spread { self.element(id, at) } else { id });
        }
        self.make(Node::Parts(parts), at)
    }

    /// `path.strip_prefix(root)`: what is left when it lies below, or an error.
    fn without_prefix(&mut self, recv: Id, prefix: Id, at: At) -> Id {
        let test = self.starts_with(recv, prefix, at);
        let before = self.facts.clone();
        let possible = self.assume(test, true);
        let known = self.facts.beyond(&before);
        self.facts = before;
        let own = self.unknown(at);
        let error = self.error(own, at);
        let bad = Alt { value: error, known: Rc::from([]) };
        let good = possible.then_some(Alt { value: recv, known });
        self.values.phi(good.into_iter().chain([bad]).collect(), at)
    }

    /// Methods that ask a function about each of several.
    fn over_each(&mut self, recv: Id, name: &Word, args: &Args, at: At) -> Option<Id> {
        let function = args.last().map(|(_, it)| *it)?;
        let word = name.as_ref();
        if !self.is_function(function) {
            // `.map(String::from)`
            let same = matches!(word, "map" | "filter_map" | "flat_map" | "filter" | "for_each");
            return (same && self.is_collection_here(recv)).then_some(recv);
        }
        if matches!(word, "any" | "all") {
            return Some(self.judged(recv, function, word, at));
        }
        if !matches!(
            word,
            "map"
                | "filter"
                | "find"
                | "for_each"
                | "filter_map"
                | "flat_map"
                | "fold"
                | "find_map"
                | "position"
                | "then"
                | "try_for_each"
                | "and_then"
                | "retain"
                | "sort_by"
                | "sort_by_key"
        ) {
            return None;
        }
        let element = self.element(recv, at);
        let given: Args = match word {
            "fold" => vec![(None, args.first()?.1), (None, element)],
            "sort_by" | "sort_by_key" => return Some(recv),
            _ => vec![(None, element)],
        };
        let before = self.facts.clone();
        let result = self.call(function, given, at).unwrap_or_else(|| self.unknown(at));
        Some(match word {
            "map" | "flat_map" | "filter_map" => {
                let known = self.facts.beyond(&before);
                let result = match word {
                    "map" => result,
                    "filter_map" => self.present(result, true, at),
                    _ => self.element(result, at),
                };
                self.facts = before;
                self.make(Node::Each(Alt { value: result, known }), at)
            }
            "filter" | "retain" => {
                let known = self.learned_from(result, &before);
                self.make(Node::Each(Alt { value: element, known }), at)
            }
            "find" => {
                let known = self.learned_from(result, &before);
                let none = Alt { value: self.make(Node::Nothing, at), known: Rc::from([]) };
                self.values.phi(vec![Alt { value: element, known }, none], at)
            }
            "position" => self.unknown(at),
            _ => result,
        })
    }

    fn learned_from(&mut self, condition: Id, before: &super::super::Facts) -> Rc<[Known]> {
        let _possible = self.assume(condition, true);
        let known = self.facts.beyond(before);
        self.facts = before.clone();
        known
    }

    /// Whether some, or all, of something are so. Of the characters of a text, that is what a text may be made of.
    pub(super) fn judged(&mut self, recv: Id, function: Id, word: &str, at: At) -> Id {
        let element = self.element(recv, at);
        let before = self.facts.clone();
        let result = self.call(function, vec![(None, element)], at);
        self.facts = before;
        let result = result.unwrap_or_else(|| self.unknown(at));
        let (asked, negated) = match (word, self.values.get(result)) {
            ("all", _) => (result, false),
            (_, Node::Not(inner)) => (*inner, true),
            _ => (result, true),
        };
        if word == "all" || negated && matches!(self.values.get(result), Node::Not(_)) {
            let mut letters = BTreeSet::new();
            if self.letters(asked, element, &mut letters, 8) {
                let class: String = letters.into_iter().collect();
                let pattern = self.make(Node::Regex(Rc::from(format!("^[{class}]+$"))), at);
                let of = match *self.values.get(recv) {
                    Node::Through(Op::Same, inner) => inner,
                    _ => recv,
                };
                let test = self.make(Node::Test("fullmatch".into(), of, vec![pattern]), at);
                return match word {
                    "all" => test,
                    _ => self.make(Node::Not(test), at),
                };
            }
        }
        if word == "any" && self.values.tainted(element) {
            // That one letter of what a client sends is so says nothing of the others.
            let none = self.make(Node::Not(result), at);
            let all = self.make(Node::Test("all".into(), none, Vec::new()), at);
            return self.make(Node::Not(all), at);
        }
        self.make(Node::Test(Rc::from(word), result, Vec::new()), at)
    }

    /// Which characters a question lets through; false when that is not all that it asks.
    fn letters(&self, asked: Id, of: Id, found: &mut BTreeSet<String>, left: u32) -> bool {
        let Some(left) = left.checked_sub(1) else { return false };
        match self.values.get(asked) {
            Node::Or(all) => all.iter().all(|it| self.letters(*it, of, found, left)),
            Node::Test(word, it, _) if *it == of => {
                let class = match word.as_ref() {
                    "isalnum" => "A-Za-z0-9",
                    "isdigit" => "0-9",
                    _ => return false,
                };
                let _new = found.insert(class.to_owned());
                true
            }
            Node::Compare(Cmp::Equal, one, other) => {
                let letter = match (*one == of, *other == of) {
                    (true, _) => self.values.text(*other),
                    (_, true) => self.values.text(*one),
                    _ => None,
                };
                letter.is_some_and(|it| {
                    let _new = found.insert(format!("\\{it}"));
                    it.chars().count() == 1
                })
            }
            Node::Compare(Cmp::In, one, list) if *one == of => match self.values.get(*list) {
                Node::Text(text) => {
                    found.extend(text.chars().map(|it| format!("\\{it}")));
                    true
                }
                _ => false,
            },
            _ => false,
        }
    }
}
