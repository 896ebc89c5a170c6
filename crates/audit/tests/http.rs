//! The probe of servers over HTTP, on servers that run in a box and listen there: what each lets pass is found.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis_audit::check::judge;
use portcullis_audit::checklist::{self, Status};
use portcullis_audit::evidence::live::{Answer, Conduct};
use portcullis_audit::evidence::{Evidence, FORMAT};
use portcullis_audit::probe::http::{Credential, Order, look};
use portcullis_audit::probe::live;
use portcullis_audit::{Finding, Severity};
use portcullis_guard::egress::Url;
use portcullis_guard::secret::SecretString;

/// A server of this file's, in one of its moods.
fn looked(mode: &str, token: Option<&str>) -> Evidence {
    let file: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http/careless.py");
    let words = ["/usr/bin/python3", file.to_str().unwrap(), "8080", mode];
    let mut server = live::Order::new(words.iter().map(Into::into).collect());
    server.launcher = Some(env!("CARGO_BIN_EXE_audit-box").into());
    let mut order = Order::new(Url::new("http://127.0.0.1:8080/mcp").unwrap());
    order.server = Some(server);
    order.credentials.extend(token.map(|token| Credential {
        name: "authorization".to_owned(),
        value: SecretString::new(format!("Bearer {token}")),
        shown: "Bearer $TOKEN".to_owned(),
    }));
    let (http, live) = look(&order);
    Evidence {
        format: FORMAT,
        target: "careless".to_owned(),
        source: None,
        live: Some(live),
        http: Some(http),
        ..Evidence::of("")
    }
}

/// The worst that each check says.
fn told(evidence: &Evidence) -> BTreeMap<String, Severity> {
    let mut all = BTreeMap::new();
    for finding in judge(evidence) {
        let worst = all.entry(finding.check).or_insert(finding.severity);
        *worst = (*worst).max(finding.severity);
    }
    all
}

fn shown(evidence: &Evidence) -> String {
    serde_json::to_string_pretty(evidence).unwrap()
}

fn find<'a>(found: &'a [Finding], check: &str) -> &'a Finding {
    found.iter().find(|it| it.check == check).unwrap_or_else(|| panic!("{check}: {found:#?}"))
}

#[test]
fn whoever_looks_at_nothing_is_found_out() {
    let evidence = looked("nothing", None);
    let all = told(&evidence);
    for (check, severity) in [
        ("rebinding-unprotected", Severity::High),
        ("foreign-origin", Severity::High),
        ("cors-open", Severity::High),
        ("session-guessable", Severity::High),
        ("stream-crossed", Severity::High),
        ("binds-everywhere", Severity::Medium),
        ("session-unchecked", Severity::Medium),
        ("raw-errors", Severity::Medium),
        ("callers-unauthenticated", Severity::Low),
        ("headers-unchecked", Severity::Low),
        ("loose-requests", Severity::Low),
    ] {
        assert_eq!(all.get(check), Some(&severity), "{check}: {all:?}\n{}", shown(&evidence));
    }
    assert_eq!(all.len(), 11, "{all:?}");
    let found = judge(&evidence);
    let rebound = find(&found, "rebinding-unprotected").reproducer.as_ref().unwrap();
    let line = rebound["curl"].as_str().unwrap();
    assert!(line.contains("-H 'host: rebound.invalid:8080'"), "{line}");
    assert!(line.contains("-H 'origin: http://rebound.invalid:8080'"), "{line}");
    let rows = checklist::lines(&evidence, &found);
    let stands = |name: &str| rows.iter().find(|row| row.control == name).unwrap().status;
    for name in ["origin-checked", "loopback-bound", "callers-authenticated", "sessions-random"] {
        assert_eq!(stands(name), Status::Fail, "{name}: {rows:#?}");
    }
    assert_eq!(stands("https-remote"), Status::NotApplicable);
    assert_eq!(stands("paths-contained"), Status::Unknown, "no tool takes a path");
    // Names of sessions open something.
    assert!(!shown(&evidence).contains("session-1"), "{}", shown(&evidence));
}

/// A server of the official SDK: what its tools do is seen on the stage, whichever way they were called.
#[test]
fn what_its_tools_do_is_tried_in_the_box() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let peers =
        std::env::var_os("PORTCULLIS_PEERS").map_or(here.join("../../target/peers"), PathBuf::from);
    let python = peers.join("python/sdk1/bin/python");
    let (program, lesson) =
        (here.join("tests/http/called.py"), here.join("../../examples/lesson/careless.py"));
    let words: Vec<&str> =
        [&python, &program, &lesson].iter().map(|it| it.to_str().unwrap()).collect();
    let words = words.into_iter().chain(["8080", "{project}", "{database}"]);
    let mut server = live::Order::new(words.map(Into::into).collect());
    server.launcher = Some(env!("CARGO_BIN_EXE_audit-box").into());
    let mut order = Order::new(Url::new("http://127.0.0.1:8080/mcp").unwrap());
    order.server = Some(server);
    let (http, live) = look(&order);
    let evidence = Evidence { live: Some(live), http: Some(http), ..Evidence::of("careless") };
    let found = judge(&evidence);
    assert!(!found.is_empty(), "{}", shown(&evidence));
    for check in ["shell-execution", "raw-sql", "path-escape"] {
        let finding = find(&found, check);
        assert_eq!(finding.severity, Severity::Critical, "{finding:#?}");
        assert_eq!(finding.confidence, portcullis_audit::Confidence::Confirmed, "{finding:#?}");
    }
    assert!(
        !found.iter().any(|it| it.check == "inherited-input"),
        "nobody reads its input: {found:#?}"
    );
    let lines = checklist::lines(&evidence, &found);
    let line = |name: &str| lines.iter().find(|it| it.control == name).unwrap();
    // Its own library writes a line for each call.
    assert_eq!(line("calls-logged").status, Status::Pass, "{}", shown(&evidence));
    assert_eq!(line("no-shell").status, Status::Fail, "{}", shown(&evidence));
}

/// One that ends its connection with each answer wears out the ways into its box, and is started anew before the last.
#[test]
fn calls_do_not_end_with_the_ways_into_the_box() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let peers = std::env::var_os("PORTCULLIS_PEERS");
    let root = here.parent().and_then(Path::parent).unwrap();
    let peers = peers.map_or_else(|| root.join("target/peers"), PathBuf::from);
    let program =
        peers.join("node/node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    let words = ["node", program.to_str().unwrap(), "streamableHttp"];
    let mut server = live::Order::new(words.map(Into::into).to_vec());
    server.launcher = Some(env!("CARGO_BIN_EXE_audit-box").into());
    server.environment.insert("PORT".to_owned(), "8080".to_owned());
    let mut order = Order::new(Url::new("http://127.0.0.1:8080/mcp").unwrap());
    order.server = Some(server);
    order.time = Duration::from_secs(40);
    let (_, live) = look(&order);
    assert!(live.trials.len() > 150, "{live:#?}");
    let lost: Vec<&str> =
        live.trials.iter().map(|it| it.said.as_str()).filter(|it| it.contains("socket")).collect();
    assert_eq!(lost, [""; 0]);
}

/// What got no answer is not what had no effect, and whoever forgets a session has not crashed.
#[test]
fn calls_that_nobody_answers_pass_no_line() {
    for mode in ["closing", "forgetful"] {
        let evidence = looked(mode, None);
        let live = evidence.live.as_ref().unwrap();
        assert!(live.trials.len() > 3, "{}", shown(&evidence));
        let silent = live.trials.iter().all(|it| it.answer == Answer::Silence);
        assert!(silent, "{mode}: {}", shown(&evidence));
        assert!(!live.conduct.iter().any(|it| matches!(it, Conduct::Crashed { .. })), "{mode}");
        let rows = checklist::lines(&evidence, &judge(&evidence));
        for name in ["paths-contained", "no-shell", "timeouts", "rate-limited"] {
            let row = rows.iter().find(|row| row.control == name).unwrap();
            assert_eq!(row.status, Status::Unknown, "{mode}: {row:?}");
        }
    }
}

#[test]
fn half_a_look_at_credentials_is_none() {
    let evidence = looked("half", Some("zq8-canary"));
    let found = judge(&evidence);
    let any = find(&found, "callers-unauthenticated");
    assert!(any.title.contains("any credential"), "{any:#?}");
    assert_eq!(find(&found, "session-unchecked").severity, Severity::High);
    let challenges: Vec<&Finding> =
        found.iter().filter(|it| it.check == "challenge-incomplete").collect();
    assert_eq!(challenges.len(), 2, "no challenge, and another's metadata: {challenges:#?}");
    // A page has no token, so that it gets nowhere.
    assert_eq!(find(&found, "rebinding-unprotected").severity, Severity::Low);
    let text = shown(&evidence);
    assert!(text.contains("Bearer $TOKEN") && !text.contains("zq8-canary"), "{text}");
}

#[test]
fn without_a_credential_nothing_else_is_testable() {
    let evidence = looked("half", None);
    let rows = checklist::lines(&evidence, &judge(&evidence));
    let row = rows.iter().find(|row| row.control == "origin-checked").unwrap();
    assert_eq!(row.status, Status::Unknown, "{row:#?}");
    assert!(row.evidence.contains("credential"), "{row:#?}");
}

#[test]
fn headers_that_contradict_the_body_are_done_by_who_reads_none() {
    let evidence = looked("modern", None);
    let found = judge(&evidence);
    assert_eq!(find(&found, "headers-unchecked").severity, Severity::Medium);
    let loose: Vec<&str> = found
        .iter()
        .filter(|it| it.check == "loose-requests")
        .map(|it| it.title.as_str())
        .collect();
    assert_eq!(loose.len(), 3, "text, GET and DELETE: {loose:?}");
    assert!(found.iter().all(|it| it.check != "session-guessable"));
}

#[test]
fn who_does_not_listen_is_not_testable() {
    let words = ["/bin/sleep", "600"];
    let mut server = live::Order::new(words.iter().map(Into::into).collect());
    server.launcher = Some(env!("CARGO_BIN_EXE_audit-box").into());
    let mut order = Order::new(Url::new("http://127.0.0.1:8080/mcp").unwrap());
    order.server = Some(server);
    order.time = std::time::Duration::from_secs(2);
    let (http, live) = look(&order);
    assert!(http.exchanges.is_empty() && live.revision.is_none());
    assert!(format!("{:?}", live.conduct).contains("nobody listened at port 8080"), "{live:#?}");
}

/// Who asks at the wrong port is told which one is right.
#[test]
fn who_listens_elsewhere_is_told_where() {
    let peers = std::env::var_os("PORTCULLIS_PEERS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers"),
        PathBuf::from,
    );
    let python = peers.join("python/sdk1/bin/python").display().to_string();
    let looked = |words: &[&str]| {
        let mut server = live::Order::new(words.iter().map(Into::into).collect());
        server.launcher = Some(env!("CARGO_BIN_EXE_audit-box").into());
        let mut order = Order::new(Url::new("http://127.0.0.1:8080/mcp").unwrap());
        order.server = Some(server);
        order.time = std::time::Duration::from_secs(4);
        look(&order).1
    };
    let live = looked(&[&python, "-m", "http.server", "40123", "--bind", "127.0.0.1"]);
    let why = live.conduct.iter().find_map(|it| match it {
        Conduct::NotListening { why } => Some(why.as_str()),
        _ => None,
    });
    let why = why.unwrap_or_else(|| panic!("{live:#?}"));
    assert!(why.starts_with("nobody listened at port 8080 within "), "{why}");
    assert!(why.contains("; somebody listens at port 40123; it said: "), "{why}");
    assert_eq!(live.untested[0].why, "nobody listened at its address in the box");
    let live = looked(&["/bin/false"]);
    let ended = "it ended (exit code 1) before anybody listened at port 8080; it said: nothing";
    let conduct = Conduct::NotStarted { why: ended.to_owned() };
    assert!(live.conduct.contains(&conduct), "{live:#?}");
    assert_eq!(live.untested[0].why, "the server did not start");
}
