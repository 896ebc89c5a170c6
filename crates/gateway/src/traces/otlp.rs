//! Spans as OTLP has them: the one place that knows it. The messages are those of
//! `opentelemetry-proto`, generated from the specification's own files.

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{self as proto, ResourceSpans, ScopeSpans, Status};
use prost::Message as _;

use super::span::{Kind, Span, Value};

/// How bodies are written.
pub(super) const KIND: &str = "application/x-protobuf";
/// What spans are from. Which version runs here is nobody's business.
const NAME: &str = "portcullis";
/// Of the flags of a span: it is kept; it is known whether its parent is remote; it is.
const SAMPLED: u32 = 0x1;
const IS_KNOWN: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// The body that brings them.
pub(super) fn body(spans: Vec<Span>) -> Vec<u8> {
    let name = KeyValue {
        key: "service.name".to_owned(),
        value: Some(any(Value::Word(NAME))),
        ..KeyValue::default()
    };
    let scope = InstrumentationScope { name: NAME.to_owned(), ..InstrumentationScope::default() };
    let spans = spans.into_iter().map(span).collect();
    let scoped = ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes: vec![name], ..Resource::default() }),
            scope_spans: vec![scoped],
            ..ResourceSpans::default()
        }],
    };
    request.encode_to_vec()
}

/// How many of them a collector did not want, as its answer says.
pub(super) fn rejected(answer: &[u8]) -> u64 {
    let said = ExportTraceServiceResponse::decode(answer).ok();
    let partial = said.and_then(|said| said.partial_success);
    partial.map_or(0, |partial| u64::try_from(partial.rejected_spans).unwrap_or(0))
}

fn span(span: Span) -> proto::Span {
    let remote = if span.parent.is_some() && span.parent_is_remote { IS_REMOTE } else { 0 };
    let status = span.failed.then(|| Status {
        code: StatusCode::Error.into(),
        // What went wrong is in `error.type`: a text could be somebody's.
        message: String::new(),
    });
    let kind = match span.kind {
        Kind::Server => SpanKind::Server,
        Kind::Client => SpanKind::Client,
    };
    proto::Span {
        trace_id: span.trace.to_vec(),
        span_id: span.id.to_vec(),
        parent_span_id: span.parent.map(|parent| parent.to_vec()).unwrap_or_default(),
        flags: SAMPLED | IS_KNOWN | remote,
        name: span.name,
        kind: kind.into(),
        start_time_unix_nano: span.began,
        end_time_unix_nano: span.ended.max(span.began),
        attributes: span.attributes.into_iter().map(attribute).collect(),
        status,
        ..proto::Span::default()
    }
}

fn attribute((key, value): (&'static str, Value)) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any(value)), ..KeyValue::default() }
}

fn any(value: Value) -> AnyValue {
    AnyValue {
        value: Some(match value {
            Value::Word(word) => Any::StringValue(word.to_owned()),
            Value::Text(text) => Any::StringValue(text),
            Value::Number(number) => Any::IntValue(number),
            Value::Words(words) => Any::ArrayValue(ArrayValue {
                values: words.into_iter().map(|word| any(Value::Text(word))).collect(),
            }),
        }),
    }
}
