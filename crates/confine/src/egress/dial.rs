//! The one place that opens a connection: judged, resolved once, checked, dialled.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use portcullis_guard::egress::{Denial, Host, Route, Target, Why};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::serve::Shared;

/// How long a lookup, and each address, may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Addresses of a name that are tried.
const TRIED: usize = 4;

impl Shared {
    /// What a server's words mean: a stand-in is the name it stands for.
    pub(super) fn understand(&self, target: Target) -> Result<Target, Denial> {
        let Host::Address(IpAddr::V4(address)) = target.host else { return Ok(target) };
        if !matches!(address.octets(), [198, 18 | 19, ..]) {
            return Ok(target);
        }
        let names = self.names.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match names.name(address) {
            Some(name) => Ok(Target { host: Host::Name(name.clone()), port: target.port }),
            None => Err(Denial::of(&target, Why::NoStandIn)),
        }
    }

    /// Connects with a target, if it is listed and leads nowhere inside.
    pub(super) async fn dial(&self, target: &Target) -> Result<TcpStream, Denial> {
        let denied = |why| Denial::of(target, why);
        let route = self.reach().judge(target)?;
        if let Some(via) = self.via.as_ref().filter(|via| via.serves(target)) {
            let connected = timeout(PATIENCE, via.connect(target, &self.resolver)).await;
            let connected = connected.unwrap_or_else(|slow| Err(slow.into()));
            return connected.map_err(|error| denied(Why::Unreachable(error.to_string())));
        }
        let (name, port) = match &route {
            Route::Address(address) => return connect(*address).await.map_err(denied),
            Route::Resolve { name, port, .. } => (name, *port),
        };
        let found = self.resolve(name.as_str()).await.map_err(denied)?;
        let mut last = Why::Unresolved;
        for address in found.into_iter().map(|address| address.to_canonical()).take(TRIED) {
            let ours =
                || matches!(route, Route::Resolve { vouched: false, .. }) && is_ours(address);
            match route.accepts(address) {
                Err(what) => last = Why::Inside(address, what),
                Ok(()) if ours() => last = Why::Inside(address, "this machine"),
                Ok(()) => match connect(SocketAddr::new(address, port)).await {
                    Ok(stream) => return Ok(stream),
                    Err(why) => last = why,
                },
            }
        }
        Err(denied(last))
    }

    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Why> {
        let (resolver, name) = (self.resolver.clone(), name.to_owned());
        let lookup = tokio::task::spawn_blocking(move || resolver.lookup(&name));
        match timeout(PATIENCE, lookup).await {
            Ok(Ok(Ok(found))) if !found.is_empty() => Ok(found),
            _ => Err(Why::Unresolved),
        }
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, Why> {
    let connected: io::Result<TcpStream> =
        match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(connected) => connected,
            Err(slow) => Err(slow.into()),
        };
    let stream = connected.map_err(|error| Why::Unreachable(error.to_string()))?;
    // Small messages of a conversation should not wait for each other.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// Whether an address is this machine's own, though nothing about it says so: what
/// the kernel would send from is what it would send to. Nothing is sent.
fn is_ours(address: IpAddr) -> bool {
    let any: IpAddr = match address {
        IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let from = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((address, 9))?;
        socket.local_addr()
    });
    from.is_ok_and(|from| from.ip() == address)
}
