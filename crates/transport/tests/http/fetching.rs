//! Requests of ours: where they lead, what they carry, and what comes back at most.

use std::io::Write as _;
use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HeaderValue};
use portcullis_guard::egress::{self, Rule};
use portcullis_transport::http::fetch::{
    Answer, Ask, FetchError, Fetcher, Follow, Reach, Resolver, Roots, Url,
};

use crate::elsewhere::{Elsewhere, Identity};
use crate::site::{PATIENCE, short, until};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\
    connection: close\r\n\r\n{}";

fn url(text: &str) -> Url {
    Url::new(text).unwrap()
}

fn fetcher(own: &[&str]) -> Fetcher {
    let reach = own.iter().fold(Reach::default(), |reach, it| reach.and_own(url(it).origin()));
    Fetcher::new(reach, Roots::system())
}

fn run<T>(it: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, it).await.unwrap() })
}

fn get(text: &str) -> Ask {
    Ask::get(url(text), "application/json")
}

/// What becomes of the answer to a GET of this site's.
fn got(site: &Elsewhere) -> Result<String, FetchError> {
    let at = site.url("/");
    run(async {
        let ask = get(&at).within(Duration::from_millis(500));
        let answer = fetcher(&[&at]).send(&ask).await?;
        let json = answer.json(1000, Duration::from_millis(500)).await?;
        Ok(json.text().to_owned())
    })
}

#[test]
fn one_connection_serves_one_request_after_the_other() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://{}/", listener.local_addr().unwrap());
    let kept = OK.replace("connection: close\r\n", "");
    let site = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        for _ in 0..5 {
            until(&mut stream, "\r\n\r\n");
            stream.write_all(kept.as_bytes()).unwrap();
        }
    });
    run(async {
        let fetcher = fetcher(&[&at]);
        for _ in 0..5 {
            let answer = fetcher.send(&get(&at)).await.unwrap();
            assert_eq!(answer.json(100, PATIENCE).await.unwrap().text(), "{}");
        }
    });
    site.join().unwrap();
}

/// What closed while it idled was told nothing, so the next request goes over another one.
#[test]
fn a_connection_that_the_other_end_closed_is_not_used_again() {
    let kept = OK.replace("connection: close\r\n", "");
    let site = Elsewhere::says(&[&kept]);
    let at = site.url("/");
    run(async {
        let fetcher = fetcher(&[&at]);
        for _ in 0..3 {
            let answer = fetcher.send(&get(&at)).await.unwrap();
            assert_eq!(answer.json(100, PATIENCE).await.unwrap().text(), "{}");
            // Until the other end has closed it; then there is nothing to tell.
            tokio::time::sleep(short()).await;
        }
    });
    assert_eq!(site.heard().len(), 3);
}

#[test]
fn what_is_answered_is_bounded_and_read_strictly() {
    let with = |head: &str, body: &str| format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}");
    let json = "content-type: application/json\r\nconnection: close";
    let long = format!("[{}1]", "1,".repeat(600));
    let header = format!("{json}\r\nx: {}", "a".repeat(400 << 10));
    let headers = format!("{json}\r\n{}x: y", "x: y\r\n".repeat(200));
    for (answer, expect) in [
        (with(json, "{\"a\":1}"), Ok("{\"a\":1}")),
        (
            with(
                "content-type: application/jwk-set+json; charset=utf-8\r\nconnection: close",
                "{}",
            ),
            Ok("{}"),
        ),
        (with("content-type: text/html\r\nconnection: close", "{}"), Err("JSON")),
        (with("connection: close", "{}"), Err("JSON")),
        (with(&format!("{json}\r\ncontent-type: text/html"), "{}"), Err("JSON")),
        (with(json, "{\"a\":1,\"a\":2}"), Err("strict")),
        (with(json, &format!("{}1{}", "[".repeat(50), "]".repeat(50))), Err("strict")),
        (with(json, "<html>"), Err("strict")),
        (with(json, &long), Err("too large")),
        (with(&format!("{json}\r\ncontent-encoding: gzip"), "{}"), Err("packed")),
        (with(&format!("{json}\r\ncontent-length: 100"), "{}"), Err("broke")),
        (with(&format!("{json}\r\ntransfer-encoding: chunked"), "zz\r\n{}"), Err("broken")),
        (with(&header, "{}"), Err("too large")),
        (with(&headers, "{}"), Err("broken")),
        ("SSH-2.0-x\r\n".to_owned(), Err("no HTTP")),
        (String::new(), Err("broken")),
    ] {
        let got = got(&Elsewhere::says(&[&answer])).map_err(|error| error.to_string());
        match (got, expect) {
            (Ok(text), Ok(expect)) => assert_eq!(text, expect),
            (Err(said), Err(expect)) => assert!(said.contains(expect), "{answer:.80}: {said}"),
            (got, _) => panic!("{answer:.80}: {got:?}"),
        }
    }
    let slow = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    for answer in ["", "HTTP/1.1 200 OK\r\nx: ", slow] {
        assert_eq!(got(&Elsewhere::never_ends(&[answer])), Err(FetchError::TooSlow), "{answer}");
    }
}

fn to(location: &str, status: &str) -> String {
    format!(
        "HTTP/1.1 {status} x\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
}

async fn followed(fetcher: &Fetcher, ask: &Ask, follow: Follow) -> String {
    match fetcher.follow(ask, follow).await {
        Ok(answer) => answer.status().to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_redirect_is_followed_where_the_first_request_might_have_gone() {
    let other = Elsewhere::says(&[OK]);
    let (inside, elsewhere) = (other.url("/inside"), "http://127.0.0.1:9/".to_owned());
    for (status, location, follow, expect) in [
        ("301", "/b", Follow::SameOrigin, "200 OK"),
        ("307", "/b", Follow::SameOrigin, "200 OK"),
        ("302", "/b?x=y", Follow::Reachable, "200 OK"),
        ("302", &inside, Follow::SameOrigin, "to another host"),
        ("302", &inside, Follow::Reachable, "200 OK"),
        ("302", &elsewhere, Follow::Reachable, "is not among"),
        ("302", "https://169.254.169.254/latest", Follow::Reachable, "is not among"),
        ("302", "http://example.com/", Follow::Reachable, "not https"),
        ("302", "file:///etc/passwd", Follow::Reachable, "begins with"),
        ("302", "b", Follow::Reachable, "begins with"),
        ("300", "/b", Follow::Reachable, "300 Multiple Choices"),
    ] {
        let site = Elsewhere::says(&[&to(location, status), OK]);
        let (at, theirs) = (site.url("/a"), other.url("/"));
        let fetcher = fetcher(&[&at, &theirs]);
        let mut key = HeaderValue::from_static("Bearer key");
        key.set_sensitive(true);
        let ask = get(&at).with(AUTHORIZATION, key);
        let said = run(followed(&fetcher, &ask, follow));
        assert!(said.contains(expect), "{status} {location}: {said}");
        for (turn, request) in site.heard().iter().enumerate() {
            assert!(request.contains("authorization: Bearer key"), "{turn}: {request}");
        }
    }
    let stranger = other.heard();
    assert_eq!(stranger.len(), 1, "{stranger:?}");
    assert!(!stranger.concat().to_ascii_lowercase().contains("authorization"), "{stranger:?}");
}

#[test]
fn a_redirect_ends_and_what_is_brought_goes_to_nobody_else() {
    let other = Elsewhere::says(&[OK]);
    let round = Elsewhere::says(&[&to("/again", "302")]);
    let at = round.url("/");
    let said = run(followed(&fetcher(&[&at]), &get(&at), Follow::Reachable));
    assert!(said.contains("too many times"), "{said}");
    assert_eq!(round.heard().len(), 5);
    let theirs = other.url("/");
    for (status, location, expect, methods) in [
        ("307", "/b", "200 OK", "POST POST"),
        ("308", "/b", "200 OK", "POST POST"),
        ("303", "/b", "200 OK", "POST GET"),
        ("302", "/b", "with something that was brought", "POST"),
        ("301", "/b", "with something that was brought", "POST"),
        ("307", &theirs, "to another host, with", "POST"),
    ] {
        let site = Elsewhere::says(&[&to(location, status), OK]);
        let at = site.url("/a");
        let ask = Ask::post(url(&at), "text/plain", Bytes::from_static(b"secret"));
        let said = run(followed(&fetcher(&[&at, &theirs]), &ask, Follow::Reachable));
        assert!(said.contains(expect), "{status} {location}: {said}");
        let heard = site.heard();
        let heard: Vec<_> = heard.iter().filter_map(|it| it.split(' ').next()).collect();
        assert_eq!(heard.join(" "), methods, "{status}");
    }
    assert_eq!(other.heard(), Vec::<String>::new());
}

/// A name that answers something else to every question, as rebinding does.
fn turning(addresses: &'static [&'static str]) -> (Resolver, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let resolver = Resolver::new(move |_| {
        let turn = count.fetch_add(1, Ordering::SeqCst);
        Ok(addresses[turn.min(addresses.len() - 1)]
            .split(' ')
            .map(|address| address.parse::<IpAddr>().unwrap())
            .collect())
    });
    (resolver, asked)
}

fn trusting(identity: &Identity, rule: Rule) -> Fetcher {
    let reach = Reach::default().and_listed(egress::Reach::new(vec![rule]).unwrap());
    Fetcher::new(reach, Roots::system().and_file(identity.ca.path()).unwrap())
}

async fn sent(fetcher: &Fetcher, at: &str) -> Result<Answer, FetchError> {
    fetcher.send(&get(at)).await
}

#[test]
fn a_name_is_looked_up_once_and_leads_nowhere_inside() {
    for addresses in ["127.0.0.1", "10.0.0.1", "93.184.216.34 127.0.0.1", "::ffff:169.254.169.254"]
    {
        let addresses: &'static [&'static str] = Box::leak(Box::new([addresses]));
        let (resolver, asked) = turning(addresses);
        let fetcher = Fetcher::new(Reach::public(), Roots::system()).resolving(resolver);
        let said = run(sent(&fetcher, "https://a.test/")).unwrap_err();
        assert!(matches!(said, FetchError::Inside { .. }), "{addresses:?}: {said}");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
    // The address that was judged is the one that is dialled: whoever answers second is not heard.
    let identity = Identity::of("a.test");
    let site = Elsewhere::encrypted(&[OK], &identity);
    let at = format!("https://a.test:{}/", site.address.port());
    let (resolver, asked) = turning(&["127.0.0.1", "93.184.216.34"]);
    let fetcher = trusting(&identity, Rule::vouched(url(&at).origin().target()));
    let answer = run(sent(&fetcher.resolving(resolver), &at)).unwrap();
    assert_eq!((answer.status(), asked.load(Ordering::SeqCst)), (StatusCode::OK, 1));
    let heard = site.heard().concat();
    assert!(heard.contains(&format!("host: a.test:{}\r\n", site.address.port())), "{heard}");
    // And one that the operator gave an address is not looked up at all.
    let (resolver, asked) = turning(&["93.184.216.34"]);
    let rule = Rule::new(&format!("a.test={}", site.address)).unwrap();
    let rule_at = format!("https://a.test:{}/", site.address.port());
    let answer = run(sent(&trusting(&identity, rule).resolving(resolver), &rule_at));
    assert_eq!((answer.unwrap().status(), asked.load(Ordering::SeqCst)), (StatusCode::OK, 0));
}

#[test]
fn who_cannot_prove_to_be_the_host_is_told_nothing() {
    let (identity, other) = (Identity::of("a.test"), Identity::of("b.test"));
    let site = Elsewhere::encrypted(&[OK], &identity);
    let rule = |name: &str| Rule::new(&format!("{name}={}", site.address)).unwrap();
    for (trusted, name) in [(&other, "a.test"), (&identity, "b.test")] {
        let at = format!("https://{name}:{}/", site.address.port());
        let said = run(sent(&trusting(trusted, rule(name)), &at)).unwrap_err();
        assert!(matches!(said, FetchError::Untrusted { .. }), "{name}: {said}");
    }
    assert_eq!(site.heard(), Vec::<String>::new());
}

#[test]
fn what_was_encrypted_is_not_sent_on_in_the_open() {
    let identity = Identity::of("a.test");
    let plain = Elsewhere::says(&[OK]);
    let site = Elsewhere::encrypted(&[&to(&plain.url("/"), "302")], &identity);
    let at = format!("https://a.test:{}/", site.address.port());
    let rules = vec![Rule::new(&format!("a.test={}", site.address)).unwrap()];
    let reach = Reach::default().and_listed(egress::Reach::new(rules).unwrap());
    let reach = reach.and_own(url(&plain.url("/")).origin());
    let roots = Roots::system().and_file(identity.ca.path()).unwrap();
    let said = run(followed(&Fetcher::new(reach, roots), &get(&at), Follow::Reachable));
    assert!(said.contains("nothing is encrypted"), "{said}");
    assert_eq!(plain.heard(), Vec::<String>::new());
}
