//! What issuers are asked for: their keys, where those are, and what a token is that says nothing.

use std::sync::Arc;
use std::time::Duration;

use portcullis_transport::http::oauth::{Issuer, Trusted};
use serde_json::{Value, json};

use crate::mint::*;

#[tokio::test]
async fn a_new_key_is_found_and_nobody_makes_us_ask_all_the_time() {
    let (first, second, never) = (Mint::p256("1"), Mint::p256("2"), Mint::p256("3"));
    let world = World::default();
    world.publishes(CORP, &[&first]);
    let gate = gate(&world);
    bears(&gate, &first.token()).await.unwrap();
    bears(&gate, &first.token()).await.unwrap();
    assert_eq!(world.asked(), 1, "they are kept");
    // Whoever sends names of keys that are nobody's makes us ask once in a while, and not more.
    for _ in 0..20 {
        assert_eq!(bears(&gate, &never.token()).await.unwrap_err().status, 401);
        bears(&gate, &first.token()).await.unwrap();
    }
    assert_eq!(world.asked(), 1, "it was asked a moment ago");
    world.publishes(CORP, &[&second]);
    world.passes(Duration::from_millis(4999));
    assert!(bears(&gate, &second.token()).await.is_err(), "it is left alone for five seconds");
    world.passes(Duration::from_millis(1));
    bears(&gate, &second.token()).await.unwrap();
    let refused = bears(&gate, &first.token()).await.unwrap_err();
    assert!(refused.why.contains("has not"), "the old key is gone");
    assert_eq!(world.asked(), 2);
}

/// Whoever has a token of a known key waits for nobody, though the issuer answers nobody.
#[tokio::test]
async fn an_issuer_that_hangs_makes_nobody_wait_while_there_are_keys() {
    let (known, never) = (Mint::p256("1"), Mint::p256("2"));
    let world = World::default();
    world.publishes(CORP, &[&known]);
    let gate = gate(&world);
    bears(&gate, &known.token()).await.unwrap();
    world.passes(Duration::from_mins(11));
    let opens = world.hangs();
    for _ in 0..20 {
        bears(&gate, &known.token()).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(world.asked(), 2, "one asks anew, beside everybody");
    let (names, token) = (never.token(), known.token());
    let unknown = bears(&gate, &names);
    let bearer = bears(&gate, &token);
    tokio::select! {
        biased;
        _ = unknown => panic!("nothing was answered"),
        known = bearer => drop(known.unwrap()),
    }
    // It is answered at last, and what it has now counts.
    let third = Mint::p256("3");
    world.publishes(CORP, &[&known, &third]);
    opens.add_permits(1);
    while Arc::strong_count(&opens) > 2 {
        tokio::task::yield_now().await;
    }
    *world.hangs.lock().unwrap() = None;
    world.passes(Duration::from_secs(5));
    bears(&gate, &third.token()).await.unwrap();
    world.hangs();
    world.passes(Duration::from_hours(5));
    bears(&gate, &known.token()).await.unwrap();
}

/// Those who wait for keys that nobody has wait together, and not one after the other.
#[tokio::test]
async fn who_waits_for_keys_asks_once_for_all() {
    let known = Mint::p256("1");
    let world = World::default();
    let gate = gate(&world);
    let token = known.token();
    let opens = world.hangs();
    let first = bears(&gate, &token);
    let second = async {
        tokio::task::yield_now().await;
        let waits = bears(&gate, &token);
        // The issuer is slow, and has nothing.
        world.passes(Duration::from_secs(9));
        opens.add_permits(1);
        waits.await
    };
    let (first, second) = tokio::join!(first, second);
    for refused in [first.unwrap_err(), second.unwrap_err()] {
        assert_eq!(refused.status, 503);
    }
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn keys_that_cannot_be_had_let_nobody_in() {
    let corp = Mint::p256("1");
    let world = World::default();
    let gate_without = gate(&world);
    assert_eq!(bears(&gate_without, &corp.token()).await.unwrap_err().status, 503);
    for answer in [json!([]), json!({}), json!({"keys": {}}), json!({"keys": [1, {"kty": "oct"}]})]
    {
        world.says(&format!("{CORP}/jwks"), &answer);
        let refused = bears(&gate(&world), &corp.token()).await.unwrap_err();
        assert!(matches!(refused.status.as_u16(), 503 | 401), "{answer}");
    }
    let mut wrong = Vec::new();
    for (name, value) in [
        ("use", json!("enc")),
        ("key_ops", json!(["sign"])),
        ("d", json!("AAAA")),
        ("alg", json!("ES384")),
    ] {
        let mut jwk = corp.jwk();
        jwk[name] = value;
        wrong.push(jwk);
    }
    world.says(&format!("{CORP}/jwks"), &json!({"keys": wrong}));
    let refused = bears(&gate(&world), &corp.token()).await.unwrap_err();
    assert!(refused.why.contains("has not"), "{}", refused.why);
}

#[tokio::test]
async fn keys_are_where_the_issuers_own_metadata_says() {
    let corp = Mint::p256("1");
    let path = format!("{CORP}/tenants/a");
    let places = [
        format!("{CORP}/.well-known/oauth-authorization-server/tenants/a"),
        format!("{CORP}/.well-known/openid-configuration/tenants/a"),
        format!("{CORP}/tenants/a/.well-known/openid-configuration"),
    ];
    let keys = format!("{CORP}/elsewhere");
    let metadata = json!({"issuer": path, "jwks_uri": keys});
    let asks = async |place: &str, metadata: &Value| {
        let world = World::default();
        world.says(place, metadata);
        world.says(&keys, &json!({"keys": [corp.jwk()]}));
        world.says("http://login.example.com/k", &json!({"keys": [corp.jwk()]}));
        let issuer = Issuer::new(trust("corp", &path), None, None, Arc::new(world.clone()));
        let gate = guarded(vec![Trusted { issuer, servers: None }]);
        bears(&gate, &corp.with(&[("iss", json!(path))])).await
    };
    for place in &places {
        assert!(asks(place, &metadata).await.is_ok(), "{place}");
    }
    for (name, value) in [
        ("issuer", json!(CORP)),
        ("issuer", json!(format!("{path}/"))),
        ("issuer", Value::Null),
        ("jwks_uri", Value::Null),
        ("jwks_uri", json!("http://login.example.com/k")),
    ] {
        let mut metadata = metadata.clone();
        metadata[name] = value;
        let refused = asks(&places[0], &metadata).await.unwrap_err();
        assert_eq!(refused.status, 503, "{metadata}");
    }
}

/// Anybody can make up tokens that only their issuer could know.
#[tokio::test]
async fn strangers_make_us_ask_no_more_than_so_many_at_once() {
    let world = World::default();
    let gate = gate(&world);
    let place = format!("{CORP}/introspect");
    world.says(&place, &claims(&[("active", json!(true))]));
    bears(&gate, "adas").await.unwrap();
    world.says(&place, &json!({"active": false}));
    for _ in 0..3 {
        assert_eq!(bears(&gate, "made-up").await.unwrap_err().status, 401);
    }
    assert_eq!(world.asked(), 2, "a no is remembered as well");

    let opens = world.hangs();
    let tokens: Vec<String> = (0..72).map(|number| format!("made-up-{number}")).collect();
    let mut waiting: Vec<_> = tokens.iter().map(|token| Box::pin(bears(&gate, token))).collect();
    for waits in &mut waiting {
        let still =
            tokio::select! { biased; _ = waits => false, () = std::future::ready(()) => true };
        assert!(still, "it waits");
    }
    assert_eq!(world.asked(), 2 + 8);
    assert_eq!(bears(&gate, "one-more").await.unwrap_err().status, 503);
    assert_eq!(world.asked(), 2 + 8);
    opens.add_permits(72);
    for waits in waiting {
        assert_eq!(waits.await.unwrap_err().status, 401);
    }
}

#[tokio::test]
async fn a_token_that_says_nothing_is_asked_about() {
    let world = World::default();
    let gate = gate(&world);
    let place = format!("{CORP}/introspect");
    assert_eq!(bears(&gate, "opaque").await.unwrap_err().status, 503, "nobody answers");
    let answer = |other: &[(&str, Value)]| {
        let mut all = vec![("active", json!(true)), ("token_type", json!("Bearer"))];
        all.extend_from_slice(other);
        claims(&all)
    };
    world.says(&place, &answer(&[]));
    let guest = bears(&gate, "opaque/with+letters=").await.unwrap();
    assert_eq!(guest.principal.as_str(), "oauth:corp:ada");
    let sent = world.forms.lock().unwrap().last().unwrap().clone();
    assert_eq!(sent, "token_type_hint=access_token&token=opaque%2Fwith%2Bletters%3D");
    let before = world.asked();
    bears(&gate, "opaque/with+letters=").await.unwrap();
    assert_eq!(world.asked(), before, "it is remembered for a moment");
    let mail = json!(format!("{GATE}{FILES}"));
    world.says(&place, &answer(&[("aud", mail)]));
    bears(&gate, "for-files").await.unwrap();
    let bearer = [("authorization", "Bearer for-files")];
    let elsewhere = asks_at(&gate, "/s/mail/mcp", &bearer).await.unwrap_err();
    assert!(elsewhere.why.contains("somebody else"), "and for nothing else: {}", elsewhere.why);
    for (number, (other, says)) in [
        (vec![("active", json!(false))], "does not stand by"),
        (vec![("active", Value::Null)], "does not stand by"),
        (vec![("active", json!("true"))], "does not stand by"),
        (vec![("active", json!(1))], "does not stand by"),
        (vec![("iss", json!(OTHER))], "another issuer"),
        (vec![("aud", Value::Null)], "for nobody"),
        (vec![("aud", json!("https://other.example.com"))], "somebody else"),
        (vec![("exp", Value::Null)], "never expires"),
        (vec![("exp", json!(now() - 60))], "expired"),
        (vec![("nbf", json!(now() + 60))], "not valid yet"),
        (vec![("cnf", json!({"jkt": "x"}))], "without proof"),
        (vec![("sub", json!(7))], "not the text"),
    ]
    .into_iter()
    .enumerate()
    {
        world.says(&place, &answer(&other));
        let refused = bears(&gate, &format!("opaque-{number}")).await.unwrap_err();
        assert_eq!(refused.status, 401, "{other:?}");
        assert!(refused.why.contains(says), "{other:?}: {}", refused.why);
    }
    // A token that says who it is of is never shown to anybody.
    let asked = world.forms.lock().unwrap().len();
    bears(&gate, &Mint::p256("x").token()).await.unwrap_err();
    assert_eq!(world.forms.lock().unwrap().len(), asked);
}
