//! Who vouches for a host: this machine's authorities, and those that the operator names.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::error::FetchError;

/// Authorities. This machine's are read when the first certificate is to be judged.
#[derive(Clone, Debug, Default)]
pub struct Roots {
    extra: Vec<CertificateDer<'static>>,
    tls: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl Roots {
    /// This machine's authorities.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// And those in a file of PEM.
    ///
    /// # Errors
    /// When it cannot be read, or holds none.
    pub fn and_file(self, path: &Path) -> std::io::Result<Self> {
        let found =
            CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let found = found.map_err(std::io::Error::other)?;
        if found.is_empty() {
            return Err(std::io::Error::other("there is no certificate in it"));
        }
        let extra = self.extra.into_iter().chain(found).collect();
        Ok(Self { extra, tls: Arc::default() })
    }

    /// How TLS is spoken: 1.3 or 1.2, post-quantum key exchange first, and no certificate of ours.
    pub(super) fn tls(&self) -> Result<Arc<ClientConfig>, FetchError> {
        if let Some(tls) = self.tls.get() {
            return Ok(Arc::clone(tls));
        }
        let mut roots = RootCertStore::empty();
        // One that cannot be read vouches for nobody; the others do.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots.add_parsable_certificates(self.extra.iter().cloned());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions();
        let builder = builder.map_err(|_| FetchError::Broken("TLS cannot be spoken here"))?;
        let mut tls = builder.with_root_certificates(roots).with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::clone(self.tls.get_or_init(|| Arc::new(tls))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_exchange_that_is_offered_is_post_quantum() {
        let tls = Roots::system().tls().unwrap();
        let first = tls.crypto_provider().kx_groups.first().map(|group| group.name());
        assert_eq!(first, Some(rustls::NamedGroup::X25519MLKEM768));
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Roots::system().and_file(file.path()).is_err());
        assert!(Roots::system().and_file(Path::new("/nowhere/ca.pem")).is_err());
    }
}
