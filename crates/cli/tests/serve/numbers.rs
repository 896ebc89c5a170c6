//! Health, readiness and numbers: read by a real client, parsed strictly, and with nothing in them
//! that somebody said.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::house::{House, modern, request};
use crate::stage::{PATIENCE, Stage, answering, start};

const TOKEN: &str = "canary-token-0123456789";

/// What this says to Python's own client: its status and its body.
fn reads(port: u16, path: &str, host: &str) -> (u16, String) {
    let script = "import sys, http.client\n\
        c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=float(sys.argv[4]))\n\
        c.request('GET', sys.argv[2], headers={'Host': sys.argv[3]})\n\
        a = c.getresponse()\n\
        print(a.status)\nprint(a.getheader('content-type'))\nsys.stdout.write(a.read().decode())\n";
    let patience = PATIENCE.as_secs().to_string();
    let mut python = start("python3");
    python.args(["-c", script, &port.to_string(), path, host, &patience]);
    let said = python.output().unwrap();
    assert!(said.status.success(), "{said:?}");
    let text = String::from_utf8(said.stdout).unwrap();
    let (status, rest) = text.split_once('\n').unwrap();
    let (kind, body) = rest.split_once('\n').unwrap();
    assert!(kind.starts_with("text/plain") || kind == "application/json", "{kind}");
    (status.parse().unwrap(), body.to_owned())
}

/// A name of the format: letters, digits and `_`, not a digit first.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Labels of one sample, each quoted and there once.
fn labels(text: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{text}"));
        assert!(is_name(name), "{text}");
        let end = after.find('"').unwrap_or_else(|| panic!("{text}"));
        let value = &after[..end];
        assert!(!value.contains('\\'), "nothing here needs it: {text}");
        assert_eq!(all.insert(name.to_owned(), value.to_owned()), None, "{text}");
        rest = &after[end + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    all
}

type Samples = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// Every line is one that the format has, every family is described once and before its samples,
/// no series is there twice, and buckets only grow.
fn parsed(text: &str) -> Samples {
    assert!(text.ends_with('\n'), "the last line ends");
    let (mut samples, mut kinds, mut helped) = (Samples::new(), BTreeMap::new(), BTreeSet::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(is_name(name) && !help.is_empty() && helped.insert(name.to_owned()), "{line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(helped.contains(name), "{line}");
            assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{line}");
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
            let (name, inside) = match series.split_once('{') {
                Some((name, rest)) => (name, rest.strip_suffix('}').unwrap()),
                None => (series, ""),
            };
            let of_histogram = ["_bucket", "_sum", "_count"]
                .iter()
                .filter_map(|end| name.strip_suffix(end))
                .any(|family| kinds.get(family).is_some_and(|kind| kind == "histogram"));
            assert!(is_name(name) && (of_histogram || kinds.contains_key(name)), "{line}");
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
            assert!(value.is_finite() && value >= 0.0, "{line}");
            let twice = samples.insert((name.to_owned(), labels(inside)), value);
            assert_eq!(twice, None, "{line}");
        }
    }
    for ((name, labels), value) in &samples {
        let Some(family) = name.strip_suffix("_bucket") else { continue };
        let mut plain = labels.clone();
        let bound = plain.remove("le").unwrap();
        let count = samples[&(format!("{family}_count"), plain.clone())];
        assert!(*value <= count && (bound != "+Inf" || *value == count), "{name} {labels:?}");
        assert!(samples.contains_key(&(format!("{family}_sum"), plain)), "{family}");
    }
    samples
}

fn sum(samples: &Samples, name: &str, with: &[(&str, &str)]) -> f64 {
    let fits = |labels: &BTreeMap<String, String>| {
        with.iter().all(|(name, value)| labels.get(*name).is_some_and(|it| it == value))
    };
    samples.iter().filter(|((it, all), _)| it == name && fits(all)).map(|(_, value)| value).sum()
}

fn house(stage: &Stage, server: &serde_json::Value) -> (House, u16) {
    let digest = "225549e2293f65411e8c1c0cf764be1f99b574a5f527ef083f4b12a76bcdd4e0";
    let more = format!(
        "[serve.metrics]\nlisten = \"127.0.0.1:0\"\n[serve.tokens.ada-canary]\nsha256 = \
         \"{digest}\"\n"
    );
    let house = House::of(stage, server, &more);
    let port = stage.until("it says where", || {
        let said = house.said();
        let port = said.split("health and metrics are at http://127.0.0.1:").nth(1)?;
        port.split('\n').next()?.parse().ok()
    });
    (house, port)
}

/// Describes itself with a canary, has a tool of that name, and answers with one.
fn chatty() -> serde_json::Value {
    let does = "TOOLS = [tool('read', hints={'readOnlyHint': True, 'destructiveHint': False})]\n\
        TOOLS[0]['description'] = 'canary-description'\n\
        TOOLS.append(tool('canary tool with spaces'))\n\
        def call(name, arguments):\n    \
            sys.stderr.write('canary-stderr\\n')\n    return 'canary-result'\n";
    json!(answering::python(does, &[]))
}

#[test]
fn numbers_are_counted_and_read_strictly() {
    let stage = Stage::new();
    let (house, port) = house(&stage, &chatty());
    let host = format!("127.0.0.1:{port}");
    assert_eq!(reads(port, "/healthz", &host), (200, "ok\n".to_owned()));
    assert_eq!(reads(port, "/readyz", &host), (200, "ready\n".to_owned()));
    let bearer = format!("Bearer {TOKEN}");
    let ada = [("Authorization", bearer.as_str())];
    let name = house.greets(&ada);
    let call =
        |tool: &str| request(5, "tools/call", &json!({"name": tool, "arguments": {"name": "x"}}));
    for _ in 0..3 {
        assert_eq!(house.asks(&name, &ada, &call("read")).status, 200);
    }
    assert_eq!(house.asks(&name, &ada, &call("not-there")).status, 200);
    assert_eq!(house.asks(&name, &[], &call("read")).status, 401);
    let (status, text) = reads(port, "/metrics", &host);
    assert_eq!(status, 200);
    let samples = parsed(&text);
    let of = |name: &str, with: &[(&str, &str)]| sum(&samples, name, with);
    let files = ("server", "files");
    let calls = [files, ("method", "tools/call"), ("era", "legacy"), ("revision", "2025-11-25")];
    assert_eq!(of("portcullis_http_requests_total", &calls), 4.0, "{text}");
    assert_eq!(of("portcullis_turned_away_total", &[("status", "401")]), 1.0, "{text}");
    let ok = [files, ("tool", "read"), ("outcome", "ok")];
    assert_eq!(of("portcullis_tool_calls_total", &ok), 3.0, "{text}");
    let asked = [files, ("method", "tools/call")];
    assert_eq!(of("portcullis_upstream_duration_seconds_count", &asked), 3.0, "{text}");
    assert!(of("portcullis_http_request_duration_seconds_count", &asked) >= 4.0, "{text}");
    let denied = [files, ("event", "denied"), ("control", "tool-known")];
    assert_eq!(of("portcullis_control_decisions_total", &denied), 1.0, "{text}");
    assert_eq!(of("portcullis_upstream_starts_total", &[files]), 1.0, "{text}");
    assert_eq!(of("portcullis_sessions", &[files]), 1.0, "{text}");
    assert_eq!(of("portcullis_requests_under_way", &[]), 0.0, "{text}");
    // It is no way in, and no way around the wall.
    for path in ["/", "/s/files/mcp", "/metrics?x=1", "/metrics/"] {
        assert_eq!(reads(port, path, &host).0, 404, "{path}");
    }
    assert_eq!(reads(port, "/metrics", "evil.example").0, 403);
    assert_eq!(house.sends("GET", "/metrics", &ada, "").status, 404, "nor is it at the gateway");
}

/// Whatever peers say, nothing of it is in the numbers, in health, or in what is said on stderr.
#[test]
fn nothing_that_somebody_said_is_in_the_numbers() {
    let stage = Stage::new();
    let (house, port) = house(&stage, &chatty());
    let bearer = format!("Bearer {TOKEN}");
    let ada = [("Authorization", bearer.as_str())];
    let name = house.greets(&ada);
    let asks = |method: &str, params: serde_json::Value| {
        house.asks(&name, &ada, &request(5, method, &params));
    };
    asks("tools/list", json!({"cursor": "canary-cursor"}));
    asks("tools/call", json!({"name": "read", "arguments": {"name": "canary-argument"}}));
    asks("tools/call", json!({"name": "canary tool with spaces", "arguments": {"name": "x"}}));
    asks("tools/call", json!({"name": "canary-tool", "arguments": {}}));
    asks("canary/method", json!({"uri": "https://canary.example/canary?canary=1"}));
    asks("resources/read", json!({"uri": "file:///canary"}));
    let wrong = [("Authorization", "Bearer canary-nobodys")];
    house.posts(&wrong, &modern(1, "tools/list", &json!({})));
    house.sends("POST", "/s/canary/mcp?token=canary", &ada, "canary-body");
    house.sends("GET", "/canary", &[ada[0], ("Canary", "canary")], "");
    house.asks_modern(&ada, &modern(1, "canary/modern", &json!({})));
    let host = format!("127.0.0.1:{port}");
    for path in ["/metrics", "/healthz", "/readyz", "/canary"] {
        let text = reads(port, path, &host).1;
        assert!(!text.to_lowercase().contains("canary"), "{path}: {text}");
        assert!(!text.contains(&name), "{path} names a session");
    }
    let said = house.said().to_lowercase();
    assert!(!said.contains("canary"), "{said}");
    assert!(!said.contains(&name), "{said}");
}
