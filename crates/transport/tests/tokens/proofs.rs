//! Tokens that are bound to a key count for whoever has it, once for each proof.

use portcullis_transport::http::oauth::Proofs;
use serde_json::{Value, json};

use crate::mint::*;

#[tokio::test]
async fn a_bound_token_takes_a_proof_that_was_made_for_this_request() {
    let (corp, ada, thief) = (Mint::p256("corp-1"), Mint::p256("ada"), Mint::p256("thief"));
    let world = World::default();
    world.publishes(CORP, &[&corp]);
    let gate = gate(&world);
    let token = corp.with(&[("cnf", json!({"jkt": ada.thumbprint()}))]);
    let other = corp.with(&[("cnf", json!({"jkt": ada.thumbprint()})), ("jti", json!("2"))]);
    let with = async |proofs: &[String], scheme: &str| {
        let bearer = format!("{scheme} {token}");
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(proofs.iter().map(|proof| ("dpop", proof.as_str())));
        asks(&gate, &headers).await
    };
    let good = ada.proof(&token, &[], &[]);
    let guest = with(std::slice::from_ref(&good), "DPoP").await.unwrap();
    assert_eq!(guest.principal.as_str(), "oauth:corp:ada");
    let query = json!(format!("{GATE}{FILES}?x=1"));
    with(&[ada.proof(&token, &[], &[("htu", query)])], "dpop").await.unwrap();
    let mut private = ada.jwk();
    private["d"] = "AAAA".into();
    let one = |proof: String| vec![proof];
    let claim = |name, value: Value| one(ada.proof(&token, &[], &[(name, value)]));
    let head = |name, value: Value| one(ada.proof(&token, &[(name, value)], &[]));
    for (what, proofs, says) in [
        ("used before", one(good), "used before"),
        ("none", vec![], "not one proof"),
        ("two", vec![ada.proof(&token, &[], &[]), ada.proof(&token, &[], &[])], "not one proof"),
        ("another's key", one(thief.proof(&token, &[], &[])), "another key"),
        ("another's signature", head("jwk", thief.jwk()), "not its key's"),
        ("a private key", head("jwk", private), "not public"),
        ("no key", head("jwk", Value::Null), "nothing of its key"),
        ("a secret as key", head("jwk", json!({"kty": "oct", "k": "AAAA"})), "not public"),
        ("a key elsewhere", head("jku", json!("https://evil.example")), "a key of its own"),
        ("critical", head("crit", json!(["x"])), "more understood"),
        ("a token", head("typ", json!("at+jwt")), "something else"),
        ("no typ", head("typ", Value::Null), "something else"),
        ("alg none", head("alg", json!("none")), "none that we take"),
        ("HS256", head("alg", json!("HS256")), "none that we take"),
        ("another method", claim("htm", json!("GET")), "another method"),
        ("a method in small letters", claim("htm", json!("post")), "another method"),
        ("another address", claim("htu", json!(format!("{GATE}/s/mail/mcp"))), "another address"),
        (
            "another host",
            claim("htu", json!(format!("https://evil.example{FILES}"))),
            "another address",
        ),
        (
            "in the clear",
            claim("htu", json!(format!("http://gate.example.com{FILES}"))),
            "another address",
        ),
        ("another token", one(ada.proof(&other, &[], &[])), "another token"),
        ("no token", claim("ath", Value::Null), "too little"),
        ("no name", claim("jti", Value::Null), "too little"),
        ("an empty name", claim("jti", json!("")), "no name"),
        ("a long name", claim("jti", json!("x".repeat(257))), "no name"),
        ("old", claim("iat", json!(now() - 70)), "just now"),
        ("of the future", claim("iat", json!(now() + 30)), "just now"),
        ("of no time", claim("iat", Value::Null), "too little"),
    ] {
        let Err(refused) = with(&proofs, "DPoP").await else { panic!("{what} was taken") };
        assert_eq!(refused.status, 401, "{what}");
        assert!(refused.why.contains(says), "{what}: {}", refused.why);
        assert!(refused.dpop.unwrap().contains("invalid_dpop_proof"), "{what}");
        with(&[ada.proof(&token, &[], &[])], "DPoP").await.unwrap();
    }
    let fresh = ada.proof(&token, &[], &[]);
    let refused = with(&[fresh], "Bearer").await.unwrap_err();
    assert!(refused.why.contains("without proof"), "bound, and brought as if it were not");
    let free = corp.token();
    let (scheme, proof) = (format!("DPoP {free}"), ada.proof(&free, &[], &[]));
    let refused = asks(&gate, &[("authorization", &scheme), ("dpop", &proof)]).await.unwrap_err();
    assert!(refused.why.contains("bound to no key"), "{}", refused.why);
}

#[tokio::test]
async fn a_key_that_fills_its_share_leaves_room_for_others() {
    let corp = Mint::p256("corp-1");
    let world = World::default();
    world.publishes(CORP, &[&corp]);
    let gate = gate(&world);
    // Of the same name, and each of its own key: neither is the other's replay.
    for key in [Mint::p256("a"), Mint::ed25519("b")] {
        let token = corp.with(&[("cnf", json!({"jkt": key.thumbprint()}))]);
        let proof = key.proof(&token, &[], &[("jti", json!("same"))]);
        let bearer = format!("DPoP {token}");
        let headers = [("authorization", bearer.as_str()), ("dpop", proof.as_str())];
        asks(&gate, &headers).await.unwrap();
        assert_eq!(asks(&gate, &headers).await.unwrap_err().why, "the proof was used before");
    }
}

/// MCP-AUTH-05: a change of the config makes nothing new that was used.
#[tokio::test]
async fn what_was_used_before_a_change_of_who_may_come_in_is_used_after_it() {
    let (corp, key) = (Mint::p256("corp-1"), Mint::p256("ada"));
    let world = World::default();
    world.publishes(CORP, &[&corp]);
    let proofs = Proofs::default();
    let (before, after) = (gate_after(&world, proofs.clone()), gate_after(&world, proofs));
    let token = corp.with(&[("cnf", json!({"jkt": key.thumbprint()}))]);
    let (bearer, proof) = (format!("DPoP {token}"), key.proof(&token, &[], &[]));
    let headers = [("authorization", bearer.as_str()), ("dpop", proof.as_str())];
    asks(&before, &headers).await.unwrap();
    assert_eq!(asks(&after, &headers).await.unwrap_err().why, "the proof was used before");
}
