//! Requests that go where a caller says: seen by the sink in the box, whatever the parameter is called.

use portcullis_audit::check::judge;
use portcullis_audit::checklist::{self, Status};
use portcullis_audit::evidence::live::{Attack, Effect, Live};
use portcullis_audit::evidence::{Evidence, Http};
use portcullis_audit::probe::live::look;
use portcullis_audit::probe::{http, live};
use portcullis_guard::egress::Url;

use crate::stand::{has, order, python, shown, source};

fn program(words: &[&str]) -> live::Order {
    let file = source("crates/audit/tests/live/reaching.py");
    let python = python();
    let mut all = vec![python.as_str(), file.to_str().unwrap()];
    all.extend(words);
    order(&all)
}

fn judged(live: Live, asked: Option<Http>) {
    let all = shown(&live);
    let reached = |effect: &Effect| matches!(effect, Effect::Reached { .. });
    for tool in ["subscribe", "status", "preview", "looks_at_words"] {
        assert!(has(&live, tool, Attack::ServerSideRequest, reached), "{tool} {all}");
    }
    // What is asked for in a name holds a number, and leads elsewhere.
    let names =
        |effect: &Effect| matches!(effect, Effect::Reached { address } if address.contains('@'));
    assert!(!live.trials.iter().any(|it| it.effect.as_ref().is_some_and(names)), "{all}");
    assert!(!has(&live, "lists", Attack::ServerSideRequest, reached), "{all}");
    let evidence = Evidence { live: Some(live), http: asked, ..Evidence::of("reaching") };
    let found = judge(&evidence);
    let rows = checklist::lines(&evidence, &found);
    let line = rows.iter().find(|row| row.control == "permissions-minimal").unwrap();
    assert_eq!(line.status, Status::Fail, "{line:?}");
    assert!(line.evidence.contains("the caller chooses where a request goes"), "{line:?}");
}

#[test]
fn where_a_request_goes_is_seen_over_pipes() {
    judged(look(&program(&[])), None);
}

#[test]
fn where_a_request_goes_is_seen_over_http() {
    for (transport, path) in [("streamable-http", "mcp"), ("sse", "sse")] {
        let url = Url::new(&format!("http://127.0.0.1:8080/{path}")).unwrap();
        let mut order = http::Order::new(url);
        order.server = Some(program(&[transport, "8080"]));
        let (asked, live) = http::look(&order);
        judged(live, Some(asked));
    }
}
