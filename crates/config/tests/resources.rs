//! The lists of resources mean in Cedar what they mean to the plain function that
//! judges URIs: that function is the oracle, on every URI and every template.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops where something is not as it must be"
)]

use portcullis_config::{Config, Documents, Overrides, Server};
use portcullis_guard::UriPattern;
use portcullis_guard::url::{Meant, expanded};
use portcullis_policy::{
    Decision, Effect, May, Policies, PolicyText, Principal, Rank, ResourceFacts, ServerName,
};
use proptest::prelude::*;

fn server(text: &str) -> Server {
    let config = Config::read(text, "p.toml").unwrap_or_else(|wrong| panic!("{text}{wrong:?}"));
    let line = Overrides { command: Some(vec!["x".to_owned()]), ..Overrides::default() };
    let written = Documents::only(config, "p.toml");
    written.settle(ServerName::new("s").unwrap(), line, &str::to_owned).unwrap()
}

fn policies(server: &Server, policy: &str) -> Policies {
    let text = PolicyText {
        file: "p.cedar".to_owned(),
        text: policy.to_owned(),
        may: May::All,
        rank: Rank::Person,
    };
    server.policies(&Principal::user(1000), &[text]).unwrap()
}

fn facts(meant: &Meant) -> ResourceFacts<'_> {
    let Meant { uri, allowed_by, denied_by } = meant;
    ResourceFacts { uri, allowed_by, denied_by, shown: uri }
}

/// As a session judges it; nothing when it cannot be read.
fn judged(server: &Server, policies: &Policies, uri: &str) -> Option<Decision> {
    let readings = server.resources.meant(uri).ok()?;
    let judge = |meant: &Meant| policies.judge_resource(facts(meant));
    Some(readings.iter().map(judge).fold(Decision::default(), Decision::and))
}

const PATTERNS: &[&str] = &[
    "db://**",
    "db://prod/**",
    "db://*/a",
    "db://prod/a?x=*",
    "file:///p/**",
    "file:///p/*.md",
    "https://a.test/**",
    "https://*.test/x",
    "notes:**",
    "notes:daily/*",
    "**",
    "db://prod/a",
];

fn patterns() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(proptest::sample::select(PATTERNS), 0..4)
}

fn uri() -> impl Strategy<Value = String> {
    let scheme = proptest::sample::select(
        &["db://", "file:///", "https://a.test/", "notes:", "DB://", "x:"][..],
    );
    let part = proptest::sample::select(
        &[
            "prod", "p", "a", "daily", "x", "a.md", "%70rod", "%2e%2e", "..", "a?x=1", "%2570",
            "\\", "{v}", "{+v}",
        ][..],
    );
    (scheme, proptest::collection::vec(part, 0..4))
        .prop_map(|(scheme, parts)| format!("{scheme}{}", parts.join("/")))
}

fn quoted(list: &[&str]) -> String {
    list.iter().map(|one| format!("\"{one}\"")).collect::<Vec<_>>().join(", ")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_lists_and_any_resource(
        allow in proptest::option::of(patterns()),
        deny in patterns(),
        uris in proptest::collection::vec(uri(), 1..12),
    ) {
        let allow = allow.map(|list| format!("allow = [{}], ", quoted(&list))).unwrap_or_default();
        let lists = format!("[server.s]\nresources = {{ {allow}deny = [{}] }}\n", quoted(&deny));
        let server = server(&lists);
        let policies = policies(&server, "");
        prop_assert_eq!(policies.withholds_resources(), !server.resources.is_empty());
        let places = [UriPattern::new("file:///p/**").unwrap()];
        for uri in &uris {
            let expect = server.resources.judge(uri);
            let found = judged(&server, &policies, uri);
            match (found, server.resources.is_empty()) {
                (None, _) => prop_assert!(expect.is_err() || server.resources.is_empty()),
                (Some(found), _) => {
                    prop_assert_eq!(found.effect == Effect::Deny, expect.is_err(), "{} {}", lists, uri);
                    prop_assert!(found.because.iter().all(|one| one.control.as_str() == "resources-listed"));
                }
            }
            let found = expanded(uri, &server.resources, &places);
            let expect = found.clone().and_then(|meant| server.resources.passes(&meant));
            let found = found.map(|meant| policies.judge_resource(facts(&meant)).effect);
            prop_assert_eq!(found == Ok(Effect::Allow), expect.is_ok(), "{} {}", lists, uri);
        }
    }
}

#[test]
fn a_denial_names_the_entry_and_its_place() {
    let server = server("[server.s]\nresources = { deny = [\n  \"db://prod/**\",\n] }\n");
    let decision = judged(&server, &policies(&server, ""), "db://prod/x").unwrap();
    let because = decision.because.first().unwrap();
    assert_eq!(because.rule.as_deref(), Some("resources.deny[db://prod/**]"));
    assert_eq!(because.place.as_ref().map(ToString::to_string).as_deref(), Some("p.toml:3"));
    assert_eq!(because.why, "`db://prod/x` is on the deny list (`db://prod/**`)");
}

/// A policy sees each reading, so that no way of writing a URI gets past it.
#[test]
fn policies_judge_resources_and_prompts_too() {
    let server = server("");
    let policy = r#"
        forbid (principal, action == Action::"read", resource) when { resource.name like "db://prod/*" };
        forbid (principal, action == Action::"get", resource == Prompt::"s/deploy");"#;
    let policies = policies(&server, policy);
    for (uri, effect) in [
        ("db://prod/x", Effect::Deny),
        ("db://%70rod/x", Effect::Deny),
        ("DB://prod/x", Effect::Deny),
        ("db://test/x", Effect::Allow),
    ] {
        assert_eq!(judged(&server, &policies, uri).unwrap().effect, effect, "{uri}");
    }
    assert_eq!(policies.judge_prompt("deploy", "deploy").effect, Effect::Deny);
    assert_eq!(policies.judge_prompt("review", "review").effect, Effect::Allow);
    // Nobody is asked about them, so nobody could lift it.
    let asked = "@stepup(\"approve\") forbid (principal, action == Action::\"read\", resource) unless { context.approved };";
    let text = PolicyText {
        file: "p.cedar".into(),
        text: asked.into(),
        may: May::All,
        rank: Rank::Person,
    };
    assert!(server.policies(&Principal::user(1000), &[text]).is_err());
}
