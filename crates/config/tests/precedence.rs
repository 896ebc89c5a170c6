//! Whose word counts: key by key, and for whatever three files say.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops where something is not as it must be"
)]

use portcullis_config::{
    Access, Config, Document, Documents, Network, Overrides, Server, parse_network, parse_root,
};
use portcullis_guard::egress::Target;
use portcullis_policy::rules::ToolFacts;
use portcullis_policy::{
    Ask, CallFacts, Effect, May, PolicyText, Principal, Rank, ServerName, Tier,
};
use proptest::prelude::*;
use serde_json::Value;

fn document(file: &str, text: &str) -> Document {
    let config = Config::read(text, file).unwrap_or_else(|wrong| panic!("{text}\n{wrong:?}"));
    Document { file: file.to_owned(), config }
}

fn documents(administrator: &str, user: &str, project: &str) -> Documents {
    let some = |file: &str, text: &str| (!text.is_empty()).then(|| document(file, text));
    Documents {
        administrator: some("/etc/p.toml", administrator),
        user: some("u.toml", user),
        projects: some("p.toml", project).into_iter().collect(),
    }
}

fn settled(documents: &Documents, line: Overrides) -> Result<Server, Vec<String>> {
    let command = line.command.clone().or_else(|| {
        // Who says it in a file says the same.
        Some(vec!["x".to_owned()])
    });
    let line = Overrides { command, ..line };
    let found = documents.settle(ServerName::new("s").unwrap(), line, &|path| path.to_owned());
    found.map_err(|all| all.iter().map(ToString::to_string).collect())
}

fn settle(administrator: &str, user: &str, project: &str) -> Result<Server, Vec<String>> {
    settled(&documents(administrator, user, project), Overrides::default())
}

/// The key, what is fixed, what is as tight, and what loosens it.
const KEYS: &[(&str, &str, &[&str], &[&str])] = &[
    ("ask", "'writes'", &["'writes'", "'always'"], &["'risky'", "'destructive'", "'never'"]),
    ("ask", "'risky'", &["'never'", "'writes'"], &["'destructive'"]),
    ("ask", "'never'", &["'never'"], &["'destructive'", "'risky'", "'writes'", "'always'"]),
    ("patience", "'1m'", &["'1m'", "'5s'"], &["'2m'"]),
    ("confinement", "'landlock'", &["'landlock'", "'full'"], &["'none'"]),
    ("user", "'mcp'", &["'mcp'"], &["'nobody'"]),
    ("pins", "'first'", &["'first'", "'ask'"], &["'note'"]),
    ("observe", "false", &["false"], &["true"]),
    ("network", "'none'", &["[]"], &["'host'", "['a.test']"]),
    (
        "extensions",
        "['io.modelcontextprotocol/ui']",
        &["['io.modelcontextprotocol/ui']", "[]"],
        &[
            "['io.modelcontextprotocol/tasks']",
            "['io.modelcontextprotocol/ui', 'io.modelcontextprotocol/tasks']",
        ],
    ),
    ("network", "'host'", &["'host'", "['a.test']", "[]"], &[]),
    (
        "network",
        "['*.a.test', 'b.test:8443', 'c.test=10.0.0.1']",
        &["['x.a.test']", "['*.x.a.test:443']", "['b.test:8443']", "['c.test=10.0.0.1']", "[]"],
        &[
            "['a.test']",
            "['x.a.test:22']",
            "['b.test']",
            "['c.test']",
            "['c.test=10.0.0.2']",
            "['d.test']",
            "'host'",
        ],
    ),
    (
        "roots",
        "['/a', '/b:rw', '/b/in']",
        &["['/a']", "['/a/x', '/b/y:rw']", "['/b']", "['/b/in/deep']", "[]"],
        &["['/a:rw']", "['/']", "['/c']", "['/b/../c']", "['/b/in:rw']", "['/ab']"],
    ),
    (
        "roots",
        "[{ path = '/b', access = 'rw', protect = ['k'] }]",
        &["['/b:rw']", "['/b/other:rw']", "[{ path = '/b', access = 'rw', protect = ['z'] }]"],
        &["['/b/k:rw']"],
    ),
    ("roots", "['/b:rw']", &["['/b:rw']"], &["[{ path = '/b', access = 'rw', protect = [] }]"]),
    (
        "limits",
        "{ calls_per_minute = 30 }",
        &["{ calls_per_minute = 3 }"],
        &["{ calls_per_minute = 31 }"],
    ),
    (
        "limits",
        "{ call_ceiling = '5m' }",
        &["{ call_ceiling = '90s' }"],
        &["{ call_ceiling = '6m' }"],
    ),
    (
        "limits",
        "{ memory_bytes = '64MiB' }",
        &["{ memory_bytes = '64MiB' }"],
        &["{ memory_bytes = '1GiB' }"],
    ),
    ("limits", "{ processes = 9 }", &["{ processes = 8 }"], &["{ processes = 10 }"]),
    ("inspect", "{ secrets = 'redact' }", &["{ secrets = 'deny' }"], &["{ secrets = 'off' }"]),
    ("inspect", "{ errors = 'redact' }", &["{ errors = 'redact' }"], &["{ errors = 'off' }"]),
    ("channels", "['console', 'terminal']", &["['terminal']"], &["['terminal', 'console']"]),
    ("trusted_hosts", "['a', 'b']", &["['b']", "[]"], &["['a', 'c']"]),
    ("sampling", "{ mode = 'refuse' }", &["{ mode = 'refuse' }"], &["{ mode = 'ask' }"]),
    ("sampling", "{ review = 'both' }", &["{ review = 'both' }"], &["{ review = 'request' }"]),
    ("sampling", "{ max_tokens = 99 }", &["{ max_tokens = 9 }"], &["{ max_tokens = 100 }"]),
    ("sampling", "{ per_minute = 2 }", &["{ per_minute = 1 }"], &["{ per_minute = 3 }"]),
    ("sampling", "{ per_hour = 2 }", &["{ per_hour = 1 }"], &["{ per_hour = 3 }"]),
    (
        "elicitation",
        "{ mode = 'ask' }",
        &["{ mode = 'ask' }", "{ mode = 'refuse' }"],
        &["{ mode = 'show' }"],
    ),
    (
        "elicitation",
        "{ urls = ['a.test'] }",
        &["{ urls = ['a.test:443'] }", "{ urls = [] }"],
        &["{ urls = ['b.test'] }", "{ urls = ['a.test:8443'] }"],
    ),
    ("elicitation", "{ per_call = 2 }", &["{ per_call = 1 }"], &["{ per_call = 3 }"]),
    ("elicitation", "{ per_hour = 2 }", &["{ per_hour = 1 }"], &["{ per_hour = 3 }"]),
];

fn table(name: &str, key: &str, value: &str) -> String {
    let named = if name == "ceiling" { name.to_owned() } else { format!("server.{name}") };
    format!("[{named}]\n{key} = {value}\n").replace('\'', "\"")
}

#[test]
fn whoever_is_outranked_may_tighten_and_not_loosen() {
    for (key, fixed, tighter, looser) in KEYS {
        for by in ["s", "ceiling"] {
            let fixed = table(by, key, fixed);
            for said in *tighter {
                let said = table("s", key, said);
                let found = settle(&fixed, &said, "");
                assert!(found.is_ok(), "{fixed}{said}{found:?}");
            }
            for said in *looser {
                let said = table("s", key, said);
                let found = settle(&fixed, &said, "").expect_err(&format!("{fixed}{said}"));
                let right = |one: &String| {
                    one.starts_with(&format!("`{key}"))
                        && one.contains("your file u.toml")
                        && one.contains("the administrator's file /etc/p.toml")
                };
                assert!(found.iter().any(right), "{fixed}{said}{found:?}");
            }
        }
        // The same between the person and a project, which never names an account.
        if *key == "user" {
            continue;
        }
        let fixed = table("s", key, fixed);
        for said in *tighter {
            let found = settle("", &fixed, &table("s", key, said));
            assert!(found.is_ok(), "{fixed}{said}{found:?}");
        }
        for said in *looser {
            let found = settle("", &fixed, &table("s", key, said)).expect_err(said);
            assert!(found[0].contains("the project's file p.toml"), "{found:?}");
        }
    }
}

#[test]
fn what_nobody_said_is_not_loosened_either() {
    for (key, looser) in [
        ("ask", "'destructive'"),
        ("network", "['a.test']"),
        ("roots", "['/a']"),
        ("confinement", "'landlock'"),
        ("observe", "true"),
        ("extensions", "['io.modelcontextprotocol/tasks']"),
        ("patience", "'3m'"),
        ("pins", "'note'"),
        ("limits", "{ message_bytes = '5MiB' }"),
        ("inspect", "{ hidden = 'off' }"),
        ("channels", "['console', 'terminal']"),
        ("trusted_hosts", "['a']"),
        ("sampling", "{ mode = 'ask' }"),
        ("sampling", "{ max_tokens = 1025 }"),
        ("elicitation", "{ mode = 'show' }"),
        ("elicitation", "{ urls = ['a.test'] }"),
        ("command", "['evil']"),
        ("env", "{ LD_PRELOAD = 'x' }"),
        ("user", "'mcp'"),
    ] {
        let said = table("s", key, looser);
        assert!(
            settle("", "[defaults]\nask = 'risky'".replace('\'', "\"").as_str(), &said).is_err(),
            "{said}"
        );
    }
}

#[test]
fn a_ceiling_gives_nothing_and_binds_every_name() {
    let ceiling = "[ceiling]\nnetwork = [\"a.test\"]\nroots = [\"/a\"]\nask = \"destructive\"\n\
                   patience = \"1s\"\n";
    let server = settle(ceiling, "", "").unwrap();
    assert!(server.roots.is_empty() && server.network == Network::None);
    assert_eq!(server.rules.mode, Ask::Risky, "the usual is tighter");
    assert_eq!(server.patience.as_secs(), 1, "the usual is looser");
    let other = ServerName::new("other").unwrap();
    let line = || Overrides {
        command: Some(vec!["x".to_owned()]),
        network: Some(Network::Host),
        ..Overrides::default()
    };
    let said =
        documents(ceiling, "", "").settle(other.clone(), line(), &str::to_owned).unwrap_err();
    assert!(said[0].to_string().contains("the command line says `host`"), "{said:?}");
    // One's own holds one's command line too.
    assert!(documents("", ceiling, "").settle(other, line(), &str::to_owned).is_err());
}

#[test]
fn a_persons_ceiling_refuses_what_the_person_said_and_names_who_said_it() {
    let ceiling = "[ceiling]\nnetwork = [\"a.test\"]\n";
    let line = |network: &str| Overrides {
        network: Some(parse_network(network).unwrap()),
        ..Overrides::default()
    };
    let says = |who: &str, said: &str| {
        [format!(
            "`network`: {who} says `{said}`, and the ceiling of your file u.toml fixes `a.test`: it may only be tightened"
        )]
    };
    let own = format!("{ceiling}[server.s]\nnetwork = [\"b.test\"]\n");
    let own = documents("", &own, "");
    let found = settled(&own, Overrides::default()).unwrap_err();
    assert_eq!(found, says("your file u.toml", "b.test"));
    let found = settled(&own, line("host")).unwrap_err();
    assert_eq!(found, says("the command line", "host"));
    // The command line wins over the table, and is what counts.
    assert_eq!(settled(&own, line("a.test")).unwrap().network.to_string(), "a.test");
}

#[test]
fn a_persons_ceiling_tightens_what_an_administrator_grants() {
    for (key, fixed, own, holds) in [
        ("network", "'host'", "['a.test']", "a.test"),
        ("network", "['a.test']", "['a.test', 'b.test']", "a.test"),
        ("network", "['a.test']", "'none'", "none"),
        ("roots", "['/a:rw', '/b']", "['/a/x', '/c']", "/a/x:ro"),
        ("roots", "['/a', '/b:rw']", "['/a:rw', '/b']", "/a:ro /b:ro"),
        ("roots", "['/a:rw', '/a/k']", "['/a:rw']", "/a/k:ro /a:rw"),
        ("roots", "['/a/x']", "['/a:rw']", "/a/x:ro"),
        ("ask", "'risky'", "'always'", "always"),
        ("ask", "'always'", "'risky'", "always"),
        ("patience", "'2m'", "'1m'", "60"),
        ("observe", "true", "false", "false"),
    ] {
        let shown = |server: &Server| match key {
            "network" => server.network.to_string(),
            "roots" => {
                let root = |root: &portcullis_config::Root| {
                    format!("{}:{}", root.path(), root.access().as_str())
                };
                let mut all: Vec<_> = server.roots.iter().map(root).collect();
                all.sort();
                all.dedup();
                all.join(" ")
            }
            "ask" => server.rules.mode.as_str().to_owned(),
            "patience" => server.patience.as_secs().to_string(),
            _ => server.observe.to_string(),
        };
        let (fixed, own) = (table("s", key, fixed), table("ceiling", key, own));
        let server = settle(&fixed, &own, "").unwrap_or_else(|said| panic!("{fixed}{own}{said:?}"));
        assert_eq!(shown(&server), holds, "{fixed}{own}");
    }
    // Where neither is tighter, whoever said it is named.
    for (key, fixed, own) in [
        ("ask", "'never'", "'writes'"),
        ("network", "['a.test', 'b.test']", "['b.test', 'c.test']"),
    ] {
        let said = settle(&table("s", key, fixed), &table("ceiling", key, own), "").unwrap_err();
        let start = format!("`{key}`: the administrator's file /etc/p.toml says `");
        assert!(said.len() == 1 && said[0].starts_with(&start), "{said:?}");
        assert!(said[0].contains("the ceiling of your file u.toml fixes `"), "{said:?}");
    }
    // It gives nothing, here either.
    let server = settle("[server.s]\nask = \"always\"\n", "[ceiling]\nroots = [\"/a\"]\n", "");
    assert!(server.unwrap().roots.is_empty());
}

#[test]
fn a_command_that_is_fixed_gets_no_variable_of_anybody_elses() {
    let administrator = |with: &str| format!("[server.s]\ncommand = [\"x\"]\n{with}\n");
    let adds = |name: &str| format!("[server.s]\nenv = {{ {name} = \"y\" }}\n");
    for name in ["LD_PRELOAD", "NODE_OPTIONS", "PYTHONPATH", "TOKEN"] {
        let said = settle(&administrator(""), &adds(name), "").unwrap_err();
        let expect = format!(
            "`env`: your file u.toml adds `{name}`, and the administrator's file /etc/p.toml fixes the command"
        );
        assert!(said.len() == 1 && said[0].starts_with(&expect), "{said:?}");
        let line = Overrides {
            env: vec![portcullis_config::values::parse_env(&format!("{name}=y")).unwrap()],
            ..Overrides::default()
        };
        let said = settled(&documents(&administrator(""), "", ""), line.clone()).unwrap_err();
        assert!(said.len() == 1 && said[0].starts_with("`env`: the command line adds"), "{said:?}");
        // Whose command it is, whose variables.
        assert!(settled(&documents("[ceiling]\nask = \"writes\"", "", ""), line).is_ok());
        assert!(settle("", &format!("{}command = [\"x\"]\n", adds(name)), "").is_ok());
    }
    // What stands beside the command stays.
    let server = settle(&administrator("env = { TOKEN = \"z\" }"), "", "").unwrap();
    assert_eq!(server.env.iter().map(|one| one.name()).collect::<Vec<_>>(), ["TOKEN"]);
}

#[test]
fn what_asks_may_not_stop_asking_below() {
    let all = documents("[server.s]\nroots = [\"/a:rw:ask\"]\n", "", "");
    let line = |root: &str| Overrides {
        roots: Some(vec![parse_root(root).unwrap()]),
        ..Overrides::default()
    };
    let said = settled(&all, line("/a/b")).unwrap_err();
    assert!(said.concat().contains("/a:rw:ask"), "{said:?}");
    let server = settled(&all, line("/a/b:ask")).unwrap();
    assert!(server.roots[0].asks() && server.roots[0].path() == "/a/b");
    // And what is granted may be asked about.
    let all = documents("[server.s]\nroots = [\"/a:rw\"]\n", "", "");
    assert!(settled(&all, line("/a/b:ask")).unwrap().roots[0].asks());
}

#[test]
fn the_command_line_only_tightens_what_an_administrator_fixed() {
    let fixed = "[server.s]\nnetwork = [\"a.test\"]\nroots = [\"/a:rw\"]\nask = \"writes\"\n";
    let all = documents(fixed, "[server.s]\nask = \"always\"\n", "");
    let line = |network: &str, root: &str| Overrides {
        network: Some(parse_network(network).unwrap()),
        roots: Some(vec![parse_root(root).unwrap()]),
        ..Overrides::default()
    };
    let server = settled(&all, line("a.test:443", "/a/b")).unwrap();
    assert_eq!(server.network.to_string(), "a.test:443");
    assert_eq!((server.roots[0].path(), server.roots[0].access()), ("/a/b", Access::Read));
    let said = settled(&all, line("host", "/c")).unwrap_err();
    assert_eq!(
        said,
        [
            "`roots`: the command line says `/c:ro`, and the administrator's file /etc/p.toml fixes `/a:rw`: it may only be tightened",
            "`network`: the command line says `host`, and the administrator's file /etc/p.toml fixes `a.test`: it may only be tightened",
        ]
    );
    // Without a word of anybody else's, what is fixed is what holds.
    let server = settle(fixed, "", "").unwrap();
    assert_eq!((server.network.to_string(), server.rules.mode), ("a.test".into(), Ask::Writes));
}

#[test]
fn a_closed_base_is_opened_by_nobody_else() {
    let closed = "[policy]\nbase = \"deny\"\n";
    let open = "[policy]\nbase = \"allow\"\n";
    assert!(settle(closed, open, "").is_err() && settle("", closed, open).is_err());
    assert!(!documents(closed, "", "").person_may_permit());
    assert!(documents("", closed, "").person_may_permit());
    assert_eq!(settle("", "", closed).unwrap().base, portcullis_policy::Base::Deny);
}

#[test]
fn observing_does_not_lift_what_an_administrator_fixed() {
    let user = "[server.s]\nobserve = true\n";
    for (fixed, passes) in [
        ("[ceiling]\ntools = { deny = [\"x\"] }\n", true),
        ("[ceiling]\nobserve = true\npins = \"ask\"\n", true),
        ("[defaults]\npins = \"ask\"\n", false),
        ("[ceiling]\nroots = [\"/a\"]\n", false),
        ("[defaults]\nlimits = { calls_per_minute = 3 }\n", false),
        ("[defaults]\ninspect = { secrets = \"deny\" }\n", false),
    ] {
        let found = settle(fixed, user, "");
        assert_eq!(found.is_ok(), passes, "{fixed}{found:?}");
    }
    assert!(settle("[ceiling]\nobserve = true\n", user, "").unwrap().firm.is_none());
}

#[test]
fn a_projects_ceiling_meets_what_is_settled() {
    let user = "[server.s]\nnetwork = [\"a.test\", \"b.test\"]\nroots = [\"/a:rw\", \"/b\"]\nask = \"writes\"\n";
    let server = settle(
        "",
        user,
        "[ceiling]\nnetwork = [\"a.test\"]\nroots = [\"/a/x\", \"/\"]\nask = \"risky\"\n",
    );
    let server = server.unwrap();
    assert_eq!((server.network.to_string(), server.rules.mode), ("a.test".into(), Ask::Writes));
    let roots: Vec<_> = server.roots.iter().map(|root| (root.path(), root.access())).collect();
    assert_eq!(roots, [("/b", Access::Read), ("/a/x", Access::Read)]);
    for (key, neither) in [("network", "[\"b.test\", \"c.test\"]"), ("ask", "\"never\"")] {
        let said = settle("", user, &format!("[ceiling]\n{key} = {neither}\n")).unwrap_err();
        assert!(said[0].starts_with(&format!("`{key}`: the project's file")), "{said:?}");
    }
}

/// What a file says, as the parts that a judgement can meet.
#[derive(Clone, Debug, Default)]
struct Said {
    allow: Option<Vec<&'static str>>,
    deny: Vec<&'static str>,
    ask: Option<&'static str>,
    network: Option<&'static str>,
    roots: Option<&'static str>,
    uris: Option<&'static str>,
    prompts: Option<&'static str>,
    observe: Option<bool>,
    forbid: bool,
    in_ceiling: bool,
}

const NAMES: [&str; 4] = ["a_x", "a_y", "b_x", "b_y"];
const NETWORKS: [&str; 4] =
    ["\"none\"", "\"host\"", "[\"*.a.test\"]", "[\"x.a.test\", \"b.test\"]"];
const ROOTS: [&str; 4] = ["[]", "[\"/p\"]", "[\"/p:rw\"]", "[\"/p:rw\", \"/p/q\"]"];
const URIS: [&str; 3] =
    ["{ deny = [\"db://x/**\"] }", "{ allow = [\"db://**\"] }", "{ allow = [] }"];
const PROMPTS: [&str; 2] = ["{ allow = [\"a*\"] }", "{ deny = [\"a*\"] }"];

fn said() -> impl Strategy<Value = Said> {
    let patterns = || {
        proptest::collection::vec(proptest::sample::select(&["a_*", "b_*", "*_x", "b_y"][..]), 0..3)
    };
    let one = |all: &'static [&'static str]| proptest::option::of(proptest::sample::select(all));
    let lists = (
        proptest::option::of(patterns()),
        patterns(),
        one(&["never", "risky", "writes", "always"]),
    );
    let places = (one(&NETWORKS), one(&ROOTS), one(&URIS), one(&PROMPTS));
    (lists, places, proptest::option::of(any::<bool>()), any::<bool>(), any::<bool>()).prop_map(
        |((allow, deny, ask), (network, roots, uris, prompts), observe, forbid, in_ceiling)| Said {
            allow,
            deny,
            ask,
            network,
            roots,
            uris,
            prompts,
            observe,
            forbid,
            in_ceiling,
        },
    )
}

fn quoted(list: &[&str]) -> String {
    list.iter().map(|one| format!("\"{one}\"")).collect::<Vec<_>>().join(", ")
}

impl Said {
    fn text(&self) -> String {
        let mut text = format!("[{}]\n", if self.in_ceiling { "ceiling" } else { "server.s" });
        let allow = self.allow.as_deref().map(|list| format!("allow = [{}], ", quoted(list)));
        let allow = allow.unwrap_or_default();
        text += &format!("tools = {{ {allow}deny = [{}] }}\n", quoted(&self.deny));
        let plain = [
            ("ask", self.ask.map(|ask| format!("\"{ask}\""))),
            ("network", self.network.map(str::to_owned)),
            ("roots", self.roots.map(str::to_owned)),
            ("resources", self.uris.map(str::to_owned)),
            ("prompts", self.prompts.map(str::to_owned)),
            ("observe", self.observe.map(|it| it.to_string())),
        ];
        for (key, value) in plain {
            text += &value.map(|value| format!("{key} = {value}\n")).unwrap_or_default();
        }
        text
    }

    fn policies(&self, file: &str, may: May, rank: Rank) -> Option<PolicyText> {
        let text = "@id(\"FILE\") forbid (principal, action == Action::\"call\", resource) \
                    when { resource.name == \"a_x\" };";
        self.forbid.then(|| PolicyText {
            file: file.to_owned(),
            text: text.replace("FILE", file),
            may,
            rank,
        })
    }
}

/// What a server's settings and policies say to one call, observed or not.
fn judged(server: &Server, texts: &[PolicyText], tool: &str) -> Effect {
    let principal = Principal::user(1000);
    let facts =
        ToolFacts { name: tool, tier: Tier::Write, changed: false, first_open_world_use: false };
    let (arguments, schema_ok) = (&Value::Null, true);
    let facts =
        CallFacts { tool: facts, arguments, paths_in_roots: true, schema_ok, secrets: false };
    let all = server.policies(&principal, texts).unwrap();
    let decision = all.judge_listing(tool).and(all.judge_call(facts));
    if !server.observe {
        return decision.effect;
    }
    let firm = server.firm_policies(&principal, texts).unwrap();
    let firm = firm.map(|firm| firm.judge_listing(tool).and(firm.judge_call(facts)));
    decision.observed().and(firm.unwrap_or_default()).effect
}

fn reaches(network: &Network, target: &str) -> bool {
    match network {
        Network::None => false,
        Network::Host => true,
        Network::Named(reach) => reach.judge(&Target::new(target, None).unwrap()).is_ok(),
    }
}

fn writes(server: &Server, path: &str) -> Option<Access> {
    let around =
        server.roots.iter().filter(|root| std::path::Path::new(path).starts_with(root.path()));
    around.max_by_key(|root| root.path().len()).map(portcullis_config::Root::access)
}

/// Everything that the outer settings deny, the inner ones deny.
fn denies_as_much(
    (outer, outer_texts): (&Server, &[PolicyText]),
    (inner, inner_texts): (&Server, &[PolicyText]),
) {
    for tool in NAMES {
        let (outer, inner) = (judged(outer, outer_texts, tool), judged(inner, inner_texts, tool));
        assert!(inner >= outer, "{tool}: {outer:?} {inner:?}");
    }
    for target in ["x.a.test:443", "a.test:80", "b.test:443", "c.test:80"] {
        assert!(reaches(&outer.network, target) || !reaches(&inner.network, target), "{target}");
    }
    for path in ["/p", "/p/q", "/p/q/r", "/p/z", "/x"] {
        let rank =
            |access: Option<Access>| access.map_or(0, |it| 1 + u8::from(it == Access::Write));
        assert!(rank(writes(inner, path)) <= rank(writes(outer, path)), "{path}");
    }
    for uri in ["db://x/1", "db://y/1", "other://z"] {
        assert!(outer.resources.judge(uri).is_ok() || inner.resources.judge(uri).is_err(), "{uri}");
    }
    for name in ["a1", "b1"] {
        assert!(
            outer.rules.prompts.judge(name).is_ok() || inner.rules.prompts.judge(name).is_err(),
            "{name}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever two ranks say: it is refused, or nothing passes that the higher one denies.
    #[test]
    fn nothing_passes_that_an_outranking_file_denies(outer in said(), inner in said()) {
        // A person and a project.
        let own = outer.policies("u.cedar", May::All, Rank::Person);
        let theirs = inner.policies("p.cedar", May::Tighten, Rank::Project);
        let own: Vec<_> = own.into_iter().collect();
        let both: Vec<_> = own.iter().cloned().chain(theirs).collect();
        if let Ok(alone) = settle("", &outer.text(), "")
            && let Ok(server) = settle("", &outer.text(), &inner.text())
        {
            denies_as_much((&alone, &own), (&server, &both));
        }
        // An administrator and a person. What only the person may say is not the
        // administrator's silence: the widest person is the measure.
        let fixed = outer.policies("a.cedar", May::All, Rank::Administrator);
        let theirs = inner.policies("u.cedar", May::All, Rank::Person);
        let fixed: Vec<_> = fixed.into_iter().collect();
        let both: Vec<_> = fixed.iter().cloned().chain(theirs).collect();
        let wide = Said {
            network: outer.network.or(Some("\"host\"")),
            roots: outer.roots.or(Some("[\"/p:rw\", \"/x:rw\"]")),
            ask: outer.ask.or(Some("destructive")),
            in_ceiling: false,
            observe: outer.observe.filter(|observe| *observe),
            ..Said::default()
        };
        if let Ok(server) = settle(&outer.text(), &inner.text(), "")
            && let Ok(alone) = settle(&outer.text(), &wide.text(), "")
        {
            denies_as_much((&alone, &fixed), (&server, &both));
        }
    }
}
