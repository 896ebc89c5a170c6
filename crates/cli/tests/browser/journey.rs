//! A person lets their browser go to an authorization server, and it comes back: with Chromium,
//! and with the server and the authorization server that the official TypeScript SDK brings.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::drive::{Browser, peers};
use crate::looks::ME;
use crate::stage::{Gateway, Stage, start};

const SERVER: &str =
    "node/node_modules/@modelcontextprotocol/sdk/dist/esm/examples/server/simpleStreamableHttp.js";

/// A remote server that wants a token, and who gives it. Dropping it ends both.
struct Remote {
    child: Child,
    url: String,
}

impl Remote {
    fn start(stage: &Stage) -> Self {
        let port = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (server, issuer) = (port(), port());
        let mut command = start("node");
        stage.scrub(&mut command);
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command.env("MCP_PORT", server.to_string()).env("MCP_AUTH_PORT", issuer.to_string());
        command.arg(peers().join(SERVER)).arg("--oauth").stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listens = lines.map_while(Result::ok).filter(|line| line.contains("listening on port"));
        assert_eq!(listens.take(2).count(), 2, "the server does not start");
        Self { child, url: format!("http://localhost:{server}/mcp") }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The gateway before that server, and the link to the page that it asks with.
fn asked(stage: &Stage, remote: &Remote) -> (Gateway, u64, String) {
    let mut command = stage.portcullis();
    command.args(["run", "--url", &remote.url, "--oauth", "--name", "sdk"]);
    let mut gateway = Gateway::start(command, None);
    let id = gateway.greets();
    let is_it = |row: &Value| row["kind"] == "authorization";
    let question = stage.until("the question", || stage.questions().into_iter().find(is_it));
    let page = question["arguments"]["page"].as_str().unwrap().to_owned();
    (gateway, id, page)
}

#[test]
fn a_browser_goes_after_a_yes_and_comes_back_with_what_the_server_wants() {
    let stage = Stage::new();
    let Some(mut browser) = Browser::start(&stage, "profile") else { return };
    let remote = Remote::start(&stage);
    let (mut gateway, id, page) = asked(&stage, &remote);
    assert_eq!(browser.goto(ME, &page)["status"], 200);
    browser.shows(ME, "Allow `sdk` to be used as you?");
    let text = browser.text(ME);
    for shown in [remote.url.as_str(), "mcp:tools", "http://127.0.0.1:", "/callback"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    let cookies = browser.does(&json!({"do": "cookies"}));
    assert_eq!(
        (&cookies[0]["name"], &cookies[0]["secure"]),
        (&json!("__Host-portcullis"), &json!(true))
    );
    browser.does(&json!({"do": "click", "page": ME, "selector": "button.approve"}));
    browser.shows(ME, "The server can be used now");
    browser.is_content();
    let answer = gateway.answer(id);
    assert_eq!(answer["result"]["serverInfo"]["name"], "simple-streamable-http-server", "{answer}");

    // What is kept is listed without being shown, and forgotten when somebody says so.
    let listed = stage.says(&["auth", "--json"]).out;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let token = listed.as_array().unwrap().iter().find(|row| row["kind"] == "token").unwrap();
    assert_eq!((&token["scopes"], &token["server"]), (&json!("mcp:tools"), &json!(remote.url)));
    assert_eq!(stage.says(&["auth", "forget", &remote.url]).code, 0);
    assert_eq!(stage.says(&["auth", "forget", &remote.url]).code, 3);
}

#[test]
fn a_no_on_the_page_goes_nowhere() {
    let stage = Stage::new();
    let Some(mut browser) = Browser::start(&stage, "profile") else { return };
    let remote = Remote::start(&stage);
    let (mut gateway, id, page) = asked(&stage, &remote);
    browser.goto(ME, &page);
    browser.shows(ME, "Allow `sdk` to be used as you?");
    browser.does(&json!({"do": "click", "page": ME, "selector": "button.deny"}));
    browser.shows(ME, "Nothing was opened");
    assert!(gateway.answer(id)["error"].is_object());
    let denied = stage.events("denied");
    let told = denied
        .iter()
        .any(|record| record["decision"].to_string().contains("browser-sent-after-yes"));
    assert!(told, "{denied:?}");
    assert_eq!(stage.says(&["auth", "--json"]).out.matches("\"token\"").count(), 0);
}
