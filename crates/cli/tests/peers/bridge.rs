//! Official SDKs of one era with servers of the other, with us between them.

use serde_json::{Value, json};

use crate::host::{
    Host, PYTHON_1, PYTHON_2_AUTO, PYTHON_2_LEGACY, PYTHON_2_MODERN, TYPESCRIPT_1,
    TYPESCRIPT_2_AUTO, TYPESCRIPT_2_LEGACY, TYPESCRIPT_2_MODERN,
};
use crate::inputs::Person;
use crate::remote::Site;
use crate::yard::{Yard, peer, source};

/// A test for each host, with its own name in the list of tests.
macro_rules! each_host {
    ($($name:ident: $host:expr, $server:expr;)*) => {
        $(
            #[test]
            fn $name() {
                across($host, $server);
            }
        )*
    };
}

/// A server of one era, with the tools that both have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// TypeScript 2.x, told to refuse `initialize`.
    Modern,
    /// Python 1.x.
    Legacy,
    /// The modern one over HTTP.
    RemoteModern,
    /// The legacy one over HTTP.
    RemoteLegacy,
}

each_host! {
    modern_server_python_1: PYTHON_1, Server::Modern;
    modern_server_python_2: PYTHON_2_LEGACY, Server::Modern;
    modern_server_typescript_1: TYPESCRIPT_1, Server::Modern;
    modern_server_typescript_2: TYPESCRIPT_2_LEGACY, Server::Modern;

    legacy_server_python_2: PYTHON_2_MODERN, Server::Legacy;
    legacy_server_python_2_asks_first: PYTHON_2_AUTO, Server::Legacy;
    legacy_server_typescript_2: TYPESCRIPT_2_MODERN, Server::Legacy;
    legacy_server_typescript_2_asks_first: TYPESCRIPT_2_AUTO, Server::Legacy;

    http_modern_server_python_1: PYTHON_1.over_http(), Server::Modern;
    http_modern_server_typescript_1: TYPESCRIPT_1.over_http(), Server::Modern;
    http_legacy_server_python_2: PYTHON_2_MODERN.over_http(), Server::Legacy;
    http_legacy_server_typescript_2: TYPESCRIPT_2_MODERN.over_http(), Server::Legacy;

    remote_modern_server_python_1: PYTHON_1, Server::RemoteModern;
    remote_modern_server_typescript_1: TYPESCRIPT_1, Server::RemoteModern;
    remote_legacy_server_python_2: PYTHON_2_MODERN, Server::RemoteLegacy;
    remote_legacy_server_typescript_2: TYPESCRIPT_2_MODERN, Server::RemoteLegacy;
}

impl Server {
    fn is_modern(self) -> bool {
        matches!(self, Self::Modern | Self::RemoteModern)
    }

    /// Where it is, when it is no process behind pipes.
    fn site(self) -> Option<Site> {
        match self {
            Self::RemoteModern => Some(Site::modern()),
            Self::RemoteLegacy => Some(Site::legacy()),
            Self::Modern | Self::Legacy => None,
        }
    }

    pub(crate) fn command(self, yard: &Yard) -> Vec<String> {
        match self {
            Self::Modern | Self::RemoteModern => {
                let site = crate::through::site(yard);
                vec!["node".to_owned(), format!("{site}/modern.mjs"), site]
            }
            Self::Legacy | Self::RemoteLegacy => {
                let script = source("peers/servers/legacy.py").display().to_string();
                vec![peer("python/sdk1/bin/python"), script]
            }
        }
    }
}

/// Calls, progress, cancellation, and everything that a server can ask, with the person and
/// the model behind the host that is asked.
fn across(host: Host, server: Server) {
    let yard = Yard::new();
    let granted = yard.dir("granted").display().to_string();
    let config = yard.file(
        "portcullis.toml",
        "[server.other]\nsampling = { mode = \"ask\", max_tokens = 50, per_minute = 30 }\n\
         elicitation = { mode = \"ask\" }\n",
    );
    let config = config.display().to_string();
    let options = ["--name", "other", "--config", &config, "--root", &granted];
    let site = server.site();
    let run = match &site {
        Some(site) => site.guarded(&yard, &options),
        None => yard.run(&options, &server.command(&yard)),
    };
    let steps = json!([
        {"call": "count_slowly", "arguments": {"steps": 3, "seconds": 0.2}, "progress": true},
        {"call": "list_roots", "arguments": {}},
        {"call": "summarise", "arguments": {"text": "a long story"}},
        {"call": "which_line", "arguments": {}},
        {"call": "both", "arguments": {}},
        {"call": "summarise", "arguments": {"text": "deny this"}},
        {"call": "count_slowly", "arguments": {"steps": 3000, "seconds": 0.1}, "cancel": true},
        {"call": "list_given_up", "arguments": {}, "until": "3000"},
    ]);
    let answer = json!({"action": "accept", "content": {"line": 7}});
    let roots = json!([format!("file://{granted}"), "file:///etc"]);
    let has = json!({"model": "short", "person": answer, "roots": roots});
    let person = Person::at(&yard, crate::inputs::judge);
    let facts = host.drive_with(&yard, &run, has, &steps);
    let asked = person.leaves();

    let expected = if server.is_modern() { "2025-11-25" } else { "2026-07-28" };
    assert_eq!(facts["revision"], expected, "what the host itself speaks");
    let name = if server.is_modern() { "modern" } else { "legacy" };
    // Who begins without asking is not told.
    assert!(facts["server"] == name || facts["server"].is_null(), "{facts}");
    let text = |place: usize| facts["steps"][place]["text"].as_str().unwrap_or_default().to_owned();
    assert_eq!(text(0), "counted to 3", "{facts}");
    assert!(!facts["steps"][0]["progress"].as_array().unwrap().is_empty(), "{facts}");
    assert_eq!(text(1), format!("file://{granted}"), "the roots within those of the operator");
    assert_eq!(text(2), "the model says: short", "{facts}");
    assert_eq!(text(3), "accept: 7", "{facts}");
    assert!(text(4).contains("short") && text(4).contains('7'), "{facts}");
    assert_eq!(facts["steps"][5]["error"], true, "{facts}");
    assert_eq!(facts["steps"][6]["cancelled"], true, "{facts}");
    assert!(text(7).contains("3000"), "the server was told: {facts}");
    let tokens: Vec<&Value> =
        facts["model_asked"].as_array().unwrap().iter().map(|asked| &asked["tokens"]).collect();
    assert_eq!(tokens, [50, 50], "twice, and cut to the operator's limit");
    let messages = facts["person_asked"].as_array().unwrap();
    assert!(messages.iter().all(|it| it["message"] == "[server `other` asks] Which line?"));
    for kind in ["sampling", "sampling-answer", "elicitation"] {
        assert!(asked.iter().any(|row| row["kind"] == kind), "{kind}: {asked:?}");
    }
    let spoken = if server.is_modern() { "2026-07-28" } else { "2025-11-25" };
    said_once(&yard, spoken);
}

/// The journal says what the server speaks, and what it was pinned as.
fn said_once(yard: &Yard, spoken: &str) {
    let journal = yard.journal();
    let because = |record: &Value, control: &str, why: &str| {
        let all = record["decision"]["because"].as_array();
        all.is_some_and(|all| {
            all.iter().any(|one| {
                one["control"] == control && one["why"].as_str().is_some_and(|it| it.contains(why))
            })
        })
    };
    let why = format!("the server speaks {spoken}");
    assert!(journal.iter().any(|it| because(it, "revision-agreed", &why)), "{journal:?}");
    let pinned = |it: &&Value| it["note"].as_str().is_some_and(|note| note.contains(spoken));
    assert!(journal.iter().any(|it| it["event"] == "pinned" && pinned(&it)), "{journal:?}");
}
