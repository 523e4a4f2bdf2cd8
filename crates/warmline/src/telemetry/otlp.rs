//! From the gateway's spans to OpenTelemetry's, and the HTTP client that carries them: ours, so that
//! there is one TLS provider in the house.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use gateway::trace::{Kind, Span, Value};
use http::{Request, Response};
use http_body_util::Full;
use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use tokio::time::Instant;

/// The largest answer of a receiver that is read, in bytes. It says how many spans were refused.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Whose spans they are, as receivers show it.
const SCOPE: &str = "warmline";

/// A span as the exporter takes it.
pub(super) fn span_data(span: Span) -> SpanData {
    let trace = span.trace.get();
    let mut links = SpanLinks::default();
    let link = span.link.map(|(trace, id)| Link::with_context(context(trace.get(), id.get())));
    links.links.extend(link);
    SpanData {
        span_context: context(trace, span.id.get()),
        parent_span_id: span
            .parent
            .map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.get().to_be_bytes())),
        parent_span_is_remote: span.from_afar,
        span_kind: match span.kind {
            Kind::Server => SpanKind::Server,
            Kind::Client => SpanKind::Client,
            Kind::Producer => SpanKind::Producer,
            Kind::Internal => SpanKind::Internal,
        },
        name: span.name,
        start_time: time(span.began),
        end_time: time(span.ended),
        attributes: span.attributes.into_iter().map(attribute).collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links,
        status: span.failed.map_or(Status::Unset, Status::error),
        instrumentation_scope: InstrumentationScope::builder(SCOPE)
            .with_version(env!("CARGO_PKG_VERSION"))
            .build(),
    }
}

fn context(trace: u128, span: u64) -> SpanContext {
    let (trace, span) = (trace.to_be_bytes(), span.to_be_bytes());
    let (trace, span) = (TraceId::from_bytes(trace), SpanId::from_bytes(span));
    SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::NONE)
}

fn time(nanos: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos)
}

fn attribute((name, value): (&'static str, Value)) -> KeyValue {
    match value {
        Value::Text(text) => KeyValue::new(name, text),
        Value::Number(number) => KeyValue::new(name, number),
    }
}

/// A client for the receiver: the same as for everything else that goes out.
#[derive(Debug)]
pub(super) struct OurClient {
    client: outbound::HttpClient,
    within: Duration,
}

impl OurClient {
    /// Fails when the machine has no root certificates.
    pub(super) fn new(within: Duration) -> std::io::Result<Self> {
        Ok(Self { client: outbound::HttpClient::new()?, within })
    }
}

#[async_trait]
impl HttpClient for OurClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (request, deadline) = (request.map(Full::new), Instant::now() + self.within);
        let answer = self.client.request_up_to(ANSWER_BYTES_MAX, request, deadline).await?;
        let mut response = Response::new(answer.body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }
}
