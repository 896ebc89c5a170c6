//! Beside the gateway: whether it lives, whether it is ready, and its numbers. On an address of its
//! own, so that nothing there is a way around the wall and whoever is asked who they are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use portcullis_transport::http::{Address, Refusal, Reply, Wall, plain};

use super::lock;
use super::renew::Common;
use crate::telemetry::Gauge;

/// What somebody who looks after the gateway may ask.
#[derive(Debug)]
pub(super) struct Site {
    wall: Wall,
    common: Common,
    connections: Arc<AtomicUsize>,
}

const NOTHING: Refusal = Refusal::new(StatusCode::NOT_FOUND, "there is nothing here");

impl Site {
    pub(super) fn new(address: &Address, common: Common, connections: Arc<AtomicUsize>) -> Self {
        Self { wall: Wall::new(address, &[], &[]), common, connections }
    }

    /// Answers a request, whatever it is.
    pub(super) fn answer(&self, parts: &Parts) -> Reply {
        if let Err(refusal) = self.wall.admits(parts) {
            return refusal.into();
        }
        if parts.method != Method::GET || parts.uri.query().is_some() {
            return NOTHING.into();
        }
        match parts.uri.path() {
            "/healthz" => plain(StatusCode::OK, Bytes::from_static(b"ok\n")),
            "/readyz" if self.common.lull.is_on() => {
                plain(StatusCode::SERVICE_UNAVAILABLE, Bytes::from_static(b"about to end\n"))
            }
            "/readyz" => plain(StatusCode::OK, Bytes::from_static(b"ready\n")),
            "/metrics" => {
                let text = self.common.metrics.text(&self.gauges());
                let mut reply = plain(StatusCode::OK, Bytes::from(text));
                let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                reply.headers_mut().insert(CONTENT_TYPE, kind);
                reply
            }
            _ => NOTHING.into(),
        }
    }

    fn gauges(&self) -> Vec<Gauge> {
        let (sessions, responses) = {
            let sessions = lock(&self.common);
            let (mut all, mut responses) = (BTreeMap::<String, u64>::new(), 0);
            for session in sessions.all() {
                for server in &session.servers {
                    *all.entry(server.to_string()).or_default() += 1;
                }
                responses += session.responses();
            }
            (all, responses)
        };
        let of_all = |name, help, value| Gauge { name, help, values: vec![(None, value)] };
        let connections = u64::try_from(self.connections.load(Ordering::Relaxed));
        vec![
            Gauge {
                name: "portcullis_sessions",
                help: "Sessions, those that are still ending among them.",
                values: sessions.into_iter().map(|(name, many)| (Some(name), many)).collect(),
            },
            of_all(
                "portcullis_connections",
                "Connections of clients.",
                connections.unwrap_or(u64::MAX),
            ),
            of_all("portcullis_responses_open", "Answers and streams that are open.", responses),
            of_all(
                "portcullis_requests_under_way",
                "Requests that are not answered whole.",
                self.common.turnstile.under_way(),
            ),
            of_all(
                "portcullis_queued_bytes",
                "Bytes of answers that wait for a client to read.",
                u64::try_from(self.common.metrics.queued.load(Ordering::Relaxed))
                    .unwrap_or(u64::MAX),
            ),
            of_all(
                "portcullis_questions_waiting",
                "Questions that wait for a person.",
                self.common.questions_waiting(),
            ),
        ]
    }
}
