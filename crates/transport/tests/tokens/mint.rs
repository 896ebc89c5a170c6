//! Issuers of ours, and what they sign: also what no issuer would.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use hyper::Request;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use portcullis_transport::http::oauth::{
    Ask, Asking, Clock, Introspection, Issuer, Proofs, Question, Resource, Signing, Tokens, Trust,
    Trusted,
};
use portcullis_transport::http::{Caller, Gatekeeper, Guest, Refusal};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

pub const CORP: &str = "https://login.example.com";
pub const OTHER: &str = "https://other.example.com";
pub const GATE: &str = "https://gate.example.com";
pub const FILES: &str = "/s/files/mcp";

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

enum Signs {
    Ec(EncodingKey),
    Ed(SigningKey),
}

/// A key that signs.
pub struct Mint {
    pub kid: &'static str,
    pub algorithm: Algorithm,
    key: Signs,
    public: Value,
}

impl Mint {
    pub fn p256(kid: &'static str) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let key = EncodingKey::from_ec_der(pair.serialized_der());
        // An uncompressed point: a byte that says so, x, y.
        let point = pair.public_key_raw();
        let (x, y) = (b64(&point[1..33]), b64(&point[33..65]));
        let public = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
        Self { kid, algorithm: Algorithm::ES256, key: Signs::Ec(key), public }
    }

    pub fn ed25519(kid: &'static str) -> Self {
        let key = SigningKey::from_bytes(&Sha256::digest(kid).into());
        let x = b64(key.verifying_key().as_bytes());
        let public = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
        Self { kid, algorithm: Algorithm::EdDSA, key: Signs::Ed(key), public }
    }

    /// Its public half.
    pub fn jwk(&self) -> Value {
        let mut public = self.public.clone();
        public["kid"] = self.kid.into();
        public
    }

    /// What names it for everybody.
    pub fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let mut shape: BTreeMap<&str, &Value> = BTreeMap::new();
        for name in ["kty", "crv", "x", "y"].into_iter().filter(|name| !jwk[*name].is_null()) {
            shape.insert(name, &jwk[name]);
        }
        b64(Sha256::digest(serde_json::to_string(&shape).unwrap()))
    }

    /// Signs these texts, whatever they are.
    pub fn signs_texts(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", b64(header), b64(claims));
        let signature = match &self.key {
            Signs::Ec(key) => crypto::sign(signed.as_bytes(), key, self.algorithm).unwrap(),
            Signs::Ed(key) => b64(key.sign(signed.as_bytes()).to_bytes()),
        };
        format!("{signed}.{signature}")
    }

    pub fn signs(&self, header: &Value, claims: &Value) -> String {
        self.signs_texts(&header.to_string(), &claims.to_string())
    }

    pub fn header(&self) -> Value {
        json!({"alg": format!("{:?}", self.algorithm), "typ": "at+jwt", "kid": self.kid})
    }

    /// A token for Ada that counts.
    pub fn token(&self) -> String {
        self.with(&[])
    }

    /// The same with other claims; null takes one away.
    pub fn with(&self, other: &[(&str, Value)]) -> String {
        self.signs(&self.header(), &claims(other))
    }

    /// The same with another header.
    pub fn headed(&self, other: &[(&str, Value)]) -> String {
        self.signs(&changed(self.header(), other), &claims(&[]))
    }

    /// A proof for a request with this token.
    pub fn proof(&self, token: &str, header: &[(&str, Value)], other: &[(&str, Value)]) -> String {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let jti = format!("proof-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut jwk = self.jwk();
        jwk.as_object_mut().unwrap().remove("kid");
        let usual = json!({"alg": format!("{:?}", self.algorithm), "typ": "dpop+jwt", "jwk": jwk});
        let claims = json!({
            "htm": "POST", "htu": format!("{GATE}{FILES}"), "iat": now(), "jti": jti,
            "ath": b64(Sha256::digest(token)),
        });
        self.signs(&changed(usual, header), &changed(claims, other))
    }
}

pub fn claims(other: &[(&str, Value)]) -> Value {
    let usual = json!({
        "iss": CORP, "sub": "ada", "aud": GATE, "exp": now() + 600, "iat": now(),
        "client_id": "app", "scope": "mcp files:read",
    });
    changed(usual, other)
}

fn changed(mut value: Value, other: &[(&str, Value)]) -> Value {
    for (name, new) in other {
        value[*name] = new.clone();
        if new.is_null() {
            value.as_object_mut().unwrap().remove(*name);
        }
    }
    value
}

/// What issuers answer, and how often they were asked.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub says: Arc<Mutex<BTreeMap<String, String>>>,
    pub asked: Arc<AtomicUsize>,
    pub forms: Arc<Mutex<Vec<String>>>,
    /// Questions that wait until this is opened; of none when it is not there.
    pub hangs: Arc<Mutex<Option<Arc<Semaphore>>>>,
    /// How much later it is than it was.
    pub later: Arc<Mutex<Duration>>,
}

impl World {
    pub fn says(&self, url: &str, answer: &Value) {
        self.says.lock().unwrap().insert(url.to_owned(), answer.to_string());
    }

    /// An issuer publishes these keys.
    pub fn publishes(&self, issuer: &str, keys: &[&Mint]) {
        let keys: Vec<Value> = keys.iter().map(|mint| mint.jwk()).collect();
        self.says(&format!("{issuer}/jwks"), &json!({"keys": keys}));
    }

    /// Time passes.
    pub fn passes(&self, time: Duration) {
        *self.later.lock().unwrap() += time;
    }

    pub fn clock(&self) -> Clock {
        let (start, later) = (Instant::now(), Arc::clone(&self.later));
        Clock::new(move || start + *later.lock().unwrap())
    }

    /// From now on nothing is answered, until the gate is opened.
    pub fn hangs(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.hangs.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Ask for World {
    fn ask(&self, question: Question) -> Asking<'_> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let url = match question {
            Question::Document(url) => url,
            Question::Form { url, body } => {
                self.forms.lock().unwrap().push(body);
                url
            }
        };
        let answer = self.says.lock().unwrap().get(&url).cloned();
        let hangs = self.hangs.lock().unwrap().clone();
        Box::pin(async move {
            if let Some(gate) = hangs {
                gate.acquire().await.unwrap().forget();
            }
            answer.ok_or_else(|| format!("nothing is at {url}"))
        })
    }
}

pub fn trust(name: &str, issuer: &str) -> Trust {
    Trust {
        name: name.to_owned(),
        issuer: issuer.to_owned(),
        audience: None,
        algorithms: ["ES256", "EdDSA", "RS256"].map(|name| Signing::named(name).unwrap()).to_vec(),
        longest: 24 * 3600,
        hierarchy: vec![("files:admin".to_owned(), vec!["files:read".to_owned()])],
    }
}

/// A gate that trusts both issuers, whose keys are where they say.
pub fn gate(world: &World) -> Gatekeeper {
    gate_after(world, Proofs::default())
}

/// The same after another, which saw these proofs.
pub fn gate_after(world: &World, proofs: Proofs) -> Gatekeeper {
    let keys = |issuer: &str| Some(format!("{issuer}/jwks"));
    let of = |trust: Trust, introspection| {
        let keys = keys(&trust.issuer);
        let ask = Arc::new(world.clone());
        let issuer = Issuer::told_the_time(trust, keys, introspection, ask, world.clock());
        Trusted { issuer, servers: None }
    };
    let introspection = Introspection::new(format!("{CORP}/introspect"));
    let issuers =
        vec![of(trust("corp", CORP), Some(introspection)), of(trust("other", OTHER), None)];
    remembering(issuers, proofs)
}

pub fn guarded(issuers: Vec<Trusted>) -> Gatekeeper {
    remembering(issuers, Proofs::default())
}

pub fn remembering(issuers: Vec<Trusted>, proofs: Proofs) -> Gatekeeper {
    let scopes = BTreeSet::from(["mcp".to_owned(), "offline_access".to_owned()]);
    Gatekeeper::new(Vec::new())
        .and_tokens(Tokens::new(Resource::new(GATE), issuers, scopes).remembering(proofs))
}

/// Asks to come in, with these headers.
pub async fn asks(gate: &Gatekeeper, headers: &[(&str, &str)]) -> Result<Guest, Refusal> {
    asks_at(gate, FILES, headers).await
}

pub async fn asks_at(
    gate: &Gatekeeper,
    uri: &str,
    headers: &[(&str, &str)],
) -> Result<Guest, Refusal> {
    let mut request = Request::builder().method("POST").uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let parts = request.body(()).unwrap().into_parts().0;
    let caller = Caller {
        uid: None,
        address: None,
        certificate: None,
        standing: portcullis_transport::http::Standing::default(),
    };
    gate.admits(&parts, &caller).await
}

pub async fn bears(gate: &Gatekeeper, token: &str) -> Result<Guest, Refusal> {
    asks(gate, &[("authorization", &format!("Bearer {token}"))]).await
}
