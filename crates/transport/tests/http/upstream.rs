//! A remote server, and everything that one can do to whoever asks it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::header::HeaderValue;
use hyper::http::HeaderMap;
use portcullis_policy::permit::permit;
use portcullis_policy::{Decision, Permitted};
use portcullis_transport::http::client::credential::{Challenge, Later};
use portcullis_transport::http::client::{
    self, Credential, Heard, Hearing, Nobody, Remote, Speech,
};
use portcullis_transport::http::fetch::{Fetcher, Reach, Roots, Url};
use portcullis_wire::{Id, Limits, Message, parse};

use crate::elsewhere::Elsewhere;
use crate::site::PATIENCE;

const LEGACY: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
const OPENING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
const MODERN: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a b\u00fc","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;

fn permitted(message: &str) -> Permitted<Message> {
    let message = parse(message.as_bytes(), &Limits::default()).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test is nobody's server")]
    Permitted::new(message, permit(&Decision::default(), None).unwrap())
}

fn begin(site: &Elsewhere) -> (Speech, Hearing) {
    begin_within(site, Duration::from_secs(2))
}

fn begin_within(site: &Elsewhere, ceiling: Duration) -> (Speech, Hearing) {
    begin_as(site, ceiling, Arc::new(Nobody))
}

fn begin_as(
    site: &Elsewhere,
    ceiling: Duration,
    credential: Arc<dyn Credential>,
) -> (Speech, Hearing) {
    let url = Url::new(&site.url("/mcp")).unwrap();
    let reach = Reach::default().and_own(url.origin());
    client::begin(Remote {
        url,
        fetcher: Fetcher::new(reach, Roots::system()),
        headers: HeaderMap::new(),
        credential,
        limits: Limits { message_bytes: 1000, depth: 16, nodes: 100 },
        ceiling,
    })
}

fn run<T>(it: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, it).await.unwrap() })
}

/// What was heard, in one word each, until the request has its end.
async fn told(hearing: &mut Hearing) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        match hearing.next().await {
            Heard::Message(message) | Heard::Within(_, message) => {
                let Message::Response(response) = *message else {
                    all.push("message".to_owned());
                    continue;
                };
                let is_it = response.id == Some(Id::from(1));
                all.push(if is_it { "answer" } else { "stranger" }.to_owned());
                if is_it {
                    return all;
                }
            }
            Heard::Several(_) => all.push("several".to_owned()),
            Heard::Malformed(_) => all.push("malformed".to_owned()),
            Heard::Failed(id, why) => {
                assert_eq!(id, Id::from(1));
                all.push(format!("failed: {why}"));
                return all;
            }
            Heard::Barred(id, why) => {
                assert_eq!(id, Id::from(1));
                all.push(format!("barred: {why}"));
                return all;
            }
            Heard::Lost => {
                all.push("lost".to_owned());
                return all;
            }
            Heard::Told(told) => all.push(format!("told: {told}")),
        }
    }
}

fn heard(site: &Elsewhere, message: &str) -> String {
    run(async {
        let (mut speech, mut hearing) = begin(site);
        speech.send(&permitted(message), Vec::new());
        told(&mut hearing).await.join(", ")
    })
}

fn http(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} x\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn json(body: &str) -> String {
    http("200", "content-type: application/json\r\n", body)
}

fn events(body: &str) -> String {
    format!("HTTP/1.1 200 x\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{body}")
}

const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#;
const REFUSAL: &str = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}"#;

#[test]
fn whoever_waits_is_answered_whatever_a_server_does() {
    let said = |status: &str, body: &str| http(status, "content-type: application/json\r\n", body);
    let stranger = ANSWER.replace("\"id\":1", "\"id\":7");
    let news = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
    let html = |status: &str| http(status, "content-type: text/html\r\n", "<b>secret</b>");
    let long = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"a":"{}"}}}}"#, "a".repeat(2000));
    for (answer, expect) in [
        (json(ANSWER), "answer"),
        (json(&stranger), "stranger, failed: tools/list: something else was answered"),
        (json(news), "message, failed: tools/list: something else was answered"),
        (json(&long), "malformed, failed: tools/list: the answer is too large"),
        (json("{\"a\":1,\"a\":2}"), "malformed, failed: tools/list: something else was answered"),
        (json(""), "malformed, failed: tools/list: something else was answered"),
        (said("400", REFUSAL), "answer"),
        (said("404", REFUSAL), "answer"),
        (said("500", &stranger), "failed: tools/list: the server says 500"),
        (said("400", "{\"error\":\"secret\"}"), "failed: tools/list: the server says 400"),
        (html("200"), "failed: tools/list: the server says 200, and no message in it"),
        (html("500"), "failed: tools/list: the server says 500"),
        (html("401"), "barred: tools/list: the server says 401"),
        (html("404"), "failed: tools/list: the server says 404"),
        (http("202", "", ""), "failed: tools/list: the server says 202, and no message in it"),
        (
            http("307", "location: http://127.0.0.1:9/mcp\r\n", ""),
            "failed: tools/list: the answer leads elsewhere: to another host",
        ),
        (
            http("302", "location: /other\r\n", ""),
            "failed: tools/list: the answer leads elsewhere: with something that was brought",
        ),
        (events(&format!("data: {ANSWER}\n\n")), "answer"),
        (events(&format!("data: {news}\n\ndata: {ANSWER}\n\n")), "message, answer"),
        (events(&format!("event: other\ndata: {news}\n\ndata: {ANSWER}\n\n")), "answer"),
        (
            events(&format!("data: {stranger}\n\n")),
            "stranger, failed: tools/list: the stream ended before its answer",
        ),
        (
            events("data: {\n\ndata: \u{1}\n\n"),
            "malformed, malformed, failed: tools/list: the stream ended before its answer",
        ),
        (
            events(&format!("data: {long}\n\n")),
            "malformed, failed: tools/list: an event is too long",
        ),
        (
            events(&"data: aaaaaaaaaa\n".repeat(200)),
            "malformed, failed: tools/list: an event is too long",
        ),
        (events(ANSWER), "failed: tools/list: the stream ended before its answer"),
        (
            "HTTP/1.1 200 x\r\n\u{1}\r\n\r\n".to_owned(),
            "failed: tools/list: the answer is broken: it is no HTTP",
        ),
        (String::new(), "failed: tools/list: the answer is broken: it broke off"),
    ] {
        assert_eq!(heard(&Elsewhere::says(&[&answer]), LEGACY), expect, "{answer:.200}");
    }
    let bytes = b"HTTP/1.1 200 x\r\ncontent-type: text/event-stream\r\n\r\ndata: \xff\xfe\n\n";
    assert_eq!(
        heard(&Elsewhere::bytes(bytes), LEGACY),
        "malformed, failed: tools/list: the stream ended before its answer"
    );
}

#[test]
fn what_does_not_end_ends_here() {
    let slow = ["", "HTTP/1.1 200 x\r\nx: ", &json(ANSWER)[..60]];
    let endless = events(&": still here\n\n".repeat(100));
    for answer in slow.into_iter().chain([endless.as_str()]) {
        let said = heard(&Elsewhere::never_ends(&[answer]), LEGACY);
        assert_eq!(said, "failed: tools/list: there was no answer in time", "{answer:.80}");
    }
}

#[test]
fn a_session_has_a_name_of_visible_letters_or_none() {
    let named = |headers: &str| {
        let body = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25"}}"#;
        http("200", &format!("content-type: application/json\r\n{headers}"), body)
    };
    let refused = "failed: initialize: the name that it gives the session is not one of visible ASCII letters";
    let long = format!("mcp-session-id: {}\r\n", "a".repeat(2000));
    for (headers, expect) in [
        ("", "answer"),
        ("mcp-session-id: abc-123\r\n", "answer"),
        ("mcp-session-id: a b\r\n", refused),
        ("mcp-session-id: a\tb\r\n", refused),
        ("mcp-session-id: \u{e4}\r\n", refused),
        ("mcp-session-id: \r\n", refused),
        ("mcp-session-id: a\r\nmcp-session-id: b\r\n", refused),
        (&long, refused),
    ] {
        assert_eq!(heard(&Elsewhere::says(&[&named(headers)]), OPENING), expect, "{headers:.80}");
    }
}

/// The server of a whole session, by what it is asked.
fn session(request: &str) -> String {
    let opened = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25"}}"#;
    let name = "content-type: application/json\r\nmcp-session-id: secret-name\r\n";
    match request {
        it if it.contains("\"initialize\"") => http("200", name, opened),
        it if it.starts_with("GET") && it.contains("last-event-id: 7") => {
            events(&format!("id: 8\ndata: {}\n\n", ANSWER.replace("\"id\":1", "\"id\":2")))
        }
        it if it.starts_with("GET") => http("405", "", ""),
        it if it.contains("\"id\":2") => events("id: 7\nretry: 10\ndata:\n\n"),
        it if it.contains("\"id\":3") => http("404", "", ""),
        it if it.starts_with("DELETE") => http("200", "", ""),
        _ => http("202", "", ""),
    }
}

#[test]
fn a_session_is_named_taken_up_where_it_broke_and_ended() {
    let site = Elsewhere::asked(session);
    run(async {
        let (mut speech, mut hearing) = begin(&site);
        speech.send(&permitted(OPENING), Vec::new());
        assert_eq!(told(&mut hearing).await, ["answer"]);
        let ready = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        speech.send(&permitted(ready), Vec::new());
        speech.send(&permitted(&LEGACY.replace("\"id\":1", "\"id\":2")), Vec::new());
        let Heard::Message(message) = hearing.next().await else { panic!("no answer") };
        let Message::Response(response) = *message else { panic!("no answer") };
        assert_eq!(response.id, Some(Id::from(2)));
        hearing.end().await;
    });
    let heard = site.heard();
    let find = |part: &str| heard.iter().position(|it| it.contains(part)).unwrap();
    assert!(find("\"initialize\"") < find("initialized"), "{heard:#?}");
    assert!(find("initialized") < find("\"id\":2"), "what follows waits until it was taken");
    let ended = heard.last().unwrap();
    assert!(ended.starts_with("DELETE /mcp "), "{heard:#?}");
    for request in &heard[1..] {
        assert!(request.contains("mcp-session-id: secret-name\r\n"), "{request}");
        assert!(request.contains("mcp-protocol-version: 2025-11-25\r\n"), "{request}");
    }
    assert!(!heard[0].contains("mcp-session-id"), "{}", heard[0]);
}

#[test]
fn a_session_that_is_forgotten_is_told_and_its_name_not_used_again() {
    let opened = std::sync::atomic::AtomicUsize::new(0);
    let site = Elsewhere::asked(move |request| {
        let again = request.contains("\"initialize\"")
            && opened.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0;
        // The second time it gives no name.
        if again {
            session(request).replace("mcp-session-id: secret-name\r\n", "")
        } else {
            session(request)
        }
    });
    run(async {
        let (mut speech, mut hearing) = begin(&site);
        speech.send(&permitted(OPENING), Vec::new());
        assert_eq!(told(&mut hearing).await, ["answer"]);
        assert!(!format!("{hearing:?}").contains("secret-name"));
        speech.send(&permitted(&LEGACY.replace("\"id\":1", "\"id\":3")), Vec::new());
        assert_eq!(told(&mut hearing).await, ["lost"]);
        speech.send(&permitted(OPENING), Vec::new());
        assert_eq!(told(&mut hearing).await, ["answer"]);
        speech.send(&permitted(LEGACY), Vec::new());
        let said = told(&mut hearing).await;
        assert_eq!(said, ["failed: tools/list: the server says 202, and no message in it"]);
    });
    for request in &site.heard()[2..] {
        assert!(!request.contains("mcp-session-id"), "{request}");
    }
}

#[test]
fn a_request_of_2026_stands_for_itself_and_is_taken_back_by_closing() {
    let site = Elsewhere::says(&[&json(ANSWER)]);
    run(async {
        let (mut speech, mut hearing) = begin(&site);
        let arguments = vec![("Region".to_owned(), " eu ".to_owned())];
        speech.send(&permitted(MODERN), arguments);
        assert_eq!(told(&mut hearing).await, ["answer"]);
        hearing.end().await;
    });
    let [request] = site.heard().try_into().unwrap();
    for line in [
        "mcp-protocol-version: 2026-07-28\r\n",
        "mcp-method: tools/call\r\n",
        "mcp-name: =?base64?YSBiw7w=?=\r\n",
        "mcp-param-region: =?base64?IGV1IA==?=\r\n",
        "accept: application/json, text/event-stream\r\n",
    ] {
        assert!(request.contains(line), "{line} in {request}");
    }
    assert!(!request.contains("mcp-session-id"), "{request}");

    let site = Elsewhere::never_ends(&[&events(": begun\n\n")]);
    run(async {
        let (mut speech, mut hearing) = begin(&site);
        speech.send(&permitted(MODERN), Vec::new());
        let cancelled =
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
        while site.heard().is_empty() {
            let _ = tokio::time::timeout(Duration::from_millis(10), hearing.next()).await;
        }
        speech.send(&permitted(cancelled), Vec::new());
        while site.open() > 0 {
            let heard = tokio::time::timeout(Duration::from_millis(10), hearing.next()).await;
            assert!(heard.is_err(), "nobody waits for it: {heard:?}");
        }
    });
    assert_eq!(site.heard().len(), 1, "closing says it");
}

#[test]
fn what_is_too_much_at_once_waits_and_can_be_taken_back_meanwhile() {
    let site = Elsewhere::never_ends(&[&events(": begun\n\n")]);
    let request = |id: i64| LEGACY.replace("\"id\":1", &format!("\"id\":{id}"));
    let cancelled = |id: i64| {
        let params = format!("{{\"requestId\":{id}}}");
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{params}}}"#)
    };
    run(async {
        let (mut speech, mut hearing) = begin_within(&site, PATIENCE);
        for id in 1..=70 {
            speech.send(&permitted(&request(id)), Vec::new());
        }
        // One that waits is taken back, and one that is under way, which makes room.
        speech.send(&permitted(&cancelled(65)), Vec::new());
        speech.send(&permitted(&cancelled(2)), Vec::new());
        while !site.heard().concat().contains("\"id\":66") {
            let heard = tokio::time::timeout(Duration::from_millis(10), hearing.next()).await;
            assert!(heard.is_err(), "nobody answers: {heard:?}");
        }
    });
    let heard = site.heard();
    assert!(heard.len() <= 65, "as many as may be, and the one that got room");
    for id in [65, 67, 68, 69, 70] {
        assert!(!heard.concat().contains(&format!("\"id\":{id}")), "{id}");
    }
}

/// Somebody who always has another credential.
#[derive(Debug, Default)]
struct Eager(Mutex<Vec<Option<HeaderValue>>>);

impl Credential for Eager {
    fn authorization(&self) -> Later<'_, Result<Option<HeaderValue>, String>> {
        let turn = self.0.lock().unwrap().len();
        Box::pin(async move { Ok(HeaderValue::try_from(format!("Bearer t{turn}")).ok()) })
    }

    fn challenged(&self, challenge: Challenge) -> Later<'_, Result<bool, String>> {
        self.0.lock().unwrap().push(challenge.refused);
        Box::pin(async { Ok(true) })
    }
}

#[test]
fn a_call_is_sent_again_only_when_it_was_not_taken() {
    let more = "www-authenticate: Bearer error=\"insufficient_scope\"\r\n";
    for (message, status, headers, times) in [
        (MODERN, "401", "", 2),
        (MODERN, "403", more, 2),
        (MODERN, "403", "", 1),
        (MODERN, "403", "www-authenticate: Bearer error=\"invalid_token\"\r\n", 1),
        (MODERN, "500", more, 1),
        (LEGACY, "403", "", 2),
    ] {
        let site = Elsewhere::says(&[&http(status, headers, "")]);
        let eager = Arc::new(Eager::default());
        let credential = Arc::clone(&eager);
        run(async {
            let (mut speech, mut hearing) = begin_as(&site, Duration::from_secs(2), credential);
            speech.send(&permitted(message), Vec::new());
            let told = told(&mut hearing).await.join(", ");
            assert!(told.ends_with(&format!("the server says {status}")), "{told}");
            // Only what was not taken says nothing of the server.
            let barred = times == 2 && (status, headers) != ("403", "");
            assert_eq!(told.starts_with("barred"), barred, "{status} {headers}: {told}");
        });
        assert_eq!(site.heard().len(), times, "{status} {headers}");
        let asked = eager.0.lock().unwrap().clone();
        let refused = (status != "500").then(|| Some(HeaderValue::from_static("Bearer t0")));
        assert_eq!(asked, Vec::from_iter(refused), "{status} {headers}");
    }
}

/// A server that sends a call on may have made it. What it is led to before holds for it.
#[test]
fn a_call_is_not_sent_on_and_goes_where_other_requests_were_led() {
    let leads = || {
        Elsewhere::asked(|request| match request.starts_with("POST /mcp/ ") {
            true => json(ANSWER),
            false => http("307", "location: /mcp/\r\n", ""),
        })
    };
    let site = leads();
    let refused = heard(&site, MODERN);
    assert!(refused.ends_with("with a call, which is made once"), "{refused}");
    assert_eq!(site.heard().len(), 1);
    let site = leads();
    run(async {
        let (mut speech, mut hearing) = begin(&site);
        for message in [LEGACY, MODERN] {
            speech.send(&permitted(message), Vec::new());
            assert_eq!(told(&mut hearing).await, ["answer"], "{message}");
        }
    });
    let paths: Vec<_> =
        site.heard().iter().map(|it| it.split(' ').nth(1).unwrap_or_default().to_owned()).collect();
    assert_eq!(paths, ["/mcp", "/mcp/", "/mcp/"]);
}
