use std::sync::atomic::{AtomicU32, Ordering};

use axum::{
    Json, Router,
    extract::State,
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

/// A console that knows one password and ends every stream after one passage.
struct Fake {
    password: String,
    streams: AtomicU32,
}

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

async fn stream(State(fake): State<Arc<Fake>>, headers: HeaderMap) -> impl IntoResponse {
    if headers.get(header::COOKIE).is_none_or(|cookie| cookie != "console=in; browser=known") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let number = fake.streams.fetch_add(1, Ordering::SeqCst) + 1;
    format!("event: other\ndata: no\n\nevent: passage\ndata: {{\"seq\":{number}}}\n\n")
        .into_response()
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
    timeout(WITHIN, page.next()).await.expect("something is told").expect("the feed lives")
}

#[tokio::test]
async fn what_passes_is_read_over_every_end_of_the_gateway() {
    let mut console = Console::new(([127, 0, 0, 1], 9).into()).unwrap();
    console.origin = format!("http://{}", fake(console.password.expose_secret()).await);
    let feed = Arc::new(Feed::new());
    let mut page = feed.listen();
    // How things stood.
    next(&mut page).await;
    next(&mut page).await;
    let reading = tokio::spawn(console.follow(feed));
    for expected in [
        Told::Link(Link::Open),
        Told::Passage(r#"{"seq":1}"#.into()),
        Told::Link(Link::Waiting),
        Told::Link(Link::Open),
        Told::Passage(r#"{"seq":2}"#.into()),
    ] {
        assert_eq!(next(&mut page).await, expected);
    }
    reading.abort();
}

#[tokio::test]
async fn a_console_that_refuses_is_told_apart_from_a_gateway_that_is_away() {
    let mut console = Console::new(([127, 0, 0, 1], 9).into()).unwrap();
    console.origin = format!("http://{}", fake("another password").await);
    assert_eq!(console.read(&Feed::new()).await, Nothing::Refused);
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    console.origin = format!("http://{closed}");
    assert_eq!(console.read(&Feed::new()).await, Nothing::Away);
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
