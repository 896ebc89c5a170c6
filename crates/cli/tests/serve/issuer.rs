//! An authorization server that others wrote (`oidc-provider`), started on loopback, and keys of
//! ours beside it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::house::Got;
use crate::stage::{PATIENCE, start};

/// What we are called in these tests, whatever port we are given.
pub const GATE: &str = "https://gate.example.com";

/// The server. Dropping it ends it.
#[derive(Debug)]
pub struct Issuer {
    child: Child,
    pub uri: String,
}

/// Where the packages of `peers/node` are, when they are installed.
fn packages() -> Option<PathBuf> {
    let default = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/peers"));
    let peers = std::env::var_os("PORTCULLIS_PEERS").map_or(default, PathBuf::from);
    Some(peers.join("node")).filter(|node| node.join("node_modules/oidc-provider").is_dir())
}

impl Issuer {
    /// One that runs, where it is installed.
    pub fn start() -> Option<Self> {
        let Some(packages) = packages() else {
            eprintln!("skipped: peers/node is not installed (`cargo xtask peers`)");
            return None;
        };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../peers/issuers/resource.mjs");
        let mut node = start("node");
        node.arg(script).current_dir(packages);
        node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = node.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        Some(Self { child, uri: said["issuer"].as_str().unwrap().to_owned() })
    }

    /// The config that trusts it.
    pub fn trusted(&self, name: &str) -> String {
        let uri = &self.uri;
        format!("[serve.issuers.{name}]\nissuer = \"{uri}\"\nalgorithms = [\"RS256\", \"ES256\"]\n")
    }

    fn asks(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Value {
        let authority = self.uri.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(authority).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {authority}\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let length = body.len();
        text.push_str(&format!("Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"));
        stream.write_all(text.as_bytes()).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        let got = Got::read(&all);
        assert!(matches!(got.status, 200 | 201), "{got:?}");
        // Its answers may come in chunks: the document is what is between the braces.
        let (from, to) = (got.body.find('{').unwrap(), got.body.rfind('}').unwrap());
        serde_json::from_str(&got.body[from..=to]).unwrap_or_else(|_| panic!("{got:?}"))
    }

    /// A token for this client, for this resource.
    pub fn gives(&self, client: &str, scope: &str, resource: &str) -> String {
        self.gives_to(client, scope, resource, &[])
    }

    fn gives_to(&self, client: &str, scope: &str, resource: &str, more: &[(&str, &str)]) -> String {
        let login = STANDARD.encode(format!("{client}:{client}-has-a-secret-of-its-own"));
        let login = format!("Basic {login}");
        let mut headers = vec![
            ("Authorization", login.as_str()),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ];
        headers.extend_from_slice(more);
        let scope = scope.replace(' ', "+");
        let body = format!("grant_type=client_credentials&scope={scope}&resource={resource}");
        let given = self.asks("POST", "/token", &headers, &body);
        given["access_token"].as_str().unwrap_or_else(|| panic!("{given}")).to_owned()
    }

    /// The same, bound to a key.
    pub fn gives_bound(&self, client: &str, scope: &str, resource: &str, key: &Key) -> String {
        let uri = format!("{}/token", self.uri);
        let proof = key.proof("POST", &uri, &[]);
        self.gives_to(client, scope, resource, &[("DPoP", &proof)])
    }

    /// Its public key of this name.
    pub fn key(&self, kid: &str) -> Value {
        let keys = self.asks("GET", "/jwks", &[], "");
        let keys = keys["keys"].as_array().unwrap();
        keys.iter().find(|key| key["kid"] == kid).unwrap().clone()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What a part of a token says.
pub fn part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Signs a token with whatever key.
pub fn signed(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    let text = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
    let signature = crypto::sign(text.as_bytes(), key, algorithm).unwrap();
    format!("{text}.{signature}")
}

/// A key of somebody's own.
pub struct Key {
    pub key: EncodingKey,
    public: Value,
}

impl Key {
    pub fn new() -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let key = EncodingKey::from_ec_der(pair.serialized_der());
        // An uncompressed point: a byte that says so, x, y.
        let point = pair.public_key_raw();
        let (x, y) = (b64(&point[1..33]), b64(&point[33..65]));
        Self { key, public: json!({"kty": "EC", "crv": "P-256", "x": x, "y": y}) }
    }

    /// A proof for a request; with `ath`, with this token.
    pub fn proof(&self, method: &str, uri: &str, other: &[(&str, Value)]) -> String {
        let header = json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": self.public});
        let jti = b64(Sha256::digest(format!(
            "{:?} {:?}",
            SystemTime::now(),
            std::thread::current().id()
        )));
        let mut claims = json!({"htm": method, "htu": uri, "iat": now(), "jti": jti});
        for (name, value) in other {
            claims[*name] = value.clone();
        }
        signed(&header, &claims, &self.key, Algorithm::ES256)
    }

    /// The same for a request to `files` with this token.
    pub fn shows(&self, token: &str) -> String {
        let ath = json!(b64(Sha256::digest(token)));
        self.proof("POST", &format!("{GATE}/s/files/mcp"), &[("ath", ath)])
    }
}
