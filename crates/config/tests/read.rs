//! Whole files: what they mean, and where they are wrong.

use std::time::Duration;

use portcullis_config::{
    Access, Config, Confinement, Documents, Limits, Network, Overrides, Server, Source, Sync,
    parse_duration,
};
use portcullis_policy::{Ask, Channel, Extension, Opening, Review, ServerName};

const COMPLETE: &str = r#"
[defaults]
ask = "writes"
patience = "5m"
[defaults.limits]
calls_per_minute = 30
call_timeout = "90s"

[server.files]
command = ["npx", "-y", "@modelcontextprotocol/server-filesystem@2026.8.31", "/home/ada/project"]
roots = [{ path = "/home/ada/project", access = "rw", protect = [".git/hooks"] }, "~/notes", "/srv/data:rw", "/a:b"]
network = []
env = { LOG_LEVEL = "info", TOKEN = { file = "~/.secrets/token" }, KEY = { env = "MY_KEY" } }
tools = { deny = ["delete_*"], ask = ["write_*", "move_*"], allow = ["*_file"] }
resources = { allow = ["file:///home/ada/project/**"], deny = ["db://prod/**"] }
prompts = { allow = ["review_*"], deny = ["*_all"] }
extensions = ["io.modelcontextprotocol/tasks"]
confinement = "landlock"
user = "mcp"
observe = true
patience = "500s"
[server.files.limits]
call_timeout = "2m"
message_bytes = "64KiB"
memory_bytes = "2GiB"
processes = 1_000

[server."x.y"]
command = ["true"]
network = "host"
ask = "never"

[journal]
sync = "always"
"#;

#[expect(clippy::unwrap_used, reason = "a test helper")]
fn settle(text: &str, name: &str, overrides: Overrides) -> Server {
    let config = Config::read(text, "portcullis.toml").unwrap();
    let written = Documents::only(config, "portcullis.toml");
    written.settle(ServerName::new(name).unwrap(), overrides, &str::to_owned).unwrap()
}

#[test]
fn a_complete_file_is_understood() {
    let config = Config::read(COMPLETE, "portcullis.toml").unwrap();
    assert_eq!(config.sync, Sync::Always);
    assert_eq!(
        config.servers().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["files", "x.y"]
    );
    let files = settle(COMPLETE, "files", Overrides::default());
    for (uri, passes) in [("file:///home/ada/project/a", true), ("db://prod/a", false)] {
        assert_eq!(files.resources.judge(uri).is_ok(), passes, "{uri}");
    }
    for (name, passes) in [("review_one", true), ("review_all", false), ("deploy", false)] {
        assert_eq!(files.rules.prompts.judge(name).is_ok(), passes, "{name}");
    }
    assert_eq!(files.extensions, [Extension::Tasks].into());
    assert_eq!(files.roots[0].protect(), Some([".git/hooks".to_owned()].as_slice()));
    assert_eq!(files.roots[1].protect(), None);
    let roots: Vec<_> = files.roots.iter().map(|root| (root.path(), root.access())).collect();
    assert_eq!(
        roots,
        [
            ("/home/ada/project", Access::Write),
            ("~/notes", Access::Read),
            ("/srv/data", Access::Write),
            ("/a:b", Access::Read),
        ]
    );
    assert_eq!(files.network, Network::None);
    assert_eq!(files.rules.mode, Ask::Writes, "from the defaults");
    assert_eq!(files.rules.patterns().count(), 4);
    assert_eq!(files.patience, Duration::from_secs(500), "its own table wins");
    assert_eq!(files.confinement, Confinement::Landlock);
    assert_eq!((files.user.as_str(), files.observe), ("mcp", true));
    let expect = Limits {
        calls_per_minute: 30,
        call_timeout: Duration::from_secs(120),
        message_bytes: 65_536,
        memory_bytes: 2 << 30,
        processes: 1_000,
        ..Limits::DEFAULT
    };
    assert_eq!(files.limits, expect);
    let other = settle(COMPLETE, "x.y", Overrides::default());
    assert!(other.extensions.is_empty(), "none unless listed");
    assert_eq!((other.network, other.rules.mode), (Network::Host, Ask::Never));
    assert_eq!(other.limits.call_timeout, Duration::from_secs(90));
}

#[test]
fn variables_are_references_and_values_do_not_print() {
    let files = settle(COMPLETE, "files", Overrides::default());
    let source = |name: &str| {
        let found = files.env.iter().find(|one| one.name() == name);
        found.map(portcullis_config::Variable::source)
    };
    assert!(matches!(source("TOKEN"), Some(Source::File(path)) if path == "~/.secrets/token"));
    assert!(matches!(source("KEY"), Some(Source::Environment(name)) if name == "MY_KEY"));
    let printed = format!("{files:?}");
    assert!(!printed.contains("info"), "{printed}");
}

#[test]
fn without_a_file_everything_is_closed() {
    let command = Some(vec!["server".to_owned()]);
    let server = settle("", "s", Overrides { command, ..Overrides::default() });
    assert!(server.roots.is_empty() && server.env.is_empty());
    assert_eq!(server.network, Network::None);
    assert_eq!(server.confinement, Confinement::Full);
    assert_eq!(server.rules.mode, Ask::Risky);
    assert_eq!(server.patience, Duration::from_secs(120));
    assert_eq!((server.user.as_str(), server.observe), ("nobody", false));
    assert_eq!(server.limits, Limits::DEFAULT);
}

#[test]
fn the_command_line_wins_and_variables_merge_by_name() {
    let overrides = Overrides {
        roots: Some(Vec::new()),
        patience: Some(parse_duration("1s").unwrap()),
        ask: Some(Ask::Always),
        env: vec![portcullis_config::parse_env("TOKEN").unwrap()],
        ..Overrides::default()
    };
    let files = settle(COMPLETE, "files", overrides);
    assert!(files.roots.is_empty());
    assert_eq!(files.patience, Duration::from_secs(1));
    assert_eq!(files.rules.mode, Ask::Always);
    let token = files.env.iter().find(|one| one.name() == "TOKEN").unwrap();
    assert!(matches!(token.source(), Source::Environment(name) if name == "TOKEN"));
    assert_eq!(files.env.len(), 3);
}

#[test]
fn what_cannot_start_is_said_with_the_way_out() {
    let written = Documents::only(Config::default(), "portcullis.toml");
    let name = || ServerName::new("files").unwrap();
    let words = |words: &[&str]| Some(words.iter().map(|&word| word.to_owned()).collect());
    let refused = |command: Option<Vec<String>>| {
        let overrides = Overrides { command, ..Overrides::default() };
        let said = written.settle(name(), overrides, &str::to_owned).unwrap_err();
        said.iter().map(ToString::to_string).collect::<String>()
    };
    assert_eq!(
        refused(None),
        "server `files` has no command: put it after `--`, or into [server.files]"
    );
    let secret = format!("--token={}{}", "ghp_", "0123456789abcdefghijABCDEFGHIJ012345");
    let said = refused(words(&["server", &secret]));
    assert!(said.contains("--env NAME=@FILE") && !said.contains("ghp_0123"), "{said}");
}

/// One mistake, its place, and what is said about it.
const MISTAKES: &[(&str, &str)] = &[
    (
        "[defaults]\npatiense = \"2m\"",
        "2:1: unknown key `patiense` in [defaults]; did you mean `patience`: how long a question waits before it is answered no?",
    ),
    (
        "[server.a]\ncommand = [\"x\"]\nnetwrok = []",
        "3:1: unknown key `netwrok` in [server.a]; did you mean `network`: what it may reach: nothing, these hosts, or all that this machine reaches?",
    ),
    (
        "[server.a.limits]\ncall-timeout = \"2m\"",
        "2:1: unknown key `call-timeout` in [server.a.limits]; did you mean `call_timeout`: how long a call may stay silent?",
    ),
    ("[server.a]\nzebra = 1", "2:1: unknown key `zebra` in [server.a]"),
    (
        "[servers.a]\ncommand = [\"x\"]",
        "1:2: unknown key `servers` in the file; did you mean `server`: one guarded server, by name?",
    ),
    ("[defaults]\nnetwork = \"host\"", "2:1: unknown key `network` in [defaults]"),
    (
        "[serve]\nlisten = \"x\"",
        "2:10: an address is written 127.0.0.1:8808, [::1]:8808 or unix:/path (where it listens: a port of this machine, or a socket)",
    ),
    (
        "[server.t]\nurl = \"http://x.test/mcp\"",
        "2:7: `url` cannot be used: it is not https, and does not lead to this machine (where it is, when it is somewhere else: in place of `command`)",
    ),
    (
        "[server.t]\nurl = \"https://x.test/mcp\"\ncommand = [\"x\"]",
        "3:11: a server has a `command` or a `url`, not both (the program and its arguments, without secrets)",
    ),
    (
        "[server.t]\nurl = \"https://x.test/mcp?api_key=a8f5f167f44f4964e6c998dee827110c\"",
        "2:7: there is a secret in the address, which others get to see: it belongs into `auth` or `headers`, as a reference (where it is, when it is somewhere else: in place of `command`)",
    ),
    (
        "[server.t]\ncommand = [\"x\"]\nauth = { bearer = { env = \"T\" } }",
        "3:8: `auth` is for a remote server: it needs a `url` (how we identify ourselves to a remote server)",
    ),
    (
        "[server.t]\nurl = \"https://x.test/mcp\"\nheaders = { Authorization = { env = \"T\" } }",
        "3:13: `Authorization` is ours to say; a token belongs into `auth = { bearer = … }` (what every request to a remote server carries beside)",
    ),
    (
        "[server.t]\nroots = [{ path = \"/a\", protect = [\"../b\"] }]",
        "2:10: `../b` is no place inside a root: write a relative path such as `.git/hooks` (directories it may see; the ceiling for the host's roots)",
    ),
    (
        "[server.t]\nenv = { T = { keyring = \"a\" } }",
        "2:15: `keyring` in the reference of `T` is not supported by this version (the entry of the keyring that holds the value)",
    ),
    (
        "[defaults]\npatience = 120",
        "2:12: `patience` is a duration such as \"2m\", not a whole number (how long a question waits before it is answered no)",
    ),
    (
        "[defaults]\npatience = \"2 minutes\"",
        "2:12: `2 minutes` is not a duration: write `500ms`, `60s`, `2m` or `1h` (how long a question waits before it is answered no)",
    ),
    (
        "[defaults]\npatience = \"0s\"",
        "2:12: `patience` lies between 1s and 24h (how long a question waits before it is answered no)",
    ),
    (
        "[defaults]\nask = \"allways\"",
        "2:7: `allways` is not a value of `ask`: choose `never`, `destructive`, `risky`, `writes`, `always` (which calls a person must approve)",
    ),
    (
        "[defaults.limits]\ncalls_per_minute = 0",
        "2:20: `calls_per_minute` lies between 1 and 100000 (tool calls in any minute)",
    ),
    (
        "[defaults.limits]\ncalls_per_minute = -3",
        "2:20: `calls_per_minute` lies between 1 and 100000 (tool calls in any minute)",
    ),
    (
        "[defaults.limits]\nmessage_bytes = 4096",
        "2:17: `message_bytes` is a size such as \"4MiB\", not a whole number (the longest message)",
    ),
    (
        "[defaults.limits]\nmessage_bytes = \"4MB\"",
        "2:17: `4MB` is not a size: write `64KiB`, `4MiB` or `1GiB` (the longest message)",
    ),
    (
        "[defaults.limits]\ncall_timeout = \"2m\"\ncall_ceiling = \"1m\"",
        "3:16: `call_ceiling` is below `call_timeout`, so no call could use its time (how long a call may take, progress or not)",
    ),
    (
        "[server.a]\ncommand = []",
        "2:11: `command` names no program (the program and its arguments, without secrets)",
    ),
    (
        "[server.a]\ncommand = \"npx server\"",
        "2:11: `command` is a list of texts, not a text (the program and its arguments, without secrets)",
    ),
    (
        "[server.a]\nroots = [\"project\"]",
        "2:10: `project` is relative, and to what? write it in full, or from `~/` (directories it may see; the ceiling for the host's roots)",
    ),
    (
        "[server.a]\nroots = [{ access = \"rw\" }]",
        "2:10: a root is a directory: write `DIR`, `DIR:ro` or `DIR:rw`, and `:ask` after it (directories it may see; the ceiling for the host's roots)",
    ),
    (
        "[server.a]\nroots = [{ path = \"/a\", access = \"rx\" }]",
        "2:34: `rx` is not a value of `access`: choose `ro`, `rw` (read, or read and write)",
    ),
    (
        "[server.a]\nnetwork = [\"a.test\", \"*.com\"]",
        "2:22: `*.com` is too wide: put at least two labels after `*.`, or write `host` for everything (what it may reach: nothing, these hosts, or all that this machine reaches)",
    ),
    (
        "[server.a]\nenv = { \"A-B\" = \"x\" }",
        "2:9: a variable's name is letters, digits and `_`, and starts with no digit (variables it gets; all others of ours are withheld)",
    ),
    (
        "[server.a]\nenv = { T = { file = \"token\" } }",
        "2:22: `token` is relative, and to what? write it in full, or from `~/` (the file that holds the value, read at the start and when it changes)",
    ),
    (
        "[server.a]\nenv = { T = { file = \"/t\", env = \"T\" } }",
        "2:13: a reference has one key: `env` or `file` (variables it gets; all others of ours are withheld)",
    ),
    (
        "[server.a]\nuser = \"root\"",
        "2:8: a server never runs as root: name an unprivileged account (the unprivileged account it runs under when we are root)",
    ),
    (
        "[server.a]\ntools = { denny = [\"x\"] }",
        "2:11: unknown key `denny` in [server.a.tools]; did you mean `deny`: neither listed nor called?",
    ),
    (
        "[server.a]\nresources = { allow = [\"notes\"] }",
        "2:24: `notes` matches no resource, it is not a uri: write a URI, `*` standing for anything within a component and `**` for all below (when present, nothing else is listed, read or followed)",
    ),
    (
        "[server.a]\nextensions = [\"io.modelcontextprotocol/ui\", \"com.example/shell\"]",
        "2:45: `com.example/shell` is not one of `extensions`: choose `io.modelcontextprotocol/tasks`, `io.modelcontextprotocol/ui` (what host and server may agree on beyond the core)",
    ),
    (
        "[server.\"a b\"]\ncommand = [\"x\"]",
        "1:9: a server's name is 1 to 64 letters, digits, `-`, `_` or `.`, and starts with a letter or digit (one guarded server, by name)",
    ),
    (
        "[journal]\nsync = true",
        "2:8: `sync` is a text, not `true` or `false` (how durable a record is before its message leaves: accepted by the kernel, or on the disk)",
    ),
];

#[test]
fn every_mistake_has_its_place_and_its_words() {
    for (text, expect) in MISTAKES {
        let found = Config::read(text, "p.toml").expect_err(text);
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, [format!("p.toml:{expect}")], "{text}");
    }
}

#[test]
fn secrets_in_a_file_are_refused_without_repeating_them() {
    let token = format!("ghp_{}", "0123456789abcdefghijABCDEFGHIJ012345");
    for text in [
        format!("[server.a]\ncommand = [\"x\", \"{token}\"]"),
        format!("[server.a]\nenv = {{ T = \"{token}\" }}"),
    ] {
        let found = Config::read(&text, "p.toml").expect_err(&text);
        let said = found[0].to_string();
        assert_eq!(found[0].line, 2);
        assert!(said.contains("looks like a secret") && said.contains("file = "), "{said}");
        assert!(!said.contains(&token), "{said}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let text = "[server.b]\nask = 1\n[server.a]\n\"öbserve\" = true\nuser = 3\n[defaults]\naks = \"risky\"\n";
    let found = Config::read(text, "p.toml").unwrap_err();
    let places: Vec<_> = found.iter().map(|one| (one.line, one.column)).collect();
    assert_eq!(places, [(2, 7), (4, 1), (5, 8), (7, 1)]);
}

#[test]
fn toml_that_does_not_parse_has_a_place_too() {
    for (text, line) in [
        ("[defaults\nask = 1", 1),
        ("[defaults]\nask = \"risky", 2),
        ("[defaults]\nask = \"risky\"\nask = \"always\"", 3),
    ] {
        let found = Config::read(text, "p.toml").expect_err(text);
        assert_eq!(found[0].line, line, "{found:?}");
    }
}

#[test]
fn channels_keep_their_order_and_no_host_is_trusted_unless_it_is_named() {
    let table = |more: &str| format!("[server.a]\ncommand = [\"true\"]\n{more}");
    let usual = settle(&table(""), "a", Overrides::default());
    assert_eq!(usual.channels, Channel::USUAL);
    assert!(usual.trusted_hosts.is_empty());
    let said = "channels = [\"console\", \"terminal\"]\ntrusted_hosts = [\"claude-code\"]\n";
    let said = settle(&table(said), "a", Overrides::default());
    assert_eq!(said.channels, [Channel::Console, Channel::Terminal]);
    assert_eq!(said.trusted_hosts.into_iter().collect::<Vec<_>>(), ["claude-code"]);
    for wrong in [
        "channels = [\"pigeon\"]",
        "channels = [\"console\", \"console\"]",
        "trusted_hosts = [\"\"]",
        "trusted_hosts = [\"claude\\u200b-code\"]",
    ] {
        assert!(Config::read(&table(wrong), "p.toml").is_err(), "{wrong}");
    }
}

#[test]
fn what_a_server_may_ask_is_closed_until_somebody_opens_it() {
    let table = |more: &str| format!("[server.a]\ncommand = [\"true\"]\n{more}");
    let closed = settle(&table(""), "a", Overrides::default());
    assert_eq!(closed.sampling.mode, Opening::Refuse);
    assert_eq!(closed.elicitation.mode, Opening::Refuse);
    let opened = "sampling = { mode = \"ask\", max_tokens = 9, models = [\"small-*\"] }\n\
                  elicitation = { mode = \"show\", urls = [\"login.example.com\"] }\n";
    let open = settle(&table(opened), "a", Overrides::default());
    assert_eq!((open.sampling.mode, open.sampling.max_tokens), (Opening::Ask, 9));
    assert_eq!(open.sampling.review, Review::Both);
    assert!(open.sampling.models.judge("small-1").is_ok());
    assert!(open.sampling.models.judge("huge").is_err());
    assert_eq!(open.elicitation.mode, Opening::Show);
    assert_eq!(open.links.to_string(), "login.example.com");
    // Nobody is there, so nobody can be asked.
    let nobody = format!("ask = \"never\"\n{opened}");
    let nobody = settle(&table(&nobody), "a", Overrides::default());
    assert_eq!(nobody.sampling.mode, Opening::Refuse);
    assert_eq!(nobody.elicitation.mode, Opening::Show);
    for wrong in [
        "sampling = { mode = \"show\" }",
        "sampling = { max_tokens = 0 }",
        "sampling = \"ask\"",
        "elicitation = { urls = [\"*\"] }",
        "elicitation = { urls = [\"https://a.test\"] }",
        "elicitation = { mode = \"yes\" }",
    ] {
        assert!(Config::read(&table(wrong), "portcullis.toml").is_err(), "{wrong}");
    }
}
