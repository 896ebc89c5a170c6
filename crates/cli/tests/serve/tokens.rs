//! The protected resource, with tokens of a real authorization server and with forged ones.

use std::io::Read as _;

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::house::{House, LEGACY, modern, opening, request};
use crate::issuer::{GATE, Issuer, Key, b64, now, part, signed};
use crate::stage::{Stage, answering};

/// A gateway for `files` that trusts this issuer.
fn house(stage: &Stage, issuer: &Issuer, more: &str) -> House {
    std::fs::write(stage.home().join("secret"), "gate-has-a-secret-of-its-own\n").unwrap();
    let secret = stage.home().join("secret").display().to_string();
    let uri = &issuer.uri;
    let trusted = issuer.trusted("corp");
    let asked = format!(
        "introspection = {{ url = \"{uri}/token/introspection\", client = \"gate\", secret = {{ \
         file = \"{secret}\" }} }}\n"
    );
    let scopes = "[serve.scopes_of.files]\nall = [\"files:read\"]\n\
        tools = { \"write_*\" = [\"files:write\"] }\n";
    let serve =
        format!("resource = \"{GATE}\"\nscopes = [\"mcp\"]\n{trusted}{asked}{more}{scopes}");
    House::of_files(stage, &serve)
}

fn list() -> Value {
    modern(1, "tools/list", &json!({}))
}

fn call(tool: &str, arguments: &Value) -> Value {
    modern(2, "tools/call", &json!({"name": tool, "arguments": arguments}))
}

#[test]
fn tokens_of_a_real_issuer_open_what_they_were_made_for() {
    let Some(issuer) = Issuer::start() else { return };
    let stage = Stage::new();
    let house = house(&stage, &issuer, "");
    let files = format!("{GATE}/s/files/mcp");
    for (client, resource, principal) in [
        ("signed", GATE, "oauth:corp:signed"),
        ("curve", files.as_str(), "oauth:corp:curve"),
        ("opaque", files.as_str(), "oauth-client:corp:opaque"),
    ] {
        let token = format!("Bearer {}", issuer.gives(client, "mcp files:read", resource));
        let bearer = [("Authorization", token.as_str())];
        let got = house.asks_modern(&bearer, &list());
        assert_eq!(got.status, 200, "{client}: {got:?}");
        assert!(got.json()["result"]["tools"].is_array(), "{got:?}");
        let session = house.greets(&bearer);
        assert_eq!(house.asks(&session, &bearer, &request(3, "ping", &json!({}))).status, 200);
        let started = stage.events("started");
        let theirs = started.iter().filter(|it| it["principal"] == principal).count();
        assert_eq!(theirs, 2, "{client}: {started:?}");
    }
    // For another server of ours, for somebody else, and a text that means nothing to anybody.
    for (client, resource) in [("signed", "/s/mail/mcp"), ("opaque", "/s/mail/mcp")] {
        let token = issuer.gives(client, "mcp files:read", &format!("{GATE}{resource}"));
        let token = format!("Bearer {token}");
        let got = house.asks_modern(&[("Authorization", &token)], &list());
        assert_eq!(got.status, 401, "{client}: {got:?}");
    }
    let unknown = house.asks_modern(&[("Authorization", "Bearer of-nobodys-making")], &list());
    assert_eq!(unknown.status, 401, "{unknown:?}");
    assert_eq!(stage.events("denied").len(), 3);
    stage.verify();
}

/// Tokens that look like those of the issuer.
fn forged(ours: &Issuer, other: &Issuer) -> Vec<(&'static str, String)> {
    let good = ours.gives("signed", "mcp files:read", GATE);
    let (header, claims) = (part(&good, 0), part(&good, 1));
    let public = ours.key("rsa-1");
    let mine = Key::new();
    let with = |other: &[(&str, Value)]| {
        let mut claims = claims.clone();
        for (name, value) in other {
            claims[*name] = value.clone();
        }
        claims
    };
    let unsigned = |alg: &str| {
        let header = json!({"alg": alg, "typ": "at+jwt", "kid": "rsa-1"}).to_string();
        format!("{}.{}.", b64(header), b64(claims.to_string()))
    };
    let hmac = |secret: &str| {
        let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": "rsa-1"});
        let key = EncodingKey::from_secret(secret.as_bytes()).unwrap();
        signed(&header, &claims, &key, Algorithm::HS256)
    };
    let by_me =
        |header: &Value, claims: &Value| signed(header, claims, &mine.key, Algorithm::ES256);
    let ec = json!({"alg": "ES256", "typ": "at+jwt", "kid": "ec-1"});
    let tampered = |claims: &Value| {
        let parts: Vec<&str> = good.split('.').collect();
        format!("{}.{}.{}", parts[0], b64(claims.to_string()), parts[2])
    };
    let of_other = other.gives("signed", "mcp files:read", GATE);
    let moved = {
        let parts: Vec<&str> = of_other.split('.').collect();
        format!("{}.{}.{}", b64(header.to_string()), b64(claims.to_string()), parts[2])
    };
    vec![
        ("alg none", unsigned("none")),
        ("alg nOnE", unsigned("nOnE")),
        ("HS256 by the public key's modulus", hmac(public["n"].as_str().unwrap())),
        ("HS256 by the public key", hmac(&public.to_string())),
        ("signed by somebody", by_me(&ec, &claims)),
        (
            "with a key of their own",
            by_me(&json!({"alg": "ES256", "typ": "at+jwt", "jwk": {}}), &claims),
        ),
        ("more scopes", tampered(&with(&[("scope", json!("mcp files:read files:write"))]))),
        ("somebody else", tampered(&with(&[("sub", json!("root"))]))),
        ("longer", tampered(&with(&[("exp", json!(now() + 3600))]))),
        ("for somebody else", ours.gives("signed", "mcp files:read", "https://other.example.com")),
        ("of another tenant", of_other.clone()),
        ("of another tenant, called ours", moved),
        ("cut", good[..good.len() - 4].to_owned()),
        ("twice", format!("{good}.{good}")),
    ]
}

#[test]
fn forged_tokens_are_refused_and_recorded_before_anything_is_started() {
    let (Some(issuer), Some(other)) = (Issuer::start(), Issuer::start()) else { return };
    let stage = Stage::new();
    // The other tenant is trusted too: for what is its own.
    let trusted = other.trusted("other").replace("issuer =", "servers = [\"mail\"]\nissuer =");
    let house = house(&stage, &issuer, &trusted);
    let rows = forged(&issuer, &other);
    for (what, token) in &rows {
        let bearer = format!("Bearer {token}");
        let got = house.asks_modern(&[("Authorization", &bearer)], &list());
        // Whoever is somebody else's reaches nothing here, and is not told that it is there.
        let expect = if *what == "of another tenant" { 404 } else { 401 };
        assert_eq!(got.status, expect, "{what}: {got:?}");
    }
    let good = issuer.gives("signed", "mcp files:read", GATE);
    let queried = house.sends("POST", &format!("/s/files/mcp?access_token={good}"), &[], "");
    assert_eq!(queried.status, 401);
    let denied = stage.events("denied");
    assert_eq!(denied.len(), rows.len() + 1, "each is recorded: {denied:?}");
    let by = |record: &&Value| record["decision"].to_string().contains("callers-authenticated");
    assert_eq!(denied.iter().filter(by).count(), rows.len(), "{denied:?}");
    assert!(stage.events("started").is_empty(), "nothing was started for them");
    // The one beside them.
    let bearer = format!("Bearer {good}");
    assert_eq!(house.asks_modern(&[("Authorization", &bearer)], &list()).status, 200);
    stage.verify();
}

#[test]
fn a_tool_takes_its_scopes_and_says_which() {
    let Some(issuer) = Issuer::start() else { return };
    let stage = Stage::new();
    let house = house(&stage, &issuer, "");
    let bearer = |scope: &str| format!("Bearer {}", issuer.gives("signed", scope, GATE));
    let file = stage.project().join("new.txt");
    let write = json!({"path": file.display().to_string(), "content": "x"});
    let metadata =
        format!("resource_metadata=\"{GATE}/.well-known/oauth-protected-resource/s/files/mcp\"");
    let (little, more, all) =
        (bearer("mcp"), bearer("mcp files:read"), bearer("mcp files:read files:write"));
    for (token, message, scopes) in [
        (&little, list(), "files:read mcp"),
        (&little, call("write_file", &write), "files:read files:write mcp"),
        (&more, call("write_file", &write), "files:read files:write mcp"),
    ] {
        let got = house.asks_modern(&[("Authorization", token)], &message);
        let expect = format!("Bearer {metadata}, scope=\"{scopes}\", error=\"insufficient_scope\"");
        assert_eq!(got.status, 403, "{got:?}");
        assert_eq!(got.header("www-authenticate"), Some(expect.as_str()));
    }
    let denied = stage.events("denied");
    let by = |record: &&Value| record["decision"].to_string().contains("scopes-sufficient");
    assert_eq!(denied.iter().filter(by).count(), 3, "{denied:?}");
    assert_eq!(denied[2]["tool"], "write_file");
    assert!(!file.exists());
    assert_eq!(house.asks_modern(&[("Authorization", &more)], &list()).status, 200);
    let got = house.asks_modern(&[("Authorization", &all)], &call("write_file", &write));
    assert_eq!(got.status, 200, "{got:?}");
    // In a session, each request says anew who it is of: a token with less does less.
    let session = house.greets(&[("Authorization", &all)]);
    let wanted = request(7, "tools/call", &json!({"name": "write_file", "arguments": write}));
    let got = house.asks(&session, &[("Authorization", &more)], &wanted);
    assert_eq!(got.status, 403, "{got:?}");
    assert_eq!(house.asks(&session, &[("Authorization", &all)], &wanted).status, 200);
    assert_eq!(house.asks(&session, &[], &wanted).status, 401);
}

#[test]
fn a_stranger_finds_who_gives_out_tokens() {
    let Some(issuer) = Issuer::start() else { return };
    let stage = Stage::new();
    let house = house(&stage, &issuer, "");
    let got = house.posts(&[], &opening(LEGACY));
    assert_eq!(got.status, 401);
    let place = "/.well-known/oauth-protected-resource/s/files/mcp";
    let challenge = format!("Bearer resource_metadata=\"{GATE}{place}\", scope=\"mcp\"");
    assert_eq!(got.header("www-authenticate"), Some(challenge.as_str()));
    assert!(got.head.contains("DPoP algs=\"ES256"), "{got:?}");
    let root = "/.well-known/oauth-protected-resource";
    let unknown = "/.well-known/oauth-protected-resource/s/nowhere/mcp";
    for (path, resource) in [
        (root, GATE.to_owned()),
        (place, format!("{GATE}/s/files/mcp")),
        (unknown, format!("{GATE}/s/nowhere/mcp")),
    ] {
        let got = house.sends("GET", path, &[], "");
        assert_eq!(got.status, 200, "{path}: {got:?}");
        let said = got.json();
        assert_eq!(said["resource"], resource, "{said}");
        assert_eq!(said["authorization_servers"], json!([issuer.uri]));
        assert_eq!(said["scopes_supported"], json!(["mcp"]));
        assert_eq!(said["bearer_methods_supported"], json!(["header"]));
    }
    assert_eq!(house.sends("GET", &format!("{root}/s/a/b"), &[], "").status, 401);
    assert_eq!(house.sends("POST", root, &[], "").status, 401);
}

#[test]
fn a_token_that_is_bound_counts_with_its_key_once_for_each_proof() {
    let Some(issuer) = Issuer::start() else { return };
    let stage = Stage::new();
    let house = house(&stage, &issuer, "");
    let (key, thief) = (Key::new(), Key::new());
    for client in ["signed", "opaque"] {
        let token = issuer.gives_bound(client, "mcp files:read", GATE, &key);
        let (bound, bare) = (format!("DPoP {token}"), format!("Bearer {token}"));
        let (first, second) = (key.shows(&token), key.shows(&token));
        let shows = |scheme: &str, proof: &str| {
            house.asks_modern(&[("Authorization", scheme), ("DPoP", proof)], &list()).status
        };
        assert_eq!(shows(&bound, &first), 200, "{client}");
        assert_eq!(shows(&bound, &first), 401, "{client}: a proof that was used before");
        assert_eq!(shows(&bound, &thief.shows(&token)), 401, "{client}: of another key");
        assert_eq!(shows(&bare, &second), 401, "{client}: as if it were bound to nothing");
        assert_eq!(house.asks_modern(&[("Authorization", &bare)], &list()).status, 401);
        let elsewhere = key.proof("POST", &format!("{GATE}/s/mail/mcp"), &[]);
        assert_eq!(shows(&bound, &elsewhere), 401, "{client}: for another address");
        assert_eq!(shows(&bound, &second), 200, "{client}: it was not used up");
    }
    assert_eq!(stage.events("denied").len(), 10);
}

/// What is let in otherwise from now on forgets nothing that was used.
#[test]
fn a_proof_that_was_used_is_used_after_the_config_changed() {
    let Some(issuer) = Issuer::start() else { return };
    let stage = Stage::new();
    let house = house(&stage, &issuer, "");
    let key = Key::new();
    let token = issuer.gives_bound("signed", "mcp files:read", GATE, &key);
    let (bound, proof) = (format!("DPoP {token}"), key.shows(&token));
    let shows = |proof: &str| {
        house.asks_modern(&[("Authorization", &bound), ("DPoP", proof)], &list()).status
    };
    assert_eq!(shows(&proof), 200);
    let file = stage.state().with_file_name("portcullis.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let digest = "0f".repeat(32);
    std::fs::write(&file, format!("{config}[serve.tokens.new]\nsha256 = \"{digest}\"\n")).unwrap();
    stage.until("the config is read again", || {
        let all = stage.events("notice");
        all.iter().any(|it| it["note"].to_string().contains("was read again")).then_some(())
    });
    assert_eq!(shows(&proof), 401, "it was used before");
    assert_eq!(shows(&key.shows(&token)), 200);
}

#[test]
fn a_stream_lasts_no_longer_than_the_token_that_opened_it() {
    let Some(issuer) = Issuer::start() else { return };
    let stage = Stage::new();
    let house = house(&stage, &issuer, "");
    let lasting = format!("Bearer {}", issuer.gives("brief", "mcp files:read", GATE));
    let name = house.greets(&[("Authorization", &lasting)]);
    let brief = format!("Bearer {}", issuer.gives("brief", "mcp files:read", GATE));
    let headers = [
        ("Authorization", brief.as_str()),
        ("Accept", "text/event-stream"),
        ("Mcp-Session-Id", name.as_str()),
        ("MCP-Protocol-Version", LEGACY),
    ];
    let mut stream = house.begins("GET", "/s/files/mcp", &headers, "");
    let mut all = String::new();
    // It ends by itself; reading gives up long after that.
    stream.read_to_string(&mut all).unwrap();
    assert!(all.starts_with("HTTP/1.1 200"), "{all}");
    let fresh = format!("Bearer {}", issuer.gives("brief", "mcp files:read", GATE));
    let ping = request(9, "ping", &json!({}));
    assert_eq!(house.asks(&name, &[("Authorization", &fresh)], &ping).status, 200, "goes on");
}

#[test]
fn a_token_goes_no_further_than_the_door() {
    let Some(issuer) = Issuer::start() else { return };
    let stage = Stage::new();
    let kept = stage.project().join("kept");
    let does = "import os\n\
        with open(sys.argv[1], 'a') as kept: print(dict(os.environ), sys.argv, file=kept)\n\
        for line in sys.stdin:\n    \
            with open(sys.argv[1], 'a') as kept: kept.write(line)\n    \
            asked = json.loads(line)\n    \
            if 'id' not in asked: continue\n    \
            result = {'tools': [], 'resultType': 'complete', 'ttlMs': 0, 'cacheScope': 'private',\n        \
                'capabilities': {'tools': {}}, 'serverInfo': {'name': 'server', 'version': '1'}}\n    \
            if asked['method'] == 'initialize': result['protocolVersion'] = '2025-11-25'\n    \
            if asked['method'] == 'server/discover': result['supportedVersions'] = ['2026-07-28']\n    \
            print(json.dumps({'jsonrpc': '2.0', 'id': asked['id'], 'result': result}), flush=True)\n";
    let command = json!(answering::python(does, &[kept.to_str().unwrap()]));
    let trusted = issuer.trusted("corp");
    let serve = format!("resource = \"{GATE}\"\n{trusted}");
    let house = House::of(&stage, &command, &serve);
    let token = issuer.gives("signed", "mcp files:read", GATE);
    let bearer = format!("Bearer {token}");
    assert_eq!(house.asks_modern(&[("Authorization", &bearer)], &list()).status, 200);
    let session = house.greets(&[("Authorization", &bearer)]);
    let asked = request(4, "tools/list", &json!({}));
    assert_eq!(house.asks(&session, &[("Authorization", &bearer)], &asked).status, 200);
    let kept = std::fs::read_to_string(&kept).unwrap();
    assert!(kept.contains("tools/list") && kept.contains("'PATH'"), "{kept}");
    let secret = token.rsplit('.').next().unwrap();
    for text in [&kept, &format!("{:?}", stage.journal(0))] {
        assert!(!text.contains(secret) && !text.contains(&token[..40]), "a token is in {text}");
        assert!(!text.to_lowercase().contains("authorization"), "{text}");
    }
}
