//! An aggregate with servers that answer what a test says, and a clock of its own.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::settle::joined;

mod burdens;

/// An aggregate, its servers' halves, and what became of it.
struct Table {
    all: Aggregate,
    now: Instant,
    /// What servers were told: by whom, and what.
    told: Vec<(usize, Message)>,
    said: Vec<Message>,
    begun: Vec<usize>,
    ended: Vec<usize>,
    refused: Vec<&'static str>,
}

impl Table {
    fn of(names: &[&str], era: Era) -> Self {
        let seat = |name: &&str| {
            let server = ServerName::new(name).expect("a name");
            let prefix = Prefix::of(&server).expect("a prefix");
            Seat { server, prefix, message_bytes: 1000 }
        };
        let all = Aggregate::new(names.iter().map(seat).collect(), era, SealKey::new([7; 32]));
        #[expect(clippy::disallowed_methods, reason = "an arbitrary epoch")]
        let now = Instant::now();
        let (told, said, begun, ended, refused) = Default::default();
        Self { all, now, told, said, begun, ended, refused }
    }

    /// A legacy session with servers that have everything.
    fn greeted(names: &[&str]) -> Self {
        let mut table = Self::of(names, Era::Legacy);
        table.asks(1, "initialize", json!({"protocolVersion": "2025-11-25", "capabilities": {}}));
        for member in 0..names.len() {
            table.agrees(member, "2025-11-25");
        }
        assert!(table.result(1)["capabilities"].is_object());
        table.tells("notifications/initialized", json!({}));
        table.told.clear();
        table
    }

    fn does(&mut self) {
        while let Some(step) = self.all.poll() {
            match step {
                Step::Begin(member) => self.begun.push(member),
                Step::End(member) => self.ended.push(member),
                Step::Tell(member, message, _) => self.told.push((member, *message)),
                Step::Say(message) => self.said.push(message.get().clone()),
                Step::Refused(_, why) => self.refused.push(why),
                Step::LeftOut(..) => {}
            }
        }
    }

    fn asks(&mut self, id: i64, method: &str, params: Value) {
        let (method, params) = (method.to_owned(), Some(Json::from_value(&params)));
        let request = Request { id: id.into(), method, params };
        self.all.client(Message::Request(request), self.now);
        self.does();
    }

    fn tells(&mut self, method: &str, params: Value) {
        let (method, params) = (method.to_owned(), Some(Json::from_value(&params)));
        self.all.client(Message::Notification(Notification { method, params }), self.now);
        self.does();
    }

    fn server(&mut self, member: usize, message: Message) {
        let message = joined(message).expect("it may leave");
        self.all.member(member, &message, self.now);
        self.does();
    }

    fn server_tells(&mut self, member: usize, method: &str, params: Value) {
        let (method, params) = (method.to_owned(), Some(Json::from_value(&params)));
        self.server(member, Message::Notification(Notification { method, params }));
    }

    /// A server answers the last request of this method that it was told.
    fn answers(&mut self, member: usize, method: &str, result: Value) {
        let id = self.asked(member, method).id;
        let response = Response::result(id, Json::from_value(&result));
        self.server(member, Message::Response(response));
    }

    fn asked(&self, member: usize, method: &str) -> Request {
        let is_it = |(at, message): &(usize, Message)| match message {
            Message::Request(request) if *at == member && request.method == method => {
                Some(request.clone())
            }
            _ => None,
        };
        self.told.iter().rev().find_map(is_it).unwrap_or_else(|| panic!("{member}: {method}"))
    }

    fn agrees(&mut self, member: usize, revision: &str) {
        let has = json!({"tools": {}, "prompts": {}, "resources": {}, "logging": {}});
        let info = json!({"name": "x", "version": "1"});
        let result = json!({"protocolVersion": revision, "capabilities": has, "serverInfo": info});
        self.answers(member, "initialize", result);
    }

    fn outcome(&self, id: i64) -> Option<&Outcome> {
        self.said.iter().rev().find_map(|message| match message {
            Message::Response(Response { id: Some(own), outcome }) if *own == id.into() => {
                Some(outcome)
            }
            _ => None,
        })
    }

    fn result(&self, id: i64) -> Value {
        match self.outcome(id) {
            Some(Outcome::Result(result)) => result.value(),
            other => panic!("{id}: {other:?}"),
        }
    }

    fn error(&self, id: i64) -> i64 {
        match self.outcome(id) {
            Some(Outcome::Error(error)) => error.code,
            other => panic!("{id}: {other:?}"),
        }
    }

    fn notices(&self) -> Vec<String> {
        let method = |message: &Message| match message {
            Message::Notification(said) => Some(said.method.clone()),
            _ => None,
        };
        self.said.iter().filter_map(method).collect()
    }

    fn later(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.all.handle_timeout(self.now);
        self.does();
    }
}

fn tools(names: &[&str]) -> Value {
    let tool = |name: &&str| json!({"name": name, "inputSchema": {"type": "object"}});
    json!({"tools": names.iter().map(tool).collect::<Vec<_>>()})
}

#[test]
fn all_speak_the_oldest_revision_among_them() {
    let mut table = Table::of(&["new", "old", "odd"], Era::Legacy);
    table.asks(
        1,
        "initialize",
        json!({"protocolVersion": "2025-11-25", "capabilities":
        {"roots": {}, "sampling": {}, "tasks": {}, "extensions": {"a/b": {}}, "experimental": {}}}),
    );
    assert_eq!(table.begun, [0, 1, 2]);
    let greeting = table.asked(0, "initialize").params.expect("it has some").value();
    assert_eq!(greeting["capabilities"], json!({"roots": {}}), "the rest has no place here");
    table.agrees(0, "2025-11-25");
    table.agrees(1, "2025-06-18");
    assert!(table.outcome(1).is_none(), "one is missing");
    table.agrees(2, "2025-11-25");
    assert_eq!((table.ended.clone(), table.begun.clone()), (vec![0, 2], vec![0, 1, 2, 0, 2]));
    let again = table.asked(0, "initialize").params.expect("it has some").value();
    assert_eq!(again["protocolVersion"], "2025-06-18");
    table.agrees(0, "2025-06-18");
    table.agrees(2, "2025-11-25");
    assert_eq!(table.result(1)["protocolVersion"], "2025-06-18");
    assert_eq!(table.ended, [0, 2, 2], "who still speaks another is left out");
    assert_eq!(table.refused.len(), 1, "and that is recorded");
    table.asks(2, "tools/call", json!({"name": "odd__look"}));
    assert_eq!(table.error(2), -32603);
    table.asks(3, "initialize", json!({"protocolVersion": "2025-11-25", "capabilities": {}}));
    assert_eq!(table.error(3), -32600, "once is enough");
}

#[test]
fn who_is_slow_comes_later_and_who_fails_does_not() {
    let mut table = Table::of(&["quick", "slow", "never"], Era::Legacy);
    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}});
    table.asks(1, "initialize", hello.clone());
    table.asks(2, "tools/list", json!({}));
    assert_eq!(table.error(2), -32600, "it is not initialized");
    table.agrees(0, "2025-11-25");
    table.all.gone(2, table.now);
    table.does();
    table.later(19);
    assert!(table.outcome(1).is_none());
    table.later(1);
    assert_eq!(table.result(1)["capabilities"]["tools"], json!({"listChanged": true}));
    table.tells("notifications/initialized", json!({}));
    let told = |table: &Table| {
        let is_it = |(at, message): &&(usize, Message)| {
            message.method() == Some("notifications/initialized") && *at == 1
        };
        table.told.iter().filter(is_it).count()
    };
    assert_eq!((told(&table), table.notices().len()), (0, 0));
    table.agrees(1, "2025-11-25");
    assert_eq!((told(&table), table.notices().len()), (1, 3), "tools, prompts, resources");
    table.asks(3, "tools/call", json!({"name": "slow__look"}));
    assert_eq!(table.told.last().map(|(at, _)| *at), Some(1));

    let mut table = Table::of(&["a", "b"], Era::Legacy);
    table.asks(1, "initialize", hello);
    for member in [0, 1] {
        table.later(60);
        assert!(table.outcome(1).is_none(), "with nobody there is nothing to go on with");
        table.all.gone(member, table.now);
        table.does();
    }
    assert_eq!(table.error(1), -32603);
}

#[test]
fn a_list_goes_on_where_each_server_is() {
    let mut table = Table::greeted(&["one", "two"]);
    table.asks(2, "tools/list", json!({}));
    let mut page = tools(&["a"]);
    page["nextCursor"] = "theirs".into();
    table.answers(0, "tools/list", page);
    assert!(table.outcome(2).is_none());
    table.answers(1, "tools/list", tools(&["b"]));
    let first = table.result(2);
    assert_eq!(first["tools"].as_array().map(Vec::len), Some(2));
    let cursor = first["nextCursor"].as_str().expect("there is more").to_owned();
    assert!(!cursor.contains("theirs"));
    table.told.clear();
    table.asks(3, "tools/list", json!({"cursor": cursor}));
    assert_eq!(table.told.len(), 1, "the other one has no more");
    let asked = table.asked(0, "tools/list").params.expect("it has some").value();
    assert_eq!(asked["cursor"], "theirs");
    table.answers(0, "tools/list", tools(&["c"]));
    let last = table.result(3);
    assert_eq!((&last["tools"][0]["name"], &last["nextCursor"]), (&json!("one__c"), &Value::Null));
    // Of another list, changed, or nobody's.
    for (method, cursor) in [
        ("prompts/list", json!(cursor)),
        ("tools/list", json!(format!("{cursor}A"))),
        ("tools/list", json!("theirs")),
        ("tools/list", json!(7)),
    ] {
        table.asks(4, method, json!({"cursor": cursor}));
        assert_eq!(table.error(4), -32602, "{method} {cursor}");
    }
    // Who does not answer is left out, and what it says later is for nobody.
    table.asks(5, "tools/list", json!({}));
    table.answers(1, "tools/list", tools(&["b"]));
    table.later(30);
    assert_eq!(table.result(5)["tools"].as_array().map(Vec::len), Some(1));
    let before = table.said.len();
    table.answers(0, "tools/list", tools(&["a"]));
    assert_eq!(table.said.len(), before);
}

#[test]
fn who_ends_is_answered_for() {
    let mut table = Table::greeted(&["one", "two"]);
    table.asks(2, "tools/call", json!({"name": "one__a"}));
    table.asks(3, "tools/call", json!({"name": "two__a"}));
    table.asks(4, "tools/list", json!({}));
    table
        .server(1, Message::Request(Request { id: 1.into(), method: "ping".into(), params: None }));
    table.answers(0, "tools/list", tools(&["a"]));
    table.all.gone(1, table.now);
    table.does();
    assert_eq!(table.error(3), -32603);
    assert_eq!(table.result(4)["tools"].as_array().map(Vec::len), Some(1));
    let told = table.notices();
    assert!(told.contains(&"notifications/cancelled".to_owned()), "its question: {told:?}");
    assert!(told.contains(&"notifications/tools/list_changed".to_owned()), "{told:?}");
    assert!(table.outcome(2).is_none(), "the other one goes on");
    table.answers(0, "tools/call", json!({"content": []}));
    assert_eq!(table.result(2)["content"], json!([]));
    table.asks(5, "tools/call", json!({"name": "two__a"}));
    assert_eq!(table.error(5), -32603);
    assert_eq!(table.begun, [0, 1], "its session is not begun anew");
}

#[test]
fn what_a_client_takes_back_is_taken_back_everywhere() {
    let mut table = Table::greeted(&["one", "two"]);
    table.asks(2, "tools/call", json!({"name": "two__a", "_meta": {"progressToken": "mine"}}));
    table.asks(3, "tools/list", json!({}));
    let call = table.asked(1, "tools/call");
    let token = call.params.expect("it has some").value()["_meta"]["progressToken"].clone();
    assert_ne!(token, json!("mine"));
    table.server_tells(0, "notifications/progress", json!({"progressToken": token, "progress": 1}));
    assert!(table.notices().is_empty(), "it is another's");
    table.server_tells(1, "notifications/progress", json!({"progressToken": token, "progress": 1}));
    let Some(Message::Notification(said)) = table.said.last() else { panic!("nothing was said") };
    assert_eq!(
        said.params.as_ref().map(|it| it.value()["progressToken"].clone()),
        Some(json!("mine"))
    );
    table.told.clear();
    table.tells("notifications/cancelled", json!({"requestId": 2, "reason": "late"}));
    table.tells("notifications/cancelled", json!({"requestId": 3}));
    table.tells("notifications/cancelled", json!({"requestId": 4}));
    let told: Vec<_> = table.told.iter().map(|(at, message)| (*at, message.method())).collect();
    let cancelled = Some("notifications/cancelled");
    assert_eq!(told, [(1, cancelled), (0, cancelled), (1, cancelled)]);
    let Some((_, Message::Notification(said))) = table.told.first() else { panic!("told nothing") };
    let params = said.params.as_ref().map(Json::value).unwrap_or_default();
    assert_eq!(
        (&params["requestId"], &params["reason"]),
        (&call.id.to_json().value(), &json!("late"))
    );
    let before = table.said.len();
    let late = Response::result(call.id, Json::from_value(&json!({})));
    table.server(1, Message::Response(late));
    assert_eq!(table.said.len(), before, "nobody waits for it");
}

#[test]
fn what_is_nobodys_is_refused_and_recorded() {
    let mut table = Table::greeted(&["one"]);
    let long = "x".repeat(1000);
    for (method, params, code) in [
        ("tools/call", json!({"name": "a"}), -32602),
        ("tools/call", json!({"name": 1}), -32602),
        ("tools/call", json!({}), -32602),
        ("tools/call", json!({"name": "one__a", "task": {}}), -32602),
        ("tools/call", json!({"name": "one__a", "arguments": {"a": long}}), -32600),
        ("resources/read", json!({"uri": "file:///a"}), -32602),
        ("completion/complete", json!({"ref": {"type": "ref/prompt", "name": "a"}}), -32602),
        ("completion/complete", json!({}), -32602),
        ("tasks/list", json!({}), -32601),
        ("subscriptions/listen", json!({}), -32601),
        ("server/discover", json!({}), -32601),
    ] {
        table.asks(9, method, params.clone());
        assert_eq!(table.error(9), code, "{method} {params}");
    }
    assert!(table.told.is_empty(), "nothing of it reached a server");
    assert_eq!(table.refused.len(), 11);
    table.asks(7, "tools/call", json!({"name": "one__a"}));
    table.asks(7, "tools/call", json!({"name": "one__b"}));
    assert_eq!((table.error(7), table.told.len()), (-32600, 1), "one id, one answer");
}

#[test]
fn completion_levels_and_subscriptions_find_their_server() {
    let mut table = Table::greeted(&["one", "two"]);
    let template = json!({"type": "ref/resource", "uri": "portcullis:two/a:{b}"});
    table.asks(2, "completion/complete", json!({"ref": template, "argument": {}}));
    let asked = table.asked(1, "completion/complete").params.expect("it has some").value();
    assert_eq!(asked["ref"], json!({"type": "ref/resource", "uri": "a:{b}"}));
    table.asks(3, "completion/complete", json!({"ref": {"type": "ref/prompt", "name": "one__p"}}));
    let asked = table.asked(0, "completion/complete").params.expect("it has some").value();
    assert_eq!(asked["ref"], json!({"type": "ref/prompt", "name": "p"}));
    table.asks(4, "logging/setLevel", json!({"level": "info"}));
    table.answers(0, "logging/setLevel", json!({}));
    table.answers(1, "logging/setLevel", json!({}));
    assert_eq!(table.result(4), json!({}));
    table.server_tells(1, "notifications/message", json!({"level": "info", "data": 1}));
    table.server_tells(1, "notifications/resources/updated", json!({"uri": "a:b"}));
    let said: Vec<Value> = table
        .said
        .iter()
        .filter_map(|message| match message {
            Message::Notification(said) => said.params.as_ref().map(Json::value),
            _ => None,
        })
        .collect();
    assert_eq!(said[0]["logger"], "two");
    assert_eq!(said[1]["uri"], "portcullis:two/a:b");
}

#[test]
fn a_stream_of_news_is_one_of_all_of_them() {
    let mut table = Table::of(&["one", "two"], Era::Modern);
    let uris = ["portcullis:two/a:b", "portcullis:nobody/a:b", "a:b"];
    let wanted = json!({"toolsListChanged": true, "resourceSubscriptions": uris});
    table.asks(5, "subscriptions/listen", json!({"notifications": wanted}));
    assert_eq!(table.begun, [0, 1]);
    let stream = |table: &Table, member| {
        let request = table.asked(member, "subscriptions/listen");
        (request.id.to_json().value(), request.params.expect("it has some").value())
    };
    let ((one, first), (two, second)) = (stream(&table, 0), stream(&table, 1));
    assert!(first["notifications"].get("resourceSubscriptions").is_none(), "{first}");
    assert_eq!(second["notifications"]["resourceSubscriptions"], json!(["a:b"]));
    let of = |id: &Value| json!({"io.modelcontextprotocol/subscriptionId": id});
    let changed = "notifications/tools/list_changed";
    // A stream that another server was opened is not its to speak in.
    table.server_tells(0, changed, json!({"_meta": of(&two)}));
    table.server_tells(0, changed, json!({}));
    assert!(table.said.is_empty());
    let acknowledged = "notifications/subscriptions/acknowledged";
    table.server_tells(
        0,
        acknowledged,
        json!({"notifications": {"toolsListChanged": true}, "_meta": of(&one)}),
    );
    assert!(table.said.is_empty(), "one has not agreed yet");
    let more = json!({"toolsListChanged": true, "resourceSubscriptions": ["a:b", "c:d"]});
    table.server_tells(1, acknowledged, json!({"notifications": more, "_meta": of(&two)}));
    let last = |table: &Table| match table.said.last() {
        Some(Message::Notification(said)) => {
            (said.method.clone(), said.params.as_ref().map(Json::value).unwrap_or_default())
        }
        other => panic!("{other:?}"),
    };
    let (method, params) = last(&table);
    assert_eq!((method.as_str(), &params["_meta"]), (acknowledged, &of(&json!(5))));
    let agreed = json!({"toolsListChanged": true, "resourceSubscriptions": ["portcullis:two/a:b"]});
    assert_eq!(params["notifications"], agreed);
    table.server_tells(
        1,
        "notifications/resources/updated",
        json!({"uri": "a:b", "_meta": of(&two)}),
    );
    let (_, params) = last(&table);
    assert_eq!((&params["uri"], &params["_meta"]), (&json!("portcullis:two/a:b"), &of(&json!(5))));
    let before = table.said.len();
    table.all.gone(0, table.now);
    table.does();
    assert_eq!((table.said.len(), last(&table).0.as_str()), (before + 1, changed));
    table.tells("notifications/cancelled", json!({"requestId": 5}));
    let Some((1, Message::Notification(said))) = table.told.last() else {
        panic!("{:?}", table.told)
    };
    assert_eq!(said.params.as_ref().map(|it| it.value()["requestId"].clone()), Some(two));
    table.asks(6, "tools/call", json!({"name": "one__a"}));
    assert_eq!(table.begun, [0, 1, 0], "who ended begins with the next request");
}

proptest! {
    /// Whatever servers answer, tell and ask, under whatever ids: each request of the client is
    /// answered by whom it was for, at most once, and each answer of the client goes to whom it
    /// was asked by.
    #[test]
    fn nobody_speaks_for_another(
        calls in prop::collection::vec(0..2usize, 1..6),
        noise in prop::collection::vec((0..2usize, 0..3usize, -2..20i64), 0..40),
    ) {
        let mut table = Table::greeted(&["one", "two"]);
        for (at, member) in calls.iter().enumerate() {
            let name = format!("{}__a", ["one", "two"][*member]);
            table.asks(100 + i64::try_from(at).unwrap_or_default(), "tools/call", json!({"name": name}));
        }
        for (member, kind, id) in noise {
            match kind {
                0 => {
                    let who = Json::from_value(&json!({"content": [], "who": member}));
                    table.server(member, Message::Response(Response::result(id.into(), who)));
                }
                1 => {
                    let params = Some(Json::from_value(&json!({"who": member})));
                    let method = "roots/list".to_owned();
                    table.server(member, Message::Request(Request { id: id.into(), method, params }));
                }
                _ => table.server_tells(member, "notifications/cancelled", json!({"requestId": id})),
            }
        }
        let mut answered = std::collections::BTreeSet::new();
        let mut asked = Vec::new();
        for message in table.said.clone() {
            match message {
                Message::Response(Response { id: Some(Id::Number(id)), outcome: Outcome::Result(result) }) if id >= 100 => {
                    prop_assert!(answered.insert(id), "{} was answered twice", id);
                    let at = usize::try_from(id - 100).unwrap_or_default();
                    prop_assert_eq!(&result.value()["who"], &json!(calls[at]));
                }
                Message::Request(request) => asked.push(request),
                _ => {}
            }
        }
        table.told.clear();
        for request in asked {
            let who = request.params.as_ref().map(|it| it.value()["who"].clone());
            let before = table.told.len();
            for _ in 0..2 {
                let response = Response::result(request.id.clone(), Json::from_value(&json!({"roots": []})));
                table.all.client(Message::Response(response), table.now);
                table.does();
            }
            // One that its server took back is answered to nobody.
            prop_assert!(table.told.len() <= before + 1);
            if let Some((member, _)) = table.told.get(before) {
                prop_assert_eq!(Some(json!(member)), who);
            }
        }
    }
}
