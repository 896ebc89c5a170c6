//! Roots that change under a running server, which reads files by itself whenever
//! it is told to: what the gateway refuses, the box does not show either.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::stage::{Gateway, Stage};

/// A server in Python that opens what it is told, and tells how often it was greeted.
pub(super) const SERVER: &str = r#"
import json, os, sys, errno
os.chdir('/')
greeted = 0
for line in sys.stdin:
    asked = json.loads(line)
    if 'id' not in asked or 'method' not in asked:
        continue
    result = {}
    if asked['method'] == 'initialize':
        result = {'protocolVersion': '2025-11-25', 'capabilities': {'tools': {}},
                  'serverInfo': {'name': 'server', 'version': '1'}}
    if asked['method'] == 'tools/list':
        schema = {'type': 'object', 'properties': {'name': {'type': 'string'}}}
        result = {'tools': [{'name': 'get_note', 'inputSchema': schema}]}
    if asked['method'] == 'tools/call':
        try:
            text = open(os.path.join(sys.argv[1], asked['params']['arguments']['name'])).read()
        except OSError as error:
            text = errno.errorcode[error.errno]
        result = {'content': [{'type': 'text', 'text': f'{os.getpid()} {text}'}]}
    print(json.dumps({'jsonrpc': '2.0', 'id': asked['id'], 'result': result}), flush=True)
"#;

/// A project outside of `/tmp`, which in a box is the server's own: here roots
/// change without a restart, unless the gateway is root's.
struct Project {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Project {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = dir.path().canonicalize().unwrap().join("project");
        let project = Self { _dir: dir, path };
        project.make();
        project
    }

    fn make(&self) {
        std::fs::create_dir(&self.path).unwrap();
        std::fs::write(self.path.join("note"), "hello").unwrap();
    }
}

fn started(stage: &Stage, project: &Path) -> Gateway {
    let project = project.display().to_string();
    let server = ["python3", "-u", "-c", SERVER, project.as_str()].map(str::to_owned);
    let command = stage.run(&["--name", "notes", "--root", &project, "--ask", "never"], &server);
    let mut gateway = Gateway::start(command, None);
    gateway.shakes_hands();
    let id = gateway.asks("tools/list", &json!({}));
    gateway.answer(id);
    gateway
}

/// What the server finds, by a name that no judge takes for a path: the process
/// that answered, and the text.
pub(super) fn note(gateway: &mut Gateway) -> (String, String) {
    let answer = gateway.call("get_note", &json!({"name": "note"}));
    let text = answer["result"]["content"][0]["text"].as_str();
    let text = text.unwrap_or_else(|| panic!("{answer}")).to_owned();
    let (pid, text) = text.split_once(' ').unwrap_or(("", &text));
    (pid.to_owned(), text.to_owned())
}

/// Asks until the server finds this.
pub(super) fn until(gateway: &mut Gateway, expect: &str) -> String {
    let deadline = std::time::Instant::now() + crate::stage::PATIENCE;
    loop {
        let (pid, text) = note(gateway);
        if text == expect {
            return pid;
        }
        assert!(std::time::Instant::now() < deadline, "it still finds `{text}`");
        gateway.wait(std::time::Duration::from_millis(200));
    }
}

fn the_grant(stage: &Stage) -> Value {
    let said = stage.says(&["grants", "list", "--json"]);
    let grants: Vec<Value> = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
    grants.into_iter().next().expect("a grant")
}

fn told(stage: &Stage, part: &str) -> bool {
    let notices = stage.events("notice");
    notices.iter().any(|record| record["decision"]["because"].to_string().contains(part))
}

#[test]
fn what_a_person_takes_back_is_gone_and_comes_back_when_given_again() {
    let (stage, project) = (Stage::new(), Project::new());
    let mut gateway = started(&stage, &project.path);
    let (first, text) = note(&mut gateway);
    assert_eq!(text, "hello");
    let grant = the_grant(&stage);
    let id = grant["id"].as_str().unwrap();
    assert_eq!(
        (grant["server"].as_str(), grant["revoked"].as_bool()),
        (Some("notes"), Some(false))
    );

    let said = stage.says(&["grants", "revoke", id]);
    assert_eq!(said.code, 0, "{said:?}");
    until(&mut gateway, "ENOENT");
    let inside = project.path.join("note").display().to_string();
    let refused = gateway.call("get_note", &json!({"name": inside}));
    assert!(refused["result"]["isError"] == true, "{refused}");
    assert!(told(&stage, "was taken back by a person"));

    let said = stage.says(&["grants", "restore", id]);
    assert_eq!(said.code, 0, "{said:?}");
    let last = until(&mut gateway, "hello");
    if !rustix::process::geteuid().is_root() {
        assert_eq!(first, last, "the process was exchanged without need");
    }
    assert!(told(&stage, "is there again"));
    assert_eq!(gateway.leave().code, 0);
    stage.verify();

    // A person's word outlives the session.
    assert_eq!(stage.says(&["grants", "revoke", id]).code, 0);
    let mut gateway = started(&stage, &project.path);
    assert_eq!(note(&mut gateway).1, "ENOENT");
    assert_eq!(stage.says(&["grants", "revoke", "grt_000000000000"]).code, 2);
}

/// Without its own mount an inner root is a part of the one around it, which may allow more.
#[test]
fn a_root_that_is_taken_back_is_not_reached_through_the_one_around_it() {
    let (stage, project) = (Stage::new(), Project::new());
    let data = project.path.join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("note"), "data").unwrap();
    let (around, inner) = (project.path.display().to_string(), data.display().to_string());
    let writable = format!("{around}:rw");
    let start = || {
        let server = ["python3", "-u", "-c", SERVER, &around].map(str::to_owned);
        let roots = ["--root", &writable, "--root", &inner, "--ask", "never"];
        let options = [&["--name", "notes"][..], &roots].concat();
        let mut gateway = Gateway::start(stage.run(&options, &server), None);
        gateway.shakes_hands();
        let id = gateway.asks("tools/list", &json!({}));
        gateway.answer(id);
        gateway
    };
    // By names that no judge takes for a path.
    let finds = |gateway: &mut Gateway, name: &str| {
        let answer = gateway.call("get_note", &json!({"name": name}));
        let text = answer["result"]["content"][0]["text"].as_str().unwrap_or("").to_owned();
        text.split_once(' ').map_or(text.clone(), |(_, text)| text.to_owned())
    };
    let refused = |gateway: &mut Gateway| {
        let inside = data.join("note").display().to_string();
        gateway.call("get_note", &json!({"name": inside}))["result"]["isError"] == true
    };
    let mut gateway = start();
    assert_eq!(finds(&mut gateway, "note"), "hello");
    assert!(!refused(&mut gateway));
    let said = stage.says(&["grants", "list", "--json"]);
    let grants: Vec<Value> = serde_json::from_str(&said.out).unwrap();
    let grant = grants.iter().find(|grant| grant["root"] == inner.as_str()).expect("a grant");
    let id = grant["id"].as_str().unwrap();

    assert_eq!(stage.says(&["grants", "revoke", id]).code, 0);
    stage.until("the withdrawal", || told(&stage, "was taken back by a person").then_some(()));
    assert!(told(&stage, "is withdrawn too: root"), "the person is told of the other");
    assert!(refused(&mut gateway));
    until(&mut gateway, "ENOENT");
    assert!(refused(&mut gateway));
    assert_eq!(gateway.leave().code, 0);
    // The next start holds to it as well.
    let mut gateway = start();
    assert_eq!(finds(&mut gateway, "note"), "ENOENT");
    assert!(refused(&mut gateway));
    assert_eq!(stage.says(&["grants", "restore", id]).code, 0);
    until(&mut gateway, "hello");
    assert!(!refused(&mut gateway));
    // One that vanishes is no place for the server to make anew either.
    std::fs::remove_dir_all(&data).unwrap();
    let vanished = || told(&stage, &format!("root {inner} is withdrawn: "));
    stage.until("the withdrawal", || vanished().then_some(()));
    until(&mut gateway, "ENOENT");
    assert_eq!(gateway.leave().code, 0);
    stage.verify();
}

/// What one server may write does not decide what another is granted, nor what it is
/// granted itself the next time.
#[test]
fn a_link_that_a_server_planted_is_no_root() {
    let (stage, project) = (Stage::new(), Project::new());
    let data = project.path.join("data");
    std::fs::create_dir(&data).unwrap();
    let starts = |name: &str, roots: &[String]| {
        let roots = roots.iter().flat_map(|root| ["--root", root.as_str()]);
        let options: Vec<_> = ["--name", name].into_iter().chain(roots).collect();
        crate::stage::finish(stage.run(&options, &Stage::shell("exit 0")))
    };
    let (writable, inner) = (format!("{}:rw", project.path.display()), data.display().to_string());
    let writes = std::slice::from_ref(&writable);
    for (name, roots) in [("writer", writes), ("reader", std::slice::from_ref(&inner))] {
        let said = starts(name, roots);
        assert_ne!(said.code, 2, "{said:?}");
    }
    // As the writer can, when nothing is mounted there.
    std::fs::rename(&data, project.path.join("old")).unwrap();
    let outside = project.path.with_file_name("private");
    std::fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, &data).unwrap();
    let both = [writable.clone(), inner.clone()];
    for (name, roots) in
        [("reader", std::slice::from_ref(&inner)), ("another", &both[1..]), ("writer", &both[..])]
    {
        let said = starts(name, roots);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.err.contains("the server `writer` may write"), "{said:?}");
    }
    // Whoever means it says so; and a link that stays inside shows nothing new.
    let said = starts("reader", &[outside.display().to_string()]);
    assert_ne!(said.code, 2, "{said:?}");
    std::fs::remove_file(&data).unwrap();
    std::os::unix::fs::symlink(project.path.join("old"), &data).unwrap();
    let said = starts("reader", &[inner]);
    assert_ne!(said.code, 2, "{said:?}");
}

#[test]
fn a_root_that_vanishes_is_withdrawn_until_it_returns() {
    let (stage, project) = (Stage::new(), Project::new());
    let mut gateway = started(&stage, &project.path);
    assert_eq!(note(&mut gateway).1, "hello");
    std::fs::remove_dir_all(&project.path).unwrap();
    stage.until("the withdrawal", || told(&stage, "is withdrawn").then_some(()));
    assert_eq!(note(&mut gateway).1, "ENOENT");
    project.make();
    until(&mut gateway, "hello");
    assert!(told(&stage, "is there again"));
    assert_eq!(gateway.leave().code, 0);
}

/// Below `/tmp` a box can not change, so another process takes the server's
/// place, and the host is told nothing but answers.
#[test]
fn a_restart_keeps_the_hosts_session() {
    let stage = Stage::new();
    std::fs::write(stage.project().join("note"), "hello").unwrap();
    let mut gateway = started(&stage, &stage.project());
    let (first, text) = note(&mut gateway);
    assert_eq!(text, "hello");
    let grant = the_grant(&stage);
    let id = grant["id"].as_str().unwrap().to_owned();
    assert_eq!(stage.says(&["grants", "revoke", &id]).code, 0);
    // Two processes of two boxes have the same small number: what they find differs.
    until(&mut gateway, "ENOENT");
    assert_eq!(stage.says(&["grants", "restore", &id]).code, 0);
    let last = until(&mut gateway, "hello");
    assert!(!first.is_empty() && !last.is_empty());
    assert!(told(&stage, "started anew"));
    assert!(stage.events("started").len() >= 3, "each box is recorded");
    assert_eq!(gateway.leave().code, 0);
    stage.verify();
}

/// What a server reached for outside of its box is told: in the journal, with what
/// would grant it, and to whoever is asked next.
#[test]
fn the_doorbell_tells_what_a_server_wanted() {
    let (stage, outside) = (Stage::new(), Project::new());
    let config = stage.config("[server.notes]\nask = \"always\"\ndoorbell = true\n");
    let (config, outside) = (config.display().to_string(), outside.path.display().to_string());
    let server = ["python3", "-u", "-c", SERVER, outside.as_str()].map(str::to_owned);
    let options = ["--name", "notes", "--config", &config, "--root", &stage.root()];
    let mut gateway = Gateway::start(stage.run(&options, &server), None);
    gateway.shakes_hands();
    let asked = |gateway: &mut Gateway, name: &str| {
        let call = json!({"name": "get_note", "arguments": {"name": name}});
        gateway.asks("tools/call", &call)
    };
    let question = |gateway: &mut Gateway| {
        let question = gateway.until(|_| stage.questions().into_iter().next());
        question.expect("a question")
    };
    let first = asked(&mut gateway, "note");
    let id = question(&mut gateway)["id"].as_str().unwrap().to_owned();
    assert_eq!(stage.says(&["approvals", "approve", &id]).code, 0);
    let answer = gateway.answer(first);
    assert!(answer.to_string().contains("ENOENT"), "{answer}");
    let wanted = format!("the server wanted {outside}/note");
    gateway.until(|_| told(&stage, &wanted).then_some(())).expect("it is recorded");
    assert!(told(&stage, &format!("`--root {outside}` would show it")));
    asked(&mut gateway, "other");
    let reasons = question(&mut gateway)["reasons"].to_string();
    assert!(reasons.contains(&wanted), "{reasons}");
}
