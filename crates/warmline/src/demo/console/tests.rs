use std::sync::atomic::{AtomicU32, Ordering};

use axum::{
    Json, Router,
    extract::{RawQuery, State},
    http::HeaderMap,
    response::IntoResponse,
    routing::{get, post},
};
use serde_json::Value;
use tokio::{net::TcpListener, time::timeout};

use super::*;
use crate::demo::feed::{Listener, Told};

/// What is waited for comes at once; a busy machine gets much more.
const WITHIN: Duration = Duration::from_secs(20);

/// A console that knows one password. One more passes before each stream, which ends at once; who does
/// not ask for what passed before hears nothing. The process of the first three streams ends with them.
struct Fake {
    password: String,
    streams: AtomicU32,
}

/// Streams of the first process.
const OF_FIRST: u32 = 3;

async fn login(State(fake): State<Arc<Fake>>, Json(body): Json<Value>) -> impl IntoResponse {
    if body["password"] != fake.password.as_str() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let cookies = [
        (header::SET_COOKIE, "console=in; Path=/; HttpOnly"),
        (header::SET_COOKIE, "browser=known; Path=/"),
    ];
    let mut answer = Json(json!({})).into_response();
    for (name, value) in cookies {
        answer.headers_mut().append(name, value.parse().unwrap());
    }
    answer
}

fn passage(at: u32, seq: u32) -> String {
    format!(r#"{{"seq":{seq},"at":"2026-01-01T00:00:0{at}.000Z"}}"#)
}

async fn stream(
    State(fake): State<Arc<Fake>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> impl IntoResponse {
    if headers.get(header::COOKIE).is_none_or(|cookie| cookie != "console=in; browser=known") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let number = fake.streams.fetch_add(1, Ordering::SeqCst) + 1;
    let began = if number > OF_FIRST { OF_FIRST } else { 0 };
    let asked = query.as_deref() == Some("after=0");
    let passed = (began + 1..=number).filter(|_| asked);
    let passed = passed.map(|at| format!("event: passage\ndata: {}\n\n", passage(at, at - began)));
    format!("event: other\ndata: no\n\n{}", passed.collect::<String>()).into_response()
}

async fn fake(password: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let state = Arc::new(Fake { password: password.to_owned(), streams: AtomicU32::new(0) });
    let router = Router::new()
        .route("/console/api/login", post(login))
        .route("/console/api/feed", get(stream))
        .with_state(state);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn next(page: &mut Listener) -> Told {
    let next = timeout(WITHIN, page.next()).await.expect("something is told");
    next.expect("the feed lives").told
}

#[tokio::test]
async fn what_passes_is_read_once_over_every_end_of_a_stream_and_of_the_gateway() {
    let mut console = Console::new(([127, 0, 0, 1], 9).into()).unwrap();
    console.origin = format!("http://{}", fake(console.password.expose_secret()).await);
    let feed = Arc::new(Feed::new());
    let mut page = feed.listen(None);
    // How things stood.
    next(&mut page).await;
    next(&mut page).await;
    let reading = tokio::spawn(console.follow(feed));
    for (at, seq) in [(1, 1), (2, 2), (3, 3), (4, 1), (5, 2)] {
        assert_eq!(next(&mut page).await, Told::Link(Link::Open));
        assert_eq!(next(&mut page).await, Told::Passage(passage(at, seq).into()));
        assert_eq!(next(&mut page).await, Told::Link(Link::Waiting));
    }
    reading.abort();
}

#[tokio::test]
async fn a_console_that_refuses_is_told_apart_from_a_gateway_that_is_away() {
    let mut console = Console::new(([127, 0, 0, 1], 9).into()).unwrap();
    console.origin = format!("http://{}", fake("another password").await);
    assert_eq!(console.read(&Feed::new(), &mut Place::default()).await, Nothing::Refused);
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    console.origin = format!("http://{closed}");
    assert_eq!(console.read(&Feed::new(), &mut Place::default()).await, Nothing::Away);
}

#[tokio::test]
async fn the_hash_that_the_gateway_gets_is_of_the_password_and_does_not_hold_it() {
    let console = Console::new(([127, 0, 0, 1], 9).into()).unwrap();
    let hash = console.hash().await.unwrap();
    assert!(
        hash.starts_with("$argon2id$v=19$") && !hash.contains(console.password.expose_secret())
    );
    assert!(PasswordHash::parse(&hash).unwrap().is_of(&console.password).unwrap());
}
