//! A server that is somewhere else: approved like a command, and told what it is meant to be told.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::stage::{Gateway, Stage};

/// A site that answers by what it is asked, and remembers it.
pub(crate) struct Somewhere {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Somewhere {
    pub(crate) fn says(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (hears, answer) = (Arc::clone(&heard), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), hears, answer) = (stream, Arc::clone(&hears), Arc::clone(&answer))
                else {
                    return;
                };
                std::thread::spawn(move || serve(stream, &*answer, &hears));
            }
        });
        Self { address, heard }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, answer: &dyn Fn(&str) -> String, heard: &Mutex<Vec<String>>) {
    let mut stream = BufReader::new(stream);
    let (mut request, mut length) = (String::new(), 0);
    while !request.ends_with("\r\n\r\n") {
        let start = request.len();
        if !stream.read_line(&mut request).is_ok_and(|read| read > 0) {
            return;
        }
        let line = request[start..].to_ascii_lowercase();
        if let Some(said) = line.strip_prefix("content-length:") {
            length = said.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    request.push_str(std::str::from_utf8(&body).unwrap());
    let answer = answer(&request);
    heard.lock().unwrap().push(request);
    let _ = stream.get_mut().write_all(answer.as_bytes());
}

pub(crate) fn http(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} x\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// What a small server of 2025-11-25 says; nothing for what it does not know.
pub(crate) fn small(request: &str, session: &str) -> Option<String> {
    let (_, body) = request.split_once("\r\n\r\n")?;
    let message: Value = serde_json::from_str(body).unwrap_or_default();
    let hints = json!({"readOnlyHint": true, "openWorldHint": false});
    let tool = json!({"name": "look", "inputSchema": {"type": "object"}, "annotations": hints});
    let result = match message["method"].as_str()? {
        "initialize" => json!({
            "protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
            "serverInfo": {"name": "somewhere", "version": "1"},
        }),
        "tools/list" => json!({"tools": [tool]}),
        "tools/call" => json!({"content": [{"type": "text", "text": "seen"}]}),
        _ => return Some(http(202, "", "")),
    };
    let text = json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string();
    let name = format!("content-type: application/json\r\nmcp-session-id: {session}\r\n");
    Some(http(200, &name, &text))
}

fn known(request: &str) -> String {
    small(request, "a-name").unwrap_or_else(|| http(405, "", ""))
}

fn guarded(stage: &Stage, options: &[&str], url: &str) -> Gateway {
    let mut command = stage.portcullis();
    command.arg("run").args(options).args(["--url", url]).env("TOKEN", TOKEN);
    Gateway::start(command, None)
}

/// No form that a detector knows: only what is told of it keeps it secret.
const TOKEN: &str = "plain-words-of-nobody-else";

#[test]
fn an_address_is_approved_like_a_command() {
    let (stage, site) = (Stage::new(), Somewhere::says(known));
    let config = stage.config("[defaults]\npins = \"ask\"\n").display().to_string();
    let options = ["--name", "far", "--config", &config, "--bearer-env", "TOKEN"];
    let mut gateway = guarded(&stage, &options, &site.url());
    let hello = gateway.greets();
    let asked = gateway.until(|_| stage.questions().into_iter().next()).unwrap();
    assert_eq!((&asked["kind"], &asked["tool"]), (&json!("launch"), &json!("address")));
    assert_eq!(asked["arguments"]["url"], site.url());
    assert_eq!(asked["arguments"]["identifies with"], json!({"bearer": {"our own": "TOKEN"}}));
    assert!(asked["arguments"].get("command").is_none(), "{asked}");
    assert_eq!(site.heard(), Vec::<String>::new(), "nothing is sent before a yes");
    let id = asked["id"].as_str().unwrap();
    assert_eq!(stage.says(&["approvals", "approve", id]).code, 0);
    assert!(gateway.answer(hello).get("result").is_some());
    assert_eq!(gateway.leave().code, 0);

    let mut again = guarded(&stage, &options, &site.url());
    assert!(again.shakes_hands().get("result").is_some(), "the same is not asked about");
    assert_eq!(again.leave().code, 0);

    let other = Somewhere::says(known);
    let mut moved = guarded(&stage, &options, &other.url());
    moved.greets();
    let asked = moved.until(|_| stage.questions().into_iter().next()).unwrap();
    assert_eq!(asked["arguments"]["as approved"]["url"], site.url());
    assert_eq!(other.heard(), Vec::<String>::new(), "another address is another server");
    let id = asked["id"].as_str().unwrap();
    assert_eq!(stage.says(&["approvals", "deny", id]).code, 0);
    assert_eq!(moved.finish().code, 2);
}

#[test]
fn a_token_goes_to_its_server_and_nowhere_else() {
    let (stage, other) = (Stage::new(), Somewhere::says(known));
    let away = other.url();
    let site = Somewhere::says(move |request| {
        let sent_on = ["tools/call", "notifications/initialized"];
        match sent_on.iter().any(|method| request.contains(method)) {
            true => http(307, &format!("location: {away}\r\n"), ""),
            false => known(request),
        }
    });
    let mut gateway = guarded(&stage, &["--bearer-env", "TOKEN"], &site.url());
    assert!(gateway.shakes_hands().get("result").is_some());
    let answer = gateway.call("look", &json!({}));
    let text = answer["error"]["message"].as_str().unwrap();
    assert!(text.contains("the server could not be asked"), "{answer}");
    assert!(!text.contains("127.0.0.1"), "{answer}");
    let said = gateway.leave();
    assert_eq!(said.code, 0, "{said:?}");
    for why in ["to another host", "with a call, which is made once"] {
        assert!(said.err.contains(&format!("the answer leads elsewhere: {why}")), "{said:?}");
    }
    assert_eq!(other.heard(), Vec::<String>::new());
    for request in site.heard() {
        let bearer = format!("authorization: Bearer {TOKEN}\r\n");
        assert!(request.contains(&bearer), "{request}");
    }
    let ended = site.heard().last().unwrap().clone();
    assert!(ended.starts_with("DELETE ") && ended.contains("mcp-session-id: a-name"), "{ended}");
    let notes: Vec<_> = stage.events("notice");
    assert!(notes.iter().any(|it| it["note"].to_string().contains("leads elsewhere")), "{notes:?}");
    let mut everything = said.err + &said.out;
    for file in files(&stage.state()) {
        everything.push_str(&String::from_utf8_lossy(&std::fs::read(file).unwrap()));
    }
    for secret in [TOKEN, "a-name"] {
        assert!(!everything.contains(secret), "`{secret}` is written down");
    }
}

fn files(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let (dirs, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.into_iter().chain(dirs.iter().flat_map(|dir| self::files(dir))).collect()
}

#[test]
fn a_server_that_forgets_the_session_is_greeted_anew_and_no_call_is_made_twice() {
    let (stage, opened) = (Stage::new(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&opened);
    let site = Somewhere::says(move |request| {
        if request.contains("\"initialize\"") {
            count.fetch_add(1, Ordering::SeqCst);
        }
        let session = format!("name-{}", count.load(Ordering::SeqCst));
        if request.contains("tools/call") && request.contains("name-1") {
            return http(404, "", "");
        }
        small(request, &session).unwrap_or_else(|| http(405, "", ""))
    });
    let mut gateway = guarded(&stage, &[], &site.url());
    assert!(gateway.shakes_hands().get("result").is_some());
    let lost = gateway.call("look", &json!({}));
    let told = &lost["result"]["content"][0]["text"];
    assert_eq!(told, "the server was restarted before it answered", "{lost}");
    let found = gateway.call("look", &json!({}));
    assert_eq!(found["result"]["content"][0]["text"], "seen", "{found}");
    assert_eq!(gateway.leave().code, 0);
    assert_eq!(opened.load(Ordering::SeqCst), 2);
    let calls = site.heard().iter().filter(|it| it.contains("tools/call")).count();
    assert_eq!(calls, 2, "one for each that the host made");
}

#[test]
fn a_token_from_a_file_is_read_again_when_it_changes() {
    let (stage, site) = (Stage::new(), Somewhere::says(known));
    let file = stage.path().join("token");
    std::fs::write(&file, "the-first\n").unwrap();
    let (url, at) = (site.url(), file.display());
    let config =
        format!("[server.far]\nurl = \"{url}\"\nauth = {{ bearer = {{ file = \"{at}\" }} }}\n");
    let config = stage.config(&config).display().to_string();
    let mut command = stage.portcullis();
    command.args(["run", "--name", "far", "--config", &config]);
    let mut gateway = Gateway::start(command, None);
    assert!(gateway.shakes_hands().get("result").is_some());
    gateway.call("look", &json!({}));
    std::fs::write(&file, "the-second-one\n").unwrap();
    gateway.call("look", &json!({}));
    assert_eq!(gateway.leave().code, 0);
    let calls: Vec<_> = site.heard().into_iter().filter(|it| it.contains("tools/call")).collect();
    assert!(calls[0].contains("authorization: Bearer the-first\r\n"), "{}", calls[0]);
    assert!(calls[1].contains("authorization: Bearer the-second-one\r\n"), "{}", calls[1]);
}

#[test]
fn what_is_not_asked_of_a_remote_server_is_said_in_plain_words() {
    let stage = Stage::new();
    for (words, expect) in [
        (vec!["--url", "http://a.test/mcp"], "it is not https"),
        (vec!["--url", "https://a@a.test/mcp"], "a host has no user name"),
        (vec!["--url", "https://a.test/mcp", "--env", "A=b"], "no process that could have them"),
        (vec!["--url", "https://a.test/mcp", "--", "x"], "cannot be used with"),
        (vec!["--bearer-env", "TOKEN", "--", "x"], "--url"),
        (vec!["--url", "http://127.0.0.1:9/mcp", "--bearer-env", "NOT_THERE"], "is not set"),
    ] {
        let said = stage.says(&[&["run"][..], &words].concat());
        assert_eq!(said.code, 2, "{words:?}: {said:?}");
        assert!(said.err.contains(expect), "{words:?}: {}", said.err);
    }
}
