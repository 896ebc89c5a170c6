//! The three servers of the lesson: six flaws, four others, none.

use portcullis_audit::evidence::live::{Attack, Effect};

use crate::stand::{has, lesson, shown};

fn canary(effect: &Effect) -> bool {
    matches!(effect, Effect::CanaryRead { .. })
}

fn database(effect: &Effect) -> bool {
    matches!(effect, Effect::Database { .. })
}

#[test]
fn the_careless_server_has_all_six() {
    let live = lesson("careless.py", &[]);
    let all = shown(&live);
    if std::env::var_os("SHOW").is_some() {
        eprintln!("{all}");
    }
    assert_eq!((live.box_level.as_str(), live.tools.len()), ("full", 3), "{all}");
    for attack in [Attack::Traversal, Attack::Neighbour, Attack::Symlink] {
        assert!(has(&live, "read_note", attack, canary), "{attack:?}\n{all}");
    }
    for attack in [Attack::SqlWrite, Attack::SqlRead] {
        assert!(has(&live, "query_shop", attack, database), "{attack:?}\n{all}");
    }
    let executed = |effect: &Effect| matches!(effect, Effect::Executed { .. });
    assert!(has(&live, "run_command", Attack::CommandInjection, executed), "{all}");
    let flood = |effect: &Effect| matches!(effect, Effect::Flood { .. });
    assert!(has(&live, "read_note", Attack::Invalid, flood), "{all}");
    let accepted = |effect: &Effect| matches!(effect, Effect::Accepted { .. });
    assert!(has(&live, "read_note", Attack::Invalid, accepted), "{all}");
    let leaked = |effect: &Effect| matches!(effect, Effect::Leaked { .. });
    assert!(has(&live, "read_note", Attack::ErrorLeak, leaked), "{all}");
    assert!(live.tools.iter().all(|tool| tool.get("annotations").is_none()), "{all}");
    assert!(live.staging.iter().any(|said| said.contains("was appended")), "{all}");
}

#[test]
fn the_almost_mended_server_has_the_four_that_are_left() {
    let live = lesson("almost.py", &["{project}", "{database}"]);
    let all = shown(&live);
    if std::env::var_os("SHOW").is_some() {
        eprintln!("{all}");
    }
    assert!(has(&live, "read_note", Attack::Neighbour, canary), "{all}");
    assert!(has(&live, "run_command", Attack::OptionInjection, canary), "{all}");
    assert!(has(&live, "query_shop", Attack::SqlWrite, database), "{all}");
    assert!(
        has(&live, "run_command", Attack::SwallowedInput, |e| *e == Effect::Swallowed),
        "{all}"
    );
    for attack in [Attack::Traversal, Attack::Symlink] {
        assert!(!has(&live, "read_note", attack, |_| true), "{attack:?}\n{all}");
    }
    assert!(!has(&live, "run_command", Attack::CommandInjection, |_| true), "{all}");
}

#[test]
fn the_hardened_server_has_none() {
    let live = lesson("hardened.py", &["{project}", "{database}"]);
    let all = shown(&live);
    if std::env::var_os("SHOW").is_some() {
        eprintln!("{all}");
    }
    let with = live.trials.iter().filter(|trial| trial.effect.is_some()).count();
    assert_eq!(with, 0, "{all}");
    for tool in ["read_note", "query_shop", "run_command"] {
        let answered = |trial: &portcullis_audit::evidence::live::Trial| {
            trial.tool == tool && trial.attack == Attack::Benign && trial.said.len() > 1
        };
        assert!(live.trials.iter().any(answered), "{tool}\n{all}");
    }
    assert_eq!(live.conduct, [], "{all}");
}
