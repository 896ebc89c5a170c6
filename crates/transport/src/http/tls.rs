//! Connections that nobody else can read or change: TLS 1.3, with a post-quantum key exchange
//! first, from files that are read again when they change.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::caller::Certificate;
use super::oauth::digest;
use super::second;

/// The files that make a connection ours.
#[derive(Clone, Debug)]
pub struct Files {
    /// Our certificate and those that vouch for it, as PEM.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Who vouches for certificates of callers, when they are asked for one.
    pub client_ca: Option<PathBuf>,
    /// Whoever has none is not let in at all.
    pub required: bool,
}

/// What connections are begun with.
#[derive(Debug)]
pub struct Tls {
    files: Files,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    config: Arc<ServerConfig>,
    seen: Vec<Option<Sight>>,
}

/// What a file was when it was looked at.
type Sight = (u64, u64, i64, i64, u64);

impl Tls {
    /// From these files.
    ///
    /// # Errors
    /// When one of them cannot be read, or they do not belong together.
    pub fn read(files: Files) -> io::Result<Self> {
        let seen = files.seen();
        let kept = Mutex::new(Kept { config: Arc::new(files.config()?), seen });
        Ok(Self { files, kept })
    }

    /// Looks whether the files are others by now. What is broken is not taken: connections begin
    /// as before.
    ///
    /// # Errors
    /// What is wrong with the new ones; once for each time that they change.
    pub fn look(&self) -> io::Result<bool> {
        let seen = self.files.seen();
        if self.kept().seen == seen {
            return Ok(false);
        }
        self.kept().seen = seen;
        let config = self.files.config()?;
        self.kept().config = Arc::new(config);
        Ok(true)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a connection.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.kept().config);
        TlsAcceptor::from(config).accept(stream).await
    }
}

impl Files {
    fn seen(&self) -> Vec<Option<Sight>> {
        let all = [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()];
        let sight = |it: Metadata| (it.dev(), it.ino(), it.mtime(), it.mtime_nsec(), it.size());
        all.into_iter().flatten().map(|path| path.metadata().ok().map(sight)).collect()
    }

    fn config(&self) -> io::Result<ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let chain = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|why| about(&self.key, why))?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(io::Error::other)?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let mut roots = RootCertStore::empty();
                for root in certificates(file)? {
                    roots.add(root).map_err(|why| about(file, why))?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier =
                    if self.required { verifier } else { verifier.allow_unauthenticated() };
                builder.with_client_cert_verifier(verifier.build().map_err(io::Error::other)?)
            }
        };
        let mut config =
            builder.with_single_cert(chain, key).map_err(|why| about(&self.certificate, why))?;
        config.alpn_protocols = vec![second::NAME.to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<_, _>>);
    let found: Vec<_> = found.map_err(|why| about(path, why))?;
    if found.is_empty() { Err(about(path, "there is no certificate in it")) } else { Ok(found) }
}

fn about(path: &Path, why: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {why}", path.display()))
}

/// Both sides agreed on HTTP/2. Whoever did not speak of it speaks HTTP/1.1.
pub(super) fn speaks_second(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(second::NAME)
}

/// Whose certificate a caller showed: the one address in it, or the one name. With none, or
/// with several, it names nobody.
pub(super) fn shown(stream: &TlsStream<TcpStream>) -> Option<Certificate> {
    let certificate = stream.get_ref().1.peer_certificates()?.first()?;
    let read = webpki::EndEntityCert::try_from(certificate).ok()?;
    let only = |names: Vec<&str>| match names.as_slice() {
        [name] => Some((*name).to_owned()),
        _ => None,
    };
    let name = only(read.valid_uri_names().collect());
    let name = name.or_else(|| only(read.valid_dns_names().collect()))?;
    Some(Certificate { name, digest: digest(certificate) })
}
