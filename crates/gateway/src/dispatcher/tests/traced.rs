//! What a traced delivery sends along and tells of itself.

use super::*;
use crate::trace::{Context, Sampling, Span, Spans, Tracing, Value};

/// A conversation whose session has an id like a real one.
const CHAT: &str = "0197f3a20b4c7d1e9a3c5e7f01234567";

async fn traced() -> (Desk, Spans) {
    let mut desk = Desk::new().await;
    let (tracing, spans) = Tracing::on(desk.bed.clock.clone(), Sampling::default());
    desk.dispatcher.tracing = tracing;
    (desk, spans)
}

fn ended(spans: &mut Spans) -> Vec<Span> {
    let mut ended = Vec::new();
    spans.take(&mut ended, 99);
    ended
}

fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| &*span.name).collect()
}

fn written(span: &Span) -> String {
    Context { trace: span.trace, span: span.id, sampled: true }.to_string()
}

#[tokio::test]
async fn a_traced_request_is_the_same_at_every_attempt_but_for_its_header() {
    let (desk, mut spans) = traced().await;
    desk.bed.says(CHAT, "agent").await;
    desk.instance.fails(1);
    assert_eq!(desk.drain_to_the_end(CHAT).await, 1);
    let [first, second] = &desk.instance.requests()[..] else { panic!("two requests") };
    assert_eq!(first, second);
    let spans = ended(&mut spans);
    assert_eq!(names(&spans), ["attempt ask", "attempt ask", "deliver ask"]);
    let [failed, done, delivery] = &spans[..] else { panic!("three spans") };
    assert_eq!(first["clientVariables"]["traceparent"], written(delivery));
    assert_eq!(desk.instance.traces(), [written(failed), written(done)]);
    assert_eq!((failed.failed, done.failed), (Some("server_error"), None));
    assert_eq!([failed.parent, done.parent], [Some(delivery.id); 2]);
    assert_eq!(delivery.trace.get(), u128::from_str_radix(CHAT, 16).unwrap());
    let waited = |span: &Span| {
        let waited = span.attributes.iter().find(|(name, _)| *name == "delivery.waited_ms");
        waited.map(|(_, value)| value.clone())
    };
    assert_eq!(waited(failed), Some(Value::Number(0)));
    assert!(matches!(waited(done), Some(Value::Number(ms)) if ms > 0), "{:?}", waited(done));
}

#[tokio::test]
async fn what_is_struck_ends_without_an_attempt() {
    let (desk, mut spans) = traced().await;
    desk.bed.says(CHAT, "agent").await;
    desk.bed.says(CHAT, "cancel").await;
    desk.drain_to_the_end(CHAT).await;
    let told = ended(&mut spans);
    assert_eq!(names(&told), ["deliver ask", "attempt end", "deliver end"]);
    assert_eq!(told[0].failed, Some("struck"));
}
