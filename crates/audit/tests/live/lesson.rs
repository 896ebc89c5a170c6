//! The three servers of the lesson: six flaws, four others, none.

use portcullis_audit::evidence::live::{Attack, Effect};

use crate::stand::{has, lesson, shown, source};

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

#[test]
fn what_the_command_names_is_copied() {
    let mine = tempfile::tempdir().unwrap();
    let (project, shop) = (mine.path().join("notes"), mine.path().join("shop.db"));
    std::fs::create_dir(&project).unwrap();
    std::fs::write(project.join("notes.txt"), "of the user's\n").unwrap();
    std::fs::write(project.join("id_rsa"), "a key\n").unwrap();
    std::fs::copy(source("examples/lesson/shop.db"), &shop).unwrap();
    let before = std::fs::read(&shop).unwrap();
    let live = lesson("careless.py", &[project.to_str().unwrap(), shop.to_str().unwrap()]);
    let all = shown(&live);
    assert!(has(&live, "read_note", Attack::Traversal, canary), "{all}");
    assert!(has(&live, "query_shop", Attack::SqlWrite, database), "{all}");
    let said =
        live.trials.iter().filter(|trial| trial.tool == "read_note").map(|trial| &trial.said);
    assert!(said.clone().any(|said| said.contains("of the user's")), "{all}");
    assert_eq!(live.command.iter().skip(2).collect::<Vec<_>>(), ["{project}", "{database}"]);
    assert_eq!(live.staging.len(), 2, "{all}");
    assert_eq!(std::fs::read(&shop).unwrap(), before);
    let names = std::fs::read_dir(&project).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.count(), 2);
    assert_eq!(std::fs::read_to_string(project.join("notes.txt")).unwrap(), "of the user's\n");
}
