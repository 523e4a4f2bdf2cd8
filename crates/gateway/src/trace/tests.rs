use axum::http::StatusCode;
use session::id::{EffectNumber, Timestamp};

use super::{context::Context, delivery::Note, *};

fn ended(spans: &mut Spans) -> Vec<Span> {
    let mut ended = Vec::new();
    spans.take(&mut ended, usize::MAX);
    ended
}

fn on(sampling: Sampling) -> (Tracing, Spans) {
    Tracing::on(Clock::manual(Timestamp(1_767_225_600_000)), sampling)
}

fn headers(traceparent: &str) -> HeaderMap {
    [(http("traceparent"), traceparent.parse().unwrap())].into_iter().collect()
}

fn http(name: &'static str) -> axum::http::HeaderName {
    axum::http::HeaderName::from_static(name)
}

const THEIRS: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn a_traceparent_is_read_as_it_is_written() {
    let context = Context::parse(THEIRS).unwrap();
    assert_eq!(context.to_string(), THEIRS);
    assert!(context.sampled);
    let later = Context::parse(&format!("01{}-more", &THEIRS[2..])).unwrap();
    assert_eq!(later, context, "a later version begins like ours");
    assert!(!Context::parse(&format!("{}00", &THEIRS[..53])).unwrap().sampled);
    for wrong in [
        "",
        "00",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
        "+0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e47ää-00f067aa0ba902b7-01",
    ] {
        assert_eq!(Context::parse(wrong), None, "{wrong:?}");
    }
}

#[test]
fn a_chats_trace_has_the_digits_of_its_session() {
    let id = SessionId::new("ses_0197f3a20b4c7d1e9a3c5e7f01234567").unwrap();
    let chat = Context::of_chat(&id).unwrap();
    assert_eq!(chat.to_string(), "00-0197f3a20b4c7d1e9a3c5e7f01234567-9a3c5e7f01234567-01");
    assert_eq!(Context::of_chat(&SessionId::new("ses_1").unwrap()), None);
}

#[test]
fn a_note_brings_a_delivery_back_to_its_place() {
    let parent = Context::parse(THEIRS).unwrap();
    let note = Note::under(parent);
    let read = Note::read(&note.to_bytes()).unwrap();
    assert_eq!(read, note);
    for wrong in [&b""[..], &[1; 32], &[1; 34], &[0; 33]] {
        assert!(Note::read(wrong).is_none(), "{} bytes", wrong.len());
    }
    // Without a note it is the same at every attempt, and another for every effect.
    let known = |number| Note::of_chat(parent, EffectNumber(number));
    assert_eq!(known(1), known(1));
    assert_ne!(known(1), known(2));
}

#[test]
fn a_callers_trace_goes_on_and_a_request_of_nobodys_begins_one() {
    let (tracing, mut spans) = on(Sampling::default());
    tracing.request("POST", "/a", &headers(THEIRS)).unwrap().answered(StatusCode::OK);
    tracing.request("POST", "/a", &headers("nonsense")).unwrap().answered(StatusCode::OK);
    let [theirs, own] = &ended(&mut spans)[..] else { panic!("two spans") };
    let parent = Context::parse(THEIRS).unwrap();
    assert_eq!((theirs.trace, theirs.parent), (parent.trace, Some(parent.span)));
    assert!(theirs.from_afar);
    assert_eq!((own.parent, own.from_afar), (None, false));
    assert_ne!(own.trace, theirs.trace);
}

#[test]
fn what_a_caller_does_not_record_is_not_recorded_and_stays_so_on_its_way() {
    let unsampled = format!("{}00", &THEIRS[..53]);
    let (tracing, mut spans) = on(Sampling::default());
    let request = tracing.request("POST", "/a", &headers(&unsampled)).unwrap();
    let context = request.context();
    assert!(!context.sampled);
    let note = tracing.note(Some(context)).unwrap();
    assert!(note.ends_with(&[0]), "the outbox knows it, too");
    request.answered(StatusCode::OK);
    assert_eq!(ended(&mut spans), []);
    // Unless the operator wants no caller to decide.
    let (tracing, mut spans) = on(Sampling::default().deaf_to_callers());
    tracing.request("POST", "/a", &headers(&unsampled)).unwrap().answered(StatusCode::OK);
    assert_eq!(ended(&mut spans).len(), 1);
}

#[test]
fn a_callback_joins_what_it_brought_back_else_its_chat() {
    let (tracing, mut spans) = on(Sampling::default());
    let session = SessionId::new("ses_0197f3a20b4c7d1e9a3c5e7f01234567").unwrap();
    for brought in [Some(THEIRS), Some("nonsense"), None] {
        let mut callback = tracing.callback("/hook").unwrap();
        callback.joins(brought, Some(&session));
        callback.answered(StatusCode::OK);
    }
    let chat = Context::of_chat(&session).unwrap();
    let theirs = Context::parse(THEIRS).unwrap();
    let spans = ended(&mut spans);
    let places: Vec<_> = spans.iter().map(|span| (span.trace, span.parent.unwrap())).collect();
    assert_eq!(places[0], (theirs.trace, theirs.span));
    assert_eq!(places[1..], [(chat.trace, chat.span), (chat.trace, chat.span)]);
    let links: Vec<_> = spans.iter().map(|span| span.link).collect();
    assert_eq!(
        links,
        [Some((chat.trace, chat.span)), None, None],
        "a chat needs no link to itself"
    );
}

#[test]
fn a_share_of_traces_is_taken_by_their_ids() {
    let half = Sampling::share(0.5).unwrap();
    let (low, high) = (TraceId::new(1 << 100).unwrap(), TraceId::new((1 << 56) - 1).unwrap());
    assert!(!half.takes(low) && half.takes(high));
    let none = Sampling::share(0.0).unwrap();
    assert!(!none.takes(low) && !none.takes(high));
    let all = Sampling::share(1.0).unwrap();
    assert!(all.takes(low) && all.takes(high));
    let taken = (0..10_000).filter(|_| half.takes(TraceId::fresh())).count();
    assert!((4_000..6_000).contains(&taken), "{taken}");
}

#[test]
fn spans_that_find_no_room_are_counted_and_hold_nobody_up() {
    let (tracing, mut spans) = on(Sampling::default());
    for _ in 0..SPANS_WAITING_MAX + 3 {
        tracing.callback("/hook").unwrap().answered(StatusCode::OK);
    }
    assert_eq!(spans.take_lost(), 3);
    assert_eq!(spans.take_lost(), 0, "told once");
    assert_eq!(ended(&mut spans).len(), SPANS_WAITING_MAX);
}

#[test]
fn switched_off_nothing_is_made() {
    let tracing = Tracing::default();
    assert!(tracing.request("POST", "/a", &headers(THEIRS)).is_none());
    assert!(tracing.callback("/hook").is_none());
    assert_eq!(tracing.note(Context::parse(THEIRS)), None);
    let session = SessionId::new("ses_0197f3a20b4c7d1e9a3c5e7f01234567").unwrap();
    assert_eq!(tracing.chat(Some(&session)), None);
}
