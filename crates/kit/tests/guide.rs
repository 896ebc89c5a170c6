//! The Rust of `docs/guide/servers.md`: it compiles, it is attacked, and it is word for word what the page shows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]
#[path = "guide/existing.rs"]
mod existing;

use std::path::{Path, PathBuf};

use rmcp::ServiceExt as _;
use rmcp::model::CallToolRequestParams;
use serde_json::json;
use tokio::task::JoinSet;

/// A file of this repository.
fn source(name: &str) -> PathBuf {
    // At run time: the tests may run from a copy of the sources.
    let here = std::env::var_os("CARGO_MANIFEST_DIR");
    let here = here.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.join("../..").canonicalize().unwrap().join(name)
}

/// The block that begins with this word, without its fence.
fn block(first: &str) -> String {
    let page = std::fs::read_to_string(source("docs/guide/servers.md")).unwrap();
    let blocks = page.split("```").skip(1).step_by(2);
    let rust = blocks.filter_map(|block| block.strip_prefix("rust\n"));
    let mut found = rust.filter(|block| block.starts_with(first));
    found.next().unwrap_or_else(|| panic!("the page has no block `{first}`")).to_owned()
}

#[test]
fn the_page_shows_what_is_run() {
    let text = std::fs::read_to_string(source("crates/kit/tests/guide/existing.rs")).unwrap();
    let (_, code) = text.split_once("\n\n").unwrap();
    assert_eq!(block("use std::io::Read"), code);
    // What the crate's page shows is compiled with the crate.
    let text = std::fs::read_to_string(source("crates/kit/src/lib.rs")).unwrap();
    let page = text.lines().map_while(|line| line.strip_prefix("//!"));
    let page = page.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>();
    assert!(page.join("\n").contains(block("use portcullis_kit").trim_end()));
}

#[tokio::test]
async fn a_guarded_server_holds() {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in [("project/notes.txt", "buy milk"), ("project-evil/key.txt", "SECRET")] {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let link = folder.path().join("project/link.txt");
    std::os::unix::fs::symlink("../project-evil/key.txt", link).unwrap();
    let beside = folder.path().join("project-evil/key.txt").display().to_string();
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (input, output) = tokio::io::split(theirs);
    let project = folder.path().join("project");
    let mut server = JoinSet::new();
    server.spawn(async move { existing::serve(&project, input, output).await });
    let client = ().serve(tokio::io::split(ours)).await.unwrap();
    let call = async |path: &str| {
        let arguments = json!({"path": path}).as_object().cloned().unwrap();
        let params = CallToolRequestParams::new("read_note").with_arguments(arguments);
        match client.call_tool(params).await {
            Ok(result) => (result.is_error, serde_json::to_string(&result).unwrap()),
            Err(error) => (Some(true), error.to_string()),
        }
    };
    let (failed, text) = call("notes.txt").await;
    assert!(failed != Some(true) && text.contains("buy milk"), "{text}");
    for path in [beside.as_str(), "../project-evil/key.txt", "link.txt", "gone.txt"] {
        let (failed, text) = call(path).await;
        assert!(failed == Some(true) && !text.contains("SECRET"), "{path}: {text}");
        let beside = Path::new(&beside).parent().unwrap().display().to_string();
        assert!(path.starts_with('/') || !text.contains(&beside), "{path}: {text}");
    }
}
