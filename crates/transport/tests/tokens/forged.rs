//! Tokens that were made up, or made for somebody else, one beside a token that counts.

use serde_json::{Value, json};

use crate::mint::*;

/// Every way to make one, and what has to be said of it.
#[expect(clippy::too_many_lines, reason = "a table")]
fn forged(corp: &Mint, other: &Mint, unknown: &Mint) -> Vec<(&'static str, String, &'static str)> {
    let unsigned = |alg: &str| {
        let header = json!({"alg": alg, "typ": "at+jwt"}).to_string();
        format!("{}.{}.", b64(header), b64(claims(&[]).to_string()))
    };
    let hmac = |alg: &str| {
        // The public key, as whoever confuses the two would use it.
        let secret = corp.jwk().to_string();
        let header = json!({"alg": alg, "typ": "at+jwt", "kid": corp.kid}).to_string();
        let signed = format!("{}.{}", b64(header), b64(claims(&[]).to_string()));
        let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes()).unwrap();
        let by = jsonwebtoken::Algorithm::HS256;
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, by).unwrap();
        format!("{signed}.{signature}")
    };
    let text = |claims: &str| corp.signs_texts(&corp.header().to_string(), claims);
    let swapped = |by: usize, with: &str| {
        let token = corp.token();
        let mut parts: Vec<&str> = token.split('.').collect();
        parts[by] = with;
        parts.join(".")
    };
    let richer = b64(claims(&[("scope", json!("mcp files:admin"))]).to_string());
    let twice = claims(&[]).to_string().replacen("\"sub\"", "\"sub\":\"root\",\"sub\"", 1);
    let inside = claims(&[("cnf", json!({"jkt": "x"}))]).to_string().replacen(
        "\"jkt\"",
        "\"jkt\":\"y\",\"jkt\"",
        1,
    );
    let header_twice = corp.header().to_string().replacen("\"alg\"", "\"alg\":\"none\",\"alg\"", 1);
    let escaped = claims(&[]).to_string().replacen("\"sub\"", "\"su\\u0062\":\"root\",\"sub\"", 1);
    let way = "none that we take";
    let one = "in one way";
    let not = "no access token";
    let past = |by: u64| json!(now() - by);
    let ahead = |by: u64| json!(now() + by);
    vec![
        ("alg none", unsigned("none"), "signature cannot be read"),
        ("alg none, signed", swapped(0, &b64(r#"{"alg":"none","typ":"at+jwt"}"#)), way),
        ("alg None", corp.headed(&[("alg", json!("None"))]), way),
        ("alg empty", corp.headed(&[("alg", json!(""))]), way),
        ("alg a list", corp.headed(&[("alg", json!(["ES256"]))]), "not the text"),
        ("no alg", corp.headed(&[("alg", Value::Null)]), "no algorithm"),
        ("HS256 by the public key", hmac("HS256"), way),
        ("ES256 by an HMAC", hmac("ES256"), "not its issuer's"),
        ("alg of another key kind", corp.headed(&[("alg", json!("RS256"))]), "has not"),
        ("alg that the issuer has not", corp.headed(&[("alg", json!("ES384"))]), "sign that way"),
        ("claims swapped", swapped(1, &richer), "not its issuer's"),
        (
            "signature cut",
            corp.token().rsplit_once('.').unwrap().0.to_owned() + ".AAAA",
            "its issuer's",
        ),
        (
            "signature empty",
            corp.token().rsplit_once('.').unwrap().0.to_owned() + ".",
            "cannot be read",
        ),
        ("padded", format!("{}=", corp.token()), "cannot be read"),
        ("expired", corp.with(&[("exp", past(31))]), "expired"),
        ("expired long ago", corp.with(&[("exp", json!(1)), ("iat", json!(0))]), "expired"),
        ("never expires", corp.with(&[("exp", Value::Null)]), "never expires"),
        ("exp a text", corp.with(&[("exp", json!("9999999999"))]), "no moment"),
        ("exp below zero", corp.with(&[("exp", json!(-1))]), "no moment"),
        ("exp beyond reason", corp.with(&[("exp", json!(1e300))]), "no moment"),
        ("lives too long", corp.with(&[("exp", ahead(25 * 3600))]), "too long"),
        ("not yet", corp.with(&[("nbf", ahead(60))]), "not valid yet"),
        ("of the future", corp.with(&[("iat", ahead(60))]), "not valid yet"),
        ("no aud", corp.with(&[("aud", Value::Null)]), "for nobody"),
        ("for another", corp.with(&[("aud", json!("https://other.example.com"))]), "somebody else"),
        ("for others", corp.with(&[("aud", json!(["https://a", "https://b"]))]), "somebody else"),
        ("for no one of a list", corp.with(&[("aud", json!([]))]), "somebody else"),
        ("for us and for a number", corp.with(&[("aud", json!([GATE, 1]))]), "somebody else"),
        (
            "for us below another",
            corp.with(&[("aud", json!(format!("{GATE}.evil.example")))]),
            "somebody else",
        ),
        ("for us in capitals", corp.with(&[("aud", json!(GATE.to_uppercase()))]), "somebody else"),
        (
            "for another of our servers",
            corp.with(&[("aud", json!(format!("{GATE}/s/mail/mcp")))]),
            "somebody else",
        ),
        ("no iss", corp.with(&[("iss", Value::Null)]), "another issuer"),
        ("unknown iss", corp.with(&[("iss", json!("https://evil.example"))]), "another issuer"),
        ("iss with a slash", corp.with(&[("iss", json!(format!("{CORP}/")))]), "another issuer"),
        (
            "iss in capitals",
            corp.with(&[("iss", json!("https://LOGIN.example.com"))]),
            "another issuer",
        ),
        ("signed by the other tenant", other.with(&[]), "has not"),
        (
            "by the other tenant, under our key's name",
            other.headed(&[("kid", json!(corp.kid))]),
            "has not",
        ),
        (
            "by somebody, under our key's name",
            unknown.headed(&[("kid", json!(corp.kid))]),
            "not its issuer's",
        ),
        ("ours, said to be the other tenant's", corp.with(&[("iss", json!(OTHER))]), "has not"),
        ("by a key that nobody published", unknown.with(&[]), "has not"),
        ("kid elsewhere", corp.headed(&[("kid", json!("../../etc/passwd"))]), "has not"),
        ("kid a number", corp.headed(&[("kid", json!(1))]), "not the text"),
        ("brings its key", unknown.headed(&[("jwk", unknown.jwk())]), "a key of its own"),
        (
            "says where its key is",
            unknown.headed(&[("jku", json!("https://evil.example/k"))]),
            "a key of its own",
        ),
        ("brings a certificate", corp.headed(&[("x5c", json!(["AAAA"]))]), "a key of its own"),
        (
            "says where one is",
            corp.headed(&[("x5u", json!("https://evil.example/c"))]),
            "a key of its own",
        ),
        (
            "critical",
            corp.headed(&[("crit", json!(["exp"])), ("exp", json!(1))]),
            "more understood",
        ),
        ("not encoded", corp.headed(&[("b64", json!(false))]), "more understood"),
        ("no typ", corp.headed(&[("typ", Value::Null)]), not),
        ("a proof", corp.headed(&[("typ", json!("dpop+jwt"))]), not),
        ("a logout", corp.headed(&[("typ", json!("logout+jwt"))]), not),
        (
            "an identity",
            corp.signs(
                &json!({"alg": "ES256", "typ": "JWT", "kid": corp.kid}),
                &claims(&[("nonce", json!("n"))]),
            ),
            not,
        ),
        ("a claim twice", text(&twice), one),
        ("a claim twice, escaped", text(&escaped), one),
        ("twice inside", text(&inside), one),
        ("header twice", corp.signs_texts(&header_twice, &claims(&[]).to_string()), one),
        ("more behind it", text(&format!("{}x", claims(&[]))), one),
        ("no object", text("[]"), one),
        ("nobody's", corp.with(&[("sub", Value::Null), ("client_id", Value::Null)]), "nobody's"),
        ("of an empty name", corp.with(&[("sub", json!(""))]), "nobody's"),
        ("bound to something", corp.with(&[("cnf", json!({"kid": "x"}))]), "do not know"),
        ("bound to nothing", corp.with(&[("cnf", json!({}))]), "do not know"),
        ("bound to a key", corp.with(&[("cnf", json!({"jkt": "x"}))]), "without proof"),
        (
            "bound to a certificate",
            corp.with(&[("cnf", json!({"x5t#S256": "x"}))]),
            "another certificate",
        ),
        ("scopes of another kind", corp.with(&[("scope", json!({"a": 1}))]), "scopes"),
        ("too long", corp.with(&[("x", json!("x".repeat(8 << 10)))]), "a bearer token is wanted"),
    ]
}

#[tokio::test]
async fn each_forged_token_is_refused_for_what_is_wrong_with_it() {
    let (corp, other, unknown) = (Mint::p256("corp-1"), Mint::ed25519("other-1"), Mint::p256("x"));
    let world = World::default();
    world.publishes(CORP, &[&corp]);
    world.publishes(OTHER, &[&other]);
    let gate = gate(&world);
    let rows = forged(&corp, &other, &unknown);
    assert!(rows.len() >= 25);
    for (what, token, says) in rows {
        let Err(refused) = bears(&gate, &token).await else { panic!("{what} was taken") };
        assert_eq!(refused.status, 401, "{what}: {refused:?}");
        assert!(refused.why.contains(says), "{what}: {}", refused.why);
        let challenge = refused.challenge.unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{what}: {challenge}");
        // The one beside it.
        bears(&gate, &corp.token()).await.unwrap();
    }
}

#[tokio::test]
async fn what_counts_counts_in_every_form_that_it_has() {
    let (corp, other) = (Mint::p256("corp-1"), Mint::ed25519("other-1"));
    let world = World::default();
    world.publishes(CORP, &[&corp]);
    world.publishes(OTHER, &[&other]);
    let gate = gate(&world);
    let files = format!("{GATE}{FILES}");
    for (what, token) in [
        ("aud in a list", corp.with(&[("aud", json!(["https://a", GATE]))])),
        ("aud with a slash", corp.with(&[("aud", json!(format!("{GATE}/")))])),
        ("aud of the server", corp.with(&[("aud", json!(files))])),
        ("typ in full", corp.headed(&[("typ", json!("application/AT+jwt"))])),
        ("typ of others", corp.headed(&[("typ", json!("JWT"))])),
        ("no kid, and one key", corp.headed(&[("kid", Value::Null)])),
        (
            "clocks that differ",
            corp.with(&[("iat", json!(now() + 20)), ("nbf", json!(now() + 20))]),
        ),
        ("parts of a second", corp.with(&[("exp", json!(now() as f64 + 600.5))])),
    ] {
        let guest = bears(&gate, &token).await.unwrap_or_else(|no| panic!("{what}: {no:?}"));
        assert_eq!(guest.principal.as_str(), "oauth:corp:ada", "{what}");
        assert!(guest.until.is_some(), "{what}");
    }
    // The same name with another issuer is somebody else.
    let theirs = bears(&gate, &other.with(&[("iss", json!(OTHER))])).await.unwrap();
    assert_eq!(theirs.principal.as_str(), "oauth:other:ada");
    let program = corp.with(&[("sub", Value::Null)]);
    assert_eq!(bears(&gate, &program).await.unwrap().principal.as_str(), "oauth-client:corp:app");
    let admin = corp.with(&[("scope", Value::Null), ("scp", json!(["files:admin", "mcp"]))]);
    let scopes = bears(&gate, &admin).await.unwrap().scopes().cloned().unwrap();
    let scopes: Vec<_> = scopes.iter().map(String::as_str).collect();
    assert_eq!(scopes, ["files:admin", "files:read", "mcp"], "with what one stands for");
}

#[tokio::test]
async fn a_token_stands_in_one_place() {
    let corp = Mint::p256("corp-1");
    let world = World::default();
    world.publishes(CORP, &[&corp]);
    let (gate, token) = (gate(&world), corp.token());
    let bearer = format!("Bearer {token}");
    let good = [("authorization", bearer.as_str())];
    asks(&gate, &good).await.unwrap();
    for uri in [
        format!("{FILES}?access_token={token}"),
        format!("{FILES}?x=1&ACCESS_TOKEN={token}"),
        format!("{FILES}?token={token}"),
        format!("{FILES}?access%5ftoken={token}"),
    ] {
        assert_eq!(asks_at(&gate, &uri, &good).await.unwrap_err().status, 401, "{uri}");
        assert_eq!(asks_at(&gate, &uri, &[]).await.unwrap_err().status, 401, "{uri}");
    }
    let lists = [
        vec![],
        vec![("authorization", token.clone())],
        vec![("authorization", format!("Basic {token}"))],
        vec![("authorization", format!("Bearer {token} {token}"))],
        vec![("authorization", format!("Bearer {token},{token}"))],
        vec![("authorization", format!("Bearer\t{token}"))],
        vec![("authorization", bearer.clone()), ("authorization", bearer.clone())],
        vec![("authorization", format!("DPoP {token}"))],
        vec![("x-authorization", bearer.clone())],
        vec![("cookie", format!("access_token={token}"))],
    ];
    for list in lists {
        let headers: Vec<_> = list.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let refused = asks(&gate, &headers).await.unwrap_err();
        assert_eq!(refused.status, 401, "{headers:?}");
    }
}

#[tokio::test]
async fn a_stranger_is_told_where_to_go_and_nothing_else() {
    let gate = gate(&World::default());
    let refused = asks(&gate, &[]).await.unwrap_err();
    let metadata = format!("{GATE}/.well-known/oauth-protected-resource");
    let bearer = format!("Bearer resource_metadata=\"{metadata}{FILES}\", scope=\"mcp\"");
    assert_eq!(refused.challenge.as_deref(), Some(bearer.as_str()));
    assert!(refused.dpop.unwrap().starts_with("DPoP algs=\"ES256 "));
    for path in ["/", "/s/../mcp", "/s/a\"b/mcp", "/elsewhere"] {
        let Ok(_) = path.parse::<hyper::Uri>() else { continue };
        let refused = asks_at(&gate, path, &[]).await.unwrap_err();
        let bearer = format!("Bearer resource_metadata=\"{metadata}\", scope=\"mcp\"");
        assert_eq!(refused.challenge.as_deref(), Some(bearer.as_str()), "{path}");
    }
}
