//! Servers of other people as they were published with a flaw, and as they are now: the source alone
//! tells the one from the other.

#![expect(clippy::expect_used, reason = "tests may")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use portcullis_audit::check::judge;
use portcullis_audit::evidence::{Evidence, FORMAT};
use portcullis_audit::probe::source::{Budget, look};
use portcullis_audit::{Confidence, Finding, Severity};

/// What `cargo xtask peers` installed.
fn peer(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let peers = std::env::var_os("PORTCULLIS_PEERS").map(PathBuf::from);
    peers.unwrap_or_else(|| root.join("target/peers")).join(path)
}

fn filesystem(of: &str) -> PathBuf {
    peer(of).join("node_modules/@modelcontextprotocol/server-filesystem/dist")
}

/// A package of a venv, whatever its Python is.
fn package(venv: &str, name: &str) -> PathBuf {
    let libraries = peer("python").join(venv).join("lib");
    let pythons = std::fs::read_dir(&libraries).expect("a venv").flatten();
    let mut found = pythons.map(|it| it.path().join("site-packages").join(name));
    found.find(|it| it.is_dir()).expect("the package")
}

/// What a reader is told at least at `high`, and how sure of it.
fn grave(tree: &Path, sure: Confidence) -> Vec<Finding> {
    let budget = Budget::until(Instant::now() + Duration::from_secs(60));
    let source = look(tree, &budget).expect("source");
    assert!(source.handlers.len() > 8, "{}: its tools are not seen", tree.display());
    let left_out = source.left_out.iter().filter(|it| it.file != "__pycache__");
    assert_eq!(left_out.count(), 0, "{}: {:?}", tree.display(), source.left_out);
    let evidence = Evidence {
        format: FORMAT,
        target: "pair".to_owned(),
        source: Some(source),
        live: None,
        http: None,
        ..Evidence::of("")
    };
    let mut found = judge(&evidence);
    found.retain(|it| it.severity >= Severity::High && it.confidence >= sure);
    found
}

/// Which checks speak, and of which parameter of which tool.
fn told(found: &[Finding]) -> BTreeSet<(&str, &str)> {
    let title = |it: &Finding| it.title.split_once(": ").map(|(_, about)| about.len());
    let about = |it| title(it).unwrap_or_default();
    found.iter().map(|it| (it.check.as_str(), &it.title[it.title.len() - about(it)..])).collect()
}

/// CVE-2025-53110: what begins like an allowed directory is taken for one inside it.
#[test]
fn a_prefix_of_the_filesystem_server_is_found_where_it_was() {
    let old = grave(&filesystem("old"), Confidence::Likely);
    let told = told(&old);
    for of in
        ["`path` of `read_file`", "`paths` of `read_multiple_files`", "`path` of `write_file`"]
    {
        assert!(told.contains(&("path-prefix", of)), "{of}: {told:#?}");
    }
    let new = grave(&filesystem("node"), Confidence::Likely);
    assert_eq!(new, [], "the newest holds its paths");
}

/// CVE-2025-68143, 68144 and 68145: a repository anywhere, and words that are options of git's.
#[test]
fn the_flaws_of_the_git_server_are_found_where_they_were() {
    let old = grave(&package("servers1", "mcp_server_git"), Confidence::Likely);
    let told = told(&old);
    let expected = [
        ("path-escape", "`repo_path` of `git_init`"),
        ("option-injection", "`target` of `git_diff`"),
        ("option-injection", "`branch_name` of `git_checkout`"),
    ];
    for it in expected {
        assert!(told.contains(&it), "{it:?}: {told:#?}");
    }
    let new = grave(&package("servers", "mcp_server_git"), Confidence::Likely);
    assert_eq!(new, [], "the newest refuses both");
}
