//! A person answers in the page: yes, no, too early, twice, to something else, and not at all.

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::desk::{Browser, Console, READ, asks, asks_for, guarded, guarded_with, reached, row};
use crate::stage::Stage;

#[test]
fn a_call_runs_after_the_page_says_yes() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage);
    let console = Console::start(&stage);
    let browser = Browser::open(&console);
    assert!(browser.get("/").body.contains("No question waits"));
    let (id, question) = asks(&stage, &mut gateway, "notes.txt");
    let list = browser.get("/");
    for expect in ["1 question waits", "delete_file", "&quot;path&quot;: &quot;notes.txt&quot;"] {
        assert!(list.body.contains(expect), "{expect}: {}", list.body);
    }
    assert!(list.body.contains(&format!("/questions/{question}")), "{}", list.body);
    let got = browser.answers(&question, "approve");
    assert_eq!(got.status, 303, "{got:?}");
    let answer = gateway.answer(id);
    assert_eq!(answer["result"]["content"][0]["text"], "done", "{answer}");
    assert_eq!(reached(&stage), 1);
    assert_eq!(row(&stage, &question)["decided_by"], "console");
    let after = browser.get(got.header("location").unwrap());
    assert!(after.body.contains("answered by console") && !after.body.contains("<form"));
    gateway.leave();
    stage.verify();
}

#[test]
fn a_call_does_not_run_after_the_page_says_no() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage);
    let console = Console::start(&stage);
    let browser = Browser::open(&console);
    let (id, question) = asks(&stage, &mut gateway, "notes.txt");
    assert_eq!(browser.answers(&question, "deny").status, 303);
    let answer = gateway.answer(id);
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    gateway.leave();
    assert_eq!(reached(&stage), 0);
}

#[test]
fn a_yes_that_stands_covers_what_was_chosen_and_no_more() {
    let stage = Stage::new();
    let mut gateway = guarded_with(&stage, &["--ask", "always", "--name", "files"]);
    let console = Console::start(&stage);
    let browser = Browser::open(&console);
    let file = |name: &str| stage.project().join(name).display().to_string();
    let (id, question) = asks_for(&stage, &mut gateway, "read_file", &file("src/a.rs"));
    let page = browser.get(&format!("/questions/{question}")).body;
    let cover = format!("value=\"2\"><span>with `path` in {}; nothing else", file("src"));
    assert!(page.contains(&cover), "{page}");
    // A cover that was not offered is given to nobody.
    let form = format!("{}&covers=9&lasts=session", browser.form(&question, "stands"));
    assert_eq!(browser.sends(&question, &form).status, 409);
    assert_eq!(row(&stage, &question)["state"], "pending");
    let form = format!("{}&covers=2&lasts=session", browser.form(&question, "stands"));
    assert_eq!(browser.sends(&question, &form).status, 303);
    assert_eq!(gateway.answer(id)["result"]["content"][0]["text"], "done");
    let granted = browser.get("/grants").body;
    assert!(granted.contains("read_file with") && granted.contains("standing"));
    let answer = gateway.call("read_file", &json!({"path": file("src/b.rs")}));
    assert_eq!(answer["result"]["content"][0]["text"], "done", "{answer}");
    assert_eq!(stage.every_question().len(), 1, "nobody was asked");
    let (_, other) = asks_for(&stage, &mut gateway, "read_file", &file("elsewhere.rs"));
    assert_eq!(row(&stage, &other)["state"], "pending");
    // What is asked about one by one offers nothing, and gives nothing.
    let (_, one) = asks(&stage, &mut gateway, &file("src/a.rs"));
    assert!(!browser.get(&format!("/questions/{one}")).body.contains("<fieldset"));
    let form = format!("{}&covers=1&lasts=session", browser.form(&one, "stands"));
    assert_eq!(browser.sends(&one, &form).status, 409);
    assert_eq!(row(&stage, &one)["state"], "pending");
}

#[test]
fn an_answer_that_comes_too_early_does_not_count() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage);
    let console = Console::start(&stage);
    let browser = Browser::open(&console);
    // On a machine that is busy the two requests may take longer than a person needs to read:
    // then that one was not early, and another question is asked.
    let early = (0..100).find_map(|count| {
        let (_, question) = asks(&stage, &mut gateway, &format!("notes-{count}.txt"));
        let began = Instant::now();
        let page = browser.get(&format!("/questions/{question}"));
        let (token, shown) = (page.field("token"), page.field("shown"));
        let form = format!("token={token}&shown={}&answer=approve", shown.replace(':', "%3A"));
        let got = browser.sends(&question, &form);
        let is_early = began.elapsed() < Duration::from_secs(1);
        if !is_early {
            // It may have counted.
            let _ = stage.says(&["approvals", "deny", &question]);
        }
        is_early.then_some((question, form, got))
    });
    let (question, form, got) = early.expect("a machine that is fast enough once");
    assert!(got.body.contains("before anybody can have read"), "{got:?}");
    assert_eq!(row(&stage, &question)["state"], "pending");
    std::thread::sleep(READ);
    let late = browser.sends(&question, &form);
    assert!(late.body.contains("the form was used"), "{late:?}");
    assert_eq!(row(&stage, &question)["state"], "pending");
}

#[test]
fn of_two_who_answer_at_once_one_counts() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage);
    let (first, second) = (Console::start(&stage), Console::start(&stage));
    let browsers = [Browser::open(&first), Browser::open(&second)];
    for (yes, no) in [(0, 1), (1, 0)] {
        let (id, question) = asks(&stage, &mut gateway, &format!("notes-{yes}.txt"));
        let forms = [
            (&browsers[yes], browsers[yes].form(&question, "approve")),
            (&browsers[no], browsers[no].form(&question, "deny")),
        ];
        let before = reached(&stage);
        let got = std::thread::scope(|scope| {
            let both = forms.each_ref().map(|(browser, form)| {
                let question = &question;
                scope.spawn(move || browser.sends(question, form).status)
            });
            both.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(got == [303, 409] || got == [409, 303], "{got:?}");
        let answer = gateway.answer(id);
        let ran = answer["result"]["isError"] != true;
        assert_eq!(ran, got[0] == 303, "{answer}");
        assert_eq!(reached(&stage) - before, usize::from(ran));
    }
    gateway.leave();
}

#[test]
fn a_form_counts_once_for_the_browser_and_the_question_that_it_was_shown_for() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage);
    let (console, other) = (Console::start(&stage), Console::start(&stage));
    let (browser, foreign) = (Browser::open(&console), Browser::open(&other));
    let (_, question) = asks(&stage, &mut gateway, "notes.txt");
    let (_, another) = asks(&stage, &mut gateway, "other.txt");
    let refused = |got: crate::desk::Got| assert_eq!(got.status, 409, "{got:?}");
    // Shown elsewhere, for something else, forged, bare.
    refused(browser.sends(&question, &foreign.form(&question, "approve")));
    refused(browser.sends(&question, &browser.form(&another, "approve")));
    let form = browser.form(&question, "approve");
    let forged = form.replacen("token=", "token=0", 1);
    refused(browser.sends(&question, &forged));
    for bare in ["answer=approve", "", "token=&shown=&answer=approve"] {
        refused(browser.sends(&question, bare));
    }
    // What was shown is not what is said to have been shown.
    let mut lied = form.clone();
    let place = lied.find("&answer").unwrap();
    lied.replace_range(place - 4..place, "0000");
    refused(browser.sends(&question, &lied));
    // That form was used up by it.
    refused(browser.sends(&question, &form));
    assert_eq!(stage.questions().len(), 2);
    gateway.calm();
    assert_eq!(reached(&stage), 0);
    let good = browser.form(&question, "approve");
    assert_eq!(browser.sends(&question, &good).status, 303);
    refused(browser.sends(&question, &good));
    refused(browser.sends(&another, &good));
    assert_eq!(stage.questions().len(), 1);
}

#[test]
fn a_question_that_is_not_what_was_shown_is_not_answered() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage);
    let console = Console::start(&stage);
    let browser = Browser::open(&console);
    let (_, question) = asks(&stage, &mut gateway, "notes.txt");
    let form = browser.form(&question, "approve");
    let db = rusqlite::Connection::open(stage.state().join("portcullis.db")).unwrap();
    let sql = "UPDATE approval SET arguments = '{\"path\":\"everything\"}' WHERE id = ?1";
    assert_eq!(db.execute(sql, [&question]).unwrap(), 1);
    let got = browser.sends(&question, &form);
    assert_eq!(got.status, 409, "{got:?}");
    assert!(got.body.contains("not the one that was shown any more"), "{got:?}");
    assert_eq!(row(&stage, &question)["state"], "pending");
}

#[test]
fn a_console_that_ends_in_the_middle_of_an_answer_answered_nothing() {
    let stage = Stage::new();
    let mut gateway = guarded(&stage);
    let mut console = Console::start(&stage);
    let (path, head, form, question) = {
        let browser = Browser::open(&console);
        let (_, question) = asks(&stage, &mut gateway, "notes.txt");
        let form = browser.form(&question, "approve");
        (format!("/questions/{question}"), browser.by_hand(), form, question)
    };
    let mut stream = console.connect();
    let lines: String = head.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let all =
        format!("POST {path} HTTP/1.1\r\n{lines}Content-Length: {}\r\n\r\n{form}", form.len());
    let (most, _) = all.split_at(all.len() - 3);
    stream.write_all(most.as_bytes()).unwrap();
    console.end();
    assert_eq!(row(&stage, &question)["state"], "pending");
    gateway.calm();
    assert_eq!(reached(&stage), 0);
    // Another console knows nothing of it.
    let console = Console::start(&stage);
    let browser = Browser::open(&console);
    assert_eq!(browser.sends(&question, &form).status, 409);
    assert_eq!(row(&stage, &question)["state"], "pending");
}
