//! A person with a keyboard: sees a question come, answers it, looks around.

use serde_json::json;

use crate::desk::{Console, asks, asks_for, guarded, guarded_with, reached, row};
use crate::drive::Browser;
use crate::looks::{ME, Pictures, is_read_by_everybody};
use crate::stage::Stage;

#[test]
fn a_question_is_seen_as_it_comes_and_answered_with_the_keyboard_alone() {
    let stage = Stage::new();
    let Some(mut browser) = Browser::start(&stage, "profile") else { return };
    let mut gateway = guarded(&stage);
    let console = Console::start(&stage);
    let arrived = browser.goto(ME, &console.link);
    assert_eq!(arrived["status"], 200, "{arrived}");
    assert_eq!(arrived["url"], format!("http://{}/", console.host), "{arrived}");
    browser.shows(ME, "No question waits");
    is_the_strictest_cookie(&mut browser);

    let (id, question) = asks(&stage, &mut gateway, "notes.txt");
    browser.shows(ME, "1 question waits");
    assert!(browser.text(ME).contains("notes.txt"));
    let news = "document.getElementById('news').textContent === '1 question waits'";
    browser.until(ME, news);
    browser.tabs_to(ME, "a.go");
    browser.press(ME, "Enter");
    browser.shows(ME, "May `delete_file` of server `sh` run?");
    // Nothing has the focus that a stray key could press, and nothing can be pressed yet.
    assert_eq!(browser.eval(ME, "document.activeElement === document.body"), true);
    browser.press(ME, "Enter");
    browser.press(ME, "Space");
    browser.pressable(ME, "button.approve");
    browser.tabs_to(ME, "button.approve");
    browser.press(ME, "Enter");
    assert_eq!(row(&stage, &question)["state"], "pending");
    browser.presses_for(ME, "button.approve", "Space", "answered by console");
    let answer = gateway.answer(id);
    assert_eq!(answer["result"]["content"][0]["text"], "done", "{answer}");
    assert_eq!(reached(&stage), 1);

    // The other button, and the list from there.
    browser.tabs_to(ME, "main a[href='/']");
    browser.press(ME, "Enter");
    let (id, question) = asks(&stage, &mut gateway, "other.txt");
    browser.shows(ME, "other.txt");
    browser.tabs_to(ME, "a.go");
    browser.press(ME, "Enter");
    let denied = "This question is denied, answered by console.";
    browser.presses_for(ME, "button.deny", "Enter", denied);
    assert_eq!(gateway.answer(id)["result"]["isError"], true);
    assert_eq!(row(&stage, &question)["decided_by"], "console");
    assert_eq!(reached(&stage), 1);
    browser.is_content();
}

fn is_the_strictest_cookie(browser: &mut Browser) {
    let cookies = browser.does(&json!({"do": "cookies"}));
    let [cookie] = cookies.as_array().unwrap().as_slice() else { panic!("{cookies}") };
    assert_eq!(cookie["name"], "__Host-portcullis", "{cookie}");
    for (name, value) in [("httpOnly", json!(true)), ("secure", json!(true))] {
        assert_eq!(cookie[name], value, "{cookie}");
    }
    assert_eq!((cookie["sameSite"].as_str(), cookie["path"].as_str()), (Some("Strict"), Some("/")));
    assert_eq!(browser.eval(ME, "document.cookie"), "");
}

#[test]
fn an_answer_from_elsewhere_takes_the_buttons_away() {
    let stage = Stage::new();
    let Some(mut browser) = Browser::start(&stage, "profile") else { return };
    let mut gateway = guarded(&stage);
    let console = Console::start(&stage);
    browser.goto(ME, &console.link);
    let (_, question) = asks(&stage, &mut gateway, "notes.txt");
    browser.goto(ME, &format!("http://{}/questions/{question}", console.host));
    browser.pressable(ME, "button.approve");
    assert_eq!(stage.says(&["approvals", "deny", &question]).code, 0);
    browser.shows(ME, "answered elsewhere, or has ended");
    assert_eq!(browser.eval(ME, "document.querySelectorAll('button:enabled').length"), 0);
}

#[test]
fn a_question_is_answered_without_any_script() {
    let stage = Stage::new();
    let Some(mut browser) = Browser::start_with(&stage, "profile", "without-scripts") else {
        return;
    };
    let mut gateway = guarded(&stage);
    let console = Console::start(&stage);
    browser.goto(ME, &console.link);
    let (id, question) = asks(&stage, &mut gateway, "notes.txt");
    browser.goto(ME, &format!("http://{}/questions/{question}", console.host));
    // The style alone hides the button until the question can have been read: a press that
    // came at once would not count.
    browser.does(&json!({"do": "click", "page": ME, "selector": "button.approve"}));
    browser.shows(ME, "answered by console");
    assert_eq!(gateway.answer(id)["result"]["content"][0]["text"], "done");
    assert_eq!(reached(&stage), 1);
}

/// A person's config, so that there is something to look at.
const CONFIG: &str = r#"
[server.files]
command = ["npx", "-y", "@modelcontextprotocol/server-filesystem@2026.8.31", "/home/ada/project"]
roots = [{ path = "/home/ada/project", access = "rw" }]
tools = { deny = ["create_*"], ask = ["write_*"] }

[server.tickets]
command = ["tickets-server"]
network = ["tickets.example.com"]
ask = "writes"
"#;

#[test]
fn every_page_can_be_read_by_everybody() {
    let stage = Stage::new();
    let Some(mut browser) = Browser::start(&stage, "profile") else { return };
    let mut gateway = guarded(&stage);
    let config = stage.home().join(".config/portcullis");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("portcullis.toml"), CONFIG).unwrap();
    let console = Console::start(&stage);
    browser.goto(ME, &console.link);
    let (_, question) = asks(&stage, &mut gateway, "notes.txt");
    asks(&stage, &mut gateway, "drafts/\u{202e}txt.exe");
    let mut careful = guarded_with(&stage, &["--ask", "always", "--name", "notes"]);
    let file = stage.project().join("drafts/a.txt").display().to_string();
    let (_, standing) = asks_for(&stage, &mut careful, "read_file", &file);
    let (_, over) = asks(&stage, &mut gateway, "old.txt");
    assert_eq!(stage.says(&["approvals", "deny", &over]).code, 0);
    let pages = [
        ("questions", "/".to_owned(), "3 questions wait"),
        ("question", format!("/questions/{question}"), "Approve, once"),
        ("standing", format!("/questions/{standing}"), "Or a yes that stands"),
        ("answered", format!("/questions/{over}"), "This question is denied"),
        ("servers", "/servers".to_owned(), "@modelcontextprotocol/server-filesystem"),
        ("sessions", "/sessions".to_owned(), "The last sessions"),
        ("journal", "/journal?q=delete_file".to_owned(), "The journal verifies"),
        ("grants", "/grants".to_owned(), "portcullis grants revoke"),
        ("trust", "/trust".to_owned(), "Whose word counts"),
        ("checklist", "/checklist".to_owned(), "Minimal roots"),
        ("missing", "/nowhere".to_owned(), "there is no such page"),
    ];
    for (name, path, expect) in &pages {
        browser.goto(ME, &format!("http://{}{path}", console.host));
        let shown = if *name == "missing" {
            // That the page is not there is the one thing a browser complains about.
            browser.forgets_complaints();
            Pictures::Nothing
        } else {
            Pictures::EachLook
        };
        is_read_by_everybody(&mut browser, name, expect, shown);
    }
    let text = {
        browser.goto(ME, &format!("http://{}/", console.host));
        browser.text(ME)
    };
    assert!(text.contains("drafts/\\u{202e}txt.exe"), "{text}");
    browser.is_content();
}
