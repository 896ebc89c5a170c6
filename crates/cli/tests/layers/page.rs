//! The table in `docs/concepts/layers.md`, written from a run.

use std::fmt::Write as _;
use std::fs;

use crate::Succeeded;
use crate::attacks::ATTACKS;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/concepts/layers.md");
const BEGIN: &str = "<!-- from here: written by crates/cli/tests/layers.rs -->\n";
const END: &str = "<!-- up to here -->\n";
/// When it is set, the page is written instead of compared.
const WRITE: &str = "PORTCULLIS_WRITE_LAYERS";

/// Compares the page with what succeeded without each layer.
pub fn compare(layers: &[&str], columns: &[Succeeded]) {
    let page = fs::read_to_string(PAGE).expect("the page");
    let (head, rest) = page.split_once(BEGIN).expect("where the table begins");
    let (written, tail) = rest.split_once(END).expect("where the table ends");
    let found = render(layers, columns);
    if std::env::var_os(WRITE).is_some() {
        return fs::write(PAGE, format!("{head}{BEGIN}{found}{END}{tail}")).expect("written");
    }
    assert_eq!(
        written, found,
        "the page is not what the run found: run this test with {WRITE}=1, and read what changed"
    );
}

fn render(layers: &[&str], columns: &[Succeeded]) -> String {
    let mut text = summary(columns);
    let _ = writeln!(text, "\n| attack | no {} |", layers.join(" | no "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(layers.len()));
    for attack in ATTACKS {
        let cells = columns.iter().map(|succeeded| match succeeded.contains(attack.name) {
            true => "**succeeds**",
            false => "stopped",
        });
        let cells: Vec<_> = cells.collect();
        let _ = writeln!(text, "| {} | {} |", attack.name, cells.join(" | "));
    }
    reasons(&mut text, layers, columns);
    text
}

fn summary(columns: &[Succeeded]) -> String {
    let alone = columns.iter().map(Succeeded::len).sum::<usize>();
    let below = ATTACKS.iter().filter(|attack| attack.held_by.is_empty()).count();
    let all = ATTACKS.len();
    format!(
        "\n{all} attacks: {} are stopped by two of the layers, {alone} hang on one of them, \
         {below} are stopped with none of them left.\n",
        all - alone - below
    )
}

/// Every attack again, by how many layers hold it.
fn reasons(text: &mut String, layers: &[&str], columns: &[Succeeded]) {
    for (layer, succeeded) in layers.iter().zip(columns) {
        let _ = writeln!(text, "\n### What only the layer *{layer}* stops\n");
        for attack in ATTACKS.iter().filter(|attack| succeeded.contains(attack.name)) {
            let _ = writeln!(text, "- {} ({}): {}.", attack.name, attack.seen, attack.why);
        }
        if succeeded.is_empty() {
            text.push_str("Nothing.\n");
        }
    }
    let alone = |name: &str| columns.iter().any(|succeeded| succeeded.contains(name));
    text.push_str("\n### What two layers stop, each by itself\n\n");
    for attack in ATTACKS.iter().filter(|it| !alone(it.name) && !it.held_by.is_empty()) {
        let _ = writeln!(
            text,
            "- {} ({}): *{}*.",
            attack.name,
            attack.seen,
            attack.held_by.join("*, *")
        );
    }
    text.push_str("\n### What is stopped without any of them\n\n");
    for attack in ATTACKS.iter().filter(|attack| attack.held_by.is_empty()) {
        let _ = writeln!(text, "- {} ({}): {}.", attack.name, attack.seen, attack.why);
    }
    text.push('\n');
}
