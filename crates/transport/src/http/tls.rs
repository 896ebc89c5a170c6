//! Connections that nobody else can read or change: TLS 1.3, with a post-quantum key exchange
//! first, from files that are read again when they change. Whoever showed a certificate has their
//! connection as long as that is good: until it ends, or nobody vouches for it any more.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::caller::Certificate;
use super::oauth::digest;
use super::{second, validity};

/// How often what was shown is looked at again at least: those that vouch for it end, too.
const LOOK: Duration = Duration::from_mins(1);

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
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct Kept {
    config: Arc<ServerConfig>,
    /// Who judges certificates of callers.
    judge: Option<Arc<dyn ClientCertVerifier>>,
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
        let (config, judge) = files.config()?;
        let kept = Mutex::new(Kept { config: Arc::new(config), judge, seen });
        Ok(Self { files, kept, changed: watch::Sender::new(()) })
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
        let (config, judge) = self.files.config()?;
        {
            let mut kept = self.kept();
            (kept.config, kept.judge) = (Arc::new(config), judge);
        }
        self.changed.send_replace(());
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

impl Tls {
    /// Waits until what a caller showed is good no more. Whoever showed nothing has nothing that
    /// ends.
    ///
    /// # Cancel safety
    /// Safe: it only looks.
    pub(super) async fn doubts(&self, chain: Vec<CertificateDer<'static>>) {
        let Some((certificate, rest)) = chain.split_first() else {
            return std::future::pending().await;
        };
        let mut changed = self.changed.subscribe();
        let until = validity::ends(certificate);
        loop {
            changed.borrow_and_update();
            let left = until.and_then(|until| until.duration_since(SystemTime::now()).ok());
            let Some(left) = left.filter(|_| self.vouches_for(certificate, rest)) else { return };
            tokio::select! {
                () = tokio::time::sleep(left.min(LOOK)) => {}
                _ = changed.changed() => {}
            }
        }
    }

    fn vouches_for(&self, certificate: &CertificateDer<'_>, rest: &[CertificateDer<'_>]) -> bool {
        let judge = self.kept().judge.clone();
        let judged = judge.map(|it| it.verify_client_cert(certificate, rest, UnixTime::now()));
        judged.is_some_and(|judged| judged.is_ok())
    }
}

impl Files {
    fn seen(&self) -> Vec<Option<Sight>> {
        let all = [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()];
        let sight = |it: Metadata| (it.dev(), it.ino(), it.mtime(), it.mtime_nsec(), it.size());
        all.into_iter().flatten().map(|path| path.metadata().ok().map(sight)).collect()
    }

    fn config(&self) -> io::Result<(ServerConfig, Option<Arc<dyn ClientCertVerifier>>)> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let chain = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|why| about(&self.key, why))?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(io::Error::other)?;
        let judge = self.client_ca.as_ref().map(|file| self.judge(file, provider)).transpose()?;
        let builder = match &judge {
            None => builder.with_no_client_auth(),
            Some(judge) => builder.with_client_cert_verifier(Arc::clone(judge)),
        };
        let mut config =
            builder.with_single_cert(chain, key).map_err(|why| about(&self.certificate, why))?;
        config.alpn_protocols = vec![second::NAME.to_vec(), b"http/1.1".to_vec()];
        Ok((config, judge))
    }

    fn judge(
        &self,
        file: &Path,
        provider: Arc<CryptoProvider>,
    ) -> io::Result<Arc<dyn ClientCertVerifier>> {
        let mut roots = RootCertStore::empty();
        for root in certificates(file)? {
            roots.add(root).map_err(|why| about(file, why))?;
        }
        let judge = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let judge = if self.required { judge } else { judge.allow_unauthenticated() };
        judge.build().map_err(io::Error::other)
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

/// What a caller showed: their certificate, and those that vouch for it.
pub(super) fn chain(stream: &TlsStream<TcpStream>) -> Vec<CertificateDer<'static>> {
    let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
    shown.iter().cloned().map(CertificateDer::into_owned).collect()
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
