//! A server with an authorization server of its own: what becomes of tokens that several use, of
//! late refusals, of a no, and of pages that lead a browser where it was not sent.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::remote::{Somewhere, http, small};
use crate::stage::{Gateway, PATIENCE, Stage};

/// What both of them know.
#[derive(Default)]
struct Known {
    /// The token that the server takes.
    good: u32,
    /// Refresh tokens, and how often each was redeemed.
    redeemed: BTreeMap<String, u32>,
    /// Codes that were redeemed.
    codes: u32,
    /// What a refresh is answered with, when not with a token.
    trouble: Option<(u16, &'static str)>,
    /// A request waits for its refusal.
    waiting: bool,
}

#[derive(Default)]
struct Both {
    known: Mutex<Known>,
    changed: Condvar,
}

impl Both {
    fn start() -> (Arc<Self>, Somewhere) {
        let both = Arc::new(Self::default());
        let answers = Arc::clone(&both);
        (both, Somewhere::says(move |request| answers.says(request)))
    }

    fn says(&self, request: &str) -> String {
        let path = request.split(' ').nth(1).unwrap_or_default();
        let host = request.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
        let origin = format!("http://{host}");
        match path {
            "/.well-known/oauth-protected-resource/mcp" => fine(&json!({
                "resource": format!("{origin}/mcp"), "authorization_servers": [origin],
            })),
            "/.well-known/oauth-authorization-server" => fine(&json!({
                "issuer": origin,
                "authorization_endpoint": format!("{origin}/authorize"),
                "token_endpoint": format!("{origin}/token"),
                "registration_endpoint": format!("{origin}/register"),
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["none"],
            })),
            "/register" => fine(&json!({"client_id": "ours"})),
            "/token" => self.redeems(request),
            "/mcp" => self.serves(request),
            _ => http(404, "", ""),
        }
    }

    /// As authorization servers that rotate do it: what is redeemed twice ends the whole family.
    fn redeems(&self, request: &str) -> String {
        let refresh = request.split('&').find_map(|it| it.strip_prefix("refresh_token="));
        // So that two who redeem at once meet here.
        std::thread::sleep(Duration::from_millis(300));
        let mut known = self.known.lock().unwrap();
        match refresh {
            None => known.codes += 1,
            Some(refresh) => {
                if let Some((status, error)) = known.trouble {
                    let body = json!({"error": error}).to_string();
                    return http(status, "content-type: application/json\r\n", &body);
                }
                let times = known.redeemed.entry(refresh.to_owned()).or_default();
                *times += 1;
                if *times > 1 {
                    known.good += 1;
                    let body = json!({"error": "invalid_grant"}).to_string();
                    return http(400, "content-type: application/json\r\n", &body);
                }
            }
        }
        known.good += 1;
        self.changed.notify_all();
        let number = known.good;
        fine(&json!({
            "access_token": format!("access-{number}"), "token_type": "Bearer",
            "expires_in": 3600, "refresh_token": format!("refresh-{number}"), "scope": "plain",
        }))
    }

    fn serves(&self, request: &str) -> String {
        let mut known = self.known.lock().unwrap();
        let before = known.good;
        let brings = |number: u32| request.contains(&format!("Bearer access-{number}\r\n"));
        if before > 0 && brings(before) && request.contains("\"write\":true") {
            let more = "Bearer error=\"insufficient_scope\", scope=\"more\"";
            return http(403, &format!("www-authenticate: {more}\r\n"), "");
        }
        if before > 0 && brings(before) {
            drop(known);
            return small(request, "a-name").unwrap_or_else(|| http(405, "", ""));
        }
        if request.contains("\"late\":true") {
            known.waiting = true;
            // The refusal of the old token comes when the new one is there.
            let waits = |known: &mut Known| known.good == before;
            let waited = self.changed.wait_timeout_while(known, PATIENCE, waits).unwrap();
            drop(waited);
            std::thread::sleep(Duration::from_millis(700));
        }
        http(401, "www-authenticate: Bearer\r\n", "")
    }

    /// The token that was given is none any more.
    fn revoke(&self) {
        self.known.lock().unwrap().good += 100;
    }

    fn redeemed(&self) -> Vec<u32> {
        self.known.lock().unwrap().redeemed.values().copied().collect()
    }
}

fn fine(body: &Value) -> String {
    http(200, "content-type: application/json\r\n", &body.to_string())
}

fn begin(stage: &Stage, site: &Somewhere) -> Gateway {
    let mut command = stage.portcullis();
    command.args(["run", "--url", &site.url(), "--oauth", "--name", "far"]);
    Gateway::start(command, None)
}

/// What a browser gets.
fn browse(address: &str, from: &str, cookie: &str, form: Option<&str>) -> String {
    let rest = address.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let port: u16 = host.rsplit_once(':').unwrap().1.parse().unwrap();
    let (method, body) = form.map_or(("GET", ""), |body| ("POST", body));
    let mut request = format!(
        "{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nsec-fetch-mode: navigate\r\n\
         sec-fetch-dest: document\r\nsec-fetch-site: {from}\r\nsec-fetch-user: ?1\r\n"
    );
    if !cookie.is_empty() {
        request.push_str(&format!("cookie: {cookie}\r\n"));
    }
    if form.is_some() {
        let kind = "application/x-www-form-urlencoded";
        let length = body.len();
        request.push_str(&format!(
            "origin: http://{host}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n"
        ));
    }
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn between<'a>(text: &'a str, start: &str, end: char) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start}: {text}"));
    rest.split(end).next().unwrap()
}

/// The question about a browser, once it is asked.
fn question(stage: &Stage) -> Value {
    let is_it = |row: &Value| row["kind"] == "authorization";
    stage.until("the question", || stage.questions().into_iter().find(is_it))
}

/// A person says yes on the page; where the browser comes back to, and with which `state`.
fn allow(question: &Value) -> (String, String) {
    let page = question["arguments"]["page"].as_str().unwrap();
    let opened = browse(page, "none", "", None);
    let cookie = between(&opened, "set-cookie: ", ';').to_owned();
    let origin = page.split_once("/open").unwrap().0;
    let shown = browse(&format!("{origin}/"), "same-origin", &cookie, None);
    let token = between(&shown, "name=\"token\" value=\"", '"');
    let yes = format!("token={token}&answer=approve");
    let way = browse(&format!("{origin}/answer"), "same-origin", &cookie, Some(&yes));
    let back = question["arguments"]["comes back to"].as_str().unwrap().to_owned();
    (back, between(&way, ";state=", '&').to_owned())
}

/// A session that a person let in.
fn signed_in(stage: &Stage, site: &Somewhere) -> Gateway {
    let mut gateway = begin(stage, site);
    let hello = gateway.greets();
    let (back, state) = allow(&question(stage));
    let told = browse(&format!("{back}?code=c&state={state}"), "cross-site", "", None);
    assert!(told.contains("Allowed"), "{told}");
    assert!(gateway.answer(hello).get("result").is_some(), "{}", gateway.complaints());
    gateway.says(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    // From now on its tools are known.
    let id = look(&mut gateway, &json!({}));
    seen(&mut gateway, id);
    gateway
}

fn look(gateway: &mut Gateway, arguments: &Value) -> u64 {
    gateway.asks("tools/call", &json!({"name": "look", "arguments": arguments}))
}

fn seen(gateway: &mut Gateway, id: u64) {
    let answer = gateway.answer(id);
    let text = &answer["result"]["content"][0]["text"];
    assert_eq!(text, "seen", "{answer}; {}", gateway.complaints());
}

#[test]
fn two_sessions_redeem_a_refresh_token_once() {
    let (stage, (both, site)) = (Stage::new(), Both::start());
    let mut first = signed_in(&stage, &site);
    let mut second = begin(&stage, &site);
    assert!(second.shakes_hands().get("result").is_some(), "what is kept is used");
    both.revoke();
    let (one, other) = (look(&mut first, &json!({})), look(&mut second, &json!({})));
    seen(&mut first, one);
    seen(&mut second, other);
    assert_eq!(both.redeemed(), [1]);
    assert_eq!(stage.every_question().len(), 1, "{:?}", stage.every_question());
    assert_eq!((first.leave().code, second.leave().code), (0, 0));
}

#[test]
fn a_late_refusal_of_an_old_token_does_not_end_the_new_one() {
    let (stage, (both, site)) = (Stage::new(), Both::start());
    let mut gateway = signed_in(&stage, &site);
    both.revoke();
    let late = look(&mut gateway, &json!({"late": true}));
    gateway.until(|_| both.known.lock().unwrap().waiting.then_some(())).expect("it came");
    let early = look(&mut gateway, &json!({}));
    let mut answers = BTreeMap::new();
    while answers.len() < 2 {
        let heard: Value = serde_json::from_str(&gateway.hears()).unwrap();
        answers.insert(heard["id"].as_u64().unwrap(), heard["result"]["content"][0].clone());
    }
    for id in [late, early] {
        assert_eq!(answers[&id]["text"], "seen", "{answers:?}; {}", gateway.complaints());
    }
    assert_eq!(both.redeemed(), [1]);
    assert_eq!(stage.every_question().len(), 1, "nobody is asked again");
    assert_eq!(gateway.leave().code, 0);
}

#[test]
fn a_moments_trouble_at_the_token_endpoint_asks_nobody() {
    let (stage, (both, site)) = (Stage::new(), Both::start());
    let mut gateway = signed_in(&stage, &site);
    both.revoke();
    both.known.lock().unwrap().trouble = Some((429, "slow_down"));
    for _ in 0..3 {
        let answer = gateway.call("look", &json!({}));
        assert!(answer.get("error").is_some(), "{answer}");
    }
    assert!(gateway.complaints().contains("slow_down"), "{}", gateway.complaints());
    assert_eq!(stage.every_question().len(), 1, "nobody is asked again");
    both.known.lock().unwrap().trouble = None;
    let again = look(&mut gateway, &json!({}));
    seen(&mut gateway, again);
    assert_eq!(both.redeemed(), [1]);
    assert_eq!(gateway.leave().code, 0);
}

#[test]
fn a_page_that_leads_a_browser_here_ends_no_sign_in() {
    let (stage, (both, site)) = (Stage::new(), Both::start());
    let mut gateway = begin(&stage, &site);
    let hello = gateway.greets();
    let (back, state) = allow(&question(&stage));
    for query in ["code=c&state=other", "error=access_denied", ""] {
        let told = browse(&format!("{back}?{query}"), "cross-site", "", None);
        assert!(told.contains("nobody was sent there"), "{query}: {told}");
    }
    assert_eq!(both.known.lock().unwrap().codes, 0);
    let told = browse(&format!("{back}?code=c&state={state}"), "cross-site", "", None);
    assert!(told.contains("Allowed"), "{told}");
    assert!(gateway.answer(hello).get("result").is_some());
    assert_eq!(both.known.lock().unwrap().codes, 1);
    assert_eq!(gateway.leave().code, 0);
}

/// What is refused for want of a credential says nothing of the era that a server is of.
#[test]
fn a_no_is_the_answer_and_nobody_is_asked_twice() {
    let (stage, (_, site)) = (Stage::new(), Both::start());
    let mut gateway = begin(&stage, &site);
    let hello = gateway.greets();
    let id = question(&stage)["id"].as_str().unwrap().to_owned();
    assert_eq!(stage.says(&["approvals", "deny", &id]).code, 0);
    assert!(gateway.answer(hello).get("error").is_some());
    assert_eq!(stage.every_question().len(), 1, "{:?}", stage.every_question());
    assert_eq!(gateway.leave().code, 0);
}

#[test]
fn more_that_a_person_did_not_give_is_asked_for_once() {
    let (stage, (_, site)) = (Stage::new(), Both::start());
    let mut gateway = signed_in(&stage, &site);
    let call = look(&mut gateway, &json!({"write": true}));
    let id = question(&stage)["id"].as_str().unwrap().to_owned();
    assert_eq!(stage.says(&["approvals", "deny", &id]).code, 0);
    assert!(gateway.answer(call).get("error").is_some());
    let again = gateway.call("look", &json!({"write": true}));
    assert!(again.get("error").is_some(), "{again}");
    assert!(gateway.complaints().contains("more was refused before"), "{}", gateway.complaints());
    assert_eq!(stage.every_question().len(), 2, "{:?}", stage.every_question());
    assert_eq!(gateway.leave().code, 0);
}
