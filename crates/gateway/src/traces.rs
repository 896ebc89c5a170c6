//! Spans of what is asked: one for each request at our door, and one below it for its way to a
//! server, named and described as OpenTelemetry does it for MCP.
//!
//! Nothing of what peers say is in them. An attribute is a word of ours, a name from the operator's
//! config, a number, or, for tools, a name that their server lists, in plain letters; a trace that a
//! caller is in goes on under the caller's name, which is 24 bytes that it chose. What is no part of
//! a span: arguments, results, texts of errors, addresses, tokens, people, and names of sessions,
//! which open them.
//!
//! Read in this order: `asked.rs` (a request, from its head to its answer), `span.rs`, `export.rs`
//! (how spans leave: never in anybody's way), `otlp.rs`.

mod asked;
mod export;
mod otlp;
mod span;

use std::time::Instant;

use portcullis_config::serve::Traces as Written;
use portcullis_policy::ServerName;
use portcullis_wire::trace::{self, Said, TraceParent};
use portcullis_wire::{Id, Request, Revision};
use tokio::sync::mpsc::Sender;

pub(crate) use asked::{Asked, UnderWay};
pub(crate) use export::Exporter;
use span::{Span, Value};

use crate::fault::Fault;
use crate::telemetry::{self, Metrics};
use crate::{dice, traces::export::QUEUE};

/// Where spans go.
#[derive(Clone, Debug)]
pub(crate) struct Traces {
    to: Sender<Span>,
    per_million: u32,
    metrics: Metrics,
}

/// What the head of a request says, for its span.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    pub(crate) server: &'a ServerName,
    /// What it says of whose child it is, where the message says nothing.
    pub(crate) parent: Option<&'a str>,
    pub(crate) revision: Option<Revision>,
    /// Of HTTP.
    pub(crate) version: &'static str,
    /// Below it.
    pub(crate) transport: &'static str,
    pub(crate) began: Instant,
}

/// A request that came in, before a session hears of it.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    traces: Traces,
    trace: [u8; 16],
    parent: Option<[u8; 8]>,
    /// The span of the request.
    door: [u8; 8],
    /// The one of its way to the server, which is the server's parent.
    way: [u8; 8],
    server: ServerName,
    method: &'static str,
    began: Instant,
    attributes: Vec<(&'static str, Value)>,
}

impl Traces {
    /// Spans go to this collector, from a thread of their own.
    ///
    /// # Errors
    /// When there can be no such thread, or the address has no reading.
    pub(crate) fn begin(written: &Written, metrics: &Metrics) -> Result<(Self, Exporter), Fault> {
        let (to, spans) = tokio::sync::mpsc::channel(QUEUE);
        let exporter = Exporter::begin(&written.endpoint, spans, metrics.clone())?;
        let traces = Self { to, per_million: written.per_million, metrics: metrics.clone() };
        Ok((traces, exporter))
    }

    /// A request came in: its server learns whose child it is, and there is a span of it, if its
    /// caller keeps the trace, or nobody said and the dice say so.
    pub(crate) fn opens(&self, request: &mut Request, head: Head<'_>) -> Option<Box<Opening>> {
        let said = trace::said(request);
        let parent = match said {
            Said::Parent(parent) => Some(parent),
            // What does not have its form is for a control to see, and to leave out.
            Said::Misfit => None,
            Said::Nothing => head.parent.and_then(TraceParent::parse),
        };
        // A request without a span is better than none.
        let (fresh, [door, way]) = names().ok()?;
        let name = parent.map_or(fresh, |parent| parent.trace);
        let sampled = parent.map_or_else(|| self.keeps(&fresh), |parent| parent.sampled);
        if said != Said::Misfit {
            trace::set(request, &TraceParent { trace: name, span: way, sampled });
        }
        let method = telemetry::method(&request.method);
        sampled.then(|| {
            Box::new(Opening {
                traces: self.clone(),
                trace: name,
                parent: parent.map(|parent| parent.span),
                door,
                way,
                server: head.server.clone(),
                method,
                began: head.began,
                attributes: attributes(request, method, &head),
            })
        })
    }

    /// By the name of the trace alone, as others who see it would.
    fn keeps(&self, trace: &[u8; 16]) -> bool {
        let [.., a, b, c, d] = *trace;
        let drawn = (u64::from(u32::from_be_bytes([a, b, c, d])) * 1_000_000) >> 32;
        drawn < u64::from(self.per_million)
    }

    /// A span is over. Where there is no room for it, it is counted and nobody waits.
    fn over(&self, span: Span) {
        if self.to.try_send(span).is_err() {
            self.metrics.count(&telemetry::SPANS_DROPPED, &["queue_full"]);
        }
    }
}

/// Names for a trace and two spans.
fn names() -> Result<([u8; 16], [[u8; 8]; 2]), Fault> {
    let [a, b] = dice::two()?;
    let [c, d] = dice::two()?;
    let mut trace = [0; 16];
    trace
        .iter_mut()
        .zip(a.to_be_bytes().into_iter().chain(b.to_be_bytes()))
        .for_each(|(byte, rolled)| *byte = rolled);
    Ok((trace, [c.to_be_bytes(), d.to_be_bytes()]))
}

fn attributes(
    request: &Request,
    method: &'static str,
    head: &Head<'_>,
) -> Vec<(&'static str, Value)> {
    let mut all = vec![
        ("mcp.method.name", Value::Word(method)),
        ("portcullis.server", Value::Text(head.server.to_string())),
        ("network.transport", Value::Word(head.transport)),
        ("network.protocol.name", Value::Word("http")),
        ("network.protocol.version", Value::Word(head.version)),
    ];
    if let Some(id) = shown(&request.id) {
        all.push(("jsonrpc.request.id", Value::Text(id)));
    }
    if let Some(revision) = head.revision {
        all.push(("mcp.protocol.version", Value::Word(revision.as_str())));
    }
    all
}

/// An id that can be nothing else: a number, or a UUID. Any other text is its client's own.
fn shown(id: &Id) -> Option<String> {
    let is_uuid = |text: &str| {
        let groups: Vec<usize> = text.split('-').map(str::len).collect();
        let hex = |byte: u8| byte == b'-' || byte.is_ascii_hexdigit();
        groups == [8, 4, 4, 4, 12] && text.bytes().all(hex)
    };
    match id {
        Id::Number(number) => Some(number.to_string()),
        Id::Text(text) => Some(text.clone()).filter(|text| is_uuid(text)),
    }
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn opens(traces: &Traces, parent: Option<&str>) -> Option<Box<Opening>> {
        let id = Id::Number(1);
        let mut request = Request { id, method: "tools/list".to_owned(), params: None };
        let server = ServerName::new("files").unwrap();
        let head = Head {
            server: &server,
            parent,
            revision: None,
            version: "1.1",
            transport: "tcp",
            began: Instant::now(),
        };
        let opening = traces.opens(&mut request, head);
        let Said::Parent(told) = trace::said(&request) else { panic!("{request:?}") };
        assert_eq!(told.sampled, opening.is_some(), "its server does as we do");
        opening
    }

    fn traces(per_million: u32) -> (Traces, tokio::sync::mpsc::Receiver<Span>) {
        let (to, spans) = tokio::sync::mpsc::channel(QUEUE);
        (Traces { to, per_million, metrics: Metrics::default() }, spans)
    }

    #[test]
    fn a_queue_that_is_full_is_in_nobodys_way() {
        let (traces, mut spans) = traces(1_000_000);
        for _ in 0..QUEUE + 7 {
            let opening = opens(&traces, None).unwrap();
            Asked::turned_away(*opening, StatusCode::FORBIDDEN, None);
        }
        let text = traces.metrics.text(&[]);
        let counted = "portcullis_spans_dropped_total{reason=\"queue_full\"} 7\n";
        assert!(text.contains(counted), "{text}");
        let mut all = Vec::new();
        while let Ok(span) = spans.try_recv() {
            all.push(span);
        }
        assert_eq!(all.len(), QUEUE);
        let longest = all.chunks(512).map(|batch| otlp::body(batch.to_vec()).len()).max();
        assert!(longest.unwrap() < 1 << 20, "a batch is small: {longest:?}");
    }

    #[test]
    fn a_ratio_is_of_those_who_say_nothing() {
        let many = |per_million, parent| {
            let (traces, _spans) = traces(per_million);
            (0..4000).filter(|_| opens(&traces, parent).is_some()).count()
        };
        assert_eq!((many(0, None), many(1_000_000, None)), (0, 4000));
        assert!((800..1200).contains(&many(250_000, None)), "seven deviations");
        let unkept = PARENT.replace("-01", "-00");
        assert_eq!((many(0, Some(PARENT)), many(1_000_000, Some(&unkept))), (4000, 0));
    }

    #[test]
    fn an_id_that_can_be_a_text_is_not_shown() {
        let uuid = "0b9e0b3c-6a55-4e0b-9d2e-3f5f4f1c2a77";
        let text = |text: &str| shown(&Id::Text(text.to_owned()));
        assert_eq!(shown(&Id::Number(-7)).as_deref(), Some("-7"));
        assert_eq!(text(uuid).as_deref(), Some(uuid));
        for other in ["7", "Bearer abc", &uuid.replace('b', "z"), &format!("{uuid}-"), ""] {
            assert_eq!(text(other), None, "{other}");
        }
    }
}
