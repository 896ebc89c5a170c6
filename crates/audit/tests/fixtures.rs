//! Every check that reads source, on a server of each language that it speaks of, and on one that only looks alike.

#![expect(clippy::expect_used, reason = "tests may")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use portcullis_audit::Severity;
use portcullis_audit::check::{CHECKS, judge};
use portcullis_audit::evidence::source::Language;
use portcullis_audit::evidence::{Evidence, FORMAT, Source};
use portcullis_audit::finding::Location;
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
    let evidence = Evidence {
        format: FORMAT,
        target: "fixture".to_owned(),
        source: Some(source),
        live: None,
        http: None,
        ..Evidence::of("")
    };
    judge(&evidence).into_iter().map(|it| it.check).collect()
}

/// Checks of more than medium weight, each with the file that it speaks of.
fn told_of_tree(name: &str) -> (Vec<(String, String)>, Source) {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    let budget = Budget::until(Instant::now() + Duration::from_secs(60));
    let source = look(&tree, &budget).expect("source");
    let evidence = Evidence {
        format: FORMAT,
        target: "fixture".to_owned(),
        source: Some(source.clone()),
        live: None,
        http: None,
        ..Evidence::of("")
    };
    let grave = judge(&evidence).into_iter().filter(|it| it.severity >= Severity::High);
    let placed = grave.map(|it| match it.location {
        Location::Source(place) => (it.check, place.file),
        Location::Server { .. } => (it.check, String::new()),
    });
    let mut told: Vec<(String, String)> = placed.collect();
    told.sort();
    (told, source)
}

#[test]
fn a_server_of_several_files_is_followed_through_require() {
    let (told, source) = told_of_tree("commonjs/fires");
    let told: Vec<(&str, &str)> = told.iter().map(|it| (it.0.as_str(), it.1.as_str())).collect();
    let expected = [
        ("path-escape", "tools/files.js"),
        ("raw-sql", "tools/orders.js"),
        ("server-side-request", "tools/pages.js"),
        ("shell-execution", "tools/run.js"),
    ];
    assert_eq!(told, expected);
    assert_eq!(source.left_out, [], "all of it is followed");
    let names: Vec<&str> = source.handlers.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["read_note", "query", "fetch_page", "count_words"]);
    assert_eq!(told_of_tree("commonjs/silent").0, []);
}

#[test]
fn a_module_that_is_not_known_is_said() {
    let tree = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| std::fs::write(tree.path().join(name), text);
    write("a.js", "const one = require(process.argv[2]);\nconst data = require('./data.json');\n")
        .expect("a file");
    write("b.mjs", "import { run } from './gone.js';\nimport type { T } from './types';\nrun();\n")
        .expect("a file");
    let budget = Budget::until(Instant::now() + Duration::from_secs(60));
    let source = look(tree.path(), &budget).expect("source");
    let said: Vec<_> =
        source.left_out.iter().map(|it| (it.file.as_str(), it.why.as_str())).collect();
    let expected = [
        ("b.mjs", "its grammar does not fit everywhere"),
        ("a.js", "takes a module by a name that is made when it runs"),
        ("b.mjs", "takes `./gone.js`, which is not among the files that were read"),
    ];
    assert_eq!(said, expected);
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
