//! How we identify ourselves where a remote server wants a token of its own authorization server.
//!
//! `portcullis_oauth` says what is done next; here it is done. Read in this order: [`SignIn`] is
//! what the conversation with the server asks for a token, `attempt` one attempt at getting one,
//! `fetch` its requests, `journey` the person and their browser, `kept` what outlives it,
//! `statement` how a client signs. Attempts are made one after the other, on a thread of their own:
//! a request that its host gave up does not take the person's page away.

mod attempt;
mod fetch;
mod journey;
mod kept;
mod statement;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use hyper::header::HeaderValue;
use portcullis_config as config;
use portcullis_oauth::{Challenge, Tokens};
use portcullis_transport::http::client::Credential;
use portcullis_transport::http::client::credential::{self, Later};
use portcullis_transport::http::fetch::Roots;
use tokio::sync::{mpsc, oneshot};

use attempt::Attempts;

use crate::fault::Fault;
use crate::launch::Plan;

/// Challenges that may wait for an attempt.
const WAITING: usize = 64;

/// A credential that is got when a server wants one.
pub(crate) struct SignIn {
    orders: mpsc::Sender<Order>,
    held: Held,
}

/// What goes with the next request.
type Held = Arc<Mutex<Option<Tokens>>>;

/// Somebody needs a token.
struct Order {
    /// Since when.
    at: Instant,
    /// What the server said, if it said something.
    challenge: Option<Challenge>,
    reply: oneshot::Sender<Result<bool, String>>,
}

impl SignIn {
    /// Takes what is kept, and waits for a server to want something.
    pub(crate) fn begin(plan: &Plan, how: &config::OAuth, roots: &Roots) -> Result<Self, Fault> {
        let held = Held::default();
        let attempts = Attempts::open(plan, how, roots.clone(), Arc::clone(&held))?;
        let (orders, taken) = mpsc::channel(WAITING);
        let failed = |error| Fault::ours("there is no thread to sign in on", error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(failed)?;
        let work = move || runtime.block_on(serve(attempts, taken));
        let thread = std::thread::Builder::new().name("sign-in".to_owned()).spawn(work);
        thread.map_err(failed)?;
        Ok(Self { orders, held })
    }

    async fn order(&self, challenge: Option<Challenge>) -> Result<bool, String> {
        let (reply, done) = oneshot::channel();
        let order = Order { at: Instant::now(), challenge, reply };
        let over = || "nobody signs in any more".to_owned();
        self.orders.send(order).await.map_err(|_| over())?;
        done.await.map_err(|_| over())?
    }

    async fn value(&self) -> Result<Option<HeaderValue>, String> {
        let is_over = lock(&self.held).as_ref().is_some_and(|tokens| !tokens.lives(now()));
        if is_over {
            self.order(None).await?;
        }
        Ok(lock(&self.held).as_ref().and_then(header))
    }

    async fn refused(&self, said: credential::Challenge) -> Result<bool, String> {
        let read = Challenge::read(said.says.iter().map(String::as_str));
        let challenge = read.map_err(|why| why.to_string())?;
        let more = challenge.as_ref().is_some_and(Challenge::wants_more);
        if said.status.as_u16() == 403 && !more {
            // It knows who we are, and does not let us.
            return Ok(false);
        }
        // A request that was on its way while a token was replaced says nothing of the new one.
        let current = lock(&self.held).as_ref().and_then(header);
        if current.is_some() && current != said.refused {
            return Ok(true);
        }
        // Servers of 2025-03-26 say nothing beside the status.
        self.order(Some(challenge.unwrap_or_default())).await
    }
}

impl Credential for SignIn {
    fn authorization(&self) -> Later<'_, Result<Option<HeaderValue>, String>> {
        Box::pin(self.value())
    }

    fn challenged(&self, challenge: credential::Challenge) -> Later<'_, Result<bool, String>> {
        Box::pin(self.refused(challenge))
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignIn")
    }
}

/// Attempts, until nobody can want another.
async fn serve(mut attempts: Attempts, mut orders: mpsc::Receiver<Order>) {
    let mut last: Option<(Instant, Result<bool, String>)> = None;
    while let Some(order) = orders.recv().await {
        // Requests that were refused together are let in together.
        let known = last.as_ref().filter(|(ended, _)| order.at < *ended).map(|(_, went)| went);
        let went = match known {
            Some(went) => went.clone(),
            None => {
                let went = attempts.make(order.challenge).await;
                last = Some((Instant::now(), went.clone()));
                went
            }
        };
        // Whoever asked may have given up.
        let _ = order.reply.send(went);
    }
}

/// As RFC 6750, section 2.1, writes it.
fn header(tokens: &Tokens) -> Option<HeaderValue> {
    let token = tokens.access.expose("to the server that it was given for");
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn lock(held: &Held) -> MutexGuard<'_, Option<Tokens>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds of Unix time.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
