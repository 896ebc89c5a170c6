//! `cargo deny`: what the dependency graph may contain, from `deny.toml`.
//!
//! Bans, licences and sources need no network. The advisory database does, so
//! it is a maintainer's step (CONTRIBUTING.md).

use std::path::PathBuf;

use super::Ci;
use crate::{run, say};

const VERSION: &str = "0.20.2";

/// Installs the tool at its version when it is not there, and runs it.
pub(super) fn check(ci: &mut Ci<'_>) -> Result<(), String> {
    let program = tool(ci)?;
    let mut deny = run::command(program);
    deny.current_dir(ci.repo.root());
    deny.args(["--offline", "--locked", "check", "--hide-inclusion-graph"]);
    run::pass(deny.args(["bans", "licenses", "sources"]))
}

fn tool(ci: &Ci<'_>) -> Result<PathBuf, String> {
    let ours = ci.target.join("tools/bin/cargo-deny");
    for known in [ours.clone(), PathBuf::from("cargo-deny")] {
        let version = run::read(run::command(&known).arg("--version")).unwrap_or_default();
        if version.split_whitespace().any(|word| word == VERSION) {
            return Ok(known);
        }
    }
    say(&format!("installing cargo-deny {VERSION}: once, a few minutes"));
    let mut install = ci.repo.cargo();
    install.args(["install", "cargo-deny", "--locked", "--quiet", "--version", VERSION]);
    // It runs for a second: that it is built quickly counts for more than how fast it is.
    install.env("CARGO_PROFILE_DEV_DEBUG", "false").arg("--debug");
    // Its own build folder: what we build for ourselves stays as it is.
    install
        .arg("--root")
        .arg(ci.target.join("tools"))
        .env("CARGO_TARGET_DIR", ci.target.join("tools/build"));
    run::pass(&mut install)?;
    Ok(ours)
}
