//! What a boxed server may say to the egress proxy: each format has one reading,
//! and only what is listed has a way out.
//!
//! The first byte chooses the format. A head that was read in pieces is the head
//! that is read whole; what is passed on is read again as the same request, for
//! the host that was judged.
#![no_main]

use std::net::IpAddr;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use portcullis_guard::egress::chunks::Chunks;
use portcullis_guard::egress::dns::{Answer, Question};
use portcullis_guard::egress::http::{self, Form};
use portcullis_guard::egress::{Host, HostName, Reach, Read, Route, Rule, Target, socks, tls};

/// What the operator listed.
static REACH: LazyLock<Reach> = LazyLock::new(|| {
    let rules = ["api.example.com", "*.example.org:443", "10.0.0.5:8080", "wiki.test=127.0.0.1:81"];
    Reach::new(rules.map(|rule| Rule::new(rule).expect("a rule")).into()).expect("a list")
});

fuzz_target!(|bytes: &[u8]| {
    let Some((format, rest)) = bytes.split_first() else { return };
    match format % 6 {
        0 => target(rest),
        1 => head(rest),
        2 => hello(rest),
        3 => question(rest),
        4 => greeting(rest),
        _ => body(rest),
    }
});

/// Only what an independent reading finds in the list has a route.
fn target(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(target) = Target::new(text, Some(443)) else { return };
    assert_eq!(Target::new(&target.to_string(), None), Ok(target.clone()), "{text:?}");
    let shown = target.host.to_string();
    let web = target.port == 80 || target.port == 443;
    let below = shown.strip_suffix(".example.org").is_some_and(|start| !start.is_empty());
    let listed = shown == "api.example.com" && web
        || below && target.port == 443
        || shown == "10.0.0.5" && target.port == 8080
        || shown == "wiki.test" && target.port == 81;
    let route = REACH.judge(&target);
    assert_eq!(route.is_ok(), listed, "{text:?} is {target}");
    if let Ok(route @ Route::Resolve { .. }) = route {
        for inside in ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:192.168.0.1"] {
            let address: IpAddr = inside.parse().expect("an address");
            assert!(route.accepts(address).is_err(), "{text:?} may not lead to {inside}");
        }
    }
}

fn head(bytes: &[u8]) {
    let whole = http::request(bytes);
    for cut in [bytes.len() / 3, bytes.len() / 2, bytes.len().saturating_sub(1)] {
        if let Ok(Read::Whole(early, used)) = http::request(&bytes[..cut]) {
            assert_eq!(whole, Ok(Read::Whole(early, used)), "a head does not change with time");
        }
    }
    let Ok(Read::Whole(request, used)) = whole else { return };
    assert!(used <= bytes.len() && bytes[..used].ends_with(b"\r\n\r\n"));
    if matches!(request.form, Form::Tunnel(_)) {
        return;
    }
    let target = Target::new("api.example.com:80", None).expect("a target");
    let written = request.rewritten(&target);
    let Ok(Read::Whole(again, length)) = http::request(&written) else {
        panic!("what is passed on is no request: {:?}", String::from_utf8_lossy(&written));
    };
    assert_eq!(length, written.len(), "one request");
    assert_eq!(again.host.as_deref(), Some("api.example.com"), "the host that was judged");
    assert_eq!(again.body, request.body, "its body ends in the same place");
    assert!(matches!(again.form, Form::Origin(_)));
}

fn hello(bytes: &[u8]) {
    let Ok(Read::Whole(name, used)) = tls::server_name(bytes) else { return };
    assert!(used <= bytes.len());
    assert_eq!(HostName::new(name.as_str()), Ok(name));
}

/// An address record that points at the question's name (RFC 1035, 3.2.1).
const STAND_IN: usize = 16;

fn question(bytes: &[u8]) {
    let Some(question) = Question::read(bytes) else { return };
    for answer in [Answer::NoSuchName, Answer::StandIn([198, 18, 0, 1].into())] {
        let answered = question.answered(answer);
        assert!(answered.len() <= bytes.len() + STAND_IN, "an answer is no amplifier");
        assert_eq!(answered.first_chunk::<2>(), bytes.first_chunk::<2>(), "its own id");
    }
}

fn greeting(bytes: &[u8]) {
    if let Ok(Read::Whole(_, used)) = socks::greeting(bytes) {
        assert!(used <= bytes.len());
    }
    let Ok(Read::Whole(asked, used)) = socks::request(bytes) else { return };
    assert!(used <= bytes.len());
    if let socks::Asked::Connect(host, port) = asked
        && let Ok(target) = Target::new(&host, Some(port))
    {
        assert_eq!(Host::new(&target.host.to_string()), Ok(target.host));
    }
}

/// In one piece or byte by byte: the same end, or the same refusal.
fn body(bytes: &[u8]) {
    let mut whole = Chunks::new();
    let at_once = whole.read(bytes);
    let (mut slow, mut used) = (Chunks::new(), 0);
    let bytewise = bytes.iter().try_for_each(|byte| slow.read(&[*byte]).map(|count| used += count));
    assert_eq!(at_once.is_ok(), bytewise.is_ok());
    if let Ok(count) = at_once {
        assert_eq!((count, whole.is_over()), (used, slow.is_over()));
    }
}
