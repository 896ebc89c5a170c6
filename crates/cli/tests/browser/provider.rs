//! A person signs in at an authorization server that others wrote (`oidc-provider`), on its own
//! pages, and comes back; or says no there, or is sent astray.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::drive::{Browser, peers, source};
use crate::looks::ME;
use crate::stage::{Gateway, Stage, start};

/// A server that wants a token, who gives it, and who would like to have it. Dropping it ends all.
struct Remote {
    child: Child,
    at: Value,
}

impl Remote {
    fn start(stage: &Stage, more: &[&str]) -> Self {
        let packages = peers().join("node");
        let there = packages.join("node_modules/oidc-provider").exists();
        assert!(there, "no oidc-provider in the peers: run `cargo xtask peers`");
        let mut command = start("node");
        stage.scrub(&mut command);
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command.arg(source("peers/issuers/journey.mjs")).args(more).current_dir(packages);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let at = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        Self { child, at }
    }

    fn at(&self, what: &str) -> &str {
        self.at[what].as_str().unwrap()
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The gateway before that server, and its first request.
fn guarded(stage: &Stage, remote: &Remote) -> (Gateway, u64) {
    let mut command = stage.portcullis();
    command.args(["run", "--url", remote.at("url"), "--oauth", "--name", "notes"]);
    let mut gateway = Gateway::start(command, None);
    let id = gateway.greets();
    (gateway, id)
}

/// A person at the page of the authorization server, which our page led to.
fn away(stage: &Stage, browser: &mut Browser) -> String {
    let is_it = |row: &Value| row["kind"] == "authorization";
    let question = stage.until("the question", || stage.questions().into_iter().find(is_it));
    browser.goto(ME, question["arguments"]["page"].as_str().unwrap());
    browser.shows(ME, "Allow `notes` to be used as you?");
    browser.is_content();
    let text = browser.text(ME);
    browser.does(&json!({"do": "click", "page": ME, "selector": "button.approve"}));
    browser.shows(ME, "Sign-in");
    text
}

/// Signs in there and lets Portcullis in.
fn signs_in(browser: &mut Browser) {
    for (field, text) in [("login", "ada"), ("password", "anything")] {
        let selector = format!("input[name={field}]");
        browser.does(&json!({"do": "fill", "page": ME, "selector": selector, "text": text}));
    }
    browser.does(&json!({"do": "click", "page": ME, "selector": "button.login-submit"}));
    browser.shows(ME, "Authorize");
    browser.does(&json!({"do": "click", "page": ME, "selector": "button.login-submit"}));
}

/// What is told at an address of the test's own.
fn list(browser: &mut Browser, url: &str) -> Vec<String> {
    browser.goto("aside", url);
    serde_json::from_str(&browser.text("aside")).unwrap()
}

/// Nothing was got, the host is told so, and the gateway ends as it should.
fn got_nothing(stage: &Stage, mut gateway: Gateway, id: u64, control: &str) {
    let answer = gateway.answer(id);
    assert!(answer["error"].is_object(), "{answer}");
    assert_eq!(gateway.leave().code, 0);
    let denied = stage.events("denied");
    let told = denied.iter().any(|it| it["decision"].to_string().contains(control));
    assert!(told, "{denied:?}");
    assert_eq!(stage.says(&["auth", "--json"]).out.matches("\"token\"").count(), 0);
    stage.verify();
}

#[test]
fn a_person_signs_in_elsewhere_and_the_call_is_theirs() {
    let stage = Stage::new();
    let Some(mut browser) = Browser::start(&stage, "profile") else { return };
    let remote = Remote::start(&stage, &["brief"]);
    let (mut gateway, id) = guarded(&stage, &remote);
    let shown = away(&stage, &mut browser);
    for expect in [remote.at("url"), remote.at("issuer"), "mcp", "/callback"] {
        assert!(shown.contains(expect), "{expect}: {shown}");
    }
    signs_in(&mut browser);
    browser.shows(ME, "The server can be used now");
    assert_eq!(gateway.answer(id)["result"]["serverInfo"]["name"], "protected");
    gateway.says(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    let answer = gateway.call("who", &json!({}));
    assert_eq!(answer["result"]["content"][0]["text"], "for ada", "{answer}");
    let said = gateway.leave();
    assert_eq!(said.code, 0, "{said:?}");

    // What is kept opens it again when the token has ended, and nobody is asked.
    std::thread::sleep(Duration::from_secs(4));
    let (mut again, id) = guarded(&stage, &remote);
    assert_eq!(again.answer(id)["result"]["serverInfo"]["name"], "protected");
    assert_eq!(stage.questions(), Vec::<Value>::new());
    let said_again = again.leave();

    let given = list(&mut browser, &format!("{}/given", remote.at("origin")));
    assert!(given.len() >= 5, "a code, and tokens more than once: {given:?}");
    let mut written = said.out + &said.err + &said_again.out + &said_again.err;
    written.push_str(&format!("{:?}", stage.journal(1)));
    for file in files(&stage.state()) {
        written.push_str(&String::from_utf8_lossy(&std::fs::read(file).unwrap()));
    }
    for secret in &given {
        assert!(!written.contains(secret), "`{secret}` is written down");
    }
    stage.verify();
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let (dirs, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.into_iter().chain(dirs.iter().flat_map(|dir| self::files(dir))).collect()
}

#[test]
fn a_no_at_the_authorization_server_is_the_end() {
    let stage = Stage::new();
    let Some(mut browser) = Browser::start(&stage, "profile") else { return };
    let remote = Remote::start(&stage, &[]);
    let (gateway, id) = guarded(&stage, &remote);
    away(&stage, &mut browser);
    browser.does(&json!({"do": "click", "page": ME, "selector": ".login-help a"}));
    browser.shows(ME, "the authorization server refused: access_denied");
    got_nothing(&stage, gateway, id, "issuer-proven");
    let all = stage.every_question();
    let asked = all.iter().filter(|row| row["kind"] == "authorization").count();
    assert_eq!(asked, 1, "a no is not asked about again: {all:?}");
    let given = list(&mut browser, &format!("{}/given", remote.at("origin")));
    assert_eq!(given, Vec::<String>::new());
}

#[test]
fn an_answer_to_another_question_ends_nothing_and_the_true_one_counts() {
    let stage = Stage::new();
    let Some(mut browser) = Browser::start(&stage, "profile") else { return };
    let remote = Remote::start(&stage, &[]);
    let (mut gateway, id) = guarded(&stage, &remote);
    let shown = away(&stage, &mut browser);
    let back = shown.split_whitespace().find(|word| word.ends_with("/callback")).unwrap();
    let forged = format!("{back}?code=guessed&state=guessed&iss={}", remote.at("issuer"));
    browser.goto("aside", &forged);
    browser.shows("aside", "nobody was sent there");
    signs_in(&mut browser);
    browser.shows(ME, "The server can be used now");
    assert_eq!(gateway.answer(id)["result"]["serverInfo"]["name"], "protected");
    let given = list(&mut browser, &format!("{}/given", remote.at("origin")));
    assert!(given.len() > 1, "a code, and what it was redeemed for: {given:?}");
    assert_eq!(gateway.leave().code, 0);
}

#[test]
fn a_code_of_one_authorization_server_does_not_go_to_another() {
    let stage = Stage::new();
    let Some(mut browser) = Browser::start(&stage, "profile") else { return };
    let remote = Remote::start(&stage, &["thief"]);
    let (gateway, id) = guarded(&stage, &remote);
    let shown = away(&stage, &mut browser);
    assert!(shown.contains(remote.at("thief")), "{shown}");
    signs_in(&mut browser);
    browser.shows(ME, "of another authorization server than the one that was asked");
    got_nothing(&stage, gateway, id, "issuer-proven");
    let given = list(&mut browser, &format!("{}/given", remote.at("origin")));
    assert_eq!(given.len(), 1, "the honest one gave a code");
    let stolen = list(&mut browser, &format!("{}/stolen", remote.at("thief")));
    assert_eq!(stolen, Vec::<String>::new());
}
