//! Channels are tried in the operator's order, until one of them is there.

use serde_json::json;

use crate::desk::Browser;
use crate::scene::{Era, Kind, Scene, Where, text};

#[test]
fn a_host_is_not_asked_where_the_operator_left_it_out() {
    let mut scene = Scene::begin(Era::Legacy, Where::Hold, "");
    assert_eq!(text(&scene.call(Kind::Tool)), "done");
    let said = scene.gateway.complaints();
    assert!(said.contains("portcullis approvals approve apr_"), "nobody is called: {said}");
    assert!(scene.shown().is_empty(), "{:?}", scene.heard);
}

#[test]
fn whoever_is_there_first_is_called_and_nobody_else() {
    let keys = "channels = [\"console\", \"elicitation\"]\ntrusted_hosts = [\"tests\"]\n";
    let mut scene = Scene::with(Era::Legacy, Where::Console, keys, true);
    assert_eq!(text(&scene.call(Kind::Tool)), "done");
    assert!(scene.shown().is_empty(), "{:?}", scene.heard);
    scene.all_answered(&["tool"]);
    // Without a console the host is next.
    let mut scene = Scene::with(Era::Legacy, Where::Elicitation, keys, false);
    assert_eq!(text(&scene.call(Kind::Tool)), "done");
    assert_eq!(scene.shown().len(), 1, "{:?}", scene.heard);
    scene.all_answered(&["tool"]);
}

#[test]
fn when_the_host_has_no_answer_the_next_channel_is_called() {
    for era in [Era::Legacy, Era::Modern] {
        let keys = "channels = [\"elicitation\", \"terminal\"]\ntrusted_hosts = [\"tests\"]\n";
        let mut scene = Scene::with(era, Where::Terminal, keys, false);
        scene.approver = json!({"action": "cancel"});
        assert_eq!(text(&scene.call(Kind::Tool)), "done", "{era:?}");
        assert_eq!(scene.shown().len(), 1, "{:?}", scene.heard);
        scene.all_answered(&["tool"]);
    }
}

#[test]
fn a_no_in_the_host_is_a_no() {
    for era in [Era::Legacy, Era::Modern] {
        let mut scene = Scene::begin(era, Where::Elicitation, "");
        scene.approver = json!({"action": "decline"});
        let answer = scene.call(Kind::Tool);
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        let rows = scene.stage.every_question();
        assert_eq!(
            (&rows[0]["state"], &rows[0]["decided_by"]),
            (&json!("denied"), &json!("host tests"))
        );
    }
}

#[test]
fn a_link_says_where_to_look_and_answers_nothing() {
    for era in [Era::Legacy, Era::Modern] {
        // Nobody trusts the host, so a form of ours is not shown there.
        let keys = "channels = [\"elicitation\"]\n";
        let mut scene = Scene::with(era, Where::Console, keys, true);
        assert_eq!(text(&scene.call(Kind::Tool)), "done", "{era:?}");
        let shown = scene.shown();
        assert_eq!(shown.len(), 1, "{:?}", scene.heard);
        assert_eq!(shown[0]["mode"], "url");
        scene.all_answered(&["tool"]);

        let url = shown[0]["url"].as_str().unwrap();
        let console = scene.console.as_ref().unwrap();
        let (name, question) =
            (console.host.split('.').next().unwrap(), &scene.stage.every_question()[0]);
        assert!(!url.contains(name), "the console's own name is nobody's to know: {url}");
        let host = url.strip_prefix("http://").unwrap().trim_end_matches('/');
        let asks = |host: &str, path: &str| {
            let headers = [("Host", host), ("Connection", "close")];
            let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
            console.request("GET", path, &headers, "")
        };
        let got = asks(host, "/");
        assert_eq!(got.status, 200, "{got:?}");
        assert!(got.header("set-cookie").is_none() && !got.body.contains(name), "{got:?}");
        for hidden in ["delete_file", "notes", "token", question["id"].as_str().unwrap()] {
            assert!(!got.body.contains(hidden), "{hidden}: {got:?}");
        }
        // Under that name there is nothing else, not even for a browser that opened the console.
        let browser = Browser { console, cookie: "__Host-portcullis=x".to_owned() };
        for path in ["/questions", "/open", "/live", "/assets/script.js", "/questions/apr_1"] {
            assert_eq!(asks(host, path).status, 421, "{path}");
        }
        let mut headers = browser.by_hand();
        headers.retain(|(name, _)| name != "Host");
        headers.push(("Host".to_owned(), host.to_owned()));
        let posted = console.request("POST", "/", &headers, "answer=approve");
        assert_eq!(posted.status, 421, "{posted:?}");
    }
}

#[test]
fn a_link_to_a_console_that_is_gone_is_not_given() {
    let keys = "channels = [\"elicitation\"]\n";
    let mut scene = Scene::with(Era::Legacy, Where::Hold, keys, true);
    scene.console.take().unwrap().end();
    assert_eq!(text(&scene.call(Kind::Tool)), "done");
    assert!(scene.shown().is_empty(), "{:?}", scene.heard);
}
