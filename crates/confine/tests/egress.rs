//! The network by name in real boxes: a client inside, hosts of the test's own outside.
//!
//! The numbers are those of the escape list: nt01 and on. What opens other sockets than
//! these tests do is in `jailbreak.rs`, which runs its attacker in such a box too.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod common;
#[path = "egress/outside.rs"]
mod outside;

use common::{at, profile, unsupported};
use outside::{Inside, Outside, hello};
use portcullis_confine::egress::Doors;
use portcullis_confine::{Level, Network, SpawnError, spawn};
use portcullis_guard::egress::Reach;

const PROXY: &str = "127.0.0.1:3128";
const GET: &str = "GET / HTTP/1.1\\r\\nHost: ok.test\\r\\n\\r\\n";

/// What each line of a script says in a box with these rules; `PORT` is the outside's.
fn answers(outside: &Outside, rules: &[&str], script: &[String]) -> (Vec<String>, Vec<String>) {
    let mut inside = Inside::start(&outside.rules(rules), outside.resolver());
    let said = script.iter().map(|line| inside.does(&outside.text(line))).collect();
    (said, inside.leave())
}

/// Every line is answered with a text that has this part.
fn every(outside: &Outside, rules: &[&str], table: &[(&str, String, &str)]) -> Vec<String> {
    let script: Vec<_> = table.iter().map(|(_, line, _)| line.clone()).collect();
    let (said, told) = answers(outside, rules, &script);
    for ((id, line, expect), said) in table.iter().zip(said) {
        assert!(said.contains(expect), "{id}: {line}: {said}; told {told:#?}");
    }
    told
}

fn through(target: &str, then: &str) -> String {
    format!("say {PROXY}\tCONNECT {target} HTTP/1.1\\r\\n\\r\\n\t{then}")
}

fn by_socks(host: &str, port: u16, then: &str) -> String {
    let length = outside::length_of(host);
    let port = port.to_be_bytes();
    let ask =
        format!("\\x05\\x01\\x00\\x03\\x{length:02x}{host}\\x{:02x}\\x{:02x}", port[0], port[1]);
    format!("say {PROXY}\t\\x05\\x01\\x00\t{ask}\t{then}")
}

#[test]
fn what_is_listed_is_reached_in_every_way() {
    if unsupported(Level::Full) {
        return;
    }
    let outside = Outside::new();
    let rules = [
        "ok.test:80=127.0.0.1:PORT",
        "ok.test:443=127.0.0.1:PORT",
        "127.0.0.1:PORT",
        "db.test:5432=127.0.0.1:PORT",
        "*.wild.test",
        "a.wild.test:80=127.0.0.1:PORT",
        "a.wild.test:443=127.0.0.1:PORT",
    ];
    let seen = "200 OK";
    let (ok, wild) = (hello("ok.test"), hello("a.wild.test"));
    let table = [
        ("nt01", through("ok.test:80", GET), seen),
        ("nt02", format!("say {PROXY}\tGET http://ok.test/x HTTP/1.1\\r\\n\\r\\n"), seen),
        ("nt03", by_socks("ok.test", 80, GET), seen),
        ("nt04", format!("say ok.test:80\t{GET}"), seen),
        ("nt05", format!("say ok.test:443\t{ok}"), "hello was heard"),
        ("nt06", through("OK.test.:443", &ok), "hello was heard"),
        ("nt07", through("a.wild.test:443", &wild), "hello was heard"),
        ("nt07", format!("say a.wild.test:80\t{}", GET.replace("ok.test", "a.wild.test")), seen),
        ("nt08", through("127.0.0.1:PORT", GET), seen),
        ("nt08", format!("say 127.0.0.1:PORT\t{GET}"), seen),
        ("nt09", format!("say db.test:5432\t{GET}"), seen),
        ("nt09", by_socks("db.test", 5432, GET), seen),
    ];
    let told = every(&outside, &rules, &table);
    assert_eq!(told, Vec::<String>::new(), "nothing was denied");
    let heard = outside.heard();
    assert!(heard.iter().all(|text| !text.contains("evil")), "{heard:?}");
}

#[test]
fn what_is_not_listed_is_not_reached_in_any_way() {
    if unsupported(Level::Full) {
        return;
    }
    let outside = Outside::new();
    let (no, bad) = ("403", "400");
    let table = [
        ("nt10", through("evil.test:443", "x"), no),
        ("nt10", format!("say {PROXY}\tGET http://evil.test/ HTTP/1.1\\r\\n\\r\\n"), no),
        ("nt10", by_socks("evil.test", 443, "x"), "\\x05\\x02"),
        ("nt10", format!("say evil.test:80\t{GET}"), "error"),
        ("nt11", through("ok.test:22", "x"), no),
        ("nt11", through("ok.test:PORT", "x"), no),
        ("nt12", through("ok.test.evil.test:80", "x"), no),
        ("nt12", through("evilok.test:80", "x"), no),
        ("nt13", through("127.0.0.1:PORT", "x"), no),
        ("nt13", by_socks("127.0.0.1", outside.port(), "x"), "\\x05\\x02"),
        ("nt13", format!("say 127.0.0.1:PORT\t{GET}"), "error ConnectionRefused"),
        ("nt14", through("[::1]:PORT", "x"), no),
        ("nt14", through("[::ffff:127.0.0.1]:PORT", "x"), no),
        ("nt15", through("169.254.169.254:80", "x"), no),
        ("nt16", through("localhost:PORT", "x"), no),
        ("nt17", through("0x7f000001:80", "x"), no),
        ("nt17", through("0x7f.0.0.1:80", "x"), no),
        ("nt18", through("2130706433:80", "x"), no),
        ("nt18", through("0177.0.0.1:80", "x"), no),
        ("nt19", by_socks("evil.test\\x00ok.test", 80, "x"), "\\x05\\x02"),
        (
            "nt19",
            format!("say {PROXY}\tCONNECT evil.test\\x00.ok.test:80 HTTP/1.1\\r\\n\\r\\n"),
            bad,
        ),
        ("nt20", through("ok.test@evil.test:80", "x"), no),
        ("nt20", format!("say {PROXY}\tGET http://ok.test@evil.test/ HTTP/1.1\\r\\n\\r\\n"), no),
        ("nt20", format!("say {PROXY}\tGET http://ok.test:80@evil.test/ HTTP/1.1\\r\\n\\r\\n"), no),
        ("nt21", format!("say ok.test:80\t{}", GET.replace("ok.test", "evil.test")), no),
        ("nt21", through("ok.test:80", &GET.replace("ok.test", "evil.test")), no),
        ("nt22", through("ok.test:443", &hello("evil.test")), "established"),
        ("nt22", format!("say ok.test:443\t{}", hello("evil.test")), ""),
        ("nt22", format!("say ok.test:443\t{}", hello("")), ""),
        ("nt22", format!("say ok.test:443\t{GET}"), ""),
        ("nt23", format!("say 198.18.9.9:80\t{GET}"), ""),
        ("nt23", through("198.18.9.9:80", "x"), no),
        ("nt24", format!("say 203.0.113.7:80\t{GET}"), "error NetworkUnreachable"),
        ("nt24", format!("say 10.0.0.1:443\t{GET}"), "error NetworkUnreachable"),
        ("nt24", format!("say [2001:db8::1]:443\t{GET}"), "error"),
        (
            "nt25",
            format!(
                "say {PROXY}\t\\x05\\x01\\x00\t\\x05\\x03\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00"
            ),
            "\\x05\\x07",
        ),
        ("nt25", format!("say {PROXY}\t\\x05\\x01\\x02"), "\\x05\\xff"),
        ("nt26", format!("say {PROXY}\tGET / HTTP/1.1\\r\\nHost: ok.test\\r\\n\\r\\n"), bad),
        ("nt26", format!("say {PROXY}\tGET https://ok.test/ HTTP/1.1\\r\\n\\r\\n"), bad),
    ];
    let told =
        every(&outside, &["ok.test:80=127.0.0.1:PORT", "ok.test:443=127.0.0.1:PORT"], &table);
    let heard = outside.heard();
    assert!(heard.iter().all(String::is_empty), "nothing arrived outside: {heard:?}");
    for (part, why) in [
        ("`evil.test:443`: it is not listed; allow it with `--network evil.test:443`", "unlisted"),
        ("`ok.test:22`: it is listed with another port", "another port"),
        ("asks for `evil.test`", "another name inside"),
        ("which name it asks for", "no name inside"),
        ("`198.18.9.9:80`: no listed name has this address", "no stand-in"),
        ("looks like an address in disguise", "a disguise"),
    ] {
        assert!(told.iter().any(|line| line.contains(part)), "{why}: {told:#?}");
    }
}

#[test]
fn names_carry_nothing_out() {
    if unsupported(Level::Full) {
        return;
    }
    let outside = Outside::new();
    let secret = "c2VjcmV0.evil.test";
    let mut table = Vec::new();
    for way in ["udp", "tcp"] {
        for kind in ["1", "28", "16", "255"] {
            table.push(("nt38", format!("ask {secret}\t{kind}\t{way}"), "code 3 answers 0"));
        }
        table.push(("nt38", format!("ask ok.test\t1\t{way}"), "code 0 answers 1"));
        table.push(("nt38", format!("ask ok.test\t28\t{way}"), "code 0 answers 0"));
        table.push(("nt38", format!("ask ok.test\t16\t{way}"), "code 0 answers 0"));
    }
    table.push(("nt38", "look ok.test".to_owned(), "198.18."));
    table.push(("nt38", format!("look {secret}"), "error"));
    let told = every(&outside, &["ok.test"], &table);
    assert!(told[0].contains("`c2vjcmv0.evil.test`: it is not listed"), "{told:?}");
    assert_eq!(outside.lookups(), Vec::<String>::new(), "nothing is looked up until it is dialled");
}

#[test]
fn a_listed_name_does_not_lead_inside() {
    if unsupported(Level::Full) {
        return;
    }
    for (id, addresses) in [
        ("this machine", "127.0.0.1"),
        ("this machine, in another coat", "::ffff:127.0.0.1"),
        ("a private network", "10.1.2.3"),
        ("where clouds keep credentials", "169.254.169.254"),
        ("every address inside", "127.0.0.1 192.168.0.1 ::1"),
        ("no address at all", ""),
    ] {
        let outside = Outside::answering(addresses);
        let table = [
            (
                "nt39",
                through("rebound.test:PORT", "x"),
                if addresses.is_empty() { "502" } else { "403" },
            ),
            // Asked again it leads there still, and is judged again.
            ("nt39", by_socks("rebound.test", outside.port(), "x"), "\\x05"),
            ("nt39", format!("say rebound.test:PORT\t{GET}"), "error ConnectionReset"),
        ];
        let told = every(&outside, &["rebound.test:PORT"], &table);
        assert!(outside.heard().is_empty(), "{id}: {:?}", outside.heard());
        let why = if addresses.is_empty() { "to no address" } else { "it leads to" };
        assert!(told.iter().all(|line| line.contains(why)), "{id}: {told:?}");
    }
    // The system's own resolver, and what it says of this machine.
    let outside = Outside::new();
    let mut inside = Inside::start(
        &outside.rules(&["localhost:PORT"]),
        portcullis_confine::egress::Resolver::system(),
    );
    let said = inside.does(&outside.text(&through("localhost:PORT", "x")));
    let told = inside.leave();
    assert!(said.contains("403") && outside.heard().is_empty(), "{said}");
    assert!(
        told.iter().any(|line| line.contains("=127.0.0.1`") || line.contains("=[::1]`")),
        "{told:?}"
    );
}

#[test]
fn a_second_request_goes_nowhere() {
    if unsupported(Level::Full) {
        return;
    }
    let outside = Outside::new();
    let smuggled = "GET http://evil.test/ HTTP/1.1\\r\\nHost: evil.test\\r\\n\\r\\n";
    let post = |fields: &str, body: &str| {
        format!("say {PROXY}\tPOST http://ok.test/ HTTP/1.1\\r\\n{fields}\\r\\n\\r\\n{body}")
    };
    let table = [
        (
            "nt42",
            format!("say {PROXY}\tGET http://ok.test/1 HTTP/1.1\\r\\n\\r\\n{smuggled}"),
            "200",
        ),
        ("nt42", format!("say ok.test:80\t{GET}{smuggled}"), "200"),
        ("nt42", post("Content-Length: 3", &format!("abc{smuggled}")), "200"),
        (
            "nt42",
            post("Transfer-Encoding: chunked", &format!("3\\r\\nabc\\r\\n0\\r\\n\\r\\n{smuggled}")),
            "200",
        ),
        ("nt42", post("Content-Length: 3\\r\\nTransfer-Encoding: chunked", "0\\r\\n\\r\\n"), "400"),
        ("nt42", post("Content-Length: 3\\r\\nContent-Length: 30", "abc"), "400"),
        ("nt42", post("Transfer-Encoding: chunked, identity", "0\\r\\n\\r\\n"), "400"),
        ("nt42", post("Host: ok.test\\r\\nHost: evil.test", ""), "400"),
        (
            "nt40",
            through("ok.test:80", &format!("CONNECT evil.test:443 HTTP/1.1\\r\\n\\r\\n{GET}")),
            "403",
        ),
        (
            "nt40",
            through("ok.test:443", "CONNECT evil.test:443 HTTP/1.1\\r\\n\\r\\n"),
            "established",
        ),
    ];
    every(&outside, &["ok.test:80=127.0.0.1:PORT", "ok.test:443=127.0.0.1:PORT"], &table);
    let heard = outside.heard();
    assert!(heard.iter().all(|text| !text.contains("evil")), "{heard:#?}");
    assert_eq!(
        heard
            .iter()
            .filter(|text| text.contains("host: ") || text.contains("Host: ok.test"))
            .count(),
        4
    );
}

#[test]
fn new_rules_hold_at_once() {
    if unsupported(Level::Full) {
        return;
    }
    let outside = Outside::new();
    let rules = |rules: &[&str]| Reach::new(outside.rules(rules)).unwrap();
    let echo = "echo.test:7=127.0.0.1:ECHO";
    let mut inside = Inside::start(&outside.rules(&[echo]), outside.resolver());
    let open = format!("talk {PROXY}\tCONNECT echo.test:7 HTTP/1.1\\r\\n\\r\\n\tone");
    assert_eq!((inside.does(&open), inside.does("more two")), ("one".into(), "two".into()), "nt41");
    assert!(inside.does(&through("ok.test:80", GET)).contains("403"));
    inside.change(rules(&[echo, "ok.test:80=127.0.0.1:PORT"]));
    assert!(inside.does(&through("ok.test:80", GET)).contains("200 OK"), "what was added");
    assert_eq!(inside.does("more three"), "three", "what is still allowed goes on");
    inside.change(rules(&["ok.test:80=127.0.0.1:PORT"]));
    let after = inside.does("more four");
    assert!(after == "closed" || after.starts_with("error"), "what is not is cut: {after}");
    assert!(inside.does(&through("echo.test:7", "x")).contains("403"));
    inside.leave();
}

#[test]
fn nobody_else_can_use_the_box_of_a_server() {
    if unsupported(Level::Full) {
        return;
    }
    let outside = Outside::new();
    let inside = Inside::start(&outside.rules(&["ok.test"]), outside.resolver());
    // The proxy's port on the host is whoever's it was: not ours.
    let mine = std::net::TcpListener::bind("127.0.0.1:3128");
    let taken = mine.is_err() && std::net::TcpStream::connect(PROXY).is_err();
    assert!(!taken, "nt44: the port is ours to bind, or somebody else's");
    inside.leave();
}

#[test]
fn less_than_a_full_box_holds_no_names() {
    let doors = Doors::of(&Reach::new(Vec::new()).unwrap());
    for level in [Level::Landlock, Level::None] {
        let mut profile = at(level, profile(&["/bin/true"]));
        profile.network = Network::Named(doors.clone());
        let error = spawn(&profile).unwrap_err();
        assert!(matches!(error, SpawnError::Weaker { asked: Level::Full, .. }), "{error}");
        assert!(error.to_string().contains("held to names"), "{error}");
    }
}
