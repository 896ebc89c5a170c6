//! Hosts, rules and addresses: what a list lets through, and what it never does.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use portcullis_guard::egress::{
    Denial, Host, HostName, NotAHost, Reach, Route, Rule, Tally, Target, Told, Why, inside,
};
use proptest::prelude::*;

fn reach(rules: &[&str]) -> Reach {
    Reach::new(rules.iter().map(|rule| Rule::new(rule).unwrap()).collect()).unwrap()
}

#[test]
fn a_host_is_read_in_one_way_or_not_at_all() {
    use NotAHost as N;
    for (text, expect) in [
        ("api.example.com", Ok("api.example.com")),
        ("API.Example.COM.", Ok("api.example.com")),
        ("xn--bcher-kva.example", Ok("xn--bcher-kva.example")),
        ("localhost", Ok("localhost")),
        ("1.example.com", Ok("1.example.com")),
        ("127.0.0.1", Ok("127.0.0.1")),
        ("[::1]", Ok("[::1]")),
        ("[::ffff:127.0.0.1]", Ok("127.0.0.1")),
        ("", Err(N::Empty)),
        (".", Err(N::Empty)),
        ("a..b", Err(N::Empty)),
        ("a.example..", Err(N::Empty)),
        ("evil.test\0.example.com", Err(N::Letter)),
        ("evil.test\n.example.com", Err(N::Letter)),
        ("ok.example.com@evil.test", Err(N::UserName)),
        ("bücher.example", Err(N::Letter)),
        ("ｅxample.com", Err(N::Letter)),
        ("example。com", Err(N::Letter)),
        ("-a.example", Err(N::Letter)),
        ("a-.example", Err(N::Letter)),
        ("a_b.example", Err(N::Letter)),
        ("a b", Err(N::Letter)),
        ("example.com/x", Err(N::Letter)),
        ("example%2ecom", Err(N::Letter)),
        ("[::1", Err(N::Letter)),
        ("[fe80::1%eth0]", Err(N::Letter)),
        ("::1", Err(N::Letter)),
        ("2130706433", Err(N::Number)),
        ("0x7f000001", Err(N::Number)),
        ("0x7f.1", Err(N::Number)),
        ("127.1", Err(N::Number)),
        ("0177.0.0.1", Err(N::Number)),
        ("127.0.0.1.", Err(N::Number)),
        ("127.0.0.0x1", Err(N::Number)),
        ("1.2.3.4.5", Err(N::Number)),
    ] {
        let read = Host::new(text).map(|host| host.to_string());
        assert_eq!(read.as_deref().map_err(|why| *why), expect, "{text:?}");
    }
    assert_eq!(HostName::new(&"a.".repeat(127)).unwrap().labels(), 127);
    assert_eq!(HostName::new(&"a.".repeat(128)), Err(N::TooLong));
    assert_eq!(HostName::new(&"a".repeat(64)), Err(N::TooLong));
}

#[test]
fn a_target_has_one_port() {
    for (text, usual, expect) in [
        ("a.test:443", None, Some("a.test:443")),
        ("a.test", Some(80), Some("a.test:80")),
        ("[2001:db8::1]:8443", None, Some("[2001:db8::1]:8443")),
        ("[2001:db8::1]", Some(80), Some("[2001:db8::1]:80")),
        ("a.test", None, None),
        ("a.test:", Some(80), None),
        ("a.test:0", Some(80), None),
        ("a.test:080", Some(80), None),
        ("a.test:+80", Some(80), None),
        ("a.test:65536", Some(80), None),
        ("a.test:80:81", Some(80), None),
        ("u:p@a.test:80", Some(80), None),
    ] {
        let read = Target::new(text, usual).ok().map(|target| target.to_string());
        assert_eq!(read.as_deref(), expect, "{text}");
    }
}

#[test]
fn a_rule_says_what_it_means() {
    for good in [
        "api.example.com",
        "api.example.com:8443",
        "*.example.com",
        "*.example.com:443",
        "127.0.0.1:8080",
        "[::1]:8080",
        "wiki.test=10.0.0.5",
        "wiki.test:80=10.0.0.5:8080",
        "wiki.test=[fd00::5]:8080",
        "localhost:3000",
    ] {
        assert!(Rule::new(good).is_ok(), "{good}: {:?}", Rule::new(good));
    }
    for (bad, expect) in [
        ("*", "too wide"),
        ("*.com", "too wide"),
        ("a.*.example.com", "first labels"),
        ("*example.com", "first labels"),
        ("*.example.com=10.0.0.1", "first labels"),
        ("127.0.0.1", "name its one port"),
        ("0.0.0.0:80", "leads nowhere"),
        ("198.18.0.7:80", "leads nowhere"),
        ("224.0.0.1:80", "leads nowhere"),
        ("a.test=0.0.0.0", "leads nowhere"),
        ("a.test=b.test", "letters, digits"),
        ("a.test:0", "port"),
        ("https://a.test", "port"),
        ("a.test/path", "letters, digits"),
        ("u@a.test", "user name"),
        ("0x7f.1:80", "disguise"),
        ("10.0.0.5:80=10.0.0.6", "letters, digits"),
        ("", "empty"),
    ] {
        let said = Rule::new(bad).unwrap_err().to_string();
        assert!(said.contains(expect), "{bad}: {said}");
    }
    let many = (1..=25).map(|port| Rule::new(&format!("a.test:{port}")).unwrap());
    assert!(Reach::new(many.collect()).is_err(), "a listener for each port has an end");
}

/// What a target becomes: `resolve`, an address, or a reason.
fn judged(rules: &[&str], target: &str) -> String {
    match reach(rules).judge(&Target::new(target, None).unwrap()) {
        Ok(Route::Resolve { name, port, .. }) => format!("resolve {name} {port}"),
        Ok(Route::Address(address)) => format!("dial {address}"),
        Err(denial) => denial.why.to_string(),
    }
}

#[test]
fn what_is_listed_is_reached_and_nothing_else() {
    let (unlisted, port) = ("it is not listed", "it is listed with another port");
    for (rules, target, expect) in [
        (&["ok.test"][..], "ok.test:443", "resolve ok.test 443"),
        (&["ok.test"], "OK.test.:80", "resolve ok.test 80"),
        (&["ok.test"], "ok.test:22", port),
        (&["ok.test:8443"], "ok.test:443", port),
        (&["ok.test:8443"], "ok.test:8443", "resolve ok.test 8443"),
        (&[], "ok.test:443", unlisted),
        (&["ok.test"], "evil.test:443", unlisted),
        (&["ok.test"], "ok.test.evil.test:443", unlisted),
        (&["ok.test"], "sub.ok.test:443", unlisted),
        (&["ok.test"], "notok.test:443", unlisted),
        (&["*.ok.test"], "a.ok.test:443", "resolve a.ok.test 443"),
        (&["*.ok.test"], "a.b.ok.test:443", "resolve a.b.ok.test 443"),
        (&["*.ok.test"], "ok.test:443", unlisted),
        (&["*.ok.test"], "notok.test:443", unlisted),
        (&["*.ok.test"], "127.0.0.1:443", unlisted),
        (&["ok.test"], "127.0.0.1:443", unlisted),
        (&["ok.test"], "[::1]:80", unlisted),
        (&["127.0.0.1:8080"], "127.0.0.1:8080", "dial 127.0.0.1:8080"),
        (&["127.0.0.1:8080"], "[::ffff:127.0.0.1]:8080", "dial 127.0.0.1:8080"),
        (&["127.0.0.1:8080"], "127.0.0.1:8081", port),
        (&["127.0.0.1:8080"], "127.0.0.2:8080", unlisted),
        (&["127.0.0.1:8080"], "localhost:8080", unlisted),
        (&["wiki.test:80=10.0.0.5:8080"], "wiki.test:80", "dial 10.0.0.5:8080"),
        (&["wiki.test:80=10.0.0.5:8080"], "wiki.test:8080", port),
        (&["wiki.test:80=10.0.0.5:8080"], "10.0.0.5:8080", unlisted),
        (&["wiki.test=10.0.0.5"], "wiki.test:443", "dial 10.0.0.5:443"),
        (&["wiki.test", "wiki.test=10.0.0.5"], "wiki.test:443", "dial 10.0.0.5:443"),
    ] {
        assert_eq!(judged(rules, target), expect, "{rules:?} {target}");
    }
}

#[test]
fn a_name_does_not_lead_inside() {
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "224.0.0.251",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:10::1",
        "2002:7f00:1::",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "4000::1",
    ] {
        assert!(inside(address.parse().unwrap()).is_some(), "{address}");
    }
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "168.63.129.15",
        "2606:4700::1111",
        "2001:4860::8888",
        "64:ff9b::8.8.8.8",
        "2a00::1",
        "::ffff:8.8.8.8",
    ] {
        assert_eq!(inside(address.parse().unwrap()), None, "{address}");
    }
}

#[test]
fn only_an_exception_or_a_voucher_leads_inside() {
    let target = Target::new("wiki.test:80", None).unwrap();
    let loopback: IpAddr = "127.0.0.1".parse().unwrap();
    let by = |rule: Rule| Reach::new(vec![rule]).unwrap().judge(&target).unwrap();
    assert!(by(Rule::new("wiki.test").unwrap()).accepts(loopback).is_err());
    assert!(by(Rule::new("wiki.test=127.0.0.1").unwrap()).accepts(loopback).is_ok());
    assert!(by(Rule::vouched(&target)).accepts(loopback).is_ok());
    for nowhere in ["0.0.0.0", "255.255.255.255", "198.18.0.5", "::"] {
        let address = nowhere.parse().unwrap();
        assert!(by(Rule::vouched(&target)).accepts(address).is_err(), "{nowhere}");
    }
}

/// What the outer list sends to one address, an inner list does not send to wherever DNS says.
#[test]
fn an_exception_is_repeated_or_nothing_meets_its_name() {
    let outer = ["api.example.com:80=10.0.0.5", "*.example.com"];
    let exact = outer[0];
    for (inner, expect) in [
        (&["*.example.com"][..], Some("*.example.com")),
        (&["api.example.com"], Some("api.example.com")),
        (&["api.example.com:80"], Some("api.example.com:80")),
        (&[exact, "*.example.com"], None),
        (&["*.example.com", exact], None),
        (&[exact], None),
        (&["api.example.com:443", "*.example.com:443"], None),
        (&["other.example.com", "*.deep.example.com"], None),
    ] {
        let (outer, inner) = (reach(&outer), reach(inner));
        assert_eq!(outer.exceeded_by(&inner), expect, "{inner}");
    }
}

#[test]
fn a_denial_says_what_would_allow_it() {
    let denied = |rules: &[&str], target: &str| {
        reach(rules).judge(&Target::new(target, None).unwrap()).unwrap_err()
    };
    let said = denied(&["ok.test"], "evil.test:443").to_string();
    assert_eq!(
        said,
        "the server wants `evil.test:443`: it is not listed; \
         allow it with `--network evil.test:443` or `network = [\"evil.test:443\"]`"
    );
    let target = Target::new("wiki.test:443", None).unwrap();
    let why = Why::Inside("10.0.0.5".parse().unwrap(), "a private network");
    let remedy = Denial::of(&target, why).remedy().unwrap();
    assert!(remedy.contains("--network wiki.test:443=10.0.0.5`"), "{remedy}");
    // What a denial proposes is what the list understands, and it allows just that.
    assert_eq!(judged(&["wiki.test:443=10.0.0.5"], "wiki.test:443"), "dial 10.0.0.5:443");
    assert_eq!(judged(&["evil.test:443"], "evil.test:443"), "resolve evil.test 443");
    let hostile = Denial::about("a\u{1b}[2Jb", Why::NotAHost(NotAHost::Letter));
    assert_eq!((hostile.asked(), hostile.remedy()), ("a\\u{1b}[2Jb", None));
    assert!(Denial::about(&"x".repeat(9999), Why::NotListed).asked().len() < 200);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the moment that everything else is told from")]
fn who_knocks_without_end_fills_no_disk() {
    let start = Instant::now();
    let denial = |n: u32| Denial::about(&format!("{n}.evil.test"), Why::NotListed);
    let mut tally = Tally::default();
    let told: usize = (0..10_000).map(|n| tally.count(denial(n), start).len()).sum();
    assert_eq!(told, 30);
    for _ in 0..1000 {
        assert_eq!(tally.count(denial(7), start), []);
    }
    assert_eq!(tally.ends(), Some(start + Duration::from_secs(60)));
    let later = tally.count(denial(1), start + Duration::from_secs(61));
    let expect = [Told::Again(denial(7), 1000), Told::Others(9970), Told::First(denial(1))];
    assert_eq!(later, expect);
    assert_eq!((tally.ends(), tally.flush()), (None, vec![]));
}

proptest! {
    /// A list lets through nothing that is not in it, however the target is spelled.
    #[test]
    fn whatever_passes_is_listed(text in "[a-zA-Z0-9.@:\\[\\]%\\x00_ -]{0,40}") {
        let reach = reach(&["ok.test", "*.wild.test", "10.0.0.5:8080"]);
        if let Ok(target) = Target::new(&text, Some(443)) && reach.judge(&target).is_ok() {
            let shown = target.host.to_string();
            prop_assert!(
                shown == "ok.test" || shown.ends_with(".wild.test") || shown == "10.0.0.5",
                "{text:?} became {shown}"
            );
        }
    }

    /// What a name is read as, it is read as again.
    #[test]
    fn reading_is_settled(text in "[a-zA-Z0-9.-]{1,40}") {
        if let Ok(host) = Host::new(&text) {
            prop_assert_eq!(Host::new(&host.to_string()), Ok(host));
        }
    }

    /// An address in a coat of the other family leads where it leads without.
    #[test]
    fn a_coat_changes_nothing(bits in any::<u32>()) {
        let old = std::net::Ipv4Addr::from(bits);
        prop_assert_eq!(inside(old.to_ipv6_mapped().into()), inside(old.into()));
        let translated = std::net::Ipv6Addr::from((0x64_ff9b_u128 << 96) | u128::from(bits));
        prop_assert_eq!(inside(translated.into()), inside(old.into()));
    }
}
