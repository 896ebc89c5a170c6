//! Connections that are encrypted: what is spoken, how a certificate is exchanged, and who is known
//! by theirs.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use serde_json::json;

use crate::house::{Got, House, modern};
use crate::stage::Stage;

/// Bob's of `people`.
const TOKEN: &str = "Bearer bobs-own-token";
const TOKENS: &str = "[serve.tokens.bob]\nsha256 = \
    \"b8284df284383ef352cd6f5df1827bd2b6a80330c7d800bed62428c6da339980\"\n";

/// An authority of ours.
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// What others trust it by.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate of these names, and its key.
    pub fn vouches(&self, names: &[SanType]) -> (String, String) {
        self.vouches_for(names, Duration::from_secs(24 * 3600))
    }

    /// The same for so long from now on.
    fn vouches_for(&self, names: &[SanType], time: Duration) -> (String, String) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + now + time;
        params.subject_alt_names = names.to_vec();
        // Some take whoever is called like its authority for the authority.
        params.distinguished_name.push(DnType::CommonName, "one of its own");
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

pub fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn uri(name: &str) -> SanType {
    SanType::URI(name.try_into().unwrap())
}

/// What a caller trusts and shows.
struct Caller {
    roots: RootCertStore,
    shows: Option<(String, String)>,
    speaks: &'static SupportedProtocolVersion,
}

impl Caller {
    fn of(authority: &Authority) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
        Self { roots, shows: None, speaks: &rustls::version::TLS13 }
    }

    fn showing(self, shows: (String, String)) -> Self {
        Self { shows: Some(shows), ..self }
    }

    fn connects(&self, house: &House) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[self.speaks])
            .unwrap()
            .with_root_certificates(self.roots.clone());
        let config = match &self.shows {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                config.with_client_auth_cert(chain, key).unwrap()
            }
        };
        let name = ServerName::try_from("localhost").unwrap();
        let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = house.connect();
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(StreamOwned::new(connection, stream))
    }

    /// Lists the tools of `files`. Nothing, when there is no connection to ask on.
    fn asks(&self, house: &House, headers: &[(&str, &str)]) -> Option<Got> {
        let text = list(house, "close", headers);
        let mut stream = self.connects(house).ok()?;
        stream.write_all(text.as_bytes()).ok()?;
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        (!all.is_empty()).then(|| Got::read(&all))
    }
}

/// A request for the tools of `files`.
fn list(house: &House, connection: &str, headers: &[(&str, &str)]) -> String {
    let body = modern(1, "tools/list", &json!({})).to_string();
    let mut text = format!(
        "POST /s/files/mcp HTTP/1.1\r\nHost: localhost:{}\r\nConnection: {connection}\r\n\
         Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/list\r\n",
        house.port
    );
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    text
}

/// A connection that stays.
struct Staying(StreamOwned<ClientConnection, TcpStream>);

impl Staying {
    /// Asks again on it; false when it has ended.
    fn asks(&mut self, house: &House) -> bool {
        let asked = self.0.write_all(list(house, "keep-alive", &[]).as_bytes());
        let mut piece = [0; 64 << 10];
        asked.is_ok() && self.0.read(&mut piece).is_ok_and(|length| length > 0)
    }
}

/// Where the gateway's files are.
pub struct Files {
    certificate: PathBuf,
    key: PathBuf,
    clients: PathBuf,
}

impl Files {
    pub fn of(stage: &Stage) -> Self {
        let at = |name: &str| stage.home().join(name);
        Self { certificate: at("chain.pem"), key: at("key.pem"), clients: at("clients.pem") }
    }

    pub fn write(&self, (certificate, key): &(String, String)) {
        fs::write(&self.certificate, certificate).unwrap();
        fs::write(&self.key, key).unwrap();
    }

    pub fn config(&self, clients: bool) -> String {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        let more = format!("client_ca = \"{}\"\n", self.clients.display());
        let more = if clients { more.as_str() } else { "" };
        format!("[serve.tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n{more}")
    }
}

#[test]
fn a_connection_is_encrypted_or_there_is_none() {
    let stage = Stage::new();
    let (authority, files) = (Authority::new(), Files::of(&stage));
    files.write(&authority.vouches(&[dns("localhost")]));
    let house = House::of_files(&stage, &format!("{}{TOKENS}", files.config(false)));
    let caller = Caller::of(&authority);
    let got = caller.asks(&house, &[("Authorization", TOKEN)]).unwrap();
    assert_eq!(got.status, 200, "{got:?}");
    assert_eq!(caller.asks(&house, &[]).unwrap().status, 401);
    let stream = caller.connects(&house).unwrap();
    let group = stream.conn.negotiated_key_exchange_group().unwrap();
    assert_eq!(format!("{:?}", group.name()), "X25519MLKEM768");
    // In the clear, in an older way, and to somebody who trusts others: nothing.
    let plain = house.sends("GET", "/s/files/mcp", &[("Authorization", TOKEN)], "");
    assert_eq!(plain.status, 0, "{plain:?}");
    let old = Caller { speaks: &rustls::version::TLS12, ..Caller::of(&authority) };
    assert!(old.asks(&house, &[("Authorization", TOKEN)]).is_none());
    assert!(Caller::of(&Authority::new()).asks(&house, &[]).is_none());
    // Whoever begins and says nothing holds nobody else up.
    let _silent: Vec<TcpStream> = (0..20).map(|_| house.connect()).collect();
    assert_eq!(caller.asks(&house, &[("Authorization", TOKEN)]).unwrap().status, 200);
}

#[test]
fn a_certificate_is_exchanged_while_it_serves_and_a_broken_one_is_not_taken() {
    let stage = Stage::new();
    let (first, second, files) = (Authority::new(), Authority::new(), Files::of(&stage));
    files.write(&first.vouches(&[dns("localhost")]));
    let house = House::of_files(&stage, &format!("{}{TOKENS}", files.config(false)));
    let (old, new) = (Caller::of(&first), Caller::of(&second));
    let headers = [("Authorization", TOKEN)];
    assert!(new.asks(&house, &headers).is_none());
    files.write(&second.vouches(&[dns("localhost")]));
    stage.until("the new certificate is shown", || new.asks(&house, &headers));
    assert!(old.asks(&house, &headers).is_none(), "and the old one is not");
    let mut lasting = new.connects(&house).unwrap();
    fs::write(&files.certificate, "no certificate").unwrap();
    stage.until("the broken one was looked at", || {
        house.said().contains("the old one stays").then_some(())
    });
    assert_eq!(new.asks(&house, &headers).unwrap().status, 200, "the old one stays");
    // Who was connected still is.
    lasting.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut some = [0; 12];
    lasting.read_exact(&mut some).unwrap();
    assert_eq!(&some, b"HTTP/1.1 403");
}

#[test]
fn whoever_has_a_certificate_is_known_by_the_one_name_in_it() {
    let stage = Stage::new();
    let (authority, clients, files) = (Authority::new(), Authority::new(), Files::of(&stage));
    files.write(&authority.vouches(&[dns("localhost")]));
    fs::write(&files.clients, &clients.pem).unwrap();
    let house = House::of_files(&stage, &files.config(true));
    let showing = |by: &Authority, names: &[SanType]| {
        Caller::of(&authority).showing(by.vouches(names)).asks(&house, &[])
    };
    let ada = [uri("spiffe://example.com/ada")];
    assert_eq!(showing(&clients, &ada).unwrap().status, 200);
    assert_eq!(showing(&clients, &[dns("build.example.com")]).unwrap().status, 200);
    // Several names are nobody's.
    let both = showing(&clients, &[dns("a.example.com"), dns("b.example.com")]).unwrap();
    assert_eq!(both.status, 401, "{both:?}");
    let started = stage.events("started");
    let principals: Vec<_> = started.iter().map(|it| it["principal"].as_str().unwrap()).collect();
    assert_eq!(
        principals,
        ["certificate:spiffe://example.com/ada", "certificate:build.example.com"]
    );
    // Where a certificate is all that counts, there is no connection without one of theirs.
    assert!(Caller::of(&authority).asks(&house, &[]).is_none());
    assert!(showing(&authority, &ada).is_none(), "of another authority");
}

/// MCP-AUTH-04: a connection is no way to keep what a certificate gave for so long.
#[test]
fn a_connection_ends_with_the_certificate_that_opened_it() {
    let (stage, ours, clients, others) =
        (Stage::new(), Authority::new(), Authority::new(), Authority::new());
    let files = Files::of(&stage);
    files.write(&ours.vouches(&[dns("localhost")]));
    let both = clients.pem.clone() + others.pem();
    fs::write(&files.clients, both).unwrap();
    let house = House::of_files(&stage, &files.config(true));
    let with = |shows: (String, String)| {
        let caller = Caller::of(&ours).showing(shows);
        (Staying(caller.connects(&house).unwrap()), caller)
    };
    let (name, short) = ([uri("https://example.com/ada")], Duration::from_secs(4));
    let (mut brief, brief_caller) = with(clients.vouches_for(&name, short));
    let (mut kept, _) = with(others.vouches(&name));
    let (mut lost, _) = with(clients.vouches(&name));
    assert!(brief.asks(&house) && kept.asks(&house) && lost.asks(&house));
    let over = |ended: &mut Staying| (!ended.asks(&house)).then_some(());
    stage.until("it has expired", || over(&mut brief));
    assert!(brief_caller.asks(&house, &[]).is_none_or(|got| got.status == 401));
    assert!(kept.asks(&house) && lost.asks(&house));

    // Whoever vouched for it is nobody any more.
    fs::write(&files.clients, others.pem()).unwrap();
    stage.until("nobody vouches for it", || over(&mut lost));
    assert!(kept.asks(&house));
}

#[test]
fn other_machines_are_served_with_tls_and_never_unknown() {
    let stage = Stage::new();
    let (authority, files) = (Authority::new(), Files::of(&stage));
    files.write(&authority.vouches(&[dns("localhost")]));
    let tls = files.config(false);
    let resource = "resource = \"https://gate.example.com\"\n";
    let server = "[server.files]\ncommand = [\"true\"]\n";
    for (rest, says) in [
        (format!("{resource}{TOKENS}"), "TLS"),
        (format!("{resource}{tls}"), "[serve.tokens.NAME]"),
        (format!("{tls}{TOKENS}"), "resource"),
        (resource.to_owned(), "TLS"),
    ] {
        let config = format!("[serve]\nlisten = \"0.0.0.0:0\"\n{rest}{server}");
        let config = stage.config(&config).display().to_string();
        let said = stage.says(&["serve", "--config", &config]);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.err.contains(says), "{says}: {}", said.err);
    }
    let broken = format!("[serve]\nlisten = \"127.0.0.1:0\"\n{tls}{TOKENS}{server}");
    fs::write(&files.key, authority.vouches(&[]).1).unwrap();
    let config = stage.config(&broken).display().to_string();
    let said = stage.says(&["serve", "--config", &config]);
    assert!(said.code != 0 && said.err.contains("[serve.tls]"), "another's key: {said:?}");
}
