//! A server in a box speaks through its pipes, finds little, and ends with its code.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod common;

use std::collections::BTreeSet;

use common::{at, profile, run, unsupported};
use portcullis_confine::{Exit, Level, SpawnError, spawn};

const LEVELS: [Level; 3] = [Level::Full, Level::Landlock, Level::None];

fn possible() -> impl Iterator<Item = Level> {
    LEVELS.into_iter().filter(|level| !unsupported(*level))
}

#[test]
fn cat_echoes() {
    for level in possible() {
        let said = run(&at(level, profile(&["cat"])), "hello\n");
        assert_eq!((said.out.as_str(), said.err.as_str()), ("hello\n", ""), "{level}");
        assert_eq!(said.exit, Exit::Code(0));
        assert_eq!(said.achieved.level, level);
    }
}

#[test]
fn codes_and_signals_are_told_apart() {
    for level in possible() {
        for (script, expect) in [
            ("exit 0", Exit::Code(0)),
            ("exit 3", Exit::Code(3)),
            ("exit 137", Exit::Code(137)),
            ("kill -9 $$", Exit::Signal(9)),
            ("kill -15 $$", Exit::Signal(15)),
        ] {
            // Process 1 of a box is ours, so the server may signal itself.
            let said = run(&at(level, profile(&["sh", "-c", script])), "");
            assert_eq!(said.exit, expect, "{script} at {level}");
        }
    }
}

#[test]
fn the_environment_is_from_scratch() {
    let expected = "PATH HOME TMPDIR LANG USER LOGNAME SHELL LC_ALL LC_CTYPE TZ GIVEN \
        NODE_EXTRA_CA_CERTS SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE \
        GIT_SSL_CAINFO PWD SHLVL _";
    let expected: BTreeSet<&str> = expected.split_whitespace().collect();
    for level in possible() {
        let mut profile = at(level, profile(&["env"]));
        profile.env.insert("GIVEN".to_owned(), "yes".to_owned());
        let said = run(&profile, "");
        let names: BTreeSet<&str> =
            said.out.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        assert!(names.contains("GIVEN") && names.contains("HOME"), "{names:?}");
        assert!(names.is_subset(&expected), "{level}: {:?}", names.difference(&expected));
        let home = std::env::var("HOME").unwrap_or_default();
        assert!(!said.out.contains(&format!("HOME={home}\n")), "{}", said.out);
    }
}

#[test]
fn a_command_that_cannot_start_says_why() {
    let dir = common::open_directory();
    let plain = dir.path().join("plain");
    std::fs::write(&plain, "no program").unwrap();
    common::open(&plain);
    let text = plain.to_str().unwrap();
    for level in possible() {
        for (command, code, words) in [
            ("no-such-program-anywhere", 127, "was not found"),
            ("/no/such/program", 127, "was not found"),
            (text, 126, "cannot be started"),
        ] {
            let error = spawn(&at(level, profile(&[command]))).unwrap_err();
            assert_eq!(error.exit_code(), code, "{command} at {level}: {error}");
            assert!(error.to_string().contains(words), "{error}");
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
}

#[test]
fn what_was_achieved_is_told() {
    for level in possible() {
        let said = run(&at(level, profile(&["true"])), "");
        let tried = said.achieved.selftest.len();
        assert!(said.achieved.selftest.iter().all(|attempt| attempt.held));
        assert!(level == Level::None || tried >= 10, "{level}: {tried} attempts");
        assert_eq!(said.achieved.weak.is_empty(), level == Level::Full, "{:?}", said.achieved.weak);
    }
}

#[test]
fn a_level_out_of_reach_is_refused() {
    let mut profile = profile(&["true"]);
    (profile.least, profile.most) = (Level::Full, Level::Landlock);
    let error = spawn(&profile).unwrap_err();
    assert!(matches!(error, SpawnError::Weaker { .. }), "{error}");
    assert_eq!(error.exit_code(), 6);
}

#[test]
fn root_is_never_what_a_server_runs_as() {
    for level in possible() {
        let said = run(&at(level, profile(&["id", "-u"])), "");
        assert_ne!(said.out.trim(), "0", "{level}");
    }
    let mut profile = profile(&["true"]);
    profile.user = Some("root".to_owned());
    let as_root = spawn(&profile);
    assert_eq!(as_root.is_err(), rustix::process::geteuid().is_root());
}

#[test]
fn the_doctor_agrees() {
    let support = portcullis_confine::support::probe(profile(&[]).launcher);
    assert_eq!(support.level == Level::Full, !unsupported(Level::Full), "{support:#?}");
    assert!(support.features.iter().all(|f| f.available || f.fix.is_some()), "{support:#?}");
}
