//! What one principal may take: a second session doubles nothing, whoever takes too much hears it
//! before any server does, and whoever reads nothing holds up nobody else.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::net::{AddressFamily, SocketType, connect, socket};
use serde_json::{Value, json};

use crate::house::{Got, House, LEGACY, opening, request};
use crate::stage::{PATIENCE, Stage, answering};

const ADA: &str = "Bearer adas-own-token";
const ADAS_DIGEST: &str = "ddf8d25d3874922185272945e19b4fa66c4dccfb68ace569e46923f3706532b3";
const BOB: &str = "Bearer bobs-own-token";
const BOBS_DIGEST: &str = "b8284df284383ef352cd6f5df1827bd2b6a80330c7d800bed62428c6da339980";

/// A harmless tool: `file` decides when it answers.
pub fn waiting(go: &std::path::Path) -> Value {
    let does = "TOOLS = [tool('wait', hints={'readOnlyHint': True, 'destructiveHint': False})]\n\
        def call(name, arguments):\n    while not os.path.exists(sys.argv[1]):\n\
        \u{20}       time.sleep(0.05)\n    return 'waited'\n";
    json!(answering::python(does, &[go.to_str().unwrap()]))
}

pub fn wait(id: i64) -> Value {
    request(id, "tools/call", &json!({"name": "wait", "arguments": {"name": "x"}}))
}

fn text(got: &Got) -> String {
    got.json()["result"]["content"][0]["text"].as_str().unwrap_or_default().to_owned()
}

/// MCP-LIM-01: what is counted is the principal's, in whatever session it comes.
#[test]
fn two_sessions_do_not_double_the_calls_of_a_principal() {
    let stage = Stage::new();
    let go = stage.project().join("go");
    std::fs::write(&go, "").unwrap();
    let people = format!(
        "[serve.tokens.ada]\nsha256 = \"{ADAS_DIGEST}\"\n[serve.tokens.bob]\nsha256 = \
         \"{BOBS_DIGEST}\"\n[defaults.limits]\ncalls_per_minute = 1\n"
    );
    let house = House::of(&stage, &waiting(&go), &people);
    let (ada, bob) = ([("Authorization", ADA)], [("Authorization", BOB)]);
    let (one, two) = (house.greets(&ada), house.greets(&ada));
    let his = house.greets(&bob);
    let first = house.asks(&one, &ada, &wait(5));
    let second = house.asks(&two, &ada, &wait(5));
    assert_eq!(text(&first), "waited", "{first:?}");
    assert!(text(&second).contains("too many calls"), "{second:?}");
    let other = house.asks(&his, &bob, &wait(5));
    assert_eq!(text(&other), "waited", "somebody else loses nothing: {other:?}");
    let denied = stage.events("denied");
    let denied: Vec<_> = denied.iter().filter(|it| it["tool"] == "wait").collect();
    let [denied] = denied.as_slice() else { panic!("{denied:?}") };
    assert_eq!(denied["decision"]["because"][0]["control"], "calls-per-minute", "{denied}");
    assert_eq!(denied["principal"], "token:ada");
}

/// MCP-LIM-06: no session hears of it, and of a run of such requests there is one record.
#[test]
fn too_many_requests_are_told_when_to_come_again() {
    let stage = Stage::new();
    let house = House::of_files(&stage, "[serve.limits]\nrequests_per_minute = 6");
    let name = house.greets(&[]);
    let list = request(2, "tools/list", &json!({}));
    let (mut runs, mut refused, mut before) = (0, 0, 200);
    while refused < 5 {
        let got = house.asks(&name, &[], &list);
        if got.status == 429 {
            refused += 1;
            runs += usize::from(before == 200);
            let after: u64 = got.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=11).contains(&after), "{got:?}");
            assert!(got.body.contains("too many requests in a minute"), "{got:?}");
        } else {
            assert_eq!(got.status, 200, "{got:?}");
        }
        before = got.status;
    }
    let told: Vec<_> = stage.events("denied");
    assert_eq!(told.len(), runs, "one for each run: {told:?}");
    for record in told {
        assert_eq!(record["decision"]["because"][0]["control"], "rates-kept", "{record}");
    }
    stage.verify();
}

#[test]
fn requests_and_streams_at_once_are_capped_until_some_of_them_end() {
    let stage = Stage::new();
    let go = stage.project().join("go");
    let more = "[serve.limits]\nrequests = 2\nstreams = 1";
    let house = House::of(&stage, &waiting(&go), more);
    let name = house.greets(&[]);
    let session = [("Mcp-Session-Id", name.as_str()), ("MCP-Protocol-Version", LEGACY)];
    std::thread::scope(|threads| {
        let calls: Vec<_> = [wait(5), wait(6)]
            .into_iter()
            .map(|call| threads.spawn(|| house.asks(&name, &[], &{ call })))
            .collect();
        let list = request(7, "tools/list", &json!({}));
        stage.until("both are under way", || {
            (stage.events("intent").iter().filter(|it| it["tool"] == "wait").count() == 2)
                .then_some(())
        });
        let third = house.asks(&name, &[], &list);
        assert_eq!((third.status, third.header("retry-after")), (429, Some("2")), "{third:?}");
        let listens = [session[0], session[1], ("Accept", "text/event-stream")];
        let mut stream = house.begins("GET", "/s/files/mcp", &listens, "");
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(&head, b"HTTP/1.1 200", "a stream is no request");
        let second = house.sends("GET", "/s/files/mcp", &listens, "");
        assert_eq!((second.status, second.header("retry-after")), (429, Some("2")), "{second:?}");
        drop(stream);
        stage.until("there is room for a stream", || {
            let mut stream = house.begins("GET", "/s/files/mcp", &listens, "");
            stream.read_exact(&mut head).unwrap();
            (&head == b"HTTP/1.1 200").then_some(())
        });
        std::fs::write(&go, "").unwrap();
        for call in calls {
            let got = call.join().unwrap();
            assert_eq!(text(&got), "waited", "{got:?}");
        }
        assert_eq!(house.asks(&name, &[], &list).status, 200);
    });
    let denied = stage.events("denied");
    for record in &denied {
        let control = &record["decision"]["because"][0]["control"];
        assert_eq!(control, "concurrency-capped", "{record}");
    }
    assert_eq!(denied.len(), 2, "two runs: {denied:?}");
}

/// MCP-LIM-06: bodies that are on their way in take memory, and one principal takes so much of it.
#[test]
fn slow_bodies_of_one_principal_have_a_room() {
    let stage = Stage::new();
    let house = House::of_files(&stage, "");
    let slow = || {
        let mut stream = house.connect();
        let head = format!(
            "POST /s/files/mcp HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nExpect: 100-continue\r\n\
             Content-Length: {}\r\n\r\n",
            house.port,
            4 << 20
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut got = [0; 12];
        stream.read_exact(&mut got).unwrap();
        (stream, String::from_utf8_lossy(&got).into_owned())
    };
    let mut all: Vec<_> = (0..16).map(|_| slow()).collect();
    for (_, got) in &all {
        assert_eq!(got, "HTTP/1.1 100", "it is waited for");
    }
    assert_eq!(slow().1, "HTTP/1.1 429");
    let got = house.posts(&[], &opening(LEGACY));
    assert!(got.status == 429 && got.body.contains("too many bytes at once"), "{got:?}");
    all.pop();
    stage.until("there is room again", || {
        (house.posts(&[], &opening(LEGACY)).status == 200).then_some(())
    });
}

/// MCP-LIM-06: what comes in one request is as much as if it had come in many.
#[test]
fn a_batch_counts_for_each_of_its_messages() {
    let stage = Stage::new();
    let more = "[serve.limits]\nrequests_per_minute = 60\nrequests = 4";
    let house = House::of_files(&stage, more);
    let got = house.posts(&[], &opening("2025-03-26"));
    let name = got.header("mcp-session-id").unwrap().to_owned();
    let session = [("Mcp-Session-Id", name.as_str())];
    let said = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(house.posts(&session, &said).status, 202);
    let pings = |many: i64| Value::from_iter((0..many).map(|id| request(id, "ping", &json!({}))));
    let got = house.posts(&session, &pings(5));
    assert_eq!(got.status, 429, "{got:?}");
    assert!(got.body.contains("too many requests at once"), "{got:?}");
    assert_eq!(house.posts(&session, &pings(4)).status, 200);
    let told = Value::from_iter(std::iter::repeat_n(said, 58));
    let got = house.posts(&session, &told);
    assert!(got.body.contains("too many requests in a minute"), "{got:?}");
}

/// Nobody who has no name uses up the records that somebody known has.
#[test]
fn strangers_leave_room_in_the_journal_for_whoever_is_known() {
    let stage = Stage::new();
    let people = format!("[serve.tokens.ada]\nsha256 = \"{ADAS_DIGEST}\"\n");
    let house = House::of_files(&stage, &people);
    for _ in 0..35 {
        assert_eq!(house.posts(&[], &wait(1)).status, 401);
    }
    let ada = [("Authorization", ADA)];
    assert_eq!(house.sends("POST", "/s/nowhere/mcp", &ada, "").status, 404);
    let denied = stage.events("denied");
    assert_eq!(denied.len(), 30 + 1, "{denied:?}");
    assert_eq!(denied.last().unwrap()["principal"], "token:ada");
    assert_eq!(house.ends(), 0);
    let told = stage.events("notice");
    let told = told.iter().any(|it| it["note"].to_string().contains("5 requests of strangers"));
    assert!(told, "how many were not written down");
}

/// MCP-LIM-06: a person is not asked more by somebody who has more sessions.
#[test]
fn questions_of_all_sessions_count_together() {
    let stage = Stage::new();
    let go = stage.project().join("go");
    let (command, root) = (waiting(&go), json!([stage.root()]));
    let house = House::with(
        &stage,
        &format!(
            "[serve]\nlisten = \"127.0.0.1:0\"\n[serve.limits]\nquestions = 1\n[server.files]\n\
             command = {command}\nroots = {root}\nask = \"always\"\n"
        ),
    );
    let (one, two) = (house.greets(&[]), house.greets(&[]));
    std::thread::scope(|threads| {
        let first = threads.spawn(|| house.asks(&one, &[], &wait(5)));
        let asked = stage.until("a person is asked", || stage.questions().first().cloned());
        let call = json!({"name": "wait", "arguments": {"name": "another"}});
        let second = house.asks(&two, &[], &request(5, "tools/call", &call));
        assert!(text(&second).contains("not permitted"), "{second:?}");
        assert_eq!(stage.questions().len(), 1, "nobody is asked a second thing");
        let said = stage.says(&["approvals", "deny", asked["id"].as_str().unwrap()]);
        assert_eq!(said.code, 0, "{said:?}");
        let first = first.join().unwrap();
        assert!(text(&first).contains("not"), "{first:?}");
    });
    let denied = stage.events("denied");
    let capped = |it: &&Value| it["decision"].to_string().contains("concurrency-capped");
    assert_eq!(denied.iter().filter(capped).count(), 1, "{denied:?}");
}

/// A connection that takes little, and asks for what its system would take for it.
fn narrow(port: u16) -> TcpStream {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    set_socket_recv_buffer_size(&socket, 4096).unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    connect(&socket, &address).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Whoever asks for much and reads nothing of it is given up, and meanwhile others are answered.
#[test]
fn who_reads_nothing_is_given_up_and_holds_up_nobody() {
    let stage = Stage::new();
    let does = "TOOLS = [tool('much', hints={'readOnlyHint': True, 'destructiveHint': False})]\n\
        def call(name, arguments):\n    \
            return 'much ' * 780000 if arguments['name'] == 'much' else 'little'\n";
    let server = json!(answering::python(does, &[]));
    let house = House::of(&stage, &server, "write_timeout = \"1s\"");
    let name = house.greets(&[]);
    let call = |what: &str| {
        request(5, "tools/call", &json!({"name": "much", "arguments": {"name": what}}))
    };
    let body = call("much").to_string();
    // More than the system takes for somebody who takes nothing.
    let mut deaf = narrow(house.port());
    let head = format!(
        "POST /s/files/mcp HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMcp-Session-Id: {name}\r\n\
         MCP-Protocol-Version: {LEGACY}\r\nContent-Length: {}\r\n\r\n{body}",
        house.port(),
        body.len()
    );
    deaf.write_all(head.as_bytes()).unwrap();
    stage.until("it is answered", || {
        stage.events("outcome").iter().any(|it| it["tool"] == "much").then_some(())
    });
    let other = house.asks(&name, &[], &call("little"));
    assert_eq!(text(&other), "little", "{other:?}");
    // Nobody takes what is said on a connection that is over.
    stage.until("it is given up", || deaf.write_all(b"x").is_err().then_some(()));
}
