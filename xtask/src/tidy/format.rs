//! One module per format: only `wire` writes or reads a JSON-RPC envelope, and knows its codes.

use super::Complaint;
use crate::repo::Tree;

const RULE: &str = "format";
/// In two pieces, so that this file does not hold it.
const ENVELOPE: (&str, &str) = ("json", "rpc\"");
/// The module that knows the format, and the reader of stories about peers.
const KNOW_IT: &[&str] = &["crates/wire/src/", "crates/casebook/src/"];

/// Where a code goes by the name that `wire` has for it.
const NAMED: &[&str] = &["crates/gateway/src/", "crates/transport/src/"];

/// What only `wire` knows, anywhere else.
pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut all = envelopes(tree);
    all.extend(codes(tree));
    all
}

/// Codes as numbers where they have names.
fn codes(tree: &Tree) -> Vec<Complaint> {
    let files = tree.rust().filter(|file| NAMED.iter().any(|place| file.path.starts_with(place)));
    let places = files.flat_map(|file| {
        let lines = file.text.lines().enumerate().filter(|(_, line)| has_code(line));
        lines.map(|(at, _)| (file.path.as_str(), at + 1)).collect::<Vec<_>>()
    });
    let what = "a code has a name in crates/wire/src/code.rs";
    places.map(|(path, line)| Complaint::new(RULE, path, line, what)).collect()
}

fn has_code(line: &str) -> bool {
    let after = line.split("-32").skip(1);
    let is_code = |rest: &str| rest.bytes().take_while(u8::is_ascii_digit).count() == 3;
    !line.trim_start().starts_with("//") && after.into_iter().any(is_code)
}

/// The envelope's member in what is shipped.
fn envelopes(tree: &Tree) -> Vec<Complaint> {
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

    #[test]
    fn a_code_without_its_name_is_found() {
        let text = "// -32603\n-3200; -320201;\nlet code = -32603;\n";
        let tree = Tree::of(&[
            ("crates/gateway/src/a.rs", text),
            ("crates/wire/src/code.rs", text),
            ("crates/gateway/tests/a.rs", text),
        ]);
        let found: Vec<_> = check(&tree).into_iter().map(|it| (it.file, it.line)).collect();
        assert_eq!(found, [("crates/gateway/src/a.rs".to_owned(), 3)]);
    }
}
