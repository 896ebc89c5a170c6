//! The probe of servers that speak HTTP with SSE (2024-11-05): real ones of both SDKs, one that looks at nothing, and
//! some whose streams are there to hold up whoever listens.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use portcullis_audit::check::judge;
use portcullis_audit::checklist::{self, Status};
use portcullis_audit::evidence::Evidence;
use portcullis_audit::evidence::http::Question;
use portcullis_audit::evidence::live::{Answer, Conduct};
use portcullis_audit::probe::http::{Credential, Order, look};
use portcullis_audit::probe::live;
use portcullis_audit::{Confidence, Finding, Severity};
use portcullis_guard::egress::Url;
use portcullis_guard::secret::SecretString;

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn peers() -> PathBuf {
    let root = here().parent().and_then(Path::parent).unwrap();
    std::env::var_os("PORTCULLIS_PEERS").map_or_else(|| root.join("target/peers"), PathBuf::from)
}

fn order(words: &[&str]) -> Order {
    let mut server = live::Order::new(words.iter().map(Into::into).collect());
    server.launcher = Some(env!("CARGO_BIN_EXE_audit-box").into());
    let mut order = Order::new(Url::new("http://127.0.0.1:8080/sse").unwrap());
    order.server = Some(server);
    order
}

/// The server of this file's, in one of its moods.
fn streams(mode: &str) -> Order {
    let file = here().join("tests/http/streams.py");
    order(&["/usr/bin/python3", file.to_str().unwrap(), "8080", mode])
}

fn looked(order: &Order) -> Evidence {
    let (http, live) = look(order);
    Evidence { live: Some(live), http: Some(http), ..Evidence::of("old") }
}

fn shown(evidence: &Evidence) -> String {
    serde_json::to_string_pretty(evidence).unwrap()
}

fn worst(evidence: &Evidence) -> BTreeMap<String, Severity> {
    let mut all = BTreeMap::new();
    for finding in judge(evidence) {
        let worst = all.entry(finding.check).or_insert(finding.severity);
        *worst = (*worst).max(finding.severity);
    }
    all
}

fn find<'a>(found: &'a [Finding], check: &str) -> &'a Finding {
    found.iter().find(|it| it.check == check).unwrap_or_else(|| panic!("{check}: {found:#?}"))
}

fn stands(evidence: &Evidence, line: &str) -> Status {
    let rows = checklist::lines(evidence, &judge(evidence));
    rows.iter().find(|row| row.control == line).unwrap().status
}

#[test]
fn whoever_looks_at_nothing_is_found_out() {
    let evidence = looked(&streams("open"));
    let all = worst(&evidence);
    for (check, severity) in [
        ("rebinding-unprotected", Severity::High),
        ("foreign-origin", Severity::High),
        ("cors-open", Severity::Medium),
        ("session-guessable", Severity::High),
        ("binds-everywhere", Severity::Medium),
        ("session-unchecked", Severity::Medium),
        ("callers-unauthenticated", Severity::Low),
        ("loose-requests", Severity::Low),
    ] {
        assert_eq!(all.get(check), Some(&severity), "{check}: {all:?}\n{}", shown(&evidence));
    }
    for name in ["origin-checked", "loopback-bound", "callers-authenticated", "sessions-random"] {
        assert_eq!(stands(&evidence, name), Status::Fail, "{name}");
    }
    assert_eq!(stands(&evidence, "headers-agree"), Status::NotApplicable);
    let found = judge(&evidence);
    let again = find(&found, "rebinding-unprotected").reproducer.as_ref().unwrap();
    let again = again["curl"].as_str().unwrap();
    assert!(again.contains("-X GET 'http://127.0.0.1:8080/sse'"), "{again}");
    assert!(again.contains("-H 'host: rebound.invalid:8080'"), "{again}");
    // Names of sessions open something.
    assert!(!shown(&evidence).contains("session-1"), "{}", shown(&evidence));
}

#[test]
fn a_session_is_a_credential_to_who_looks_only_at_the_stream() {
    let mut order = streams("half");
    order.credentials.push(Credential {
        name: "authorization".to_owned(),
        value: SecretString::new("Bearer zq8-canary".to_owned()),
        shown: "Bearer $TOKEN".to_owned(),
    });
    let evidence = looked(&order);
    let found = judge(&evidence);
    let any = find(&found, "callers-unauthenticated");
    assert!(any.title.contains("any credential"), "{any:#?}");
    assert_eq!(find(&found, "session-unchecked").severity, Severity::High, "{found:#?}");
    let text = shown(&evidence);
    assert!(text.contains("Bearer $TOKEN") && !text.contains("zq8-canary"), "{text}");
}

#[test]
fn streams_that_go_nowhere_hold_nobody_up() {
    for (mode, why) in [
        ("mute", "did not say where to post"),
        ("drip", "did not say where to post"),
        ("flood", "too l"),
        ("elsewhere", "post elsewhere"),
        ("outside", "post elsewhere"),
    ] {
        let begun = Instant::now();
        let evidence = looked(&streams(mode));
        let http = evidence.http.as_ref().unwrap();
        let said: Vec<&str> = http.exchanges.iter().filter_map(|it| it.remark.as_deref()).collect();
        assert!(said.iter().any(|it| it.contains(why)), "{mode}: {}", shown(&evidence));
        assert!(!http.old && evidence.live.as_ref().unwrap().revision.is_none(), "{mode}");
        assert!(begun.elapsed() < Duration::from_secs(60), "{mode}: it was waited for");
        for line in ["origin-checked", "callers-authenticated", "sessions-random"] {
            assert_eq!(stands(&evidence, line), Status::Unknown, "{mode}: {line}");
        }
    }
}

#[test]
fn calls_on_streams_that_end_or_never_do_pass_no_line() {
    let brief = |mode| Order { time: Duration::from_secs(20), ..streams(mode) };
    let evidence = looked(&brief("leaving"));
    let live = evidence.live.as_ref().unwrap();
    assert!(live.trials.len() > 3, "{}", shown(&evidence));
    assert!(live.trials.iter().all(|it| it.answer == Answer::Silence), "{}", shown(&evidence));
    assert_eq!(stands(&evidence, "timeouts"), Status::Unknown);
    let evidence = looked(&brief("babble"));
    let live = evidence.live.as_ref().unwrap();
    // Which of its ends comes first depends on the machine.
    let ended = |it: &Conduct| matches!(it, Conduct::Flooded { .. } | Conduct::OverBudget { .. });
    assert!(live.conduct.iter().any(ended), "{}", shown(&evidence));
    assert_ne!(stands(&evidence, "timeouts"), Status::Pass, "{}", shown(&evidence));
}

/// `FastMCP` of the official SDK of Python, as it stands: its tools are called in the box, and its door holds.
#[test]
fn a_server_of_the_python_sdk_is_tried_in_the_box() {
    let python = peers().join("python/sdk1/bin/python");
    let program = here().join("tests/http/called.py");
    let lesson = here().join("../../examples/lesson/careless.py");
    let words = [&python, &program, &lesson].map(|it| it.to_str().unwrap());
    let words = [words[0], words[1], words[2], "8080", "{project}", "{database}", "sse"];
    let evidence = looked(&order(&words));
    assert!(evidence.http.as_ref().unwrap().old, "{}", shown(&evidence));
    let found = judge(&evidence);
    for check in ["shell-execution", "raw-sql", "path-escape"] {
        let finding = find(&found, check);
        assert_eq!(finding.severity, Severity::Critical, "{finding:#?}");
        assert_eq!(finding.confidence, Confidence::Confirmed, "{finding:#?}");
    }
    let http = evidence.http.as_ref().unwrap();
    // It looks at Host and Origin before it opens a stream.
    for question in [Question::Rebound, Question::ForeignOrigin] {
        let refused = http.about(question).all(|it| it.status().is_some_and(|it| it >= 400));
        assert!(refused && http.about(question).count() == 1, "{question:?} {}", shown(&evidence));
    }
    assert_eq!(stands(&evidence, "sessions-random"), Status::Pass, "{}", shown(&evidence));
    assert_eq!(stands(&evidence, "headers-agree"), Status::NotApplicable);
    assert!(http.names.as_ref().is_some_and(|names| names.bits > 64), "{:?}", http.names);
}

/// `SSEServerTransport` of the official SDK of TypeScript: nobody looks at Host or Origin unless told to.
#[test]
fn a_server_of_the_typescript_sdk_is_tried_in_the_box() {
    let program =
        peers().join("node/node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    let mut order = order(&["node", program.to_str().unwrap(), "sse"]);
    order.server.as_mut().unwrap().environment.insert("PORT".to_owned(), "8080".to_owned());
    order.time = Duration::from_secs(40);
    let evidence = looked(&order);
    let (http, live) = (evidence.http.as_ref().unwrap(), evidence.live.as_ref().unwrap());
    assert!(http.old && live.tools.len() > 5, "{}", shown(&evidence));
    let answered = live.trials.iter().filter(|it| it.answer == Answer::Result).count();
    assert!(answered > 5, "{}", shown(&evidence));
    let all = worst(&evidence);
    for check in ["rebinding-unprotected", "foreign-origin", "binds-everywhere"] {
        assert!(all.contains_key(check), "{check}: {all:?}\n{}", shown(&evidence));
    }
    assert!(!all.contains_key("session-guessable"), "{all:?}");
    assert!(!all.contains_key("session-unchecked"), "{all:?}\n{}", shown(&evidence));
}

/// The proxy of the inspector as it was when every page could start a program through it, and as it is.
#[test]
fn an_address_that_starts_what_a_query_names_is_seen_to_do_it() {
    let file = here().join("tests/http/starter.mjs");
    for (mode, open) in [("open", true), ("asks", false)] {
        let evidence = looked(&order(&["node", file.to_str().unwrap(), "8080", mode]));
        let found = judge(&evidence);
        let all = worst(&evidence);
        for check in
            ["free-process", "callers-unauthenticated", "foreign-origin", "rebinding-unprotected"]
        {
            let expect = open.then_some(&Severity::Critical);
            assert_eq!(all.get(check), expect, "{mode} {check}: {}", shown(&evidence));
        }
        assert_eq!(all.get("binds-everywhere") == Some(&Severity::Critical), open, "{all:?}");
        if open {
            let started = find(&found, "free-process");
            assert_eq!(started.confidence, Confidence::Confirmed);
            let again = started.reproducer.as_ref().unwrap()["curl"].as_str().unwrap();
            assert!(again.contains("command=touch&args={stage}/drop/"), "{again}");
            for line in ["origin-checked", "callers-authenticated", "loopback-bound"] {
                assert_eq!(stands(&evidence, line), Status::Fail, "{line}");
            }
        } else {
            assert_eq!(evidence.http.as_ref().unwrap().is_open(), Some(false));
        }
    }
}
