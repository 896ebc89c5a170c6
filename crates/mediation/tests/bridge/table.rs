//! The tables of `docs/reference/bridge.md`: what stands in each cell, and whether it is so.

use std::collections::BTreeMap;

use crate::client::Client;
use crate::features::{FEATURES, Feature};
use crate::server::MODERN;

pub(crate) const REVISIONS: [&str; 5] =
    ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];

/// What happens when this client does this with a server of this revision, in the words of the
/// page.
pub(crate) fn happens(feature: &Feature, client: &mut dyn Client, server: &str) -> String {
    let bridged = client.is_modern() != (server == MODERN);
    match (feature.play)(client) {
        Ok(()) if bridged => "bridged".to_owned(),
        Ok(()) => "relayed".to_owned(),
        Err(why) => why,
    }
}

/// What stands in each cell, by line, client and server.
fn page() -> BTreeMap<(String, String, String), String> {
    let page = include_str!("../../../../docs/reference/bridge.md");
    let mut cells = BTreeMap::new();
    let mut client = "";
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("## A client of ") {
            client = title;
        }
        let mut columns = line.trim_matches('|').split('|').map(str::trim);
        let Some(name) = columns.next().filter(|_| line.starts_with('|')) else { continue };
        for (server, cell) in REVISIONS.iter().zip(columns) {
            let key = (name.to_owned(), client.to_owned(), (*server).to_owned());
            cells.insert(key, cell.to_owned());
        }
    }
    cells
}

/// Each cell of one client's table is what happens, and there is no other. `column` plays all
/// lines with a server of one revision.
pub(crate) fn is_true(client: &str, mut column: impl FnMut(&'static str) -> Vec<String>) {
    let mut page = page();
    let mut wrong = Vec::new();
    let mut shown: Vec<_> = FEATURES.iter().map(|it| format!("| {} |", it.name)).collect();
    for server in REVISIONS {
        let column = column(server);
        assert_eq!(column.len(), FEATURES.len(), "every line is played");
        for ((feature, happened), line) in FEATURES.iter().zip(column).zip(&mut shown) {
            line.push_str(&format!(" {happened} |"));
            let key = (feature.name.to_owned(), client.to_owned(), server.to_owned());
            if page.remove(&key).as_ref() != Some(&happened) {
                wrong.push(format!("{key:?}: {happened}"));
            }
        }
    }
    let more = page.into_keys().filter(|(name, of, _)| of == client && !is_head(name));
    wrong.extend(more.map(|key| format!("{key:?} is played nowhere")));
    let (wrong, shown) = (wrong.join("\n"), shown.join("\n"));
    assert!(
        wrong.is_empty(),
        "{wrong}\nthe page should say:\n## A client of {client}\n\n| | {} |\n{shown}",
        REVISIONS.join(" | ")
    );
}

/// The head of a table and the line below it.
fn is_head(name: &str) -> bool {
    name.is_empty() || name.starts_with('-')
}
