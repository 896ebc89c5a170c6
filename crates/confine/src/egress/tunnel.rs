//! A tunnel to a host that was let through, and a look at what is said in it first.
//!
//! On a shared address the name decides whom one talks to, so on the two ports of the
//! web the name inside must be the name outside: `Host` on 80, SNI on 443. Other ports
//! carry whatever the operator listed them for.

use std::io;

use portcullis_guard::egress::http::{self, Form, Request};
use portcullis_guard::egress::{Denial, Host, Target, Why, tls};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::explicit::refusal;
use super::relay::{Upward, relay};
use super::serve::Shared;
use super::talk::{Talk, Unheard};

/// Passes on what may be said to this target.
pub(super) async fn run(
    mut talk: Talk,
    upstream: TcpStream,
    target: &Target,
    shared: &Shared,
) -> io::Result<()> {
    let named = matches!(target.host, Host::Name(_));
    match target.port {
        443 if named => match same_name(&mut talk, target).await {
            Ok(()) => relay(talk, upstream, Upward::All, target, shared.reach.clone()).await,
            Err(Some(denial)) => {
                shared.tell(denial).await;
                Ok(())
            }
            Err(None) => Ok(()),
        },
        80 if named => plain(talk, upstream, target, shared).await,
        _ => relay(talk, upstream, Upward::All, target, shared.reach.clone()).await,
    }
}

/// The hello stays to be passed on, byte for byte.
async fn same_name(talk: &mut Talk, target: &Target) -> Result<(), Option<Denial>> {
    let denied = |why| Some(Denial::of(target, why));
    match talk.overhear(tls::server_name).await {
        Ok(name) if Host::Name(name.clone()) == target.host => Ok(()),
        Ok(name) => Err(denied(Why::OtherName(name.to_string()))),
        Err(Unheard::Bad(why)) => Err(denied(why)),
        Err(Unheard::Gone) => Err(None),
    }
}

async fn plain(
    mut talk: Talk,
    upstream: TcpStream,
    target: &Target,
    shared: &Shared,
) -> io::Result<()> {
    let request = match talk.hear(http::request).await {
        Ok(request) => request,
        Err(Unheard::Gone) => return Ok(()),
        Err(Unheard::Bad(what)) => {
            let denial = Denial::of(target, Why::Protocol(what));
            return refusal(&mut talk, shared, denial, 400).await;
        }
    };
    match host_is(&request, target) {
        Ok(()) => one_request(talk, upstream, &request, target, shared).await,
        Err(why) => refusal(&mut talk, shared, Denial::of(target, why), 403).await,
    }
}

/// The request says that it is for the target.
fn host_is(request: &Request, target: &Target) -> Result<(), Why> {
    let same = |text: &str| Target::new(text, Some(target.port)).is_ok_and(|said| said == *target);
    let host = request.host.as_deref();
    match &request.form {
        Form::Tunnel(_) => Err(Why::Protocol("a tunnel inside of a tunnel")),
        Form::Absolute(authority, _) if !same(authority) => Err(other(authority)),
        Form::Origin(_) if host.is_none() => Err(Why::Protocol("the request names no host")),
        _ => match host {
            Some(host) if !same(host) => Err(other(host)),
            _ => Ok(()),
        },
    }
}

fn other(name: &str) -> Why {
    Why::OtherName(portcullis_guard::visible(&portcullis_guard::bounded(name, 120)))
}

/// One request, in our words, and its answer.
pub(super) async fn one_request(
    talk: Talk,
    mut upstream: TcpStream,
    request: &Request,
    target: &Target,
    shared: &Shared,
) -> io::Result<()> {
    upstream.write_all(&request.rewritten(target)).await?;
    let upward = Upward::Body(request.body);
    relay(talk, upstream, upward, target, shared.reach.clone()).await
}
