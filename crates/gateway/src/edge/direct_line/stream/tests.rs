use std::{
    pin::Pin,
    sync::Mutex,
    task::{Context, Poll},
};

use bot_framework::direct_line::{TokenParameters, token::Purpose};
use session::id::BotId;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::*;
use crate::{
    app::PageRules,
    bed::{self, Bed},
    current::Current,
    edge::{
        callers::Callers,
        direct_line::DirectLine,
        doors::{Doors, Site},
    },
    wakes::Typist,
};

/// The far end of a socket, seen from the gateway: takes nothing in before `stuck_until`.
struct FakeSocket {
    heard: mpsc::UnboundedReceiver<Message>,
    sent: Arc<Mutex<Vec<Message>>>,
    stuck_until: Instant,
}

impl futures_util::Stream for FakeSocket {
    type Item = Result<Message, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.heard.poll_recv(cx).map(|message| message.map(Ok))
    }
}

impl Sink<Message> for FakeSocket {
    type Error = axum::Error;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        if Instant::now() < self.stuck_until { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), axum::Error> {
        self.sent.lock().unwrap().push(message);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        Poll::Ready(Ok(()))
    }
}

/// A conversation in which something was said, a stream of it, and the client's side.
struct Scene {
    bed: Bed,
    edge: Arc<Edge>,
    stream: Stream<FakeSocket>,
    sent: Arc<Mutex<Vec<Message>>>,
    client: mpsc::UnboundedSender<Message>,
}

impl Scene {
    async fn new(stuck_for: Duration) -> Self {
        let bed = Bed::new();
        bed.says("c1", "hello").await;
        let edge = Arc::new(edge(&bed));
        let claims = Claims {
            conversation: "c1".to_owned(),
            user: Some("c1".to_owned()),
            name: None,
            origins: Vec::new(),
            site: "t/b".to_owned(),
            reader: None,
            purpose: Purpose::Stream,
            issued_at: 0,
            expires_at: 0,
            id: String::new(),
        };
        let log = edge.log_of(&claims, &HeaderMap::new()).await.unwrap().unwrap();
        let reading = edge.reading(&claims).await.unwrap();
        let (client, heard) = mpsc::unbounded_channel();
        let sent = Arc::default();
        let stuck_until = Instant::now() + stuck_for;
        let stream = Stream {
            socket: FakeSocket { heard, sent: Arc::clone(&sent), stuck_until },
            after: Watermark::START,
            hints: edge.wakes.subscribe(log.id),
            _present: edge.presence.attend(log.id),
            place: edge.direct_line.streams.take("c1").unwrap(),
            _open: edge.open_streams.token(),
            ticket: edge.mint(&claims, Purpose::Stream, 60),
            edge: Arc::clone(&edge),
            log,
            reading,
        };
        Self { bed, edge, stream, sent, client }
    }
}

fn edge(bed: &Bed) -> Edge {
    let files = bed.files();
    Edge {
        media: bed.media(&files, std::collections::HashMap::new()),
        gaps: Arc::new(crate::gaps::Gaps::new([])),
        engine: bed.engine.clone(),
        store: Arc::clone(&bed.store) as Arc<dyn store::Store>,
        vault: Arc::clone(&bed.vault),
        clock: bed.clock.clone(),
        wakes: Arc::clone(&bed.wakes),
        language: crate::notices::Language::English,
        doors: Current::new(Doors {
            callers: Callers::new(bed.vault.mac_key("callers").unwrap()),
            wordings: Vec::new(),
            sites: vec![Site {
                tenant: bed::tenant(),
                bot: BotId::new("b").unwrap(),
                pages: PageRules::default(),
            }],
            masks: std::collections::HashMap::new(),
            rates: std::collections::HashMap::new(),
            proxies: crate::network::Proxies::default(),
            public_url: None,
        }),
        direct_line: DirectLine::new(&bed.vault, bed.message_keys(), bed.clock.now()).unwrap(),
        bots: Current::new(crate::behind::Bots::new(crate::bot::BuiltInBots::new(
            crate::bot::BuiltInBot::help_desk().unwrap(),
        ))),
        channels: Current::new(crate::channel::Channels::default()),
        handles: crate::behind::Handles::of(&bed.vault).unwrap(),
        files,
        observer: Arc::clone(&bed.observer),
        presence: Arc::default(),
        measures: crate::edge::rates::Measures::default(),
        complaints: crate::edge::messages::Complaints::default(),
        besides: crate::edge::messages::Besides::default(),
        console: None,
        audit: bed.audit(),
        tracing: crate::trace::Tracing::default(),
        stopping: CancellationToken::new(),
        open_streams: TaskTracker::new(),
    }
}

/// A conversation that waits for an agent, its stream, and presence at work.
async fn waiting_scene() -> (Scene, Presently) {
    let scene = Scene::new(Duration::ZERO).await;
    scene.bed.says("c1", "agent").await;
    scene.bed.hears("c1", vec![session::News::Queued]).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(Arc::clone(&scene.edge.presence).run(
        Arc::clone(&scene.bed.store) as Arc<dyn store::Store>,
        scene.bed.engine.clone(),
        stop.clone(),
    ));
    (scene, Presently { stop, running })
}

/// Presence at work.
struct Presently {
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

/// Waits until the conversation's deadline is this long after the beginning.
async fn deadline_is(bed: &Bed, minutes: i64) {
    let wanted = Some(session::id::Timestamp(bed::START.0 + minutes * 60_000));
    for _ in 0..1_000 {
        if store::Store::next_deadline(&*bed.store).unwrap() == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        bed::breath_of(bed).await;
    }
    panic!("the deadline is not {minutes} minutes after the beginning");
}

#[tokio::test(start_paused = true)]
async fn a_user_is_away_when_their_last_stream_closed_and_back_when_one_is_opened() {
    let (Scene { bed, edge, stream, client, .. }, presence) = waiting_scene().await;
    let reading = tokio::spawn(stream.run());
    deadline_is(&bed, 30).await;
    drop(client);
    reading.await.unwrap();
    deadline_is(&bed, 10).await;
    let again = edge.presence.attend(bed.row("c1").id);
    deadline_is(&bed, 30).await;
    drop(again);
    presence.stop.cancel();
    presence.running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_page_that_polls_is_there_for_a_minute_after_each_call() {
    let (Scene { bed, edge, stream, .. }, presence) = waiting_scene().await;
    drop(stream);
    deadline_is(&bed, 10).await;
    let site = edge.doors.get().sites[0].clone();
    let bound = edge.binding(&site, "c1".to_owned(), TokenParameters::default()).unwrap();
    let claims = Claims { user: Some("c1".to_owned()), ..bound };
    let mut headers = axum::http::HeaderMap::new();
    let token = format!("Bearer {}", edge.mint(&claims, Purpose::Token, 3_600));
    headers.insert("authorization", token.parse().unwrap());
    let began = Instant::now();
    let reading = crate::edge::direct_line::conversations::Reading { watermark: None };
    let polled = crate::edge::direct_line::log::read(
        State(Arc::clone(&edge)),
        Ok(Path("c1".to_owned())),
        Ok(Query(reading)),
        headers,
    );
    assert_eq!(polled.await.unwrap().status(), 200);
    deadline_is(&bed, 30).await;
    deadline_is(&bed, 10).await;
    assert!(began.elapsed() >= Duration::from_mins(1), "{:?}", began.elapsed());
    presence.stop.cancel();
    presence.running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn streams_that_close_because_the_gateway_stops_make_nobody_go_away() {
    let (Scene { bed, edge, stream, client, .. }, presence) = waiting_scene().await;
    let reading = tokio::spawn(stream.run());
    deadline_is(&bed, 30).await;
    edge.stopping.cancel();
    presence.stop.cancel();
    reading.await.unwrap();
    presence.running.await.unwrap();
    tokio::time::sleep(Duration::from_mins(5)).await;
    deadline_is(&bed, 30).await;
    drop(client);
}

/// The code of the closing frame, if one was sent.
fn closed_with(sent: &Mutex<Vec<Message>>) -> Option<u16> {
    match sent.lock().unwrap().last() {
        Some(Message::Close(Some(frame))) => Some(frame.code),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_silent_for_five_minutes_is_gone_however_much_it_is_sent() {
    let Scene { bed, edge, stream, client, .. } = Scene::new(Duration::ZERO).await;
    let began = Instant::now();
    let running = tokio::spawn(stream.run());
    let mut turns = tokio::time::interval(KEEP_ALIVE / 3);
    while !running.is_finished() {
        turns.tick().await;
        edge.wakes.wake(bed.row("c1").id, Hint::Typing { who: Typist::Agent(None), on: true });
        assert!(began.elapsed() < SILENT_MAX * 2, "it never ends");
    }
    assert!(began.elapsed() > SILENT_MAX);
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_told_to_try_again_later() {
    let Scene { stream, sent, client, .. } = Scene::new(SEND_WITHIN + CLOSE_WITHIN / 2).await;
    let began = Instant::now();
    stream.run().await;
    assert_eq!(closed_with(&sent), Some(1013));
    assert_eq!(sent.lock().unwrap().len(), 1, "nothing after a gap");
    assert!(began.elapsed() <= SEND_WITHIN + CLOSE_WITHIN);
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn a_stopping_gateway_sends_its_streams_away_and_can_wait_for_them() {
    let Scene { edge, stream, sent, client, .. } = Scene::new(Duration::ZERO).await;
    let running = tokio::spawn(stream.run());
    edge.open_streams.close();
    assert!(!edge.open_streams.is_empty());
    edge.stopping.cancel();
    edge.open_streams.wait().await;
    running.await.unwrap();
    assert_eq!(closed_with(&sent), Some(1012));
    assert!(
        matches!(sent.lock().unwrap().first(), Some(Message::Text(set)) if set.contains("hello"))
    );
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_the_key_that_signed_its_ticket_and_is_sent_nothing_more() {
    let Scene { bed, edge, stream, sent, client } = Scene::new(Duration::ZERO).await;
    let running = tokio::spawn(stream.run());
    let writes = || {
        edge.wakes.wake(bed.row("c1").id, Hint::Typing { who: Typist::Agent(None), on: true });
    };
    let shown = || {
        let sent = sent.lock().unwrap();
        sent.iter()
            .filter(|one| matches!(one, Message::Text(text) if text.contains("typing")))
            .count()
    };
    let old = bed.vault.current();
    bed.vault.take(bed.vault.with_new_root(1).unwrap().unwrap());
    writes();
    while shown() == 0 && !running.is_finished() {
        bed::breath_of(&bed).await;
    }
    assert_eq!(shown(), 1, "a rotation ends no stream");
    bed.vault.take(bed.vault.without_root(old).unwrap());
    writes();
    running.await.unwrap();
    assert_eq!(closed_with(&sent), Some(1008));
    assert_eq!(shown(), 1);
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_ends_at_its_next_turn_after_its_key_is_retired() {
    let Scene { bed, stream, sent, client, .. } = Scene::new(Duration::ZERO).await;
    let began = Instant::now();
    let old = bed.vault.current();
    bed.vault.take(bed.vault.with_new_root(1).unwrap().unwrap());
    bed.vault.take(bed.vault.without_root(old).unwrap());
    stream.run().await;
    assert_eq!(closed_with(&sent), Some(1008));
    assert!(began.elapsed() <= KEEP_ALIVE);
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn a_stopping_gateway_does_not_wait_long_for_a_reader_that_is_stuck() {
    let Scene { edge, stream, client, .. } = Scene::new(SILENT_MAX).await;
    let began = Instant::now();
    edge.stopping.cancel();
    stream.run().await;
    assert_eq!(began.elapsed(), CLOSE_WITHIN);
    drop(client);
}

/// What a page sends with each call.
fn bearing(edge: &Edge, claims: &Claims) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let token = format!("Bearer {}", edge.mint(claims, Purpose::Token, 3_600));
    headers.insert("authorization", token.parse().unwrap());
    headers.insert("host", "127.0.0.1".parse().unwrap());
    headers
}

#[tokio::test]
async fn a_page_that_polls_keeps_polling_while_the_store_cannot_be_read() {
    use crate::edge::direct_line::{conversations::Reading, log::read};
    let Scene { bed, edge, .. } = Scene::new(Duration::ZERO).await;
    let site = edge.doors.get().sites[0].clone();
    let bound = edge.binding(&site, "c1".to_owned(), TokenParameters::default()).unwrap();
    let headers = bearing(&edge, &Claims { user: Some("c1".to_owned()), ..bound });
    let poll = |watermark: &str| {
        let reading = Reading { watermark: Some(watermark.to_owned()) };
        read(
            State(Arc::clone(&edge)),
            Ok(Path("c1".to_owned())),
            Ok(Query(reading)),
            headers.clone(),
        )
    };
    bed.store.set(bed::Fault::Unreadable);
    let answer = poll("1").await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (200, &"1".parse().unwrap())
    );
    let body = axum::body::to_bytes(answer.into_body(), 1_000).await.unwrap();
    assert_eq!(body, r#"{"activities":[],"watermark":"1"}"#, "the page keeps its own");
    bed.store.set(bed::Fault::None);
    let answer = poll("").await.unwrap();
    let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
    assert!(String::from_utf8_lossy(&body).contains("hello"));
}

#[tokio::test(start_paused = true)]
async fn a_page_that_polls_too_fast_keeps_polling_from_where_it_was() {
    use crate::edge::direct_line::{conversations::Reading, log::read};
    let Scene { bed: _bed, edge, .. } = Scene::new(Duration::ZERO).await;
    let site = edge.doors.get().sites[0].clone();
    let bound = edge.binding(&site, "c1".to_owned(), TokenParameters::default()).unwrap();
    let claims = Claims { user: Some("c1".to_owned()), ..bound };
    let headers = bearing(&edge, &claims);
    let poll = async |watermark: Option<&str>| {
        let reading = Reading { watermark: watermark.map(ToOwned::to_owned) };
        let path = Ok(Path("c1".to_owned()));
        let answer = read(State(Arc::clone(&edge)), path, Ok(Query(reading)), headers.clone());
        let answer = answer.await.unwrap();
        let at_once = !answer.headers().contains_key("retry-after");
        assert_eq!(answer.status(), 200);
        let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
        (at_once, String::from_utf8(body.to_vec()).unwrap())
    };
    while edge.page(&headers, "c1").is_ok() {}
    for (watermark, body) in
        [(None, r#"{"activities":[]}"#), (Some("1"), r#"{"activities":[],"watermark":"1"}"#)]
    {
        assert_eq!(poll(watermark).await, (false, body.to_owned()));
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    let (at_once, body) = poll(None).await;
    assert!(at_once && body.contains("hello"), "{body}");
}

#[tokio::test]
async fn a_page_can_start_while_nothing_can_be_written() {
    use crate::edge::direct_line::conversations::start;
    let Scene { bed, edge, .. } = Scene::new(Duration::ZERO).await;
    let site = edge.doors.get().sites[0].clone();
    let claims = edge.binding(&site, "c2".to_owned(), TokenParameters::default()).unwrap();
    let headers = bearing(&edge, &claims);
    bed.store.set(bed::Fault::Full);
    let begin = || start(State(Arc::clone(&edge)), headers.clone(), axum::body::Body::empty());
    let (status, answer) = begin().await.unwrap();
    assert_eq!(status.as_u16(), 201);
    assert!(answer.0.stream_url.is_some_and(|url| url.contains("/c2/stream?watermark=0&t=")));
    assert!(
        edge.log_of(&claims, &HeaderMap::new()).await.unwrap().is_none(),
        "nothing was written"
    );
    bed.store.set(bed::Fault::None);
    assert_eq!(begin().await.unwrap().0.as_u16(), 201);
    assert!(edge.log_of(&claims, &HeaderMap::new()).await.unwrap().is_some());
}
