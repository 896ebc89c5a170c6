//! Everything else that is looked for, and the tools beside them that do nothing wrong.

use portcullis_audit::evidence::live::{Attack, Effect, Live};
use portcullis_audit::probe::live::look;

use crate::stand::{effects, has, order, python, shown, source};

fn looked() -> Live {
    let file = source("crates/audit/tests/live/zoo.py");
    look(&order(&[&python(), file.to_str().unwrap(), "{project}", "{database}"]))
}

#[test]
fn each_has_its_effect() {
    let live = looked();
    let all = shown(&live);
    let reached = |effect: &Effect| matches!(effect, Effect::Reached { .. });
    let evaluated = |effect: &Effect| matches!(effect, Effect::Evaluated { .. });
    let executed = |effect: &Effect| matches!(effect, Effect::Executed { .. });
    let canary = |effect: &Effect| matches!(effect, Effect::CanaryRead { .. });
    let written = |effect: &Effect| matches!(effect, Effect::CanaryWritten { .. });
    let changed = |effect: &Effect| matches!(effect, Effect::RootChanged { .. });
    let database = |effect: &Effect| matches!(effect, Effect::Database { .. });
    let accepted = |effect: &Effect| matches!(effect, Effect::Accepted { .. });
    assert!(has(&live, "fetch", Attack::Benign, reached), "{all}");
    assert!(has(&live, "fetch", Attack::ServerSideRequest, reached), "{all}");
    assert!(has(&live, "fetch", Attack::Traversal, canary), "{all}");
    assert!(has(&live, "calculate", Attack::CodeInjection, executed), "{all}");
    assert!(has(&live, "render", Attack::TemplateInjection, evaluated), "{all}");
    assert!(has(&live, "search", Attack::SqlRead, database), "{all}");
    assert!(has(&live, "search", Attack::Benign, changed), "{all}");
    assert!(has(&live, "write_note", Attack::Traversal, written), "{all}");
    // It makes the whole attack a path, which is no command that ran.
    for attack in [Attack::CommandInjection, Attack::CodeInjection] {
        assert!(!has(&live, "write_note", attack, |_| true), "{all}");
    }
    assert!(has(&live, "count", Attack::OptionInjection, canary), "{all}");
    assert!(has(&live, "resource", Attack::Symlink, canary), "{all}");
    assert!(has(&live, "prompt", Attack::Traversal, canary), "{all}");
    assert!(has(&live, "debug", Attack::Hidden, accepted), "{all}");
    let honest = effects(&live);
    let mut others =
        honest.lines().filter(|line| line.contains(" add/") || line.contains(" calculate/"));
    assert!(others.all(|line| line.contains("accepted") || line.contains("calculate")), "{all}");
    let burst = live.trials.iter().find(|trial| trial.attack == Attack::Rate).unwrap();
    assert!(burst.said.contains("of 30 calls"), "{}", burst.said);
}
