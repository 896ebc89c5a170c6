//! The door that a browser goes through on its way to somebody else's page, spoken to as browsers
//! and as others speak.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc;

use portcullis_console::{Came, Door, Sheet};

const AWAY: &str = "https://login.example.com/authorize?state=s";

/// An open door; what comes through it is told in words.
struct Open {
    link: String,
    callback: String,
    came: mpsc::Receiver<String>,
}

fn sheet() -> Sheet {
    let text = |text: &str| text.to_owned();
    Sheet {
        host: text("the <b>host</b>"),
        server: text("tickets"),
        resource: text("https://tickets.example.com/mcp"),
        issuer: text("https://login.example.com"),
        at: text("login.example.com:443"),
        place: text("https://login.example.com/authorize"),
        scopes: text("tickets:read"),
        client_id: text("client-7"),
        redirect: text("http://127.0.0.1:1/callback"),
    }
}

fn open() -> Open {
    let door = Door::bind(None).unwrap();
    let (link, callback) = (door.link(), door.callback());
    let (say, came) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let (events, mut taken) = tokio::sync::mpsc::channel(4);
            let serve = door.open(sheet(), events);
            tokio::pin!(serve);
            loop {
                let came = tokio::select! {
                    _ = &mut serve => return,
                    came = taken.recv() => came.unwrap(),
                };
                let told = match came {
                    Came::Yes(go) => {
                        let _ = go.send(AWAY.to_owned());
                        "yes".to_owned()
                    }
                    Came::No => "no".to_owned(),
                    Came::Back(query, told) => {
                        let good = query.contains("code=good");
                        let _ =
                            told.send(if good { Ok(()) } else { Err("it is not good".to_owned()) });
                        format!("back {query}")
                    }
                };
                if say.send(told).is_err() {
                    return;
                }
            }
        });
    });
    Open { link, callback, came }
}

/// An answer: its status, its head in lower case, its text.
struct Got {
    status: u16,
    head: String,
    text: String,
}

fn send(address: &str, method: &str, headers: &[(&str, &str)], body: &str) -> Got {
    let rest = address.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let port: u16 = host.rsplit_once(':').unwrap().1.parse().unwrap();
    let mut request = format!("{method} /{path} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        request.push_str(&format!("host: {host}\r\n"));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if method == "POST" {
        request.push_str(&format!(
            "content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n",
            body.len()
        ));
    }
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Got { status, head: head.to_ascii_lowercase(), text: text.to_owned() }
}

const NAVIGATES: [(&str, &str); 2] =
    [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];

fn by_hand(from: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut headers = NAVIGATES.to_vec();
    headers.extend([("sec-fetch-site", from), ("sec-fetch-user", "?1")]);
    headers
}

impl Open {
    fn origin(&self) -> &str {
        self.link.split_once("/open").unwrap().0
    }

    /// Opens the link as a browser does: the cookie that it gets.
    fn cookie(&self) -> String {
        let opened = send(&self.link, "GET", &by_hand("none"), "");
        assert_eq!(opened.status, 303, "{}", opened.text);
        let line = opened.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        for word in
            ["__host-portcullis=", "; path=/", "; secure", "; httponly", "; samesite=strict"]
        {
            assert!(line.contains(word), "{line}");
        }
        // Names of cookies have their case, which this head has lost.
        line.split(';').next().unwrap().replace("__host-", "__Host-")
    }

    fn page(&self, cookie: &str) -> Got {
        let mut headers = by_hand("same-origin");
        headers.push(("cookie", cookie));
        send(&format!("{}/", self.origin()), "GET", &headers, "")
    }

    fn press(&self, cookie: &str, body: &str) -> Got {
        let origin = self.origin().to_owned();
        let mut headers = by_hand("same-origin");
        headers.extend([("cookie", cookie), ("origin", origin.as_str())]);
        send(&format!("{origin}/answer"), "POST", &headers, body)
    }
}

fn token(page: &Got) -> String {
    let (_, after) = page.text.split_once("name=\"token\" value=\"").expect("a form");
    after.split('"').next().unwrap().to_owned()
}

#[test]
fn the_page_says_everything_and_cannot_be_framed() {
    let open = open();
    let page = open.page(&open.cookie());
    for text in [
        "tickets",
        "https://tickets.example.com/mcp",
        "https://login.example.com/authorize",
        "tickets:read",
        "client-7",
        "http://127.0.0.1:1/callback",
        "the &lt;b&gt;host&lt;/b&gt;",
    ] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    for header in [
        "frame-ancestors 'none'",
        "x-frame-options: deny",
        "form-action 'self'",
        "cache-control: no-store",
    ] {
        assert!(page.head.contains(header), "{header}: {}", page.head);
    }
    assert!(!page.text.contains("<script"), "{}", page.text);
}

#[test]
fn a_yes_is_pressed_once_in_the_browser_that_opened_the_link() {
    let open = open();
    let cookie = open.cookie();
    assert_eq!(send(&open.link, "GET", &by_hand("none"), "").status, 403, "a link opens once");
    assert_eq!(open.page("__Host-portcullis=00").status, 403, "another browser");
    let form = token(&open.page(&cookie));
    let yes = format!("token={form}&answer=approve");
    assert_eq!(open.press("__Host-portcullis=00", &yes).status, 403, "another browser");
    assert_eq!(open.press(&cookie, "token=00&answer=approve").status, 409, "another form");
    assert_eq!(open.press(&cookie, &yes).status, 409, "a form is used up by a wrong one");
    let form = token(&open.page(&cookie));
    let went = open.press(&cookie, &format!("token={form}&answer=approve"));
    assert_eq!(went.status, 200);
    assert!(went.text.contains(&AWAY.replace('&', "&amp;")), "{}", went.text);
    assert_eq!(open.came.recv().unwrap(), "yes");
    assert_eq!(open.page(&cookie).status, 410, "there is no second answer");
    assert_eq!(open.press(&cookie, &format!("token={form}&answer=approve")).status, 409);
    assert!(open.came.try_recv().is_err());
}

#[test]
fn what_no_browser_sends_by_hand_is_no_answer() {
    let open = open();
    for headers in [vec![], by_hand("cross-site"), by_hand("same-site"), NAVIGATES.to_vec()] {
        assert_eq!(send(&open.link, "GET", &headers, "").status, 403, "{headers:?}");
    }
    let cookie = open.cookie();
    let yes = format!("token={}&answer=approve", token(&open.page(&cookie)));
    let place = format!("{}/answer", open.origin());
    for (site, origin) in [
        ("cross-site", "https://evil.example.com"),
        ("same-site", "http://evil.localhost:1"),
        ("same-origin", "null"),
        ("same-origin", "https://evil.example.com"),
    ] {
        let mut headers = by_hand(site);
        headers.extend([("cookie", cookie.as_str()), ("origin", origin)]);
        assert_eq!(send(&place, "POST", &headers, &yes).status, 403, "{site} {origin}");
    }
    let mut framed = vec![("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")];
    framed.extend([("sec-fetch-site", "same-origin"), ("cookie", cookie.as_str())]);
    assert_eq!(send(&format!("{}/", open.origin()), "GET", &framed, "").status, 403);
    let mut rebound = by_hand("none");
    rebound.push(("host", "evil.example.com"));
    assert_eq!(send(&open.link, "GET", &rebound, "").status, 421);
    assert!(open.came.try_recv().is_err());
}

#[test]
fn a_no_is_a_no() {
    let open = open();
    let cookie = open.cookie();
    let form = token(&open.page(&cookie));
    let said = open.press(&cookie, &format!("token={form}&answer=deny"));
    assert!(said.text.contains("Nothing was opened"), "{}", said.text);
    assert_eq!(open.came.recv().unwrap(), "no");
}

#[test]
fn a_browser_comes_back_to_exactly_one_place() {
    let open = open();
    for (place, status) in
        [("/callback/x?code=good", 404), ("/Callback?code=good", 404), ("/?code=good", 404)]
    {
        let place = open.callback.replace("/callback", place);
        assert_eq!(send(&place, "GET", &by_hand("cross-site"), "").status, status, "{place}");
    }
    let bad = format!("{}?error=access_denied", open.callback);
    let told = send(&bad, "GET", &by_hand("cross-site"), "");
    assert!(told.status == 400 && told.text.contains("it is not good"), "{}", told.text);
    let good = format!("{}?code=good&state=s", open.callback);
    let told = send(&good, "GET", &by_hand("cross-site"), "");
    assert!(told.status == 200 && told.text.contains("Allowed"), "{}", told.text);
    // A picture on a page is no browser that comes back.
    let picture = [
        ("sec-fetch-mode", "no-cors"),
        ("sec-fetch-dest", "image"),
        ("sec-fetch-site", "cross-site"),
    ];
    assert_eq!(send(&good, "GET", &picture, "").status, 403);
    let came: Vec<_> = open.came.try_iter().collect();
    assert_eq!(came, ["back error=access_denied", "back code=good&state=s"]);
}

#[test]
fn a_door_has_room_for_sixteen() {
    let open = open();
    let host = open.callback.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let knock = || TcpStream::connect(host).unwrap();
    let waiting: Vec<_> = (0..16).map(|_| knock()).collect();
    let said = |mut stream: TcpStream| {
        let _ = stream.write_all(format!("GET / HTTP/1.0\r\nhost: {host}\r\n\r\n").as_bytes());
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    assert_eq!(said(knock()), "", "the seventeenth");
    for stream in waiting {
        assert!(said(stream).starts_with("HTTP/1."), "one of the sixteen");
    }
}
