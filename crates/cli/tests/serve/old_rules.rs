//! What every request is held to, in the transport of 2024-11-05: scopes, shares, the config that
//! holds, and the end of the gateway (MCP-HTTP-20).

use std::io::{Read as _, Write as _};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::house::{House, LEGACY, opening, request};
use crate::limits::{wait, waiting};
use crate::old::Talk;
use crate::people::{ADAS, BOBS, people};
use crate::stage::{Stage, kin};

const LISTENS: [(&str, &str); 1] = [("Accept", "text/event-stream")];

fn server(stage: &Stage) -> String {
    let project = stage.project().display().to_string();
    let command = json!([env!("CARGO_BIN_EXE_portcullis"), "server", "--root", project]);
    let root = json!([stage.root()]);
    format!("[server.files]\ncommand = {command}\nroots = {root}\nask = \"never\"\n")
}

fn serve(more: &str) -> String {
    format!("[serve]\nlisten = \"127.0.0.1:0\"\n{more}\n")
}

fn hang_up(house: &House) {
    kill_process(Pid::from_raw(house.pid()).unwrap(), Signal::HUP).unwrap();
}

fn reads_again(stage: &Stage, house: &House, config: &str) {
    let is_new = |it: &&Value| it["note"].to_string().contains("was read again");
    let many = || stage.events("notice").iter().filter(is_new).count();
    let before = many();
    stage.config(config);
    hang_up(house);
    stage.until("it is followed", || (many() > before).then_some(()));
}

/// It says hello, and hears who is there.
fn greets(talk: &mut Talk<'_>, headers: &[(&str, &str)]) {
    assert_eq!(talk.says(headers, &opening(LEGACY).to_string()).status, 202);
    assert_eq!(talk.hears()["result"]["protocolVersion"], LEGACY);
    let said = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(talk.says(headers, &said.to_string()).status, 202);
}

fn text(heard: &Value) -> &str {
    heard["result"]["content"][0]["text"].as_str().unwrap_or_default()
}

#[test]
fn a_tool_takes_its_scopes_here_too() {
    let stage = Stage::new();
    let scopes = "[serve.scopes_of.files]\nall = [\"files:read\"]\n\
                  tools = { \"write_*\" = [\"files:write\"] }\n";
    let ada = people("scopes = [\"files:read\"]\n");
    let config = format!("{}{ada}{scopes}{}", serve("legacy_sse = true"), server(&stage));
    let house = House::with(&stage, &config);
    let (ada, bob) = ([("Authorization", ADAS)], [("Authorization", BOBS)]);
    let listens = [bob[0], LISTENS[0]];
    let got = house.sends("GET", "/s/files/sse", &listens, "");
    assert_eq!(got.status, 403, "he has no scope at all: {got:?}");
    assert!(stage.events("started").is_empty(), "nothing was started for him");
    let mut talk = Talk::begins(&house, &ada);
    greets(&mut talk, &ada);
    let write = json!({"name": "write_file", "arguments": {"path": "x", "content": "x"}});
    let got = talk.says(&ada, &request(5, "tools/call", &write).to_string());
    assert_eq!(got.status, 403, "{got:?}");
    let denied = stage.events("denied");
    let by = |it: &&Value| it["decision"].to_string().contains("scopes-sufficient");
    assert_eq!(denied.iter().filter(by).count(), 2, "{denied:?}");
    assert_eq!(talk.says(&ada, &request(6, "tools/list", &json!({})).to_string()).status, 202);
    assert_eq!(talk.hears()["id"], 6, "the call before is answered nowhere: no session heard it");
    assert!(!stage.project().join("x").exists());
}

/// A request takes its place until it is answered, though its own response is long over.
#[test]
fn what_is_not_answered_yet_counts() {
    let stage = Stage::new();
    let go = stage.project().join("go");
    let more = "legacy_sse = true\n[serve.limits]\nrequests = 2\nstreams = 1";
    let house = House::of(&stage, &waiting(&go), more);
    let mut talk = Talk::begins(&house, &[]);
    greets(&mut talk, &[]);
    let second = house.sends("GET", "/s/files/sse", &LISTENS, "");
    assert_eq!((second.status, second.header("retry-after")), (429, Some("2")), "{second:?}");
    let under_way = |many: usize| {
        stage.until("they are under way", || {
            let intents = stage.events("intent");
            (intents.iter().filter(|it| it["tool"] == "wait").count() == many).then_some(())
        });
    };
    assert_eq!(talk.says(&[], &wait(5).to_string()).status, 202);
    under_way(1);
    // What its client takes back takes no place any more.
    let back = json!({"requestId": 5});
    let back = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": back});
    assert_eq!(talk.says(&[], &back.to_string()).status, 202);
    for id in [6, 7] {
        stage.until("there is room", || {
            (talk.says(&[], &wait(id).to_string()).status == 202).then_some(())
        });
    }
    under_way(3);
    let third = talk.says(&[], &wait(8).to_string());
    assert_eq!((third.status, third.header("retry-after")), (429, Some("2")), "{third:?}");
    std::fs::write(&go, "").unwrap();
    for id in [6, 7] {
        let heard = talk.hears();
        assert_eq!((&heard["id"], text(&heard)), (&json!(id), "waited"), "{heard}");
    }
    stage.until("there is room again", || {
        (talk.says(&[], &wait(9).to_string()).status == 202).then_some(())
    });
    assert_eq!(talk.hears()["id"], 9);
    for record in stage.events("denied") {
        let control = &record["decision"]["because"][0]["control"];
        assert_eq!(control, "concurrency-capped", "{record}");
    }
}

#[test]
fn what_was_taken_away_is_over_and_a_post_that_dawdles_is_too_late() {
    let stage = Stage::new();
    let (both, files) = (people(""), server(&stage));
    let config = format!("{}{both}{files}", serve("legacy_sse = true"));
    let house = House::with(&stage, &config);
    let (ada, bob) = ([("Authorization", ADAS)], [("Authorization", BOBS)]);
    let (mut hers, mut his) = (Talk::begins(&house, &ada), Talk::begins(&house, &bob));
    greets(&mut hers, &ada);
    greets(&mut his, &bob);

    // Ada begins to say something, the config changes, and then she goes on.
    let list = request(3, "tools/list", &json!({})).to_string();
    let (first, rest) = list.split_at(20);
    let mut slow = house.connect();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nAuthorization: {ADAS}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{first}",
        hers.path(),
        house.port(),
        list.len()
    );
    slow.write_all(head.as_bytes()).unwrap();
    // It was let in when somebody who came later was answered.
    assert_eq!(house.sends("GET", "/s/nowhere/sse", &[ada[0], LISTENS[0]], "").status, 404);
    let ada_alone = both.split("[serve.tokens.bob]").next().unwrap();
    let fewer = format!("{}{ada_alone}{files}", serve("legacy_sse = true"));
    reads_again(&stage, &house, &fewer);
    slow.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(his.is_over(), "nobody has his token any more");
    assert_eq!(his.says(&bob, &list).status, 401);
    assert_eq!(hers.says(&ada, &list).status, 202, "hers goes on");
    assert_eq!(hers.hears()["id"], 3);

    // Without the transport there is none of its sessions.
    let newer = house.greets(&ada);
    reads_again(&stage, &house, &format!("{}{ada_alone}{files}", serve("")));
    assert!(hers.is_over());
    assert_eq!(hers.says(&ada, &list).status, 404);
    assert_eq!(house.sends("GET", "/s/files/sse", &[ada[0], LISTENS[0]], "").status, 404);
    let list = request(3, "tools/list", &json!({}));
    assert_eq!(house.asks(&newer, &ada, &list).status, 200, "another transport's goes on");
    stage.verify();
}

#[test]
fn at_the_end_nothing_begins_and_what_is_under_way_is_answered() {
    let stage = Stage::new();
    let go = stage.project().join("go");
    let house = House::of(&stage, &waiting(&go), "legacy_sse = true\ndrain = \"2m\"");
    let mut talk = Talk::begins(&house, &[]);
    greets(&mut talk, &[]);
    assert_eq!(talk.says(&[], &wait(5).to_string()).status, 202);
    stage.until("it is under way", || {
        stage.events("intent").iter().any(|it| it["tool"] == "wait").then_some(())
    });
    house.terminate();
    let refused = stage.until("nothing begins", || {
        let got = house.posts(&[], &opening(LEGACY));
        (got.status != 200).then_some(got)
    });
    assert_eq!(refused.status, 503, "{refused:?}");
    let got = house.sends("GET", "/s/files/sse", &LISTENS, "");
    assert_eq!((got.status, got.header("retry-after")), (503, Some("5")), "{got:?}");
    let list = request(6, "tools/list", &json!({})).to_string();
    assert_eq!(talk.says(&[], &list).status, 503, "nor in a session that is there");
    let said = json!({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"});
    assert_eq!(talk.says(&[], &said.to_string()).status, 202, "what belongs to a call is heard");
    std::fs::write(&go, "").unwrap();
    let heard = talk.hears();
    assert_eq!((&heard["id"], text(&heard)), (&json!(5), "waited"), "{heard}");
    assert!(talk.is_over());
    let servers = kin::below(house.pid());
    drop(talk);
    assert_eq!(house.waits(), 0);
    stage.until("its servers are gone", || servers.iter().all(|it| !kin::lives(*it)).then_some(()));
    stage.verify();
}
