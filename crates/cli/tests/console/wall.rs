//! Everything that is not a person at our own page: nothing of it answers a question, and nothing
//! of it is told what is asked.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::desk::{Browser, Console, Got, asks, guarded, reached};
use crate::stage::{Gateway, Stage};

/// A console that was opened, beside a call that waits.
fn waiting(stage: &Stage) -> (Gateway, Console, String) {
    let mut gateway = guarded(stage);
    let console = Console::start(stage);
    let (_, question) = asks(stage, &mut gateway, "notes.txt");
    (gateway, console, question)
}

/// Turned away, and told nothing.
fn is_refused(got: &Got, what: &str) {
    assert!(got.status >= 400 || got.status == 0, "{what}: {got:?}");
    assert!(!got.body.contains("notes.txt") && !got.body.contains("token"), "{what}: {got:?}");
}

fn still_waits(stage: &Stage, gateway: &mut Gateway) {
    assert_eq!(stage.questions().len(), 1);
    gateway.calm();
    assert_eq!(reached(stage), 0);
}

type Headers = Vec<(String, String)>;

fn with(headers: &Headers, name: &str, value: &str) -> Headers {
    let mut changed = headers.clone();
    let place = changed.iter().position(|(it, _)| it == name);
    let pair = (name.to_owned(), value.to_owned());
    match place {
        Some(place) => changed[place] = pair,
        None => changed.push(pair),
    }
    changed
}

fn without(headers: &Headers, name: &str) -> Headers {
    headers.iter().filter(|(it, _)| it != name).cloned().collect()
}

#[test]
fn a_link_opens_one_browser() {
    let stage = Stage::new();
    let console = Console::start(&stage);
    let got = console.open();
    assert_eq!(got.status, 303, "{got:?}");
    let cookie = got.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-portcullis="), "{cookie}");
    for word in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let again = console.open();
    assert_eq!(again.status, 403, "{again:?}");
    assert_eq!(again.header("set-cookie"), None);
    let headers = console.browser("none", "document");
    for path in ["/open?", "/open", "/open?0000", &format!("/open?{}", "0".repeat(64))] {
        is_refused(&console.request("GET", path, &headers, ""), path);
    }
}

#[test]
fn what_is_asked_is_shown_to_the_browser_that_was_opened() {
    let stage = Stage::new();
    let (mut gateway, console, question) = waiting(&stage);
    let browser = Browser::open(&console);
    let page = format!("/questions/{question}");
    let fine = with(&console.browser("same-origin", "document"), "Cookie", &browser.cookie);
    for path in ["/", &page] {
        let get = |headers: &Headers| console.request("GET", path, headers, "");
        assert!(get(&fine).body.contains("notes.txt"));
        let letters = browser.cookie.split_once('=').unwrap().1;
        let twice = format!("{}; {}", browser.cookie, browser.cookie);
        for (what, headers) in [
            ("no cookie", without(&fine, "Cookie")),
            ("another cookie", with(&fine, "Cookie", "__Host-portcullis=00")),
            ("another name", with(&fine, "Cookie", &format!("portcullis={letters}"))),
            ("two cookies", with(&fine, "Cookie", &twice)),
            ("no host", without(&fine, "Host")),
            ("a rebound name", with(&fine, "Host", "rebound.example")),
            ("an address", with(&fine, "Host", "127.0.0.1")),
            ("another site", with(&fine, "Sec-Fetch-Site", "cross-site")),
            ("another port of this host", with(&fine, "Sec-Fetch-Site", "same-site")),
            ("nobody says from where", without(&fine, "Sec-Fetch-Site")),
            ("a frame", with(&fine, "Sec-Fetch-Dest", "iframe")),
            ("an image", with(&fine, "Sec-Fetch-Dest", "image")),
            ("a foreign page", with(&fine, "Origin", "http://127.0.0.1:1")),
            ("fetched ahead", with(&fine, "Sec-Purpose", "prefetch")),
        ] {
            is_refused(&get(&headers), what);
        }
    }
    still_waits(&stage, &mut gateway);
}

#[test]
fn a_form_that_a_person_did_not_send_is_no_answer() {
    let stage = Stage::new();
    let (mut gateway, console, question) = waiting(&stage);
    let browser = Browser::open(&console);
    let form = browser.form(&question, "approve");
    let path = format!("/questions/{question}");
    let fine = browser.by_hand();
    let origin = format!("http://{}", console.host);
    for (what, headers) in [
        ("no cookie", without(&fine, "Cookie")),
        ("another host", with(&fine, "Host", "127.0.0.1")),
        ("no origin", without(&fine, "Origin")),
        ("another port", with(&fine, "Origin", "http://127.0.0.1:1")),
        ("a name like ours", with(&fine, "Origin", &format!("{origin}.evil.test"))),
        ("no page", with(&fine, "Origin", "null")),
        ("another scheme", with(&fine, "Origin", &origin.replace("http", "https"))),
        ("another site", with(&fine, "Sec-Fetch-Site", "cross-site")),
        ("another port of this host", with(&fine, "Sec-Fetch-Site", "same-site")),
        ("typed", with(&fine, "Sec-Fetch-Site", "none")),
        ("sent by a script", without(&fine, "Sec-Fetch-User")),
        ("fetched by a script", with(&fine, "Sec-Fetch-Mode", "cors")),
        ("into a frame", with(&fine, "Sec-Fetch-Dest", "iframe")),
    ] {
        is_refused(&console.request("POST", &path, &headers, &form), what);
    }
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "post"] {
        let got = console.request(method, &path, &fine, &form);
        assert_ne!(got.status, 303, "{method}: {got:?}");
        let query = console.request(method, &format!("{path}?{form}"), &fine, "");
        is_refused(&query, method);
    }
    let overridden = with(&fine, "X-HTTP-Method-Override", "POST");
    let got = console.request("GET", &path, &overridden, &form);
    assert_ne!(got.status, 303, "{got:?}");
    // Behind all of that the form still counts; what was wrong was the way.
    still_waits(&stage, &mut gateway);
    assert_eq!(browser.sends(&question, &form).status, 303);
}

#[test]
fn bodies_and_heads_are_bounded() {
    let stage = Stage::new();
    let (mut gateway, console, question) = waiting(&stage);
    let browser = Browser::open(&console);
    let form = browser.form(&question, "approve");
    let path = format!("/questions/{question}");
    let fine = browser.by_hand();
    let long = format!("{form}{}", "0".repeat(5000));
    assert_eq!(console.request("POST", &path, &fine, &long).status, 413);
    // The same without a length.
    let chunked = with(&fine, "Transfer-Encoding", "chunked");
    let lines: String = chunked.iter().map(|(a, b)| format!("{a}: {b}\r\n")).collect();
    let chunk = format!("{:x}\r\n{long}\r\n0\r\n\r\n", long.len());
    let got = console.raw(format!("POST {path} HTTP/1.1\r\n{lines}\r\n{chunk}").as_bytes());
    assert_eq!(got.status, 413, "{got:?}");
    // Both lengths at once: two readers could differ.
    let both = format!("POST {path} HTTP/1.1\r\n{lines}Content-Length: 4\r\n\r\n{chunk}");
    assert_ne!(console.raw(both.as_bytes()).status, 303);
    for kind in ["text/plain", "multipart/form-data; boundary=x", "application/json"] {
        let headers = with(&fine, "Content-Type", kind);
        assert_eq!(console.request("POST", &path, &headers, &form).status, 409, "{kind}");
    }
    let heavy = with(&fine, "X-Heavy", &"x".repeat(64 * 1024));
    is_refused(&console.request("POST", &path, &heavy, &form), "a heavy head");
    let many: Headers = (0..200).map(|n| (format!("X-{n}"), "x".to_owned())).collect();
    let many = [fine.clone(), many].concat();
    is_refused(&console.request("POST", &path, &many, &form), "many headers");
    is_refused(&console.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), "another protocol");
    let absolute = format!("http://{}{path}", console.host);
    is_refused(&console.request("POST", &absolute, &fine, &form), "a whole address");
    still_waits(&stage, &mut gateway);
}

#[test]
fn connections_are_bounded_and_those_that_say_nothing_end_nothing() {
    let stage = Stage::new();
    let console = Console::start(&stage);
    let idle: Vec<_> = (0..80).map(|_| console.connect()).collect();
    let is_closed = |stream: &TcpStream| {
        stream.set_nonblocking(true).unwrap();
        matches!((&mut &*stream).read(&mut [0]), Ok(0))
    };
    // Those beyond the bound are closed, while the first is not: it ends when it said nothing
    // for too long.
    stage.until("connections that are closed", || {
        (idle.iter().filter(|stream| is_closed(stream)).count() >= 16).then_some(())
    });
    assert!(!is_closed(&idle[0]));
    drop(idle);
    let browser = stage.until("room", || {
        let got = console.open();
        (got.status == 303).then(|| got.header("set-cookie").unwrap().to_owned())
    });
    assert!(browser.starts_with("__Host-"));
}

#[test]
fn every_answer_carries_the_same_walls() {
    let stage = Stage::new();
    let (_gateway, console, question) = waiting(&stage);
    let browser = Browser::open(&console);
    let part = with(&console.browser("same-origin", "script"), "Sec-Fetch-Mode", "no-cors");
    let mut all = vec![
        browser.get("/"),
        browser.get(&format!("/questions/{question}")),
        browser.get("/questions/apr_000000000000"),
        browser.get("/nowhere"),
        console.open(),
        console.request("GET", "/assets/console.js", &part, ""),
    ];
    assert_eq!(all[5].status, 200);
    all.push(browser.answers(&question, "deny"));
    assert_eq!(all[6].status, 303);
    for got in &all {
        let policy = got.header("content-security-policy").unwrap();
        for word in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"] {
            assert!(policy.contains(word), "{got:?}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        // With none at all a browser would hide our own origin from us.
        let referrer = if got.body.contains("<form") { "same-origin" } else { "no-referrer" };
        for (name, value) in [
            ("referrer-policy", referrer),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(got.header(name), Some(value), "{got:?}");
        }
        assert!(got.header("access-control-allow-origin").is_none());
        let inline = ["<style", "style=", "onclick", "javascript:", "<script>"];
        let page = &got.body;
        assert!(inline.iter().all(|word| got.head.contains("/javascript") || !page.contains(word)));
    }
}

/// Reads until this was heard; all that was, to the end of its event.
fn hears(stream: &mut TcpStream, expect: &str) -> String {
    let mut heard = String::new();
    while !heard.contains(expect) || !heard.ends_with("\n\n\r\n") {
        let mut bytes = [0; 1024];
        let count = stream.read(&mut bytes).unwrap();
        assert!(count > 0, "no `{expect}`: {heard}");
        heard.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    heard
}

#[test]
fn an_open_page_is_told_what_waits_as_it_comes() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage);
    let console = Console::start(&stage);
    let browser = Browser::open(&console);
    let mut headers = with(&console.browser("same-origin", "empty"), "Cookie", &browser.cookie);
    let lines = |headers: &Headers| -> String {
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
    };
    let listen = || {
        let mut stream = console.connect();
        let ask = format!("GET /live HTTP/1.1\r\n{}\r\n", lines(&headers));
        stream.write_all(ask.as_bytes()).unwrap();
        stream
    };
    let mut stream = listen();
    hears(&mut stream, "event: questions\ndata: \n\n");
    let (_, question) = asks(&stage, &mut gateway, "notes.txt");
    hears(&mut stream, &format!("event: questions\ndata: {question}\n\n"));
    // Nobody listens for a while; who comes then does not begin with what was.
    drop(stream);
    assert_eq!(stage.says(&["approvals", "deny", &question]).code, 0);
    let (_, another) = asks(&stage, &mut gateway, "other.txt");
    let heard = hears(&mut listen(), "event: questions\n");
    assert!(heard.contains(&format!("data: {another}\n\n")), "{heard}");
    // Without the cookie there is no news.
    headers.retain(|(name, _)| name != "Cookie");
    is_refused(&console.request("GET", "/live", &headers, ""), "no cookie");
}

#[test]
fn another_account_does_not_reach_it() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: another account's connection takes root to make");
        return;
    }
    let stage = Stage::new();
    let console = Console::start(&stage);
    let port = console.host.rsplit(':').next().unwrap();
    // Who is not served may find the connection closed before it wrote a word: that is no answer
    // too, and no reason for the shell to die of it.
    let script = format!(
        "trap '' PIPE; exec 3<>/dev/tcp/127.0.0.1/{port} || exit 7; printf 'GET / HTTP/1.1\\r\\nHost: {}\\r\\n\\r\\n' >&3; \
         head -c 1 <&3 | wc -c",
        console.host
    );
    let as_user = |user: &str| {
        let mut command = crate::stage::start("setpriv");
        let ids = [format!("--reuid={user}"), format!("--regid={user}")];
        command.args(ids).args(["--clear-groups", "bash", "-c", &script]);
        crate::stage::finish(command).out.trim().to_owned()
    };
    assert_eq!(as_user("0"), "1", "our own account is answered");
    assert_eq!(as_user("65534"), "0", "somebody else is not");
}
