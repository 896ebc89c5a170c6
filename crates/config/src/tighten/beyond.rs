//! Whether a server is given more than what was given to it before.

use std::collections::BTreeSet;
use std::path::Path;

use super::{reaches_no_more, shown, within};
use crate::config::{Access, Network, Root};

/// The roots that show, or leave open for writing, more than those `before` did.
#[must_use]
pub fn roots_beyond(before: &[Root], wanted: &[Root]) -> Vec<String> {
    let opened: Vec<&Root> = before.iter().filter(|root| is_opened(root, wanted)).collect();
    let opens = |root: &Root| opened.iter().any(|it| lies_in(it, root));
    let more = |root: &&Root| {
        let known = within(root, before).is_some_and(|known| places(&known) == places(root));
        !known || root.access() == Access::Write && opens(root)
    };
    wanted.iter().filter(more).map(shown).collect()
}

/// What would be reached beyond what was reached before.
#[must_use]
pub fn network_beyond(before: &Network, wanted: &Network) -> Option<String> {
    (!reaches_no_more(wanted, before)).then(|| wanted.to_string())
}

fn lies_in(root: &Root, around: &Root) -> bool {
    Path::new(root.place()).starts_with(around.place())
}

/// It was to be read only, and the innermost root around it can be written now.
fn is_opened(root: &Root, wanted: &[Root]) -> bool {
    let around = wanted.iter().filter(|around| lies_in(root, around));
    let innermost = around.max_by_key(|around| Path::new(around.place()).components().count());
    root.access() == Access::Read && innermost.is_some_and(|it| it.access() == Access::Write)
}

fn places(root: &Root) -> Option<BTreeSet<&String>> {
    root.protect().map(|places| places.iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{parse_network, parse_root};

    fn roots(text: &str) -> Vec<Root> {
        let root = |word: &str| match word.split_once('!') {
            Some((root, places)) => {
                let places: Vec<&str> = places.split('+').filter(|it| !it.is_empty()).collect();
                parse_root(root).unwrap().protecting(&places).unwrap()
            }
            None => parse_root(word).unwrap(),
        };
        text.split_whitespace().map(root).collect()
    }

    #[test]
    fn less_is_no_more_and_anything_else_is() {
        for (before, wanted, expect) in [
            ("/p:rw", "/p:rw", ""),
            ("/p:rw", "/p:ro", ""),
            ("/p:rw", "/p/src:rw", ""),
            ("/p:rw /q:ro", "/p", ""),
            ("/p", "", ""),
            ("/p", "/p:rw", "/p:rw"),
            ("/p/src", "/p", "/p:ro"),
            ("/p", "/pq", "/pq:ro"),
            ("", "/p", "/p:ro"),
            ("/p:rw", "/p/../etc:ro", "/p/../etc:ro"),
            // A person is asked about each, or about none.
            ("/p:rw", "/p:rw:ask", ""),
            ("/p:rw:ask", "/p:rw", "/p:rw"),
            ("/p:rw:ask", "/p/src:rw", "/p/src:rw"),
            // What was read-only in it stays so, or is asked about.
            ("/p:rw /p/keys:ro", "/p:rw", "/p:rw"),
            ("/p:rw /p/keys:ro", "/p/keys:rw", "/p/keys:rw"),
            ("/p:rw /p/keys:ro", "/p:rw /p/keys:ro", ""),
            ("/p:rw /p/keys:ro", "/p:rw /p/keys/old:ro", "/p:rw"),
            ("/p:rw!a+b", "/p:rw!b+a", ""),
            ("/p:rw!a+b", "/p:rw!a", "/p:rw"),
            ("/p:rw!a", "/p:rw", "/p:rw"),
            ("/p:rw", "/p:rw!", "/p:rw"),
        ] {
            let more = roots_beyond(&roots(before), &roots(wanted)).join(" ");
            assert_eq!(more, expect, "{before} -> {wanted}");
        }
    }

    #[test]
    fn a_longer_list_of_hosts_is_more() {
        for (before, wanted, more) in [
            ("none", "none", false),
            ("none", "a.test", true),
            ("a.test, b.test", "b.test", false),
            ("*.a.test", "x.a.test", false),
            ("x.a.test", "*.a.test", true),
            ("a.test", "host", true),
            ("host", "a.test", false),
            ("a.test:443", "a.test:8443", true),
        ] {
            let of = |text| parse_network(text).unwrap();
            let again = parse_network(&of(before).to_string()).unwrap();
            assert_eq!(again, of(before), "{before}: what is written down is read again");
            assert_eq!(network_beyond(&again, &of(wanted)).is_some(), more, "{before} -> {wanted}");
        }
    }
}
