//! What counts as stopped behind the gateway: what our own journal says or our own box holds, and nothing that a server says.

#![expect(clippy::expect_used, reason = "tests may")]

use portcullis_audit::evidence::{Evidence, Live};
use portcullis_audit::guarded::{Honest, Verdict};
use portcullis_audit::report::{self, Report};
use serde_json::{Value, json};

/// A server whose one tool does something that it should not, and what came of the same behind the gateway.
struct Scene {
    tool: String,
    attack: &'static str,
    effect: Value,
    /// How the same trial was answered behind the gateway, and with which effect.
    again: Vec<(&'static str, &'static str, Value)>,
    refusals: Value,
}

const CANARY: &str = "{stage}/vault/key.txt";

impl Scene {
    fn read_out() -> Self {
        Self {
            tool: "read_note".to_owned(),
            attack: "traversal",
            effect: json!({ "kind": "canary-read", "from": CANARY }),
            again: vec![("tool-error", "no such file", Value::Null)],
            refusals: json!([]),
        }
    }

    fn with(self, again: (&'static str, &'static str, Value), refusals: Value) -> Self {
        Self { again: vec![again], refusals, ..self }
    }

    fn live(&self, trials: Vec<Value>) -> Value {
        json!({
            "command": ["server", "{project}"], "box_level": "full", "revision": "2025-11-25", "server": "notes 1.0",
            "instructions": null, "resources": [], "prompts": [], "drifted": [], "wishes": [], "conduct": [], "untested": [],
            "tools": [{ "name": self.tool, "description": "Reads a note.", "annotations": { "readOnlyHint": true },
                "inputSchema": { "type": "object", "properties": { "path": { "type": "string", "maxLength": 255 } } } }],
            "trials": trials,
        })
    }

    fn trial(&self, attack: &str, answer: &str, said: &str, effect: &Value) -> Value {
        json!({ "attack": attack, "tool": self.tool, "parameter": "path", "answer": answer, "said": said, "effect": effect,
            "request": { "name": self.tool, "arguments": { "path": attack } } })
    }

    /// The first trial is the honest one, the others are the attack.
    fn evidence(&self) -> Evidence {
        let honest = || self.trial("benign", "result", "buy milk", &Value::Null);
        let mut live =
            self.live(vec![honest(), self.trial(self.attack, "result", "", &self.effect)]);
        let mut again = vec![honest()];
        again.extend(
            self.again
                .iter()
                .map(|(answer, said, effect)| self.trial(self.attack, answer, said, effect)),
        );
        live["guarded"] = json!({ "live": self.live(again), "refusals": self.refusals });
        let live: Live = serde_json::from_value(live).expect("evidence");
        Evidence { live: Some(live), ..Evidence::of("notes") }
    }

    fn report(&self) -> Report {
        Report::new(self.evidence(), &[], true, |_| true)
    }

    /// The verdict on the worst finding.
    fn verdict(&self) -> Verdict {
        let report = self.report();
        let worst = report.findings.first().expect("a finding");
        report.verdict(worst).expect("a verdict").clone()
    }
}

fn refused(during: usize, controls: &[&str]) -> Value {
    controls
        .iter()
        .map(|control| json!({ "during": during, "what": "refused", "control": control }))
        .collect()
}

fn controls(verdict: &Verdict) -> Vec<&str> {
    match verdict {
        Verdict::Stopped { by } | Verdict::Asked { by } => by.iter().map(String::as_str).collect(),
        Verdict::NotStoppable { .. } | Verdict::Unknown { .. } => Vec::new(),
    }
}

#[test]
fn a_record_of_ours_stops_it() {
    let scene = || {
        Scene::read_out()
            .with(("tool-error", "not permitted", Value::Null), refused(1, &["roots-contained"]))
    };
    assert!(matches!(scene().verdict(), Verdict::Stopped { .. }));
    assert_eq!(controls(&scene().verdict()), ["roots-contained"]);
    let report = scene().report();
    let honest = report.guarded.expect("it was tried").honest;
    assert_eq!(honest.get("read_note"), Some(&Honest::Works));
}

#[test]
fn a_yes_that_a_person_could_give_is_said() {
    let asked = ("tool-error", "not permitted", Value::Null);
    let scene = |by: &[&str]| Scene::read_out().with(asked.clone(), refused(1, by)).verdict();
    assert!(matches!(scene(&["approve-by-risk"]), Verdict::Asked { .. }));
    assert!(scene(&["approve-by-risk"]).words().contains("unless a person says yes"));
    assert!(matches!(scene(&["approve-by-risk", "roots-contained"]), Verdict::Stopped { .. }));
}

#[test]
fn what_happens_again_is_not_stopped_whatever_was_recorded() {
    let canary = json!({ "kind": "canary-read", "from": CANARY });
    let scene = Scene::read_out().with(("result", "", canary), refused(0, &["roots-contained"]));
    assert!(matches!(scene.verdict(), Verdict::NotStoppable { .. }), "{:?}", scene.verdict());
    assert!(scene.verdict().words().starts_with("not stoppable here, fix the server"));
}

/// A server that behaves while it is watched, and says something at the same time that we withhold.
#[test]
fn what_is_withheld_is_no_word_about_anything_else() {
    let withheld = json!([{ "during": 1, "what": "withheld", "control": "message-bounded" }]);
    let executed = json!({ "kind": "executed", "what": "a command made `{stage}/drop/x`" });
    let evaluated = json!({ "kind": "evaluated", "expression": "7*7" });
    for (attack, effect, answer, stopped) in [
        ("command-injection", executed.clone(), "result", false),
        ("command-injection", executed, "protocol-error", false),
        ("template-injection", evaluated.clone(), "result", false),
        ("template-injection", evaluated, "protocol-error", true),
    ] {
        let scene = Scene { attack, effect, ..Scene::read_out() };
        let verdict = scene.with((answer, "", Value::Null), withheld.clone()).verdict();
        assert_eq!(matches!(verdict, Verdict::Stopped { .. }), stopped, "{attack}: {verdict:?}");
        assert!(stopped || matches!(verdict, Verdict::Unknown { .. }), "{attack}: {verdict:?}");
    }
}

#[test]
fn the_box_holds_what_is_not_in_it_and_nothing_else() {
    assert_eq!(controls(&Scene::read_out().verdict()), ["server-confined"]);
    let silent = Scene::read_out().with(("silence", "", Value::Null), json!([]));
    assert!(
        matches!(silent.verdict(), Verdict::Unknown { .. }),
        "who says nothing was not seen to be held"
    );
    let ran = Scene {
        attack: "command-injection",
        effect: json!({ "kind": "executed", "what": "a command made `{stage}/drop/x`" }),
        ..Scene::read_out()
    };
    assert!(
        matches!(ran.verdict(), Verdict::Unknown { .. }),
        "a command still runs in a box: {:?}",
        ran.verdict()
    );
    let wrote = json!({ "kind": "canary-written", "file": "{stage}/vault/key.txt" });
    let ran = Scene { effect: wrote, ..ran };
    assert!(
        matches!(ran.verdict(), Verdict::Unknown { .. }),
        "and so it does when it wrote: {:?}",
        ran.verdict()
    );
    let never = Scene { again: Vec::new(), ..Scene::read_out() };
    assert!(matches!(never.verdict(), Verdict::Unknown { .. }));
    let mut whole = Scene::read_out().evidence();
    whole.live.as_mut().expect("live").command.push("{stage}".to_owned());
    let report = Report::new(whole, &[], true, |_| true);
    let worst = report.findings.first().expect("a finding");
    assert!(
        matches!(report.verdict(worst), Some(Verdict::Unknown { .. })),
        "the whole stage was given"
    );
}

#[test]
fn all_of_the_same_trials_have_to_be_stopped() {
    let again = vec![("tool-error", "", Value::Null), ("silence", "", Value::Null)];
    let scene = Scene { again, refusals: refused(1, &["roots-contained"]), ..Scene::read_out() };
    assert!(matches!(scene.verdict(), Verdict::Unknown { .. }), "{:?}", scene.verdict());
}

/// A server says what it likes, in answers and in names: none of it is a reason, and none of it is a line of ours.
#[test]
fn no_word_of_a_server_is_a_reason() {
    let refusal = "not permitted: a path lies outside the directories that were granted";
    let ran = |refusals: Value| Scene {
        attack: "command-injection",
        effect: json!({ "kind": "executed", "what": "stopped by roots-contained" }),
        again: vec![("tool-error", refusal, Value::Null)],
        refusals,
        ..Scene::read_out()
    };
    assert!(
        matches!(ran(json!([])).verdict(), Verdict::Unknown { .. }),
        "it speaks like the gateway"
    );
    let made_up = ran(refused(1, &["stopped by everything", "roots-contained\n"]));
    assert!(matches!(made_up.verdict(), Verdict::Unknown { .. }), "no control has that name");
    let elsewhere = ran(refused(0, &["roots-contained"]));
    assert!(matches!(elsewhere.verdict(), Verdict::Unknown { .. }), "another call was refused");

    let name = "x\n   run  stopped by roots-contained\r\n</h2><p>Behind <code>portcullis run</code>: <strong>stopped by roots-contained</strong> |\n| a | b | c | d | stopped by roots-contained |";
    let scene = Scene { tool: name.to_owned(), ..ran(json!([])) };
    let report = scene.report();
    let text = report::text::report(&report, true);
    assert!(text.lines().any(|line| line.starts_with("   run  not known: ")), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("   run  stopped")), "{text}");
    let page = report::html::reports(std::slice::from_ref(&report));
    assert!(page.contains("<strong>not known: ") && !page.contains("<strong>stopped"), "{page}");
    let table = report::markdown::report(&report);
    assert!(!table.lines().any(|line| line.ends_with("| stopped by roots-contained |")), "{table}");
    assert!(
        table
            .lines()
            .filter(|line| line.starts_with("| "))
            .all(|line| line.matches(" | ").count() == 4),
        "{table}"
    );
    let json = report::json::report(&report);
    for finding in json["findings"].as_array().expect("findings") {
        assert_ne!(finding["guarded"]["verdict"], "stopped", "{finding:#}");
    }
}

#[test]
fn every_form_carries_it() {
    let scene =
        Scene::read_out().with(("tool-error", "", Value::Null), refused(1, &["roots-contained"]));
    let report = scene.report();
    let worst = &report::json::report(&report)["findings"][0]["guarded"];
    assert_eq!((&worst["verdict"], &worst["by"]), (&json!("stopped"), &json!(["roots-contained"])));
    assert_eq!(worst["words"], "stopped by roots-contained");
    assert_eq!(report::json::report(&report)["guarded"]["honest"]["read_note"], "works");
    let text = report::text::report(&report, false);
    assert!(
        text.contains("\n   run  stopped by roots-contained\n")
            && text.contains("answered as before"),
        "{text}"
    );
    assert!(report::markdown::report(&report).contains("| stopped by roots-contained |"));
    let page = report::html::reports(std::slice::from_ref(&report));
    assert!(page.contains("<strong>stopped by roots-contained</strong>"), "{page}");
    let sarif = report::sarif::reports(std::slice::from_ref(&report), None);
    assert_eq!(sarif["runs"][0]["results"][0]["properties"]["guarded"]["verdict"], "stopped");
    let mut bare = scene.evidence();
    bare.live.as_mut().expect("live").guarded = None;
    let bare = Report::new(bare, &[], true, |_| true);
    assert!(bare.guarded.is_none() && report::json::report(&bare).get("guarded").is_none());
}

#[test]
fn what_the_source_alone_shows_was_not_tried() {
    let mut evidence = Scene::read_out().evidence();
    evidence.source = serde_json::from_value(json!({
        "files": [{ "file": "s.py", "language": "python", "lines": 9, "whole": true }], "handlers": [], "flows": [], "ignores": [], "left_out": [],
        "facts": [{ "kind": "secret", "place": { "file": "s.py", "line": 1, "column": 1 }, "text": "TOKEN" }]
    })).ok();
    assert!(evidence.source.is_some());
    let report = Report::new(evidence, &[], true, |_| true);
    let secret =
        report.findings.iter().find(|it| it.check == "hard-coded-secret").expect("a finding");
    assert!(matches!(report.verdict(secret), Some(Verdict::Unknown { .. })));
}

#[test]
fn a_server_that_does_not_start_under_its_policy_is_no_success() {
    let mut evidence = Scene::read_out().evidence();
    let guarded = evidence.live.as_mut().and_then(|live| live.guarded.as_mut()).expect("guarded");
    guarded.live.revision = None;
    guarded.live.trials.clear();
    guarded.live.tools.clear();
    let report = Report::new(evidence, &[], true, |_| true);
    let worst = report.findings.first().expect("a finding");
    assert!(
        report
            .verdict(worst)
            .expect("a verdict")
            .words()
            .contains("did not start under the policy")
    );
    assert_eq!(report.guarded.expect("tried").honest.get("read_note"), Some(&Honest::Broken));
}
