//! Clients and servers of every revision, with the real binary between them: the table of
//! `docs/reference/bridge.md` once more, and what plays it is what plays it in the mind.
//!
//! One process for each pair does every line, one after the other. Read [`person`] for the one who
//! is asked, [`pair`] for a client and a server that wait for each other, [`host`], [`pipes`] and
//! [`site`] for how what they say travels.

#![allow(unreachable_pub, reason = "a test's modules")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

#[path = "../../mediation/tests/bridge/client.rs"]
mod client;
#[path = "../../mediation/tests/bridge/features.rs"]
mod features;
#[path = "matrix/host.rs"]
mod host;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "serve/house.rs"]
mod house;
#[path = "matrix/pair.rs"]
mod pair;
#[path = "matrix/person.rs"]
mod person;
#[path = "matrix/pipes.rs"]
mod pipes;
#[path = "../../mediation/tests/bridge/server.rs"]
mod server;
#[path = "matrix/site.rs"]
mod site;
#[path = "stage/mod.rs"]
mod stage;
#[path = "../../mediation/tests/bridge/table.rs"]
mod table;

use client::Client as _;
use features::FEATURES;
use pair::{Pair, Way};

/// A test for each client and each way, with its own name in the list of tests.
macro_rules! clients {
    ($($name:ident: $client:expr, $way:expr;)*) => {
        $(
            #[test]
            fn $name() {
                table::is_true($client, |server| column($client, server, $way));
            }
        )*
    };
}

clients! {
    stdio_2024_11_05: "2024-11-05", Way::Pipes;
    stdio_2025_03_26: "2025-03-26", Way::Pipes;
    stdio_2025_06_18: "2025-06-18", Way::Pipes;
    stdio_2025_11_25: "2025-11-25", Way::Pipes;
    stdio_2026_07_28: "2026-07-28", Way::Pipes;

    to_http_2024_11_05: "2024-11-05", Way::ToHttp;
    to_http_2025_03_26: "2025-03-26", Way::ToHttp;
    to_http_2025_06_18: "2025-06-18", Way::ToHttp;
    to_http_2025_11_25: "2025-11-25", Way::ToHttp;
    to_http_2026_07_28: "2026-07-28", Way::ToHttp;

    from_http_2024_11_05: "2024-11-05", Way::FromHttp;
    from_http_2025_03_26: "2025-03-26", Way::FromHttp;
    from_http_2025_06_18: "2025-06-18", Way::FromHttp;
    from_http_2025_11_25: "2025-11-25", Way::FromHttp;
    from_http_2026_07_28: "2026-07-28", Way::FromHttp;
}

/// What this client can do with a server of this revision, line by line.
fn column(client: &'static str, server: &'static str, way: Way) -> Vec<String> {
    let mut pair = Pair::of(client, server, way);
    let answer = pair.begin();
    assert!(answer.get("result").is_some(), "{client} and {server}: {answer}");
    let mut play = |feature| {
        pair.turns_the_page();
        table::happens(feature, &mut pair, server)
    };
    let column = FEATURES.iter().map(&mut play).collect();
    pair.leaves();
    column
}
