//! More servers of other people, each installed for real and doing its work in a box.
//!
//! Every call passes here (`--observe`): what is shown is that the box leaves a server
//! what it needs. What their tools are judged as is another test's.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::calls::Subject;
use crate::talk::Talk;
use crate::yard::{PORTCULLIS, Yard, command};

#[test]
fn sequential_thinking() {
    let arguments = json!({
        "thought": "one", "nextThoughtNeeded": false, "thoughtNumber": 1, "totalThoughts": 1
    });
    let server = ["node/node_modules/.bin/mcp-server-sequential-thinking"];
    same(&Yard::new(), &Subject::new(&server), "sequentialthinking", &arguments);
}

#[test]
fn sqlite() {
    let yard = Yard::new();
    let file = yard.file("database/notes.db", "").display().to_string();
    let server = ["python/servers1/bin/mcp-server-sqlite", "--db-path", &file];
    let subject = Subject::new(&server).root(format!("{}:rw", yard.text("database")));
    let query = json!({"query": "SELECT 6 * 7 AS answer"});
    let answer = same(&yard, &subject, "read_query", &query);
    assert!(answer.to_string().contains("42"), "{answer}");
}

#[test]
fn commands() {
    let yard = Yard::new();
    yard.file("project/notes.txt", "one\n");
    let project = yard.text("project");
    let server = ["python/servers1/bin/cli-mcp-server"];
    let subject = Subject::new(&server)
        .root(format!("{project}:ro"))
        .variable("ALLOWED_DIR", project)
        .variable("ALLOWED_COMMANDS", "ls,cat".to_owned());
    let answer = same(&yard, &subject, "run_command", &json!({"command": "cat notes.txt"}));
    assert!(answer.to_string().contains("one"), "{answer}");
}

#[test]
fn shell() {
    let yard = Yard::new();
    yard.file("project/notes.txt", "one\n");
    let project = yard.text("project");
    let subject = Subject::new(&["python/servers1/bin/mcp-shell-server"])
        .root(format!("{project}:ro"))
        .variable("ALLOW_COMMANDS", "cat".to_owned());
    let arguments = json!({"command": ["cat", "notes.txt"], "directory": project});
    let answer = same(&yard, &subject, "shell_execute", &arguments);
    assert!(answer.to_string().contains("one"), "{answer}");
}

#[test]
fn fetch_reaches_the_exception_and_nothing_else() {
    let (yard, port) = (Yard::new(), web());
    // It has a guard of its own against addresses inside, which ours makes needless. As
    // it is (`raw`): to simplify a page it would install a package while it runs.
    let server = ["python/servers/bin/mcp-server-fetch", "--allow-private-ips"];
    let mut subject = Subject::new(&server);
    let listed = format!("127.0.0.1:{port},web.test:80=127.0.0.1:{port}");
    subject.options = vec!["--network".to_owned(), listed];
    let page = |host: &str| json!({"url": format!("http://{host}/page"), "raw": true});
    let answer = same(&yard, &subject, "fetch", &page(&format!("127.0.0.1:{port}")));
    assert!(answer.to_string().contains("a page of the test's own"), "{answer}");
    let mut guarded = guarded(&yard, &subject);
    let by_name = guarded.call("fetch", &page("web.test"));
    assert!(by_name.to_string().contains("a page of the test's own"), "{by_name}");
    for url in ["http://evil.test/", "https://evil.test/", "http://169.254.169.254/latest"] {
        let answer = guarded.call("fetch", &json!({"url": url}));
        let failed = answer["result"]["isError"] == true || answer["error"].is_object();
        assert!(failed, "{url}: {answer}");
    }
    assert!(guarded.leave().success());
    let journal = yard.journal();
    for asked in ["`evil.test:80`", "`evil.test:443`", "`169.254.169.254:80`"] {
        let told = |record: &&Value| record.to_string().contains(asked);
        let record = journal.iter().find(told).unwrap_or_else(|| panic!("{asked}: {journal:#?}"));
        assert_eq!(record["decision"]["because"][0]["control"], "network-by-name", "{record}");
    }
}

/// Bare and guarded, the same tools and the same answer to one call.
fn same(yard: &Yard, subject: &Subject, tool: &str, arguments: &Value) -> Value {
    let (mut bare, mut guarded) = (bare(subject), guarded(yard, subject));
    let names =
        |tools: Vec<Value>| tools.iter().map(|tool| tool["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(bare.tools()), names(guarded.tools()));
    let (expected, got) = (bare.call(tool, arguments), guarded.call(tool, arguments));
    assert_eq!(said(&got["result"]), said(&expected["result"]), "{tool} {arguments}");
    assert!(got["result"].is_object() && got["result"]["isError"] != true, "{got}");
    assert!(guarded.leave().success());
    let started = yard.journal().into_iter().find(|record| record["event"] == "started").unwrap();
    assert_eq!(started["confinement"]["level"], "full", "{started}");
    got
}

/// A result without the marks that we add, and without how long the server took:
/// what it measures are the only fractions that these servers tell.
fn said(result: &Value) -> Value {
    match result {
        Value::Number(number) if number.is_f64() => json!("a measured time"),
        Value::Array(items) => items.iter().map(said).collect(),
        Value::Object(members) => {
            let own = members.iter().filter(|(name, _)| *name != "_meta");
            own.map(|(name, value)| (name.clone(), said(value))).collect()
        }
        other => other.clone(),
    }
}

fn bare(subject: &Subject) -> Talk {
    let (program, arguments) = subject.server.split_first().unwrap();
    let mut command = command(program);
    command.args(arguments).envs(subject.variables.iter().cloned());
    Talk::start(command, None)
}

fn guarded(yard: &Yard, subject: &Subject) -> Talk {
    let mut command = command(PORTCULLIS);
    command.args(subject.guarded(yard, &["--confinement", "full", "--observe"]));
    Talk::start(command, None)
}

/// A host with one page; it has no `robots.txt`.
fn web() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut bytes = [0; 4096];
            let length = stream.read(&mut bytes).unwrap_or_default();
            let (code, body) = match bytes[..length].starts_with(b"GET /page ") {
                true => ("200 OK", "<html><body><p>a page of the test's own</p></body></html>"),
                false => ("404 Not Found", "nothing"),
            };
            let answer = format!(
                "HTTP/1.1 {code}\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    port
}
