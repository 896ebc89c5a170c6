//! The one place that opens a connection for a request of ours: judged, looked up once, judged
//! again by address, dialled.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portcullis_guard::egress::{Host, Target};
use rustls::pki_types::ServerName;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::Fetcher;
use super::connection::{Connection, Line};
use super::error::FetchError;
use super::reach::{Way, accepted};
use super::roots::Roots;
use portcullis_guard::egress::Url;

/// How long each address may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Addresses of a name that are tried.
const TRIED: usize = 4;

/// How names become addresses.
#[derive(Clone)]
pub struct Resolver(Option<Arc<Lookup>>);

type Lookup = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

impl Resolver {
    /// As this machine does it.
    #[must_use]
    pub const fn system() -> Self {
        Self(None)
    }

    /// In another way.
    #[must_use]
    pub fn new(lookup: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(lookup)))
    }

    async fn addresses(&self, name: &str, port: u16) -> io::Result<Vec<IpAddr>> {
        match &self.0 {
            Some(lookup) => lookup(name),
            None => {
                let found = tokio::net::lookup_host((name, port)).await?;
                Ok(found.map(|address| address.ip()).collect())
            }
        }
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

/// TCP sockets that were made elsewhere and are not connected: each is used once.
#[derive(Clone, Debug)]
pub struct Sockets(Arc<Mutex<Vec<OwnedFd>>>);

impl Sockets {
    /// These.
    #[must_use]
    pub fn new(sockets: Vec<OwnedFd>) -> Self {
        Self(Arc::new(Mutex::new(sockets)))
    }

    /// How many are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let socket = socket.ok_or_else(|| io::Error::other("there is no socket left"))?;
        let socket = std::net::TcpStream::from(socket);
        socket.set_nonblocking(true)?;
        let socket = TcpSocket::from_std_stream(socket);
        // One of IPv6 calls an IPv4 address by the name that it has there (RFC 4291, 2.5.5.2).
        let address = match (socket.local_addr()?, address) {
            (SocketAddr::V6(_), SocketAddr::V4(old)) => {
                SocketAddr::new(old.ip().to_ipv6_mapped().into(), old.port())
            }
            _ => address,
        };
        socket.connect(address).await
    }
}

/// Connects to where an address leads, if it may lead there.
pub(super) async fn dial(fetcher: &Fetcher, url: &Url) -> Result<Connection, FetchError> {
    let Fetcher { reach, roots, resolver, sockets, .. } = fetcher;
    let target = url.origin().target();
    let stream = match reach.judge(target)? {
        Way::At(addresses) => connect(target, &addresses, sockets.as_ref()).await?,
        Way::Named(route) => {
            let Host::Name(name) = &target.host else {
                return Err(FetchError::Unresolved(target.to_string()));
            };
            let found = timeout(PATIENCE, resolver.addresses(name.as_str(), target.port)).await;
            let found = found.map_err(|_| FetchError::TooSlow)?.unwrap_or_default();
            let judged = found.into_iter().map(|it| accepted(target, &route, it));
            // One address that leads inside spoils the name: nobody else's has such.
            let mut addresses = judged.collect::<Result<Vec<_>, _>>()?;
            addresses.truncate(TRIED);
            if addresses.is_empty() {
                return Err(FetchError::Unresolved(name.to_string()));
            }
            connect(target, &addresses, sockets.as_ref()).await?
        }
    };
    // Small messages of a conversation should not wait for each other.
    let _ = stream.set_nodelay(true);
    let line: Box<dyn Line> = match url.origin().is_https() {
        false => Box::new(stream),
        true => Box::new(encrypted(target, roots, stream).await?),
    };
    Connection::begin(line).await
}

async fn connect(
    target: &Target,
    addresses: &[SocketAddr],
    sockets: Option<&Sockets>,
) -> Result<TcpStream, FetchError> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        let connected = async {
            match sockets {
                Some(sockets) => sockets.connect(*address).await,
                None => TcpStream::connect(address).await,
            }
        };
        match timeout(PATIENCE, connected).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(slow) => last = slow.into(),
        }
    }
    Err(FetchError::Unreachable { host: target.to_string(), why: last.to_string() })
}

async fn encrypted(
    target: &Target,
    roots: &Roots,
    stream: TcpStream,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, FetchError> {
    let untrusted = |why: String| FetchError::Untrusted { host: target.to_string(), why };
    let name = match &target.host {
        Host::Address(address) => ServerName::IpAddress((*address).into()),
        Host::Name(name) => ServerName::try_from(name.as_str().to_owned())
            .map_err(|why| untrusted(why.to_string()))?,
    };
    let greeted = TlsConnector::from(roots.tls()?).connect(name, stream);
    let greeted = timeout(PATIENCE, greeted).await.map_err(|_| FetchError::TooSlow)?;
    greeted.map_err(|why| untrusted(why.to_string()))
}
