//! The cells: each kind of question is answered in each channel, in each era.

use std::time::Instant;

use serde_json::json;

use crate::scene::{Era, Kind, Scene, Where, text};
use crate::stage::PATIENCE;

/// A test for each cell, with its own name in the list of tests.
macro_rules! cells {
    ($($name:ident: $kind:ident, $era:ident, $place:ident;)*) => {
        $(
            #[test]
            fn $name() {
                cell(Kind::$kind, Era::$era, Where::$place);
            }
        )*
    };
}

cells! {
    tool_legacy_console: Tool, Legacy, Console;
    tool_legacy_terminal: Tool, Legacy, Terminal;
    tool_legacy_elicitation: Tool, Legacy, Elicitation;
    tool_legacy_hold: Tool, Legacy, Hold;
    tool_modern_console: Tool, Modern, Console;
    tool_modern_terminal: Tool, Modern, Terminal;
    tool_modern_elicitation: Tool, Modern, Elicitation;
    tool_modern_hold: Tool, Modern, Hold;

    model_legacy_console: Model, Legacy, Console;
    model_legacy_terminal: Model, Legacy, Terminal;
    model_legacy_elicitation: Model, Legacy, Elicitation;
    model_legacy_hold: Model, Legacy, Hold;
    model_modern_console: Model, Modern, Console;
    model_modern_terminal: Model, Modern, Terminal;
    model_modern_elicitation: Model, Modern, Elicitation;
    model_modern_hold: Model, Modern, Hold;

    form_legacy_console: Form, Legacy, Console;
    form_legacy_terminal: Form, Legacy, Terminal;
    form_legacy_hold: Form, Legacy, Hold;
    form_modern_console: Form, Modern, Console;
    form_modern_terminal: Form, Modern, Terminal;
    form_modern_hold: Form, Modern, Hold;

    link_legacy_console: Link, Legacy, Console;
    link_legacy_terminal: Link, Legacy, Terminal;
    link_legacy_hold: Link, Legacy, Hold;
    link_modern_console: Link, Modern, Console;
    link_modern_terminal: Link, Modern, Terminal;
    link_modern_hold: Link, Modern, Hold;
}

macro_rules! roots {
    ($($name:ident: $era:ident, $place:ident;)*) => {
        $(
            #[test]
            fn $name() {
                root(Era::$era, Where::$place);
            }
        )*
    };
}

roots! {
    root_legacy_console: Legacy, Console;
    root_legacy_terminal: Legacy, Terminal;
    root_legacy_elicitation: Legacy, Elicitation;
    root_legacy_hold: Legacy, Hold;
    root_modern_console: Modern, Console;
    root_modern_terminal: Modern, Terminal;
    root_modern_hold: Modern, Hold;
}

/// Nothing waits for the answer about a directory: it is there after a yes, and not before.
fn root(era: Era, place: Where) {
    let mut scene = Scene::begin(era, place, "");
    let before = scene.call(Kind::Root);
    assert!(!text(&before).contains(Kind::Root.done()), "{before}");
    scene.offers_its_directory();
    let deadline = Instant::now() + PATIENCE * 2;
    loop {
        let answer = scene.call(Kind::Root);
        if text(&answer) == Kind::Root.done() {
            break;
        }
        assert!(Instant::now() < deadline, "{answer}; {}", scene.gateway.complaints());
        for _ in 0..5 {
            scene.rests();
        }
    }
    scene.all_answered(Kind::Root.asks());
    assert_eq!(scene.shown().len(), usize::from(place == Where::Elicitation));
}

fn cell(kind: Kind, era: Era, place: Where) {
    let mut scene = Scene::begin(era, place, "");
    let answer = scene.call(kind);
    assert!(text(&answer).contains(kind.done()), "{answer}");
    scene.all_answered(kind.asks());
    let shown = scene.shown().len();
    let expected = if place == Where::Elicitation { kind.asks().len() } else { 0 };
    assert_eq!(shown, expected, "{:?}", scene.heard);
}

/// Over the budget a call is pending at once, and each of its questions passes when the call
/// is made again after a yes.
fn pending(kind: Kind, era: Era, asked: &[&str]) {
    let budget = "limits = { questions_per_hour = 1 }\n";
    let mut scene = Scene::begin(era, Where::Pending, budget);
    assert_eq!(text(&scene.call(Kind::Tool)), "done", "the first one is held");
    scene.alone = true;
    for matter in asked {
        let told = scene.call(kind);
        assert_eq!(told["result"]["isError"], json!(true), "{told}");
        let waits = scene.stage.questions();
        assert_eq!((waits.len(), &waits[0]["kind"]), (1, &json!(matter)), "{waits:?}");
        let id = waits[0]["id"].as_str().unwrap();
        assert!(text(&told).contains(&format!("pending as {id}")), "{told}");
        assert_eq!(scene.stage.says(&["approvals", "approve", id]).code, 0);
    }
    let answer = scene.call(kind);
    assert!(text(&answer).contains(kind.done()), "{answer}");
    scene.all_answered(&[&["tool"], asked].concat());
}

macro_rules! pendings {
    ($($name:ident: $kind:ident, $era:ident, $asked:expr;)*) => {
        $(
            #[test]
            fn $name() {
                pending(Kind::$kind, Era::$era, &$asked);
            }
        )*
    };
}

pendings! {
    tool_legacy_pending: Tool, Legacy, ["tool"];
    tool_modern_pending: Tool, Modern, ["tool"];
    // The call that brought the answer is over, so the model is asked once more.
    model_modern_pending: Model, Modern, ["sampling", "sampling-answer", "sampling"];
    form_modern_pending: Form, Modern, ["elicitation"];
    link_modern_pending: Link, Modern, ["elicitation"];
}
