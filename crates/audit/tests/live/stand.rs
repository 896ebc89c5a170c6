//! How the tests start a server, and read what was found.

use std::path::PathBuf;

use portcullis_audit::evidence::live::{Attack, Effect, Live, Trial};
use portcullis_audit::probe::live::{Order, look};

/// A file of this repository.
pub(crate) fn source(name: &str) -> PathBuf {
    // At run time: the tests may run from a copy of the sources.
    let here = std::env::var_os("CARGO_MANIFEST_DIR");
    let here = here.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.join("../..").canonicalize().unwrap().join(name)
}

/// The Python of the peers, with the official SDK 1.x.
pub(crate) fn python() -> String {
    let peers = std::env::var_os("PORTCULLIS_PEERS");
    let peers = peers.map_or_else(|| source("target/peers"), PathBuf::from);
    let python = peers.join("python/sdk1/bin/python");
    let missing = python.display();
    assert!(python.exists(), "no {missing}: run `cargo xtask test`, which brings the peers");
    python.display().to_string()
}

/// An order whose box is hosted by a program of ours.
pub(crate) fn order(words: &[&str]) -> Order {
    let mut order = Order::new(words.iter().map(Into::into).collect());
    order.launcher = Some(env!("CARGO_BIN_EXE_audit-box").into());
    order
}

/// A server of the lesson, as it is started by the words.
pub(crate) fn lesson(file: &str, words: &[&str]) -> Live {
    let (python, file) = (python(), source("examples/lesson").join(file));
    let all = [&[python.as_str(), file.to_str().unwrap()], words].concat();
    look(&order(&all))
}

/// Everything that had an effect, one line each.
pub(crate) fn effects(live: &Live) -> String {
    let with = live.trials.iter().filter(|trial| trial.effect.is_some());
    let line = |trial: &Trial| {
        let effect = serde_json::to_string(&trial.effect).unwrap();
        format!("{:?} {}/{} {} {effect}", trial.attack, trial.tool, trial.parameter, trial.request)
    };
    with.map(line).collect::<Vec<_>>().join("\n")
}

/// Everything about a server that a person would want to see when a test fails.
pub(crate) fn shown(live: &Live) -> String {
    let rest = Live { trials: Vec::new(), tools: Vec::new(), ..live.clone() };
    format!("{}\n{}", effects(live), serde_json::to_string_pretty(&rest).unwrap())
}

/// Whether an attack on a tool had an effect of this kind.
pub(crate) fn has(
    live: &Live,
    tool: &str,
    attack: Attack,
    effect: impl Fn(&Effect) -> bool,
) -> bool {
    let mut trials =
        live.trials.iter().filter(|trial| trial.tool == tool && trial.attack == attack);
    trials.any(|trial| trial.effect.as_ref().is_some_and(&effect))
}
