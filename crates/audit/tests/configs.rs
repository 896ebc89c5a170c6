//! Every check that judges hosts' configs, on a file that makes it speak and on one that only looks alike.

#![expect(clippy::expect_used, reason = "tests may")]

use std::path::{Path, PathBuf};

use portcullis_audit::check::{CHECKS, OF_CONFIGS, judge};
use portcullis_audit::evidence::{Evidence, FORMAT};
use portcullis_audit::probe::config::look;

fn fixture(check: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/{check}/{name}.json"))
}

fn told(file: &Path) -> Vec<String> {
    let config = look(file).expect("a config");
    assert!(config.unread.is_empty() && !config.servers.is_empty(), "{}", file.display());
    let evidence = Evidence {
        format: FORMAT,
        target: "fixture".to_owned(),
        source: None,
        live: None,
        http: None,
        config: Some(config),
        ..Evidence::of("")
    };
    let text = serde_json::to_string(&evidence).expect("evidence");
    let again: Evidence = serde_json::from_str(&text).expect("evidence");
    assert_eq!(judge(&again), judge(&evidence), "what was saved is judged the same");
    judge(&evidence).into_iter().map(|it| it.check).collect()
}

#[test]
fn each_speaks_of_its_own_and_keeps_silent_about_what_looks_alike() {
    let mut wrong = Vec::new();
    for check in OF_CONFIGS {
        let fires = told(&fixture(check.id, "fires"));
        if !fires.iter().any(|id| id == check.id) {
            wrong.push(format!("{} is silent: {fires:?}", check.id));
        }
        let silent = told(&fixture(check.id, "silent"));
        if silent.iter().any(|id| id == check.id) {
            wrong.push(format!("{} speaks of nothing", check.id));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn all_of_them_are_checks() {
    for check in OF_CONFIGS {
        assert!(CHECKS.iter().any(|it| it.id == check.id), "{}", check.id);
    }
}
