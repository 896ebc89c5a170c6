//! Every client with every server: each cell of the page is played, and says what happened.
//! Each has a session of its own; the real binary plays the same in `crates/cli/tests/matrix.rs`.

use crate::client::Client as _;
use crate::features::{FEATURES, Feature};
use crate::server::Server;
use crate::table::{happens, is_true};
use crate::talk::{Talk, open};

/// What happens when this client does this with this server.
fn cell(feature: &Feature, client: &'static str, server: &'static str) -> String {
    let mut talk = Talk::between(client, Some(Server::of(server)), open());
    let answer = talk.begin();
    assert!(answer.get("result").is_some(), "{client} and {server}: {answer}");
    happens(feature, &mut talk, server)
}

/// A test for each client, with its own name in the list of tests.
macro_rules! clients {
    ($($name:ident: $client:expr;)*) => {
        $(
            #[test]
            fn $name() {
                is_true($client, |server| {
                    FEATURES.iter().map(|feature| cell(feature, $client, server)).collect()
                });
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
