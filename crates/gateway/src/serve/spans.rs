//! The span of a request begins at the door: what its head says of it.

use hyper::Version;
use hyper::http::request::Parts;
use portcullis_config::Listen;
use portcullis_wire::trace::TRACEPARENT;
use portcullis_wire::{Message, Request, Revision};

use super::front::{Front, VERSION};
use super::head::only;
use super::visit::Visit;
use crate::traces::{Head, Opening};

impl Front {
    /// A message came: if it is a request, its span begins.
    pub(super) fn opens(&self, parts: &Parts, message: &mut Message, visit: &Visit<'_>) {
        if let Message::Request(request) = message {
            visit.opens(self.opening(parts, request, visit));
        }
    }

    /// The same of one of several.
    pub(super) fn opening(
        &self,
        parts: &Parts,
        request: &mut Request,
        visit: &Visit<'_>,
    ) -> Option<Box<Opening>> {
        let traces = self.common.traces.as_ref()?;
        // What several are asked is in no span: each of them was asked something of its own.
        let (server, _) = visit.asks_whom(request).or_else(|| Some((visit.server()?, None)))?;
        let head = Head {
            server,
            // One that stands twice or is no text says nothing.
            parent: only(parts, TRACEPARENT).ok().flatten(),
            revision: only(parts, VERSION).ok().flatten().and_then(Revision::parse),
            version: if parts.version == Version::HTTP_2 { "2" } else { "1.1" },
            transport: match self.serve.listen {
                Listen::Tcp(_) => "tcp",
                Listen::Unix(_) => "unix",
            },
            began: visit.began,
        };
        traces.opens(request, head)
    }
}
