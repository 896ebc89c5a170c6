//! Policies that anybody may have written, and arguments that anybody may send.
//!
//! Two bytes choose who wrote the text and which tool is called; the text goes to the
//! first NUL, the arguments stand behind it. What loads is judged the same way twice, takes
//! nothing off the operator's lists, and, when its writer may only tighten, allows
//! nothing that was not allowed without it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_policy::rules::ToolFacts;
use portcullis_policy::{
    Base, CallFacts, Decision, Effect, May, Pattern, Policies, PolicyText, Principal, Rank, Rules,
    ServerName, Tier,
};
use serde_json::Value;

/// On the operator's deny list, whatever a policy says.
const DENIED: &str = "format_disk";

thread_local! {
    static ALONE: Policies = load(&[]).expect("no policies");
}

fn load(texts: &[PolicyText]) -> Option<Policies> {
    let server = ServerName::new("tickets").expect("a name");
    let rules = Rules { deny: vec![Pattern::new(DENIED)], ..Rules::default() };
    Policies::new(&Principal::user(1000), &server, &rules, Base::Allow, texts).ok()
}

const TOOLS: [(&str, Tier); 5] = [
    ("git_push", Tier::Read),
    ("delete_file", Tier::Destructive),
    ("run_command", Tier::Exec),
    ("write_file", Tier::Write),
    ("thing", Tier::Unknown),
];

fuzz_target!(|bytes: &[u8]| {
    let [who, tool, rest @ ..] = bytes else { return };
    let Ok(rest) = std::str::from_utf8(rest) else { return };
    let (text, arguments) = rest.split_once('\0').unwrap_or((rest, "{}"));
    let Ok(arguments @ Value::Object(_)) = serde_json::from_str::<Value>(arguments) else { return };
    let (may, rank) = match who % 3 {
        0 => (May::All, Rank::Person),
        1 => (May::Tighten, Rank::Project),
        _ => (May::All, Rank::Administrator),
    };
    let text = PolicyText { file: "p.cedar".to_owned(), text: text.to_owned(), may, rank };
    let Some(policies) = load(&[text]) else { return };
    let alone = ALONE.with(Policies::clone);
    assert_eq!(policies.judge_listing(DENIED).effect, Effect::Deny, "a list lost an entry");
    if policies.rules().count() > alone.rules().count() {
        assert_ne!(policies.canonical(), alone.canonical(), "more policies, the same fingerprint");
    }
    let (name, tier) = TOOLS[usize::from(*tool) % TOOLS.len()];
    let changed = tool & 0x40 != 0;
    let flags = [tool & 0x10 != 0, tool & 0x20 != 0, tool & 0x80 != 0];
    let judge = |policies: &Policies| -> Decision {
        let tool = ToolFacts { name, tier, changed, first_open_world_use: flags[0] };
        let [_, paths_in_roots, secrets] = flags;
        let facts =
            CallFacts { tool, arguments: &arguments, paths_in_roots, schema_ok: true, secrets };
        policies.judge_call(facts)
    };
    let (with, without) = (judge(&policies), judge(&alone));
    assert_eq!(with, judge(&policies), "judged twice");
    if may == May::Tighten {
        assert!(with.effect >= without.effect, "laxer: {with:?} and not {without:?}");
        let (listed, before) = (policies.judge_listing(name), alone.judge_listing(name));
        assert!(listed.effect >= before.effect, "laxer: {listed:?} and not {before:?}");
    }
    if with.effect == Effect::Deny || without.effect == Effect::Allow {
        return;
    }
    // A policy alone does not answer a question that the mode asks.
    assert_ne!(with.effect, Effect::Allow, "nobody is asked: {with:?}");
});
