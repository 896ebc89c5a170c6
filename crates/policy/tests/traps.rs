//! Six ways in which a policy engine says yes by mistake, and the places where
//! ours does not.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

use portcullis_catalog::control;
use portcullis_policy::rules::ToolFacts;
use portcullis_policy::{
    Base, CallFacts, Decision, Effect, May, Obligation, Policies, PolicyText, Principal, Rank,
    Rules, ServerName, Tier,
};
use serde_json::{Value, json};

fn load(text: &str, base: Base) -> Result<Policies, String> {
    let server = ServerName::new("tickets").unwrap();
    let text = PolicyText {
        file: "p.cedar".to_owned(),
        text: text.to_owned(),
        may: May::All,
        rank: Rank::Person,
    };
    let found = Policies::new(&Principal::user(1000), &server, &Rules::default(), base, &[text]);
    found.map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

fn judge(policies: &Policies, tool: &str, arguments: &Value) -> Decision {
    let tool =
        ToolFacts { name: tool, tier: Tier::Read, changed: false, first_open_world_use: false };
    let (paths_in_roots, schema_ok, secrets) = (true, true, false);
    policies.judge_call(CallFacts { tool, arguments, paths_in_roots, schema_ok, secrets })
}

fn effect(text: &str, arguments: &Value) -> Effect {
    judge(&load(text, Base::Allow).unwrap(), "git_push", arguments).effect
}

const NOT_TO_MAIN: &str = r#"
@id("not-to-main")
forbid (principal, action == Action::"call", resource == Tool::"tickets/git_push")
when { context.arguments has branch && context.arguments.branch == "main" };"#;

/// Trap 1: Cedar skips a forbid whose condition errs, which allows.
#[test]
fn what_would_err_does_not_load() {
    for (text, says) in [
        // Not guarded by `has`: an error for every call without a branch.
        (
            r#"forbid (principal, action == Action::"call", resource) when { context.arguments.branch == "main" };"#,
            "branch",
        ),
        // A misspelt fact.
        (
            r#"forbid (principal, action == Action::"call", resource) when { context.teir == "exec" };"#,
            "teir",
        ),
        // A fact of the wrong type.
        (
            r#"forbid (principal, action == Action::"call", resource) when { context.tier > 3 };"#,
            "Long",
        ),
        // A fact that this action does not have.
        ("forbid (principal, action, resource) when { context.changed };", "changed"),
        // An action that nobody judges.
        (r#"forbid (principal, action == Action::"sample", resource);"#, "sample"),
        // A policy that never applies.
        (
            r#"forbid (principal, action == Action::"call", resource) when { 1 == 2 };"#,
            "policy is impossible",
        ),
        // A template.
        ("permit (principal == ?principal, action, resource);", "template"),
        // Not Cedar.
        ("forbid (principal, action, resource) wenn { true };", "wenn"),
    ] {
        let said = load(text, Base::Allow).map(|_| ()).expect_err(text);
        assert!(said.starts_with("p.cedar:1: ") && said.contains(says), "{text}\n{said}");
    }
}

/// Trap 1 again: what validation cannot see errs at run time, and that is a denial.
#[test]
fn an_error_while_judging_is_a_denial() {
    // Strict validation knows types, not sizes: this overflows.
    let text = r#"
        @id("sum")
        forbid (principal, action == Action::"call", resource)
        when { context.arguments has n && context.arguments.n + 9223372036854775807 > 3 };"#;
    let policies = load(text, Base::Allow).unwrap();
    assert_eq!(judge(&policies, "t", &json!({"n": -1})).effect, Effect::Deny, "more than 3");
    assert_eq!(judge(&policies, "t", &json!({})).effect, Effect::Allow);
    let decision = judge(&policies, "t", &json!({"n": 1}));
    assert_eq!(decision.effect, Effect::Deny);
    let because = decision.because.first().unwrap();
    assert!(because.why.contains("cannot be judged"), "{because:?}");
    assert_eq!(because.rule.as_deref(), Some("sum"));
    assert_eq!(because.place.as_ref().map(ToString::to_string).as_deref(), Some("p.cedar:2"));
}

/// Trap 2: in Cedar's JSON `__entity` makes an entity; here it is a key.
#[test]
fn arguments_are_data_whatever_their_keys() {
    let text = r#"forbid (principal, action == Action::"call", resource) when {
        context.arguments has who && context.arguments.who has __entity
        && context.arguments.who.__entity has id && context.arguments.who.__entity.id == "root" };"#;
    let root = json!({"who": {"__entity": {"type": "Principal", "id": "root"}}});
    assert_eq!(effect(text, &root), Effect::Deny);
    let other = json!({"who": {"__entity": {"type": "Principal", "id": "ada"}}});
    assert_eq!(effect(text, &other), Effect::Allow);
    let text = r#"forbid (principal, action == Action::"call", resource) when {
        context.arguments has who && context.arguments.who == "root" };"#;
    assert_eq!(effect(text, &root), Effect::Deny, "an object where a text is read");
    let extension = json!({"who": {"__extn": {"fn": "decimal", "arg": "1.0"}}});
    assert_eq!(effect(text, &extension), Effect::Deny);
}

/// Trap 2 again: fractions, nulls and huge numbers neither fail nor slip through.
#[test]
fn numbers_that_cedar_has_no_word_for_are_refused_where_they_are_read() {
    let text = r#"forbid (principal, action == Action::"call", resource)
        when { context.arguments has n && context.arguments.n > 3 };"#;
    for (n, expect) in [
        (json!(4), Effect::Deny),
        (json!(3), Effect::Allow),
        (json!(null), Effect::Allow),
        (json!(3.5), Effect::Deny),
        (json!(4.0), Effect::Deny),
        (json!(18_446_744_073_709_551_615_u64), Effect::Deny),
        (json!(i64::MIN), Effect::Allow),
        (json!("9"), Effect::Deny),
        (json!([9]), Effect::Deny),
        (json!({"n": 9}), Effect::Deny),
    ] {
        assert_eq!(effect(text, &json!({"n": n, "other": 1e300, "huge": u64::MAX})), expect, "{n}");
    }
}

/// An argument in another kind than a policy reads would make the policy silent.
#[test]
fn another_kind_than_a_policy_reads_is_refused_for_the_tools_it_is_about() {
    for (branch, expect) in [
        (json!("main"), Effect::Deny),
        (json!("dev"), Effect::Allow),
        (json!(null), Effect::Allow),
        (json!(["main"]), Effect::Deny),
        (json!({"name": "main"}), Effect::Deny),
    ] {
        assert_eq!(effect(NOT_TO_MAIN, &json!({"branch": branch})), expect, "{branch}");
    }
    let policies = load(NOT_TO_MAIN, Base::Allow).unwrap();
    let decision = judge(&policies, "git_push", &json!({"branch": ["main"]}));
    assert_eq!(
        decision.because.first().unwrap().why,
        "argument `branch` is not a text, and policy `not-to-main` reads it as that"
    );
    assert_eq!(judge(&policies, "git_log", &json!({"branch": ["main"]})).effect, Effect::Allow);
}

/// Trap 3: what a policy reads is told from its use, or it does not load.
#[test]
fn kinds_are_told_from_use() {
    let condition = |condition: &str| {
        format!("forbid (principal, action == Action::\"call\", resource) when {{ {condition} }};")
    };
    for (text, hit, miss) in [
        (
            "context.arguments has force && context.arguments.force",
            json!({"force": true}),
            json!({"force": false}),
        ),
        ("context.arguments has force", json!({"force": 1.5}), json!({"force": null})),
        (
            "context.arguments has a && context.arguments.a like \"x*\"",
            json!({"a": "xy"}),
            json!({"a": "yx"}),
        ),
        (
            "context.arguments has a && [\"x\", \"y\"].contains(context.arguments.a)",
            json!({"a": "y"}),
            json!({"a": "z"}),
        ),
        (
            "context.arguments has l && context.arguments.l.contains(\"x\")",
            json!({"l": ["x"]}),
            json!({"l": []}),
        ),
        (
            "context.arguments has l && context.arguments.l.containsAny([1, 2])",
            json!({"l": [2]}),
            json!({"l": [3]}),
        ),
        (
            "context.arguments has o && context.arguments.o has f && context.arguments.o.f == 1",
            json!({"o": {"f": 1}}),
            json!({"o": {}}),
        ),
        (
            "context.arguments has \"a b\" && context.arguments[\"a b\"] != \"x\"",
            json!({"a b": "y"}),
            json!({"a b": "x"}),
        ),
        (
            "context.arguments has a.b && context.arguments.a.b == \"x\"",
            json!({"a": {"b": "x"}}),
            json!({"a": {}}),
        ),
        (
            "context.arguments has a && (if context.arguments.a then context.tier == \"read\" else false)",
            json!({"a": true}),
            json!({"a": false}),
        ),
    ] {
        let text = condition(text);
        assert_eq!(effect(&text, &hit), Effect::Deny, "{text} {hit}");
        assert_eq!(effect(&text, &miss), Effect::Allow, "{text} {miss}");
    }
    for (text, says) in [
        (
            "context.arguments has a && context.arguments has b && context.arguments.a == context.arguments.b",
            "cannot be told",
        ),
        (
            "context.arguments has a && context.arguments.a == \"x\" && context.arguments.a > 3",
            "read as a text and as a whole number",
        ),
        ("context.arguments == context.arguments", "one by one"),
        ("(if true then context else context).arguments has a", "a"),
    ] {
        let said = load(&condition(text), Base::Allow).map(|_| ()).expect_err(text);
        assert!(said.contains(says), "{text}\n{said}");
    }
}

/// Trap 4: a question is a step up, and one that no yes can lift is not asked.
#[test]
fn asking_is_a_step_up() {
    let ask = r#"@id("ask") @stepup("approve") forbid (principal, action == Action::"call", resource)
        when { resource.name == "git_push" } unless { context.approved };"#;
    assert_eq!(effect(ask, &json!({})), Effect::Ask);
    let hard = format!("{ask} {NOT_TO_MAIN}");
    assert_eq!(effect(&hard, &json!({"branch": "dev"})), Effect::Ask);
    assert_eq!(effect(&hard, &json!({"branch": "main"})), Effect::Deny, "one cannot be lifted");
    let late = format!(
        "{ask} @id(\"late\") @stepup(\"approve\") forbid (principal, action == Action::\"call\", resource) \
         when {{ context.approved }};"
    );
    assert_eq!(effect(&late, &json!({})), Effect::Deny, "a yes would not let it pass");
    let closed = load(ask, Base::Deny).unwrap();
    assert_eq!(judge(&closed, "git_push", &json!({})).effect, Effect::Deny, "nothing permits it");
    for (text, says) in [
        (
            r#"@stepup("approve") forbid (principal, action == Action::"call", resource);"#,
            "no yes could lift it",
        ),
        (
            r#"forbid (principal, action == Action::"call", resource) unless { context.approved };"#,
            "nobody would be asked",
        ),
        (r#"@stepup("approve") permit (principal, action, resource);"#, "this is a permit"),
        (r#"@stepup("maybe") forbid (principal, action, resource);"#, "unknown"),
        (r#"@rate("5/m") forbid (principal, action, resource);"#, "owed for a yes"),
        (r#"@rate("0/m") permit (principal, action, resource);"#, "is no rate"),
        (r#"@timeout("fast") permit (principal, action, resource);"#, "is no duration"),
        (r#"@note("x") permit (principal, action, resource);"#, "unknown"),
        (
            "@id(\"x\") permit (principal, action, resource);\n@id(\"x\") forbid (principal, action, resource);",
            "name of another policy",
        ),
        ("@id(\"base\") forbid (principal, action, resource);", "name of another policy"),
    ] {
        let said = load(text, Base::Allow).map(|_| ()).expect_err(text);
        assert!(said.contains(says), "{text}\n{said}");
    }
}

/// Trap 4 again: what is owed adds up over every permit, and the strictest counts.
#[test]
fn what_is_owed_adds_up() {
    let text = r#"
        @id("slow") @timeout("30s") @rate("100/h") permit (principal, action == Action::"call", resource);
        @id("fast") @timeout("5s") @redact("secrets") permit (principal, action == Action::"call", resource in Server::"tickets");
        @id("other") @timeout("1s") permit (principal, action == Action::"call", resource in Server::"files");"#;
    let decision = judge(&load(text, Base::Allow).unwrap(), "git_push", &json!({}));
    assert_eq!(decision.effect, Effect::Allow);
    assert_eq!(decision.timeout(), Some(std::time::Duration::from_secs(5)));
    assert!(decision.obligations.contains(&Obligation::RedactSecrets));
    assert!(decision.obligations.contains(&Obligation::Rate { calls: 100, seconds: 3600 }));
    let names: Vec<_> = decision.because.iter().filter_map(|one| one.rule.as_deref()).collect();
    assert_eq!(names, ["fast", "slow"], "and each is named");
    let asked = format!(
        "{text} @id(\"ask\") @stepup(\"approve\") forbid (principal, action == Action::\"call\", resource) unless {{ context.approved }};"
    );
    let decision = judge(&load(&asked, Base::Allow).unwrap(), "git_push", &json!({}));
    assert_eq!(decision.effect, Effect::Ask);
    assert_eq!(decision.timeout(), Some(std::time::Duration::from_secs(5)), "owed after a yes too");
}

/// Trap 5: leaving policies out never changes the answer.
#[test]
fn what_a_slice_leaves_out_could_not_matter() {
    for (scope, expect) in [
        (r#"principal, action, resource"#, Effect::Deny),
        (r#"principal == Principal::"uid:1000", action, resource"#, Effect::Deny),
        (r#"principal == Principal::"uid:0", action, resource"#, Effect::Allow),
        (r#"principal is Principal in Principal::"uid:1000", action, resource"#, Effect::Deny),
        (r#"principal, action in [Action::"list", Action::"call"], resource"#, Effect::Deny),
        (r#"principal, action == Action::"list", resource"#, Effect::Allow),
        (r#"principal, action, resource is Tool"#, Effect::Deny),
        (r#"principal, action, resource in Server::"tickets""#, Effect::Deny),
        (r#"principal, action, resource in Server::"files""#, Effect::Allow),
        (r#"principal, action, resource is Tool in Server::"tickets""#, Effect::Deny),
        (r#"principal, action, resource == Tool::"tickets/git_push""#, Effect::Deny),
        (r#"principal, action, resource in Tool::"tickets/git_push""#, Effect::Deny),
        (r#"principal, action, resource == Tool::"files/git_push""#, Effect::Allow),
        (r#"principal, action, resource == Tool::"git_push""#, Effect::Allow),
    ] {
        assert_eq!(effect(&format!("forbid ({scope});"), &json!({})), expect, "{scope}");
    }
}

/// Trap 6: nothing is allowed by default when the base is closed.
#[test]
fn without_a_permit_nothing_passes() {
    let closed = load("", Base::Deny).unwrap();
    let decision = judge(&closed, "git_push", &json!({}));
    assert_eq!(decision.effect, Effect::Deny);
    assert!(decision.names(control::POLICY_OBEYED));
    assert_eq!(closed.judge_listing("git_push").effect, Effect::Deny);
    let open = r#"permit (principal, action, resource == Tool::"tickets/git_log");"#;
    let policies = load(open, Base::Deny).unwrap();
    assert_eq!(judge(&policies, "git_log", &json!({})).effect, Effect::Allow);
    assert_eq!(policies.judge_listing("git_log").effect, Effect::Allow);
    assert_eq!(judge(&policies, "git_push", &json!({})).effect, Effect::Deny);
}

#[test]
fn a_project_forbids_and_permits_nothing() {
    let server = ServerName::new("tickets").unwrap();
    let load = |text: &str| {
        let text = PolicyText {
            file: "p.cedar".into(),
            text: text.into(),
            may: May::Tighten,
            rank: Rank::Project,
        };
        Policies::new(&Principal::user(1000), &server, &Rules::default(), Base::Allow, &[text])
    };
    assert!(load(NOT_TO_MAIN).is_ok());
    let said = load("\npermit (principal, action, resource);").unwrap_err();
    assert_eq!(
        said[0].to_string(),
        "p.cedar:2: this file may only tighten: it forbids, and permits nothing"
    );
}

#[test]
fn a_rule_is_tried_on_the_calls_that_stand_beside_it() {
    let beside = |notes: &str| format!("{notes}{NOT_TO_MAIN}");
    for (notes, says) in [
        (r#"@denies("git_push branch=main force=true; git_push branch=main")"#, None),
        (r#"@allows("git_push branch=dev; git_log")"#, None),
        (r#"@denies("git_push branch=dev")"#, Some("is allow (nothing speaks)")),
        (r#"@denies("git_push")"#, Some("`@denies` of policy `not-to-main` does not hold")),
        (r#"@allows("git_push branch=main")"#, Some("is deny (policy `not-to-main` forbids")),
        (r#"@denies("git_push main")"#, Some("is no call")),
        (r#"@denies("")"#, Some("is no call")),
    ] {
        let found = load(&beside(notes), Base::Allow);
        match says {
            None => assert!(found.is_ok(), "{notes} {:?}", found.err()),
            Some(says) => {
                let said = found.map(|_| ()).expect_err(notes);
                assert!(said.starts_with("p.cedar:1: ") && said.contains(says), "{notes}\n{said}");
            }
        }
    }
    // Another rule's denial is not this one's.
    let two = format!(
        "@id(\"all\") forbid (principal, action == Action::\"call\", resource);\n{}",
        beside(r#"@denies("git_push branch=dev")"#)
    );
    assert!(load(&two, Base::Allow).is_err());
    // A permit is what permits, or its example does not hold.
    let permit = r#"@id("log") @allows("git_log") @denies("git_push") permit (principal, action, resource == Tool::"tickets/git_log");"#;
    assert!(load(permit, Base::Deny).is_ok());
    let barred = format!("{permit}\nforbid (principal, action, resource);");
    assert!(load(&barred, Base::Deny).is_err());
    // What is about another server is tried there.
    let other = NOT_TO_MAIN.replace("tickets/", "other/");
    assert!(load(&format!("@denies(\"git_push branch=main\"){other}"), Base::Allow).is_ok());
}

#[test]
fn an_example_that_could_never_be_tried_is_refused() {
    for (scope, tried) in [
        ("action == Action::\"read\", resource", false),
        ("action == Action::\"get\", resource", false),
        ("action in [Action::\"read\", Action::\"get\"], resource", false),
        ("action, resource is Resource", false),
        ("action, resource == Prompt::\"tickets/x\"", false),
        ("action, resource == Resource::\"other/x\"", false),
        ("action, resource is Prompt in Server::\"tickets\"", false),
        ("action in [Action::\"read\", Action::\"call\"], resource", true),
        ("action == Action::\"list\", resource", true),
        ("action, resource is Tool in Server::\"tickets\"", true),
        ("action, resource in Server::\"tickets\"", true),
    ] {
        let rule = format!("@id(\"r\") @denies(\"x\") forbid (principal, {scope});");
        let found = load(&rule, Base::Allow).map(|_| ());
        if tried {
            assert_eq!(found, Ok(()), "{rule}");
        } else {
            let said = found.expect_err(&rule);
            assert!(said.starts_with("p.cedar:1: `@denies` and `@allows` are calls"), "{said}");
            let silent = rule.replace("@denies(\"x\")", "");
            assert_eq!(load(&silent, Base::Allow).map(|_| ()), Ok(()), "{silent}");
        }
    }
}

#[test]
fn a_rule_whose_examples_were_not_tried_here_is_told() {
    let named = |server: &str| {
        let rule = NOT_TO_MAIN.replace("tickets/", &format!("{server}/"));
        let policies = load(&format!("@denies(\"git_push branch=main\"){rule}"), Base::Allow);
        policies.unwrap().untried().map(|rule| rule.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(named("ticket"), ["not-to-main"]);
    assert_eq!(named("tickets"), <[&str; 0]>::default());
    // Without an example there is nothing to try.
    let silent = load(&NOT_TO_MAIN.replace("tickets/", "ticket/"), Base::Allow).unwrap();
    assert_eq!(silent.untried().count(), 0);
}

#[test]
fn answers_are_remembered_by_what_they_depend_on() {
    let policies = load(NOT_TO_MAIN, Base::Allow).unwrap();
    for _ in 0..3 {
        assert_eq!(judge(&policies, "git_push", &json!({"branch": "main"})).effect, Effect::Deny);
        assert_eq!(judge(&policies, "git_push", &json!({"branch": "dev"})).effect, Effect::Allow);
        assert_eq!(
            judge(&policies, "git_push", &json!({"branch": {"main": 1}})).effect,
            Effect::Deny
        );
    }
    for n in 0..3_000 {
        let branch = if n % 2 == 0 { "main".to_owned() } else { format!("b{n}") };
        let expect = if n % 2 == 0 { Effect::Deny } else { Effect::Allow };
        assert_eq!(judge(&policies, "git_push", &json!({"branch": branch})).effect, expect);
    }
}

#[test]
fn other_policies_have_another_text() {
    let (a, b) = (load(NOT_TO_MAIN, Base::Allow).unwrap(), load("", Base::Allow).unwrap());
    assert_ne!(a.canonical(), b.canonical());
    assert_ne!(b.canonical(), load("", Base::Deny).unwrap().canonical());
    assert_eq!(a.canonical(), load(NOT_TO_MAIN, Base::Allow).unwrap().canonical());
}
