//! Every client with every server: each cell of the page is played, and says what happened.

use std::collections::BTreeMap;

use crate::features::{FEATURES, Feature};
use crate::server::Server;
use crate::talk::{Talk, open};

const REVISIONS: [&str; 5] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];

/// What happens when this client does this with this server.
fn cell(feature: &Feature, client: &'static str, server: &'static str) -> String {
    let mut talk = Talk::between(client, Some(Server::of(server)), open());
    let answer = talk.begin();
    assert!(answer.get("result").is_some(), "{client} and {server}: {answer}");
    let bridged = talk.is_modern() != talk.server.as_ref().unwrap().is_modern();
    match (feature.play)(&mut talk) {
        Ok(()) if bridged => "bridged".to_owned(),
        Ok(()) => "relayed".to_owned(),
        Err(why) => why,
    }
}

/// The tables of the page: what stands in each cell, by line, client and server.
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

/// A test for each client, with its own name in the list of tests.
macro_rules! clients {
    ($($name:ident: $client:expr;)*) => {
        $(
            #[test]
            fn $name() {
                client($client);
            }
        )*
    };
}

clients! {
    a_client_of_2024_11_05: "2024-11-05";
    a_client_of_2025_03_26: "2025-03-26";
    a_client_of_2025_06_18: "2025-06-18";
    a_client_of_2025_11_25: "2025-11-25";
    a_client_of_2026_07_28: "2026-07-28";
}

/// Each cell of one client's table is what happens, and there is no other.
fn client(client: &'static str) {
    let mut page = page();
    let mut shown = format!("## A client of {client}\n\n| | {} |\n", REVISIONS.join(" | "));
    let mut wrong = Vec::new();
    for feature in FEATURES {
        shown.push_str(&format!("| {} |", feature.name));
        for server in REVISIONS {
            let happened = cell(feature, client, server);
            shown.push_str(&format!(" {happened} |"));
            let key = (feature.name.to_owned(), client.to_owned(), server.to_owned());
            if page.remove(&key).as_ref() != Some(&happened) {
                wrong.push(format!("{key:?}: {happened}"));
            }
        }
        shown.push('\n');
    }
    let more = page.into_keys().filter(|(name, of, _)| of == client && !is_head(name));
    wrong.extend(more.map(|key| format!("{key:?} is played nowhere")));
    assert!(wrong.is_empty(), "{}\nthe page should say:\n{shown}", wrong.join("\n"));
}

/// The head of a table and the line below it.
fn is_head(name: &str) -> bool {
    name.is_empty() || name.starts_with('-')
}
