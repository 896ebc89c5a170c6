//! Lives of servers that are meant to hurt: those of `lc01` to `lc10` that need a
//! whole gateway. The others are found by their ids, here and in `confine`.

use serde_json::json;

use crate::stage::gateway::gone;
use crate::stage::{Gateway, Stage, answering};

/// lc04: closing its pipes and going on.
#[test]
fn a_server_that_closes_its_pipes_does_not_live_on() {
    let stage = Stage::new();
    let quiet = "exec </dev/null >/dev/null 2>&1; trap '' TERM HUP INT; while :; do sleep 1; done";
    let mut gateway = Gateway::start(stage.run(&[], &Stage::shell(quiet)), None);
    let kin = stage.until("the box", || Some(gateway.kin()).filter(|kin| !kin.is_empty()));
    assert_eq!(gateway.exit().code(), Some(1));
    gone(&kin);
    let notices = stage.events("notice");
    let note = notices.last().map(|record| record["note"].to_string()).unwrap_or_default();
    assert!(note.contains("was killed"), "{notices:?}");
}

/// lc06: speaking to the terminal of whoever reads why it died.
#[test]
fn what_a_dead_server_said_does_not_move_a_terminal() {
    let stage = Stage::new();
    let loud = r"printf '\033]0;owned\007\033[2J\r\302\233go\342\200\256 away\n' >&2; exit 3";
    let said = Gateway::start(stage.run(&[], &Stage::shell(loud)), None).finish();
    assert!(said.err.contains("go") && said.err.contains(" away"), "{said:?}");
    let moves = |c: char| c != '\n' && c.is_control() || c == '\u{202e}';
    assert!(!said.err.chars().any(moves), "{said:?}");
}

/// lc07: our own program, started by a server. A full box it cannot build; what it starts
/// without one is held by the box that it is in itself.
#[test]
fn a_gateway_inside_of_a_box_gains_nothing() {
    let stage = Stage::new();
    stage.folder("home/ada/beside", 0o777);
    let (root, beside) = (stage.root(), stage.project().with_file_name("beside").join("started"));
    let server = Stage::shell(&format!("touch '{}'", beside.display()));
    for level in ["full", "landlock", "none"] {
        let inner = ["run", "--confinement", level, "--"].map(str::to_owned).into_iter();
        let inner = std::iter::once(env!("CARGO_BIN_EXE_portcullis").to_owned()).chain(inner);
        let inner: Vec<String> = inner.chain(server.iter().cloned()).collect();
        let said = Gateway::start(stage.run(&["--root", &root], &inner), None).finish();
        let weaker = said.err.contains("server ended: exit code 6");
        assert!(weaker || level != "full", "{level}: {said:?}");
        assert!(!beside.exists(), "{level}: {said:?}");
    }
    // And outside of a box it does what it was told.
    let options = ["--confinement", "none", "--root", &root];
    let said = Gateway::start(stage.run(&options, &server), None).finish();
    assert!(beside.exists(), "{said:?}");
}

/// lc08: stopping itself, and taking all of the processor's time.
#[test]
fn a_server_that_stands_still_or_spins_keeps_nobody_waiting() {
    for does in ["kill -STOP $$", "while :; do :; done"] {
        let stage = Stage::new();
        let config = stage.config("[server.stuck.limits]\ncall_timeout = \"1s\"\n");
        let options = ["--name", "stuck", "--config", &config.display().to_string()];
        let mut gateway = Gateway::start(stage.run(&options, &answering::stuck(does)), None);
        gateway.shakes_hands();
        let kin = gateway.kin();
        let answer = gateway.call("read_file", &json!({}));
        let failed = answer["error"].is_object() || answer["result"]["isError"] == true;
        assert!(failed, "{does}: {answer}");
        assert_eq!(gateway.leave().code, 0, "{does}");
        gone(&kin);
    }
}
