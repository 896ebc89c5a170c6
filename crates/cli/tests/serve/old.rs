//! The transport of 2024-11-05: off unless asked for, and then no easier than any other (MCP-HTTP-20).

use serde_json::{Value, json};

use crate::house::{Got, House, LEGACY, modern, opening, request};
use crate::people::{ADAS, BOBS, house_of};
use crate::resume::Events;
use crate::stage::{Stage, kin};

/// A conversation in it.
pub struct Talk<'a> {
    house: &'a House,
    stream: Events,
    path: String,
}

impl<'a> Talk<'a> {
    pub fn begins(house: &'a House, headers: &[(&str, &str)]) -> Self {
        let mut all = headers.to_vec();
        all.push(("Accept", "text/event-stream"));
        let mut stream = Events::of(house.begins("GET", "/s/files/sse", &all, ""));
        let (_, path) = stream.next().unwrap();
        Self { house, stream, path }
    }

    pub fn says(&self, headers: &[(&str, &str)], message: &str) -> Got {
        let mut all = headers.to_vec();
        all.push(("Content-Type", "application/json"));
        self.house.sends("POST", &self.path, &all, message)
    }

    /// What the stream says next.
    pub fn hears(&mut self) -> Value {
        let (id, said) = self.stream.next().unwrap();
        assert_eq!(id, None, "nobody comes back to it");
        serde_json::from_str(&said).unwrap()
    }

    /// Nothing more is said.
    pub fn is_over(&mut self) -> bool {
        self.stream.is_over()
    }

    /// Where its client posts.
    pub fn path(&self) -> &str {
        &self.path
    }
}

fn command(stage: &Stage) -> Value {
    let project = stage.project().display().to_string();
    json!([env!("CARGO_BIN_EXE_portcullis"), "server", "--root", project])
}

#[test]
fn it_is_off_unless_asked_for() {
    let stage = Stage::new();
    let house = House::of_files(&stage, "");
    let listens = [("Accept", "text/event-stream")];
    let nowhere = house.sends("GET", "/s/nowhere/sse", &listens, "");
    let got = house.sends("GET", "/s/files/sse", &listens, "");
    assert_eq!((got.status, &got.body), (404, &nowhere.body), "as if there were none");
    let says = [("Content-Type", "application/json")];
    let path = format!("/s/files/message?session_id={}", "0".repeat(64));
    assert_eq!(house.sends("POST", &path, &says, &opening(LEGACY).to_string()).status, 404);
    assert!(stage.events("started").is_empty());
}

#[test]
fn one_stream_is_the_conversation() {
    let stage = Stage::new();
    let house = House::of_files(&stage, "legacy_sse = true");
    let mut talk = Talk::begins(&house, &[]);
    let name = talk.path.strip_prefix("/s/files/message?session_id=").unwrap().to_owned();
    assert_eq!(name.len(), 64, "a path of ours, with a secret: {}", talk.path);
    let got = talk.says(&[], &opening("2024-11-05").to_string());
    assert_eq!((got.status, got.body.as_str()), (202, ""), "{got:?}");
    assert_eq!(talk.hears()["result"]["protocolVersion"], "2024-11-05");
    let said = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(talk.says(&[], &said.to_string()).status, 202);
    for id in 2..5 {
        let list = request(id, "tools/list", &json!({})).to_string();
        assert_eq!(talk.says(&[], &list).status, 202);
    }
    for id in 2..5 {
        let answer = talk.hears();
        assert!(answer["result"]["tools"].is_array() && answer["id"] == id, "{answer}");
    }
    // What is no message is told so where it was said, and nowhere else.
    for (bad, code) in [("{", -32700), ("[]", -32600), ("{\"jsonrpc\":\"2.0\",\"id\":7}", -32600)] {
        let got = talk.says(&[], bad);
        assert_eq!((got.status, &got.json()["error"]["code"]), (400, &json!(code)), "{bad}");
    }
    assert_eq!(talk.says(&[], &modern(8, "tools/list", &json!({})).to_string()).status, 400);
    let says = [("Content-Type", "application/json")];
    let ping = request(9, "ping", &json!({})).to_string();
    assert_eq!(
        house.sends("POST", &talk.path, &[("Content-Type", "text/plain")], &ping).status,
        415
    );
    for (method, path) in
        [("GET", talk.path.as_str()), ("POST", "/s/files/sse"), ("DELETE", "/s/files/sse")]
    {
        assert_eq!(house.sends(method, path, &says, &ping).status, 405, "{method} {path}");
    }
    for origin in ["null", "https://evil.example"] {
        let page = [("Origin", origin), ("Accept", "text/event-stream")];
        assert_eq!(house.sends("GET", "/s/files/sse", &page, "").status, 403);
        assert_eq!(talk.says(&[("Origin", origin)], &ping).status, 403);
    }
    // A session is of its transport.
    assert_eq!(house.asks(&name, &[], &request(9, "ping", &json!({}))).status, 404);
    let newer = house.greets(&[]);
    let path = |name: &str| format!("/s/files/message?session_id={name}");
    let wrong = [newer, "0".repeat(64), String::new(), format!("{name}&x=1"), name.to_uppercase()];
    for wrong in &wrong {
        assert_eq!(house.sends("POST", &path(wrong), &says, &ping).status, 404, "{wrong}");
    }
    assert_eq!(house.sends("POST", "/s/files/message", &says, &ping).status, 400);
    assert_eq!(talk.says(&[], &ping).status, 202);
    assert_eq!(talk.hears()["id"], 9, "it goes on, and heard nothing of all that");
}

#[test]
fn it_ends_with_its_stream_and_counts_like_any_other() {
    let stage = Stage::new();
    let house = House::of_files(&stage, "legacy_sse = true\nsessions = 2");
    let talks = [Talk::begins(&house, &[]), Talk::begins(&house, &[])];
    stage.until("both servers run", || (kin::below(house.pid()).len() >= 2).then_some(()));
    assert_eq!(house.posts(&[], &opening(LEGACY)).status, 503);
    let path = talks[0].path.clone();
    drop(talks);
    stage.until("their servers are gone", || kin::below(house.pid()).is_empty().then_some(()));
    let says = [("Content-Type", "application/json")];
    let ping = request(9, "ping", &json!({})).to_string();
    assert_eq!(house.sends("POST", &path, &says, &ping).status, 404);
    stage.until("there is room again", || {
        (house.posts(&[], &opening(LEGACY)).status == 200).then_some(())
    });
}

#[test]
fn it_is_for_whoever_began_it() {
    let stage = Stage::new();
    let house = house_of(&stage, &command(&stage), "legacy_sse = true");
    let (ada, bob) = ([("Authorization", ADAS)], [("Authorization", BOBS)]);
    let mut talk = Talk::begins(&house, &ada);
    let hello = opening(LEGACY).to_string();
    assert_eq!(talk.says(&[], &hello).status, 401, "a path is no proof");
    assert_eq!(talk.says(&bob, &hello).status, 403);
    let turned = stage.events("denied");
    assert_eq!(turned.iter().filter(|it| it["principal"] == "token:bob").count(), 1, "{turned:?}");
    assert_eq!(
        house.sends("GET", "/s/files/sse", &[("Accept", "text/event-stream")], "").status,
        401
    );
    assert_eq!(talk.says(&ada, &hello).status, 202);
    assert_eq!(talk.hears()["result"]["protocolVersion"], LEGACY);
}
