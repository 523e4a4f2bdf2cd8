//! A small OTLP receiver: takes spans over HTTP as protobuf, and gives them back as trees.

use std::{collections::BTreeMap, fmt::Write, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, header},
    routing::post,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};

use crate::process::WITHIN;

/// A span as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(super) trace: String,
    pub(super) id: String,
    /// Empty for the first of a trace.
    pub(super) parent: String,
    pub(crate) name: String,
    pub(super) attributes: BTreeMap<String, String>,
    /// The traces it is linked to.
    pub(super) links: Vec<String>,
    /// The machine code of its failure.
    pub(super) failed: Option<String>,
    pub(super) began: u64,
    pub(super) ended: u64,
    /// What the process that made it says of itself.
    pub(super) process: BTreeMap<String, String>,
}

/// What arrived, and what came with it.
#[derive(Debug, Default)]
struct Arrived {
    spans: Vec<Seen>,
    authorization: Vec<String>,
}

/// A receiver that listens until it is dropped.
pub(crate) struct Receiver {
    pub(crate) address: String,
    arrived: watch::Receiver<Arrived>,
    listening: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        Self::at("127.0.0.1:0").await
    }

    pub(super) async fn at(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (arrive, arrived) = watch::channel(Arrived::default());
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::new(arrive));
        let listening = tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        Self { address, arrived, listening }
    }

    /// Waits until what arrived is as asked for, and gives back all of it.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let mut arrived = self.arrived.clone();
        let held = timeout(WITHIN, arrived.wait_for(|arrived| holds(&arrived.spans))).await;
        let held = held.is_ok_and(|listening| listening.is_ok());
        let spans = self.spans();
        assert!(held, "in vain: {what}; arrived:\n{}", forest(&spans));
        spans
    }

    pub(crate) fn spans(&self) -> Vec<Seen> {
        self.arrived.borrow().spans.clone()
    }

    /// The `Authorization` of every request.
    pub(super) fn authorization(&self) -> Vec<String> {
        self.arrived.borrow().authorization.clone()
    }
}

async fn take(
    State(arrive): State<Arc<watch::Sender<Arrived>>>,
    headers: HeaderMap,
    body: Bytes,
) -> ([(header::HeaderName, &'static str); 1], Vec<u8>) {
    assert_eq!(headers[header::CONTENT_TYPE], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let authorization = headers.get(header::AUTHORIZATION);
    arrive.send_modify(|arrived| {
        arrived.authorization.extend(authorization.map(|text| text.to_str().unwrap().to_owned()));
        for resource in request.resource_spans {
            let process = attributes(&resource.resource.unwrap_or_default().attributes);
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                arrived.spans.push(seen(span, process.clone()));
            }
        }
    });
    let protobuf = [(header::CONTENT_TYPE, "application/x-protobuf")];
    (protobuf, ExportTraceServiceResponse::default().encode_to_vec())
}

fn seen(span: Span, process: BTreeMap<String, String>) -> Seen {
    let status = span.status.unwrap_or_default();
    Seen {
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        name: span.name,
        attributes: attributes(&span.attributes),
        links: span.links.iter().map(|link| hex(&link.trace_id)).collect(),
        failed: (status.code == 2).then_some(status.message),
        began: span.start_time_unix_nano,
        ended: span.end_time_unix_nano,
        process,
    }
}

fn attributes(pairs: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => panic!("{other:?} is neither text nor a number"),
    };
    let pair = |pair: &KeyValue| {
        let value = pair.value.as_ref().and_then(|value| value.value.as_ref());
        (pair.key.clone(), value.map(text).unwrap_or_default())
    };
    pairs.iter().map(pair).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The spans of one trace.
pub(super) fn of_trace(spans: &[Seen], trace: &str) -> Vec<Seen> {
    spans.iter().filter(|span| span.trace == trace).cloned().collect()
}

/// The names of a trace's spans as a tree, one a line, the same whatever order they came in. A span
/// whose parent is neither there nor a caller's is marked as an orphan.
pub(super) fn tree(spans: &[Seen], caller: &str) -> String {
    let there = |id: &str| spans.iter().any(|span| span.id == id);
    let mut trees: Vec<_> = spans
        .iter()
        .filter(|span| !there(&span.parent))
        .map(|span| {
            let known = span.parent.is_empty() || span.parent == caller;
            let mark = if known { "" } else { "orphan: " };
            format!("{mark}{}", branch(spans, span, 0))
        })
        .collect();
    trees.sort();
    trees.concat()
}

fn branch(spans: &[Seen], span: &Seen, depth: usize) -> String {
    let children = spans.iter().filter(|child| child.parent == span.id);
    let mut below: Vec<_> = children.map(|child| branch(spans, child, depth + 1)).collect();
    below.sort();
    format!("{}{}\n{}", "  ".repeat(depth), span.name, below.concat())
}

/// Every trace there is.
fn forest(spans: &[Seen]) -> String {
    let traces: std::collections::BTreeSet<_> = spans.iter().map(|span| &span.trace).collect();
    let drawn = traces.into_iter().map(|t| format!("{t}\n{}", tree(&of_trace(spans, t), "")));
    drawn.collect()
}
