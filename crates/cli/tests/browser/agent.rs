//! The agent's side: pages of other origins in the very browser in which the console is open,
//! which know its name, its port and the question. None answers it, and none reads it.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use crate::desk::{Console, asks, guarded, reached};
use crate::drive::Browser;
use crate::stage::{Gateway, Stage};

const ME: &str = "person";
const THEM: &str = "agent";

/// A page of somebody else's on loopback, and every request that it heard.
fn elsewhere() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let kept = Arc::clone(&kept);
            // Browsers open connections before they have anything to say.
            std::thread::spawn(move || serve(stream, &kept));
        }
    });
    (port, heard)
}

fn serve(mut stream: TcpStream, kept: &Mutex<Vec<String>>) {
    let mut bytes = vec![0; 8192];
    let count = stream.read(&mut bytes).unwrap_or_default();
    if count == 0 {
        return;
    }
    kept.lock().unwrap().push(String::from_utf8_lossy(&bytes[..count]).into_owned());
    let page = "<!doctype html><title>elsewhere</title><p>a page";
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
    let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{page}", page.len());
}

/// A person has the console open, and its question before them.
fn open(stage: &Stage, browser: &mut Browser) -> (Gateway, Console, String) {
    let mut gateway = guarded(stage);
    let console = Console::start(stage);
    browser.goto(ME, &console.link);
    let (_, question) = asks(stage, &mut gateway, "notes.txt");
    let page = format!("http://{}/questions/{question}", console.host);
    browser.goto(ME, &page);
    browser.shows(ME, "May `delete_file` of server `sh` run?");
    (gateway, console, page)
}

fn still_waits(stage: &Stage, gateway: &mut Gateway, after: &str) {
    assert_eq!(stage.questions().len(), 1, "{after}");
    gateway.calm();
    assert_eq!(reached(stage), 0, "{after}");
}

/// What a page tries, and what it must come to; `PAGE` and `FORM` are the question and its answer.
const TRIES: &[(&str, &str, &str)] = &[
    (
        "a frame",
        "new Promise((done) => {
            const frame = document.createElement('iframe');
            frame.src = PAGE;
            frame.onload = () => {
                let seen = 'nothing';
                try { seen = frame.contentDocument ? 'empty' : 'nothing'; } catch { seen = 'nothing'; }
                done(seen);
            };
            document.body.append(frame);
        })",
        "nothing",
    ),
    (
        "reading it",
        "fetch(PAGE, { credentials: 'include' }).then((it) => it.text(), () => 'nothing')",
        "nothing",
    ),
    (
        "reading it without asking",
        "fetch(PAGE, { credentials: 'include', mode: 'no-cors' }).then((it) => it.type, () => 'nothing')",
        "nothing",
    ),
    (
        "posting to it",
        "fetch(PAGE, { method: 'POST', credentials: 'include', mode: 'no-cors', body: new URLSearchParams(FORM) })
            .then((it) => it.type, () => 'nothing')",
        "nothing",
    ),
    (
        "its news",
        "new Promise((done) => {
            const source = new EventSource(new URL('/live', PAGE), { withCredentials: true });
            source.onopen = () => done('open');
            source.onerror = () => { source.close(); done('nothing'); };
        })",
        "nothing",
    ),
    (
        "its script",
        "new Promise((done) => {
            const script = document.createElement('script');
            script.src = new URL('/assets/console.js', PAGE);
            script.onload = () => done('loaded');
            script.onerror = () => done('nothing');
            document.body.append(script);
        })",
        "nothing",
    ),
    (
        "a window that it opened",
        "new Promise((done) => {
            const other = window.open(PAGE);
            setTimeout(() => {
                let seen = 'nothing';
                try { seen = other && other.document && other.document.forms.length > 0 ? 'a form' : 'nothing'; }
                catch { seen = 'nothing'; }
                done(seen);
            }, 1500);
        })",
        "nothing",
    ),
];

#[test]
fn no_page_of_another_origin_answers_or_reads_a_question() {
    let stage = Stage::new();
    let Some(mut browser) = Browser::start(&stage, "profile") else { return };
    let (mut gateway, console, page) = open(&stage, &mut browser);
    let (port, heard) = elsewhere();
    // Another port of loopback, and another port of the console's own name.
    let name = console.host.split(':').next().unwrap().to_owned();
    let homes = [format!("http://127.0.0.1:{port}/"), format!("http://localhost:{port}/")];
    for home in homes.iter().chain([&format!("http://{name}:{port}/")]) {
        for (what, script, expect) in TRIES {
            browser.goto(THEM, home);
            // The page may know the form, too: it was used by nobody.
            let form = json!({"token": "00", "shown": "00", "answer": "approve"});
            let script = script.replace("PAGE", &json!(page).to_string());
            let script = script.replace("FORM", &form.to_string());
            let came = browser.eval(THEM, &script);
            assert_eq!(came, *expect, "{what} from {home}");
            still_waits(&stage, &mut gateway, what);
        }
        form(&mut browser, home, &page);
        still_waits(&stage, &mut gateway, home);
    }
    let heard = heard.lock().unwrap().clone();
    let is_ours = |said: &&String| said.contains("__Host-portcullis");
    let told: Vec<_> = heard.iter().filter(is_ours).collect();
    // Cookies know no port: whoever knew the name and got the person there would have it.
    let knows_name = |said: &&&String| said.contains(&format!("Host: {name}:"));
    assert!(told.iter().all(|said| knows_name(&said)), "{told:?}");
    assert!(heard.len() >= homes.len() * TRIES.len(), "it was elsewhere");
}

/// A form of another page, sent to the question: where it leads says no.
fn form(browser: &mut Browser, home: &str, page: &str) {
    browser.goto(THEM, home);
    let script = format!(
        "(() => {{
            const form = document.createElement('form');
            form.method = 'post';
            form.action = {};
            for (const [name, value] of [['token', '00'], ['shown', '00'], ['answer', 'approve']]) {{
                const field = document.createElement('input');
                field.name = name;
                field.value = value;
                form.append(field);
            }}
            document.body.append(form);
            form.submit();
        }})()",
        json!(page)
    );
    browser.eval(THEM, &script);
    browser.shows(THEM, "Not here");
}

#[test]
fn another_name_that_leads_here_is_told_nothing() {
    let stage = Stage::new();
    let Some(mut browser) = Browser::start(&stage, "profile") else { return };
    let (mut gateway, console, page) = open(&stage, &mut browser);
    let (name, port) = console.host.split_once(':').unwrap();
    let path = page.strip_prefix(&format!("http://{}", console.host)).unwrap();
    for other in ["rebound.test", "127.0.0.1", "localhost", &format!("x.{name}")] {
        let got = browser.goto(THEM, &format!("http://{other}:{port}{path}"));
        assert_eq!(got["status"], 421, "{other}: {got}");
        let text = browser.text(THEM);
        assert!(!text.contains("notes.txt") && !text.contains("delete_file"), "{other}: {text}");
        // From there everything is of one origin; it is still not ours.
        let script = format!("fetch({}).then((it) => it.status)", json!(path));
        assert_eq!(browser.eval(THEM, &script), 421, "{other}");
    }
    still_waits(&stage, &mut gateway, "rebound");
}

#[test]
fn a_browser_of_the_agents_own_is_not_let_in() {
    let stage = Stage::new();
    let Some(mut browser) = Browser::start(&stage, "profile") else { return };
    let (mut gateway, console, page) = open(&stage, &mut browser);
    let Some(mut agents) = Browser::start(&stage, "another") else { return };
    for url in [&page, &format!("http://{}/", console.host), &console.link] {
        let got = agents.goto(THEM, url);
        assert!(matches!(got["status"].as_u64(), Some(401 | 403)), "{url}: {got}");
        assert!(!agents.text(THEM).contains("notes.txt"));
    }
    still_waits(&stage, &mut gateway, "another browser");
}

#[test]
fn a_script_in_our_own_page_does_not_send_the_form() {
    let stage = Stage::new();
    let Some(mut browser) = Browser::start(&stage, "profile") else { return };
    let (mut gateway, _console, _) = open(&stage, &mut browser);
    browser.pressable(ME, "button.approve");
    // As an extension could: with the real form, behind the wall of origins.
    let script = "(() => {
        const form = document.querySelector('form.answer');
        const field = document.createElement('input');
        field.type = 'hidden';
        field.name = 'answer';
        field.value = 'approve';
        form.append(field);
        // Longer than a browser remembers a hand: driving it counts as one.
        setTimeout(() => HTMLFormElement.prototype.submit.call(form), 6000);
    })()";
    browser.eval(ME, script);
    // Each look at the page would count as a hand, too.
    std::thread::sleep(Duration::from_secs(9));
    browser.shows(ME, "Not here");
    still_waits(&stage, &mut gateway, "a form that a script sent");
}
