//! The lists mean in Cedar what they always meant: the plain function that
//! judged them before is the oracle, on every input.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

use std::collections::BTreeSet;

use portcullis_catalog::control;
use portcullis_policy::rules::ToolFacts;
use portcullis_policy::{
    Ask, Base, CallFacts, Decision, Effect, Names, Pattern, Policies, Principal, Rules, ServerName,
    Tier,
};
use proptest::prelude::*;
use serde_json::Value;

/// Is this tool there at all?
fn listing(rules: &Rules, tool: &str) -> Decision {
    let hit = |pattern: &&Pattern| pattern.matches(tool);
    if let Some(pattern) = rules.deny.iter().find(hit) {
        let why = format!("`{tool}` is on the deny list (`{pattern}`)");
        return Decision::deny(control::TOOLS_LISTED, why);
    }
    let without = |list: &&Vec<Pattern>| !list.iter().any(|pattern| pattern.matches(tool));
    match rules.allow.iter().chain(&rules.ceilings).find(without) {
        Some(_) => {
            Decision::deny(control::TOOLS_LISTED, format!("`{tool}` is not on the allow list"))
        }
        None => Decision::default(),
    }
}

/// May this call run without a person?
fn call(rules: &Rules, tool: ToolFacts<'_>) -> Decision {
    let ToolFacts { name, tier, changed, first_open_world_use } = tool;
    let effect = if rules.mode == Ask::Never { Effect::Deny } else { Effect::Ask };
    let mode = if rules.mode == Ask::Never { Ask::Risky } else { rules.mode };
    let mut reasons = Vec::new();
    for pattern in rules.ask.iter().filter(|pattern| pattern.matches(name)) {
        reasons.push(format!("`{name}` is on the ask list (`{pattern}`)"));
    }
    if changed {
        reasons.push(format!("the definition of `{name}` changed since it was first seen"));
    }
    if tier >= Tier::Unknown || (mode >= Ask::Writes && tier >= Tier::Write) {
        reasons.push(format!("`{name}` is in tier {tier}"));
    }
    if mode >= Ask::Risky && first_open_world_use {
        reasons.push(format!("first use of `{name}`, which may reach the open world"));
    }
    if mode == Ask::Always {
        reasons.push("every call is asked".to_owned());
    }
    reasons.into_iter().fold(Decision::default(), |decision, why| {
        decision.and(Decision::because(effect, control::APPROVE_BY_RISK, why))
    })
}

fn compiled(rules: &Rules) -> Policies {
    let server = ServerName::new("files").unwrap();
    Policies::new(&Principal::user(1000), &server, rules, Base::Allow, &[]).unwrap()
}

/// Effect and every reason with its control; who wrote the rule is new.
fn gist(decision: &Decision) -> (Effect, BTreeSet<(&'static str, String)>) {
    let because = decision.because.iter();
    (decision.effect, because.map(|one| (one.control.as_str(), one.why.clone())).collect())
}

fn agree(rules: &Rules, policies: &Policies, tool: ToolFacts<'_>) {
    let listed = policies.judge_listing(tool.name);
    let expect = listing(rules, tool.name);
    assert_eq!(listed.effect, expect.effect, "{rules:?} lists {:?}", tool.name);
    let reasons = gist(&listed).1;
    // The oracle stops at the first entry; the engine names each that matches.
    assert!(
        gist(&expect).1.iter().all(|reason| reasons.contains(reason)),
        "{reasons:?} {expect:?}"
    );
    let facts = CallFacts {
        tool,
        arguments: &Value::Null,
        paths_in_roots: true,
        schema_ok: true,
        secrets: false,
    };
    let judged = policies.judge_call(facts);
    assert_eq!(gist(&judged), gist(&call(rules, tool)), "{rules:?} {tool:?}");
    assert_eq!(policies.judge_call(facts), judged, "remembered");
}

const MODES: [Ask; 5] = [Ask::Never, Ask::Destructive, Ask::Risky, Ask::Writes, Ask::Always];
const TIERS: [Tier; 5] = [Tier::Read, Tier::Write, Tier::Unknown, Tier::Destructive, Tier::Exec];

#[test]
fn every_mode_tier_and_fact() {
    for mode in MODES {
        let rules = Rules { mode, ask: vec![Pattern::new("write_*")], ..Rules::default() };
        let policies = compiled(&rules);
        for tier in TIERS {
            for (name, flags) in [("read_x", 0_u8), ("write_x", 1), ("t", 2), ("write_", 3)] {
                let (changed, first_open_world_use) = (flags & 1 > 0, flags & 2 > 0);
                agree(&rules, &policies, ToolFacts { name, tier, changed, first_open_world_use });
            }
        }
    }
}

/// Names with everything that a quote, a pattern or a placeholder could trip over.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab_]{0,4}",
        r#"[a*"\\{}\n é\u{202e}\u{0}]{0,5}"#,
        Just("{tool}".to_owned()),
        Just("__entity".to_owned()),
        any::<String>(),
    ]
}

fn patterns() -> impl Strategy<Value = Vec<Pattern>> {
    let entry = prop_oneof![Just("*".to_owned()), "[ab_*]{0,5}", name()];
    proptest::collection::vec(entry.prop_map(|text| Pattern::new(&text)), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_lists_and_any_tool(
        allow in proptest::option::of(patterns()),
        ceilings in proptest::collection::vec(patterns(), 0..2),
        ask in patterns(),
        deny in patterns(),
        mode in proptest::sample::select(&MODES[..]),
        tools in proptest::collection::vec(
            (name(), proptest::sample::select(&TIERS[..]), any::<bool>(), any::<bool>()),
            1..6,
        ),
    ) {
        let rules = Rules { allow, ceilings, ask, deny, mode, ..Rules::default() };
        let policies = compiled(&rules);
        for (name, tier, changed, first_open_world_use) in &tools {
            let (changed, first_open_world_use) = (*changed, *first_open_world_use);
            agree(&rules, &policies, ToolFacts { name, tier: *tier, changed, first_open_world_use });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_lists_and_any_prompt(
        allow in proptest::option::of(patterns()),
        ceilings in proptest::collection::vec(patterns(), 0..2),
        deny in patterns(),
        prompts in proptest::collection::vec(name(), 1..6),
    ) {
        let lists = Names { allow, ceilings, deny };
        let policies = compiled(&Rules { prompts: lists.clone(), ..Rules::default() });
        prop_assert_eq!(policies.withholds_prompts(), !lists.is_empty());
        for name in &prompts {
            let judged = policies.judge_prompt(name, name);
            match lists.judge(name) {
                Ok(()) => prop_assert_eq!(judged, Decision::default()),
                Err(why) => {
                    prop_assert_eq!(judged.effect, Effect::Deny);
                    let reason = ("prompts-listed", format!("`{name}` is {why}"));
                    prop_assert!(gist(&judged).1.contains(&reason), "{:?} {:?}", judged, reason);
                }
            }
        }
    }
}

#[test]
fn a_thousand_entries_are_not_too_deep() {
    let many =
        |text: &str| (0..1_000).map(|n| Pattern::new(&format!("{text}{n}"))).collect::<Vec<_>>();
    let mut allow = many("name");
    allow.extend(many("*part"));
    let rules = Rules { allow: Some(allow), ..Rules::default() };
    let policies = compiled(&rules);
    for (name, effect) in
        [("name999", Effect::Allow), ("a part999", Effect::Allow), ("name1000", Effect::Deny)]
    {
        assert_eq!(policies.judge_listing(name).effect, effect, "{name}");
    }
}
