//! Several layers apply to each call, so one failure is not enough (MCP-TRUST-02).
//!
//! Every attack of `layers/attacks.rs` is made through the real binary: with all
//! layers, with each of them left out, and with all of those left out that it is
//! said to meet. What came of it is a table in `docs/concepts/layers.md`, and a
//! test compares. Before that, each attack is made on nobody but the server, and
//! must succeed: an attack that cannot succeed would prove nothing.

#![allow(unreachable_pub, reason = "a test's modules")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "layers/attacks.rs"]
mod attacks;
#[path = "layers/page.rs"]
mod page;
#[path = "layers/scene.rs"]
mod scene;
#[path = "stage/mod.rs"]
mod stage;

use std::collections::BTreeSet;

use attacks::ATTACKS;
use scene::{Scene, Subject};
use stage::{Gateway, Stage, answering, finish};

/// The layers by the names that the switch knows, from the outside in.
const LAYERS: [&str; 6] = ["box", "paths", "schema", "policy", "pins", "inspection"];

/// The attacks that succeed against a subject, by name.
type Succeeded = BTreeSet<&'static str>;

/// Makes every attack on one subject.
fn attacked(subject: Subject<'_>) -> Succeeded {
    let mut scene = Scene::new(subject);
    let succeeded = ATTACKS.iter().filter(|attack| (attack.play)(&mut scene));
    succeeded.map(|attack| attack.name).collect()
}

fn names(attacks: impl Iterator<Item = &'static attacks::Attack>) -> Succeeded {
    attacks.map(|attack| attack.name).collect()
}

/// Why this machine or this build cannot play; said where people look.
fn skipped() -> bool {
    if !cfg!(debug_assertions) {
        eprintln!("skipped: this build has no switch that leaves layers out");
        return true;
    }
    let doctor = Stage::new().says(&["doctor", "--json"]).out;
    let doctor: serde_json::Value = serde_json::from_str(&doctor).expect("what doctor says");
    if doctor["level"] == "full" {
        return false;
    }
    eprintln!("skipped: no full box here: level {}", doctor["level"]);
    true
}

#[test]
fn every_attack_succeeds_where_nobody_guards() {
    assert_eq!(attacked(Subject::Bare), names(ATTACKS.iter()));
}

#[test]
fn with_every_layer_no_attack_succeeds() {
    if !skipped() {
        assert_eq!(attacked(Subject::Without("")), Succeeded::new());
    }
}

#[test]
fn what_one_layer_holds_alone_the_page_says() {
    if skipped() {
        return;
    }
    let mut columns = Vec::new();
    for layer in LAYERS {
        let succeeded = attacked(Subject::Without(layer));
        let alone = ATTACKS.iter().filter(|attack| attack.held_by == [layer]);
        assert_eq!(succeeded, names(alone), "without {layer}");
        columns.push(succeeded);
    }
    page::compare(&LAYERS, &columns);
}

/// Otherwise a layer that is said to hold an attack might as well not be there.
#[test]
fn without_all_the_layers_that_hold_it_an_attack_succeeds() {
    if skipped() {
        return;
    }
    let several = ATTACKS.iter().filter(|attack| attack.held_by.len() > 1);
    let sets: BTreeSet<&[&str]> = several.map(|attack| attack.held_by).collect();
    for set in sets {
        let succeeded = attacked(Subject::Without(&set.join(",")));
        let held = ATTACKS.iter().filter(|attack| {
            !attack.held_by.is_empty() && attack.held_by.iter().all(|layer| set.contains(layer))
        });
        assert_eq!(succeeded, names(held), "without {set:?}");
    }
}

/// What holds them is below the layers: strict reading, the protocol, hygiene.
#[test]
fn without_any_layer_some_attacks_are_still_stopped() {
    if skipped() {
        return;
    }
    let succeeded = attacked(Subject::Without(&LAYERS.join(",")));
    let held = ATTACKS.iter().filter(|attack| !attack.held_by.is_empty());
    assert_eq!(succeeded, names(held));
}

#[test]
#[cfg(debug_assertions)]
fn every_layer_that_can_be_left_out_is_left_out_here() {
    let known = portcullis_mediation::Layer::ALL.map(|(name, _)| name);
    assert_eq!(known, LAYERS);
}

#[test]
#[cfg(debug_assertions)]
fn whoever_leaves_a_layer_out_hears_of_it() {
    let stage = Stage::new();
    let start = |layers: &str| {
        let mut command = stage.run(&["--name", "mine"], &answering::server(""));
        command.env("PORTCULLIS_WITHOUT", layers);
        command
    };
    let mut gateway = Gateway::start(start("paths,schema"), None);
    gateway.shakes_hands();
    let said = gateway.leave();
    let warning = "PORTCULLIS_WITHOUT is set: for a test, this guards without: paths, schema";
    assert_eq!(said.err, format!("portcullis: mine: {warning}\n"));
    let note = stage.events("started")[0]["note"].as_str().unwrap().to_owned();
    assert!(note.starts_with(warning), "{note}");

    let said = finish(start("everything"));
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
    assert!(said.err.contains("names what is no layer"), "{said:?}");
    assert_eq!(stage.events("started").len(), 1);
}
