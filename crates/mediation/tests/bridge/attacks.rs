//! Servers and clients that want the bridge to say, keep or believe too much.

use std::time::Duration;

use portcullis_mediation::Session;
use portcullis_policy::Answer;
use portcullis_wire::{Id, Response};
use serde_json::{Value, json};

use crate::client::Client as _;
use crate::server::{MODERN, Server, error, question, result, said, text};
use crate::talk::{Talk, open};

const LEGACY: &str = "2025-11-25";

/// The server is the test's, and was found to be modern under a legacy client.
fn over_a_modern_server() -> Talk {
    let mut talk = Talk::between(LEGACY, None, open());
    talk.begin();
    let initialize = talk.got("initialize");
    talk.served(&error(&initialize, -32022, "unsupported protocol version"));
    let discover = talk.got("server/discover");
    talk.served(&result(&discover, &discovery()));
    talk.says(&said("notifications/initialized", &json!({})));
    listed(&mut talk);
    talk
}

/// The server is the test's, and was found to be legacy under a modern client.
fn over_a_legacy_server() -> Talk {
    let mut talk = Talk::between(MODERN, None, open());
    talk.begin();
    let discover = talk.got("server/discover");
    talk.served(&error(&discover, -32601, "method not found"));
    let initialize = talk.got("initialize");
    talk.served(&result(&initialize, &greeting()));
    talk.got("notifications/initialized");
    listed(&mut talk);
    talk
}

fn discovery() -> Value {
    json!({
        "resultType": "complete", "supportedVersions": [MODERN], "capabilities": {"tools": {}},
        "ttlMs": 0, "cacheScope": "private",
    })
}

fn greeting() -> Value {
    let info = json!({"name": "puppet", "version": "1"});
    json!({"protocolVersion": LEGACY, "capabilities": {"tools": {}}, "serverInfo": info})
}

fn listed(talk: &mut Talk) {
    talk.sends("tools/list", json!({}));
    let list = talk.got("tools/list");
    let hints = json!({"readOnlyHint": true, "openWorldHint": false});
    let tool = json!({"name": "ask", "inputSchema": {"type": "object"}, "annotations": hints});
    let mut listing = json!({"tools": [tool]});
    if talk.is_modern() {
        talk.served(&result(&list, &listing));
    } else {
        listing["resultType"] = "complete".into();
        listing["ttlMs"] = 0.into();
        listing["cacheScope"] = "private".into();
        talk.served(&result(&list, &listing));
    }
    talk.answers.clear();
}

fn asked(state: Option<&str>, requests: &Value) -> Value {
    let mut asked = json!({"resultType": "input_required"});
    if let Some(state) = state {
        asked["requestState"] = state.into();
    }
    if requests.is_object() {
        asked["inputRequests"] = requests.clone();
    }
    asked
}

fn call(talk: &mut Talk) -> u64 {
    talk.sends("tools/call", json!({"name": "ask", "arguments": {}}))
}

fn is_refused(answer: &Value) {
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    assert!(answer.to_string().contains("not permitted"), "{answer}");
}

fn inside(name: &str) -> Value {
    let (method, params) = question(name);
    json!({"method": method, "params": params})
}

#[test]
fn a_question_that_nobody_knows_ends_the_call_and_none_beside_it_is_asked() {
    for method in ["tools/call", "ping", "Sampling/createMessage", "x"] {
        let mut talk = over_a_modern_server();
        let id = call(&mut talk);
        let at_server = talk.got("tools/call");
        let odd = json!({"method": method, "params": {}});
        let asks = json!({"a": inside("model"), "b": odd, "__proto__": inside("roots")});
        talk.served(&result(&at_server, &asked(Some("s"), &asks)));
        is_refused(&talk.answer_to(id).expect("an answer"));
        assert!(talk.asked.is_empty() && talk.at_server.is_empty(), "{method}: {:?}", talk.asked);
        assert!(talk.recorded("method-known"), "{method}");
    }
}

/// MCP-HTTP-09: a server that reads other headers than we sent has another definition than we know.
#[test]
fn a_server_that_misses_a_header_is_listed_before_the_next_call() {
    let mut talk = over_a_modern_server();
    let id = call(&mut talk);
    let at_server = talk.got("tools/call");
    talk.served(&error(&at_server, -32020, "the header Mcp-Param-Region is missing"));
    assert!(talk.answer_to(id).expect("an answer")["error"].is_object());
    call(&mut talk);
    talk.got("tools/list");
}

/// Else it would have us greet it for ever, as fast as it forgets.
#[test]
fn a_remote_server_that_forgets_without_end_is_gone() {
    let mut talk = over_a_legacy_server();
    for time in 0..5 {
        assert!(talk.session.forgotten("it says 404", talk.now), "time {time}");
    }
    assert!(!talk.session.forgotten("it says 404", talk.now));
    let later = talk.now + Duration::from_secs(61);
    assert!(talk.session.forgotten("it says 404", later), "a minute is over");
}

#[test]
fn a_server_that_asks_for_ever_is_stopped() {
    for (requests, most) in [(json!({"it": inside("roots")}), 11), (Value::Null, 4)] {
        let mut talk = over_a_modern_server();
        let id = call(&mut talk);
        let mut calls = 0;
        while let Some(at_server) = talk.at_server.pop_front() {
            calls += 1;
            assert!(calls <= most, "called {calls} times");
            talk.served(&result(&at_server, &asked(Some("again"), &requests)));
        }
        assert_eq!(calls, most);
        is_refused(&talk.answer_to(id).expect("an answer"));
        assert!(talk.recorded("input-requests-capped"));
    }
}

#[test]
fn the_state_goes_back_as_it_was_and_only_with_its_call() {
    let mut talk = over_a_modern_server();
    let id = call(&mut talk);
    let first = talk.got("tools/call");
    let state = "é\"\\ 💩 s";
    talk.served(&result(&first, &asked(Some(state), &json!({"it": inside("roots")}))));
    let second = talk.got("tools/call");
    assert_eq!(second["params"]["requestState"], state);
    assert_eq!(second["params"]["inputResponses"]["it"]["roots"][0]["uri"], "file:///p");
    assert_ne!(second["id"], first["id"]);
    // Whoever answers the first one again answers nobody.
    talk.served(&result(&first, &text("old")));
    assert_eq!(talk.answer_to(id), None);
    let mut done = text("new");
    done["resultType"] = "complete".into();
    talk.served(&result(&second, &done));
    let answer = talk.answer_to(id).expect("an answer");
    assert_eq!(answer["result"]["content"][0]["text"], "new", "{answer}");
    assert!(answer["result"].get("resultType").is_none(), "{answer}");
    let id = call(&mut talk);
    let fresh = talk.got("tools/call");
    assert!(fresh["params"].get("requestState").is_none() && talk.answer_to(id).is_none());
}

#[test]
fn a_no_of_the_person_ends_the_call_of_a_modern_server() {
    let mut talk = over_a_modern_server();
    talk.answer = Answer::Reject;
    let id = call(&mut talk);
    let at_server = talk.got("tools/call");
    talk.served(&result(&at_server, &asked(Some("s"), &json!({"it": inside("model")}))));
    is_refused(&talk.answer_to(id).expect("an answer"));
    assert!(talk.asked.is_empty(), "the host was not asked");
    assert!(talk.at_server.is_empty(), "and the server is not called again");
}

#[test]
fn a_modern_server_that_writes_requests_is_heard_by_nobody() {
    let mut talk = over_a_modern_server();
    let (method, params) = question("model");
    talk.served(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}));
    assert!(talk.asked.is_empty() && talk.at_server.is_empty());
    assert!(talk.recorded("direction-checked"));
}

#[test]
fn a_call_that_is_taken_back_takes_its_questions_back() {
    let mut talk = over_a_modern_server();
    talk.answers_questions = false;
    let id = call(&mut talk);
    let at_server = talk.got("tools/call");
    talk.served(&result(&at_server, &asked(Some("s"), &json!({"it": inside("roots")}))));
    let (method, params) = question("person");
    let _ = (method, params);
    talk.says(&said("notifications/cancelled", &json!({"requestId": id})));
    assert!(talk.at_server.is_empty(), "the server was done with it: {:?}", talk.at_server);
    let question = talk.asked.pop().expect("it was asked");
    talk.says(&result(&question, &json!({"roots": []})));
    assert!(talk.at_server.is_empty(), "an answer that comes after that goes nowhere");
}

#[test]
fn a_question_belongs_to_the_one_call_that_is_under_way() {
    for calls in [0, 1, 2] {
        let mut talk = over_a_legacy_server();
        let ids: Vec<u64> = (0..calls).map(|_| call(&mut talk)).collect();
        talk.at_server.clear();
        let (method, params) = question("roots");
        talk.served(&json!({"jsonrpc": "2.0", "id": "q", "method": method, "params": params}));
        if calls == 1 {
            let answer = talk.answer_to(ids[0]).expect("it is left open");
            assert_eq!(answer["result"]["resultType"], "input_required", "{answer}");
            assert!(talk.at_server.is_empty());
        } else {
            let refused = talk.at_server.pop_front().expect("an answer");
            assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!("q"), &json!(-32602)));
            assert!(talk.recorded("requests-independent"));
            assert!(ids.iter().all(|id| talk.answer_to(*id).is_none()), "nobody is asked");
        }
    }
}

#[test]
fn over_http_a_question_belongs_to_the_call_in_whose_answer_it_comes() {
    let mut talk = over_a_legacy_server();
    talk.answers_questions = false;
    let ids = [call(&mut talk), call(&mut talk)];
    let at_server = [talk.got("tools/call"), talk.got("tools/call")];
    let (method, params) = question("roots");
    let asks = json!({"jsonrpc": "2.0", "id": "q", "method": method, "params": params});
    talk.served_within(&at_server[1]["id"], &asks);
    assert!(talk.answer_to(ids[0]).is_none() && talk.at_server.is_empty());
    let answer = talk.answer_to(ids[1]).expect("it is left open");
    assert_eq!(answer["result"]["resultType"], "input_required", "{answer}");
    // In the answer to something else it belongs to nothing.
    talk.served_within(&json!("bridge-99"), &asks);
    assert_eq!(talk.at_server.pop_front().expect("an answer")["error"]["code"], -32602);
}

/// A call of a modern client at a legacy server, which asked for something.
fn left_open(name: &str, answer: Answer) -> (Talk, Value, Value) {
    let mut talk = over_a_legacy_server();
    talk.answer = answer;
    talk.answers_questions = false;
    let id = call(&mut talk);
    let at_server = talk.got("tools/call");
    let (method, params) = question(name);
    talk.served(&json!({"jsonrpc": "2.0", "id": "q", "method": method, "params": params}));
    let answer = talk.answer_to(id).expect("an answer");
    (talk, at_server, answer)
}

fn let_go(talk: &mut Talk, at_server: &Value) {
    let no = talk.at_server.pop_front().expect("the server hears no");
    assert_eq!((&no["id"], no["error"]["code"].is_i64()), (&json!("q"), true), "{no}");
    // It may end the call by itself; told so at once, Python's server 1.x would be lost.
    assert!(talk.at_server.is_empty(), "{:?}", talk.at_server);
    talk.passes(Duration::from_secs(3));
    let cancelled = talk.at_server.pop_front().expect("and that the call is over");
    assert_eq!(cancelled["method"], "notifications/cancelled");
    assert_eq!(cancelled["params"]["requestId"], at_server["id"]);
}

#[test]
fn a_no_of_the_person_is_a_no_to_the_legacy_server_and_nothing_is_kept() {
    let (mut talk, at_server, answer) = left_open("model", Answer::Reject);
    is_refused(&answer);
    let_go(&mut talk, &at_server);
    // So the next call is the only one again.
    call(&mut talk);
    talk.got("tools/call");
    let (method, params) = question("roots");
    talk.served(&json!({"jsonrpc": "2.0", "id": "r", "method": method, "params": params}));
    assert!(talk.at_server.is_empty(), "{:?}", talk.at_server);
}

#[test]
fn a_legacy_server_that_ends_its_call_after_a_no_is_not_told_that_it_is_over() {
    let (mut talk, at_server, answer) = left_open("model", Answer::Reject);
    is_refused(&answer);
    let no = talk.at_server.pop_front().expect("the server hears no");
    assert_eq!((&no["id"], no["error"]["code"].is_i64()), (&json!("q"), true), "{no}");
    // Meanwhile it asks nobody: neither for this call nor in the name of another.
    call(&mut talk);
    let other = talk.got("tools/call");
    let (method, params) = question("roots");
    let asked = json!({"jsonrpc": "2.0", "id": "r", "method": method, "params": params});
    for within in [None, Some(&at_server)] {
        match within {
            None => talk.served(&asked),
            Some(request) => talk.served_within(&request["id"], &asked),
        }
        let refused = talk.at_server.pop_front().expect("a refusal");
        assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!("r"), &json!(-32602)));
    }
    talk.served(&result(&at_server, &text("without it")));
    talk.passes(Duration::from_secs(10));
    assert!(talk.at_server.is_empty(), "{:?}", talk.at_server);
    // The other call is the only one again.
    talk.served(&asked);
    assert!(talk.at_server.is_empty(), "{:?}", talk.at_server);
    talk.served(&result(&other, &text("done")));
}

#[test]
fn whoever_never_comes_back_is_not_waited_for() {
    let (mut talk, at_server, answer) = left_open("roots", Answer::Approve);
    assert_eq!(answer["result"]["resultType"], "input_required");
    talk.passes(Duration::from_secs(599));
    assert!(talk.at_server.is_empty(), "{:?}", talk.at_server);
    talk.passes(Duration::from_secs(2));
    let_go(&mut talk, &at_server);
    // What comes back after that finds nothing.
    let state = answer["result"]["requestState"].clone();
    let key = answer["result"]["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
    let params = json!({
        "name": "ask", "arguments": {}, "requestState": state,
        "inputResponses": {key: {"roots": []}},
    });
    let id = talk.sends("tools/call", params);
    let late = talk.answer_to(id).expect("an answer");
    assert_eq!(late["error"]["code"], -32602, "{late}");
    assert!(talk.at_server.is_empty());
}

#[test]
fn what_was_answered_while_the_client_was_away_waits_for_it() {
    let (mut talk, at_server, answer) = left_open("roots", Answer::Approve);
    talk.served(&result(&at_server, &text("without you")));
    let state = answer["result"]["requestState"].clone();
    let params = json!({"name": "ask", "arguments": {}, "requestState": state});
    let id = talk.sends("tools/call", params);
    let done = talk.answer_to(id).expect("an answer");
    assert_eq!(done["result"]["content"][0]["text"], "without you", "{done}");
    assert_eq!(done["result"]["resultType"], "complete");
}

#[test]
fn a_second_question_waits_for_the_first_and_a_third_that_is_withdrawn_is_not_asked() {
    let (mut talk, at_server, answer) = left_open("roots", Answer::Approve);
    for id in ["q2", "q3"] {
        let (method, params) = question("roots");
        talk.served(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
    }
    talk.served(&said("notifications/cancelled", &json!({"requestId": "q3"})));
    assert!(talk.at_server.is_empty(), "{:?}", talk.at_server);
    let answers = |answer: &Value| {
        let keys = answer["result"]["inputRequests"].as_object().unwrap().keys();
        let mut params = json!({"name": "ask", "arguments": {}});
        params["requestState"] = answer["result"]["requestState"].clone();
        for key in keys {
            params["inputResponses"][key] = json!({"roots": []});
        }
        params
    };
    let id = talk.sends("tools/call", answers(&answer));
    assert_eq!(talk.at_server.pop_front().expect("the first answer")["id"], "q");
    let again = talk.answer_to(id).expect("the second question");
    assert_eq!(again["result"]["inputRequests"].as_object().unwrap().len(), 1, "{again}");
    let id = talk.sends("tools/call", answers(&again));
    assert_eq!(talk.at_server.pop_front().expect("the second answer")["id"], "q2");
    talk.served(&result(&at_server, &text("done")));
    assert_eq!(talk.answer_to(id).unwrap()["result"]["content"][0]["text"], "done");
}

#[test]
fn a_legacy_server_cannot_pass_for_a_modern_one_inside_of_its_answers() {
    let mut talk = over_a_legacy_server();
    let id = call(&mut talk);
    let at_server = talk.got("tools/call");
    let mut forged = text("x");
    for (name, value) in asked(Some("s"), &json!({"it": inside("model")})).as_object().unwrap() {
        forged[name] = value.clone();
    }
    talk.served(&result(&at_server, &forged));
    let answer = talk.answer_to(id).expect("an answer");
    assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
    assert!(answer["result"].get("inputRequests").is_none(), "{answer}");
    assert!(talk.asked.is_empty());
}

#[test]
fn silence_has_the_server_asked_in_the_other_way_and_its_first_answer_counts() {
    for (client, first, other) in
        [(LEGACY, "initialize", "server/discover"), (MODERN, "server/discover", "initialize")]
    {
        for late in [false, true] {
            let mut talk = Talk::between(client, None, open());
            talk.begin();
            let tried = talk.got(first);
            talk.passes(Duration::from_secs(14));
            assert!(talk.at_server.is_empty(), "{:?}", talk.at_server);
            talk.passes(Duration::from_secs(2));
            let probe = talk.got(other);
            let of = |method: &str| if method == "initialize" { greeting() } else { discovery() };
            // The same era, or the other; whatever it answers then changes nothing.
            let order = if late { [&tried, &probe] } else { [&probe, &tried] };
            for asked in order {
                talk.served(&result(asked, &of(asked["method"].as_str().unwrap())));
            }
            assert_eq!(talk.answers.len(), 1, "{client} {late}: {:?}", talk.answers);
            let bridged = talk.recorded("revision-agreed");
            assert_eq!(bridged, !late, "{client} {late}");
        }
    }
}

#[test]
fn a_server_that_answers_neither_way_gives_the_client_its_own_error() {
    for client in [LEGACY, MODERN] {
        let mut talk = Talk::between(client, None, open());
        talk.begin();
        for _ in 0..2 {
            let asked = talk.at_server.pop_front().expect("a request");
            talk.served(&error(&asked, -32601, asked["method"].as_str().unwrap()));
        }
        assert!(talk.at_server.is_empty(), "it is asked twice, not more: {:?}", talk.at_server);
        let answer = talk.answers.pop().expect("an answer");
        let expected = if client == LEGACY { "initialize" } else { "server/discover" };
        assert_eq!(answer["error"]["message"], expected, "{answer}");
    }
}

#[test]
fn a_code_decides_nothing_and_a_result_that_does_not_fit_neither() {
    for odd in
        [json!({}), json!({"supportedVersions": ["2027-01-01"], "capabilities": {}}), json!(7)]
    {
        for code in [-32022, -32601, -32002, 1] {
            let mut talk = Talk::between(LEGACY, None, open());
            talk.begin();
            let initialize = talk.got("initialize");
            talk.served(&error(&initialize, code, "no"));
            let discover = talk.got("server/discover");
            talk.served(&result(&discover, &odd));
            let answer = talk.answers.pop().expect("an answer");
            assert_eq!(answer["error"]["code"], code, "{odd}: {answer}");
        }
    }
}

#[test]
fn a_modern_error_to_a_modern_client_leads_it_nowhere_else() {
    let mut talk = Talk::between(MODERN, None, open());
    talk.begin();
    let discover = talk.got("server/discover");
    talk.served(&error(&discover, -32021, "a capability is missing"));
    assert!(talk.at_server.is_empty(), "nobody says `initialize`: {:?}", talk.at_server);
    assert_eq!(talk.answers.pop().unwrap()["error"]["code"], -32021);
}

#[test]
fn what_waits_is_not_sent_when_nothing_can_be_recorded() {
    let mut talk = Talk::between(MODERN, None, open());
    talk.begin();
    let discover = talk.got("server/discover");
    talk.served(&error(&discover, -32601, "no"));
    let initialize = talk.got("initialize");
    talk.sends("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    assert!(talk.at_server.is_empty());
    Session::journal_failed(&mut talk.session);
    talk.served(&result(&initialize, &greeting()));
    assert!(talk.at_server.is_empty(), "{:?}", talk.at_server);
}

#[test]
fn many_calls_and_questions_are_bounded() {
    let mut talk = over_a_legacy_server();
    talk.answers_questions = false;
    let mut open = 0;
    for number in 0..100 {
        let id = call(&mut talk);
        talk.got("tools/call");
        let (method, params) = question("roots");
        talk.served(&json!({"jsonrpc": "2.0", "id": number, "method": method, "params": params}));
        open += usize::from(talk.answer_to(id).is_some());
        talk.at_server.clear();
    }
    assert_eq!(open, 1, "a second one would not be known from the first");
    let (mut talk, ..) = left_open("roots", Answer::Approve);
    for number in 0..100 {
        let (method, params) = question("roots");
        talk.served(&json!({"jsonrpc": "2.0", "id": number, "method": method, "params": params}));
    }
    let refused = talk.at_server.iter().filter(|it| it["error"]["code"] == -32602).count();
    assert_eq!(refused, 100 - 15);
}

#[test]
fn a_fresh_process_is_greeted_before_anything_else() {
    for (client, server) in [(LEGACY, MODERN), (MODERN, LEGACY)] {
        let mut talk = Talk::between(client, Some(Server::of(server)), open());
        talk.begin();
        assert_eq!(talk.call("echo")["result"]["content"][0]["text"], "echoed");
        talk.server = Some(Server::of(server));
        talk.session.restarted("for a test", talk.now);
        talk.settle();
        assert_eq!(talk.call("echo")["result"]["content"][0]["text"], "echoed", "{client}");
        let first = if server == MODERN { "server/discover" } else { "initialize" };
        assert_eq!(talk.server_got().first(), Some(&first));
    }
}

/// The server is the test's, and nothing was heard of it: this is answered in its place.
fn not_taken(talk: &mut Talk, request: &Value) {
    let name = request["id"].as_str().map(|text| Id::Text(text.to_owned()));
    let id = name.or_else(|| request["id"].as_i64().map(Id::Number));
    talk.session.not_taken(Response::error(id, -32603, "no credential"), talk.now);
    talk.settle();
}

#[test]
fn what_was_not_taken_for_want_of_a_credential_is_no_sign() {
    for (client, first, other) in
        [(LEGACY, "initialize", "server/discover"), (MODERN, "server/discover", "initialize")]
    {
        let mut talk = Talk::between(client, None, open());
        talk.begin();
        let asked = talk.got(first);
        not_taken(&mut talk, &asked);
        assert!(talk.at_server.is_empty(), "{client}: {:?}", talk.at_server);
        let answer = talk.answers.pop().expect("an answer");
        assert_eq!(answer["error"]["code"], -32603, "{client}");
        talk.passes(Duration::from_secs(100));
        assert!(talk.at_server.is_empty(), "{client}: nobody waits, so nothing is silence");

        // Nothing is known of it: its own error is a sign as before, and what is asked because
        // of that and not taken is none.
        for is_let_in in [false, true] {
            talk.begin();
            let asked = talk.got(first);
            talk.served(&error(&asked, -32601, "method not found"));
            let probe = talk.got(other);
            if is_let_in {
                let answer = if talk.is_modern() { greeting() } else { discovery() };
                talk.served(&result(&probe, &answer));
            } else {
                not_taken(&mut talk, &probe);
            }
            let answer = talk.answers.pop().expect("an answer");
            assert_eq!(answer["result"].is_object(), is_let_in, "{client}: {answer}");
        }
    }
}

/// A person who signs in takes longer than a server that is silent because it is of another era.
#[test]
fn a_silence_that_nothing_ends_is_no_sign() {
    let mut talk = Talk::between(LEGACY, None, open());
    talk.begin();
    let initialize = talk.got("initialize");
    talk.passes(Duration::from_secs(31));
    talk.got("server/discover");
    talk.served(&error(&initialize, -32022, "unsupported protocol version"));
    let discover = talk.got("server/discover");
    talk.served(&result(&discover, &discovery()));
    assert!(talk.answers.pop().expect("an answer")["result"].is_object());
}

#[test]
fn a_fresh_process_has_a_minute_to_say_who_it_is() {
    let mut talk = over_a_legacy_server();
    talk.session.restarted("for a test", talk.now);
    talk.settle();
    talk.at_server.clear();
    let id = call(&mut talk);
    talk.got("initialize");
    talk.passes(Duration::from_secs(59));
    assert!(talk.answer_to(id).is_none());
    talk.passes(Duration::from_secs(2));
    assert!(talk.answer_to(id).expect("an answer")["error"].is_object());
    call(&mut talk);
    talk.got("initialize");
}
