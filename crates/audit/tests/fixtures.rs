//! Every check that reads source, on a server of each language that it speaks of, and on one that only looks alike.

#![expect(clippy::expect_used, reason = "tests may")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use portcullis_audit::check::{CHECKS, judge};
use portcullis_audit::evidence::source::Language;
use portcullis_audit::evidence::{Evidence, FORMAT};
use portcullis_audit::probe::source::{Budget, look};

fn fixture(check: &str, name: &str, language: Language) -> PathBuf {
    let ending = match language {
        Language::Python => "py",
        Language::JavaScript => "js",
        Language::TypeScript => "ts",
        Language::Go => "go",
        Language::Rust => "rs",
    };
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/{check}/{name}.{ending}"))
}

fn told(file: &Path) -> Vec<String> {
    let budget = Budget::until(Instant::now() + Duration::from_secs(60));
    let source = look(file, &budget).expect("source");
    assert!(source.files.iter().all(|it| it.whole), "{}: its grammar does not fit", file.display());
    assert!(!source.handlers.is_empty(), "{}: no handler was found", file.display());
    let evidence =
        Evidence { format: FORMAT, target: "fixture".to_owned(), source: Some(source), live: None };
    judge(&evidence).into_iter().map(|it| it.check).collect()
}

#[test]
fn each_speaks_of_its_own_and_keeps_silent_about_what_looks_alike() {
    let mut wrong = Vec::new();
    for check in CHECKS {
        for (language, _) in check.examples {
            let fires = told(&fixture(check.id, "fires", *language));
            if !fires.iter().any(|id| id == check.id) {
                wrong.push(format!("{} is silent in {language:?}: {fires:?}", check.id));
            }
            let silent = told(&fixture(check.id, "silent", *language));
            if silent.iter().any(|id| id == check.id) {
                wrong.push(format!("{} speaks of nothing in {language:?}", check.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
