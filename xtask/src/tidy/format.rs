//! One module per format: only `wire` writes or reads a JSON-RPC envelope.

use super::Complaint;
use crate::repo::Tree;

const RULE: &str = "format";
/// In two pieces, so that this file does not hold it.
const ENVELOPE: (&str, &str) = ("json", "rpc\"");
/// The module that knows the format, and the reader of stories about peers.
const KNOW_IT: &[&str] = &["crates/wire/src/", "crates/casebook/src/"];

/// The envelope's member in what is shipped, anywhere else.
pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let word = format!("{}{}", ENVELOPE.0, ENVELOPE.1);
    let shipped = tree.rust().filter(|file| is_shipped(&file.path));
    let places = shipped.flat_map(|file| {
        let lines = file.text.lines().enumerate().filter(|(_, line)| line.contains(&word));
        lines.map(|(at, _)| (file.path.as_str(), at + 1)).collect::<Vec<_>>()
    });
    let what = "only crates/wire knows JSON-RPC: ask it";
    places.map(|(path, line)| Complaint::new(RULE, path, line, what)).collect()
}

fn is_shipped(path: &str) -> bool {
    let in_a_crate = path.starts_with("crates/") && path.contains("/src/");
    in_a_crate && !KNOW_IT.iter().any(|place| path.starts_with(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_of_somebody_elses_is_found() {
        let text = format!("json!({{\"{}{}: \"2.0\"}})", ENVELOPE.0, ENVELOPE.1);
        let tree = Tree::of(&[
            ("crates/wire/src/write.rs", &text),
            ("crates/gateway/tests/a.rs", &text),
            ("crates/gateway/src/a.rs", &format!("\n{text}")),
        ]);
        let found: Vec<_> = check(&tree).into_iter().map(|it| (it.file, it.line)).collect();
        assert_eq!(found, [("crates/gateway/src/a.rs".to_owned(), 2)]);
    }
}
