//! A client of its own that speaks HTTP/2: what it gets is what HTTP/1.1 gets.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::house::{Got, House, LEGACY, opening, request};
use crate::people::{ADAS, BOBS, people};
use crate::stage::{Stage, start};
use crate::tls::{Authority, Files, dns};

/// A `curl` that trusts our authority.
struct Curl<'a> {
    house: &'a House,
    trusts: String,
    /// How it is told which HTTP to speak.
    speaks: &'static str,
}

impl Curl<'_> {
    fn begins(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Child {
        let port = self.house.port;
        let mut curl = start("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--include",
            "--no-buffer",
            "--max-time",
            "60",
            "--noproxy",
            "*",
        ])
        .args([self.speaks, "--cacert", &self.trusts, "--request", method])
        .args(["--resolve", &format!("localhost:{port}:127.0.0.1")]);
        for (name, value) in headers {
            curl.args(["--header", &format!("{name}: {value}")]);
        }
        if !body.is_empty() {
            curl.args(["--data-binary", body]);
        }
        curl.arg(format!("https://localhost:{port}{path}"));
        curl.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
    }

    fn sends(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
        let said = self.begins(method, path, headers, body).wait_with_output().unwrap();
        Got::read(&said.stdout)
    }

    fn posts(&self, headers: &[(&str, &str)], message: &Value) -> Got {
        let mut all = vec![
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
        ];
        all.extend_from_slice(headers);
        self.sends("POST", "/s/files/mcp", &all, &message.to_string())
    }
}

fn is_there() -> bool {
    let says = start("curl").arg("--version").output();
    says.is_ok_and(|says| String::from_utf8_lossy(&says.stdout).contains("HTTP2"))
}

#[test]
fn a_client_of_http_2_gets_what_everybody_gets() {
    if !is_there() {
        println!("skipped: there is no curl that speaks HTTP/2");
        return;
    }
    let stage = Stage::new();
    let (authority, files) = (Authority::new(), Files::of(&stage));
    files.write(&authority.vouches(&[dns("localhost")]));
    let house = House::of_files(&stage, &format!("{}{}", files.config(false), people("")));
    let trusts = stage.home().join("authority.pem");
    fs::write(&trusts, authority.pem()).unwrap();
    let trusts = trusts.display().to_string();
    let curl = Curl { house: &house, trusts: trusts.clone(), speaks: "--http2" };
    let (ada, bob) = (("Authorization", ADAS), ("Authorization", BOBS));

    // Without a body: some clients take an answer that comes before they said all for an error.
    let gets = |headers: &[(&str, &str)]| curl.sends("GET", "/s/files/mcp", headers, "");
    let stranger = gets(&[]);
    assert_eq!((stranger.status, stranger.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(stranger.header("connection"), None, "{stranger:?}");
    for more in [("Origin", "https://evil.example"), ("Host", "evil.example")] {
        let got = gets(&[ada, more]);
        assert_eq!(got.status, 403, "{more:?}: {got:?}");
    }
    let got = curl.posts(&[ada], &opening(LEGACY));
    assert!(got.head.starts_with("HTTP/2 200"), "{got:?}");
    let name = got.header("mcp-session-id").unwrap().to_owned();
    let session = [("Mcp-Session-Id", name.as_str()), ("MCP-Protocol-Version", LEGACY)];
    let said = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(curl.posts(&[ada, session[0], session[1]], &said).status, 202);
    let list = request(2, "tools/list", &json!({}));
    let listens = [bob, session[0], session[1], ("Accept", "text/event-stream")];
    assert_eq!(gets(&listens).status, 403, "it is not his");
    let got = curl.posts(&[ada, session[0], session[1]], &list);
    assert!(got.json()["result"]["tools"].is_array(), "{got:?}");

    // A stream lasts until its session ends, which is said on a connection of another kind.
    let listens = [ada, session[0], session[1], ("Accept", "text/event-stream")];
    let mut listening = curl.begins("GET", "/s/files/mcp", &listens, "");
    let older = Curl { house: &house, trusts, speaks: "--http1.1" };
    let mut stream = BufReader::new(listening.stdout.take().unwrap());
    let mut first = String::new();
    stream.read_line(&mut first).unwrap();
    assert!(first.starts_with("HTTP/2 200"), "{first}");
    let got = older.posts(&[ada, session[0], session[1]], &list);
    assert!(got.head.starts_with("HTTP/1.1 200"), "{got:?}");
    let got = older.sends("DELETE", "/s/files/mcp", &[ada, session[0], session[1]], "");
    assert_eq!(got.status, 204, "{got:?}");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("content-type: text/event-stream"), "{rest}");
    assert!(listening.wait().unwrap().success(), "it was ended, and not cut off");
    stage.verify();
}
