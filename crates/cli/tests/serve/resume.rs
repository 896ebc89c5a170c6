//! What a client gets that comes back to a stream that broke, and what nobody gets (MCP-HTTP-18).

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::time::Instant;

use serde_json::{Value, json};

use crate::house::{House, LEGACY, modern, opening, request};
use crate::people::{ADAS, BOBS};
use crate::stage::{PATIENCE, Stage, answering};

/// A server of every era whose tool says how far it is, goes on when a file of its name is there,
/// and then answers. `loud` says much before it does, `news` that there are other tools.
fn working(stage: &Stage) -> Value {
    let does = r"
import threading
TOOLS = [tool('work', hints={'readOnlyHint': True, 'destructiveHint': False})]
# Calls are answered by threads, and a line is one whole.
turn = threading.Lock()
def tell(**message):
    with turn:
        print(json.dumps({'jsonrpc': '2.0', **message}), flush=True)
def work(asked):
    name, token = asked['params']['arguments']['name'], asked['params']['_meta']['progressToken']
    def far(done, text):
        said = {'progressToken': token, 'progress': done, 'message': text}
        tell(method='notifications/progress', params=said)
    far(1, name + ' began')
    while not os.path.exists(os.path.join(sys.argv[1], name)):
        time.sleep(0.01)
    for done in range(2, 11 if name == 'loud' else 2):
        far(done, 'x' * 300000)
    if name == 'news':
        tell(method='notifications/tools/list_changed')
    far(999, name + ' ends')
    content = [{'type': 'text', 'text': name + ' is done'}]
    tell(id=asked['id'], result={'content': content, 'resultType': 'complete'})
for line in sys.stdin:
    asked = json.loads(line)
    if asked.get('method') == 'tools/call':
        threading.Thread(target=work, args=(asked,)).start()
    elif 'id' in asked:
        tell(id=asked['id'], result={
            'protocolVersion': asked['params'].get('protocolVersion'), 'tools': TOOLS,
            'supportedVersions': ['2026-07-28'], 'resultType': 'complete', 'ttlMs': 0,
            'cacheScope': 'private', 'capabilities': {'tools': {'listChanged': True}},
            'serverInfo': {'name': 'server', 'version': '1'}})
";
    json!(answering::python(does, &[stage.project().to_str().unwrap()]))
}

/// The events of a response that may go on.
pub struct Events(BufReader<TcpStream>);

impl Events {
    pub fn of(stream: TcpStream) -> Self {
        Self(BufReader::new(stream))
    }

    /// The next event: its name, and what it says.
    pub fn next(&mut self) -> Option<(Option<String>, String)> {
        let (mut id, mut line) = (None, String::new());
        loop {
            line.clear();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(name) = line.strip_prefix("id: ") {
                id = Some(name.trim_end().to_owned());
            }
            if let Some(said) = line.strip_prefix("data:") {
                return Some((id, said.trim().to_owned()));
            }
        }
    }

    /// Nothing more is said, and that soon.
    pub fn is_over(&mut self) -> bool {
        let (began, mut line) = (Instant::now(), String::new());
        while began.elapsed() < PATIENCE {
            line.clear();
            match self.0.read_line(&mut line) {
                Ok(0) => return true,
                Ok(_) if !line.starts_with("data:") => {}
                _ => return false,
            }
        }
        false
    }

    fn named(&mut self) -> (String, String) {
        let (id, said) = self.next().unwrap();
        (id.unwrap_or_else(|| panic!("no name: {said}")), said)
    }

    /// What the rest says.
    fn rest(mut self) -> Vec<String> {
        std::iter::from_fn(|| self.next()).map(|(_, said)| said).collect()
    }
}

fn call(id: i64, name: &str) -> Value {
    let mut call = request(id, "tools/call", &json!({"name": "work", "arguments": {"name": name}}));
    call["params"]["_meta"] = json!({"progressToken": name});
    call
}

/// A session, and what is said in it.
struct Talk<'a> {
    house: &'a House,
    session: String,
    revision: &'static str,
    token: Option<&'static str>,
}

impl<'a> Talk<'a> {
    fn new(house: &'a House) -> Self {
        let session = house.greets(&[]);
        Self { house, session, revision: LEGACY, token: None }
    }

    fn of(house: &'a House, token: &'static str) -> Self {
        let session = house.greets(&[("Authorization", token)]);
        Self { house, session, revision: LEGACY, token: Some(token) }
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        let mut all = vec![
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
            ("Mcp-Session-Id", &self.session),
            ("MCP-Protocol-Version", self.revision),
        ];
        all.extend(self.token.map(|token| ("Authorization", token)));
        all
    }

    fn calls(&self, id: i64, name: &str) -> Events {
        let call = call(id, name).to_string();
        Events::of(self.house.begins("POST", "/s/files/mcp", &self.headers(), &call))
    }

    fn listens(&self, last: Option<&str>) -> Events {
        let mut headers = self.headers();
        headers.extend(last.map(|last| ("Last-Event-ID", last)));
        Events::of(self.house.begins("GET", "/s/files/mcp", &headers, ""))
    }

    /// The status of coming back.
    fn comes_back(&self, last: &str) -> u16 {
        let mut headers = self.headers();
        headers.push(("Last-Event-ID", last));
        self.house.sends("GET", "/s/files/mcp", &headers, "").status
    }
}

/// Lets a call of this name go on.
fn goes_on(stage: &Stage, name: &str) {
    std::fs::write(stage.project().join(name), "").unwrap();
}

fn says(said: &[String], parts: &[&str]) {
    assert_eq!(said.len(), parts.len(), "{said:?}");
    for (said, part) in said.iter().zip(parts) {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_stream_that_broke_goes_on_and_its_answer_stays() {
    let stage = Stage::new();
    let house = House::of(&stage, &working(&stage), "");
    let talk = Talk::new(&house);
    let mut stream = talk.calls(5, "one");
    let (prime, nothing) = stream.named();
    assert_eq!(nothing, "", "a name to come back with, and no message");
    let (first, said) = stream.named();
    assert!(said.contains("one began"), "{said}");
    drop(stream);
    // While it works, somebody may come back, and break off again.
    let mut again = talk.listens(Some(&prime));
    assert_eq!(again.named(), (first.clone(), said));
    drop(again);
    goes_on(&stage, "one");
    let rest = ["one ends", "one is done"];
    says(&talk.listens(Some(&first)).rest(), &rest);
    says(&talk.listens(Some(&first)).rest(), &rest);
    says(&talk.listens(Some(&prime)).rest(), &["one began", "one ends", "one is done"]);
    let mut all = talk.listens(Some(&prime));
    let last = std::iter::from_fn(|| all.next()).last().unwrap().0.unwrap();
    assert_eq!(talk.comes_back(&last), 400, "there is nothing after the answer");
    // A call that is taken back is not asked for again.
    let mut stream = talk.calls(6, "two");
    let (prime, _) = stream.named();
    stream.named();
    let takes = json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": {"requestId": 6}});
    assert_eq!(house.asks(&talk.session, &[], &takes).status, 202);
    assert_eq!(stream.rest(), Vec::<String>::new(), "the stream ends with it");
    assert_eq!(talk.comes_back(&prime), 400);
}

#[test]
fn nothing_of_another_stream_or_session_is_said_again() {
    let stage = Stage::new();
    let house = House::of(&stage, &working(&stage), "");
    let (talk, other) = (Talk::new(&house), Talk::new(&house));
    let named = |talk: &Talk<'_>, id, name: &str| {
        let mut stream = talk.calls(id, name);
        let (_, _) = stream.named();
        stream.named().0
    };
    let (one, two) = (named(&talk, 5, "one"), named(&talk, 6, "two"));
    let foreign = named(&other, 5, "foreign");
    for name in ["one", "two", "foreign"] {
        goes_on(&stage, name);
    }
    says(&talk.listens(Some(&one)).rest(), &["one ends", "one is done"]);
    says(&talk.listens(Some(&two)).rest(), &["two ends", "two is done"]);
    says(&other.listens(Some(&foreign)).rest(), &["foreign ends", "foreign is done"]);
    assert_eq!((talk.comes_back(&foreign), other.comes_back(&one)), (400, 400));
    let (name, _) = one.split_once('-').unwrap();
    assert_eq!(name.len(), 64, "256 bits");
    let (of_two, _) = two.split_once('-').unwrap();
    assert_ne!(name, of_two);
    for garbage in [
        "",
        "-",
        "0",
        "1",
        name,
        &format!("{name}-"),
        &format!("{name}-01"),
        &format!("{name}-+1"),
        &format!("{name}--1"),
        &format!("{name}-99"),
        &format!("{name}-18446744073709551616"),
        &format!("{}-1", name.to_uppercase()),
        &format!("{}-1", &name[1..]),
        &format!("{name}0-1"),
        &format!("{name}-1 "),
        &format!("{one},{two}"),
        "../../1",
        &"9".repeat(4000),
    ] {
        let got = talk.comes_back(garbage);
        // Spaces around a value are none of it.
        let fits = if garbage.ends_with(' ') { 200 } else { 400 };
        assert_eq!(got, fits, "{garbage}");
    }
    let mut headers = talk.headers();
    headers.extend([("Last-Event-ID", one.as_str()), ("Last-Event-ID", two.as_str())]);
    assert_eq!(house.sends("GET", "/s/files/mcp", &headers, "").status, 400);
    let ends = talk.headers();
    assert_eq!(house.sends("DELETE", "/s/files/mcp", &ends, "").status, 204);
    assert_eq!(talk.comes_back(&one), 404, "a session that is over has no events");
}

#[test]
fn whoever_knows_the_names_of_anothers_events_gets_none() {
    let stage = Stage::new();
    let house = crate::people::house_of(&stage, &working(&stage), "");
    let (ada, bob) = (Talk::of(&house, ADAS), Talk::of(&house, BOBS));
    let mut stream = ada.calls(5, "one");
    let (prime, _) = stream.named();
    drop(stream);
    goes_on(&stage, "one");
    assert_eq!(bob.comes_back(&prime), 400, "in a session of his own");
    let thief = Talk { session: ada.session.clone(), ..Talk::of(&house, BOBS) };
    assert_eq!(thief.comes_back(&prime), 403, "in hers");
    let nobody = Talk { session: ada.session.clone(), token: None, ..Talk::of(&house, BOBS) };
    assert_eq!(nobody.comes_back(&prime), 401);
    let denied = stage.events("denied");
    let his = denied.iter().filter(|it| it["principal"] == "token:bob").count();
    assert_eq!(his, 2, "both are recorded: {denied:?}");
    says(&ada.listens(Some(&prime)).rest(), &["one began", "one ends", "one is done"]);
}

/// What belongs to no request goes into the one stream for that, whichever response carries it.
#[test]
fn a_message_is_in_one_stream_only() {
    let stage = Stage::new();
    let house = House::of(&stage, &working(&stage), "");
    let talk = Talk::new(&house);
    let mut general = talk.listens(None);
    let (prime, nothing) = general.named();
    assert_eq!(nothing, "");
    let stream = talk.calls(5, "news");
    goes_on(&stage, "news");
    says(&stream.rest(), &["", "news began", "news ends", "news is done"]);
    let (first, said) = general.named();
    assert!(said.contains("list_changed"), "{said}");
    // Somebody comes back while the other response is still open: that one ends.
    let mut again = talk.listens(Some(&prime));
    assert_eq!(general.rest(), Vec::<String>::new());
    assert_eq!(again.named(), (first.clone(), said));
    // A new stream takes its place, and begins with nothing of it.
    let mut fresh = talk.listens(None);
    let (name, nothing) = fresh.named();
    assert_eq!((nothing.as_str(), again.rest().len()), ("", 0));
    assert_ne!(name.split('-').next(), prime.split('-').next());
    let stream = talk.calls(6, "news");
    says(&stream.rest(), &["", "news began", "news ends", "news is done"]);
    let (_, said) = fresh.named();
    assert!(said.contains("list_changed"), "{said}");
    let before = talk.listens(Some(&prime)).rest();
    says(&before, &["list_changed"]);
    assert_eq!(talk.comes_back(&first), 400, "it was the last of that stream");
}

/// However much is said to nobody, a little of it is kept, and the answer always.
#[test]
fn what_is_kept_is_bounded() {
    let stage = Stage::new();
    let house = House::of(&stage, &working(&stage), "");
    let talk = Talk::new(&house);
    let mut stream = talk.calls(5, "loud");
    let (prime, _) = stream.named();
    drop(stream);
    goes_on(&stage, "loud");
    stage.until("it was answered", || {
        stage.events("outcome").iter().any(|it| it["tool"] == "work").then_some(())
    });
    let got = talk.listens(Some(&prime)).rest();
    assert!(got.last().unwrap().contains("loud is done"));
    let bytes: usize = got.iter().map(String::len).sum();
    assert!(bytes <= 2 << 20, "{bytes}");
    assert!(got.iter().all(|said| !said.contains("loud began")), "the oldest is gone");
    for _ in 0..50 {
        drop(talk.listens(Some(&prime)));
    }
    assert_eq!(talk.listens(Some(&prime)).rest(), got);
    let list = request(6, "tools/list", &json!({}));
    assert_eq!(house.asks(&talk.session, &[], &list).status, 200);
}

#[test]
fn who_gets_names_to_come_back_with() {
    let stage = Stage::new();
    let house = House::of(&stage, &working(&stage), "");
    goes_on(&stage, "one");
    // Before 2025-11-25 an event without a message would be none.
    for revision in ["2025-03-26", "2025-06-18"] {
        let got = house.posts(&[], &opening(revision));
        let session = got.header("mcp-session-id").unwrap().to_owned();
        let talk = Talk { house: &house, session, revision, token: None };
        let said = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(house.posts(&talk.headers()[2..], &said).status, 202);
        let mut stream = talk.calls(5, "one");
        let (first, said) = stream.named();
        assert!(said.contains("one began"), "{said}");
        drop(stream);
        says(&talk.listens(Some(&first)).rest(), &["one ends", "one is done"]);
    }
    // Since 2026-07-28 nobody comes back, and the header means nothing.
    let list = modern(1, "tools/list", &json!({}));
    let last = format!("{}-1", "0".repeat(64));
    assert_eq!(house.asks_modern(&[("Last-Event-ID", last.as_str())], &list).status, 200);
    let mut call = modern(2, "tools/call", &json!({"name": "work", "arguments": {"name": "one"}}));
    call["params"]["_meta"]["progressToken"] = json!("one");
    let got = house.asks_modern(&[], &call);
    assert_eq!(got.status, 200, "{got:?}");
    assert!(!got.body.contains("id: ") && !got.body.contains("retry"), "{got:?}");
}
