//! The name of a span on its way from process to process (W3C Trace Context, level 1), which MCP
//! carries in `_meta` (SEP-414).

use std::fmt;

use crate::json::{Json, Object};
use crate::message::Request;

/// `_meta` member, and header: whose child the receiver is.
pub const TRACEPARENT: &str = "traceparent";
/// `_meta` member: what tracing systems say to each other beside it.
pub const TRACESTATE: &str = "tracestate";

/// A span that something is done for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// What belongs together has this name.
    pub trace: [u8; 16],
    /// The span.
    pub span: [u8; 8],
    /// Whether whoever began it keeps it.
    pub sampled: bool,
}

impl TraceParent {
    /// Reads `00-` 32 digits `-` 16 digits `-` 2 digits: small hexadecimal, no name of zeros (3.2).
    /// A later version may have more parts; this one has four.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut next = || parts.next().unwrap_or_default();
        let (version, trace, span, flags) = (next(), next(), next(), next());
        let [flags] = digits::<1>(flags)?;
        let read = Self { trace: digits(trace)?, span: digits(span)?, sampled: flags & 1 == 1 };
        let is_named = read.trace != [0; 16] && read.span != [0; 8];
        (version == "00" && is_named && parts.next().is_none()).then_some(read)
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("00-")?;
        self.trace.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("-")?;
        self.span.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, "-{:02x}", u8::from(self.sampled))
    }
}

/// What a request says of whose child it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// Something that does not have its form.
    Misfit,
    /// This.
    Parent(TraceParent),
}

/// What a request's `_meta` says of whose child it is.
pub fn said(request: &Request) -> Said {
    let meta = request.params.as_ref().and_then(Json::object);
    let meta = meta.and_then(|params| params.get("_meta").and_then(Json::object));
    let Some(written) = meta.as_ref().and_then(|meta| meta.get(TRACEPARENT)) else {
        return Said::Nothing;
    };
    let parent = written.as_text().and_then(|text| TraceParent::parse(&text));
    parent.map_or(Said::Misfit, Said::Parent)
}

/// Makes a request the child of this span. A state that came without a parent is nobody's, and does
/// not become this one's.
pub fn set(request: &mut Request, parent: &TraceParent) {
    let was_said = said(request) != Said::Nothing;
    let params = match &request.params {
        Some(params) => params.object(),
        None => Some(Object::new()),
    };
    // What is no object here is refused by whoever reads it.
    let Some(mut params) = params else { return };
    let meta = match params.get("_meta") {
        Some(meta) => meta.object(),
        None => Some(Object::new()),
    };
    let Some(mut meta) = meta else { return };
    if !was_said {
        meta.remove(TRACESTATE);
    }
    meta.set(TRACEPARENT, Json::string(&parent.to_string()));
    params.set("_meta", meta.to_json());
    request.params = Some(params.to_json());
}

fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let small = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * N {
        return None;
    }
    let mut read = [0; N];
    for (byte, pair) in read.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = small(*high)? << 4 | small(*low)?;
    }
    Some(read)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::message::Id;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn request(params: Option<serde_json::Value>) -> Request {
        let params = params.map(|params| Json::from_value(&params));
        Request { id: Id::Number(1), method: "tools/call".to_owned(), params }
    }

    #[test]
    fn what_is_read_is_written_again() {
        let read = TraceParent::parse(PARENT).unwrap();
        assert_eq!((read.to_string().as_str(), read.sampled), (PARENT, true));
        assert!(!TraceParent::parse(&PARENT.replace("-01", "-00")).unwrap().sampled);
        // Flags that this version does not know are not passed on (3.2.2.5).
        let flags = TraceParent::parse(&PARENT.replace("-01", "-fb")).unwrap();
        assert_eq!(flags.to_string(), PARENT);
        for text in [
            "",
            "00-1-2-3",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0é",
        ] {
            assert_eq!(TraceParent::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_request_becomes_a_child_and_nothing_else_of_it_changes() {
        let parent = TraceParent::parse(PARENT).unwrap();
        let with = |params| {
            let mut request = request(params);
            set(&mut request, &parent);
            request.params.map(|params| params.value())
        };
        let meta = json!({"_meta": {"traceparent": PARENT}});
        assert_eq!(with(None), Some(meta.clone()));
        assert_eq!(with(Some(json!({"_meta": {"traceparent": "x"}}))), Some(meta.clone()));
        let orphan = json!({"_meta": {"tracestate": "a=1"}});
        assert_eq!(with(Some(orphan)), Some(meta), "its state was nobody's");
        let other = PARENT.replace('a', "b");
        let theirs = json!({"name": "x", "_meta": {"traceparent": other, "tracestate": "a=1"}});
        let ours = json!({"name": "x", "_meta": {"traceparent": PARENT, "tracestate": "a=1"}});
        assert_eq!(with(Some(theirs)), Some(ours));
        assert_eq!(with(Some(json!({"_meta": 7}))), Some(json!({"_meta": 7})));
        assert_eq!(said(&request(Some(json!({"_meta": {"traceparent": 7}})))), Said::Misfit);
    }
}
