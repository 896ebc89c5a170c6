//! Programs that know nothing of a proxy: they asked for a name, got a stand-in, and
//! connected with it. The address they reached tells the name back.

use std::io;

use portcullis_guard::egress::{Host, Target};
use tokio::net::TcpStream;

use super::serve::Shared;
use super::talk::Talk;
use super::tunnel;

/// Serves one connection with a port of the box.
pub(super) async fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let reached = stream.local_addr()?;
    let reached = Target { host: Host::address(reached.ip()), port: reached.port() };
    let connected = match shared.understand(reached) {
        Ok(target) => shared.dial(&target).await.map(|upstream| (target, upstream)),
        Err(denial) => Err(denial),
    };
    match connected {
        Ok((target, upstream)) => tunnel::run(Talk::new(stream), upstream, &target, shared).await,
        Err(denial) => {
            shared.tell(denial).await;
            // A reset says more than a silent end, as from a port where nobody listens.
            stream.set_zero_linger()
        }
    }
}
